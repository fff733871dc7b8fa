"""One decoding step over many rows, with rows that join and leave.

All rows share one cache, ends aligned. A finished row stays in it until recomposing the cache saves time. Then finished
rows and columns that are padding in every row are dropped, and new rows are prefilled and merged in: neighbours in one
pass, so rows of like lengths should stand beside each other. A prompt that several neighbours have is read once, and so
is a beginning that all new rows share.
"""

from __future__ import annotations

import copy
import inspect
import math
import time
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from entmin.engine.cache import SlotCache, new_cache
from entmin.engine.loaded import LoadedModel
from entmin.engine.rows import BatchRow
from entmin.engine.sampling import draw
from entmin.engine.text import decoder
from entmin.errors import EntminError

_Text = tuple[int, ...]
MOST_READ = 1_024
"""Tokens of one pass on a CPU: 48 questions of GSM8K took half the time of one pass over all, padding included."""


@dataclass(frozen=True)
class _Read:
    """Rows that were read: their cache, ``[rows, columns]`` mask, and ``[rows, V]`` logits of the next token."""

    cache: Any
    mask: Tensor
    logits: Tensor


class Batch:
    """The rows being decoded and their cache."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self.rows: list[BatchRow] = []
        self._cache: Any = None
        self._mask = torch.zeros(0, 0, dtype=torch.long)
        self._scores: Tensor | None = None
        accepted = inspect.signature(loaded.model.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._takes_last_only = "logits_to_keep" in accepted
        self.least_saved = 64 if loaded.device.type == "cpu" else 2_048
        """Tokens that sharing the beginning of prompts must save to be worth a pass of its own."""
        self.most_read: float = MOST_READ if loaded.device.type == "cpu" else math.inf
        """Tokens that one pass reads together, where it can read fewer."""
        self._cache_name = "cache_params" if "cache_params" in accepted else "past_key_values"

    @property
    def live(self) -> int:
        """Rows that still decode."""
        return sum(not row.done for row in self.rows)

    @property
    def wasteful(self) -> bool:
        """Whether so many rows are dead that dropping them pays."""
        return bool(self.rows) and (len(self.rows) - self.live) * 4 >= len(self.rows)

    @property
    def refillable(self) -> bool:
        """Whether new rows can join the ones in progress."""
        return not self.rows or isinstance(self._cache, SlotCache)

    @torch.inference_mode()
    def refill(self, arriving: list[BatchRow]) -> Tensor:
        """Drop finished rows and take `arriving` in, prefilling their prompts together.

        Returns:
            ``[len(arriving), V]`` logits of the next token of each.
        """
        keep = [i for i, row in enumerate(self.rows) if not row.done]
        if arriving and keep and not self.refillable:
            raise RuntimeError("this model's cache takes no new rows while others are in progress")
        read = self._prefill(arriving) if arriving else []
        if keep:
            self._merge(keep, read)
        elif read:
            self._cache, self._mask = read[0].cache, read[0].mask
            if len(read) > 1:
                self._merge(list(range(len(self._mask))), read[1:])
        else:
            self._cache, self._mask = None, torch.zeros(0, 0, dtype=torch.long)
        self.rows = [self.rows[i] for i in keep] + arriving
        return torch.cat([part.logits for part in read]) if read else torch.empty(0, 0)

    def _merge(self, keep: list[int], read: list[_Read]) -> None:
        mask = self._mask[keep]
        if not isinstance(self._cache, SlotCache):
            self._select(self._cache, keep)
            self._mask = mask
            return
        trim = int(mask.argmax(-1).min())
        self._cache.recompose(keep, trim, [part.cache for part in read])
        masks = [mask[:, trim:], *(part.mask for part in read)]
        width = max(part.shape[1] for part in masks)
        self._mask = torch.cat([_pad_left(part, width) for part in masks])

    def _select(self, cache: Any, rows: list[int]) -> None:
        """Make these the rows of a cache, in this order; a row may come several times."""
        if isinstance(cache, SlotCache):
            cache.recompose(rows, 0)
        else:
            cache.reorder_cache(torch.tensor(rows, device=self.loaded.device))  # the one that all layers have

    def _prefill(self, rows: list[BatchRow]) -> list[_Read]:
        """Read the prompts of rows, in one pass or several; what all begin with is read once where that pays."""
        for row in rows:
            row.started = row.started or time.monotonic()
        texts = [tuple(row.request.prompt + row.tokens) for row in rows]
        shared = self._shared(list(dict.fromkeys(texts)))
        begun = new_cache(self.loaded.model.config)
        if shared:
            ids = torch.tensor(texts[:1])[:, :shared]
            self._forward(ids, torch.ones_like(ids), torch.arange(shared)[None], begun)
        passes = self._passes(texts, shared) if isinstance(begun, SlotCache) else [texts]
        return [self._read(own, shared, begun if own is passes[-1] else copy.deepcopy(begun)) for own in passes]

    def _shared(self, texts: list[_Text]) -> int:
        """How many tokens to read once for all of these different texts."""
        alike = takewhile(lambda tokens: len(set(tokens)) == 1, zip(*texts, strict=False))
        shared = min(sum(1 for _ in alike), min(map(len, texts)) - 1)
        return shared if self.loaded.shares and shared * (len(texts) - 1) >= self.least_saved else 0

    def _passes(self, texts: list[_Text], shared: int) -> list[list[_Text]]:
        """Neighbours that are read together: on a CPU no more than stays in its caches, padding included."""
        passes: list[list[_Text]] = []
        for text in texts:
            together = {*passes[-1], text} if passes else set()
            if together and len(together) * (max(map(len, together)) - shared) <= self.most_read:
                passes[-1].append(text)
            else:
                passes.append([text])
        return passes

    def _read(self, texts: list[_Text], shared: int, cache: Any) -> _Read:
        """Read texts, equal ones once, of which a cache of one row holds the first `shared` tokens.

        Short texts have their padding between the beginning that all share and the rest.
        """
        once = list(dict.fromkeys(texts))
        if shared:
            self._select(cache, [0] * len(once))
        width = max(map(len, once)) - shared
        ids = torch.zeros(len(once), width, dtype=torch.long)
        mask = torch.zeros(len(once), shared + width, dtype=torch.long)
        mask[:, :shared] = 1
        for i, text in enumerate(once):
            own = len(text) - shared
            ids[i, width - own :] = torch.tensor(text[shared:])
            mask[i, shared + width - own :] = 1
        positions = (mask.cumsum(-1) - 1).clamp_(min=0)[:, shared:]
        logits = self._forward(ids, mask, positions, cache)
        if len(once) < len(texts):
            place = {text: i for i, text in enumerate(once)}
            index = [place[text] for text in texts]
            self._select(cache, index)
            mask, logits = mask[index], logits[torch.tensor(index, device=logits.device)]
        return _Read(cache, mask, logits)

    @torch.inference_mode()
    def step(self) -> Tensor:
        """``[B, V]`` logits of the next token of every row; dead ones are fed their last token again."""
        ids = torch.tensor([[row.tokens[-1]] for row in self.rows])
        positions = torch.tensor([[row.length - 1] for row in self.rows])
        self._mask = torch.cat([self._mask, torch.ones(len(self.rows), 1, dtype=torch.long)], dim=1)
        return self._forward(ids, self._mask, positions, self._cache)

    def _forward(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        device = self.loaded.device
        extra: dict[str, Any] = {}
        if self._takes_positions:
            extra["position_ids"] = positions.to(device)
        if self._takes_last_only:
            # By index, which makes a contiguous row. A slice would not, and torch's product of a strided row with the
            # head's weights copies the weights once per row: 1.8 GB and seconds for 32 rows and a small vocabulary.
            extra["logits_to_keep"] = torch.tensor([ids.shape[1] - 1], device=device)
        if self._cache_name == "past_key_values" or ids.shape[1] > 1:  # a state alone holds no padding
            extra["attention_mask"] = mask.to(device)
        extra[self._cache_name] = cache
        output = self.loaded.model(input_ids=ids.to(device), use_cache=True, return_dict=True, **extra)
        logits: Tensor = output.logits[:, -1]
        return logits

    @torch.inference_mode()
    def sample(self, rows: list[BatchRow], logits: Tensor) -> list[BatchRow]:
        """Draw a token for every live row from ``[len(rows), V]`` logits, and decide who goes on.

        Returns:
            The rows that got a token; those that finished with it are `BatchRow.done`.
        """
        live = [i for i, row in enumerate(rows) if not row.done]
        if not live:
            return []
        if len(live) < len(rows):
            logits = logits[torch.tensor(live, device=logits.device)]
        rows = [rows[i] for i in live]
        for row, own in zip(rows, logits, strict=True):
            if row.on_logits is not None:
                row.on_logits(row.tokens, own)
        drawn = draw(
            logits,
            [row.request for row in rows],
            [row.key for row in rows],
            self._room(logits),
            [row.state for row in rows],
        )
        numbers = zip(drawn.tokens.tolist(), drawn.before.tolist(), drawn.after.tolist(), strict=True)
        for i, (row, (token, before, after)) in enumerate(zip(rows, numbers, strict=True)):
            confidence = drawn.confidence.get(i)
            row.take(token, before, after, confidence, drawn.states.get(i))
            self._judge(row)
            if row.on_token is not None and row.failure is None:
                row.on_token(token, confidence)
            if row.done:
                row.ended = time.monotonic()
        return rows

    def _room(self, logits: Tensor) -> Tensor:
        """Float32 memory of the logits' shape, kept between steps; the logits' own where they are float32."""
        if logits.dtype == torch.float32:
            return logits
        if self._scores is None or self._scores.shape[0] < logits.shape[0]:
            self._scores = torch.empty(logits.shape, dtype=torch.float32, device=logits.device)
        return self._scores[: logits.shape[0]]

    def _judge(self, row: BatchRow) -> None:
        """Decide whether the row goes on."""
        if row.before[-1] != row.before[-1]:
            row.failure = EntminError("the model gave NaN or infinite logits; try --dtype float32")
        elif row.after[-1] != row.after[-1]:
            method = row.request.method
            row.failure = EntminError(f"{method.describe()} left no distribution to draw from: choose other settings")
        elif row.tokens[-1] in self.loaded.eos or (
            row.request.stop and decoder(self.loaded.tokenizer).ends(row.tokens, row.request.stop)
        ):
            row.stopped = "stop"
        elif len(row.tokens) >= row.request.max_tokens:
            row.stopped = "max_tokens"
        elif row.length >= self.loaded.max_length:
            row.stopped = "model_length"


def _pad_left(mask: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(mask, (width - mask.shape[1], 0))
