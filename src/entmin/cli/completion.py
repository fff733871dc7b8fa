"""``entmin completion``: a shell's completion of verbs, options, models, tasks and modes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

from entmin.cli.grouped import Word
from entmin.cli.shells import VARIABLE
from entmin.terminal import say


@click.command("completion")
@click.argument("shell", type=Word(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what makes SHELL complete entmin's verbs, options, models, tasks and modes.

    For bash: `entmin completion bash >> ~/.bashrc`; for zsh the same with ~/.zshrc; for fish:
    `entmin completion fish > ~/.config/fish/completions/entmin.fish`.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    say(kind(click.get_current_context().find_root().command, {}, "entmin", VARIABLE).source())


def add_completions(verb: click.Command) -> click.Command:
    """The verb, whose options are completed by what they name."""
    for one in verb.params:
        if (found := _BY_NAME.get(str(one.name))) and not isinstance(one.type, Word):  # which knows its words
            one._custom_shell_complete = found
    return verb


def _models(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    from entmin.engine.aliases import ALIASES

    return [*_last(begun, ALIASES), CompletionItem(begun, type="dir")]


def _tasks(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    from entmin.tasks.registry import groups, tasks

    return [*_last(begun, [*tasks(), *groups()]), CompletionItem(begun, type="file")]


def _modes(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    from entmin.methods import METHODS, method_names
    from entmin.strategies import STRATEGIES

    method_names()
    name = re.split(r"[,+]", begun)[-1]
    if ":" not in name:
        return _last(begun, ["greedy", *METHODS, *STRATEGIES])
    kind = (METHODS | STRATEGIES).get(name.partition(":")[0])
    return _last(begun, [f"{option}=" for option in kind.options()]) if kind else []


def _words(*words: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    return lambda _, __, begun: _last(begun, words)


_BY_NAME = {
    "model": _models,
    "against": _models,
    "task": _tasks,
    "tasks": _tasks,
    "mode": _modes,
    "methods": _modes,
    "rivals": _modes,
    "dtype": _words("auto", "bfloat16", "float16", "float32"),
    "device": _words("auto", "cpu", "cuda", "mps"),
    "engine": _words("transformers", "vllm", "openai"),
    "grader": _words("entmin", "paper"),
    "judge": _words("math", "choice", "exact", "physics", "program"),
    "table": _words("table2", "table3"),
}


def _last(begun: str, names: Iterable[str]) -> list[CompletionItem]:
    """Completions of the last name of a list or a mode; what stands before it stays."""
    before, last = re.fullmatch(r"(.*[,+:])?(.*)", begun, re.DOTALL).groups(default="")  # type: ignore[union-attr]
    return [CompletionItem(before + name) for name in names if name.startswith(last)]
