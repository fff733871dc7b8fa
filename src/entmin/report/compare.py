"""Compare decoding methods on the same problems and samples, against the first one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog, EvalSample

from entmin.durable import write_whole
from entmin.evals.cost import Cost, mean_cost
from entmin.evals.metrics import verdicts
from entmin.evals.run import RunResult
from entmin.mode import Sampling
from entmin.stats.estimates import Estimate, Runs, avg_at_k
from entmin.stats.paired import PairedDifference, holm, paired_difference, worst_case


@dataclass(frozen=True)
class ComparedArm:
    """One arm on one task."""

    task: str
    label: str
    model: str
    temperature: float
    method: dict[str, Any]
    """The method's flat arguments."""
    accuracy: Estimate
    problems: int
    samples: int
    difference: PairedDifference | None
    """Against the first arm; None for that arm itself."""
    p_holm: float
    """Corrected for all comparisons of the table."""
    strategy: dict[str, Any] | None
    """The strategy's settings; None where each answer was one call."""
    cost: Cost
    """Mean cost of an answer, over all calls made for it."""
    entropy_before: float | None
    """Nats per token of the model's own distribution, over the tokens decoded; None where the engine reports none."""
    entropy_after: float | None
    """Nats per token of the distribution that tokens were drawn from."""
    tokens_per_second: float | None
    truncated: float
    """Share of samples that hit the token limit."""
    unanswered: float
    """Share of samples in which no answer was found."""
    not_judged: int
    """Samples the grader could not judge; they are in no estimate."""
    log: str
    plain: bool = False
    """Plain decoding at some temperature, without truncation or strategy: it lies on the frontier of sharpening."""
    worst: tuple[float, float] | None = None
    """Outer bounds of the difference where answers were not judged: all of them against this arm, all for it."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; NaN becomes None."""
        plain = asdict(self) | {"accuracy": self.accuracy.to_dict()}
        if self.difference is not None:
            plain["difference"]["detectable"] = self.difference.detectable
        cleaned: dict[str, Any] = without_nan(plain)
        return cleaned


def compare(task: str, runs: Sequence[tuple[str, RunResult]]) -> list[ComparedArm]:
    """Rows of one task, in order; the first run is the baseline. `p_holm` is for this task alone (see `correct`)."""
    judged = [verdicts(result.log) for _, result in runs]
    rows = []
    for i, (label, result) in enumerate(runs):
        difference = paired_difference(judged[i], judged[0]) if i else None
        row = _row(task, label, result, judged[i], difference)
        rows.append(replace(row, worst=_worst(judged[i], judged[0]) if i else None))
    return correct(rows)


def _worst(run: Runs, baseline: Runs) -> tuple[float, float] | None:
    if all(verdict is not None for judged in (*run.values(), *baseline.values()) for verdict in judged):
        return None
    against, favour = worst_case(run, baseline)
    return against.low, favour.high


def correct(rows: Sequence[ComparedArm]) -> list[ComparedArm]:
    """The same rows with p-values corrected over all of them (Holm)."""
    adjusted = holm([math.nan if row.difference is None else row.difference.p_value for row in rows])
    return [replace(row, p_holm=p) for row, p in zip(rows, adjusted, strict=True)]


def _row(
    task: str,
    label: str,
    result: RunResult,
    judged: Runs,
    difference: PairedDifference | None,
) -> ComparedArm:
    summary, log = result.summary, result.log
    shares = summary["results"]
    before, after = _entropies(log)
    return ComparedArm(
        task=task,
        label=label,
        model=summary["settings"]["model"],
        temperature=summary["settings"]["sampling"]["temperature"],
        method=summary["settings"]["method"],
        accuracy=avg_at_k(judged),
        problems=shares["problems"],
        samples=shares["samples"],
        difference=difference,
        p_holm=math.nan,
        strategy=summary["settings"].get("strategy"),
        cost=mean_cost(log.samples or []),
        entropy_before=before,
        entropy_after=after,
        tokens_per_second=summary["tokens_per_second"],
        truncated=shares["truncated"]["share"],
        unanswered=shares["unanswered"]["share"],
        not_judged=shares["not_judged"]["n"],
        log=str(result.folder),
        plain=_is_plain(summary["settings"]),
    )


def _is_plain(settings: Mapping[str, Any]) -> bool:
    """Whether only the temperature may differ from plain sampling."""
    neutral = {**settings["sampling"], "temperature": 1.0} == asdict(Sampling())
    return neutral and settings["method"].get("entmin_method") == "normal" and not settings.get("strategy")


def _written(sample: EvalSample) -> int:
    return sample.output.usage.output_tokens if sample.output.usage else 0


def _entropies(log: EvalLog) -> tuple[float | None, float | None]:
    """Token-weighted means over the log's samples."""
    known = [
        (_written(sample), sample.output.metadata)
        for sample in log.samples or []
        if sample.output.metadata and "entropy_before" in sample.output.metadata
    ]
    total = sum(tokens for tokens, _ in known)
    if not total:
        return None, None
    before = sum(tokens * float(data["entropy_before"]) for tokens, data in known) / total
    after = sum(tokens * float(data["entropy_after"]) for tokens, data in known) / total
    return before, after


def write_json(path: Path, rows: Sequence[ComparedArm], about: Mapping[str, Any]) -> None:
    """Write the comparison as JSON."""
    document = {**about, "rows": [row.to_dict() for row in rows]}
    write_whole(path, json.dumps(document, indent=2, default=str) + "\n")


def without_nan(value: Any) -> Any:
    """A JSON value in which NaN, at any depth of its dictionaries, is None."""
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
