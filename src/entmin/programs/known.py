"""Code and prompts kept as Markdown beside this file: a heading per entry and a block or template below it."""

from __future__ import annotations

import re
from importlib import resources

_ENTRY = re.compile(r"^## ([^\n]+)\n+```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ANSWER = re.compile(r"^## (\S+)\n+~~~\n(.*?)^~~~", re.MULTILINE | re.DOTALL)
_TEMPLATE = re.compile(r"^## ([^\n]+)\n+<template>\n(.*?)\n</template>", re.MULTILINE | re.DOTALL)


def sections(name: str) -> dict[str, str]:
    """Heading to the Python block under it."""
    return dict(_ENTRY.findall(_text(name)))


def templates(name: str) -> dict[str, str]:
    """Heading to the template under it."""
    return dict(_TEMPLATE.findall(_text(name)))


def known(task: str) -> dict[str, str]:
    """Problem id to a right program of our own, for SciCode a whole answer; empty where we have written none."""
    name = f"known_{task}.md"
    if not (resources.files("entmin.programs") / name).is_file():
        return {}
    return dict(_ANSWER.findall(_text(name))) or sections(name)


def _text(name: str) -> str:
    return (resources.files("entmin.programs") / name).read_text(encoding="utf-8")
