"""What `entmin train --engine verl` would run, without veRL: arguments, refusals, data, and following a run."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from entmin.errors import EntminError, Interrupted, UsageError
from entmin.jsonl import read_rows
from entmin.train.config import TrainConfig
from entmin.train.reading import load_config
from entmin.train.verl.flags import arguments, flags
from entmin.train.verl.follow import follow
from entmin.train.verl.rows import read_rows as prompts_of

RUNS = Path(__file__).parents[2] / "runs" / "verl"
MODEL = "Qwen/Qwen2.5-Math-7B"
ACTOR = "actor_rollout_ref.actor"
OWN = "+trainer.v1.entmin_sync"


def config(**settings):
    return TrainConfig(**{"method": "em-rl", "model": MODEL, "engine": "verl", "output": "/runs/a", **settings})


def shown_flags(stdout):
    """The arguments in the printed command, by name."""
    command = stdout.partition("  python -m verl.trainer.main_ppo ")[2].partition("validated")[0].removesuffix("not ")
    return dict(word.split("=", 1) for word in shlex.split(command.replace("\\\n", " ")))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("em-rl",), {"algorithm.adv_estimator": "rloo", f"{OWN}.reward": "token-entropy"}),
        (("em-rl", "--reward", "sequence-logprob"), {f"{OWN}.reward": "sequence-logprob"}),
        (("em-rl", "--advantage", "grpo"), {"algorithm.adv_estimator": "grpo", f"{OWN}.reward": "token-entropy"}),
        (("em-ft",), {f"{OWN}.reward": "null", f"{ACTOR}.entropy_coeff": "-1.0", f"{ACTOR}.use_kl_loss": "false"}),
        (("rloo",), {"algorithm.adv_estimator": "rloo", f"{OWN}.reward": "null", f"{ACTOR}.entropy_coeff": "0.0"}),
        (("grpo",), {"algorithm.adv_estimator": "grpo", f"{OWN}.reward": "null"}),
    ],
)
def test_the_dry_run_prints_every_argument(entmin_here, args, expected):
    on = ("--engine", "verl", "--nodes", "2", "--gpus", "4", "--batch-size", "64", "--set", "updates_per_rollout=2")
    done = entmin_here("train", args[0], MODEL, *args[1:], *on, "--dry-run")
    found = shown_flags(done.stdout)
    published = {
        f"{ACTOR}.kl_loss_type": "low_var_kl",
        "algorithm.use_kl_in_reward": "false",
        f"{ACTOR}.loss_agg_mode": "token-mean",
        f"{ACTOR}.ppo_mini_batch_size": "64",
        "data.train_batch_size": "128",
        "trainer.nnodes": "2",
        "trainer.n_gpus_per_node": "4",
        "trainer.v1.trainer_mode": "entmin_sync",
        "actor_rollout_ref.model.path": MODEL,
    }
    assert {name: found[name] for name in published | expected} == published | expected
    assert "ray start --head" in done.stdout
    assert found["data.train_files"] == str(entmin_here.folder / "out" / "prompts.parquet")
    assert not (entmin_here.folder / "out").exists()


def test_without_verl_the_launch_is_one_friendly_line(entmin):
    """In the usual environment, which cannot hold veRL."""
    probe = [sys.executable, "-c", "import verl"]
    if not subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("veRL is here")
    done = entmin("train", "em-rl", "smollm2-135m", "--engine", "verl", code=2)
    assert done.stderr.startswith("error: entmin train --engine verl needs ")
    assert done.stderr.endswith("pip install 'entmin[verl]'\n") and done.stderr.count("\n") == 1
    assert not (entmin.folder / "out").exists()
    shown = entmin("train", "em-rl", "smollm2-135m", "--engine", "verl", "--dry-run").stdout
    assert "not validated: it needs " in shown and "pip install 'entmin[verl]'" in shown


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "sft"}, "sft has no counterpart"),
        ({"advantage": "rloo"}, "a ratio per token, not per completion: use advantage=published or grpo"),
        ({"reward": "majority"}, "no numbers at hand for the reward majority; rewards there: token-entropy"),
        ({"warmup_steps": 3, "updates_per_rollout": 2}, "warmup_steps must be a multiple of updates_per_rollout"),
        ({"rollouts": "transformers"}, "veRL draws samples with vLLM"),
        ({"schedule": "cosine"}, "only schedule=constant"),
        ({"precision": "fp32"}, "runs on veRL compute in bfloat16"),
        ({"prompt_format": "plain"}, "through the chat template"),
        ({"eval_every": 10}, "held-out problems are not asked"),
        ({"batch_size": 3}, "the 3 x 4 samples of a step cannot be divided among 8 GPUs"),
        ({"lora": True}, "lora has no meaning with engine=verl"),
        ({"vllm_url": "http://a:1"}, "vllm_url has no meaning"),
        ({"rollouts_ahead": 1}, "rollouts_ahead has no meaning"),
        ({"push_to_hub": "a/b"}, "push_to_hub has no meaning"),
    ],
)
def test_what_verl_would_not_do_is_refused(settings, message):
    with pytest.raises(UsageError) as told:
        flags(config(**settings), 1, 8)
    assert message in str(told.value)


def test_em_ft_by_sums_is_reduced_per_completion():
    assert flags(config(method="em-ft", reduction="sum"), 1, 1)[f"{ACTOR}.loss_agg_mode"] == "seq-mean-token-sum"
    assert flags(config(reduction="sum"), 1, 1)[f"{ACTOR}.loss_agg_mode"] == "token-mean"  # its reward is the sum


def test_options_of_verl_win_and_texts_are_quoted():
    chosen = config(
        engine_options={"trainer.project_name": "a b", f"{ACTOR}.clip_ratio": 0.3, "+x": [1, "it's", None, True]},
        chat_template_kwargs={"enable_thinking": False},
    )
    found = arguments(flags(chosen, 1, 1))
    assert "trainer.project_name='a b'" in found
    assert [one for one in found if one.startswith(f"{ACTOR}.clip_ratio=")] == [f"{ACTOR}.clip_ratio=0.3"]
    assert "+x=[1,'it\\'s',null,true]" in found
    assert "+data.apply_chat_template_kwargs.enable_thinking=false" in found


def test_several_nodes_without_verl_are_refused(entmin_here):
    done = entmin_here("train", "em-rl", "smollm2-135m", "--nodes", "2", "--dry-run", code=2)
    assert "--nodes is an option of --engine verl" in done.stderr


def test_there_is_a_configuration_for_one_eight_and_sixty_four_gpus(entmin_here):
    for name, nodes, gpus in (("1-gpu", 1, 1), ("8-gpus", 1, 8), ("64-gpus", 8, 8)):
        given = load_config(RUNS / f"{name}.yaml", {})
        where = ("--nodes", str(nodes), "--gpus", str(gpus))
        done = entmin_here("train", given.method, given.model, "--config", RUNS / f"{name}.yaml", *where, "--dry-run")
        found = shown_flags(done.stdout)
        assert (found["trainer.nnodes"], found["trainer.n_gpus_per_node"]) == (str(nodes), str(gpus))
        assert found["data.train_batch_size"] == str(given.batch_size * given.updates_per_rollout)
    assert found["actor_rollout_ref.rollout.tensor_model_parallel_size"] == "8"


# ---- data ----


def test_prompts_are_those_of_a_run_on_trl_in_its_order_and_without_labels(tiny_llama, tmp_path):
    from entmin.train.prompts import in_order, rows_to_train_on, training_prompts
    from tests import tiny

    settings = {"model": str(tiny_llama), "data_options": {"size": 10}, "batch_size": 4, "max_steps": 5}
    for method in ("em-rl", "rloo"):
        chosen = config(method=method, output=str(tmp_path / method), **settings)
        ours = training_prompts(chosen, rows_to_train_on(chosen), tiny.tokenizer(), 512).rows
        rows = prompts_of(chosen)
        rows.write(tmp_path / method)
        import pyarrow.parquet

        found = pyarrow.parquet.read_table(tmp_path / method / "prompts.parquet").to_pylist()
        ordered = in_order(ours, 20, chosen.seed)
        assert [row["prompt"] for row in found] == list(ordered["prompt"])
        assert [row["extra_info"]["id"] for row in found] == list(ordered["id"])
        assert [row["extra_info"]["index"] for row in found] == list(range(20))
        labels = [row["reward_model"]["ground_truth"] for row in found]
        assert labels == ([""] * 20 if method == "em-rl" else list(ordered["answer"]))
        assert (rows.steps, rows.opening.prompts) == (5, 10)


def test_the_reward_function_judges_labelled_answers_only():
    from entmin.train.verl.reward import score

    about = {"kind": "integer", "index": 0, "id": "a"}
    said = {"data_source": "entmin", "extra_info": about, "reward_router_address": None}
    assert score(solution_str="so it is \\boxed{12}", ground_truth="12", **said) == {"score": 1.0, "answer": "12"}
    assert score(solution_str="so it is \\boxed{13}", ground_truth="12", **said)["score"] == 0.0
    assert score(solution_str="so it is \\boxed{12}", ground_truth="", **said) == {"score": 0.0, "answer": "12"}
    assert score(solution_str="no idea", ground_truth="12", **said) == {"score": 0.0, "answer": ""}


# ---- a run as it goes on; a program that writes metrics stands where veRL's command does ----

STEPS = """
import json, sys, time
from pathlib import Path
folder, first, last, entropy = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
for step in range(first, last + 1):
    stopping = (folder / "stop").exists()
    row = {"step": step, "entmin/entropy": entropy ** step, "entmin/length": 10.0, "entmin/reward": -1.0,
           "entmin/reward_std": 0.5, "entmin/tokens": 40.0, "actor/kl_loss": 0.25, "timing_s/step": 2.0}
    with (folder / "verl.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\\n")
    if stopping:
        break
    time.sleep(float(sys.argv[5]))
print("the last words"); sys.exit(int(sys.argv[6]))
"""


def writer(folder, first, last, entropy=0.9, pause=0.0, code=0):
    return [sys.executable, "-c", STEPS, *map(str, (folder, first, last, entropy, pause, code))]


def test_metrics_become_curves_that_the_report_reads(tmp_path, entmin_here):
    run = tmp_path / "run"
    run.mkdir()
    chosen = config(updates_per_rollout=2, save_every=2, output=str(run))
    (run / "run.json").write_text(chosen.model_dump_json())
    follow(writer(run, 1, 3), run, chosen, 6)
    rows = read_rows(run / "curves.jsonl")
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert rows[2] == {
        "step": 6, "entropy": 0.9**3, "length": 10.0, "kl": 0.25, "reward": -1.0, "reward_std": 0.5, "tokens": 120.0,
        "seconds": 6.0,
    }  # fmt: skip
    assert json.loads((run / "watch.json").read_text())["last_step"] == 6
    follow(writer(run, 3, 4), run, chosen, 8)  # resumed from the checkpoint of its second step
    assert [row["step"] for row in read_rows(run / "curves.jsonl")] == [2, 4, 6, 8]
    assert read_rows(run / "curves.jsonl")[-1]["tokens"] == 160
    entmin_here("report", run, "--output", "page.html")
    page = (entmin_here.folder / "page.html").read_text()
    assert "8 steps of em-rl with reward token-entropy moved entropy" in page


def test_sums_over_tokens_become_nats_per_token_and_zero_rewards_no_curve(tmp_path):
    follow(writer(tmp_path, 1, 1), tmp_path, config(method="em-ft", reduction="sum", kl=0.1), 1)
    [row] = read_rows(tmp_path / "curves.jsonl")
    assert row["kl"] == 0.025 and "reward" not in row and "reward_std" not in row


def test_the_watch_ends_a_run_that_collapses(tmp_path, capfd):
    follow(writer(tmp_path, 1, 200, entropy=0.8, pause=0.05), tmp_path, config(watch="stop"), 200)
    found = json.loads((tmp_path / "watch.json").read_text())
    assert found["stopped_by"] == "entropy-floor" and found["last_step"] < 200
    assert "watch: step" in capfd.readouterr().err


def test_a_failure_shows_the_end_of_the_log(tmp_path):
    with pytest.raises(EntminError, match=r"veRL ended with exit code 3; .*verl.log ends with:\nthe last words"):
        follow(writer(tmp_path, 1, 1, code=3), tmp_path, config(), 1)


def test_ctrl_c_ends_a_run_after_its_next_step(tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.train.test_verl_command import config, writer\n"
        "from entmin.train.verl.follow import follow; folder = Path(sys.argv[1])\n"
        "follow(writer(folder, 1, 500, entropy=1.0, pause=0.2), folder, config(), 500)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stderr=subprocess.PIPE, text=True, env={**os.environ, "RAY": ""},
        cwd=Path(__file__).parents[2], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    while not (tmp_path / "curves.jsonl").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert "stopping after the next step, which is saved" in said
    assert Interrupted.__name__ in said and "--resume goes on from the newest checkpoint" in said
    assert 0 < read_rows(tmp_path / "curves.jsonl")[-1]["step"] < 500
