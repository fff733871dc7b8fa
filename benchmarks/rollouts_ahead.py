"""What drawing the next rollout ahead gains: the same run with and without it, in turns, on one vLLM server.

    python benchmarks/rollouts_ahead.py [--model smollm2-135m] [--steps 7] [--blocks 3] [--url URL] [--cores 0/1]
                                        [--prompts 8] [--n 4] [--max-tokens 64] [--dtype bfloat16] [--set KEY=VALUE ...]

Without `--url` it starts a server on this machine, with `--cores 0/1` on core 0 while the trainer has core 1 (Linux).
Each turn is a process of its own, `entmin train em-rl` with the settings of `RUN` and `SET`; the first step is not
counted. Seconds per step are those of `curves.jsonl`; "waited" is the part of them until the samples were there. A
ratio is the geometric mean over blocks, one turn of each way, with a 95 % interval (Student's t on log ratios).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from entmin.jsonl import read_rows
from performance_page import print_table
from training import ratio

RUN = ("--advantage", "published", "--report", "none")
SET = ("rollouts=vllm", "micro_batch=8", "max_prompt_tokens=256", "watch=off", "save_every=1000", "device=cpu")
OPTIONS = ("--max-model-len", "512", "--max-num-seqs", "32")


class Turn(NamedTuple):
    """Of all steps but the first and the last, seconds per step; tokens of their completions."""

    step: float
    waited: float
    tokens: float


def cores(given: str, place: int) -> list[str]:
    """What a command line begins with to have the server's (0) or the trainer's (1) cores."""
    return ["taskset", "--cpu-list", given.split("/")[place]] if given else []


@contextlib.contextmanager
def server(given: argparse.Namespace) -> Iterator[str]:
    """The address of a server; one that it starts ends with it."""
    if given.url:
        yield given.url
        return
    from entmin.serve.child import start_vllm, stop

    os.environ |= {"VLLM_SERVER_DEV_MODE": "1", "VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    everything = os.sched_getaffinity(0)
    if given.cores:
        os.sched_setaffinity(0, {int(core) for core in given.cores.split("/")[0].split(",")})
    started = start_vllm(given.model, ["--dtype", given.dtype, *OPTIONS])
    os.sched_setaffinity(0, everything)
    os.environ["ENTMIN_API_KEY"] = started.key
    try:
        yield started.url
    finally:
        stop(started.process)


def turn(given: argparse.Namespace, url: str, ahead: int) -> Turn:
    """One run, from its curves."""
    with tempfile.TemporaryDirectory() as folder:
        settings = [*SET, f"rollouts_ahead={ahead}", *given.set]
        line = [*cores(given.cores, 1), sys.executable, "-m", "entmin", "train", "em-rl", given.model, *RUN]
        line += ["--output", folder, "--max-steps", str(given.steps), "--vllm-url", url]
        line += ["--batch-size", str(given.prompts), "--n", str(given.n), "--max-tokens", str(given.max_tokens)]
        line += [word for setting in settings for word in ("--set", setting)]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        rows = read_rows(Path(folder) / "curves.jsonl")
    rows.pop()  # beside the last step nothing is drawn
    steps = len(rows) - 1
    return Turn(
        (rows[-1]["seconds"] - rows[0]["seconds"]) / steps,
        sum(row.get("waited", 0.0) for row in rows[1:]) / steps,
        rows[-1]["tokens"] - rows[0]["tokens"],
    )


def main() -> None:
    """Run both ways in turns; print each as it ends, and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=8, help="of a step")
    parser.add_argument("--n", type=int, default=4, help="samples of each")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--dtype", default="bfloat16", help="the server's; float32 where the CPU has no bfloat16")
    parser.add_argument("--url", help="of a server with VLLM_SERVER_DEV_MODE=1 for the model; default: one is started")
    parser.add_argument("--cores", default="", help="the server's and the trainer's, such as 0/1")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for both ways")
    given = parser.parse_args()
    if given.steps < 3:
        parser.error("--steps must be 3 or more")
    found: dict[int, list[Turn]] = {0: [], 1: []}
    with server(given) as url:
        for block in range(given.blocks):
            for ahead in (0, 1) if block % 2 == 0 else (1, 0):
                one = turn(given, url, ahead)
                found[ahead].append(one)
                said = f"{one.step:.2f} s a step, {one.waited:.2f} of them waited, {one.tokens:.0f} tokens"
                print(f"block {block + 1}/{given.blocks}, rollouts_ahead={ahead}: {said}", flush=True)
            print(f"  so far {ratio(*([one.step for one in found[way]] for way in (1, 0)))}", flush=True)
    body = []
    for name in ("step", "waited"):
        without, with_it = ([getattr(one, name) for one in found[way]] for way in (0, 1))
        body.append([name, f"{fmean(without):.2f}", f"{fmean(with_it):.2f}", ratio(with_it, without)])
    title = f"{given.model}, em-rl, {given.prompts} x {given.n} samples of {given.max_tokens} tokens at most, "
    title += f"{given.blocks} turns of {given.steps - 2} steps each"
    print_table(["seconds per step", "rollouts_ahead=0", "rollouts_ahead=1", "ahead / not"], body, title)


if __name__ == "__main__":
    main()
