"""Speed and memory of the entropy loss at a large vocabulary: naive, on the logits, and through TRL's fused head.

    python benchmarks/training_head.py [--tokens 512] [--hidden 256] [--vocabulary 151936] [--steps 2]

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


HEADS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"naive": naive, "logits": logits, "fused": fused}


def peak() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(way: str, given: argparse.Namespace) -> dict[str, float]:
    """Seconds per step, peak memory above what was there before in MiB, and the loss, of one head."""
    torch.manual_seed(0)
    hidden = torch.randn(given.tokens, given.hidden, requires_grad=True)
    head = (torch.randn(given.vocabulary, given.hidden) / given.hidden**0.5).requires_grad_()
    HEADS[way](hidden[:2], head).backward()  # imports and first allocations
    hidden.grad = head.grad = None
    before, seconds, loss = peak(), [], 0.0
    for _ in range(given.steps):
        started = time.perf_counter()
        result = HEADS[way](hidden, head)
        result.backward()
        seconds.append(time.perf_counter() - started)
        loss = result.item()
        hidden.grad = head.grad = None
    return {"seconds": min(seconds), "mib": peak() - before, "loss": loss}


def main() -> None:
    """Run every way and print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"--tokens": 512, "--hidden": 256, "--vocabulary": 151_936, "--steps": 2}.items():
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--way", choices=HEADS)
    given = parser.parse_args()
    if given.way:
        print(json.dumps(measure(given.way, given)))
        return
    found = {}
    for name in HEADS:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--way", name], stdout=-1, text=True, check=True
        )
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
    base = next(iter(found.values()))
    print(f"{given.tokens} tokens, V = {given.vocabulary}, width {given.hidden}, {torch.get_num_threads()} threads")
    for name, row in found.items():
        memory, share = f"{row['mib']:8.0f} MiB ({row['mib'] / base['mib']:.2f})", row["seconds"] / base["seconds"]
        print(f"{name:7} {memory}  {row['seconds']:7.2f} s ({share:.2f})  loss {row['loss']:.6f}")


if __name__ == "__main__":
    main()
