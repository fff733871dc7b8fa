"""From finished runs to what a page shows: arms as points and rows, and the problems on which two of them differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from entmin.report.page.document import Alternative, Answer, Flip, Token
from entmin.report.table import Table
from entmin.report.words import difference_cells, percent_cell

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample

    from entmin.evals.run import RunResult
    from entmin.report.compare import ComparedArm

MOST_FLIPS = 30
"""Pairs of answers on a page; those whose tokens were recorded first."""
TOKENS = "tokens"
"""Metadata of an output under which its recorded tokens stand: [text, before, after, [[text, probability], ...]]."""


def arms_table(rows: Sequence[ComparedArm], baseline: str) -> Table:
    """Every arm of a comparison."""
    columns = (
        "arm", "accuracy % [95 %]", "n", f"difference to {baseline} [95 %]", "p (Holm)", "entropy, nats", "tokens",
        "cut %", "no answer %", "not judged",
    )  # fmt: skip
    return Table("Arms", columns, tuple(_cells(row) for row in rows), "Accuracies and differences in percent points.")


def _cells(row: ComparedArm) -> tuple[str, ...]:
    return (
        row.label,
        percent_cell(row.accuracy),
        str(row.accuracy.n),
        *difference_cells(row.difference, row.p_holm),
        "–" if row.entropy_after is None else f"{row.entropy_after:.2f}",
        f"{row.cost.output_tokens:.0f}",
        f"{100 * row.truncated:.0f}",
        f"{100 * row.unanswered:.0f}",
        str(row.not_judged),
    )


def flips(left: tuple[str, RunResult], right: tuple[str, RunResult], most: int = MOST_FLIPS) -> tuple[Flip, ...]:
    """Problems whose first sample one arm has right and the other has not."""
    from entmin.evals.metrics import verdicts

    one, other = (verdicts(run.log) for _, run in (left, right))
    differing = [p for p in one if p in other and None not in (one[p][0], other[p][0]) and one[p][0] != other[p][0]]
    lefts, rights = (_first_samples(run) for _, run in (left, right))
    differing.sort(key=lambda p: (not (_recorded(lefts[p]) and _recorded(rights[p])), p))
    return tuple(
        Flip(
            problem,
            _question(lefts[problem]),
            _target(lefts[problem]),
            _answer(left[0], lefts[problem], _right(one[problem][0])),
            _answer(right[0], rights[problem], _right(other[problem][0])),
        )
        for problem in differing[:most]
    )


def _right(verdict: bool | float | None) -> bool | None:
    return None if verdict is None else verdict == 1


def _first_samples(run: RunResult) -> Mapping[str, EvalSample]:
    return {str(sample.id): sample for sample in reversed(sorted(run.log.samples or [], key=lambda s: s.epoch))}


def _recorded(sample: EvalSample) -> bool:
    return bool((sample.output.metadata or {}).get(TOKENS))


def _question(sample: EvalSample) -> str:
    if isinstance(sample.input, str):
        return sample.input
    return "\n\n".join(message.text for message in sample.input if message.role != "system")


def _target(sample: EvalSample) -> str:
    return sample.target if isinstance(sample.target, str) else ", ".join(sample.target)


def _answer(arm: str, sample: EvalSample, correct: bool | None) -> Answer:
    recorded: list[list[Any]] = (sample.output.metadata or {}).get(TOKENS) or [
        [sample.output.completion, None, None, []]
    ]
    tokens = (
        Token(str(text), before, after, tuple(Alternative(str(a), float(p)) for a, p in top))
        for text, before, after, top in recorded
    )
    return Answer(arm, correct, tuple(tokens))
