"""How a model decodes, as `soundness` found it, kept in the cache folder.

Trying it takes longer than reading the weights does, and the same weights on the same kind of processor with the same
versions decode alike. A model for which no way was found is tried again each time.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import torch

from entmin.cache_folder import cache_folder
from entmin.durable import make_folder, write_whole
from entmin.engine.loaded import Decoding, LoadedModel
from entmin.engine.soundness import choose_decoding

WORTH = 50_000_000
"""Parameters of the smallest model of which this is kept; a smaller one is tried in no time."""


@dataclass(frozen=True)
class _Found:
    """The fields of `LoadedModel` that the trial sets."""

    decoding: Decoding
    shares: bool
    reason: str


def checked(loaded: LoadedModel) -> LoadedModel:
    """The model, its way of decoding chosen by `choose_decoding`, now or when the same was loaded before.

    Raises:
        EntminError: there is none.
    """
    place = _place(loaded)
    found = None if place is None else _read(place)
    if found is not None:
        loaded.decoding, loaded.shares, loaded.reason = found.decoding, found.shares, found.reason
        return loaded
    if choose_decoding(loaded) and place is not None:
        kept = _Found(loaded.decoding, loaded.shares, loaded.reason)
        with suppress(OSError):  # it is found again next time
            make_folder(place.parent)
            write_whole(place, json.dumps(asdict(kept)))
    return loaded


def _read(place: Path) -> _Found | None:
    with suppress(OSError, ValueError, TypeError):
        found = _Found(**json.loads(place.read_text()))
        if found.decoding in get_args(Decoding) and isinstance(found.shares, bool):
            return found
    return None


def _place(loaded: LoadedModel) -> Path | None:
    """The file about these weights here; None where it is unknown which they are, or they are few."""
    few = sum(weight.numel() for weight in loaded.model.parameters()) < WORTH
    if few or loaded.revision in ("", "unknown"):
        return None
    device = torch.cuda.get_device_name(loaded.device) if loaded.device.type == "cuda" else loaded.device.type
    about = [
        *(loaded.revision, type(loaded.model).__name__, loaded.model.config._attn_implementation, str(loaded.dtype)),
        *(device, torch.backends.cpu.get_cpu_capability(), version("torch"), version("transformers"), _engine()),
    ]
    return cache_folder() / "decoding" / f"{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]}.json"


@cache
def _engine() -> str:
    """A digest of the engine's own source, which the trial tries as much as the model."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
