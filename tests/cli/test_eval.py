"""`entmin eval` as a user runs it: the real command, a real (tiny) model, real interruptions."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log

SMALL = ("--limit", "8", "--max-tokens", "24", "--threads", "1", "--quiet")


def summary(folder: Path, mode: str, model: str = "tiny-llama") -> tuple[Path, dict]:
    (path,) = (folder / "results" / model / mode).glob("*/summary.json")
    return path.parent, json.loads(path.read_text())


def answers(folder: Path) -> dict:
    (found,) = [
        log for info in list_eval_logs(str(folder / "logs")) if (log := read_eval_log(info)).status == "success"
    ]
    return {(s.id, s.epoch): s.output.completion for s in found.samples}


def test_eval_writes_logs_and_a_complete_summary(entmin_here, tiny_llama):
    done = entmin_here(
        "eval", tiny_llama, *SMALL, "--mode", "em_inf", "--n_grad_steps", "5", "--threshold", "0.1", "--temp", "0.7",
        "--epochs", "2", "--seed", "3",
    )  # fmt: skip
    folder, found = summary(entmin_here.folder, "em_inf")
    settings = found["settings"]
    assert settings["method"] == {
        "entmin_method": "em_inf",
        "entmin_threshold": 0.1,
        "entmin_kl_weight": 0.05,
        "entmin_learning_rate": 0.1,
        "entmin_n_grad_steps": 5,
    }
    assert settings["sampling"] == {"temperature": 0.7, "top_p": 1.0, "top_k": 0, "min_p": 0.0}
    assert (settings["seed"], settings["epochs"], settings["limit"]) == (3, 2, 8)
    assert settings["revision"].startswith("folder:")
    assert found["results"]["problems"] == 8
    assert found["results"]["samples"] == 16
    assert found["generated_tokens"] > 16
    assert found["tokens_per_second"] > 0
    assert found["versions"]["torch"]
    assert found["hardware"]["cores"]
    assert "em_inf" in done.stdout
    log = read_eval_log(list_eval_logs(str(folder / "logs"))[0])
    first = log.samples[0]
    assert first.output.metadata["entropy_after"] < first.output.metadata["entropy_before"]
    assert len({s.output.completion for s in log.samples if s.id == first.id}) == 2, "epochs have their own seeds"


def test_the_same_command_reads_instead_of_computing_and_json_is_clean(entmin_forked, entmin_here, tiny_llama):
    first = json.loads(entmin_forked("eval", tiny_llama, *SMALL, "--json").stdout)
    again = json.loads(entmin_here("eval", tiny_llama, *SMALL, "--json").stdout)
    assert first[0]["results"] == again[0]["results"]
    assert first[0]["log"] == again[0]["log"]
    folder, _ = summary(entmin_forked.folder, "normal")
    assert len((folder / "sessions.jsonl").read_text().splitlines()) == 1


def test_answers_do_not_depend_on_the_batch_size(entmin_here, tiny_llama):
    wide = ("eval", tiny_llama, *SMALL, "--dtype", "float32")
    entmin_here(*wide, "--batch-size", "8", "--results", "a/results")
    entmin_here(*wide, "--batch-size", "1", "--results", "b/results")
    a, b = (answers(summary(entmin_here.folder / name, "normal")[0]) for name in "ab")
    assert a == b
    assert len(a) == 8


def _interrupt(entmin_forked, command, how):
    """Start, stop with a signal once two samples are done; (log folder, exit code, errors)."""
    process = entmin_forked.start(*command)
    log_folder = None
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (log_folder and _finished(log_folder) >= 2):
        log_folder = next((entmin_forked.folder / "results").glob("*/*/*/logs"), None)
        time.sleep(0.1)
        assert process.poll() in (None, 0), process.communicate()
        if process.poll() == 0:
            break
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    return log_folder, process.returncode, errors


@pytest.mark.slow
@pytest.mark.parametrize("how", [pytest.param(signal.SIGKILL, marks=pytest.mark.slow), signal.SIGINT])
def test_an_interrupted_run_continues_where_it_stopped(entmin_forked, entmin_here, tiny_llama, how):
    for size in (30, 90, 270, 540):  # a busy machine may look at the log only when a short run is over
        command = ("eval", tiny_llama, "--limit", str(size), "--max-tokens", "100", "--dtype", "float32")
        command += ("--threads", "1", "--batch-size", "2", "--quiet")
        log_folder, code, errors = _interrupt(entmin_forked, command, how)
        if code != 0:
            break
        shutil.rmtree(entmin_forked.folder / "results")
    assert code == (130 if how == signal.SIGINT else -signal.SIGKILL)
    if how == signal.SIGINT:
        assert "Traceback" not in errors
        assert "the same command goes on" in errors
    kept = _finished(log_folder)
    entmin_here(*command)
    folder, found = summary(entmin_forked.folder, "normal")
    assert found["results"]["samples"] == size
    sessions = [json.loads(line) for line in (folder / "sessions.jsonl").read_text().splitlines()]
    assert kept >= 2
    assert sessions[-1]["completed"] <= size - kept
    entmin_here(*command, "--results", "fresh/results")
    assert answers(folder) == answers(summary(entmin_forked.folder / "fresh", "normal")[0])


def _finished(logs: Path) -> int:
    try:
        found = list_eval_logs(str(logs))
        return sum(s.error is None and bool(s.scores) for s in read_eval_log(found[0]).samples or []) if found else 0
    except (OSError, ValueError, KeyError):
        return 0


def test_a_full_disk_is_one_message_and_loses_nothing(entmin_forked, entmin_here, tiny_llama):
    """RLIMIT_FSIZE makes every file stop growing at 4 kB, as a full disk would."""
    small = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))"
    )
    done = entmin_forked("eval", tiny_llama, *SMALL, before=small, code=1)
    assert "Traceback" not in done.stderr
    assert "error:" in done.stderr
    assert "free" in done.stderr
    entmin_here("eval", tiny_llama, *SMALL)
    assert summary(entmin_forked.folder, "normal")[1]["results"]["samples"] == 8


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--task", "arithmetics"], 2, "unknown task 'arithmetics'"),
        (["--mode", "em_info"], 2, "did you mean 'em_inf'"),
        (["--mode", "normal", "--threshold", "1"], 2, "normal has no option 'threshold'"),
        (["--mode", "em_inf", "--threshold", "-1"], 2, "threshold must be between"),
        (["--mode", "normal@0.5", "--temp", "0.7"], 2, "0.5 in 'normal@0.5', and 0.7 by --temperature"),
        (["--mode", "greedy", "--temp", "0.7"], 2, "temperature is given twice: 0 in 'greedy'"),
        (["--engine", "vlm"], 2, "did you mean 'vllm'"),
        (["--temp", "-1"], 2, "temperature must be between"),
        (["--temp", "nan"], 2, "temperature must be between"),
        (["--temp", "warm"], 2, "is not a valid float"),
        (["--limit", "0"], 2, "0 is not in the range"),
        (["--epochs", "0"], 2, "0 is not in the range"),
        (["--prompt", "fancy"], 2, "no prompt 'fancy'"),
        (["-T", "size"], 2, "write KEY=VALUE"),
        (["-T", "sise=3"], 2, "sise"),
        (["-T", "size=abc"], 2, "size"),
        (["--no-such-option"], 2, "No such option"),
        (["--dtype", "float99"], 2, "unknown dtype"),
        (["--device", "abacus"], 2, "such as auto, cpu"),
    ],
)
def test_bad_input_is_one_clear_message(entmin_here, tiny_llama, arguments, code, message):
    done = entmin_here("eval", tiny_llama, "--quiet", *arguments, code=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((entmin_here.folder).glob("results/*/*/*/logs/*.eval"))


@pytest.mark.parametrize("model", ["/no/such/folder", "nonsense", "."])
def test_an_unreadable_model_is_a_failure_with_a_remedy(entmin_here, model):
    done = entmin_here("eval", model, "--quiet", code=1)
    assert done.stderr.startswith("error:")
    assert "Traceback" not in done.stderr
    assert "Traceback" in entmin_here("--debug", "eval", model, "--quiet", code=1).stderr


@pytest.mark.slow
def test_inspects_own_command_line_knows_our_provider_and_tasks(entmin, tiny_llama):
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "inspect_ai", "eval", "entmin/arithmetic", "--model", f"entmin/{tiny_llama}",
         "--limit", "2", "--max-tokens", "8", "--display", "plain", "--log-dir", "logs"],
        cwd=entmin.folder, env=entmin.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    log = read_eval_log(list_eval_logs(str(entmin.folder / "logs"))[0])
    assert log.status == "success"
    assert len(log.samples) == 2
