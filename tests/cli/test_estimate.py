"""``entmin estimate``, by the real command line: what it prints, what it refuses, what it takes from the task."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest

from entmin.engine.loading import load
from entmin.engine.prompts import encode_chat
from entmin.tasks.registry import benchmark

RUNS = Path(__file__).parents[2] / "runs"
MODEL = "Qwen/Qwen2.5-7B-Instruct"


def test_an_evaluation_in_words_and_as_json(entmin_here):
    line = [
        "estimate",
        MODEL,
        "--task",
        "arithmetic",
        "--methods",
        "normal,em_inf+self_consistency:n=4",
        "--price",
        "2",
    ]
    said = entmin_here(*line).stdout
    for part in (
        "7.62 billion parameters; 56 KiB of cache a token",
        "arithmetic: 500 problems, prompts of 9 to 55 tokens",
        "1 x NVIDIA H100 SXM 80 GB: 1 replica of tensor-parallel size 1, 64 answers in flight",
        "em_inf+self_consistency: ",
        "at 2 per GPU hour",
        "NVIDIA data sheet",
        "--answer-tokens says it",
    ):
        assert part in said, said
    found = json.loads(entmin_here(*line, "--json").stdout)
    assert found["parameters"] == 7_615_616_512 and found["fits"] and found["tensor_parallel"] == 1
    assert found["kv_bytes_per_token"] == 28 * 2 * 4 * 128 * 2
    assert found["seconds"][0] < found["seconds"][1]
    assert found["money"] == [pytest.approx(2 / 3600 * end) for end in found["seconds"]]
    parts = [part for mode in found["modes"].values() for part in mode.values()]
    sums = [found["start_seconds"][end] + sum(part[end] for part in parts) for end in (0, 1)]
    assert found["seconds"] == [pytest.approx(end) for end in sums]


def test_what_does_not_fit_is_said_with_what_does(entmin_here):
    done = entmin_here("estimate", "meta-llama/Llama-3.1-70B-Instruct", "--task", "arithmetic", code=1)
    assert "does not fit: the weights alone are 131 GiB, 1 x NVIDIA H100 SXM 80 GB has 80" in done.stdout
    assert "the smallest tensor-parallel size that does is 2 (--gpus 2)" in done.stdout
    line = ["estimate", "meta-llama/Llama-3.1-70B-Instruct", "--task", "arithmetic", "--json"]
    found = json.loads(entmin_here(*line, code=1).stdout)
    assert (found["fits"], found["tensor_parallel"], found["seconds"]) == (False, 2, None)
    entmin_here(*line, "--gpus", "2")


def test_prompts_are_counted_with_the_models_tokenizer(entmin_here, tiny_llama):
    task = benchmark("arithmetic")
    problems, profile, loaded = task.load(size=40).problems, next(iter(task.prompts.values())), load(str(tiny_llama))
    turns = [[{"role": role, "content": text} for role, text in profile.turns(problem)] for problem in problems]
    mean = fmean(len(encode_chat(loaded, one)) for one in turns)
    line = ["estimate", tiny_llama, "--task", "arithmetic", "-T", "size=40", "--json"]
    (task,) = json.loads(entmin_here(*line).stdout)["tasks"]
    assert task["prompt_tokens"] == [pytest.approx(mean)] * 2 and task["problems"] == 40
    assert "tokenizer" in task["how"]
    (without,) = json.loads(entmin_here(*["estimate", MODEL, *line[2:]]).stdout)["tasks"]
    characters = fmean(sum(len(text) for _, text in profile.turns(problem)) for problem in problems)
    assert without["prompt_tokens"] == [pytest.approx(characters / 5), pytest.approx(characters / 3 + 40)]


def test_a_task_whose_data_are_not_here_has_its_number_of_problems(entmin):
    found = json.loads(entmin("estimate", MODEL, "--task", "gsm8k", "--json", ENTMIN_DATA="").stdout)
    (task,) = found["tasks"]
    assert task["problems"] == 1319 and "assumed" in task["how"]


def test_training_has_the_memory_of_the_dry_run_and_a_time(entmin_here):
    file = RUNS / "math" / "em-rl-token.yaml"
    model, common = "Qwen/Qwen2.5-Math-7B", ["--config", file, "--gpus", "4"]
    found = json.loads(entmin_here("estimate", model, "--train", "em-rl", *common, "--gpu", "gh200", "--json").stdout)
    dry = entmin_here("train", "em-rl", model, *common, "--dry-run").stdout
    assert f"about {found['memory_bytes_per_gpu']['total'] / 2**30:.1f} GiB" in dry
    assert found["steps"] == 272 and found["fits"] and found["gpus"] == 5  # one with the vLLM server
    assert set(found["step_seconds"]) == {"rollouts", "weights", "passes", "optimiser"}
    step = [sum(part[end] for part in found["step_seconds"].values()) for end in (0, 1)]
    assert found["seconds"] == [pytest.approx(272 * end) for end in step]
    said = entmin_here("estimate", model, "--train", "em-rl", *common, "--gpu", "gh200", "--price", "4").stdout
    assert "all 272 steps: " in said and "at 4 per GPU hour" in said


def test_a_vllm_server_of_training_is_as_wide_as_the_model_needs(entmin_here):
    line = ["estimate", "Qwen/Qwen2.5-72B", "--train", "em-rl", "--set", "rollouts=vllm", "--set", "batch_size=64"]
    said = entmin_here(*line, "--gpus", "32", "--set", "gradient_checkpointing=true").stdout
    assert "34 x NVIDIA H100 SXM 80 GB, 2 of them for vLLM servers" in said


def test_rollouts_drawn_ahead_and_passes_take_the_time_of_the_longer(entmin_here):
    line = ["estimate", "Qwen/Qwen2.5-Math-7B", "--train", "em-rl", "--config", RUNS / "math" / "em-rl-token.yaml"]
    more = ["--gpus", "4", "--gpu", "gh200", "--set", "rollouts_ahead=1"]
    found = json.loads(entmin_here(*line, *more, "--json").stdout)
    parts = found["step_seconds"]
    passes = [parts["passes"][end] + parts["optimiser"][end] for end in (0, 1)]
    step = [parts["weights"][end] + max(parts["rollouts"][end], passes[end]) for end in (0, 1)]
    assert found["seconds"] == [pytest.approx(found["steps"] * end) for end in step]
    assert "rollouts beside passes and optimiser" in entmin_here(*line, *more).stdout


def test_training_that_does_not_fit_says_on_how_many_gpus_it_does(entmin_here):
    line = ["estimate", "Qwen/Qwen2.5-Math-7B", "--train", "em-ft", "--set", "batch_size=64", "--set", "micro_batch=2"]
    done = entmin_here(*line, code=1)
    assert "does not fit: the smallest number of GPUs that does is 4; lora" in done.stdout
    entmin_here(*line, "--gpus", "4")
    assert "one step: " in entmin_here(*line, "--set", "lora=true").stdout


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("estimate owner/unheard-of", "give a local folder with its config.json"),
        ("estimate Qwen/Qwen3-8B --gpu h10", "did you mean 'h100'"),
        ("estimate Qwen/Qwen3-8B --train em-lr", "did you mean 'em-rl'"),
        ("estimate Qwen/Qwen3-8B --train em-rl --task gsm8k", "--task: the estimate of training does not read it"),
        ("estimate Qwen/Qwen3-8B --set n=8", "--set: the estimate of evaluation does not read it; add --train"),
        ("estimate Qwen/Qwen3-8B --engine transformers --gpus 2", "take --engine vllm"),
        ("estimate Qwen/Qwen3-8B --methods em_inv", "em_inf"),
        ("estimate Qwen/Qwen3-14B --engine transformers --gpu l4 --task arithmetic", "does not fit on this device"),
        ("estimate Qwen/Qwen3-8B --task inspect_evals/gpqa", "only benchmarks of entmin"),
    ],
)
def test_what_cannot_be_estimated_says_why(entmin_here, line, message):
    done = entmin_here(*line.split(), code=2)
    assert message in done.stderr and not done.stdout


def test_this_machine_is_measured(entmin_here, tiny_llama):
    """The order of magnitude of a CPU: above a hundredth and below a hundred times what is common."""
    found = json.loads(
        entmin_here("estimate", tiny_llama, "--task", "arithmetic", "--limit", "8", "--gpu", "this", "--json").stdout
    )
    assert found["engine"] == "transformers" and found["in_flight_per_replica"] == 8
    rates = found["assumptions"][0]
    assert "measured just now" in rates and "this CPU, 1 threads" in rates
    assert 0.01 < found["seconds"][0] < 100


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("qwen3-8b", "Qwen/Qwen3-8B"),
        ("mine/Qwen2.5-7b-instruct", MODEL),
        ("smollm2-135", "smollm2-135m"),
        ("owner/unknown", None),
    ],
)
def test_an_unknown_name_is_told_the_nearest_and_where_the_names_are(entmin_here, asked, near):
    said = entmin_here("estimate", asked, code=2).stderr
    assert (f"(did you mean {near!r}?)" in said) if near else ("did you mean" not in said)
    assert "`entmin list models`" in said and len(said) < 200, said
    if near:
        assert near in [row["name"] for row in json.loads(entmin_here("list", "models", "--json").stdout)]
