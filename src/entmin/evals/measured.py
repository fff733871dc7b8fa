"""What is measured of an answer: for a strategy, asked for by `several.STRATEGY`, and the record of its tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from inspect_ai.model import ChatMessage, Logprobs

from entmin.engine.loaded import LoadedModel
from entmin.engine.requests import Completion
from entmin.engine.text import pieces
from entmin.evals.several import STRATEGY
from entmin.evals.traces import entropy_centroid, trace_confidence
from entmin.strategies import STRATEGIES, DeepConf, LowestCentroid, Strategy


def strategy_of(messages: Sequence[ChatMessage]) -> Strategy | None:
    """The strategy that a conversation asks a measure for."""
    args = dict((messages[-1].metadata or {}).get(STRATEGY) or {})
    return STRATEGIES[args.pop("strategy")].from_settings(args) if args else None


def needed(strategy: Strategy | None) -> dict[str, Any]:
    """Fields of the engine's request that the measure needs."""
    if isinstance(strategy, DeepConf):
        return {"confidence": True, "alternatives": strategy.likeliest}
    return {"token_entropies": True} if isinstance(strategy, LowestCentroid) else {}


def measured(strategy: Strategy | None, done: Completion) -> dict[str, float]:
    """The measure of an answer of the engine, by the name of its kind."""
    if isinstance(strategy, DeepConf):
        return {"trace_confidence": trace_confidence([one.log_probabilities for one in done.confidence], strategy)}
    if isinstance(strategy, LowestCentroid):
        return {"entropy_centroid": entropy_centroid(done.before, strategy)}
    return {}


def token_record(loaded: LoadedModel, done: Completion) -> list[list[Any]]:
    """[text, entropy before, entropy after, [[alternative, probability], ...]] of each token; entropies in nats.

    The texts join to the whole answer: a token that ends inside a character has none, and the next has all of it.
    """
    rows: list[list[Any]] = []
    texts = pieces(loaded.tokenizer, done.tokens)
    for text, before, after, sure in zip(texts, done.before, done.after, done.confidence, strict=True):
        pairs = zip(sure.likeliest, sure.log_probabilities, strict=True)
        top = [[loaded.tokenizer.decode([one]), round(math.exp(p), 4)] for one, p in pairs]
        rows.append([text, round(before, 3), round(after, 3), top])
    return rows


def needed_of_server(strategy: Strategy | None) -> dict[str, Any]:
    """Fields of a request to a server that the measure needs."""
    return {"logprobs": True, "top_logprobs": strategy.likeliest} if isinstance(strategy, DeepConf) else {}


def measured_by_server(strategy: Strategy | None, logprobs: Logprobs | None) -> dict[str, float]:
    """The measure of a server's answer, by the name of its kind; nothing where the server did not say enough."""
    if not isinstance(strategy, DeepConf) or logprobs is None:
        return {}
    likeliest = [[one.logprob for one in token.top_logprobs or []] for token in logprobs.content]
    return {"trace_confidence": trace_confidence(likeliest, strategy)} if likeliest and all(likeliest) else {}
