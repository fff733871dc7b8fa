# ruff: noqa: E501
"""Bubblewrap as an Inspect sandbox: commands, files, limits of what they reach, nothing left behind."""

import asyncio
import dataclasses
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture
def machine():
    from entmin.sandbox.provider import BubblewrapSandbox

    made = BubblewrapSandbox()
    yield made
    asyncio.run(BubblewrapSandbox.sample_cleanup("task", None, {"default": made}, False))
    assert not Path(made._folder).exists()


def test_commands_files_and_exit_codes(machine):
    asyncio.run(machine.write_file("folder/a.txt", "ä\n"))
    result = asyncio.run(machine.exec(["cat", "folder/a.txt"]))
    assert result.success and result.stdout == "ä\n"
    assert asyncio.run(machine.read_file("folder/a.txt")) == "ä\n"
    asyncio.run(machine.write_file("b", b"\xff\x00"))
    assert asyncio.run(machine.read_file("b", text=False)) == b"\xff\x00"
    assert asyncio.run(machine.exec(["sh", "-c", "echo $X; cat; exit 3"], input="in", env={"X": "x"})).returncode == 3
    assert not asyncio.run(machine.exec(["no-such-command"])).success
    with pytest.raises(FileNotFoundError):
        asyncio.run(machine.read_file("none"))


def test_it_reaches_nothing(machine, tmp_path):
    (tmp_path / "secret").write_text("secret")
    for command in (["cat", str(tmp_path / "secret")], ["cat", "/etc/shadow"], ["touch", "/usr/x"]):
        assert not asyncio.run(machine.exec(command)).success, command
    asyncio.run(machine.exec(["ln", "-s", str(tmp_path / "secret"), "link"]))
    with pytest.raises(OSError):
        asyncio.run(machine.read_file("link"))
    result = asyncio.run(machine.exec(["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 22))"]))
    assert not result.success


@pytest.mark.slow
def test_a_command_that_takes_too_long_is_stopped(machine):
    with pytest.raises(TimeoutError):
        asyncio.run(machine.exec(["sleep", "60"], timeout=1, timeout_retry=False))


def test_output_is_cut_to_what_inspect_allows(machine):
    result = asyncio.run(machine.exec(["sh", "-c", "head -c 30000000 /dev/zero | tr '\\0' x; echo end"]))
    assert len(result.stdout) <= 10 << 20 and result.stdout.endswith("end\n")
    asyncio.run(machine.write_file("large", b"x" * (12 << 20)))
    assert len(asyncio.run(machine.read_file("large", text=False))) == 12 << 20


def test_a_file_that_is_too_large_is_not_read(machine):
    from inspect_ai.util import OutputLimitExceededError

    asyncio.run(machine.exec(["sh", "-c", "head -c 110000000 /dev/zero > large"]))
    with pytest.raises(OutputLimitExceededError):
        asyncio.run(machine.read_file("large"))


def test_its_processes_together_may_not_hold_too_much(machine, monkeypatch):
    from entmin.sandbox import provider

    monkeypatch.setattr(provider, "_LIMITS", dataclasses.replace(provider._LIMITS, memory_mib=300))
    code = "import os, time\nfor _ in range(6):\n    if os.fork() == 0:\n        x = bytearray(os.urandom(1 << 20)) * 100\n        time.sleep(60)\ntime.sleep(60)"
    started = time.monotonic()
    result = asyncio.run(machine.exec(["python3", "-c", code], timeout=50))
    assert result.returncode == 137 and "300 MiB" in result.stderr and time.monotonic() - started < 40
    assert asyncio.run(machine.exec(["echo", "x"])).stdout == "x\n"


def test_inspect_finds_it(tmp_path):
    from inspect_ai import Task
    from inspect_ai import eval as run_inspect
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import Score, accuracy, scorer
    from inspect_ai.solver import solver
    from inspect_ai.util import sandbox

    @scorer(metrics=[accuracy()])
    def ran():
        async def score(state, target):
            result = await sandbox().exec(["python3", "-c", "print(6 * 7)"])
            return Score(value=result.stdout.strip() == "42")

        return score

    @solver
    def nothing():
        async def solve(state, generate):
            return state

        return solve

    task = Task(dataset=[Sample(input="x")], solver=nothing(), scorer=ran(), sandbox="bubblewrap")
    [log] = run_inspect(task, model="mockllm/model", log_dir=str(tmp_path), display="none")
    assert log.status == "success", log.error
    assert log.results.scores[0].metrics["accuracy"].value == 1
