"""Whether decoding a model step by step gives what one pass over its tokens gives, tried when it is loaded.

Rows of different lengths are prefilled together, one leaves, one joins, and at each step the logits are compared with
those of one pass without cache and padding. This finds what no list of architectures can: models that read padding as
text, that keep their past where it is not asked for, that count positions in a way of their own, or that look ahead.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from entmin.engine.cache import reaches_all
from entmin.engine.loaded import Decoding, LoadedModel
from entmin.engine.requests import Request
from entmin.engine.rows import BatchRow
from entmin.engine.rowwise import batch_for
from entmin.errors import EntminError, first_line

_WAYS: tuple[tuple[Decoding, bool], ...] = (
    ("padded", True),
    ("padded", False),
    ("rowwise", False),
    ("rowwise with positions", False),
    ("recomputed", False),
)
"""With and without a shared beginning of prompts (`LoadedModel.shares`)."""
_PROMPTS = (8, 4, 6)
"""Tokens of the three prompts; the third joins when the first has left."""
_SHARED = 3
"""Tokens that the first two prompts begin with."""
_LENGTH = 10
_REFUSED = {
    "MoshiForCausalLM": "its cache forgets what lies before its sliding window, and one pass over a text does not",
}
"""What so short a text cannot show; tests/engine/test_architectures.py found it."""
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.15}
"""Largest root mean square difference of logits, in their standard deviations. Wrong decoding gives 0.3 and more in a
trained model, rounding in half precision a few hundredths."""


def choose_decoding(loaded: LoadedModel) -> bool:
    """Set the fastest way to decode the model that gives what one pass gives, and why it is not the usual one.

    Returns:
        Whether there was something to compare with: numbers that are finite.

    Raises:
        EntminError: no way does, with the reason.
    """
    ids = _tokens(loaded)
    try:
        expected = _one_pass(loaded, ids)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # each model has errors of its own
        raise EntminError(f"{_kind(loaded)} does not read text alone ({_said(error)})") from error
    if not expected.isfinite().all():
        return False  # decoding says so where it matters
    if type(loaded.model).__name__ in _REFUSED:
        raise EntminError(f"{_kind(loaded)} does not decode as it is trained: {_REFUSED[type(loaded.model).__name__]}")
    reasons: dict[Decoding, str] = {}
    for decoding, shares in _WAYS:
        if shares and not reaches_all(loaded.model.config):
            continue
        loaded.decoding, loaded.shares = decoding, shares
        if reasons:
            _one_pass(loaded, ids)  # without cache, so that nothing of the last try is left in the modules
        apart, reasons[decoding] = _try(loaded, ids, expected)
        if apart <= _TOLERANCE.get(loaded.dtype, 1e-3):
            loaded.reason = "" if decoding == "padded" else reasons["padded"]
            return True
    if _distance(_one_pass(loaded, ids)[0, 0], expected[0, 0]) > 0:
        raise EntminError(f"{_kind(loaded)} gives other logits each time it reads the same tokens")
    raise EntminError(
        f"{_kind(loaded)} does not predict a token from the ones before it alone: it is no causal model, or its "
        "configuration does not say so (is_decoder)"
    )


def _try(loaded: LoadedModel, ids: Tensor, expected: Tensor) -> tuple[float, str]:
    """How far decoding is from one pass, and that in words."""
    try:
        apart = max(_distance(got, expected[i, at]) for i, at, got in _decoded(loaded, ids))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        return float("inf"), _said(error)
    return apart, f"logits differ by {apart:.2g} standard deviations from those of one pass"


def _kind(loaded: LoadedModel) -> str:
    return f"{loaded.name} ({type(loaded.model).__name__})"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _tokens(loaded: LoadedModel) -> Tensor:
    """``[3, _LENGTH]`` token ids, none of them special."""
    size = loaded.model.get_input_embeddings().weight.shape[0]
    special = set(loaded.tokenizer.all_special_ids)
    plain = [i for i in range(min(size, 1000)) if i not in special] or [0]
    chosen = [plain[(17 + 71 * i + 29 * i * i) % len(plain)] for i in range(len(_PROMPTS) * _LENGTH)]
    ids = torch.tensor(chosen).view(len(_PROMPTS), _LENGTH)
    ids[1, :_SHARED] = ids[0, :_SHARED]
    return ids


@torch.inference_mode()
def _one_pass(loaded: LoadedModel, ids: Tensor) -> Tensor:
    """``[3, _LENGTH, V]`` logits without cache, padding and mask."""
    logits: Tensor = loaded.model(input_ids=ids.to(loaded.device), use_cache=False, return_dict=True).logits
    if logits.shape[:2] != ids.shape:
        raise ValueError(f"logits of shape {tuple(logits.shape)} for tokens of shape {tuple(ids.shape)}")
    return logits.float()


def _decoded(loaded: LoadedModel, ids: Tensor) -> Iterator[tuple[int, int, Tensor]]:
    """Row, position and ``[V]`` logits of each step."""
    batch = batch_for(loaded)
    batch.least_saved = 1
    rows = [BatchRow(Request(row[:n])) for row, n in zip(ids.tolist(), _PROMPTS, strict=True)]

    def seen(of: list[BatchRow], logits: Tensor) -> Iterator[tuple[int, int, Tensor]]:
        for row, got in zip(of, logits, strict=True):
            i = rows.index(row)
            if not row.done:
                yield i, row.length - 1, got.float()
                row.take(int(ids[i, row.length]), 0.0, 0.0, None, None)

    yield from seen(rows[:2], batch.refill(rows[:2]))
    rows[0].stopped = "stop"
    arriving = rows[2:] if batch.refillable else []
    yield from seen(arriving, batch.refill(arriving))
    yield from seen(batch.rows, batch.step())


def _distance(got: Tensor, expected: Tensor) -> float:
    """Root mean square difference of ``[V]`` logits, in standard deviations; what is minus infinity is left out."""
    apart = (got - expected).square().mean().sqrt() / expected.std().clamp(min=1e-6)
    return float(apart) if apart.isfinite() else float("inf")
