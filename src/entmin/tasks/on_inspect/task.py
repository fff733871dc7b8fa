"""From a benchmark to an Inspect task, the one way every benchmark here takes.

The whole prompt stands in `Sample.input`, so a runner may replace the solver (for seeded or entropy-minimised
decoding) without changing what is asked. Each sample carries its groups, its prompt profile and, for answers that are
text, its gold, so a log can be graded again and broken down without the data set. Where programs are judged the sandbox
is opened while the task is made: where they cannot run safely, nothing is asked of a model first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import Metric, Scorer, accuracy, grouped, stderr
from inspect_ai.solver import generate

from entmin.errors import UsageError, closest
from entmin.grading import GRADERS
from entmin.problem import GROUPS, Problem
from entmin.tasks.benchmark import Asked, Benchmark
from entmin.tasks.data import Loaded
from entmin.tasks.foreign import InspectTask
from entmin.tasks.on_inspect.graded import graded
from entmin.tasks.on_inspect.programs import programs
from entmin.tasks.prompts import Profile
from entmin.tasks.registry import Named, checked, problems, rules_of
from entmin.tasks.shots import Shots, require_examples


def make(info: Named, **options: Any) -> Task:
    """Build the Inspect task of a benchmark.

    Raises:
        UsageError: an option the benchmark does not have, or one of the wrong type.
        EntminError: its data are missing or not what they should be.
    """
    given = checked(info, options)
    return info.task(**given) if isinstance(info, InspectTask) else factory(info)(**given)


@cache
def factory(benchmark: Benchmark) -> Callable[..., Task]:
    """The benchmark as a function that Inspect knows, its options as parameters."""

    def make(**given: Any) -> Task:
        return _task(benchmark, {name: default for name, (_, default) in options.items()} | given)

    options = benchmark.options()
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(n, keyword, default=d, annotation=k) for n, (k, d) in options.items()]
    make.__signature__ = inspect.Signature(parameters, return_annotation=Task)  # type: ignore[attr-defined]
    make.__annotations__ = {name: kind for name, (kind, _) in options.items()}
    make.__name__ = make.__qualname__ = benchmark.name
    make.__doc__ = benchmark.summary
    made: Callable[..., Task] = task(make)
    return made


def _task(benchmark: Benchmark, options: Mapping[str, Any]) -> Task:
    profile, prompt, grader = benchmark.profile(options["prompt"]), options["prompt"], options["grader"]
    _require(benchmark, options)
    own = benchmark.own_options()
    source = {name: options[name] for name in own if options[name] != own[name][1]}
    loaded = _loaded(benchmark, options["data_dir"], source)
    if benchmark.refuse is not None:
        benchmark.refuse(benchmark, loaded, grader)
    about = profile.record(prompt)
    shots = Shots(benchmark, loaded.problems, options["shots"], prompt, options["data_dir"], source)
    samples = [_sample(benchmark, problem, profile, about) for problem in loaded.problems]
    _put_before(samples, loaded.problems, options["system"], shots)
    scorer, judged = _judge(benchmark, options, source)
    made = Task(
        dataset=MemoryDataset(samples, name=benchmark.name),
        solver=generate(),
        scorer=[scorer],
        metrics=_metrics(samples),
        name=benchmark.name,
        version=benchmark.version,
        metadata={
            "benchmark": benchmark.name,
            "rules": benchmark.rules or benchmark.name,
            "judge": benchmark.judge,
            "data": dict(loaded.record),
            "grader": grader,
            **judged,
            **loaded.about,
            **about,
            **shots.about,
        },
    )
    if benchmark.finish is not None:
        extra = {name: options[name] for name in benchmark.finish_options()}
        benchmark.finish(made, Asked(loaded, options["data_dir"], source), **extra)
    if options["system"] is not None and "solver" in (made.metadata or {}):
        raise UsageError(
            f"{benchmark.name} writes its prompts step by step and takes no system turn; leave out --system"
        )
    return made


def _require(benchmark: Benchmark, options: Mapping[str, Any]) -> None:
    """Refuse what needs no data to be known for wrong."""
    if (grader := options["grader"]) not in GRADERS:
        raise UsageError(f"unknown grader {grader!r}{closest(grader, list(GRADERS))}; there are {', '.join(GRADERS)}")
    require_examples(benchmark, options["shots"])


def _loaded(benchmark: Benchmark, data_dir: str | None, source: Mapping[str, Any]) -> Loaded:
    if benchmark.judge != "program" or benchmark.rules is not None:
        return benchmark.load(data_dir, **source)
    # The scorer loads the problems by the benchmark's name, because their tests do not stand in the log.
    return problems(benchmark.name, data_dir, source)


def _judge(
    benchmark: Benchmark, options: Mapping[str, Any], source: Mapping[str, Any]
) -> tuple[Scorer, Mapping[str, Any]]:
    """The scorer, and what the log says of it."""
    name, grader = benchmark.rules or benchmark.name, options["grader"]
    if benchmark.judge != "program":
        return graded(name, grader), {}
    rules = rules_of(benchmark, options)
    about = {"kind": "code", "limits": rules.limits().record(), **rules.open().record()}
    where = (options["data_dir"], dict(source) or None)
    return programs(name, grader, options["sandbox"], options["cpu_seconds"], *where), about


def _sample(benchmark: Benchmark, problem: Problem, profile: Profile, about: Mapping[str, Any]) -> Sample:
    groups = {"level": problem.level, "subject": problem.subject, "year": problem.year}
    known = {key: value for key, value in groups.items() if value is not None}
    metadata: dict[str, Any] = {**known, **problem.extra, **about}
    target = ""
    if benchmark.gold is not None:
        gold = benchmark.gold(problem.gold)
        metadata["gold"], target = gold.to_dict(), ", ".join(gold.answers)
    elif benchmark.rules is not None:
        metadata["gold"] = problem.gold
    return Sample(
        input=[message(role, text) for role, text in profile.turns(problem)],
        target=target,
        id=problem.id,
        metadata=metadata,
    )


def _put_before(samples: Sequence[Sample], problems: Sequence[Problem], system: str | None, shots: Shots) -> None:
    """Put the system turn and the examples before each question."""
    for sample, problem in zip(samples, problems, strict=True):
        asked = sample.input
        assert not isinstance(asked, str)
        own: list[ChatMessage] = [turn for turn in asked if turn.role == "system"]
        if own and system is not None:
            raise UsageError("this prompt has a system turn of its own: leave out --system, or choose another --prompt")
        first = own or ([] if system is None else [message("system", system)])
        examples = [message(role, text) for role, text in shots.before(problem)]
        sample.input = [*first, *examples, *(turn for turn in asked if turn.role != "system")]


def message(role: str, text: str) -> ChatMessage:
    """A turn as Inspect has it."""
    if role == "assistant":
        return ChatMessageAssistant(content=text)
    return ChatMessageSystem(content=text) if role == "system" else ChatMessageUser(content=text)


def _metrics(samples: Sequence[Sample]) -> list[Metric | dict[str, list[Metric]]]:
    """Accuracy and its standard error, and accuracy by each group that every sample has and that divides them."""
    found: list[Metric | dict[str, list[Metric]]] = [accuracy(), stderr()]
    for key in GROUPS:
        values: set[Any] = {(sample.metadata or {}).get(key) for sample in samples}
        if None not in values and len(values) > 1:
            found.append(grouped(accuracy(), key, all=False, name_template=f"{key}: {{group_name}}"))
    return found
