"""The sizes of a model by its name: from the table of known models, else counted on its config.json."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from entmin.errors import UsageError, closest
from entmin.estimates.sizes import Sizes, as_sizes, table
from entmin.hub import cached


def sizes_of(model: str) -> Sizes:
    """The sizes of a model.

    Args:
        model: a folder with a config.json, a name in the table, an alias, or a Hub id whose config.json is cached.

    Raises:
        UsageError: they are not known here; the message says how to give them.
    """
    known, file = _known(), Path(model) / "config.json"
    if not file.is_file() and model in known:
        return known[model]
    found = file if file.is_file() else cached(model, "config.json")
    if found is None:
        raise UsageError(
            f"the sizes of {model!r} are not known here{closest(model, known)}: give a local folder with its "
            f"config.json, or one of {', '.join(known)}"
        )
    from entmin.estimates.counted import count

    return count(str(found.parent))


@cache
def _known() -> dict[str, Sizes]:
    return {name: as_sizes(entry["sizes"]) for entry in table() for name in entry["names"]}
