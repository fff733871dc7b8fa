"""The arms of a comparison, from ``normal,greedy,em_inf:threshold=0.1:n_grad_steps=5@0.5``.

An arm is a method's name, optionally its hyper-parameters after colons, optionally its own temperature after ``@``.
``greedy`` is `normal` at temperature 0. Importable without torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from entmin.engine.requests import Sampling
from entmin.errors import UsageError
from entmin.methods import Method, Normal, from_args

DEFAULT_ARMS = "normal,greedy,em_inf,adaptive_temp"


@dataclass(frozen=True)
class Arm:
    """One way of decoding, under a name that is unique in its comparison."""

    label: str
    method: Method
    sampling: Sampling


def parse_arms(text: str, sampling: Sampling) -> list[Arm]:
    """Read a comma list of arms; `sampling` applies to all, a temperature after ``@`` to one.

    Raises:
        UsageError: an unknown method or option, a malformed number, a repeated arm, or none at all.
    """
    arms = [_parse_arm(part.strip(), sampling) for part in text.split(",") if part.strip()]
    labels = [arm.label for arm in arms]
    repeated = {label for label in labels if labels.count(label) > 1}
    if not arms or repeated:
        raise UsageError(
            f"methods to compare: {'repeated ' + ', '.join(sorted(repeated)) if repeated else 'none given'}"
        )
    return arms


def _parse_arm(text: str, sampling: Sampling) -> Arm:
    head, _, temperature = text.partition("@")
    name, *settings = head.split(":")
    if temperature:
        try:
            sampling = replace(sampling, temperature=float(temperature))
        except ValueError:
            raise UsageError(f"{text!r}: the temperature after @ must be a number") from None
    if name == "greedy":
        if settings or temperature:
            raise UsageError(f"{text!r}: greedy takes no settings; it is normal@0")
        return Arm("greedy", Normal(), replace(sampling, temperature=0.0))
    pairs = {key: value for key, _, value in (pair.partition("=") for pair in settings)}
    if not all(pairs.values()):
        raise UsageError(f"{text!r}: write settings as name=value, as in em_inf:threshold=0.1@0.5")
    return Arm(text.replace("-", "_") if not settings else text, from_args({"method": name, **pairs}), sampling)
