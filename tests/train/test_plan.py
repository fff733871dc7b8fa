"""The dry run, and the published runs as configurations."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from transformers import AutoModelForCausalLM

from entmin.errors import UsageError
from entmin.estimates.known import sizes_of
from entmin.train.config import TrainConfig
from entmin.train.plan import launch_command, plan
from entmin.train.reading import load_config, parse_settings
from tests import tiny

RUNS = sorted(path for task in ("math", "code") for path in (Path(__file__).parents[2] / "runs" / task).glob("*.yaml"))


def test_there_is_a_run_for_every_row_of_the_table():
    rows = {"sft", "rloo", "grpo", "em-ft", "em-ft-kl-n1", "em-ft-kl-n4", "em-rl-sequence", "em-rl-token"}
    assert {path.stem for path in RUNS if path.parent.name == "math"} == rows | {"sc-rl"}
    assert {path.stem for path in RUNS if path.parent.name == "code"} == rows


@pytest.mark.parametrize("path", RUNS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_published_run_passes_a_dry_run(entmin_here, path):
    settings = yaml.safe_load(path.read_text())
    done = entmin_here("train", settings["method"], settings["model"], "--config", path, "--dry-run", "--gpus", "4")
    shown = dict(line.strip().split(": ", 1) for line in done.stdout.splitlines() if re.match(r"  \w+: ", line))
    for name, value in settings.items():
        assert shown[name] == str(value)
    assert "7.62 billion parameters" in done.stdout
    assert "accelerate launch --num_processes 4" in done.stdout
    assert "--fsdp_state_dict_type FULL_STATE_DICT" in done.stdout
    (total,) = re.findall(r"at its limit of [^:]*: about ([\d.]+) GiB", done.stdout)
    assert 30 < float(total) < 96  # the published runs had four GPUs of 96 GB
    # The published numbers of prompts, samples and tokens, whatever else a row says.
    published = {"learning_rate": "1e-06", "max_tokens": "3072", "max_prompt_tokens": "1024"}
    assert {name: shown[name] for name in published} == published
    if settings["method"] != "sft":
        assert int(shown["limit"]) == (35_000 if path.parent.name == "math" else 25_000)
        assert int(shown["batch_size"]) * int(shown["updates_per_rollout"]) == 512
    assert not (entmin_here.folder / "out").exists()


def test_the_dry_run_names_the_command_with_what_was_set(entmin):
    done = entmin("train", "em-ft", "smollm2-135m", "--dry-run", "--max-steps", "2", "--set", "precision=bf16")
    assert "0.13 billion parameters" in done.stdout
    assert "length: 2 steps of 16 prompts x 1 samples" in done.stdout
    command = done.stdout.splitlines()[-1].strip()
    assert command == "entmin train em-ft smollm2-135m --set max_steps=2 --set precision=bf16"


def test_planning_needs_no_torch(entmin):
    code = (
        "import sys; from entmin.train.reading import load_config; from entmin.train.plan import describe, plan\n"
        "config = load_config(None, {'method': 'em-ft', 'model': 'smollm2-135m'}); describe(config, plan(config))\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env=entmin.environment, check=True)


def test_adapter_parameters_are_counted_as_peft_makes_them(tmp_path):
    from peft import LoraConfig, get_peft_model

    folder = tiny.save(tmp_path / "qwen2", "qwen2")
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(folder),
        LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert sizes_of(str(folder)).adapter_parameters(4) == trained


def config(**settings):
    return TrainConfig(**{"method": "em-rl", "model": "Qwen/Qwen2.5-Math-7B", "batch_size": 64, **settings})


def test_memory_follows_its_formulas():
    one, four = plan(config(), 1), plan(config(), 4)
    parameters = 7_615_616_512
    assert one.memory["weights"] == 4 * parameters == 4 * four.memory["weights"]
    assert one.memory["optimiser"] == 8 * parameters
    assert one.memory["reference"] == 4 * parameters
    assert (one.memory["gathered layers"], four.memory["gathered layers"] > 0) == (0, True)
    assert plan(config(kl=0)).memory["reference"] == 0
    # 28 layers, 4 kv heads of 128, keys and values of 2 bytes, 32 sequences of 1152 tokens.
    assert one.memory["KV cache"] == 28 * 4 * 128 * 2 * 2 * 32 * 1152
    assert plan(config(rollouts="vllm")).memory["KV cache"] == 0
    lora = plan(config(lora=True))
    assert lora.memory["optimiser"] == 8 * lora.trained < one.memory["optimiser"] / 100
    assert lora.memory["reference"] == lora.memory["sampling copy"] == 0
    checkpointed = plan(config(gradient_checkpointing=True)).memory["activations"]
    assert checkpointed < one.memory["activations"] / 5
    assert plan(config(micro_batch=4)).memory["activations"] * 2 == one.memory["activations"]


def test_what_is_not_alive_together_is_not_added():
    """Gradients come as activations go, unless those of an earlier micro-batch wait."""
    settings = {"model": "Qwen/Qwen2.5-0.5B-Instruct", "batch_size": 2, "n": 4, "precision": "fp32", "device": "cpu"}
    once, split = (plan(config(**settings, micro_batch=size)) for size in (8, 4))
    fixed = sum(once.memory[name] for name in ("weights", "optimiser", "reference"))
    assert once.total - fixed == once.memory["activations"] + once.memory["head"] > once.memory["gradients"]
    assert split.total - fixed == sum(split.memory[name] for name in ("activations", "head", "gradients"))


def test_the_head_holds_a_tile_of_answer_tokens():
    vocabulary, width = 152_064, 3584
    gradient = 4 * vocabulary * width
    assert plan(config(micro_batch=2)).memory["head"] == 2 * 256 * 32_768 + gradient
    assert plan(config(micro_batch=64, max_tokens=3072)).memory["head"] == 2 * 1024 * 32_768 + gradient
    assert plan(config(micro_batch=2, lora=True)).memory["head"] == 2 * 256 * 32_768
    assert plan(config(micro_batch=2, lora=True, device="cpu")).memory["head"] == (2 + 8 * 4) * 256 * 32_768


def test_half_precision_keeps_converted_weights_and_norms_in_single():
    assert plan(config()).memory["converted weights"] == 2 * 7_615_616_512
    for settings in ({"lora": True}, {"precision": "fp32"}):
        assert plan(config(**settings)).memory["converted weights"] == 0
    # Of a token and layer: two norms of 3584 with 10 bytes a unit, 28 + 4 heads of 128 twice, 4 x 18944 of 2 bytes.
    assert plan(config(micro_batch=1)).memory["activations"] == 1152 * 28 * (
        20 * 3584 + 2 * (2 * 32 * 128 + 4 * 18_944)
    )


def test_the_machine_holds_the_weights_once():
    """Loaded by one process, the reference beside them in the precision of products; later both moments, collected."""
    parameters = 7_615_616_512
    assert plan(config(), 1).host == 8 * parameters
    assert plan(config(kl=0), 1).host == 4 * parameters
    assert plan(config(), 8).host == 8 * parameters
    assert plan(config(rollouts="vllm", lora=True), 4).host == 4 * parameters
    assert plan(config(lora=True), 4).host == 2 * parameters
    assert plan(config(), 8).memory["reference"] == 2 * parameters // 8
    assert plan(config(precision="fp32"), 8).memory["sampling copy"] == 4 * parameters


def test_the_page_has_the_command_that_is_printed():
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    assert f"\n    {launch_command(TrainConfig(method='em-rl', model='MODEL', batch_size=128), 4)}\n" in page


def test_operations_are_the_papers():
    """Per token 8 P for EM-FT; for EM-RL with a reference 2 + 2 + 6 P, which the paper counts as 40 P for 4 samples."""
    parameters = 7_615_616_512
    assert plan(config(method="em-ft")).flops_per_step == 8 * parameters * 64 * 128
    assert plan(config()).flops_per_step == 10 * 4 * parameters * 64 * 128
    assert plan(config(max_steps=7)).steps == 7
    assert plan(config(data="numina")).steps == round(35_000 / 64)
    assert plan(config(data="some.jsonl")).steps is None


def test_the_command_repeats_what_was_set():
    chosen = config(n=8, data_options={"digits": 3}, report=())
    assert launch_command(chosen, 1) == (
        "entmin train em-rl Qwen/Qwen2.5-Math-7B --set 'data_options={\"digits\": 3}' --set batch_size=64 --set n=8 "
        "--set 'report=[]'"
    )


def test_the_command_holds_what_was_set_beside_a_file(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("n: 8\nlearning_rate: 1.0e-5\noutput: 2024.10\n")
    given = {"method": "em-rl", "model": "m", "learning_rate": 1e-4, "lora": True, "vllm_weights": "7"}
    chosen = load_config(file, given)
    command = shlex.split(launch_command(chosen, 1, str(file)))
    assert command[:6] == ["entmin", "train", "em-rl", "m", "--config", str(file)]
    assert command[7::2] == ["learning_rate=0.0001", "lora=true", 'vllm_weights="7"']
    again = load_config(file, {"method": "em-rl", "model": "m", **parse_settings(command[7::2])})
    assert again == chosen and chosen.output == "2024.10"


@pytest.mark.parametrize(
    ("settings", "gpus", "message"),
    [
        ({"model": "owner/unheard-of"}, 1, "give a local folder with its config.json"),
        ({}, 5, "cannot be divided among 5 GPUs"),
        ({"batch_size": 6, "micro_batch": 8}, 2, "12 samples per GPU cannot be split"),
        ({}, 0, "gpus must be at least 1"),
    ],
)
def test_what_cannot_be_planned_says_why(settings, gpus, message):
    with pytest.raises(UsageError, match=message):
        plan(config(**settings), gpus)


def test_the_length_of_a_run_is_in_whole_rollouts():
    asked = {"method": "em-rl", "model": "Qwen/Qwen2.5-0.5B-Instruct", "batch_size": 16, "limit": 100, "epochs": 1}
    planned = {
        updates: plan(TrainConfig(**asked, updates_per_rollout=updates, save_every=20)).steps for updates in (1, 4)
    }
    assert planned == {1: 6, 4: 8}
