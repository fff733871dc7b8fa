"""What a run must be able to write at its end, tried before its first step."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from entmin.engine.loaded import LoadedModel
from entmin.errors import EntminError, UsageError, first_line

_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
_FLOAT = 4


def try_saving(loaded: LoadedModel, folder: Path, *, adapters: bool) -> list[str]:
    """Write what stands beside the weights to a scratch folder on the same disk, and look whether the weights fit.

    A generation config that says greedy and a temperature cannot be saved; its sampling settings, which greedy decoding
    does not read, are taken out.

    Returns:
        What had to be changed, in words.

    Raises:
        UsageError: the model's configuration, generation config or tokenizer cannot be saved, or the disk is too small.
        EntminError: nothing can be written there.
    """
    changed = _mend(loaded.model.generation_config)
    place = next(path for path in (folder, *folder.resolve().parents) if path.is_dir())
    if not adapters:
        _require_room(loaded.model, place)
    try:
        with tempfile.TemporaryDirectory(prefix=".entmin-", dir=place) as scratch:
            for what, part in (
                ("configuration", loaded.model.config),
                ("generation config", loaded.model.generation_config),
                ("tokenizer", loaded.tokenizer),
            ):
                _try(what, part, scratch, loaded.name)
    except OSError as error:
        raise EntminError(f"cannot write in {place}: {error}; free space or choose another --output") from error
    return changed


def _try(what: str, part: Any, scratch: str, model: str) -> None:
    try:
        if part is not None:
            part.save_pretrained(scratch)
    except OSError:
        raise
    except Exception as error:  # each writer has errors of its own
        raise UsageError(
            f"the {what} of {model} cannot be saved, so no checkpoint could be ({type(error).__name__}: "
            f"{first_line(error)}); correct it in a copy of the model's folder"
        ) from error


def _mend(generation: Any) -> list[str]:
    if generation is None or generation.do_sample:
        return []
    given = [name for name in _SAMPLING if getattr(generation, name, None) is not None]
    try:
        generation.validate(strict=True)
    except ValueError:
        for name in given:
            setattr(generation, name, None)
        return [f"{', '.join(given)} of the generation config, which says greedy"]
    return []


def _require_room(model: Any, place: Path) -> None:
    needed = _FLOAT * sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    free = shutil.disk_usage(place).free
    if free < needed:
        raise UsageError(
            f"{place} has {free / 1e9:.1f} GB free and the trained weights alone take {needed / 1e9:.1f} GB: free "
            "space, or choose another --output"
        )
