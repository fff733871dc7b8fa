"""Memory and time of the entropy loss at a large vocabulary: TRL's fused head, our loss on logits, and autograd alone.

    python benchmarks/training.py [--tokens 512] [--hidden 256] [--vocabulary 151936] [--steps 2]

Each way runs in a process of its own, because a peak is only ever raised. Times are of forward and backward together.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

WAYS = ("naive", "logits", "fused")


def naive(hidden: Tensor, head: Tensor) -> Tensor:
    """Log-softmax and autograd, as one writes it down."""
    logs = (hidden @ head.T).log_softmax(-1)
    return -(logs.exp() * logs).sum(-1).mean()


def logits(hidden: Tensor, head: Tensor) -> Tensor:
    """`entmin.losses.token_entropy_loss` on the logits."""
    from entmin.losses import token_entropy_loss

    return token_entropy_loss((hidden @ head.T)[None], torch.ones(1, len(hidden)))


def fused(hidden: Tensor, head: Tensor) -> Tensor:
    """What `entmin train em-ft` runs: the logits exist one tile of the vocabulary at a time."""
    from trl.kernels import ChunkedLogProbFunction

    targets = torch.zeros(len(hidden), dtype=torch.long)
    outputs = ("log_probs", "entropy")
    return ChunkedLogProbFunction.apply(hidden, head, None, targets, 1.0, 32768, None, 1.0, outputs)[1].mean()


def measure(way: Callable[[Tensor, Tensor], Tensor], tokens: int, width: int, vocabulary: int, steps: int) -> dict:
    """Seconds per step, peak memory above what was there before in MiB, and the loss."""
    torch.manual_seed(0)
    hidden = torch.randn(tokens, width, requires_grad=True)
    head = (torch.randn(vocabulary, width) / width**0.5).requires_grad_()
    way(hidden[:2], head).backward()  # imports and first allocations
    hidden.grad = head.grad = None
    before, seconds, loss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, [], 0.0
    for _ in range(steps):
        started = time.perf_counter()
        result = way(hidden, head)
        result.backward()
        seconds.append(time.perf_counter() - started)
        loss = result.item()
        hidden.grad = head.grad = None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": min(seconds), "mib": peak / 1024, "loss": loss}


def main() -> None:
    """Run every way in its own process and print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("--tokens", 512), ("--hidden", 256), ("--vocabulary", 151_936), ("--steps", 2)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--way", choices=WAYS)
    given = parser.parse_args()
    if given.way:
        way = {"naive": naive, "logits": logits, "fused": fused}[given.way]
        print(json.dumps(measure(way, given.tokens, given.hidden, given.vocabulary, given.steps)))
        return
    found = {}
    for name in WAYS:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--way", name], capture_output=True, text=True, check=True
        )
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{given.tokens} tokens, V = {given.vocabulary}, width {given.hidden}, {torch.get_num_threads()} threads")
    for name, row in found.items():
        memory, times = row["mib"] / found["naive"]["mib"], row["seconds"] / found["naive"]["seconds"]
        print(
            f"{name:7} {row['mib']:8.0f} MiB ({memory:.2f} of naive)  {row['seconds']:7.2f} s ({times:.2f})  "
            f"loss {row['loss']:.6f}"
        )


if __name__ == "__main__":
    main()
