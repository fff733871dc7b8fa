"""How many tokens a text has at least, by its size alone, so that a prompt far too long is refused unencoded.

A token stands for at most as many bytes of text as it is wide. That bounds the tokens from below wherever nothing of
the text is lost on the way: byte pairs that can spell every byte, behind steps that drop nothing. For any other
tokenizer (unknown words become one token, spaces are dropped) there is no such bound, and none is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

NFC_SHRINKS = 4
"""A text has at most this many times the UTF-8 bytes of its NFC form, as a test counts over all characters."""
_LOSSLESS = {"ByteLevel", "Digits", "Metaspace", "Punctuation", "Split", "Sequence"}

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_BYTE_LETTERS = [*map(chr, _PRINTABLE), *(chr(256 + i) for i in range(256 - len(_PRINTABLE)))]
"""The letters by which byte-level tokenizers spell the 256 bytes."""


class Width(NamedTuple):
    """What one token can hold."""

    most_bytes: int
    """UTF-8 bytes of text, before normalization."""
    bare: bool
    """White space is not counted, because added tokens swallow any amount of it."""


def fewest_tokens(tokenizer: Any, text: str) -> int:
    """A lower bound on the tokens of a text; 0 where the tokenizer's rules give none."""
    width = _width(tokenizer)
    if width is None:
        return 0
    counted = "".join(text.split()) if width.bare else text
    return -(-len(counted.encode()) // width.most_bytes)


@lru_cache(maxsize=8)
def _width(tokenizer: Any) -> Width | None:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    rules = json.loads(backend.to_str())
    shrinks = _shrinks(rules["normalizer"])
    splits = list(_parts(rules["pre_tokenizer"], "pretokenizers"))
    byte_level = any(part["type"] == "ByteLevel" for part in splits)
    lossless = all(part["type"] in _LOSSLESS and part.get("behavior") != "Removed" for part in splits)
    if not shrinks or not lossless or not _spells_every_byte(rules["model"], byte_level):
        return None
    added = rules["added_tokens"]
    widths = [len(token if byte_level else token.encode()) for token in rules["model"]["vocab"]]
    widths += [len(token["content"].encode()) for token in added]
    return Width(shrinks * max(widths), any(token["lstrip"] or token["rstrip"] for token in added))


def _shrinks(normalizer: Any) -> int:
    """Factor by which normalization can make a text smaller; 0 where that is not known."""
    factor = 1
    for part in _parts(normalizer, "normalizers"):
        if part["type"] == "NFC":
            factor *= NFC_SHRINKS
        elif part["type"] == "Replace":
            given = part["pattern"].get("String")
            if given is None or len(part["content"].encode()) < len(given.encode()):
                return 0
        elif part["type"] not in ("Prepend", "Sequence"):
            return 0
    return factor


def _parts(rule: Any, inner: str) -> Iterator[dict[str, Any]]:
    """The steps of a rule, those of a sequence one by one."""
    if rule is not None:
        yield rule
        for part in rule.get(inner, []):
            yield from _parts(part, inner)


def _spells_every_byte(model: Any, byte_level: bool) -> bool:
    if model["type"] != "BPE":
        return False
    vocabulary = model["vocab"]
    if byte_level:
        return all(letter in vocabulary for letter in _BYTE_LETTERS)
    return bool(model["byte_fallback"]) and all(f"<0x{byte:02X}>" in vocabulary for byte in range(256))
