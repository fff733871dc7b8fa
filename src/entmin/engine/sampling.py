"""From logits to tokens: adjust, then temperature, then truncation, then Gumbel-max with seeded noise.

A method that belongs after the temperature (`Method.stage`) adjusts there, before the truncation of the sampling.

The noise (`entmin.core.gumbel`) is a function of the request's seed, the step and the token. A request's tokens thus
depend on its seed and its logits alone; two methods run with one seed choose alike wherever their distributions agree,
which makes paired comparisons sharper; and no token of probability zero is ever drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from transformers import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from entmin.core import entropy, entropy_and_logprob, gumbel_argmax, self_certainty
from entmin.engine.requests import Request, TokenConfidence
from entmin.methods import Method, Normal
from entmin.methods.memory import MethodWithMemory
from entmin.mode import Sampling

if TYPE_CHECKING:
    from entmin.core import Adjusted
    from entmin.methods.memory import State

_NORMAL = Normal()


class Draw(NamedTuple):
    """One step's tokens and the entropies behind them, each ``[B]``."""

    tokens: Tensor
    before: Tensor
    """Entropy of the model's distribution, nats."""
    after: Tensor
    """Entropy of the distribution drawn from, nats; 0 for greedy rows."""
    confidence: dict[int, TokenConfidence] = {}  # noqa: RUF012 - a NamedTuple's default, never written to
    """Of the rows that ask."""
    states: dict[int, State] = {}  # noqa: RUF012 - as above
    """Next states of the rows whose method has memory."""
    drawn: dict[int, float] = {}  # noqa: RUF012 - as above
    """Log-probabilities of the tokens under the distributions they were drawn from, for the rows that ask."""


def draw(
    logits: Tensor,
    requests: list[Request],
    keys: Sequence[tuple[int, int]],
    room: Tensor | None = None,
    states: Sequence[State | None] = (),
) -> Draw:
    """Draw one token per row of ``[B, V]`` logits.

    A row without a finite distribution (NaN, +inf, or everything masked) gets NaN entropies and a token to ignore.

    Args:
        logits: ``[B, V]``, any floating dtype.
        requests: one a row.
        keys: of the noise of each row (`entmin.seeds.noise_key`).
        room: ``[B, V]`` float32 that may be written over, `logits` itself allowed; with it a step need not allocate.
        states: one a row, of those whose method has memory.
    """
    groups: dict[object, list[int]] = {}
    for row, request in enumerate(requests):
        groups.setdefault((request.method, request.sampling, request.drawn), []).append(row)
    if len(groups) == 1:
        if any(request.confidence for request in requests):
            room = None  # `logits` may lie there, and are asked once more
        drawn = _draw_group(logits, requests[0], torch.tensor(keys), room, states)
        return drawn._replace(confidence=_confidence(logits, requests, drawn.tokens, drawn.drawn))
    tokens = torch.empty(len(requests), dtype=torch.long, device=logits.device)
    before, after = logits.new_empty(2, len(requests), dtype=torch.float32)
    following: dict[int, State] = {}
    under: dict[int, float] = {}
    for rows in groups.values():
        index = torch.tensor(rows, device=logits.device)
        own = torch.tensor([keys[row] for row in rows])
        drawn = _draw_group(
            logits[index], requests[rows[0]], own, None, [states[row] for row in rows] if states else ()
        )
        tokens[index], before[index], after[index] = drawn.tokens, drawn.before, drawn.after
        following |= {rows[i]: state for i, state in drawn.states.items()}
        under |= {rows[i]: value for i, value in drawn.drawn.items()}
    return Draw(tokens, before, after, _confidence(logits, requests, tokens, under), following, under)


def _confidence(
    logits: Tensor, requests: list[Request], tokens: Tensor, under: dict[int, float]
) -> dict[int, TokenConfidence]:
    rows = [row for row, request in enumerate(requests) if request.confidence]
    if not rows:
        return {}
    asked, taken = (logits, tokens) if len(rows) == len(requests) else (logits[rows], tokens[rows])
    logprobs = entropy_and_logprob(asked, taken)[1]
    most = max(requests[row].alternatives for row in rows)
    ids, values = _likeliest(asked, taken, logprobs, most)
    found = {}
    for i, (row, sure, certain) in enumerate(zip(rows, logprobs.tolist(), self_certainty(asked).tolist(), strict=True)):
        k = requests[row].alternatives
        found[row] = TokenConfidence(sure, certain, tuple(ids[i][:k]), tuple(values[i][:k]), under.get(row))
    return found


def _likeliest(
    logits: Tensor, tokens: Tensor, logprobs: Tensor, most: int
) -> tuple[list[list[int]], list[list[float]]]:
    """Ids and log-probabilities of each row's likeliest tokens, likeliest first."""
    if not most:
        return [[]] * len(logits), [[]] * len(logits)
    top = logits.topk(min(most, logits.shape[-1]), dim=-1)
    # In float64, in which the token drawn gets back exactly the number that it has by itself.
    normalizer = logits.gather(-1, tokens[:, None]).cpu().double() - logprobs[:, None].cpu().double()
    return top.indices.tolist(), (top.values.cpu().double() - normalizer).tolist()


def _adjust(
    method: Method, logits: Tensor, room: Tensor | None, states: Sequence[State | None]
) -> tuple[Adjusted, dict[int, State]]:
    """What a method of the earlier stage makes of a group's rows, and the rows' next states where it has memory."""
    if not isinstance(method, MethodWithMemory):
        return method.adjust_measured(logits, room), {}
    adjusted, following = method.adjust_with(logits, [state for state in states if state is not None])
    return adjusted, dict(enumerate(following))


def _draw_group(
    logits: Tensor, request: Request, keys: Tensor, room: Tensor | None, states: Sequence[State | None]
) -> Draw:
    method, sampling = request.method, request.sampling
    later = method.stage == "after"
    (adjusted, before, after), following = _adjust(_NORMAL if later else method, logits, room, states)
    if sampling.temperature == 0:
        certain = dict.fromkeys(range(len(adjusted)), 0.0) if request.drawn else {}
        return Draw(adjusted.argmax(-1), before, torch.zeros_like(before), states=following, drawn=certain)
    scores = adjusted if sampling.temperature == 1 else adjusted / sampling.temperature
    scores = truncate(method.adjust(scores) if later else scores, sampling)
    if scores is not adjusted:
        after = entropy(scores)
    taken = gumbel_argmax(scores, keys)
    under = enumerate(entropy_and_logprob(scores, taken)[1].tolist()) if request.drawn else ()
    return Draw(taken, before, after, states=following, drawn=dict(under))


def truncate(scores: Tensor, sampling: Sampling) -> Tensor:
    """Top-k, top-p and min-p, by transformers' own warpers; returns `scores` when nothing applies."""
    ids = torch.empty(0, dtype=torch.long)
    if sampling.top_k:
        scores = TopKLogitsWarper(sampling.top_k)(ids, scores)
    if sampling.top_p < 1:
        scores = TopPLogitsWarper(sampling.top_p)(ids, scores)
    if sampling.min_p > 0:
        scores = MinPLogitsWarper(sampling.min_p)(ids, scores)
    return scores
