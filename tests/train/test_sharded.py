"""Two processes that hold half of the weights each (FSDP2) do what one does. CPUs and gloo stand for GPUs and NCCL."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch
from safetensors.torch import load_file
from transformers import DeepseekV3Config, LlamaConfig

pytest.importorskip("trl")

from entmin.errors import EntminError
from entmin.jsonl import read_rows
from entmin.train.session import train
from entmin.train.trainers.checkpoints import require_weights
from tests import tiny
from tests.train.runs import SMALL, config, curve, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SETTINGS = SMALL | {"n": 2, "batch_size": 4, "micro_batch": 2, "save_every": 2, "max_steps": 4, "kl": 0.1}
EVALUATED = {"eval_every": 2, "eval_limit": 3, "eval_samples": 2}
NAMES = ("loss", "entropy", "reward", "length", "agreement", "grad_norm", "tokens", "kl")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "qwen2", "qwen2", sharpness=12.0)


@pytest.fixture
def in_two(entmin_here):
    """Start the command that a dry run prints for two GPUs."""

    def start(method, model, out, *more, changed=(), new_group=False, **settings):
        given = ["train", method, model, "--output", out, *settings_of(**SETTINGS | settings)]
        printed = entmin_here(*given, "--dry-run", "--gpus", "2").stdout.splitlines()
        (line,) = (line for line in printed if line.lstrip().startswith("accelerate launch"))
        _, _, *words = shlex.split(line)
        for old, new in changed:
            words[words.index(old)] = new
        return subprocess.Popen(
            [sys.executable, "-m", "accelerate.commands.launch", "--main_process_port", "0", *words, *more],
            cwd=entmin_here.folder, env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=new_group,
        )  # fmt: skip

    def run(*args, code=0, **settings):
        started = start(*args, **settings)
        try:
            out, err = started.communicate(timeout=200)
        finally:
            started.kill()
        assert started.returncode == code, f"exit {started.returncode}\n{out}\n{err[-6000:]}"
        return out, err

    run.start = start
    return run


def same_curve(one, two, rel=2e-3, abs=2e-4):
    ours, theirs = (curve(folder, *NAMES) for folder in (two, one))
    assert len(ours) == len(theirs)
    for row, expected in zip(ours, theirs, strict=True):
        assert row == pytest.approx(expected, rel=rel, abs=abs)


def same_weights(one, two, *, atol):
    found, expected = (load_file(folder / "model.safetensors") for folder in (two, one))
    assert found.keys() == expected.keys()
    for key, weight in expected.items():
        assert found[key].shape == weight.shape and (found[key] - weight).abs().max() <= atol, key


def same_changes(one, two, start, name="model.safetensors", within=0.02):
    """Both runs changed every tensor by the same. Adam makes a whole step of a gradient that is rounding alone, so
    single numbers may be as far apart as a step is long; the tensor's change as a whole may not. What `start` has not,
    began from nothing."""
    found, expected = (load_file(folder / name) for folder in (two, one))
    begun = load_file(start / name) if (start / name).exists() else {}
    assert found.keys() == expected.keys()
    for key, weight in expected.items():
        changed = weight - begun.get(key, torch.zeros_like(weight))
        assert found[key].shape == weight.shape, key
        assert (found[key] - weight).norm() <= within * changed.norm() + 1e-6, key


@pytest.mark.parametrize("advantage", ["published", "rloo"])
def test_training_evaluation_and_checkpoints_are_those_of_one_process(in_two, model, tmp_path, advantage):
    one, two = tmp_path / "one", tmp_path / "two"
    settings = {**EVALUATED, "advantage": advantage}
    train(config(model, one, "em-rl", **SETTINGS | settings))
    out, _ = in_two("em-rl", model, two, **settings)
    assert out.count("trained model") == 1
    same_curve(one, two)
    assert abs(curve(two, "kl")[-1][1]) > 1e-4, "the reference must differ from the policy"
    for place in ("", "checkpoint-2", "checkpoint-4"):
        same_changes(one / place, two / place, model)
    assert (two / "checkpoint-2" / "pytorch_model_fsdp.bin").exists(), "FSDP was not at work"
    ours, theirs = (read_rows(folder / "evals.jsonl") for folder in (two, one))
    for row, expected in zip(ours, theirs, strict=True):
        assert row.pop("entropy") == pytest.approx(expected.pop("entropy"), rel=1e-3)
        assert row.pop("seconds") >= 0 and expected.pop("seconds") >= 0
        assert row == expected
    for step in (0, 2, 4):
        answers = [read_rows(folder / "evals" / f"step-{step}.jsonl") for folder in (two, one)]
        assert [row["text"] for row in answers[0]] == [row["text"] for row in answers[1]]


def test_a_run_goes_on_from_its_checkpoint(in_two, model, tmp_path):
    in_two("em-ft", model, tmp_path / "whole")
    in_two("em-ft", model, tmp_path / "parts", max_steps=2)
    in_two("em-ft", model, tmp_path / "parts", "--resume")
    same_curve(tmp_path / "whole", tmp_path / "parts", rel=1e-5, abs=1e-7)
    same_weights(tmp_path / "whole", tmp_path / "parts", atol=1e-7)


MIXTURE = DeepseekV3Config(
    **tiny.SMALL | {"num_key_value_heads": 4}, moe_intermediate_size=32, n_routed_experts=8, n_shared_experts=2,
    first_k_dense_replace=1, num_experts_per_tok=2, n_group=1, topk_group=1,
    qk_rope_head_dim=8, qk_nope_head_dim=8, v_head_dim=8, q_lora_rank=8, kv_lora_rank=8,
)  # fmt: skip
"""Its checkpoints hold buffers."""
KINDS = {
    "plain": tiny.CONFIGS["qwen2"],
    "tied": LlamaConfig(**tiny.SMALL, tie_word_embeddings=True),
    "mixture": MIXTURE,
}


@pytest.mark.parametrize(
    ("kind", "method", "settings", "weights"),
    [
        ("plain", "em-ft", {"lora": True, "lora_rank": 4, "learning_rate": 1e-2, **EVALUATED}, "adapter_model"),
        ("tied", "sft", {"kl": 0.0, "n": 1}, "model"),
        ("mixture", "em-rl", {"advantage": "grpo", "gradient_checkpointing": True, "kl": 0.0}, "model"),
    ],
)
def test_other_ways_of_training_give_the_weights_of_one_process(in_two, tmp_path, kind, method, settings, weights):
    one, two, model = tmp_path / "one", tmp_path / "two", tmp_path / "model"
    torch.manual_seed(0)
    tiny.AutoModelForCausalLM.from_config(KINDS[kind]).float().save_pretrained(model)
    tiny.tokenizer().save_pretrained(model)
    train(config(model, one, method, **SETTINGS | settings))
    in_two(method, model, two, **settings)
    same_curve(one, two, abs=1e-3)
    same_changes(one, two, model, f"{weights}.safetensors")


def test_half_precision_rounds_products_and_not_log_probabilities(in_two, model, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    settings = {"precision": "bf16", "max_steps": 2, "advantage": "published", **EVALUATED}
    train(config(model, one, "em-rl", **SETTINGS | settings))
    in_two("em-rl", model, two, **settings)
    (ours, theirs) = (curve(folder, "entropy", "kl")[0] for folder in (two, one))
    assert ours[1] == pytest.approx(theirs[1], abs=3e-3) and abs(ours[2]) < 1e-6
    same_weights(one, two, atol=4e-3)


def test_a_process_that_is_killed_ends_the_run_and_its_checkpoints_stay(in_two, model, tmp_path):
    out = tmp_path / "out"
    started = in_two.start("em-rl", model, out, max_steps=100_000, batch_size=8)
    try:
        end = time.monotonic() + 120
        while not (out / "checkpoint-2").is_dir():
            assert time.monotonic() < end and started.poll() is None, started.communicate(timeout=60)
            time.sleep(0.1)
        (second,) = (one for one in psutil.Process(started.pid).children() if one.environ().get("RANK") == "1")
        second.send_signal(signal.SIGKILL)
        _, err = started.communicate(timeout=90)
    finally:
        started.kill()
    assert started.returncode != 0
    assert "another process of this run ended" in err and "--resume" in err
    assert not (out / "model.safetensors").exists()
    require_weights(out / "checkpoint-2", tiny.AutoModelForCausalLM.from_pretrained(model))


def test_a_first_ctrl_c_ends_both_at_a_step_with_a_whole_checkpoint_from_which_the_run_goes_on(in_two, model, tmp_path):
    out = tmp_path / "out"
    started = in_two.start("em-rl", model, out, max_steps=100_000, new_group=True)
    try:
        end = time.monotonic() + 120
        while len(curve(out)) < 3:
            assert time.monotonic() < end and started.poll() is None, started.communicate(timeout=60)
            time.sleep(0.1)
        os.killpg(started.pid, signal.SIGINT)  # as a terminal does
        _, err = started.communicate(timeout=90)
    finally:
        started.kill()
    done = len(curve(out))
    assert started.returncode != 0
    assert f"interrupted; step {done} is saved in {out}" in err and "stopped at once" not in err, err[-4000:]
    assert "same command with --resume" in err
    require_weights(out / f"checkpoint-{done}", tiny.AutoModelForCausalLM.from_pretrained(model))
    assert not (out / "model.safetensors").exists()
    in_two("em-rl", model, out, "--resume", max_steps=2 * (done // 2 + 1))
    assert [row[0] for row in curve(out)] == list(range(1, 2 * (done // 2 + 1) + 1))


def test_a_launch_that_would_save_pieces_is_refused(in_two, model, tmp_path):
    changed = [("FULL_STATE_DICT", "SHARDED_STATE_DICT")]
    _, err = in_two("em-ft", model, tmp_path / "out", changed=changed, code=1)
    assert "pass --fsdp_state_dict_type FULL_STATE_DICT to accelerate launch" in err
    assert not (tmp_path / "out").exists()


def test_a_folder_with_too_few_weights_is_no_model(model, tmp_path):
    trained = tiny.AutoModelForCausalLM.from_pretrained(model)
    trained.save_pretrained(tmp_path)
    require_weights(tmp_path, trained)
    trained.model.layers = trained.model.layers[:1]
    trained.save_pretrained(tmp_path)
    whole = tiny.AutoModelForCausalLM.from_pretrained(model)
    with pytest.raises(EntminError, match=r"holds [\d,]+ of the [\d,]+ trained weights, so it is no model"):
        require_weights(tmp_path, whole)


LOADING = """
import resource, sys, torch
from entmin.train.config import TrainConfig
from entmin.train.policy import load_policy, place_for, reference_of
from entmin.train.processes import meet

settings = TrainConfig(method="em-rl", model=sys.argv[1], device="cpu", precision="fp32")
place = place_for(settings)
meet(place.device)
load_policy(settings.model_copy(update={"model": sys.argv[2]}), place)  # all that is imported and allocated once
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
policy = load_policy(settings, place)
reference = reference_of(policy, place)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = sum(p.numel() * p.element_size() for p in policy.model.parameters()) / 1024
print("taken", torch.distributed.get_rank(), (after - before) / size, flush=True)
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


def test_one_process_alone_reads_the_weights(model, tmp_path):
    large = tmp_path / "large"
    settings = tiny.CONFIGS["llama"].__class__(
        **tiny.SMALL | {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12}
    )
    tiny.AutoModelForCausalLM.from_config(settings).float().save_pretrained(large)
    tiny.tokenizer().save_pretrained(large)
    script = tmp_path / "loading.py"
    script.write_text(LOADING)
    sharded = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT"}
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script, large, model],
        env=os.environ | sharded | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    taken = {int(rank): float(share) for _, rank, share in map(str.split, done.stdout.strip().splitlines())}
    assert taken[0] > 1 and taken[1] < 0.3, (
        "of the weights' size: policy and reference in the first, nothing in the other"
    )
