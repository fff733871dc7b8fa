"""Code and prompts kept as Markdown: a heading per entry and a block or template below it."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

_ENTRY = re.compile(r"^## ([^\n]+)\n+```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ANSWER = re.compile(r"^## (\S+)\n+~~~\n(.*?)^~~~", re.MULTILINE | re.DOTALL)
_TEMPLATE = re.compile(r"^## ([^\n]+)\n+<template>\n(.*?)\n</template>", re.MULTILINE | re.DOTALL)


def sections(name: str) -> dict[str, str]:
    """Heading to the Python block under it."""
    return dict(_ENTRY.findall(_text(name)))


def templates(name: str) -> dict[str, str]:
    """Heading to the template under it."""
    return dict(_TEMPLATE.findall(_text(name)))


def right_programs(path: Path) -> dict[str, str]:
    """Problem id to a right program of our own, for problems in steps a whole answer."""
    text = path.read_text(encoding="utf-8")
    return dict(_ANSWER.findall(text) or _ENTRY.findall(text))


def _text(name: str) -> str:
    return (resources.files("entmin.programs") / name).read_text(encoding="utf-8")
