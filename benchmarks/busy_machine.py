"""A decoder alone and beside another one on the same cores, by how long the threads of torch's OpenMP library spin.

    python benchmarks/busy_machine.py [--model smollm2-135m] [--rows 8] [--seconds 20] [--processes 2] [--repeats 3]
        [--spins default 30000 10000 1000 0] [--write-docs]

Each figure is the tokens per second of a process of its own in a window of --seconds, after a warm-up, in float32.
"alone" is one process; "each" is the mean of --processes that run through the same window. The last columns are shares
of the library's own spinning alone, and of a fair part of it. Settings take turns, --repeats times; [least, most]
stands beside each mean.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from statistics import fmean

from entmin.starting import SPINS
from performance_page import write_section

READY, WINDOW = "ready", "--window"


def decode(model: str, rows: int, seconds: float) -> None:
    """Decode without end; once warm, wait for the parent's line, then print the tokens of the window that follows."""
    import torch

    from entmin.engine.engine import Engine
    from entmin.engine.loading import load
    from entmin.engine.requests import Request

    loaded = load(model, device="cpu", dtype="float32")
    loaded.eos = frozenset()
    engine = Engine(loaded, batch_size=rows)
    prompt = torch.arange(100, 116).tolist()
    engine.generate([Request(prompt, max_tokens=24, seed=row) for row in range(rows)])
    print(READY, flush=True)
    sys.stdin.readline()
    tokens, begun = 0, time.perf_counter()
    while (spent := time.perf_counter() - begun) < seconds:
        tokens += sum(
            len(one.tokens)
            for one in engine.generate([Request(prompt, max_tokens=24, seed=row) for row in range(rows)])
        )
    print(tokens / spent, flush=True)
    engine.close()


def together(options: argparse.Namespace, spins: str, processes: int) -> list[float]:
    """Tokens per second of each of so many processes at once."""
    environment = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    if spins != "default":
        environment["GOMP_SPINCOUNT"] = spins
    command = [
        sys.executable,
        __file__,
        WINDOW,
        "--model",
        options.model,
        "--rows",
        str(options.rows),
        "--seconds",
        str(options.seconds),
    ]
    running = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for one in running:
        while (line := one.stdout.readline()).strip() != READY:
            if not line:
                raise SystemExit("a decoder ended before it was warm")
    for one in running:
        one.stdin.write("go\n")
        one.stdin.flush()
    found = [float(one.stdout.readline()) for one in running]
    for one in running:
        one.wait()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--spins", nargs="+", default=["default", "30000", "10000", "1000", "0"])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/performance.md")
    parser.add_argument(WINDOW, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.window:
        return decode(options.model, options.rows, options.seconds)
    alone: dict[str, list[float]] = {spins: [] for spins in options.spins}
    shared: dict[str, list[float]] = {spins: [] for spins in options.spins}
    for _ in range(options.repeats):
        for spins in options.spins:
            alone[spins] += together(options, spins, 1)
            shared[spins] += together(options, spins, options.processes)
    whole = fmean(alone[options.spins[0]])
    header = ["spin count", "alone, tokens/s", f"each of {options.processes}", "alone, share", "share of a fair part"]
    table = []
    for spins in options.spins:
        one, each = fmean(alone[spins]), fmean(shared[spins])
        name = {"default": "the library's own", SPINS: f"{SPINS} (entmin's)"}.get(spins, spins)
        shares = [f"{one / whole:.0%}", f"{each * options.processes / whole:.0%}"]
        table.append([name, cell(alone[spins]), cell(shared[spins]), *shares])
    title = f"{options.model}, float32, {options.rows} rows, {os.cpu_count()} cores"
    print(title)
    for row in [header, *table]:
        print("| " + " | ".join(row) + " |")
    if options.write_docs:
        caption = f"Means of {options.repeats} windows of {options.seconds:g} s in each process; least and most."
        write_section("busy_machine", title, header, table, caption)


def cell(found: list[float]) -> str:
    """Mean, least and most."""
    return f"{fmean(found):.1f} [{min(found):.1f}, {max(found):.1f}]"


if __name__ == "__main__":
    main()
