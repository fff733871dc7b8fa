"""The Hub, asked once whether it is there: without a network its clients would try for half a minute and more."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from entmin.errors import EntminError

WAIT = 3.0
"""Seconds that a connection may take."""
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
"""Variables by which a user forbids to ask the Hub."""
_YES = ("1", "ON", "YES", "TRUE")


@contextlib.contextmanager
def reachable_or_offline() -> Iterator[None]:
    """Inside, the Hub's clients read their caches only where the Hub cannot be reached.

    Import the client that is used (`datasets`, `transformers`) before.
    """
    from huggingface_hub import constants

    told = [module for name in ("huggingface_hub.constants", "datasets.config") if (module := sys.modules.get(name))]
    before = [module.HF_HUB_OFFLINE for module in told]
    if not constants.HF_HUB_OFFLINE and why_not_reached():
        for module in told:
            module.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module, value in zip(told, before, strict=True):
            module.HF_HUB_OFFLINE = value  # type: ignore[attr-defined]


def require_model(name: str, revision: str | None = None) -> None:
    """Refuse a Hub id that can be had neither from the Hub nor from the cache, before anything slow is imported.

    Raises:
        EntminError: so it is.
    """
    if name.count("/") != 1 or name.startswith((".", "/", "~")) or Path(name).exists():
        return
    if cached(name, "config.json", revision) is None and (why := why_not_reached()):
        raise EntminError(f"could not load model {name!r}: {why}")


def cached(name: str, file: str, revision: str | None = None) -> Path | None:
    """A file of a Hub model where the cache has it; the Hub is not asked."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, file, revision=revision)
    except HFValidationError:  # no id
        return None
    return Path(found) if isinstance(found, str) else None


def why_not_reached() -> str:
    """Why the Hub cannot be asked, in words that name the remedy; empty where it can."""
    if found := [name for name in OFFLINE if os.environ.get(name, "").upper() in _YES]:
        return f"{found[0]} is set, so only what is already in the cache can be used: unset it, or name a local copy"
    from huggingface_hub import constants

    address = urlsplit(constants.ENDPOINT)
    proxy = getproxies().get(address.scheme)
    if proxy and not proxy_bypass(address.hostname or ""):
        address = urlsplit(proxy)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=WAIT).close()
    except OSError as error:
        return (
            f"the Hub cannot be reached from here ({address.hostname}: {error}) and it is not in the cache: check the "
            "network, or name a local copy"
        )
    return ""
