"""Few-shot prompts: solved problems of a training split, as turns before the question.

Examples come from the split that a benchmark names (`Benchmark.shots`), in its order, those of the question's own
subject first. None of them is a problem that is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from entmin.errors import UsageError
from entmin.problem import Problem
from entmin.tasks.data import content_hash

if TYPE_CHECKING:
    from entmin.tasks.benchmark import Benchmark

Turn = tuple[Literal["system", "user", "assistant"], str]
SOLUTION = "solution"
"""Where `Problem.extra` of an example has its worked solution."""


def require_examples(benchmark: Benchmark, count: int) -> None:
    """Refuse examples of a benchmark that has none.

    Raises:
        UsageError: it has no training split, or the count is negative.
    """
    if count < 0:
        raise UsageError(f"shots must be 0 or more, not {count}")
    if count and benchmark.shots is None:
        raise UsageError(f"{benchmark.name} has no training split that examples could come from; leave out --shots")


class Shots:
    """The turns that stand before a question."""

    def __init__(
        self, benchmark: Benchmark, asked: Iterable[Problem], count: int, prompt: str, data_dir: str | None,
        source: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Read the examples.

        Args:
            benchmark: a benchmark that passes `require_examples`.
            asked: its problems.
            count: examples before each question; 0 for none.
            prompt: name of the prompt profile.
            data_dir: mirror folder.
            source: options of the benchmark's loader that were given.

        Raises:
            UsageError: there are too few.
            EntminError: the split is missing.
        """
        self._count, self._prompt, self._profile = count, prompt, benchmark.profile(prompt)
        self.about: dict[str, Any] = {}
        self._pool: list[Problem] = []
        self._of = cache(self._turns)
        if not count:
            return
        assert benchmark.shots is not None
        taken = {_key(problem) for problem in asked}
        self._pool = [one for one in benchmark.shots(data_dir, source) if _key(one) not in taken]
        if len(self._pool) < count:
            raise UsageError(f"{benchmark.name} has {len(self._pool)} examples; lower --shots {count}")
        self.about = {"shots": {"count": count, "split_rows": len(self._pool), "sha256": content_hash(self._pool)}}

    def before(self, problem: Problem) -> list[Turn]:
        """The turns before a problem's own."""
        return self._of(problem.subject)

    def _turns(self, subject: str | None) -> list[Turn]:
        nearest = sorted(self._pool, key=lambda one: one.subject != subject)[: self._count]
        turns: list[Turn] = []
        for one in nearest:
            turns += [(role, text) for role, text in self._profile.turns(one) if role == "user"]
            turns.append(("assistant", _answer(one, self._prompt)))
        return turns


def _key(problem: Problem) -> str:
    return "".join(problem.question.lower().split())


def _answer(problem: Problem, prompt: str) -> str:
    """An example's answer in the form that the prompt asks for."""
    if prompt == "direct":
        return str(problem.gold)
    return "\n\n".join(filter(None, (problem.extra.get(SOLUTION), f"\\boxed{{{problem.gold}}}")))
