"""Methods that arrive as text or as a request's extra arguments: what a server reads. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from entmin.errors import UsageError
from entmin.methods.base import METHOD_KEY, PREFIX, Method, from_args
from entmin.methods.normal import Normal

DEFAULT_VARIABLE = "ENTMIN_DEFAULT_METHOD"
"""Environment variable with the method of requests that name none, in the form of `from_text`."""


def requested(xargs: Mapping[str, Any] | None, default: Method | None = None) -> Method | None:
    """The method one request asks for, None where its logits are to be left alone.

    Args:
        xargs: ``vllm_xargs`` of the request; keys without the ``entmin_`` prefix belong to somebody else.
        default: the server's own method. Hyper-parameters without ``entmin_method`` change it for this request.

    Raises:
        UsageError: an unknown method or option, a value out of range, or options with no method to apply them to.
    """
    given = {key: value for key, value in (xargs or {}).items() if key.startswith(PREFIX)}
    if not given:
        return _unless_normal(default)
    if METHOD_KEY not in given:
        if default is None:
            raise UsageError(
                f"{', '.join(given)} without {METHOD_KEY}: name the method too, such as {METHOD_KEY}=em_inf"
            )
        keeps = PREFIX + "preset" not in given  # a preset starts from the method's defaults, not from the server's
        given = (default.to_args() if keeps else {METHOD_KEY: default.name}) | given
    return _unless_normal(from_args(given))


def _unless_normal(method: Method | None) -> Method | None:
    return None if isinstance(method, Normal) else method


def from_text(text: str) -> Method:
    """A method from ``em_inf:threshold=0.3,kl_weight=0.1`` or from the JSON object of `Method.to_args`.

    Raises:
        UsageError: the text is neither, or names an unknown method or option, or a value is out of range.
    """
    if text.lstrip().startswith("{"):
        try:
            args = json.loads(text)
        except ValueError as error:
            raise UsageError(f"a method as JSON must be one object, not {text!r}: {error}") from None
        if METHOD_KEY not in args:
            raise UsageError(f"a method as JSON needs {METHOD_KEY!r}, which is missing in {text!r}")
        return from_args(args)
    name, _, rest = text.partition(":")
    pairs = [pair.partition("=") for pair in rest.split(",") if pair.strip()]
    if not name.strip() or any(not equals for _, equals, _ in pairs):
        raise UsageError(f"a method is written name or name:key=value,key=value, not {text!r}")
    return from_args({METHOD_KEY: name} | {key.strip(): value.strip() for key, _, value in pairs})
