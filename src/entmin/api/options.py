"""The options that `evaluate`, `compare`, `settle` and the command line share: names, types and meanings, once."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypedDict, TypeVar, get_args, get_type_hints

from entmin.durable import require_place
from entmin.engine.named import require_model
from entmin.errors import UsageError, closest
from entmin.extras import require
from entmin.loops import in_notebook
from entmin.methods import Method
from entmin.mode import DRAWING, Mode
from entmin.report.outlets import named, require_packages
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.evals.choice import EngineChoice
    from entmin.evals.run import RunSpec
    from entmin.tasks.registry import Named as Benchmarks

ModeLike = str | Mode | Method
"""A mode as text (``"em_inf:threshold=0.1@0.7"``), as a `Mode`, or a method such as ``EmInf(threshold=0.1)``."""
_ENGINE = ("device", "dtype", "revision", "batch_size", "threads", "vllm_args")
_TASK = ("prompt", "data_dir", "grader", "system", "shots")
_COUNTS = ("limit", "shots", "epochs", "max_tokens", "batch_size", "threads")


class RunOptions(TypedDict, total=False):
    """What a run takes beside model, task and mode. Each has the name of its option on the command line."""

    judge: Annotated[str | None, "Who judges answers to a file of problems: math, choice, exact, physics or program."]
    temperature: Annotated[float | None, "0 is greedy (default: 1)."]
    top_p: Annotated[float | None, "Nucleus mass; 1, the default, keeps all tokens."]
    top_k: Annotated[int | None, "Tokens kept; 0, the default, keeps all."]
    min_p: Annotated[float | None, "Least relative probability kept; 0, the default, keeps all."]
    seed: Annotated[int | None, "Seed of the run (default: 0)."]
    max_tokens: Annotated[int | None, "Of one answer (default: the task's own)."]
    limit: Annotated[int | None, "Only the first N problems of each task."]
    epochs: Annotated[int, "Samples per problem."]
    prompt: Annotated[str | None, "Prompt profile of the tasks, such as clean or paper."]
    data_dir: Annotated[str | Path | None, "Mirror folder of data sets, instead of the Hub."]
    system: Annotated[str | None, "System turn before every question."]
    chat_template_kwargs: Annotated[
        Mapping[str, Any] | None, 'Variables of the model\'s chat template, such as {"enable_thinking": false}.'
    ]
    reasoning_effort: Annotated[str | None, "Such as low, where the chat template reads it."]
    shots: Annotated[int | None, "Solved examples before every question, from the task's training split."]
    grader: Annotated[str | None, "Rules that judge answers: entmin or paper."]
    task_args: Annotated[Mapping[str, Any] | None, "Option of the task, such as size=20."]
    results: Annotated[str | Path, "Folder for logs and summaries."]
    quiet: Annotated[bool, "No progress display."]
    report: Annotated[
        str | Sequence[str] | None,
        "Where results are shown besides the folder, as in training: tensorboard, wandb, trackio, mlflow, or several.",
    ]
    device: Annotated[str, "auto, cpu, cuda, cuda:1, mps."]
    dtype: Annotated[str, "auto, bfloat16, float16 or float32."]
    revision: Annotated[str | None, "Commit, tag or branch of a Hub model."]
    batch_size: Annotated[int | None, "Most answers decoded together."]
    threads: Annotated[int | None, "CPU threads (default: torch's own choice)."]
    engine: Annotated[
        str,
        "What answers: transformers (in this process), vllm (started here, or at --base-url), openai (any "
        "OpenAI-compatible server).",
    ]
    base_url: Annotated[str | Sequence[str] | None, "Servers to use; requests are spread over several."]
    api_key: Annotated[str | None, "Key of the servers (better: the variable ENTMIN_API_KEY)."]
    vllm_args: Annotated[str | None, "Options of a vLLM server that is started here, as one text."]
    unsafe_no_sandbox: Annotated[
        bool,
        "Code benchmarks: run programs WITHOUT a sandbox, with your own rights. Recorded in the log.",
    ]


DEFAULTS: RunOptions = {
    "epochs": 1,
    "results": "results",
    "quiet": False,
    "device": "auto",
    "dtype": "auto",
    "engine": "transformers",
    "unsafe_no_sandbox": False,
}
"""The options that are something else than None where they are not given."""


def meaning(name: str) -> str:
    """What an option of `RunOptions` means, in a line."""
    said: str = get_args(get_type_hints(RunOptions, include_extras=True)[name])[1]
    return said


def check(options: RunOptions) -> None:
    """Refuse what is no option.

    Raises:
        UsageError: a name that no option has, or a count below 1.
    """
    known = get_type_hints(RunOptions)
    for name, value in options.items():
        if name not in known:
            raise UsageError(f"there is no option {name!r}{closest(name, known)}; options: {', '.join(known)}")
        if name in _COUNTS and value is not None and (not isinstance(value, int) or value < 1):
            raise UsageError(f"{name} must be a whole number of at least 1, not {value!r}")
    require_packages(named(options.get("report")))
    if in_notebook():
        require("notebook", "a run in a notebook")  # Inspect wants it there


Function = TypeVar("Function", bound=Callable[..., Any])


class Named(NamedTuple):
    """A keyword of a function that takes it among ``**options``."""

    kind: Any
    default: Any
    meaning: str


def documented(function: Function) -> Function:
    """Show the names in `RunOptions` where ``**options`` stands: in ``help()`` and to whoever completes names."""
    kinds = get_type_hints(RunOptions)
    return naming({name: Named(kind, DEFAULTS.get(name), meaning(name)) for name, kind in kinds.items()})(function)


def naming(keywords: Mapping[str, Named]) -> Callable[[Function], Function]:
    """Put keywords into a function's signature, and into its docstring where the line about ``**options`` stands."""

    def named(function: Function) -> Function:
        own, only = inspect.signature(function), inspect.Parameter.KEYWORD_ONLY
        shown = [inspect.Parameter(n, only, default=k.default, annotation=k.kind) for n, k in keywords.items()]
        kept = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        function.__signature__ = own.replace(parameters=[*kept, *shown])  # type: ignore[attr-defined]
        listed = "\n".join(f"        {name}: {keyword.meaning}" for name, keyword in keywords.items())
        function.__doc__ = (function.__doc__ or "").replace("        options: see below.", listed)
        return function

    return named


def as_mode(mode: ModeLike, settings: Mapping[str, Any] | None = None) -> Mode:
    """The mode itself; `settings` are for what it leaves open.

    Raises:
        UsageError: a setting that no part of the mode has, or that contradicts it, or a value out of range.
    """
    if isinstance(mode, str):
        return Mode.parse(mode, settings)
    return Mode.from_args({**(Mode(mode) if isinstance(mode, Method) else mode).to_args(), **(settings or {})})


def listed(names: str | Sequence[str] | None) -> list[str]:
    """Names from a comma list or a sequence."""
    parts = names.split(",") if isinstance(names, str) else names or ()
    return [name for part in parts if (name := part.strip())]


def drawing(options: RunOptions) -> dict[str, Any]:
    """The settings of sampling that were given."""
    return {name: value for name in DRAWING if (value := options.get(name)) is not None}


def tasks_named(task: str | Sequence[str], judge: str | None) -> list[Benchmarks]:
    """The benchmarks, groups and files that are named; what the user should know of them is printed.

    Raises:
        UsageError: a name is unknown or a file cannot be read.
    """
    from entmin.tasks.registry import resolve

    found = resolve(task if isinstance(task, str) else ",".join(task), judge)
    for notice in (notice for one in found for notice in one.notices):
        say(f"note: {notice}", err=True)
    return found


def require_inputs(infos: Sequence[Benchmarks], models: Sequence[str], options: RunOptions) -> None:
    """Refuse options of the engine, models and data that cannot be had, before anything is loaded.

    Raises:
        UsageError: an option that the engine cannot honour.
        EntminError: neither the Hub nor the cache has the models or data.
    """
    from entmin.tasks.registry import require_sources

    choice_of(options)
    require_sources(infos, str(options.get("data_dir") or ""))
    if options.get("engine", "transformers") == "transformers":
        for model in models:
            require_model(model, options.get("revision"))


def spec_of(model: str, mode: Mode, options: RunOptions) -> RunSpec:
    """What a run computes.

    Raises:
        UsageError: an option that the engine cannot honour.
    """
    from entmin.evals.run import RunSpec

    return RunSpec(
        model,
        mode,
        limit=options.get("limit"),
        epochs=options.get("epochs", 1),
        max_tokens=options.get("max_tokens"),
        task_options=task_options(options),
        engine=choice_of(options),
    )


def results_of(options: RunOptions) -> tuple[Path, bool]:
    """The folder of results, and whether to be quiet.

    Raises:
        EntminError: nothing can be written there.
    """
    folder = Path(options.get("results", "results"))
    require_place(folder, "--results")
    return folder, options.get("quiet", False)


def choice_of(options: Mapping[str, Any]) -> EngineChoice:
    """The engine with all its options.

    Raises:
        UsageError: an option that the engine cannot honour.
    """
    from entmin.evals.choice import EngineChoice

    urls, name = listed(options.get("base_url")), str(options.get("engine", "transformers")).strip().lower()
    # The key may come from the environment, where it stands for other runs too.
    key = None if name == "transformers" else options.get("api_key") or os.environ.get("ENTMIN_API_KEY")
    given = tuple((option, value) for option, value in engine_settings(options).items() if value != "auto")
    said = {name: value for name in ("chat_template_kwargs", "reasoning_effort") if (value := options.get(name))}
    return EngineChoice(name, tuple(urls), key, given, json.dumps(said, sort_keys=True))


def engine_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's options, as far as they were given."""
    return {name: value for name in _ENGINE if (value := options.get(name)) is not None}


def task_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options for the tasks' factories, with no sandbox where that was asked for."""
    chosen = {name: value for name in _TASK if (value := options.get(name)) is not None}
    if "data_dir" in chosen:
        chosen["data_dir"] = str(chosen["data_dir"])
    unsafe = {"sandbox": "unsafe-none"} if options.get("unsafe_no_sandbox") else {}
    return chosen | dict(options.get("task_args") or {}) | unsafe
