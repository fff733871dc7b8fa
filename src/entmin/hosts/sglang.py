"""Host for SGLang: a custom logit processor for servers that allow them, which is off by default there and here.

    python -m sglang.launch_server --model-path MODEL --enable-custom-logit-processor
    client.chat.completions.create(..., extra_body=request_fields(EmInf(threshold=0.1)))

**With that option a server runs whatever code a client sends**: the processor comes with each request as a pickle (by
dill), and reading a pickle can do anything. Start such a server for clients that may run programs on it, and for nobody
else (docs/safety.md). What `request_fields` sends is the name of the class here, so the server needs entmin installed.

The order is that of every host: SGLang's penalties and grammar, the method, then temperature, top-k, top-p and min-p.
SGLang gives a processor no way to refuse a request: a method that is wrong ends the server's scheduler, so it is
checked by `request_fields`, where a request is made. Methods with memory are refused: drafts are taken back, prompts
are read in pieces, and a processor is told of neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from sglang.srt.sampling.custom_logit_processor import CustomLogitProcessor
from torch import Tensor

from entmin.errors import UsageError
from entmin.methods import Method, Normal
from entmin.methods.ahead import ahead_of_temperature
from entmin.methods.base import as_method
from entmin.wire import requested

_REQUEST = "__req__"
"""Where SGLang puts its own record of a request, among the request's parameters."""


class EntropyMinimizer(CustomLogitProcessor):  # type: ignore[misc]
    """Applies each request's `Method` to its rows of the logits; rows of `normal` are not touched."""

    def __call__(self, logits: Tensor, custom_param_list: Sequence[Mapping[str, Any] | None] | None = None) -> Tensor:
        """Adjust the rows of the requests that name this processor, in place.

        Args:
            logits: ``[rows, V]``; the rows of a request stand together, several under speculative decoding.
            custom_param_list: ``custom_params`` of each row, or, from older versions, once for all rows of a request.

        Raises:
            UsageError: a request's method is wrong.
        """
        requests = custom_param_list or ()
        rows: dict[Method, list[int]] = {}
        for number, given in enumerate(requests):
            method = _method_of(given or {})
            if not isinstance(method, Normal):
                each = logits.shape[0] // len(requests)
                rows.setdefault(method, []).extend(range(number * each, (number + 1) * each))
        for method, index in rows.items():
            where = torch.tensor(index, device=logits.device)
            logits.index_copy_(0, where, method.adjust(logits.index_select(0, where)).to(logits.dtype))
        return logits


def request_fields(method: Method | type[Method] | str) -> dict[str, Any]:
    """What a request says beside its own fields: ``extra_body`` of the OpenAI client.

    Args:
        method: what to do to the logits, its class or its name.

    Raises:
        UsageError: this is no method, or one with memory.
    """
    given = as_method(method).to_args()
    _parsed(tuple(given.items()))
    return {"custom_logit_processor": EntropyMinimizer.to_str(), "custom_params": given}


def _method_of(given: Mapping[str, Any]) -> Method:
    """The method that a request's parameters name, for logits that SGLang divides by the temperature later."""
    request = given.get(_REQUEST)
    method = _parsed(tuple((key, value) for key, value in given.items() if key != _REQUEST))
    return ahead_of_temperature(method, request.sampling_params.temperature if request is not None else None)


@lru_cache(maxsize=1024)
def _parsed(given: tuple[tuple[str, Any], ...]) -> Method:
    """Read once, not at every step.

    Raises:
        UsageError: the method is wrong, has memory, or sampling is named, which SGLang takes from its own fields.
    """
    mode = requested(dict(given))
    if mode.drawing:
        raise UsageError(f"{mode}: SGLang draws the tokens: give {', '.join(mode.drawing)} in the request's own fields")
    if mode.method.memory:
        raise UsageError(
            f"{mode.method.name} remembers every step of a request, which SGLang gives a processor no way to do: use "
            "--engine transformers, or entmin's own server (`entmin serve --engine transformers`)"
        )
    return mode.method
