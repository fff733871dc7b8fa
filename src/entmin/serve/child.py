"""vLLM's server as a child of this process: started, waited for, stopped."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import re
import secrets
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from entmin.errors import EntminError
from entmin.serve.vllm import command
from entmin.starting import spinning

START_SECONDS = 900.0
"""Longest wait for a server: large models take minutes to load and compile."""
_STOP_SECONDS = 30.0
_ENDING_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Started:
    """A server that answers."""

    url: str
    key: str
    process: subprocess.Popen[bytes]
    log: Path


def start_vllm(model: str, options: list[str], *, seconds: float = START_SECONDS) -> Started:
    """Start vLLM's server with entmin's logits processor on a free local port; it ends with this process.

    Args:
        model: alias, folder or Hub id; also its name for clients.
        options: further options of ``vllm serve``.
        seconds: longest wait until it answers.

    Raises:
        UsageError: vLLM is not installed, or of a version that is not supported.
        EntminError: it did not start in time; the message has the end of its log.
    """
    port = _free_port()
    # Nothing comes from the checkpoint's generation config, which every request would otherwise have to undo.
    line = command(
        model, host="127.0.0.1", port=port, served_name=model, options=["--generation-config", "vllm", *options]
    )
    key, log = secrets.token_urlsafe(16), Path(tempfile.mkstemp(prefix="entmin-vllm-", suffix=".log")[1])
    with log.open("wb") as output:
        process = subprocess.Popen(
            line,
            env=_environment(key),
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    atexit.register(_finish, process, log)
    _wait(process, f"http://127.0.0.1:{port}", log, seconds)
    return Started(f"http://127.0.0.1:{port}/v1", key, process, log)


def _environment(key: str) -> dict[str, str]:
    quiet = {"VLLM_NO_USAGE_STATS": os.environ.get("VLLM_NO_USAGE_STATS", "1")}
    return os.environ | spinning() | quiet | {"VLLM_API_KEY": key}


def ended(started: Started) -> EntminError | None:
    """Why a server is gone, in its own words; None while it runs. One that is about to end is given a moment."""
    if _healthy(started.url.removesuffix("/v1")):
        return None
    try:
        code = started.process.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    return EntminError(
        f"the vLLM server started here ended (exit {code}): {_tail(started.log)}; its log is {started.log}; the same "
        "command goes on"
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and the workers it started, which share its session."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_STOP_SECONDS)


def _finish(process: subprocess.Popen[bytes], log: Path) -> None:
    """Stop the server at the end of this process; the log of one that had failed stays."""
    if process.poll() is None:
        stop(process)
        log.unlink(missing_ok=True)


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, so that ``kill -9`` leaves no server behind; Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], root: str, log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _healthy(root):
        if process.poll() is not None:
            raise EntminError(f"vLLM did not start (exit {process.returncode}): {_tail(log)}; its log is {log}")
        if time.monotonic() > deadline:
            stop(process)
            raise EntminError(f"vLLM did not answer within {seconds:.0f} s: {_tail(log)}; its log is {log}")
        time.sleep(0.5)


def _healthy(root: str) -> bool:
    try:
        with urllib.request.urlopen(f"{root}/health", timeout=5) as reply:  # noqa: S310 - our own address
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tail(log: Path) -> str:
    """The line that says what went wrong: the first error, which later ones only repeat; else the last line."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    wrong = [line for line in lines if re.search(r"\w+(Error|Exception): |error: ", line)]
    return (wrong[:1] or lines[-1:] or ["it wrote nothing"])[0].strip()[-400:]
