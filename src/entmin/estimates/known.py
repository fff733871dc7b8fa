"""The sizes of a model by its name: from the table of known models, else counted on its config.json."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from entmin.errors import UsageError
from entmin.estimates.sizes import Sizes, as_sizes, table
from entmin.hub import cached


def sizes_of(model: str) -> Sizes:
    """The sizes of a model.

    Args:
        model: a folder with a config.json, a name in the table, an alias, or a Hub id whose config.json is cached.

    Raises:
        UsageError: they are not known here; the message says how to give them.
    """
    known, file = known_models(), Path(model) / "config.json"
    if not file.is_file() and model in known:
        return known[model]
    found = file if file.is_file() else cached(model, "config.json")
    if found is None:
        near = _nearest(model, known)
        raise UsageError(
            f"the sizes of {model!r} are not known here{f' (did you mean {near!r}?)' if near else ''}: give a local "
            "folder with its config.json, or a name of `entmin list models`"
        )
    from entmin.estimates.counted import count

    return count(str(found.parent))


def _nearest(model: str, known: Iterable[str]) -> str | None:
    """The known name that is most alike, owner and case left aside."""
    last = {name.rpartition("/")[2].lower(): name for name in known}
    close = get_close_matches(model.rpartition("/")[2].lower(), last, n=1)
    return last[close[0]] if close else None


@cache
def known_models() -> dict[str, Sizes]:
    """The table: each name with its sizes."""
    return {name: as_sizes(entry["sizes"]) for entry in table() for name in entry["names"]}
