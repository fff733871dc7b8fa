"""Host for vLLM: one logits processor for its V1 and its V2 model runner.

    vllm serve MODEL --logits-processors entmin.hosts.vllm:EntropyMinimizer
    LLM(MODEL, logits_processors=["entmin.hosts.vllm:EntropyMinimizer"])

A request says what it wants in flat scalars, `Method.to_args`, such as ``{"entmin_method": "em_inf"}``: in
``SamplingParams(extra_args=...)``, or over HTTP in ``vllm_xargs``. The environment variable ``ENTMIN_DEFAULT_METHOD``
says it for requests that do not.

The V1 runner tells a processor which row of the batch holds which request (`update_state`); the V2 runner gives each
request a slot (`add_request`) and says at every step which slot a row belongs to, several rows to one slot under
speculative decoding. Both come to a plan here, rows by method, whose index tensors are rebuilt only when it changes.

Not registered as an entry point on purpose: see docs/serving.md.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch
import vllm
from torch import Tensor

from entmin.counters import Counters
from entmin.errors import UsageError
from entmin.hosts import VLLM_VERSIONS
from entmin.methods import Method, Normal, method_class, method_names
from entmin.methods.ahead import ahead_of_temperature
from entmin.mode import Mode
from entmin.wire import DEFAULT_VARIABLE, default_mode, refuse_costly, requested

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.config import VllmConfig
    from vllm.v1.sample.logits_processor import BatchUpdate
    from vllm.v1.worker.gpu.sample.logits_processor import LogitsContext, LogitsProcRequestState

_V2_SINCE = (0, 31)


def bases(version: tuple[int | str, ...]) -> tuple[type, ...]:
    """The interfaces that this version of vLLM has for logits processors.

    Raises:
        UsageError: the version is outside the range that this host was written for.
    """
    release = version[:2]
    oldest, newest = VLLM_VERSIONS
    if not oldest <= release <= newest:
        found, low, high = (".".join(map(str, numbers)) for numbers in (version, oldest, newest))
        raise UsageError(f"entmin works with vLLM {low} to {high}, and this is {found}: pip install 'entmin[vllm]'")
    from vllm.v1.sample.logits_processor import LogitsProcessor as V1Processor

    if release < _V2_SINCE:
        return (V1Processor,)
    from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor as V2Processor

    return V1Processor, V2Processor


Plan = list[tuple[Method, Tensor | None]]
"""Methods and the rows they adjust; None stands for every row."""


class EntropyMinimizer(*bases(vllm.__version_tuple__)):  # type: ignore[misc]
    """Applies each request's `Method` to its rows of the logits; rows of requests without one are not touched."""

    def __init__(
        self,
        vllm_config: VllmConfig,
        states: torch.device | LogitsProcRequestState,
        is_pin_memory: bool | None = None,
    ) -> None:
        """Built by vLLM: ``(config, device, is_pin_memory)`` on V1, ``(config, request states)`` on V2.

        Raises:
            UsageError: a malformed default method, or speculative decoding on the V1 runner, which has no rows of its
                own for drafts.
        """
        v1 = is_pin_memory is not None
        if v1 and vllm_config.speculative_config:
            raise UsageError(
                "vLLM's V1 model runner takes no logits processor under speculative decoding: leave it out, or use "
                "vLLM 0.31 or newer on a GPU without VLLM_USE_V2_MODEL_RUNNER=0"
            )
        self._device: torch.device = torch.device(states if v1 else states.device)  # type: ignore[union-attr]
        self._default = _default()
        self._asked: dict[int, Method] = {}
        """By row on V1, by slot on V2."""
        self._rows: list[Method | None] = []
        self._adjusting = 0
        """How many of them have a method."""
        self._drafted: tuple[Tensor, Tensor] | None = None
        """V2: rows adjusted in batches with drafts, on the device and, as soon as it gets there, on the host."""
        self._plan: Plan = []
        self._slots = 0 if v1 else states.max_num_reqs  # type: ignore[union-attr]
        self._group: tuple[bytes, Tensor] | None = None
        """V2: number of the method in each slot, and the batch that it was made for."""
        self._counters = Counters()
        _warm(self._device, vllm_config.model_config.get_vocab_size())

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Refuse a request with a wrong method, option or value; over HTTP this is a 400.

        Raises:
            ValueError: what is wrong, and the right names.
        """
        try:
            default = _default()
            mode = requested(sampling_params.extra_args, default)
            refuse_costly(mode.method, default)
            _refuse_memory(mode.method)
            _same_sampling(mode, sampling_params)
        except UsageError as error:
            raise ValueError(str(error)) from None

    def is_argmax_invariant(self) -> bool:
        """No: V1 would run an invariant processor after temperature, and not at all in a greedy batch."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """V1: follow the rows that were removed, added and moved, in that order."""
        if batch_update is not None:
            with self._counters.planning():
                self._follow(batch_update)

    def _follow(self, batch_update: BatchUpdate) -> None:
        from vllm.v1.sample.logits_processor import MoveDirectionality

        for row in batch_update.removed:
            self._asked.pop(row, None)
        for row, params, *_ in batch_update.added:
            self._ask(row, params)
        for source, target, direction in batch_update.moved:
            moving, there = self._asked.pop(source, None), self._asked.pop(target, None)
            if moving is not None:
                self._asked[target] = moving
            if there is not None and direction is MoveDirectionality.SWAP:
                self._asked[source] = there
        self._arrange([self._asked.get(row) for row in range(batch_update.batch_size)])

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """V2: a request takes a slot, whatever was in it before."""
        return self._ask(req_idx, sampling_params)

    def apply(self, logits: Tensor, ctx: LogitsContext | None = None) -> Tensor:
        """Adjust ``[rows, V]`` float32 logits before temperature and truncation, in place."""
        if ctx is not None:
            with self._counters.planning():
                self._arrange([self._asked.get(slot) for slot in ctx.idx_mapping_np.tolist()])
            if self._drafted is not None:
                self._counters.drafted(int(self._drafted[1]))
        if not self._plan:
            return logits
        with self._counters.applying():
            return self._adjusted(logits, ctx)

    def _adjusted(self, logits: Tensor, ctx: LogitsContext | None) -> Tensor:
        if self._plan[0][1] is None:
            self._counters.add_rows(logits.shape[0])
            return self._plan[0][0].adjust_in_place(logits)
        if logits.shape[0] == len(self._rows):  # every request owns at least one row, so here exactly one
            self._counters.add_rows(self._adjusting)
            for method, index in self._plan:
                picked = logits.index_select(0, index)  # type: ignore[arg-type]
                logits.index_copy_(0, index, method.adjust_in_place(picked))  # type: ignore[arg-type]
            return logits
        if ctx is None:
            raise RuntimeError(f"{logits.shape[0]} rows of logits for {len(self._rows)} requests on the V1 runner")
        return self._apply_to_drafts(logits, ctx)

    def _apply_to_drafts(self, logits: Tensor, ctx: LogitsContext) -> Tensor:
        """Speculative decoding: only the device knows how many rows each request owns, and it is not asked.

        A method's rows are found there and put first. Every other request owns at least one row, which bounds their
        number; rows of others within that bound are written back as they were.
        """
        batch = ctx.idx_mapping_np.tobytes()
        if self._group is None or self._group[0] != batch:
            self._group = batch, self._put(self._group_of_slot(ctx.idx_mapping_np.tolist()))
        group = self._group[1][ctx.expanded_idx_mapping.long()]
        self._count_on_device(group >= 0)
        for number, (method, index) in enumerate(self._plan):
            others = len(self._rows) - index.numel()  # type: ignore[union-attr]
            mine = group == number
            rows = mine.int().topk(logits.shape[0] - others, sorted=False).indices
            picked = logits.index_select(0, rows)
            adjusted = torch.where(mine[rows, None], method.adjust_checked(picked), picked)
            logits.index_copy_(0, rows, adjusted)
        return logits

    def _count_on_device(self, mine: Tensor) -> None:
        if self._drafted is None:
            pinned = self._device.type == "cuda"
            self._drafted = mine.sum() * 0, torch.zeros((), dtype=torch.long, pin_memory=pinned)
        there, here = self._drafted
        here.copy_(there.add_(mine.sum()), non_blocking=True)
        self._counters.drafted(int(here))

    def _group_of_slot(self, slots: list[int]) -> list[int]:
        numbers = {method: number for number, (method, _) in enumerate(self._plan)}
        groups = [-1] * self._slots
        for slot, method in zip(slots, self._rows, strict=True):
            groups[slot] = -1 if method is None else numbers[method]
        return groups

    def _ask(self, key: int, params: SamplingParams) -> bool:
        method = ahead_of_temperature(requested(params.extra_args, self._default).method, params.temperature)
        if isinstance(method, Normal):
            self._asked.pop(key, None)
            return False
        self._asked[key] = method
        return True

    def _arrange(self, rows: list[Method | None]) -> None:
        """Make the plan for these methods by row (by request on V2), unless it stands already."""
        if rows == self._rows:
            return
        found: dict[Method, list[int]] = {}
        for row, method in enumerate(rows):
            if method is not None:
                found.setdefault(method, []).append(row)
        self._rows, self._group = rows, None
        self._adjusting = sum(method is not None for method in rows)
        if any(len(index) == len(rows) for index in found.values()):
            self._plan = [(method, None) for method in found]
        else:
            self._plan = [(method, self._put(index)) for method, index in found.items()]

    def _put(self, numbers: list[int]) -> Tensor:
        """Integers on the device, without waiting for it."""
        pinned = self._device.type == "cuda"
        return torch.tensor(numbers, dtype=torch.long, pin_memory=pinned).to(self._device, non_blocking=True)


def _warm(device: torch.device, vocabulary: int) -> None:
    """Run every method once, so that no request waits for kernels to be compiled; a broken one fails when asked for."""
    for name in method_names():
        kind = method_class(name)
        if not kind.memory:
            with contextlib.suppress(Exception), torch.inference_mode():
                ahead_of_temperature(kind(), 0.7).adjust_in_place(torch.randn(2, vocabulary, device=device))


def _default() -> Mode | None:
    """The mode of requests that name none; its sampling would be lost here, for vLLM draws the tokens."""
    mode = default_mode()
    if mode is not None and (mode.drawing or mode.strategy):
        raise UsageError(
            f"{DEFAULT_VARIABLE}: {mode}: inside vLLM this is a method and nothing else; give sampling to vLLM with "
            "--override-generation-config, as `entmin serve` does"
        )
    if mode is not None:
        _refuse_memory(mode.method)
    return mode


def _refuse_memory(method: Method) -> None:
    """Refuse a method with memory.

    A V1 runner also adjusts rows whose token it throws away (prompts read in pieces), a V2 runner takes rows back
    (drafts), and neither tells a processor that a request was preempted and has come back.

    Raises:
        UsageError: the method has memory.
    """
    if method.memory:
        raise UsageError(
            f"{method.name} remembers every step of a request, which vLLM gives a logits processor no way to do: use "
            "--engine transformers, or entmin's own server (`entmin serve --engine transformers`)"
        )


def _same_sampling(mode: Mode, params: SamplingParams) -> None:
    """Refuse sampling in a request's mode that its own fields do not say too, for vLLM goes by those alone.

    Raises:
        UsageError: a setting differs.
    """
    for key, value in mode.drawing.items():
        theirs = getattr(params, key)
        if (max(0, theirs) if key == "top_k" else theirs) != value:
            raise UsageError(
                f"{key} is {value:g} in entmin_mode, and {theirs} in the request's own field, which vLLM goes by: "
                f"set {key} there"
            )
