"""How long a newcomer waits: from the start of a command to its first token, its first progress, its table.

    python benchmarks/first_token.py [--model smollm2-135m] [--dtype bfloat16] [--runs 5] [--write-docs]

The model must be in the cache (ask it once before). Every run is a process of its own, standard output a
pseudo-terminal, as a user has it; the commands take turns. Seconds are from the start of the process to the named
moment, or to its end; processor seconds are those that it and what it started had used until then, and say the same on
a machine that others use. A server is tried every 5 ms until its port listens, and then asked at once for a stream:
`serve` as a client of the API asks, `play` as its page does, for two answers side by side. The ratio is to
transformers' own first token from the same folder, in the same turn.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from entmin.engine.aliases import ALIASES, fetch
from performance_page import write_section

QUESTION = "What is 3 + 4?"
ENTMIN = (sys.executable, "-m", "entmin")
BARE = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, question, kind = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, kind))
turns = [{"role": "user", "content": question}]
asked = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
made = model.generate(**asked, max_new_tokens=1, do_sample=False)
print(tokenizer.decode(made[0, asked["input_ids"].shape[1]:]), flush=True)
"""
BASE = "transformers: one token"
SECONDS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Wait:
    """A command, and what is waited for in what it prints; without, its end."""

    command: tuple[str, ...]
    moments: dict[str, str] = field(default_factory=dict)
    errors: bool = False
    """Whether what it prints on standard error is on the terminal too."""


@dataclass(frozen=True)
class Served:
    """A command that serves, and the stream that it is asked for as soon as its port listens."""

    command: tuple[str, ...]
    path: str
    body: dict[str, object]
    token: str
    """Pattern of a token in the stream."""


def waits(model: str, dtype: str, results: str) -> dict[str, Wait | Served]:
    """What is measured, by name."""
    folder = str(fetch(model)) if model in ALIASES else model
    python = (sys.executable, "-c")
    first = {"": "."}
    ask = (*ENTMIN, "ask", model, QUESTION, "--max-tokens", "8", "--dtype", dtype)
    compare = (*ENTMIN, "compare", model, "--limit", "8", "--max-tokens", "32", "--dtype", dtype, "--results", results)
    asked = [{"role": "user", "content": QUESTION}]
    talk = {"model": model, "messages": asked, "max_tokens": 8, "stream": True}
    arms = {"arms": [{"mode": mode, "messages": asked} for mode in ("normal", "em_inf")], "max_tokens": 8}
    serve = (*ENTMIN, "serve", model, "--engine", "transformers", "--dtype", dtype)
    compared = {": first line": ".", ": first progress": r"\d/\d+.*tok/s", ": table": "paired comparison"}
    return {
        "entmin --help": Wait((*ENTMIN, "--help")),
        "import torch": Wait((*python, "import torch")),
        "import torch, transformers": Wait((*python, "import torch, transformers")),
        BASE: Wait((*python, BARE, folder, QUESTION, dtype), first),
        "entmin ask": Wait(ask, first),
        "entmin serve": Served(serve, "/v1/chat/completions", talk, r'"content":\s*"[^"]'),
        "entmin play": Served((*ENTMIN, "play", model, "--dtype", dtype), "/play/stream", arms, r'"arm":\s*\d'),
        "entmin compare --limit 8": Wait(compare, compared, errors=True),
    }


def run(wait: Wait) -> dict[str, tuple[float, float]]:
    """Seconds and processor seconds until each moment.

    Raises:
        SystemExit: the command failed, or the moment did not come.
    """
    ours, theirs = pty.openpty()
    errors = theirs if wait.errors else subprocess.PIPE
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TERM": "xterm-256color", "COLUMNS": "100"}
    begun = time.perf_counter()
    process = subprocess.Popen(wait.command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=errors, env=environment)
    os.close(theirs)
    found, text, left = {}, "", dict(wait.moments)
    with suppress(OSError):  # how the end of a terminal reads
        while block := os.read(ours, 4096):
            now, used = time.perf_counter() - begun, processor_seconds(process.pid)
            text += block.decode(errors="replace")
            for name in [name for name, pattern in left.items() if re.search(pattern, text)]:
                found[name] = now, used
                del left[name]
            if wait.moments and not left:
                process.send_signal(signal.SIGKILL)
    os.close(ours)
    said = process.stderr.read().decode() if process.stderr else text
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if left or (not wait.moments and process.returncode):
        raise SystemExit(f"{' '.join(wait.command)}\nended with {process.returncode}: {said[-2000:]}")
    return found or {"": (time.perf_counter() - begun, usage.ru_utime + usage.ru_stime)}


def run_server(wait: Served) -> dict[str, tuple[float, float]]:
    """The same of a server, until its port listens and until the first token of the stream.

    Raises:
        SystemExit: it ended, or the stream has no token.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryFile("w+") as errors:
        begun = time.perf_counter()
        command = [*wait.command, "--port", str(port)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=environment
        )
        found, text = {}, ""
        try:
            while process.poll() is None and not listens(port):
                time.sleep(0.005)
            found[": its port listens"] = time.perf_counter() - begun, processor_seconds(process.pid)
            with suppress(OSError):  # it has ended
                client = HTTPConnection("127.0.0.1", port, timeout=120)
                client.request("POST", wait.path, json.dumps(wait.body), {"Content-Type": "application/json"})
                answer = client.getresponse()
                while not re.search(wait.token, text) and (line := answer.readline()):
                    text += line.decode()
            found[": first streamed token"] = time.perf_counter() - begun, processor_seconds(process.pid)
        finally:
            process.kill()
            process.wait()
        errors.seek(0)
        if not re.search(wait.token, text):
            raise SystemExit(f"{' '.join(command)}\nstreamed no token: {text[-1000:]}\n{errors.read()[-2000:]}")
    return found


def listens(port: int) -> bool:
    """Whether a connection to a port of this machine is taken."""
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def processor_seconds(process: int) -> float:
    """Of a process so far, and of those that it has started and that have ended; 0 where nobody counts."""
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / SECONDS
    return 0.0


def cell(values: list[float]) -> str:
    """Median, least and most."""
    return f"{median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


def rows(found: dict[str, list[tuple[float, float]]]) -> list[list[str]]:
    """A row for each moment."""
    base = found.get(BASE)
    table = []
    for name, values in found.items():
        ratios = [own / other for (own, _), (other, _) in zip(values, base, strict=True)] if base else []
        shown = cell(ratios) if ratios else ""
        table.append([name, cell([one for one, _ in values]), cell([two for _, two in values]), shown])
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", nargs="+", help="beginnings of the names of what is measured (default: everything)")
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/performance.md")
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {}
    for turn in range(options.runs + 1):
        with tempfile.TemporaryDirectory() as results:
            for name, wait in waits(options.model, options.dtype, results).items():
                if options.rows and not name.startswith(tuple(options.rows)):
                    continue
                times_of = run_server(wait) if isinstance(wait, Served) else run(wait)
                for moment, times in times_of.items():
                    print(f"{name}{moment}: {times[0]:.2f} s, {times[1]:.2f} of the processor", flush=True)
                    if turn:  # the first one fills the caches of files and compiled code
                        found.setdefault(name + moment, []).append(times)
    header = ["from the start to", "seconds", "processor seconds", f"times {BASE}"]
    title = f"{options.model}, {options.dtype}, {os.cpu_count()} cores, {options.runs} runs each"
    table = rows(found)
    print(title)
    for row in [header, *table]:
        print("| " + " | ".join(row) + " |")
    if options.write_docs:
        write_section("first_token", title, header, table, "Medians, least and most.")


if __name__ == "__main__":
    main()
