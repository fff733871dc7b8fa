"""Which weights a model's name stands for: what records say, and what finished runs are found again by.

A folder is read whole. Two checkpoints of one run may differ in a few layers only, or in the chat template alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from entmin.engine.aliases import ALIASES
from entmin.engine.named import adapter_base, base_path

_READ = {".safetensors", ".bin", ".gguf", ".json", ".jinja", ".model", ".tiktoken", ".txt", ".py"}
"""Endings of the files that an answer may depend on: weights, configuration, tokenizer, template, code."""


def revision_of(name: str, path: str, config: Any) -> str:
    """The commit of a Hub model, a digest of a folder, or an alias's checksum; an adapter's, then those of its bases.

    Args:
        name: what the user calls it.
        path: where it is, or its Hub id.
        config: the model's configuration, which knows the commit of a Hub model.

    Raises:
        EntminError: an adapter names a base that is not there.
    """
    below = adapter_base(path)
    rest = f" on {revision_of(below, base_path(below, path), config)}" if below else ""
    if name in ALIASES:
        return f"sha256:{ALIASES[name].sha256}{rest}"
    if not Path(path).exists():
        return f"{getattr(config, '_commit_hash', None) or 'unknown'}{rest}"
    return f"{folder_digest(path)}{rest}"


def folder_digest(path: str) -> str:
    """A digest of all that answers of the model in a folder depend on."""
    digest = hashlib.sha256()
    for file in _files(path):
        with file.open("rb") as data:
            digest.update(f"{file.name}:{hashlib.file_digest(data, 'sha256').hexdigest()}:".encode())
    return f"folder:{digest.hexdigest()[:16]}"


def weights_named(name: str | None) -> str | None:
    """What a server calls its weights; of a folder that is here too, its digest."""
    return folder_digest(name) if name is not None and Path(name).is_dir() else name


def state_of(path: str) -> tuple[tuple[object, ...], ...]:
    """What changes when a folder's files do, without reading them; empty for what is no folder."""
    below = adapter_base(path)
    own = tuple((file.name, *_state(file)) for file in _files(path))
    return (*own, *state_of(base_path(below, path))) if below else own


def _state(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _files(path: str) -> Iterator[Path]:
    return (file for file in sorted(Path(path).glob("*")) if file.suffix in _READ and file.is_file())
