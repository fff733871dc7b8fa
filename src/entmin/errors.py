"""The two kinds of failure a user meets: a wrong request (exit code 2) and a failed one (exit code 1).

Every message names the remedy. Anything else that escapes is a defect of ours; ``--debug`` shows its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EntminError(Exception):
    """Something failed that the user can act on; the message says how."""

    exit_code = 1


class UsageError(EntminError):
    """The request itself is wrong: an unknown name, a value out of range, a malformed file."""

    exit_code = 2


class Interrupted(EntminError):
    """The user stopped it; what was finished is kept."""

    exit_code = 130


def first_line(error: BaseException) -> str:
    """What an error of a library says in its first line; its type where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def closest(word: str, names: Iterable[str]) -> str:
    """`` (did you mean 'x'?)``, or nothing when no name is near."""
    close = difflib.get_close_matches(word, list(names), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
