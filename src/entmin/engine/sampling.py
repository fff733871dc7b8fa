"""From logits to tokens: adjust, then temperature, then truncation, then Gumbel-max with seeded noise.

A method that belongs after the temperature (`Method.stage`) adjusts there, before the truncation of the sampling.

The noise (`entmin.core.gumbel`) is a function of the request's seed, the step and the token. A request's tokens thus
depend on its seed and its logits alone; two methods run with one seed choose alike wherever their distributions agree,
which makes paired comparisons sharper; and no token of probability zero is ever drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from transformers.generation.logits_process import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from entmin.core import Certainty, certainty, entropy, entropy_and_logprob, gumbel_argmax
from entmin.engine.requests import Request, TokenConfidence
from entmin.methods import Method, Normal
from entmin.methods.memory import MethodWithMemory
from entmin.mode import Sampling

if TYPE_CHECKING:
    from entmin.core import Adjusted
    from entmin.methods.memory import State

_NORMAL = Normal()


class Under(NamedTuple):
    """The distribution that one token was drawn from."""

    log_probability: float
    """Of the token, nats."""
    scores: Tensor | None = None
    """``[V]`` logits; None where the token was certain."""


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
    drawn: dict[int, Under] = {}  # noqa: RUF012 - as above
    """Distributions that the tokens were drawn from, for the rows that ask."""


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
        return drawn._replace(confidence=_confidence(logits, requests, drawn))
    tokens = torch.empty(len(requests), dtype=torch.long, device=logits.device)
    before, after = logits.new_empty(2, len(requests), dtype=torch.float32)
    following: dict[int, State] = {}
    under: dict[int, Under] = {}
    for rows in groups.values():
        index = torch.tensor(rows, device=logits.device)
        own = torch.tensor([keys[row] for row in rows])
        drawn = _draw_group(
            logits[index], requests[rows[0]], own, None, [states[row] for row in rows] if states else ()
        )
        tokens[index], before[index], after[index] = drawn.tokens, drawn.before, drawn.after
        following |= {rows[i]: state for i, state in drawn.states.items()}
        under |= {rows[i]: value for i, value in drawn.drawn.items()}
    drawn = Draw(tokens, before, after, states=following, drawn=under)
    return drawn._replace(confidence=_confidence(logits, requests, drawn))


def _confidence(logits: Tensor, requests: list[Request], drawn: Draw) -> dict[int, TokenConfidence]:
    rows = [row for row, request in enumerate(requests) if request.confidence]
    if not rows:
        return {}
    asked, taken = (logits, drawn.tokens) if len(rows) == len(requests) else (logits[rows], drawn.tokens[rows])
    most = max(requests[row].alternatives for row in rows)
    measured = certainty(asked, taken, min(most, asked.shape[-1]))
    ids, values = measured.likeliest.tolist(), _log_probabilities_of_likeliest(measured, asked, taken)
    found = {}
    numbers = zip(rows, measured.logprob.tolist(), measured.self_certainty.tolist(), strict=True)
    for i, (row, sure, certain) in enumerate(numbers):
        k = requests[row].alternatives
        before, after = float(drawn.before[row]), float(drawn.after[row])
        one = TokenConfidence(sure, certain, tuple(ids[i][:k]), tuple(values[i][:k]), before=before, after=after)
        under = drawn.drawn.get(row)
        found[row] = one if under is None else _under_both(one, under, asked[i], int(taken[i]))
    return found


def _under_both(one: TokenConfidence, under: Under, logits: Tensor, token: int) -> TokenConfidence:
    """The same with the distribution drawn from, whose likeliest tokens join the alternatives."""
    k, scores = len(one.likeliest), under.scores
    if not k:
        return one._replace(drawn=under.log_probability)
    added = [] if scores is None else _kept(scores, k)
    union = torch.tensor(list(dict.fromkeys([*one.likeliest, *added, token])))
    before = _log_probabilities(logits, union, token, one.log_probability)
    after = (
        [0.0 if other == token else -math.inf for other in union.tolist()]
        if scores is None
        else _log_probabilities(scores, union, token, under.log_probability)
    )
    order = sorted(range(len(union)), key=lambda i: -before[i])
    return one._replace(
        likeliest=tuple(int(union[i]) for i in order),
        log_probabilities=tuple(before[i] for i in order),
        drawn=under.log_probability,
        drawn_log_probabilities=tuple(after[i] for i in order),
    )


def _kept(scores: Tensor, k: int) -> list[int]:
    """The likeliest tokens of a ``[V]`` row, as far as truncation has left them."""
    top = scores.topk(k)
    left: list[int] = top.indices[top.values > -math.inf].tolist()
    return left


def _log_probabilities(logits: Tensor, ids: Tensor, token: int, logprob: float) -> list[float]:
    """Of some tokens of a ``[V]`` row, from that of one of them."""
    index = ids.to(logits.device)
    found: list[float] = (logits[index].cpu().double() - (logits[token].cpu().double() - logprob)).tolist()
    return found


def _log_probabilities_of_likeliest(measured: Certainty, logits: Tensor, tokens: Tensor) -> list[list[float]]:
    """Of the likeliest tokens of each row."""
    # In float64, in which the token drawn gets back exactly the number that it has by itself.
    normalizer = logits.gather(-1, tokens[:, None]).cpu().double() - measured.logprob[:, None].cpu().double()
    found: list[list[float]] = (measured.values.cpu().double() - normalizer).tolist()
    return found


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
        certain = dict.fromkeys(range(len(adjusted)), Under(0.0)) if request.drawn else {}
        return Draw(greedy(adjusted), before, torch.zeros_like(before), states=following, drawn=certain)
    scores = adjusted if sampling.temperature == 1 else adjusted / sampling.temperature
    scores = truncate(method.adjust_checked(scores) if later else scores, sampling)
    if scores is not adjusted:
        after = entropy(scores)
    taken = gumbel_argmax(scores, keys)
    values = entropy_and_logprob(scores, taken)[1].tolist() if request.drawn else []
    under = {i: Under(value, scores[i]) for i, value in enumerate(values)}
    return Draw(taken, before, after, states=following, drawn=under)


def greedy(scores: Tensor) -> Tensor:
    """The likeliest token of each row; by NumPy on a CPU, three times as fast as torch (`benchmarks/certainty.py`)."""
    if scores.device.type != "cpu" or scores.dtype != torch.float32:
        return scores.argmax(-1)
    return torch.from_numpy(scores.numpy().argmax(-1))


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
