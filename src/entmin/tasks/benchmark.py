"""What a benchmark is: where its problems are, how they are put to a model, what is right, and who judges.

A benchmark is one file of this package with one instance of `Benchmark`; gsm8k.py is the shortest to copy from. Nothing
lists them: `entmin.tasks.registry` finds the instances in the modules of this package and of the plugins. So no such
module imports torch, Inspect or `datasets` at its top.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from entmin.errors import UsageError, closest
from entmin.programs.judge import LIMITS
from entmin.programs.judge import judge as judge_program
from entmin.tasks.data import Convert, Loaded, Source, load
from entmin.tasks.prompts import Profile

if TYPE_CHECKING:
    from entmin.grading.gold import Gold
    from entmin.problem import Problem
    from entmin.programs.judge import Judgement, Rules
    from entmin.sandbox import Limits

Judge = Literal["math", "choice", "exact", "physics", "integer", "program"]
"""Who judges answers, and says when two are the same: the graders of `entmin.grading`, or a sandbox."""
Options = dict[str, tuple[Any, Any]]
"""Option name to its type and its default."""


def whole(benchmark: Benchmark, data_dir: str | None) -> Loaded:
    """The loader of most benchmarks: all parts of their source."""
    return benchmark.parts(data_dir)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a task was made of."""

    loaded: Loaded
    data_dir: str | None
    source: Mapping[str, Any]
    """The options of the loader that were given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Benchmark:
    """A benchmark, read from top to bottom."""

    name: str
    summary: str
    """One line for ``entmin list tasks``."""
    groups: tuple[str, ...] = ()
    place: int = 1000
    """Where it stands in lists and in the runs of its groups; equal ones by name."""
    max_tokens: int = 4096
    """Length limit of an answer where the user sets none; 4096 is the paper's."""
    version: int = 1
    """Raised when the same answers can get another score (data, gold or sample ids changed)."""

    source: Source | None = None
    problem: Convert | None = None
    """From a record of the source to a problem."""
    loader: Callable[..., Loaded] = whole
    """From the benchmark, the mirror folder and options of its own (its keyword parameters) to the problems."""

    prompts: Mapping[str, Profile]
    """Profile name to profile; the first is the default."""

    shots: Callable[[str | None, Mapping[str, Any]], Iterable[Problem]] | None = None
    """From the mirror folder and the loader's options to the solved problems of a training split (`tasks.shots`)."""

    judge: Judge
    gold: Callable[[Any], Gold] | None = None
    """From the answer as the data set declares it to what the grader reads; None for programs."""
    rules: str | None = None
    """The name that graders know the benchmark by; None is its own."""
    judging: Callable[[Problem, str, Rules], Judgement] = judge_program
    """Judges a program; with another `assemble`, the way from an answer to the program that is run."""
    limits: Limits = LIMITS
    """Of one case of a program."""
    known: Callable[[], Mapping[str, str]] = dict
    """Right programs for ``entmin check`` where the data set has none; problem id to program."""
    odd: Mapping[str, str] = field(default_factory=dict)
    """Problems whose gold cannot pass ``entmin check``, and why; id to reason."""

    finish: Callable[..., None] | None = None
    """Changes the finished Inspect task, given it and an `Asked`; its keyword-only parameters are options."""
    refuse: Callable[[Benchmark, Loaded, str], None] | None = None
    """Raises a `UsageError` for problems that this grader cannot judge, before a model is asked."""
    notices: tuple[str, ...] = ()
    """What the user should know before the run."""

    def parts(self, data_dir: str | None, names: Sequence[str] | None = None) -> Loaded:
        """All parts of the source, or the named ones.

        Raises:
            EntminError: they are missing or not what they should be.
        """
        assert self.source is not None and self.problem is not None
        return load(self.name, self.source, self.problem, data_dir, names)

    def load(self, data_dir: str | None = None, **options: Any) -> Loaded:
        """The problems, from a mirror folder, ``ENTMIN_DATA``, or the Hub.

        Args:
            data_dir: the mirror folder.
            options: those of the loader.

        Raises:
            EntminError: they are missing or not what they should be.
        """
        return self.loader(self, data_dir, **options)

    def profile(self, name: str) -> Profile:
        """The prompt profile of a name.

        Raises:
            UsageError: there is none; the message names those there are.
        """
        known = ", ".join(self.prompts)
        if name == "paper" and "paper" not in self.prompts:
            first = next(iter(self.prompts))
            raise UsageError(f"{self.name} has no 'paper' prompt, because none was published; use prompt={first}")
        if name not in self.prompts:
            near = closest(name, list(self.prompts))
            raise UsageError(f"{self.name} has no prompt {name!r}{near}; profiles: {known}")
        return self.prompts[name]

    def options(self) -> Options:
        """The options of the task; every benchmark has those that come first here."""
        common: Options = {
            "prompt": (str, next(iter(self.prompts))),
            "data_dir": (str | None, None),
            "grader": (str, "entmin"),
            "system": (str | None, None),
            "shots": (int, 0),
        }
        if self.judge == "program":
            common |= {"sandbox": (str, "bubblewrap"), "cpu_seconds": (int | None, None)}
        return common | self.own_options() | self.finish_options()

    def finish_options(self) -> Options:
        """The options of `finish`."""
        return {} if self.finish is None else _keywords(self.finish)

    def own_options(self) -> Options:
        """The options of the loader."""
        return dict(list(parameters(self.loader).items())[2:])


def parameters(function: Callable[..., Any]) -> Options:
    """The options that a function takes: each parameter with its type and its default."""
    hints = get_type_hints(inspect.unwrap(function), localns={"Task": Any})  # Inspect is not imported here
    return {
        name: (hints.get(name, Any), parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
    }


def _keywords(function: Callable[..., Any]) -> Options:
    kinds = inspect.signature(function).parameters
    alone = inspect.Parameter.KEYWORD_ONLY
    return {name: option for name, option in parameters(function).items() if kinds[name].kind is alone}
