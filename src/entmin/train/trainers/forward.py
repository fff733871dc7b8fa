"""Log-probabilities and entropies of samples of different lengths, as the model gives them without padding.

The usual way is one pass over rows that all begin at the first column, with TRL's fused head, which never holds the
``[B, T, V]`` logits. What stands behind a text cannot change it in a causal model, so there is no mask, and attention
takes its quicker causal path. That is wrong for two kinds of models: ones in which padding changes a row all the same,
and ones that do more to the last hidden state than multiply it by the head's weights. `choose` tries, and gives the
first way that agrees with the model's own logits of single rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

_TOLERANCE, _HALF_TOLERANCE = 1e-3, 0.3
"""Nats, root mean square, in float32 and in half precision; wrong ways are off by one and more in a trained model."""
_WIDTH, _SHORT = 9, slice(2, 6)


class Way(NamedTuple):
    """How samples are scored."""

    fused: bool = True
    padded: bool = True

    @property
    def words(self) -> str:
        """What is not as usual; empty where all is."""
        head = "" if self.fused else "its head does more than TRL's fused one, so all logits are held"
        rows = "" if self.padded else "padding would change its text, so samples are scored one by one, which is slow"
        return "; ".join(filter(None, (rows, head)))


_CAREFUL = Way(fused=False, padded=False)


class Scored(NamedTuple):
    """Of each next token, ``[B, T - 1]``; 0 where there is no label."""

    log_probs: Tensor
    entropy: Any
    """None where the head was not asked for it."""
    aux_loss: Any


def score(model: Any, ids: Tensor, mask: Tensor, labels: Tensor, way: Way, temperature: float, **extra: Any) -> Scored:
    """Score the tokens that have a label.

    Args:
        model: a model with TRL's fused head, perhaps wrapped.
        ids: ``[B, T]``.
        mask: ``[B, T]``, 1 for text; each row has some, in one piece.
        labels: ``[B, T]``, -100 for tokens that are not scored.
        way: from `choose`.
        temperature: that logits are divided by; the fused head knows it.
        extra: for the model.
    """
    if not way.padded:
        return _row_by_row(model, ids, mask, labels, way, temperature, **extra)
    lengths, place = mask.sum(-1, keepdim=True), torch.arange(ids.shape[1], device=ids.device)
    place = place[: int(lengths.max())]
    inside = place < lengths
    place = (place + mask.argmax(-1, keepdim=True)).clamp(max=ids.shape[1] - 1)
    if extra.get("output_router_logits"):  # a loss over the text, which the experts of padding are not part of
        extra["attention_mask"] = inside.long()
    own = labels.gather(1, place).masked_fill(~inside, -100)
    found = _pass(model, ids.gather(1, place), own, way, temperature, **extra)
    place = place[:, :-1].clamp(max=ids.shape[1] - 2)
    empty = found.log_probs.new_zeros(len(ids), ids.shape[1] - 1)
    back = partial(empty.scatter_add, 1, place)  # behind a text there is nothing to add but 0
    return Scored(back(found.log_probs), None if found.entropy is None else back(found.entropy), found.aux_loss)


def _pass(model: Any, ids: Tensor, labels: Tensor, way: Way, temperature: float, **extra: Any) -> Scored:
    if way.fused:
        out = model(input_ids=ids, labels=labels, fused_lm_head=True, **extra)
        return Scored(out.log_probs, out.entropy, out.aux_loss)
    out = model(input_ids=ids, use_cache=False, **extra)
    wanted = labels[:, 1:] != -100
    logprobs = (out.logits[:, :-1][wanted].float() / temperature).log_softmax(-1)
    chosen = logprobs.gather(-1, labels[:, 1:][wanted][:, None])[:, 0]
    entropy = torch.special.entr(logprobs.exp()).sum(-1)
    empty = logprobs.new_zeros(wanted.shape)
    aux_loss = getattr(out, "aux_loss", None)
    return Scored(empty.masked_scatter(wanted, chosen), empty.masked_scatter(wanted, entropy), aux_loss)


def _row_by_row(
    model: Any, ids: Tensor, mask: Tensor, labels: Tensor, way: Way, temperature: float, **extra: Any
) -> Scored:
    parts = []
    for row, text, label in zip(ids, mask.bool(), labels, strict=True):
        first = int(text.int().argmax())
        part = _pass(model, row[text][None], label[text][None], way, temperature, **extra)
        room = (first, len(row) - 1 - first - part.log_probs.shape[1])
        entropy = None if part.entropy is None else pad(part.entropy, room)
        parts.append(Scored(pad(part.log_probs, room), entropy, part.aux_loss))
    return Scored(
        torch.cat([part.log_probs for part in parts]),
        None if parts[0].entropy is None else torch.cat([part.entropy for part in parts]),
        None if parts[0].aux_loss is None else torch.stack([part.aux_loss for part in parts]).mean(),
    )


@torch.no_grad()
def choose(model: Any, temperature: float) -> Way:
    """The first way of scoring that agrees with the model's own logits of single rows."""
    parameter = next(model.parameters())
    size = model.get_input_embeddings().weight.shape[0]
    ids = torch.arange(7, 7 + 13 * 2 * _WIDTH, 13, device=parameter.device).remainder(size).view(2, _WIDTH)
    mask = torch.ones_like(ids)
    mask[1] = 0
    mask[1, _SHORT] = 1  # padded on the left, as prompts are, and on the right, as answers are
    labels = ids.masked_fill((mask == 0) | (mask.cumsum(-1) == 1), -100)
    tolerance = _TOLERANCE if parameter.dtype == torch.float32 else _HALF_TOLERANCE
    training = model.training
    model.eval()
    try:
        expected = score(model, ids, mask, labels, _CAREFUL, temperature)
        for way in (Way(padded=False),) if _attends_to_best(model) else (Way(), Way(padded=False), Way(fused=False)):
            if _agrees(partial(score, model, ids, mask, labels, way, temperature), expected, tolerance):
                return way
    finally:
        model.train(training)
    return _CAREFUL


def _attends_to_best(model: Any) -> bool:
    """Whether attention goes to the best few positions: in texts longer than a trial's, padding can be among them."""
    config = getattr(getattr(model, "module", model), "config", None)
    return config is not None and getattr(config.get_text_config(decoder=True), "index_topk", None) is not None


def _agrees(scored: Callable[[], Scored], expected: Scored, tolerance: float) -> bool:
    try:
        found = scored()
    except torch.OutOfMemoryError:
        raise
    except Exception:  # each model and head has errors of its own
        return False
    return all(
        float((ours - theirs).square().mean().sqrt()) <= tolerance or not theirs.isfinite().all()
        for ours, theirs in zip(found[:2], expected[:2], strict=True)
        if ours is not None and theirs is not None
    )
