"""The Hub, asked once whether it is there: without a network its clients would try for half a minute and more."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

WAIT = 3.0
"""Seconds that finding the Hub and connecting may take, all its addresses together."""
KEPT = 30.0
"""Seconds for which the answer holds: a command asks for model, data and more, and must not wait for each."""
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


def why_no_model(name: str, revision: str | None = None) -> str:
    """Why a Hub id can be had neither from the Hub nor from the cache; empty where it may be."""
    return "" if cached(name, "config.json", revision) else why_not_reached()


def why_no_data_set(name: str) -> str:
    """The same of a data set of the Hub."""
    return "" if Path(name).exists() or prepared(name).is_dir() else why_not_reached()


def prepared(name: str) -> Path:
    """Where `datasets` keeps what it made of a data set of the Hub, found without importing it."""
    from huggingface_hub import constants

    owner, _, repository = name.partition("/")
    words = re.sub(r"([a-z\d])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", repository)).lower()
    folder = os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets"
    return Path(folder) / f"{owner}___{words}"


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
    refused = _refused(address.hostname or "", port, int(time.monotonic() // KEPT))
    return refused and (
        f"the Hub cannot be reached from here ({address.hostname}: {refused}) and it is not in the cache: check the "
        "network, or name a local copy"
    )


@lru_cache(maxsize=1)
def _refused(host: str, port: int, when: int) -> str:
    """Why no address of a host takes a connection within `WAIT` seconds; empty where one does.

    The search for the name and each address have a thread of their own: nothing else bounds how long the one takes,
    and of many addresses all may be silent.
    """
    answers: queue.SimpleQueue[list[Any] | OSError | None] = queue.SimpleQueue()

    def begin(work: Callable[[], list[Any] | None]) -> None:
        def answer() -> None:
            try:
                answers.put(work())
            except OSError as error:
                answers.put(error)

        threading.Thread(target=answer, daemon=True).start()

    begin(partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
    waiting, why, end = 1, "", time.monotonic() + WAIT
    while waiting:
        try:
            found = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return f"no answer within {WAIT:g} seconds"
        if found is None:
            return ""
        if isinstance(found, OSError):
            waiting, why = waiting - 1, str(found)
        else:
            addresses = {info[4][:2] for info in found}
            for address in addresses:
                begin(partial(_connect, address))
            waiting += len(addresses) - 1
    return why


def _connect(address: tuple[str, int]) -> None:
    socket.create_connection(address, timeout=WAIT).close()
