"""The metrics of a log, recomputed from its samples; no number is taken from the aggregates that the run wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.scorer import Score

from entmin.errors import EntminError, UsageError
from entmin.evals.scores import correct, deciding, require_readable
from entmin.problem import GROUPS
from entmin.stats.estimates import Answer, Equivalence, Runs, avg_at_k, by_group, group_answers, maj_at_k, pass_at_k

_CUT = ("max_tokens", "model_length")


def summarize_log(log: EvalLog, scorer: str | None = None, equivalent: Equivalence | None = None) -> dict[str, Any]:
    """Accuracy, pass@k, maj@k, breakdowns and shares of an Inspect log, recomputed from its samples.

    Args:
        log: The log, samples included.
        scorer: Whose verdicts to use; by default the first rule-based scorer of the log, or its first scorer where
            none is entmin's. A judge's verdicts are taken only when asked for by name.
        equivalent: When two answers are the same for maj@k; by default the grader of the log's benchmark.

    Raises:
        EntminError: the log has no samples or no such scores.
    """
    samples = sorted(log.samples or [], key=lambda sample: sample.epoch)
    if not samples:
        raise EntminError("the log holds no samples; read it with header_only=False, or run the evaluation again")
    name = scorer or deciding(samples)
    require_readable(samples, name)
    recorded = log.eval.metadata or {}
    benchmark = str(recorded.get("benchmark", log.eval.task))
    answers: dict[str, list[Answer]] = {}
    for sample in samples:
        answers.setdefault(str(sample.id), []).append(_answer(sample, name))
    runs = {problem: [answer.correct for answer in given] for problem, given in answers.items()}
    same = equivalent or partial(_equivalent, str(recorded.get("rules", benchmark)))
    k = min(len(judged) for judged in runs.values())
    powers = [2**i for i in range(k.bit_length())]
    return {
        "benchmark": benchmark,
        "scorer": name,
        "other_scorers": sorted({one for sample in samples for one in sample.scores or {}} - {name}),
        "graders": dict(_graders(samples, name)),
        "problems": len(runs),
        "samples": len(samples),
        "samples_per_problem": k,
        "pass@1": avg_at_k(runs).to_dict(),
        "pass@k": {str(size): pass_at_k(runs, size).to_dict() for size in sorted({*powers, k})},
        # Two programs are not comparable without running them, so there is no vote among them.
        "maj@k": None if recorded.get("kind") == "code" else _majority(answers, k, same, int(recorded.get("seed", 0))),
        "by": _breakdowns(samples, runs),
        **_parts(samples, name),
        **_rounds(samples, name),
        **_shares(samples, name),
    }


def verdicts(log: EvalLog, scorer: str | None = None) -> Runs:
    """Problem id to the verdicts of its samples, in order of epoch (`entmin.evals.scores.correct`).

    Raises:
        EntminError: the log has no graded samples.
    """
    samples = sorted(log.samples or [], key=lambda sample: sample.epoch)
    name = scorer or deciding(samples)
    judged: dict[str, list[bool | float | None]] = {}
    for sample in samples:
        judged.setdefault(str(sample.id), []).append(_answer(sample, name).correct)
    return judged


def distinct_answers(log: EvalLog, k: int, equivalent: Equivalence | None = None) -> float | None:
    """Mean number of different answers among a problem's first k samples; None where answers cannot be compared.

    No answer is none of them. Two programs are not comparable without running them.
    """
    samples = sorted(log.samples or [], key=lambda sample: sample.epoch)
    recorded, name = log.eval.metadata or {}, deciding(samples)
    same = equivalent or partial(_equivalent, str(recorded.get("rules", recorded.get("benchmark", log.eval.task))))
    texts: dict[str, list[str | None]] = {}
    for sample in samples:
        texts.setdefault(str(sample.id), []).append(_answer(sample, name).text)
    try:
        counts = [len(group_answers(given[:k], same)) for given in texts.values()]
    except UsageError:
        return None
    return None if recorded.get("kind") == "code" or not counts else sum(counts) / len(counts)


def _equivalent(benchmark: str, one: str, other: str) -> bool | None:
    from entmin.tasks.answers import equivalent

    return equivalent(benchmark, one, other)


def _score(sample: EvalSample, name: str) -> Score | None:
    return (sample.scores or {}).get(name)


def _answer(sample: EvalSample, name: str) -> Answer:
    score = _score(sample, name)
    if score is None:
        return Answer(None, None)
    return Answer(score.answer, correct(score))


def _graders(samples: Sequence[EvalSample], name: str) -> Counter[str]:
    """How many samples each grader version judged: more than one version in a log is worth seeing."""
    found = ((_score(sample, name) or Score(value=0)).metadata or {} for sample in samples)
    return Counter(f"{one['grader']} {one['grader_version']}" for one in found if "grader" in one)


def _majority(answers: Mapping[str, Sequence[Answer]], k: int, same: Equivalence, seed: int) -> dict[str, Any] | None:
    if k < 2:
        return None
    try:
        estimated, not_judged = maj_at_k(answers, k, same, seed)
    except UsageError:
        # A benchmark whose answers have no equivalence, such as programs, has no majority either.
        return None
    return {"k": k, **estimated.to_dict(), "not_judged": not_judged}


def _parts(samples: Sequence[EvalSample], name: str) -> dict[str, Any]:
    """The rate of right sub-problems, where problems have several: over all of them, as their benchmark counts."""
    runs: dict[str, list[bool | float | None]] = {}
    for sample in samples:
        score = _score(sample, name)
        for part, reason in ((score.metadata or {}).get("parts") or {}).items() if score else ():
            runs.setdefault(f"{sample.id}/{part}", []).append(reason == "match")
    return {"sub-problems": avg_at_k(runs).to_dict()} if runs else {}


def _rounds(samples: Sequence[EvalSample], name: str) -> dict[str, Any]:
    """Accuracy after each round, where an answer was refined; a refinement that stopped early keeps its last answer."""
    judged = [_round_verdicts(sample, name) for sample in samples]
    most = max((len(one) for one in judged), default=0)
    if most < 2 or not all(judged):
        return {}
    runs: list[dict[str, list[bool | float | None]]] = [{} for _ in range(most)]
    for sample, verdicts_ in zip(samples, judged, strict=True):
        for number, run in enumerate(runs):
            run.setdefault(str(sample.id), []).append(verdicts_[min(number, len(verdicts_) - 1)])
    stopped = sum("refinement_stopped" in (sample.output.metadata or {}) for sample in samples)
    return {"rounds": [avg_at_k(run).to_dict() for run in runs], "refinements_stopped_early": stopped}


def _round_verdicts(sample: EvalSample, name: str) -> list[bool | float | None]:
    """One for each round, the last from the sample's own score; empty where rounds were not scored."""
    rounds = (sample.output.metadata or {}).get("rounds") or []
    if not rounds or any("correct" not in one for one in rounds[:-1]):
        return []
    return [*(one["correct"] for one in rounds[:-1]), _answer(sample, name).correct]


def _breakdowns(samples: Sequence[EvalSample], runs: Runs) -> dict[str, Any]:
    return {
        key: {group: estimated.to_dict() for group, estimated in by_group(runs, groups).items()}
        for key in GROUPS
        if (groups := dict(_grouping(samples, key)))
    }


def _grouping(samples: Sequence[EvalSample], key: str) -> Iterator[tuple[str, str]]:
    for sample in samples:
        if sample.metadata.get(key) is not None:
            yield str(sample.id), str(sample.metadata[key])


def _shares(samples: Sequence[EvalSample], name: str) -> dict[str, Any]:
    """What did not come to an ordinary verdict, as counts and shares of all samples."""
    truncated = sum(sample.output.stop_reason in _CUT for sample in samples if sample.output.choices)
    failed = sum(sample.error is not None for sample in samples)
    scored = [score for sample in samples if (score := _score(sample, name)) is not None]
    unanswered = sum(score.answer is None for score in scored)
    not_judged = sum(correct(score) is None for score in scored) + len(samples) - len(scored)
    counts = {"truncated": truncated, "unanswered": unanswered, "not_judged": not_judged, "failed": failed}
    reasons = Counter(str((score.metadata or {}).get("reason")) for score in scored)
    # Of programs only: whose tests could not be held apart from them.
    together = [(score.metadata or {}).get("judged_in_process") for score in scored]
    if any(one is not None for one in together):
        counts["judged_in_process"] = sum(one is True for one in together)
    return {
        **{key: {"n": n, "share": n / len(samples)} for key, n in counts.items()},
        "reasons": dict(sorted(reasons.items())),
    }
