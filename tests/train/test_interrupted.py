"""Runs that are killed, interrupted or run out of disk go on where they were, on the same curve."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("trl")

from tests.train.runs import SMALL, curve, settings_of

NAMES = ("loss", "entropy", "reward", "length", "agreement", "grad_norm", "tokens")


def command(model, out, steps, *more):
    settings = settings_of(**{**SMALL, "report": [], "save_every": 2, "n": 2, "max_steps": steps})
    return ["train", "em-rl", str(model), "--output", str(out), *settings, *more]


def wait_for(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def lines(out):
    path = out / "curves.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture(scope="module")
def unbroken(tiny_llama, tmp_path_factory):
    from entmin.cli import main

    out = tmp_path_factory.mktemp("unbroken") / "out"
    with pytest.raises(SystemExit) as stop:
        main(command(tiny_llama, out, 8))
    assert stop.value.code == 0
    return curve(out, *NAMES)


@pytest.mark.slow
def test_kill_and_resume_give_the_same_curve(entmin_forked, entmin_here, tiny_llama, tmp_path, unbroken):
    out = tmp_path / "out"
    started = entmin_forked.start(*command(tiny_llama, out, 100_000))
    wait_for(lambda: lines(out) >= 5)
    started.kill()
    started.communicate(timeout=60)
    before = lines(out)
    (out / "curves.jsonl").open("a").write('{"step": 9')  # a line that was being written
    entmin_here(*command(tiny_llama, out, max(8, before + 1)), code=2)  # without --resume
    entmin_here(*command(tiny_llama, out, max(8, before + 1)), "--resume")
    resumed = curve(out, *NAMES)
    assert [row[0] for row in resumed] == list(range(1, max(8, before + 1) + 1))
    for ours, theirs in zip(resumed, unbroken, strict=False):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(entmin_forked, tiny_llama, tmp_path):
    out = tmp_path / "out"
    started = entmin_forked.start(*command(tiny_llama, out, 100_000))
    wait_for(lambda: lines(out) >= 3)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130 and "--resume" in err and "Traceback" not in err
    assert (out / f"checkpoint-{lines(out)}").is_dir()


@pytest.mark.slow
def test_a_second_ctrl_c_ends_it_at_once_and_says_how_to_go_on(entmin_forked, tiny_llama, tmp_path):
    out = tmp_path / "out"
    slow = settings_of(max_tokens=400, batch_size=64, micro_batch=128, max_prompt_tokens=100)
    started = entmin_forked.start(*command(tiny_llama, out, 100_000), *slow)
    wait_for(lambda: lines(out) >= 1)
    started.send_signal(signal.SIGINT)
    time.sleep(0.2)  # in the midst of the second rollout
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130 and "stopped at once" in err and "--resume" in err and "Traceback" not in err


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_written_loses_nothing(entmin_forked, entmin_here, tiny_llama, tmp_path, unbroken):
    out = tmp_path / "out"
    entmin_here(*command(tiny_llama, out, 2))
    small = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    done = entmin_forked(*command(tiny_llama, out, 8), "--resume", before=small, code=1)
    assert "checkpoint-2" in done.stderr and "Free some space" in done.stderr, done.stderr
    assert not (out / "checkpoint-4").exists()
    entmin_here(*command(tiny_llama, out, 8), "--resume")
    for ours, theirs in zip(curve(out, *NAMES), unbroken, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)


@pytest.mark.slow
def test_wrong_requests_end_with_code_2(entmin_here, tiny_llama, tmp_path):
    out = tmp_path / "out"
    for more, message in (
        (["--set", "lerning_rate=1"], "did you mean 'learning_rate'"),
        (["--set", "batch_size=0"], "greater than or equal to 1"),
        (["--resume"], "no run to resume"),
        (["--set", 'data_options={"colour": 1}'], "has no option 'colour'"),
    ):
        done = entmin_here(*command(tiny_llama, out, 2), *more, code=2)
        assert message in done.stderr
    entmin_here(*command(tiny_llama, out, 2))
    assert "--resume" in entmin_here(*command(tiny_llama, out, 2), code=2).stderr
    changed = entmin_here(*command(tiny_llama, out, 4), "--resume", "--set", "learning_rate=0.5", code=2)
    assert "learning_rate was 0.001, is 0.5" in changed.stderr


@pytest.mark.slow
@pytest.mark.parametrize("method", ["em-ft", "em-rl"])
def test_two_processes_give_the_losses_of_one(tiny_llama, tmp_path, entmin_here, method):
    settings = settings_of(**{**SMALL, "report": [], "n": 2, "max_steps": 3, "kl": 0.01})
    entmin_here("train", method, tiny_llama, "--output", "one", *settings)
    # With --cpu, accelerate starts one process, whatever it is told; `device=cpu` is in the settings.
    launch = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "-m", "entmin"]
    done = subprocess.run(
        [sys.executable, "-m", *launch, "train", method, str(tiny_llama), "--output", "two", *settings],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = (curve(tmp_path / name, *NAMES, "kl") for name in ("one", "two"))
    assert len(one) == len(two) == 3
    for ours, theirs in zip(two, one, strict=True):
        assert ours == pytest.approx(theirs, rel=2e-3, abs=2e-4)


@pytest.mark.slow
def test_on_a_terminal_a_bar_stands_under_the_steps(entmin_forked, tiny_llama, tmp_path):
    shown = entmin_forked.on_terminal("stderr", *command(tiny_llama, tmp_path / "out", 3))
    assert [step for step in ("step 1/3", "step 2/3", "step 3/3") if step not in shown] == []
    assert "3/3\x1b[0m steps" in shown and "left" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is given back"
