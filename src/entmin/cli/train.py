"""``entmin train``: one training run."""

from __future__ import annotations

from typing import Any

import click

from entmin.train.config import METHODS, load_config, parse_settings
from entmin.train.rewards import reward_summaries


@click.command("train")
@click.argument("method", type=click.Choice(list(METHODS)))
@click.argument("model")
@click.option("--data", help="Named source, local file or folder, or Hub id. [default: arithmetic]")
@click.option("--output", help="Folder for checkpoints, curves and the trained model. [default: out]")
@click.option("--max-steps", type=int, help="Optimiser steps (default: one pass over the prompts).")
@click.option("--reward", type=click.Choice(list(reward_summaries())), help="Reward of em-rl. [default: token-entropy]")
@click.option("--advantage", type=click.Choice(["rloo", "grpo"]), help="Advantage of em-rl. [default: rloo]")
@click.option("--reduction", type=click.Choice(["mean", "sum"]), help="Over a completion's tokens. [default: mean]")
@click.option("--learning-rate", "--lr", type=float, help="[default: 1e-6]")
@click.option("--batch-size", type=int, help="Prompts per optimiser step. [default: 16]")
@click.option("--n", type=int, help="Samples per prompt. [default: 1 for em-ft, 4 for reinforcement learning]")
@click.option("--max-tokens", type=int, help="Longest completion. [default: 128]")
@click.option("--static", is_flag=True, default=None, help="em-ft on answers sampled once, before training.")
@click.option("--lora", is_flag=True, default=None, help="Train low-rank adapters.")
@click.option("--seed", type=int, help="[default: 0]")
@click.option("--save-every", type=int, help="Steps between checkpoints. [default: 20]")
@click.option("--eval-every", type=int, help="Steps between held-out evaluations; 0: none. [default: 0]")
@click.option("--eval-limit", type=int, help="Held-out problems. [default: 100]")
@click.option("--eval-samples", type=int, help="Samples per held-out problem. [default: 4]")
@click.option("--rollouts", type=click.Choice(["transformers", "vllm"]), help="What draws the samples.")
@click.option("--vllm-url", help="Addresses of vLLM servers, with commas; each needs VLLM_SERVER_DEV_MODE=1.")
@click.option("--report", help="tensorboard, wandb, trackio, several with commas, or none. [default: tensorboard]")
@click.option("--push-to-hub", metavar="ID", help="Push the trained model to this Hub id.")
@click.option("--config", "file", type=click.Path(dir_okay=False), help="YAML, TOML or JSON file of settings.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any setting, repeatable; wins over all.")
@click.option("--dry-run", is_flag=True, help="Show settings, memory and work, and the command; train nothing.")
@click.option("--gpus", type=click.IntRange(min=1), default=1, show_default=True, help="GPUs that --dry-run plans for.")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in the output folder.")
def command(
    method: str,
    model: str,
    file: str | None,
    settings: tuple[str, ...],
    resume: bool,
    report: str | None,
    dry_run: bool,
    gpus: int,
    **given: Any,
) -> None:
    """Train MODEL with METHOD.

    METHOD is em-ft (minimise token entropy on the model's own samples), em-rl (reinforce its own certainty), or a
    baseline with labels: sft, rloo, grpo. MODEL is an alias (`entmin list models`), a local folder or a Hub id.

    Settings come from --config, then from options, then from --set. docs/training.md lists all of them.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if report is not None:
        chosen["report"] = [] if report == "none" else [name.strip() for name in report.split(",")]
    config = load_config(file, {**chosen, "method": method, "model": model, **parse_settings(settings)})
    if dry_run:
        from entmin.train.plan import describe, plan

        click.echo("\n".join(describe(config, plan(config, gpus), file)))
        return
    from entmin.train.session import train

    folder = train(config, resume=resume)
    click.echo(f"trained model, curves and card: {folder}")
