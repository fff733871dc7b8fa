"""Options that several verbs share, and the modes, engines and runs that are made of their values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from entmin.errors import UsageError
from entmin.hyperparameters import Hyperparameters
from entmin.methods import METHODS
from entmin.mode import DRAWING, Mode
from entmin.strategies import STRATEGIES

if TYPE_CHECKING:
    from entmin.evals.choice import EngineChoice
    from entmin.evals.run import RunSpec

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_ENGINE = ("device", "dtype", "revision", "batch_size", "threads", "vllm_args")


def _all(*decorators: Decorator) -> Decorator:
    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def engine_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """How the model is loaded and decoded."""
    return _all(
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps."),
        click.option("--dtype", default="auto", show_default=True, help="auto, bfloat16, float16 or float32."),
        click.option("--revision", help="Commit, tag or branch of a Hub model."),
        click.option("--batch-size", type=click.IntRange(min=1), help="Most answers decoded together."),
        click.option("--threads", type=click.IntRange(min=1), help="CPU threads (default: torch's own choice)."),
    )(function)


def server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Which engine answers, and where it is."""
    return _all(
        click.option(
            "--engine",
            default="transformers",
            show_default=True,
            help="What answers: transformers (in this process), vllm (started here, or at --base-url), "
            "openai (any OpenAI-compatible server).",
        ),
        click.option("--base-url", metavar="URL[,URL...]", help="Servers to use; requests are spread over several."),
        click.option(
            "--api-key", envvar="ENTMIN_API_KEY", help="Key of the servers (better: the variable ENTMIN_API_KEY)."
        ),
        click.option("--vllm-args", help="Options of a vLLM server that is started here, as one text."),
    )(function)


def sampling_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """How tokens are drawn. Nothing is taken from the checkpoint's own generation config."""
    return _all(
        click.option("--temp", "--temperature", "temperature", type=float, help="0 is greedy (default: 1)."),
        click.option("--top-p", type=float, help="Nucleus mass; 1, the default, keeps all tokens."),
        click.option("--top-k", type=int, help="Tokens kept; 0, the default, keeps all."),
        click.option("--min-p", type=float, help="Least relative probability kept; 0, the default, keeps all."),
        click.option("--seed", type=int, help="Seed of the run (default: 0)."),
        click.option("--max-tokens", type=click.IntRange(min=1), help="Of one answer (default: the task's own)."),
    )(function)


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What is evaluated, and where it is written."""
    return _all(
        click.option("--limit", type=click.IntRange(min=1), help="Only the first N problems of each task."),
        click.option(
            "--epochs",
            "--samples",
            "epochs",
            default=1,
            show_default=True,
            type=click.IntRange(min=1),
            help="Samples per problem.",
        ),
        click.option("--prompt", help="Prompt profile of the tasks, such as clean or paper."),
        click.option("--data-dir", envvar="ENTMIN_DATA", help="Mirror folder of data sets, instead of the Hub."),
        click.option("--grader", help="Rules that judge answers: entmin or paper."),
        click.option("-T", "task_args", multiple=True, metavar="KEY=VALUE", help="Option of the task, repeatable."),
        click.option("--results", default="results", show_default=True, help="Folder for logs and summaries."),
        click.option("--quiet", is_flag=True, help="No progress display."),
    )(function)


def unsafe_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--unsafe-no-sandbox``."""
    words = "Code benchmarks: run programs WITHOUT a sandbox, with your own rights. Recorded in the log."
    return click.option("--unsafe-no-sandbox", is_flag=True, help=words)(function)


def method_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Every hyper-parameter of every built-in method, by its published name."""
    return _all(
        *_settings(METHODS.values()),
        click.option("--preset", help="Named settings of the method, such as paper."),
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Option of a plugin's method."),
        click.option("--hyperparameters", metavar="JSON", help="Hyper-parameters as one JSON object."),
    )(function)


def strategy_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Every setting of every strategy; ``--n_trajs`` is the published name of ``--n``."""
    return _all(*_settings(STRATEGIES.values(), n=("--n-trajs", "--n_trajs")))(function)


def _settings(classes: Iterable[type[Hyperparameters]], **more: tuple[str, ...]) -> list[Decorator]:
    """An option for each setting; its help tells the defaults and, where there are few, the values."""
    found: dict[str, list[type[Hyperparameters]]] = {}
    for cls in classes:
        for name in cls.options():
            found.setdefault(name, []).append(cls)
    made: list[Decorator] = []
    for name, having in found.items():
        kind = str if having[0].options()[name] is bool else having[0].options()[name]
        words = " or ".join(having[0].choices.get(name, ())) or "Setting of the mode"
        defaults = ", ".join(f"{cls.name} {cls.__dataclass_fields__[name].default}" for cls in having)
        flags = dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}", *more.get(name, ())))
        made.append(
            click.option(*flags, name, type=str if kind is bool else kind, help=f"{words}; default: {defaults}.")
        )
    return made


def take_mode(mode: str, options: dict[str, Any]) -> Mode:
    """Build the mode from ``--mode`` and the options that set parts of it, removing them from `options`.

    Raises:
        UsageError: an option that no part of the mode has, or that contradicts the text, or a value out of range.
    """
    return Mode.parse(mode, take_settings(options))


def take_settings(options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a mode that were given as options, by name, removed from `options`."""
    given: dict[str, Any] = {}
    text = options.pop("hyperparameters", None)
    if text:
        try:
            given.update(json.loads(text))
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"--hyperparameters must be a JSON object like '{{\"threshold\": 0.3}}': {error}"
            ) from None
    given.update(pairs(options.pop("settings", ()), "--set"))
    kinds = [*METHODS.values(), *STRATEGIES.values()]
    names = {name for cls in kinds for name in cls.options()} | {"preset", *DRAWING}
    given.update({name: value for name in names if (value := options.pop(name, None)) is not None})
    return given


def with_sandbox(options: dict[str, Any]) -> dict[str, Any]:
    """The tasks' options, removed from `options`, with no sandbox where that was asked for."""
    unsafe = options.pop("unsafe_no_sandbox")
    return take_task_options(options) | ({"sandbox": "unsafe-none"} if unsafe else {})


def take_spec(model: str, mode: Mode, options: dict[str, Any]) -> RunSpec:
    """A run of `entmin eval` or `entmin compare`; engine and task options are removed from `options`.

    Raises:
        UsageError: an option that the engine cannot honour.
    """
    from entmin.evals.run import RunSpec

    return RunSpec(
        model,
        mode,
        limit=options["limit"],
        epochs=options["epochs"],
        max_tokens=options["max_tokens"],
        task_options=with_sandbox(options),
        engine=take_choice(options),
    )


def take_choice(options: dict[str, Any]) -> EngineChoice:
    """The engine with all its options, removed from `options`.

    Raises:
        UsageError: an option that the engine cannot honour.
    """
    from entmin.evals.choice import EngineChoice

    urls = tuple(url.strip() for url in (options.pop("base_url") or "").split(",") if url.strip())
    name = options.pop("engine").strip().lower()
    key = options.pop("api_key")
    # The key may come from the environment, where it stands for other runs too.
    given = tuple((option, value) for option, value in take_engine(options).items() if value != "auto")
    return EngineChoice(name, urls, None if name == "transformers" else key, given)


def take_engine(options: dict[str, Any]) -> dict[str, Any]:
    """The engine's options, removed from `options`."""
    return {key: value for key in _ENGINE if (value := options.pop(key, None)) is not None}


def take_task_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options for the tasks' factories, removed from `options`."""
    chosen = {key: value for key in ("prompt", "data_dir", "grader") if (value := options.pop(key, None)) is not None}
    return chosen | {key: _scalar(value) for key, value in pairs(options.pop("task_args", ()), "-T").items()}


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
