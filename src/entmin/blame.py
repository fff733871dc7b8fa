"""Whose code failed, where it is not ours: a file of the user's, a plugin, a model, or a package that is missing."""

from __future__ import annotations

import re
import sys
import sysconfig
import traceback
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from entmin.errors import first_line
from entmin.extras import EXTRAS, lacking

_PLACE = re.compile(r'^ *File "([^"<]+)", line (\d+)', re.MULTILINE)
_OURS = str(Path(__file__).resolve().parent)
_LIBRARIES = re.compile(r"[/\\](?:site|dist)-packages[/\\]")
_MODELS = re.compile(r"[/\\](?:transformers[/\\]models|transformers_modules)[/\\]")


def blamed(error: BaseException) -> str:
    """What failed, whose it is, and what to do about it; nothing where it is ours."""
    whose = whose_fault("".join(traceback.format_exception(error, chain=False)))
    said = f"{type(error).__name__}: {first_line(error)}" + (f" ({whose})" if whose else "")
    package = (getattr(error, "name", None) or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package and package != "entmin":
        extra = next((extra for extra in EXTRAS if package in map(_bare, lacking(extra))), None)
        wanted = f"'entmin[{extra}]'" if extra else package
        return f"{said}: pip install {wanted}"
    return said if whose else ""


def whose_fault(trace: str) -> str:
    """Whose code raised, by the text of a traceback, and what to do; nothing where it is ours or a library's.

    That is the innermost of theirs which ours, or a library, has called.
    """
    places = [(str(Path(path).resolve()), line) for path, line in _PLACE.findall(trace)]
    called = next((i for i, (path, _) in enumerate(places) if _known(path)), len(places))
    plugins = _plugins()
    for path, line in reversed(places[called:]):
        plugin = next((title for root, title in plugins.items() if path.startswith(root)), None)
        if plugin:
            return f"in {path}, line {line}, of {plugin}: it is no part of entmin; ask its author, or uninstall it"
        if _MODELS.search(path):
            return f"in {path}, line {line}, the model's own code: try another dtype, or another model"
        if not _known(path):
            return f"in {path}, line {line}, which is no part of entmin: correct it there"
    return ""


def _known(path: str) -> bool:
    """Whether a file is ours, a library's or Python's."""
    python = [Path(sysconfig.get_path("stdlib")).resolve(), Path(sys.base_prefix, "lib").resolve()]
    return path.startswith((_OURS, *map(str, python))) or bool(_LIBRARIES.search(path))


def _bare(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].replace("-", "_")


def _plugins() -> dict[str, str]:
    """Where the modules of plugins lie, folder or file, and what the plugins are called."""
    found = {}
    for plugin in entry_points(group="entmin.plugins"):
        root = plugin.value.partition(":")[0].partition(".")[0]
        try:
            spec = find_spec(root)
        except (ImportError, ValueError):
            continue
        if spec is not None and spec.origin:
            place = Path(spec.origin).resolve()
            found[str(place.parent if spec.submodule_search_locations else place)] = f"the plugin {plugin.name!r}"
    return found
