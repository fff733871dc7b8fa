"""Speed and memory of training: whole steps beside TRL as it comes, and the entropy loss at a large vocabulary.

    python benchmarks/training.py [--model smollm2-135m] [--prompts 8] [--n 4] [--new-tokens 128] [--micro 8]
    python benchmarks/training.py --head [--tokens 512] [--hidden 256] [--vocabulary 151936] [--steps 2]

Each way runs in a process of its own, because a peak is only ever raised. "TRL" and "entmin" take the same prompts,
sizes, precision and reward (minus the number of tokens) through RLOO with a KL term; the first step is not counted.
Tokens are those of completions. Of the head, times are of forward and backward together.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback


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


class Clock(TrainerCallback):
    """Seconds of each step, rollout included."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start."""
        self._last = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """One step."""
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now


def trl(config: Any, found: Any) -> Any:
    """TRL's own trainer on the same prompts, with its own loading and sampling."""
    assert "entmin.train.trainers.samples" not in sys.modules, "it changes TRL's head"
    vars(found.policy).clear()  # the other way's
    gc.collect()
    from datasets import Dataset
    from trl import RLOOConfig, RLOOTrainer

    from entmin.engine.loading import fetch

    arguments = RLOOConfig(
        output_dir=config.output, max_steps=config.max_steps, per_device_train_batch_size=config.micro_batch,
        gradient_accumulation_steps=config.batch_size * config.n // config.micro_batch, num_generations=config.n,
        max_completion_length=config.max_tokens, learning_rate=config.learning_rate, beta=config.kl, use_cpu=True,
        bf16=found.place.bf16, gradient_checkpointing=False, logging_steps=1, save_strategy="no", report_to="none",
        disable_tqdm=True, lr_scheduler_type="constant",
    )  # fmt: skip
    folder = str(fetch(config.model)) if "/" not in config.model else config.model
    return RLOOTrainer(
        model=folder, args=arguments, train_dataset=Dataset.from_dict({"prompt": list(found.prompts.rows["prompt"])}),
        reward_funcs=lambda completion_ids, **_: [-float(len(ids)) for ids in completion_ids],
    )  # fmt: skip


def entmin(config: Any, found: Any) -> Any:
    """The trainer of `entmin train em-rl`."""
    from entmin.train.build import build_trainer

    return build_trainer(config, found.place, found.policy, found.prompts, config.max_steps, card=lambda folder: None)


TRAINERS = {"TRL": trl, "entmin": entmin}


def measure_steps(way: str, given: argparse.Namespace) -> dict[str, float]:
    """Tokens and seconds of all steps but the first, and peak memory in MiB."""
    from entmin.train.config import TrainConfig
    from entmin.train.preparation import prepare

    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            method="em-rl", model=given.model, reward="minus-length", batch_size=given.prompts, n=given.n,
            max_tokens=given.new_tokens, micro_batch=given.micro, max_steps=given.steps, device="cpu", output=folder,
            save_every=1000, watch="off", report=(), limit=200,
        )  # fmt: skip
        clock, found = Clock(), prepare(config, resume=False)
        trainer = TRAINERS[way](config, found)
        trainer.add_callback(clock)
        trainer.train()
        rows = [row for row in trainer.state.log_history if "grad_norm" in row]
    lengths = [row.get("length", row.get("completions/mean_length")) for row in rows[1:]]
    return {
        "tokens": given.prompts * given.n * sum(lengths),
        "seconds": sum(clock.seconds[1:]),
        "length": sum(lengths) / len(lengths),
        "mib": peak(),
    }


def each(ways: Any) -> dict[str, dict[str, float]]:
    """What every way says, in a process of its own."""
    found = {}
    for name in ways:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--way", name], stdout=-1, text=True, check=True
        )
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Run every way and print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = {"--prompts": 8, "--n": 4, "--new-tokens": 128, "--micro": 8, "--steps": 3}
    numbers |= {"--tokens": 512, "--hidden": 256, "--vocabulary": 151_936}
    for name, default in numbers.items():
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--head", action="store_true")
    parser.add_argument("--way", choices=[*HEADS, *TRAINERS])
    given = parser.parse_args()
    if given.way:
        print(json.dumps((measure if given.head else measure_steps)(given.way, given)))
        return
    found = each(HEADS if given.head else TRAINERS)
    base = next(iter(found.values()))
    sizes = f"{given.tokens} tokens, V = {given.vocabulary}, width {given.hidden}"
    steps = f"{given.model}, {given.steps - 1} steps of {given.prompts} prompts x {given.n}"
    print(f"{sizes if given.head else steps}, {torch.get_num_threads()} threads")
    for name, row in found.items():
        memory = f"{row['mib']:8.0f} MiB ({row['mib'] / base['mib']:.2f})"
        if given.head:
            share = row["seconds"] / base["seconds"]
            print(f"{name:7} {memory}  {row['seconds']:7.2f} s ({share:.2f})  loss {row['loss']:.6f}")
        else:
            speed, other = row["tokens"] / row["seconds"], base["tokens"] / base["seconds"]
            print(f"{name:7} {memory}  {speed:7.1f} tokens/s ({speed / other:.2f})  mean length {row['length']:.0f}")


if __name__ == "__main__":
    main()
