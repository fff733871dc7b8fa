"""The arms of a comparison, from ``normal,greedy,em_inf:threshold=0.1:n_grad_steps=5@0.5,em_inf+self_consistency:n=8``.

An arm is a mode (a method, a strategy, or both joined by ``+``: `entmin.strategies.parse_mode`), settings after colons,
optionally its own temperature after ``@``. ``greedy`` is `normal` at temperature 0. Importable without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from entmin.engine.requests import Sampling
from entmin.errors import UsageError
from entmin.methods import Method
from entmin.strategies import Strategy, parse_mode

DEFAULT_ARMS = "normal,greedy,em_inf,adaptive_temp"


@dataclass(frozen=True)
class Arm:
    """One way of answering, under a name that is unique in its comparison."""

    label: str
    method: Method
    sampling: Sampling
    strategy: Strategy | None = None
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
    if temperature:
        try:
            sampling = replace(sampling, temperature=float(temperature))
        except ValueError:
            raise UsageError(f"{text!r}: the temperature after @ must be a number") from None
    mode = parse_mode(head)
    if mode.greedy:
        if temperature:
            raise UsageError(f"{text!r}: greedy takes no settings; it is normal@0")
        sampling = replace(sampling, temperature=0.0)
    if mode.strategy is not None:
        mode.strategy.check_temperature(sampling.temperature)
    return Arm(text if ":" in head else text.replace("-", "_"), mode.method, sampling, mode.strategy)


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
