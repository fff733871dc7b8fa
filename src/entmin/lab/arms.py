"""The arms of a comparison, from ``normal,greedy,em_inf:threshold=0.1:n_grad_steps=5@0.5``.

An arm is a method's name, optionally its hyper-parameters after colons, optionally its own temperature after ``@``.
``greedy`` is `normal` at temperature 0. Importable without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    model: str | None = None
    """None: the model that the comparison is of."""


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


def of_models(models: Sequence[str], arms: Sequence[Arm]) -> list[Arm]:
    """Every arm with every model, the first model's arms first; labels tell what differs.

    Raises:
        UsageError: a model is named twice.
    """
    names = _short(models)
    return [
        replace(arm, model=model, label=name if len(arms) == 1 else f"{name} {arm.label}")
        for model, name in zip(models, names, strict=True)
        for arm in arms
    ]


def _short(models: Sequence[str]) -> list[str]:
    """The shortest ends of the models' paths that tell them apart."""
    parts = [model.rstrip("/").split("/") for model in models]
    if len({tuple(part) for part in parts}) < len(parts):
        raise UsageError(f"models to compare: {', '.join(models)}: one is named twice")
    for size in range(1, max(len(part) for part in parts) + 1):
        names = ["/".join(part[-size:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return names
