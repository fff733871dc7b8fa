"""The mode that a request to a server asks for, from its extra arguments, its own fields and the server's default.

A request names its mode in ``vllm_xargs``, as one text (``{"entmin_mode": "em_inf:threshold=0.1"}``) or as flat scalars
(``{"entmin_method": "em_inf", "entmin_threshold": 0.1}``). Every server reads it here. Needs no torch.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from entmin.errors import UsageError, closest
from entmin.methods import METHODS, Method, method_names
from entmin.methods.base import METHOD_KEY, PREFIX
from entmin.mode import Mode, flat_names

DEFAULT_VARIABLE = "ENTMIN_DEFAULT_METHOD"
"""Environment variable with the mode of requests that name none, in any form that `Mode.parse` reads."""
MODE_KEY = PREFIX + "mode"


def requested(
    xargs: Mapping[str, Any] | None, default: Mode | None = None, fields: Mapping[str, Any] | None = None
) -> Mode:
    """The mode of one request.

    Args:
        xargs: ``vllm_xargs`` of the request; keys without the ``entmin_`` prefix belong to somebody else, unless they
            read like one of ours.
        default: the server's own mode. Hyper-parameters without ``entmin_method`` change its method for this request;
            its sampling is for what the request leaves open.
        fields: the request's own sampling fields, as far as it has them; they win over `default`.

    Raises:
        UsageError: an unknown or misspelt name, a value out of range, options with no method to apply them to, a
            strategy, or something said twice in different ways.
    """
    _refuse_near_misses(xargs or {})
    mode = _named({key: value for key, value in (xargs or {}).items() if key.startswith(PREFIX)}, default)
    if mode.strategy is not None:
        raise UsageError(
            f"{mode.strategy.name}: a server answers single calls, and a strategy is several; "
            "`entmin eval` and `entmin compare` ask a server several times"
        )
    for key, value in (fields or {}).items():
        said = getattr(mode, key)
        if said is not None and said != value:
            raise UsageError(f"{key} is given twice: {said} in the mode, and {value} in the request; give it once")
    return mode.filled(**((default.drawing if default else {}) | dict(fields or {})))


def _named(given: dict[str, Any], default: Mode | None) -> Mode:
    """What the extra arguments say, the server's sampling not among it."""
    if MODE_KEY in given:
        text = given.pop(MODE_KEY)
        if given:
            raise UsageError(f"{MODE_KEY} and {', '.join(given)} in one request; put everything into {MODE_KEY}")
        if not isinstance(text, str):
            raise UsageError(f"{MODE_KEY} must be a text such as em_inf:threshold=0.1, not {text!r}")
        return Mode.parse(text)
    if not given:
        return Mode(default.method) if default else Mode()
    if METHOD_KEY not in given:
        if default is None:
            for key in given.keys() - keys():
                raise UsageError(f"{key} is not known{closest(key, keys())}")
            raise UsageError(
                f"{', '.join(given)} without {METHOD_KEY}: name the method too, such as {METHOD_KEY}=em_inf"
            )
        keeps = PREFIX + "preset" not in given  # a preset starts from the method's defaults, not from the server's
        given = (default.method.to_args() if keeps else {METHOD_KEY: default.method.name}) | given
    return Mode.from_args(given)


def keys() -> set[str]:
    """Every key that a request may have; plugins' are among them."""
    return {PREFIX + name for name in (*flat_names(), "mode")}


def _refuse_near_misses(xargs: Mapping[str, Any]) -> None:
    """Refuse keys that only look like ours, or a method's name under a key without the prefix.

    Raises:
        UsageError: they would be ignored, and the answer would not be what the client asked for.
    """
    for key, value in xargs.items():
        if key.startswith(PREFIX):
            continue
        near = difflib.get_close_matches(re.sub(r"\W", "_", key.lower()), keys(), n=1, cutoff=0.8)
        if not near and key.lower() in ("method", "mode"):
            named = re.split(r"\W", str(value), maxsplit=1)[0] in METHODS
            near = [PREFIX + key.lower()] if named else []
        if near:
            raise UsageError(f"{key!r} is not known (did you mean {near[0]!r}?); keys of a mode begin with {PREFIX}")


def refuse_costly(method: Method, default: Mode | None) -> None:
    """Refuse work that a client may not ask for; what the server's own mode has, a request may have too.

    Raises:
        UsageError: a hyper-parameter is beyond `Method.request_limits`.
    """
    for key, most in method.request_limits.items():
        value = getattr(method, key)
        ours = getattr(default.method, key) if default and type(default.method) is type(method) else 0
        if value > max(most, ours):
            raise UsageError(
                f"{key} must be at most {most} in a request, not {value}: every step of it delays all answers that are "
                "decoded together; who runs the server can allow more with the server's own mode"
            )


@cache
def _default(text: str) -> Mode:
    try:
        return Mode.parse(text)
    except UsageError as error:
        raise UsageError(f"{DEFAULT_VARIABLE}: {error}") from None


def default_mode() -> Mode | None:
    """The mode in the environment, None where there is none.

    Raises:
        UsageError: it is malformed.
    """
    text = os.environ.get(DEFAULT_VARIABLE)
    return _default(text) if text else None


def offered(default: Mode | None) -> dict[str, Any]:
    """What a server says it has: the mode of requests that name none, and its methods with their options' defaults."""
    methods = {name: {"memory": METHODS[name].memory, "options": METHODS[name].defaults()} for name in method_names()}
    return {"default": None if default is None else str(default), "methods": methods}
