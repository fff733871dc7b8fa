"""``entmin doctor``: versions, device, what is installed, what is missing and how to get it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click

from entmin.errors import EntminError
from entmin.extras import EXTRAS, lacking
from entmin.terminal import say, say_beside


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, label to state.")
def command(as_json: bool) -> None:
    """Show versions, device, what is installed, and what is missing with the way to get it.

    Exits with 1 when something that entmin cannot work without is missing.
    """
    missing = lacking("")
    found = list(_lines(missing))
    if as_json:
        states: dict[str, str | list[str]] = dict(found)
        say(json.dumps(states | {"MISSING": missing}, indent=2))
    else:
        for label, state in found:
            say_beside(label, state, 14)
    if missing:
        sys.exit(1)


def _lines(missing: list[str]) -> Iterator[tuple[str, str]]:
    from entmin.evals.record import git_revision, versions

    found = versions()
    yield "python", found.pop("python")
    for name, version in found.items():
        yield name, version
    for name in missing:
        yield "MISSING", f"{name}, which entmin cannot work without: pip install entmin"
    yield "git", git_revision() or "not a git checkout"
    if find_spec("torch"):
        yield from _device_lines()
    for extra, use in EXTRAS.items():
        absent = lacking(extra)
        state = f"lacks {', '.join(absent)}: pip install 'entmin[{extra}]'" if absent else "installed"
        yield f"extra {extra}", f"for {use}: {state}"
    yield "sandbox", _sandbox_state()
    yield from _storage_lines()


def _sandbox_state() -> str:
    from entmin.sandbox import open_sandbox

    try:
        record = open_sandbox().record()
    except EntminError as error:
        return f"NOT WORKING: {error}"
    filtered = "system calls filtered" if record["system_call_filter"] else "system calls not filtered here"
    slow = f"time limits times {record['machine_slowness']:g} on this machine"
    return f"{record['sandbox_version']}, working, {filtered}, {slow}; code benchmarks can run"


def _device_lines() -> Iterator[tuple[str, str]]:
    import torch

    from entmin.core.impl import states
    from entmin.engine.loading import default_device, default_dtype

    device = default_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    yield "device", f"{name}, {str(default_dtype(device)).removeprefix('torch.')} by default"
    yield "cpu", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    for name, state in states().items():
        yield f"impl {name}", state


def _storage_lines() -> Iterator[tuple[str, str]]:
    from entmin.cache_folder import cache_folder
    from entmin.engine.aliases import ALIASES, is_cached

    cache = cache_folder()
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    yield "cache", f"{cache}, {shutil.disk_usage(place).free / 2**30:.0f} GiB free"
    for name in ALIASES:
        state = "converted and ready" if is_cached(name) else "not fetched yet; the first use fetches it"
        yield f"model {name}", state
    data = os.environ.get("ENTMIN_DATA")
    mirror = (
        f"{data}{'' if data and Path(data).is_dir() else ' (no such folder)'}"
        if data
        else "not set; data sets come from the Hub"
    )
    yield "ENTMIN_DATA", mirror
    if os.environ.get("HF_HUB_OFFLINE"):
        yield "HF_HUB_OFFLINE", "set: only models and data sets in the local cache can be used"
