"""From a `Verdict` to an Inspect `Score`, the one way every scorer here uses."""

from __future__ import annotations

import math
from dataclasses import replace

from inspect_ai.scorer import Score
from inspect_ai.solver import TaskState

from entmin.verdict import Verdict


def score_of(verdict: Verdict, state: TaskState) -> Score:
    """Score 1.0, 0.0 or NaN (not judged), with the verdict in `Score.metadata`.

    An answer that hit the token limit before stating a result is reported as ``truncated``, not as ``no-answer``.
    """
    truncated = state.output.stop_reason in ("max_tokens", "model_length")
    if truncated and verdict.reason in ("no-answer", "no-code"):
        verdict = replace(verdict, reason="truncated")
    return Score(
        value=math.nan if verdict.correct is None else float(verdict.correct),
        answer=verdict.answer,
        explanation=verdict.reason,
        metadata=verdict.to_dict() | {"truncated": truncated},
    )
