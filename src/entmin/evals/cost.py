"""What answers cost: calls, tokens read and written, seconds. One answer may have taken several calls.

The cost stands in the metadata of a sample's output, and the output's usage is the sum over all calls, so that accuracy
can be set against everything that was spent on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from inspect_ai.log import EvalSample
from inspect_ai.model import ModelOutput, ModelUsage

_KEY = "cost"
_MEANS = ("entropy_before", "entropy_after", "log_probability", "self_certainty")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one answer, or the mean of several."""

    calls: float = 1
    """Requests to the model."""
    input_tokens: float = 0
    """Read in all requests together; a prompt sent twice counts twice, whether or not the server had it cached."""
    output_tokens: float = 0
    """Written in all requests together."""
    seconds: float | None = None
    """Model time, summed over calls; calls that ran side by side count in full. None where none is known."""


def cost_of(output: ModelOutput) -> Cost:
    """The cost of an output: noted by `total`, else that of one call."""
    noted = (output.metadata or {}).get(_KEY)
    if noted is not None:
        return Cost(**noted)
    usage = output.usage or ModelUsage()
    read = usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return Cost(1, read, usage.output_tokens, output.time)


def total(output: ModelOutput, outputs: Sequence[ModelOutput], /, **metadata: Any) -> ModelOutput:
    """An output with the usage, time and cost of all of them, and per-token means over all of them.

    Args:
        output: whose text is the answer.
        outputs: every output that was made for that answer, itself included.
        metadata: more to note on the result.
    """
    costs = [cost_of(one) for one in outputs]
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    cost = Cost(
        sum(cost.calls for cost in costs),
        sum(cost.input_tokens for cost in costs),
        sum(cost.output_tokens for cost in costs),
        sum(seconds) if seconds else None,
    )
    usage = sum((one.usage for one in outputs if one.usage), ModelUsage())
    kept = {key: value for key, value in (output.metadata or {}).items() if key != "prompt"}
    noted = kept | _means(outputs) | {_KEY: asdict(cost)} | metadata
    return output.model_copy(update={"usage": usage, "time": cost.seconds, "metadata": noted})


def _means(outputs: Sequence[ModelOutput]) -> dict[str, float]:
    """Means over all tokens of all outputs, of what every output has."""
    found = {}
    for name in _MEANS:
        pairs = [(cost_of(output).output_tokens, (output.metadata or {}).get(name)) for output in outputs]
        tokens = sum(count for count, _ in pairs)
        if tokens and all(value is not None for _, value in pairs):
            found[name] = sum(count * float(value) for count, value in pairs if value is not None) / tokens
    return found


def mean_cost(samples: Iterable[EvalSample]) -> Cost:
    """The mean cost of a sample."""
    costs = [cost_of(sample.output) for sample in samples]
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    if not costs:
        return Cost(0)
    return Cost(
        fmean(cost.calls for cost in costs),
        fmean(cost.input_tokens for cost in costs),
        fmean(cost.output_tokens for cost in costs),
        fmean(seconds) if seconds else None,
    )
