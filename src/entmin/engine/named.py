"""What a model's name stands for, and whether it can be had, found before anything slow is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from entmin.engine.aliases import ALIASES, fetch
from entmin.errors import EntminError, closest
from entmin.hub import why_no_model

CONFIG = "adapter_config.json"


def require_model(name: str, revision: str | None = None) -> None:
    """Refuse a model that cannot be had; an alias is fetched.

    Args:
        name: an alias, a local folder, or a Hub id.
        revision: of a Hub model; of the base, for an adapter.

    Raises:
        UsageError: packages that read an alias's file are missing.
        EntminError: nothing has this name, or neither its source nor the cache can give it.
    """
    require_name(name)
    if name in ALIASES:
        fetch(name)
        return
    *adapters, root = lineage(name)
    if adapters:
        revision = (revision if len(adapters) == 1 else None) or adapter_revision(adapters[-1])
    if not Path(root).exists() and (why := why_no_model(root, revision)):
        raise EntminError(f"could not load model {name!r}: {why}")


def require_name(name: str) -> None:
    """Refuse what is neither an alias nor a path that exists, and cannot be a Hub id.

    Raises:
        EntminError: so it is.
    """
    if name not in ALIASES and not Path(name).exists() and not _may_be_id(name):
        raise EntminError(
            f"no model {name!r}{closest(name, ALIASES)}: give an alias ({', '.join(ALIASES)}), an existing folder, "
            "or a Hub id like owner/name"
        )


def _may_be_id(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


def adapter_base(folder: str | Path) -> str | None:
    """The base model that an adapter folder names; None where the folder holds no adapter.

    Raises:
        EntminError: the adapter's configuration is damaged or names no base.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        return None
    base = _settings(path)["base_model_name_or_path"]
    if not base:
        raise EntminError(f"{path} names no base model; write its name there, as base_model_name_or_path")
    return str(base)


def adapter_revision(folder: str | Path) -> str | None:
    """The revision of the base that an adapter folder was trained on, where it says one."""
    found = _settings(Path(folder) / CONFIG).get("revision")
    return str(found) if found else None


def _settings(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        found["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError) as error:
        raise EntminError(f"{path} cannot be read ({type(error).__name__}: {error}); save the adapter again") from error
    return found


def base_path(base: str, folder: str) -> str:
    """What to load for a base: an alias's folder, an existing folder, or a Hub id.

    Raises:
        EntminError: it is a folder that is not here.
    """
    if base in ALIASES:
        return str(fetch(base))
    if not Path(base).exists():
        # An adapter trained on an adapter has its base beside it, under the place where that was written.
        for moved in (Path(folder) / Path(base).name, Path(folder).parent / Path(base).name):
            if Path(base).is_absolute() and (moved / "config.json").is_file():
                return str(moved)
    if not Path(base).exists() and not _may_be_id(base):
        raise EntminError(
            f"adapter {folder!r} was trained on {base!r}, which is not here; put the base model there, or correct "
            f"base_model_name_or_path in {folder}/{CONFIG}"
        )
    return base


def lineage(name: str) -> list[str]:
    """A model and what it builds on: adapters, as far as they were trained on adapters, and the model at the bottom.

    Raises:
        EntminError: they build on each other in a circle, or one is not here.
    """
    seen = [name]
    while below := adapter_base(seen[-1]):
        seen.append(base_path(below, seen[-1]))
        if seen[-1] in seen[:-1]:
            raise EntminError(f"the adapter {name!r} builds on itself; correct base_model_name_or_path in its {CONFIG}")
    return seen


def base_of(folder: str | Path) -> str:
    """The model that a checkpoint was trained from: by its adapter configuration, else by its model card.

    Raises:
        EntminError: neither names one.
    """
    card = Path(folder) / "README.md"
    named = adapter_base(folder) or (_card_base(card) if card.is_file() else None)
    if named is None:
        raise EntminError(
            f"{folder} does not say which model it was trained from: no {CONFIG} and no base_model in a README.md; "
            "compare as `entmin compare BASE --against CHECKPOINT`"
        )
    return named


def _card_base(card: Path) -> str | None:
    from huggingface_hub import ModelCard

    base = ModelCard.load(card, ignore_metadata_errors=True).data.to_dict().get("base_model")
    first = base[0] if isinstance(base, list) and base else base
    return str(first) if first else None
