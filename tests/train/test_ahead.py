"""Rollouts that servers draw while steps run: the same prompts and streams, of weights one rollout older.

With `-m vllm` the servers are vLLM's; otherwise small ones with the same weights.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("trl")

from entmin.core import rewards
from entmin.errors import EntminError, UsageError
from entmin.jsonl import read_rows
from entmin.train.config import TrainConfig
from tests import tiny
from tests.train.runs import config, curve, settings_of, trainer_for
from tests.train.stand_in import Recorder, standing_in
from tests.train.test_trl_contract import naive
from tests.train.test_vllm_rollouts import greedy, model_in, rounded
from tests.vllm_settings import training_server

WHERE = {
    "rollouts": "vllm", "max_prompt_tokens": 200, "max_tokens": 8, "batch_size": 2, "micro_batch": 4, "n": 4,
    "learning_rate": 1e-2, "precision": "fp32", "device": "cpu", "watch": "off", "save_every": 2, "report": [],
    "data_options": {"size": 40},
}  # fmt: skip
"""A learning rate at which a step changes what is drawn."""
ON_VLLM = pytest.param("vllm", marks=[pytest.mark.vllm, pytest.mark.timeout(900)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "tiny", "llama-wide-heads", sharpness=12.0)


@pytest.fixture(scope="module", params=["stand-in", ON_VLLM])
def upstream(request, folder):
    if request.param == "stand-in":
        with standing_in(folder) as url:
            yield url
        return
    with training_server(folder) as url:
        yield url


@pytest.fixture
def server(upstream):
    recorder = Recorder(upstream)
    yield recorder
    recorder.open.set()
    recorder.close()


def command(folder, server, out, steps, *more, **settings):
    asked = settings_of(**WHERE | {"rollouts_ahead": 1} | settings)
    run = ["train", "em-rl", folder, "--output", out, "--max-steps", steps, "--vllm-url", server.url, *asked, *more]
    return list(map(str, run))


def drawn(rounds, size):
    """What was drawn for each rollout of so many samples, in any order."""
    asked = [one.drawn for asked in rounds for one in asked]
    return [sorted(asked[first : first + size]) for first in range(0, len(asked), size)]


def wait_for(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "em-ft"}, "em-ft has no ratio .* leave rollouts_ahead out"),
        ({"method": "sft", "rollouts": "transformers"}, "sft has no ratio .* leave rollouts_ahead out"),
        ({"method": "em-rl", "rollouts": "transformers"}, "add rollouts=vllm and vllm_url"),
        ({"method": "grpo", "temperature": 0.7}, "set temperature=1, or leave rollouts_ahead out"),
    ],
)
def test_what_cannot_be_corrected_is_refused_before_anything_is_read(given, message):
    with pytest.raises(UsageError, match=message):
        TrainConfig(**{"model": "m", "rollouts": "vllm", "rollouts_ahead": 1} | given)


@pytest.mark.parametrize("updates", [1, 2])
def test_prompts_and_streams_are_those_of_a_run_that_draws_nothing_ahead(
    entmin_here, folder, server, upstream, updates
):
    steps, size = 4 * updates, 8 * updates
    other = Recorder(upstream)
    entmin_here(*command(folder, other, "plain", steps, rollouts_ahead=0, updates_per_rollout=updates))
    entmin_here(*command(folder, server, "ahead", steps, updates_per_rollout=updates))
    other.close()
    assert [len(asked) for asked in other.rounds] == [size] * 4
    assert [len(asked) for asked in server.rounds] == [2 * size, size, size], "none for a step that is not taken"
    assert drawn(server.rounds, size) == drawn(other.rounds, size)
    assert all(one.alone for one in server.loads)
    plain, ahead = (entmin_here.folder / name for name in ("plain", "ahead"))
    told = [row[1] for row in curve(ahead, "staleness") if row[1] >= 0]
    assert told == [0, updates, updates, updates]
    assert curve(ahead, "reward")[0] == pytest.approx(curve(plain, "reward")[0], rel=1e-3)
    assert all(row[1] > 0 for row in curve(ahead, "waited")[::updates])


def by_its_equation(advantage, kl, new, old, entropies, reference, mask):
    """(advantages, loss) of samples that another policy drew, in float64."""
    reward = rewards.token_entropy(entropies, new, mask)
    log_ratio, k3 = (new - old) * mask, (reference - new).exp() - (reference - new) - 1
    if advantage == "rloo":
        advantages = rewards.rloo_advantages(reward + kl * ((reference - new) * mask).sum(-1), 4)
        ratio = log_ratio.sum(-1).exp()
        return advantages, -torch.min(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages).mean()
    advantages = (rewards.grpo_advantages if advantage == "grpo" else rewards.rloo_advantages)(reward, 4)
    ratio, gain = log_ratio.exp(), advantages[:, None]
    term = kl * (k3 * ratio if advantage == "grpo" else k3)
    per_token = term - torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain)
    return advantages, (per_token * mask).sum() / mask.sum()


@pytest.mark.parametrize("kl", [0.0, 0.1])
@pytest.mark.parametrize("advantage", ["published", "rloo", "grpo"])
def test_the_ratio_is_to_the_policy_that_drew_and_the_reward_of_the_one_that_learns(
    folder, server, tmp_path, advantage, kl
):
    changes = {**WHERE, "micro_batch": 8, "learning_rate": 3e-3, "advantage": advantage, "kl": kl}
    trainer = trainer_for(config(folder, tmp_path, "em-rl", vllm_url=server.url, rollouts_ahead=1, **changes), 3)
    seen, made = [], trainer._generate_and_score_completions

    def noted(rows):
        weights = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
        batch = made(rows)
        seen.append((weights, batch))
        return batch

    trainer._generate_and_score_completions = noted
    trainer.train()
    assert len(seen) == 3
    model = SimpleNamespace(model=model_in(folder), temperature=1.0)

    @torch.no_grad()
    def policy(weights, batch, handed_over=False):
        model.model.load_state_dict(weights)
        return naive(
            SimpleNamespace(model=rounded(model.model) if handed_over else model.model, temperature=1.0), batch
        )

    for place, (weights, batch) in enumerate(seen):
        _, old, mask = policy(seen[max(place - 1, 0)][0], batch, handed_over=True)
        told = batch["old_logps"] if advantage == "rloo" else batch["old_per_token_logps"] * mask
        torch.testing.assert_close(told.double(), old.sum(-1) if advantage == "rloo" else old, atol=2e-3, rtol=1e-3)
        entropies, new, _ = policy(weights, batch)
        reference = policy(seen[0][0], batch)[1]
        advantages, expected = by_its_equation(advantage, kl, new, old, entropies, reference, mask)
        torch.testing.assert_close(batch["advantages"].double(), advantages, atol=5e-3, rtol=5e-3)
        trainer.model.load_state_dict(weights)
        trainer.model.train()
        trainer.current_gradient_accumulation_steps = 1
        loss = trainer._compute_loss(trainer.model, batch)
        assert loss.item() == pytest.approx(expected.item(), rel=1e-2, abs=1e-3)
        apart = float(((new - old) * mask).abs().max())
        assert apart > 0.05 if place else apart < 0.05, "a step lies between the policies"


@pytest.mark.slow
def test_held_out_problems_are_answered_with_the_weights_of_their_step(entmin_here, folder, server):
    more = ("--eval-every", 2, "--eval-limit", 4, "--eval-samples", 2)
    entmin_here(*command(folder, server, "out", 5, *more, save_every=1, keep_checkpoints=None))
    out = entmin_here.folder / "out"
    assert [row["step"] for row in read_rows(out / "evals.jsonl")] == [0, 2, 4, 5]
    assert [row[1] for row in curve(out, "staleness")] == [0, 1, 1, 1, 1]
    assert all(one.alone for one in server.loads)
    asked = [one for one in server.asked if one.body.get("temperature") == 0]
    models = [folder, *(out / f"checkpoint-{step}" for step in (2, 4)), out]
    assert len(asked) == 4 * len(models)
    for place, where in enumerate(models):
        model = rounded(model_in(where))
        for one in asked[4 * place : 4 * place + 4]:
            assert one.answer["choices"][0]["token_ids"] == greedy(model, one.body["prompt"], 8), where


@pytest.mark.slow
def test_after_ctrl_c_the_batch_in_flight_is_drawn_again(entmin_forked, entmin_here, folder, server, upstream):
    started = entmin_forked.start(*command(folder, server, "out", 500))
    out = entmin_forked.folder / "out"
    wait_for(lambda: (out / "curves.jsonl").exists() and len(curve(out)) >= 3)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    done = len(curve(out))
    assert started.returncode == 130 and "--resume" in err and "Traceback" not in err
    assert (out / f"checkpoint-{done}").is_dir()
    resumed, other = Recorder(upstream), Recorder(upstream)
    entmin_here(*command(folder, resumed, "out", done + 3), "--resume")
    assert [row[1] for row in curve(out, "staleness")] == [0, *[1] * (done - 1), 0, 1, 1]
    entmin_here(*command(folder, other, "plain", done + 3, rollouts_ahead=0))
    assert drawn(resumed.rounds, 8) == drawn(other.rounds, 8)[done:]
    resumed.close()
    other.close()


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_what_is_in_flight(entmin_forked, folder, server):
    started = entmin_forked.start(*command(folder, server, "out", 500))
    out = entmin_forked.folder / "out"
    wait_for(lambda: (out / "curves.jsonl").exists() and len(curve(out)) >= 3)
    server.open.clear()
    before = len(server.asked)
    wait_for(lambda: len(server.asked) > before)
    for _ in range(4):  # two that come while the process has no time are one to it
        started.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(8)
            break
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130 and "stopped at once" in err and "Traceback" not in err


@pytest.mark.slow
def test_a_server_that_dies_in_flight_is_told_and_the_run_goes_on(entmin_here, folder, server, upstream):
    server.fails_after = 3 * 9 + 11  # in the midst of the fourth batch
    done = entmin_here(*command(folder, server, "out", 6), code=1)
    assert f"no server answers at {server.url}" in done.stderr and "--resume" in done.stderr
    other = Recorder(upstream)
    entmin_here(*command(folder, other, "out", 6), "--resume")
    other.close()
    assert [row[0] for row in curve(entmin_here.folder / "out")] == [1, 2, 3, 4, 5, 6]


def test_what_is_no_log_probability_is_refused(folder, tmp_path):
    with standing_in(folder, shift=20.0) as url:
        trainer = trainer_for(config(folder, tmp_path, "em-rl", vllm_url=url, rollouts_ahead=1, **WHERE))
        with pytest.raises(EntminError, match=r"as the log-probability of a token.* without --logprobs-mode"):
            trainer.train()


@pytest.mark.slow
def test_two_processes_load_weights_only_when_neither_waits_for_samples(entmin, entmin_here, folder, server, upstream):
    launch = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", *launch, "-m", "entmin", *command(folder, server, "two", 4)],
        cwd=entmin.folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=400,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    other = Recorder(upstream)
    entmin_here(*command(folder, other, "one", 4))
    other.close()
    assert len(server.loads) == 3 and all(one.alone for one in server.loads)
    assert drawn(server.rounds, 32) == drawn(other.rounds, 32)
    two, one = (curve(entmin.folder / name, "reward", "length", "staleness") for name in ("two", "one"))
    assert two[0] == pytest.approx(one[0], rel=1e-3) and [row[3] for row in two] == [0, 1, 1, 1]
