"""Speed and memory of whole training steps beside TRL as it comes.

    python benchmarks/training.py [--model smollm2-135m] [--prompts 8] [--n 4] [--new-tokens 128] [--micro 8]
                                  [--steps 3] [--blocks 3] [--write-docs]

"TRL" and "entmin" take the same prompts, sizes, precision and reward (minus the number of tokens) through RLOO with a
KL term, in turns, each time in a process of its own, because a peak is only ever raised. The first step is not counted.
Tokens are those of completions; processor time is that of all threads, which other programs on the machine hardly
change. Positions are rows times width of every pass of every model, padding and finished rows included. A ratio is the
geometric mean over blocks, one turn of each, with a 95 % interval (Student's t on log ratios).
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from scipy.stats import sem
from scipy.stats import t as student
from torch import Tensor, nn
from transformers import TrainerCallback

from performance_page import write_section

PASSES = ("decoding", "without gradient", "with gradient")


class Clock(TrainerCallback):
    """Wall and processor seconds of all steps but the first, rollouts included, and positions of their passes."""

    def __init__(self) -> None:
        self.positions = Counter[str]()
        self.wall = self.processor = 0.0
        looked_up = nn.Embedding.forward

        def counted(module: nn.Embedding, ids: Tensor) -> Tensor:
            kind = "with gradient" if torch.is_grad_enabled() else "decoding" if ids.shape[-1] == 1 else PASSES[1]
            self.positions[kind] += ids.numel()
            return looked_up(module, ids)

        nn.Embedding.forward = counted  # type: ignore[method-assign]

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin after the first step, end with the last."""
        sign = {1: -1, state.max_steps: 1}.get(state.global_step, 0)
        self.wall += sign * time.perf_counter()
        self.processor += sign * time.process_time()
        if state.global_step == 1:
            self.positions.clear()


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


WAYS = {"TRL": trl, "entmin": entmin}


def measure(way: str, given: argparse.Namespace) -> dict[str, Any]:
    """What one way takes: tokens, seconds of both kinds, positions by pass, and peak memory in MiB."""
    from entmin.train.config import TrainConfig
    from entmin.train.preparation import prepare

    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            method="em-rl", model=given.model, reward="minus-length", batch_size=given.prompts, n=given.n,
            max_tokens=given.new_tokens, micro_batch=given.micro, max_steps=given.steps, device="cpu", output=folder,
            save_every=1000, watch="off", report=(), limit=200,
        )  # fmt: skip
        clock, found = Clock(), prepare(config, resume=False)
        trainer = WAYS[way](config, found)
        trainer.add_callback(clock)
        trainer.train()
        rows = [row for row in trainer.state.log_history if "grad_norm" in row]
    lengths = [row.get("length", row.get("completions/mean_length")) for row in rows[1:]]
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return {
        "tokens": given.prompts * given.n * sum(lengths),
        "wall": clock.wall,
        "processor": clock.processor,
        "positions": clock.positions,
        "mib": int(peak[1]) / 1024 if peak else math.nan,
    }


def turn(way: str) -> dict[str, Any]:
    """What a way takes in a process of its own."""
    line = [sys.executable, __file__, *sys.argv[1:], "--way", way]
    said = subprocess.run(line, stdout=-1, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return found


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Ours to theirs, block by block."""
    logs = [math.log(one / other) for one, other in zip(ours, theirs, strict=True)]
    center = fmean(logs)
    if len(logs) < 2:
        return f"{math.exp(center):.2f}"
    half = float(sem(logs) * student.ppf(0.975, len(logs) - 1))
    return f"{math.exp(center):.2f} [{math.exp(center - half):.2f}, {math.exp(center + half):.2f}]"


def table(found: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    """A row for each thing measured: TRL, entmin, and the ratio."""
    columns = {
        "tokens a second": lambda row: row["tokens"] / row["wall"],
        "tokens a processor second": lambda row: row["tokens"] / row["processor"],
        "peak memory, MiB": lambda row: row["mib"],
        **{
            f"positions a token, {kind}": lambda row, kind=kind: row["positions"].get(kind, 0) / row["tokens"]
            for kind in PASSES
        },
    }
    lines = []
    for name, of in columns.items():
        theirs, ours = ([of(row) for row in found[way]] for way in WAYS)
        lines.append([name, f"{fmean(theirs):.4g}", f"{fmean(ours):.4g}", ratio(ours, theirs)])
    return lines


def main() -> None:
    """Run both ways in turns and print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = {"--prompts": 8, "--n": 4, "--new-tokens": 128, "--micro": 8, "--steps": 3, "--blocks": 3}
    for name, default in numbers.items():
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--way", choices=WAYS)
    given = parser.parse_args()
    if given.way:
        print(json.dumps(measure(given.way, given)))
        return
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(given.blocks):
        for way in WAYS:
            found[way].append(turn(way))
    header, body = ["", "TRL", "entmin", "entmin / TRL"], table(found)
    sizes = f"{given.prompts} prompts x {given.n} samples of at most {given.new_tokens} tokens a step"
    title = f"{given.model} on CPU, {torch.get_num_threads()} threads, {sizes}"
    print(title)
    for row in [header, *body]:
        print("  ".join(f"{cell:32}" for cell in row))
    if given.write_docs:
        counted = f"{given.blocks} turns of {given.steps - 1} steps each; ratios with 95 % intervals over turns."
        write_section("training", title, header, body, counted)


if __name__ == "__main__":
    main()
