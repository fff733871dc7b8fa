"""What is printed: free of characters that drive a terminal, and in whatever encoding the terminal has.

Models, data sets, file names and servers write the text; only what is said here reaches the terminal, by `say` or by
`console`. Characters that move the cursor, colour, hide or reorder text are shown by their escapes, which are JSON's
own, so that JSON stays what it was.
"""

from __future__ import annotations

import codecs
import logging
import re
import shutil
import sys
import textwrap
import traceback
import warnings
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_DRIVING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline; delete; C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # order of writing
    "\u2028\u2029\u2060-\u2065\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # ends of lines, and what is not seen
    "\ud800-\udfff]"  # half of a pair
)
_PLAINER = {"–": "-", "—": "-", "−": "-", "→": ">", "…": ".", "·": "*", "±": "+/-", "×": "x", "≤": "<=", "≥": ">="}
_ERRORS = "entmin.plainer"
_PLAIN_KINDS = (int, float, complex, type(None))


def printable(text: str) -> str:
    """The text with characters that drive a terminal shown by their escapes; line ends and tabs stay."""
    return _DRIVING.sub(_escaped, text.replace("\r\n", "\n"))


def _escaped(found: re.Match[str]) -> str:
    point = ord(found.group())
    return f"\\u{point:04x}" if point < 1 << 16 else f"\\U{point:08x}"


def say(text: object, *, err: bool = False, bold: bool = False) -> None:
    """Print a line, or several, to standard output or standard error."""
    stream = sys.stderr if err else sys.stdout
    shown = printable(str(text))
    print(f"\x1b[1m{shown}\x1b[0m" if bold and stream.isatty() else shown, file=stream, flush=True)


def say_beside(label: str, text: str, width: int) -> None:
    """Print a text beside its label of `width` characters; on a terminal its lines are broken to stay beside it."""
    beside = f"{label:<{width}} "
    if not sys.stdout.isatty():
        return say(beside + text)
    room = max(shutil.get_terminal_size().columns - len(beside), 20)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    say("\n".join([beside + lines[0], *(f"{'':<{len(beside)}}{line}" for line in lines[1:])]))


def console(file: IO[str] | None = None, **options: Any) -> Console:
    """A console of rich that takes text as it is, without markup, and shows no character that drives the terminal."""
    from rich.console import Console
    from rich.segment import Segment

    class Printable(Console):
        def render(self, *args: Any, **kinds: Any) -> Iterator[Segment]:
            for segment in super().render(*args, **kinds):
                yield segment if segment.control else segment._replace(text=printable(segment.text))

    return Printable(file=file, markup=False, highlight=False, emoji=False, **options)


def prepare() -> None:
    """Make ready what this process prints: no encoding fails, and logs and warnings are printable too."""
    codecs.register_error(_ERRORS, _plainer)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS)
    if logging.getLogRecordFactory() is not _record:
        logging.setLogRecordFactory(_record)
        warnings.formatwarning = _warning


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """Plainer characters for those that the terminal's encoding lacks; escapes where there are none."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join(_PLAINER.get(one) or one.encode("ascii", "backslashreplace").decode() for one in lacking), error.end


def _record(*args: Any, **options: Any) -> logging.LogRecord:
    record = logging.LogRecord(*args, **options)
    record.msg = _shown(record.msg)
    if isinstance(record.args, Mapping):
        record.args = {key: _shown(value) for key, value in record.args.items()}
    elif record.args:
        record.args = tuple(map(_shown, record.args))
    if record.exc_info and record.exc_info[0] is not None:
        record.exc_text = printable("".join(traceback.format_exception(*record.exc_info))).rstrip()
    return record


def _shown(value: object) -> object:
    return value if isinstance(value, _PLAIN_KINDS) else printable(str(value))


_format = warnings.formatwarning


def _warning(*args: Any, **options: Any) -> str:
    return printable(_format(*args, **options))
