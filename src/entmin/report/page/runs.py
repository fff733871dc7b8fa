"""From finished runs to what a page shows: answers side by side, and what they depended on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from entmin.evals.cost import cost_of
from entmin.evals.metrics import verdicts
from entmin.report.page.document import MOST_PROBLEMS, Alternative, Answer, Flip, Token

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample

    from entmin.evals.run import RunResult

_MOST_TOKENS = 24_000
"""Of all answers on a page, so that a browser opens it at once; the first few problems are shown all the same."""
_FEWEST = 4
TOKENS = "tokens"
"""Metadata of an output under which its recorded tokens stand: [text, before, after, [[text, probability], ...]]."""

Labelled = Sequence[tuple[str, "RunResult"]]


def flips(runs: Labelled) -> tuple[Flip, ...]:
    """Problems whose first answers are not right in all arms or wrong in all; of a single arm simply its first ones.

    Each shows the first answer of every arm, up to `MOST_PROBLEMS` and a size that a browser opens at once.
    """
    judged = [verdicts(run.log) for _, run in runs]
    samples = [_first_samples(run) for _, run in runs]
    shared = [p for p in judged[0] if all(p in one for one in judged)]
    if len(runs) > 1:
        shared = [p for p in shared if len({one[p][0] for one in judged} - {None}) > 1]
    shared.sort(key=lambda p: not all(_recorded(one[p]) for one in samples))
    found: list[Flip] = []
    tokens = 0
    for problem in shared[:MOST_PROBLEMS]:
        answers = tuple(
            _answer(label, one[problem], _right(verdict[problem][0]))
            for (label, _), one, verdict in zip(runs, samples, judged, strict=True)
        )
        tokens += sum(len(answer.tokens) for answer in answers)
        if len(found) >= _FEWEST and tokens > _MOST_TOKENS:
            break
        found.append(Flip(problem, question(samples[0][problem]), target(samples[0][problem]), answers))
    return tuple(found)


def lengths(run: RunResult) -> list[float]:
    """Tokens written for each answer, over all calls made for it."""
    return [cost_of(sample.output).output_tokens for sample in run.log.samples or []]


def facts(runs: Labelled) -> list[tuple[str, str]]:
    """Settings, versions and hardware: once where all arms share them, else arm by arm."""
    summaries = [(label, run.summary) for label, run in runs]
    names = dict.fromkeys(name for _, summary in summaries for name in summary["settings"])
    found = []
    for name in names:
        values = [(label, _words(summary["settings"].get(name))) for label, summary in summaries]
        if len({value for _, value in values}) == 1:
            found.append((name.replace("_", " "), values[0][1]))
        else:
            found += [(f"{name.replace('_', ' ')} of {label}", value) for label, value in values]
    first = summaries[0][1]
    found += [(f"version of {name}", str(value)) for name, value in first["versions"].items()]
    found += [(name, _words(value)) for name, value in first["hardware"].items() if value is not None]
    found += [("dtype", str(first["dtype_used"])), ("git revision", str(first["git_revision"]))]
    found += [("note", notice) for notice in dict.fromkeys(n for _, run in runs for n in run.summary["notices"])]
    return found + [(f"run of {label}", "/".join(run.folder.parts[-3:])) for label, run in runs]


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _right(verdict: bool | float | None) -> bool | None:
    return None if verdict is None else verdict == 1


def _first_samples(run: RunResult) -> Mapping[str, EvalSample]:
    return {str(sample.id): sample for sample in reversed(sorted(run.log.samples or [], key=lambda s: s.epoch))}


def _recorded(sample: EvalSample) -> bool:
    return bool((sample.output.metadata or {}).get(TOKENS))


def question(sample: EvalSample) -> str:
    """What was asked, without system turns."""
    if isinstance(sample.input, str):
        return sample.input
    return "\n\n".join(message.text for message in sample.input if message.role != "system")


def target(sample: EvalSample) -> str:
    """The right answer as the log has it."""
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
