"""The `Method` base class, its flat-scalar wire format, and the registry of methods by name.

The wire format is the same everywhere (command line, config files, ``vllm_xargs``, logs):
``{"entmin_method": "em_inf", "entmin_threshold": 0.3, ...}``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from entmin.errors import UsageError, closest
from entmin.hyperparameters import Hyperparameters, Scalar

if TYPE_CHECKING:
    from torch import Tensor

    from entmin.core import Adjusted

Stage = Literal["before", "after"]
PREFIX = "entmin_"
METHOD_KEY = PREFIX + "method"
_RESERVED = {"method", "mode", "preset", "strategy", "temperature", "top_p", "top_k", "min_p", "seed"}
"""Names that mean something else where a mode is written."""


@dataclasses.dataclass(frozen=True)
class Method(Hyperparameters):
    """Base of all decoding methods: hyper-parameters in, adjusted logits out, each row on its own."""

    stage: ClassVar[Stage] = "before"
    """Whether `adjust` is for logits before the temperature or after it; the sampling's truncation follows."""
    memory: ClassVar[bool] = False
    """Whether a row depends on earlier rows of its sequence too (`entmin.methods.memory`)."""
    request_limits: ClassVar[dict[str, int]] = {}
    """Hyper-parameters that cost time, and the most that a request to a server may ask of them."""

    def adjust(self, logits: Tensor) -> Tensor:
        """Map logits ``[B, V]`` at the method's stage to adjusted ones; float32 (float64 for float64), -inf stays."""
        raise NotImplementedError

    def adjust_checked(self, logits: Tensor) -> Tensor:
        """Like `adjust`, of which only the shape is believed.

        Raises:
            UsageError: the method gave something else than adjusted logits.
        """
        adjusted = self.adjust(logits)
        if getattr(adjusted, "shape", None) != logits.shape:
            given = list(getattr(adjusted, "shape", ())) or type(adjusted).__name__
            raise UsageError(
                f"method {self.name!r} gave {given} for logits of shape {list(logits.shape)}: its adjust must give "
                "adjusted logits of the same shape"
            )
        return adjusted

    def adjust_measured(self, logits: Tensor, out: Tensor | None = None) -> Adjusted:
        """Like `adjust`, with each row's entropy before and after; what a method knows already is not computed again.

        Args:
            logits: ``[B, V]``.
            out: ``[B, V]`` float32 that may be written over, `logits` itself allowed; the result may or may not be in
                it.
        """
        from entmin.core import Adjusted, entropy

        source = logits.float() if out is None else out.copy_(logits)
        adjusted = self.adjust_checked(source)
        before = entropy(source)
        return Adjusted(adjusted, before, before if adjusted is source else entropy(adjusted))

    def adjust_in_place(self, logits: Tensor) -> Tensor:
        """Like `adjust`, into float32 ``[B, V]`` logits themselves, which are returned."""
        adjusted = self.adjust_checked(logits)
        return adjusted if adjusted is logits else logits.copy_(adjusted)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Refuse to be taken for a logits processor of transformers.

        Raises:
            UsageError: always.
        """
        shown = f"{type(self).__name__}(...)"
        raise UsageError(f"{shown} is no logits processor: give logits_processor=[EntropyLogitsProcessor({shown})]")

    def to_args(self) -> dict[str, Scalar]:
        """The flat form, complete: the method's name and every hyper-parameter."""
        return {METHOD_KEY: self.name} | {PREFIX + key: value for key, value in dataclasses.asdict(self).items()}


METHODS: dict[str, type[Method]] = {}


def register_method(cls: type[Method]) -> type[Method]:
    """Make a method known by its name; usable as a decorator.

    Raises:
        UsageError: one of its options has a name that means something else in a mode, or it has memory and belongs
            after the temperature, where hosts keep no states.
    """
    taken = _RESERVED & set(cls.options())
    if taken:
        raise UsageError(f"method {cls.name}: an option cannot be called {', '.join(sorted(taken))}; rename it")
    if cls.memory and cls.stage == "after":
        raise UsageError(f"method {cls.name}: a method with memory belongs before the temperature")
    METHODS[cls.name] = cls
    return cls


def method_names() -> list[str]:
    """Names of all methods, plugins included."""
    from entmin.plugins import load_plugins

    load_plugins()
    return list(METHODS)


def method_class(name: str) -> type[Method]:
    """Look a method up by name; hyphens count as underscores.

    Raises:
        UsageError: unknown name; the message lists the right ones.
    """
    names = method_names()
    key = name.strip().replace("-", "_")
    if key not in METHODS:
        raise UsageError(f"unknown method {name!r}{closest(key, names)}; methods: {', '.join(names)}")
    return METHODS[key]


def as_method(given: Any) -> Method:
    """A method, from itself, its class, or its name.

    Raises:
        UsageError: it is none of these, or the class or name of a method that has no default settings.
    """
    if isinstance(given, str):
        given = method_class(given)
    if isinstance(given, type) and issubclass(given, Method) and hasattr(given, "name"):
        try:
            return given()
        except TypeError as error:
            raise UsageError(f"{given.__name__} needs settings: give {given.__name__}(...) ({error})") from None
    if not isinstance(given, Method) or not hasattr(given, "name"):
        names = ", ".join(method_names())
        raise UsageError(f"{given!r:.80} is no decoding method: give EmInf() or another, a class, or a name ({names})")
    return given


def from_args(args: Mapping[str, Any]) -> Method:
    """Inverse of `Method.to_args`; missing hyper-parameters take their defaults, ``entmin_preset`` its values.

    Keys may carry the ``entmin_`` prefix or not; all must be known.

    Raises:
        UsageError: an unknown method or option (the message lists the right names), or a value out of range.
    """
    plain = {key.removeprefix(PREFIX): value for key, value in args.items()}
    return method_class(str(plain.pop("method", "normal"))).from_settings(plain)
