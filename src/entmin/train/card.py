"""The model card beside every checkpoint: what was minimised, on which data, the curves, and what not to conclude."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from entmin import __version__
from entmin.durable import write_whole
from entmin.jsonl import read_rows
from entmin.train.config import METHODS, TrainConfig
from entmin.train.rewards import reward_summaries

_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
_SHOWN = ("loss", "reward", "entropy", "kl", "length", "agreement", "distinct", "repetition", "clipped")


def write_card(folder: Path, config: TrainConfig, run: Path) -> None:
    """Write ``README.md`` into a checkpoint's folder from the curves of its run."""
    write_whole(folder / "README.md", card(config, read_rows(run / "curves.jsonl"), read_rows(run / "evals.jsonl")))


def card(config: TrainConfig, curves: list[dict[str, Any]], evals: list[dict[str, Any]]) -> str:
    """The text of the card."""
    steps = curves[-1]["step"] if curves else 0
    data = f"{config.data} (split {config.split})"
    tuned = f"LoRA adapters of rank {config.lora_rank}" if config.lora else "all weights"
    return "\n".join(
        [
            *_header(config),
            f"# {config.model}, trained by {config.method}",
            "",
            f"{METHODS[config.method].capitalize()}. {_objective(config)} {steps} optimiser steps of "
            f"{config.batch_size} prompts x {config.n} from {data}, {tuned}.",
            "",
            "No label was seen in training." if config.unsupervised else "Trained with labels.",
            *_curves(curves),
            *_evaluations(evals),
            "",
            "## Limits",
            "",
            "Minimising entropy sharpens what the model already believes. Accuracy commonly rises for some tens of "
            "steps and then falls below its start; diversity (pass@k) falls earlier. Judge this checkpoint by a paired "
            "evaluation against its base, not by its curves. It has not been checked for safety.",
            "",
            "## Settings",
            "",
            "```json",
            json.dumps(json.loads(config.model_dump_json()), indent=1),
            "```",
            "",
            f"entmin {__version__}, Python {platform.python_version()}, "
            + ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
            "",
        ]
    )


def _header(config: TrainConfig) -> list[str]:
    tags = ["entmin", "entropy-minimization", config.method, *(["lora"] if config.lora else [])]
    library = "peft" if config.lora else "transformers"
    lines = ["---", f"base_model: {json.dumps(config.model)}", f"library_name: {library}", "tags:"]
    return [*lines, *(f"- {tag}" for tag in tags), "---", ""]


def _objective(config: TrainConfig) -> str:
    kl = f" + {config.kl:g} KL to the initial model" if config.kl else ""
    if config.method == "em-ft":
        over = "token" if config.reduction == "mean" else "completion"
        samples = "answers sampled once from the initial model" if config.static else "fresh samples"
        return f"Loss: full-vocabulary entropy per {over} of {samples}{kl}."
    if config.method == "sft":
        return "Loss: cross-entropy of the answers."
    reward = f"{config.reward}: {reward_summaries()[config.reward]}" if config.method == "em-rl" else "verified answers"
    return f"Reward: {reward}, {config.reduction} over tokens where it has tokens; {config.advantages} advantages{kl}."


def _curves(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    first, last = rows[0], rows[-1]
    lines = ["", "## Curves", "", f"| | step {first['step']} | step {last['step']} |", "|---|---|---|"]
    names = [name for name in _SHOWN if isinstance(first.get(name), float) and isinstance(last.get(name), float)]
    lines += [f"| {name} | {first[name]:.4g} | {last[name]:.4g} |" for name in names]
    return [*lines, "", f"{last.get('tokens', 0):.0f} completion tokens, {last['seconds']:.0f} s."]


def _evaluations(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    k = rows[0]["k"]
    names = list(dict.fromkeys(["pass@1", f"pass@{k}", "greedy"]))
    lines = ["", "## Held-out problems", "", "| step | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row in rows:
        lines.append(f"| {row['step']} | " + " | ".join(_estimate(row[name]) for name in names) + " |")
    return [*lines, "", f"{rows[0]['problems']} problems, {k} samples each; 95 % intervals over problems."]


def _estimate(found: dict[str, Any]) -> str:
    if found["value"] is None or found["low"] is None:
        return "–"
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
