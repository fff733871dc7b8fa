"""One decoding step over many rows, with rows that join and leave.

All rows share one cache, ends aligned. A finished row stays as dead weight until it pays to recompose the cache: then
dead rows go, columns that are padding for everyone go, and waiting requests are prefilled together and merged in.
"""

from __future__ import annotations

import inspect
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from entmin.engine.cache import SlotCache, new_cache
from entmin.engine.loading import LoadedModel
from entmin.engine.requests import Completion, Request, StopReason, TokenConfidence
from entmin.engine.sampling import draw
from entmin.errors import EntminError

_STOP_WINDOW = 64

OnToken = Callable[[int, TokenConfidence | None], None]
"""Takes a token, and how sure the model was of it where the request asks for that."""


@dataclass(eq=False)
class Row:
    """A request in progress."""

    request: Request
    ticket: Any = None
    """Whatever the owner wants back with the result."""
    on_token: OnToken | None = None
    """Told each token as it is drawn."""
    tokens: list[int] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    confidence: list[TokenConfidence] = field(default_factory=list)
    """Of each token, when asked for."""
    stopped: StopReason | None = None
    failure: EntminError | None = None
    cancelled: bool = False
    """Set between steps by the owner: nobody wants the rest."""
    started: float = 0.0
    ended: float = 0.0

    def __post_init__(self) -> None:
        self._uniforms = random.Random(self.request.seed)

    @property
    def length(self) -> int:
        """Tokens so far, prompt included."""
        return len(self.request.prompt) + len(self.tokens)

    @property
    def done(self) -> bool:
        """Whether the row needs no further step."""
        return self.stopped is not None or self.failure is not None or self.cancelled

    def uniform(self) -> float:
        """The row's next random number in [0, 1)."""
        return self._uniforms.random()


class Batch:
    """The rows being decoded and their cache."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self.rows: list[Row] = []
        self._cache: Any = None
        self._mask = torch.zeros(0, 0, dtype=torch.long)
        self._scores: Tensor | None = None
        accepted = inspect.signature(loaded.model.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._takes_last_only = "logits_to_keep" in accepted

    @property
    def live(self) -> int:
        """Rows that still decode."""
        return sum(not row.done for row in self.rows)

    @property
    def refillable(self) -> bool:
        """Whether new rows can join the ones in progress."""
        return not self.rows or isinstance(self._cache, SlotCache)

    @torch.inference_mode()
    def recompose(self, arriving: list[Row]) -> list[Row]:
        """Drop finished rows and take `arriving` in, drawing their first token. Returns those that finish with it."""
        keep = [i for i, row in enumerate(self.rows) if not row.done]
        if arriving and keep and not self.refillable:
            raise RuntimeError("this model's cache takes no new rows while others are in progress")
        fresh, mask = None, None
        finished: list[Row] = []
        if arriving:
            fresh, mask, finished = self._prefill(arriving)
        if not keep:
            self.rows, self._cache = list(arriving), fresh
            self._mask = mask if mask is not None else torch.zeros(0, 0, dtype=torch.long)
            return finished
        self._merge(keep, fresh, mask)
        self.rows = [self.rows[i] for i in keep] + arriving
        return finished

    def _merge(self, keep: list[int], fresh: Any, fresh_mask: Tensor | None) -> None:
        if not isinstance(self._cache, SlotCache):
            self._cache.batch_select_indices(torch.tensor(keep, device=self.loaded.device))
            self._mask = self._mask[keep]
            return
        mask = self._mask[keep]
        trim = int(mask.argmax(-1).min())
        self._cache.recompose(keep, trim, fresh)
        mask = mask[:, trim:]
        if fresh_mask is not None:
            width = max(mask.shape[1], fresh_mask.shape[1])
            mask = torch.cat([_pad_left(mask, width), _pad_left(fresh_mask, width)])
        self._mask = mask

    def _prefill(self, rows: list[Row]) -> tuple[Any, Tensor, list[Row]]:
        width = max(row.length for row in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, width - row.length :] = torch.tensor(row.request.prompt + row.tokens)
            mask[i, width - row.length :] = 1
            row.started = row.started or time.monotonic()
        cache = new_cache(self.loaded.model.config)
        positions = (mask.cumsum(-1) - 1).clamp_(min=0)
        logits = self._forward(ids, mask, positions, cache)
        return cache, mask, self._take(rows, logits)

    @torch.inference_mode()
    def step(self) -> list[Row]:
        """Decode one more token of every live row; returns the rows that finish with it."""
        ids = torch.tensor([[row.tokens[-1]] for row in self.rows])
        positions = torch.tensor([[row.length - 1] for row in self.rows])
        self._mask = torch.cat([self._mask, torch.ones(len(self.rows), 1, dtype=torch.long)], dim=1)
        logits = self._forward(ids, self._mask, positions, self._cache)
        return self._take(self.rows, logits)

    def _forward(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        device = self.loaded.device
        extra: dict[str, Any] = {}
        if self._takes_positions:
            extra["position_ids"] = positions.to(device)
        if self._takes_last_only:
            # By index, which makes a contiguous row. A slice would not, and torch's product of a strided row with the
            # head's weights copies the weights once per row: 1.8 GB and seconds for 32 rows and a small vocabulary.
            extra["logits_to_keep"] = torch.tensor([ids.shape[1] - 1], device=device)
        output = self.loaded.model(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            past_key_values=cache,
            use_cache=True,
            return_dict=True,
            **extra,
        )
        logits: Tensor = output.logits[:, -1]
        return logits

    def _take(self, rows: list[Row], logits: Tensor) -> list[Row]:
        """Draw a token for every live row; dead ones are fed their last token again and ignored."""
        live = [i for i, row in enumerate(rows) if not row.done]
        if len(live) < len(rows):
            logits = logits[torch.tensor(live, device=logits.device)]
        drawn = draw(logits, [rows[i].request for i in live], [rows[i].uniform() for i in live], self._room(logits))
        tokens, before, after = drawn.tokens.tolist(), drawn.before.tolist(), drawn.after.tolist()
        finished = []
        for n, i in enumerate(live):
            row = rows[i]
            row.tokens.append(tokens[n])
            row.before.append(before[n])
            row.after.append(after[n])
            if n in drawn.confidence:
                row.confidence.append(drawn.confidence[n])
            self._judge(row)
            if row.on_token is not None and row.failure is None:
                row.on_token(row.tokens[-1], drawn.confidence.get(n))
            if row.done:
                row.ended = time.monotonic()
                finished.append(row)
        return finished

    def _room(self, logits: Tensor) -> Tensor:
        """Float32 memory of the logits' shape, kept between steps; the logits' own where they are float32."""
        if logits.dtype == torch.float32:
            return logits
        if self._scores is None or self._scores.shape[0] < logits.shape[0]:
            self._scores = torch.empty(logits.shape, dtype=torch.float32, device=logits.device)
        return self._scores[: logits.shape[0]]

    def _judge(self, row: Row) -> None:
        """Decide whether the row goes on."""
        if row.before[-1] != row.before[-1] or row.after[-1] != row.after[-1]:
            row.failure = EntminError("the model gave NaN or infinite logits; try --dtype float32")
        elif row.tokens[-1] in self.loaded.eos or (row.request.stop and self._hit_stop(row)):
            row.stopped = "stop"
        elif len(row.tokens) >= row.request.max_tokens:
            row.stopped = "max_tokens"
        elif row.length >= self.loaded.max_length:
            row.stopped = "model_length"

    def _hit_stop(self, row: Row) -> bool:
        window = max(_STOP_WINDOW, *(len(stop.encode()) + 1 for stop in row.request.stop))  # a token is a byte or more
        tail = self.loaded.tokenizer.decode(row.tokens[-window:], skip_special_tokens=True)
        return any(stop in tail for stop in row.request.stop)

    def completion(self, row: Row) -> Completion:
        """The finished row as the caller gets it."""
        assert row.stopped is not None
        text = self.loaded.tokenizer.decode(row.tokens, skip_special_tokens=True)
        for stop in row.request.stop:
            text = text.split(stop, 1)[0]
        n = len(row.tokens)
        wanted = row.request.token_entropies
        return Completion(
            text=text,
            tokens=row.tokens,
            stop_reason=row.stopped,
            prompt_tokens=len(row.request.prompt),
            entropy_before=sum(row.before) / n,
            entropy_after=sum(row.after) / n,
            seconds=row.ended - row.started,
            log_probability=sum(one.log_probability for one in row.confidence) / n if row.confidence else None,
            self_certainty=sum(one.self_certainty for one in row.confidence) / n if row.confidence else None,
            before=row.before if wanted else [],
            after=row.after if wanted else [],
            confidence=row.confidence,
        )


def _pad_left(mask: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(mask, (width - mask.shape[1], 0))
