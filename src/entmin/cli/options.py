"""Options that several verbs share, and the modes, engines and runs that are made of their values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import click

from entmin.api.options import meaning
from entmin.cli.grouped import Setting, Word
from entmin.errors import UsageError
from entmin.hyperparameters import Hyperparameters
from entmin.methods import METHODS
from entmin.mode import DRAWING, Mode
from entmin.strategies import STRATEGIES

_TASK_ARGS = f"{meaning('task_args')[:-1]}, repeatable."
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _all(*decorators: Decorator) -> Decorator:
    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def engine_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """How the model is loaded and decoded."""
    return _all(
        _option("--device", default="auto", show_default=True),
        _option("--dtype", default="auto", show_default=True),
        _option("--revision"),
        _option("--batch-size", type=click.IntRange(min=1)),
        _option("--threads", type=click.IntRange(min=1)),
    )(function)


def server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Which engine answers, and where it is."""
    return _all(
        _option("--engine", default="transformers", show_default=True),
        _option("--base-url", metavar="URL[,URL...]"),
        _option("--api-key"),
        _option("--vllm-args"),
    )(function)


def sampling_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """How tokens are drawn. Nothing is taken from the checkpoint's own generation config."""
    return _all(
        _option("--temp", "--temperature", "temperature", type=float),
        _option("--top-p", type=float),
        _option("--top-k", type=int),
        _option("--min-p", type=float),
        _option("--seed", type=int),
        _option("--max-tokens", type=click.IntRange(min=1)),
    )(function)


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What is evaluated, and where it is written."""
    return _all(
        _option("--limit", type=click.IntRange(min=1)),
        _option("--epochs", "--samples", "epochs", default=1, show_default=True, type=click.IntRange(min=1)),
        _option("--prompt"),
        data_option,
        _option("--grader"),
        task_option,
        _option("--results", default="results", show_default=True),
        _option("--quiet", is_flag=True),
    )(function)


def template_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What the model's chat template is told beside the question."""
    return _all(
        _option("--system"),
        _option("--chat-template-kwargs", metavar="JSON"),
        _option("--reasoning-effort", metavar="LEVEL"),
    )(function)


def shots_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--shots``."""
    return _option("--shots", type=click.IntRange(min=1))(function)


def _option(*names: str, **given: Any) -> Decorator:
    """An option of `RunOptions`, with its meaning there as help."""
    given.setdefault("help", meaning(names[-1].lstrip("-").replace("-", "_")))
    return click.option(*names, **given)


def report_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--report``."""
    return _option("--report", metavar="NAME[,NAME...]")(function)


def judge_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--judge``."""
    return _option("--judge")(function)


def data_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--data-dir``."""
    return _option("--data-dir", envvar="ENTMIN_DATA")(function)


def task_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``-T``."""
    return _option("-T", "task_args", multiple=True, metavar="KEY=VALUE", help=_TASK_ARGS)(function)


def unsafe_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--unsafe-no-sandbox``."""
    return _option("--unsafe-no-sandbox", is_flag=True)(function)


def method_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Every hyper-parameter of every built-in method, by its published name."""
    return _all(*_settings(METHODS.values()))(function)


def strategy_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Every setting of every strategy; ``--n_trajs`` is the published name of ``--n``."""
    return _all(*_settings(STRATEGIES.values(), n=("--n-trajs", "--n_trajs")))(function)


def _settings(classes: Iterable[type[Hyperparameters]], **more: tuple[str, ...]) -> list[Decorator]:
    """An option for each setting of the classes."""
    found: dict[str, list[type[Hyperparameters]]] = {}
    for cls in classes:
        for name in cls.options():
            found.setdefault(name, []).append(cls)
    made: list[Decorator] = []
    for name, owners in found.items():
        flags = dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}", *more.get(name, ())))
        kind: Any = owners[0].options()[name]
        if kind is bool:
            flags = dict.fromkeys(f"{flag}/--no-{flag.removeprefix('--')}" for flag in flags)
            kind = None
        elif all(name in owner.choices for owner in owners):
            kind = Word(owners[0].choices[name])
        made.append(click.option(*flags, name, cls=Setting, owners=owners, type=kind, default=None))
    return made


def take_mode(mode: str, options: dict[str, Any]) -> Mode:
    """Build the mode from ``--mode`` and the options that set parts of it, removing them from `options`.

    Raises:
        UsageError: an option that no part of the mode has, or that contradicts the text, or a value out of range.
    """
    return Mode.parse(mode, take_settings(options))


def take_settings(options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a mode that were given as options, by name, removed from `options`."""
    names = {name for cls in (*METHODS.values(), *STRATEGIES.values()) for name in cls.options()} | set(DRAWING)
    return {name: value for name in sorted(names) if (value := options.pop(name, None)) is not None}


def read(options: dict[str, Any]) -> dict[str, Any]:
    """The same options with the texts of ``-T`` and of JSON read as names and values.

    Raises:
        UsageError: a text is neither.
    """
    given = {key: _scalar(value) for key, value in pairs(options.get("task_args", ()), "-T").items()}
    text = options.get("chat_template_kwargs")
    variables = _json_object("--chat-template-kwargs", text, '{"enable_thinking": false}') if text else None
    return options | {"task_args": given, "chat_template_kwargs": variables}


def _json_object(option: str, text: str, example: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{option} must be a JSON object like '{example}': {error}") from None


def pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    """``KEY=VALUE`` texts as a dictionary.

    Raises:
        UsageError: a text without ``=``.
    """
    for text in texts:
        if "=" not in text:
            raise UsageError(f"{option} {text!r}: write KEY=VALUE")
    return dict(text.split("=", 1) for text in texts)


def _scalar(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (int, float, bool, str)) else text
