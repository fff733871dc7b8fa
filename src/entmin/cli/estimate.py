"""``entmin estimate``: time, memory and money of an evaluation or a training run, before it starts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from entmin.cli import options as shared
from entmin.cli.grouped import Verb, Word
from entmin.errors import UsageError
from entmin.estimates.hardware import GPUS, THIS
from entmin.terminal import say
from entmin.train.config import METHODS

_GPU_HELP = f"Which; {THIS} is the CPU of this machine, measured in some seconds."
_TRAINING = ("file", "settings")
_EVALUATING = (
    "task",
    "judge",
    "methods",
    "epochs",
    "limit",
    "max_tokens",
    "prompt",
    "task_args",
    "engine",
    "batch_size",
)


@click.command("estimate", cls=Verb)
@click.argument("model")
@click.option("--task", default="math500", show_default=True, help="Benchmarks, groups or files, comma list.")
@shared.judge_option
@click.option("--methods", default="normal", show_default=True, help="Modes that are evaluated, comma list.")
@click.option("--epochs", "--samples", "epochs", default=1, show_default=True, type=click.IntRange(min=1))
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N problems of each task.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Of one answer (default: the task's own).")
@click.option("--prompt", help="Prompt profile of the tasks, such as clean or paper.")
@shared.data_option
@shared.task_option
@click.option("--engine", type=Word(["vllm", "transformers"]), help="What answers (default: vllm, on this CPU ours).")
@click.option("--batch-size", type=click.IntRange(min=1), help="Answers in flight, at all replicas together.")
@click.option("--gpus", type=click.IntRange(min=1), default=1, show_default=True, help="How many GPUs.")
@click.option("--gpu", default="h100", show_default=True, type=Word([*GPUS, THIS]), help=_GPU_HELP)
@click.option("--price", type=click.FloatRange(min=0), help="Of one GPU for an hour.")
@click.option("--answer-tokens", type=click.FloatRange(min=1), help="Length of a mean answer.")
@click.option("--train", "method", type=Word(list(METHODS)), help="Estimate a training run instead.")
@click.option("--config", "file", type=click.Path(dir_okay=False), help="Settings of the training run, as for train.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Setting of the training run, repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, /, model: str, method: str | None, as_json: bool, **options: Any) -> int:
    """Estimate time, memory and money of an evaluation of MODEL, or of its training, from first principles.

    MODEL is an alias, a local folder with a config.json, or a name of the table of known models (Qwen2.5, Qwen3, Llama
    3.1 and others), which needs no network. Nothing is loaded or run, but with --gpu this some seconds of measurement.
    Exits with 1 when the model does not fit.
    """
    from entmin.estimates.ranges import Range

    _refuse_others(ctx, _EVALUATING if method else _TRAINING, "training" if method else "evaluation")
    tokens = options["answer_tokens"]
    options["answer_tokens"] = Range(tokens, tokens) if tokens else None
    fits, values, lines = _training(model, method, options) if method else _evaluation(model, options)
    if as_json:
        say(json.dumps(values, indent=2))
    else:
        for line in lines:
            say(line)
    return 0 if fits else 1


def _refuse_others(ctx: click.Context, names: tuple[str, ...], what: str) -> None:
    """Refuse options that the estimate would not read.

    Raises:
        UsageError: one was given.
    """
    default = click.core.ParameterSource.DEFAULT
    given = [name for name in names if ctx.get_parameter_source(name) not in (default, None)]
    if given:
        flags = {str(one.name): one.opts[0] for one in ctx.command.params}
        remedy = "leave it out, or leave out --train" if what == "training" else "add --train METHOD, or leave it out"
        raise UsageError(
            f"{', '.join(flags[name] for name in given)}: the estimate of {what} does not read it; {remedy}"
        )


Found = tuple[bool, dict[str, Any], Iterator[str]]
"""Whether it fits, the estimate as JSON values, and as lines."""


def _training(model: str, method: str, options: Mapping[str, Any]) -> Found:
    from entmin.estimates.measured import hardware_of
    from entmin.train.duration import as_json, described, duration
    from entmin.train.reading import load_config, parse_settings

    config = load_config(options["file"], {**parse_settings(options["settings"]), "method": method, "model": model})
    hardware = hardware_of(options["gpu"])
    found = duration(config, options["gpus"], hardware, options["answer_tokens"], options["price"])
    return found.fits, as_json(found), described(found)


def _evaluation(model: str, options: Mapping[str, Any]) -> Found:
    from entmin.api.options import task_options, tasks_named
    from entmin.estimates.decoding import Engine
    from entmin.estimates.evaluation import as_json, described, evaluation
    from entmin.estimates.known import sizes_of
    from entmin.estimates.lengths import lengths_of
    from entmin.estimates.measured import hardware_of
    from entmin.evals.arms import parse_arms

    arms, sizes = parse_arms(options["methods"]), sizes_of(model)
    own = task_options(shared.read(dict(options)))
    tasks = [
        lengths_of(one, model, own, options["limit"], options["max_tokens"])
        for one in tasks_named(options["task"], options["judge"])
    ]
    hardware = hardware_of(options["gpu"])
    if hardware.own and options["engine"] == "vllm":
        raise UsageError(f"--gpu {THIS} measures this CPU for entmin's own engine: leave out --engine")
    kind = "measured" if hardware.own else options["engine"] or "vllm"
    found = evaluation(
        model, sizes, Engine(sizes, hardware, kind, in_flight=options["batch_size"]), options["gpus"], tasks, arms,
        epochs=options["epochs"], answer_tokens=options["answer_tokens"], price=options["price"],
    )  # fmt: skip
    return found.fits, as_json(found), described(found)
