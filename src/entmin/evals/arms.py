"""The arms of a comparison: modes from ``normal,greedy,em_inf:threshold=0.1@0.5,em_inf+self_consistency:n=8``.

Each is a mode (`entmin.mode`) under the shortest text that says it, which is its label. Importable without torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from entmin.errors import UsageError
from entmin.mode import Mode, Sampling

DEFAULT_ARMS = "normal,greedy,em_inf,adaptive_temp"


def parse_arms(text: str, sampling: Mapping[str, Any] | None = None) -> dict[str, Mode]:
    """Read a comma list of modes, by label.

    Args:
        text: the list.
        sampling: temperature, top-p and the like for what an arm leaves open; what it says itself stands.

    Raises:
        UsageError: an unknown method or option, a malformed number, a repeated arm, or none at all.
    """
    arms = [Mode.parse(part) for part in text.split(",") if part.strip()]
    filled = [arm.filled(**(sampling or {})) for arm in arms]
    runs = [arm.complete() for arm in filled]
    repeated = {str(arm): None for arm, run in zip(arms, runs, strict=True) if runs.count(run) > 1}
    if not arms or repeated:
        raise UsageError(f"methods to compare: {'repeated ' + ', '.join(repeated) if repeated else 'none given'}")
    return dict(zip(map(str, arms), filled, strict=True))


def of_models(models: Sequence[str], arms: Mapping[str, Mode]) -> dict[str, tuple[str, Mode]]:
    """Every arm with every model, the first model's arms first; labels tell what differs.

    Raises:
        UsageError: a model is named twice.
    """
    names = dict(zip(short_names(models), models, strict=True))
    if len(models) == 1:
        return {label: (models[0], mode) for label, mode in arms.items()}
    return {
        name if len(arms) == 1 else f"{name} {label}": (model, mode)
        for name, model in names.items()
        for label, mode in arms.items()
    }


def short_names(models: Sequence[str]) -> list[str]:
    """The shortest ends of the models' paths that tell them apart."""
    parts = [model.rstrip("/").split("/") for model in models]
    if len({tuple(part) for part in parts}) < len(parts):
        raise UsageError(f"models to compare: {', '.join(models)}: one is named twice")
    for size in range(1, max(len(part) for part in parts) + 1):
        names = ["/".join(part[-size:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return names


def labels_of(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Labels of finished runs by their records: the mode, what else they differ in, and a number for equal ones."""
    neutral, several = asdict(Sampling()), len({one["seed"] for one in settings}) > 1
    models = list(dict.fromkeys(one["model"] for one in settings))
    names = dict(zip(models, short_names(models), strict=True))
    texts = []
    for one in settings:
        strategy = {key: value for key, value in (one.get("strategy") or {}).items() if key != "instruction"}
        told = {key: value for key, value in one["sampling"].items() if value != neutral[key]}
        mode = Mode.from_args({**one["method"], **strategy, **told, **({"seed": one["seed"]} if several else {})})
        texts.append(f"{names[one['model']]} {mode}" if len(models) > 1 else str(mode))
    return numbered(texts)


def numbered(texts: Sequence[str]) -> list[str]:
    """The same texts, equal ones with a number behind each."""
    return [f"{text} ({texts[: i + 1].count(text)})" if texts.count(text) > 1 else text for i, text in enumerate(texts)]
