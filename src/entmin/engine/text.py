"""From tokens to text, whole or while it grows, and where a stop text ends it.

The text shows no special tokens. A stop text may name them all the same: it then ends the text where they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, islice
from typing import Any, NamedTuple

_HALF = "\ufffd"
_LEAST_TAIL = 64


class Marked(NamedTuple):
    """A text, and special tokens that are not shown in it, each with its place in the text and its name."""

    text: str
    names: tuple[tuple[int, str], ...] = ()

    def whole(self) -> str:
        """The text with the names in their places."""
        return "".join(self._pieces())

    def _pieces(self) -> Iterator[str]:
        done = 0
        for place, name in self.names:
            yield self.text[done:place]
            yield name
            done = place
        yield self.text[done:]

    def shown(self, place: int) -> int:
        """The place in the text of a place in the whole."""
        for at, name in self.names:
            if place <= at:
                break
            place = max(at, place - len(name))
        return place

    def end(self, stops: Iterable[str]) -> int:
        """Where the text ends before the first stop text; -1 where none is in it."""
        whole = self.whole() if self.names else self.text
        plain = (self.text.find(stop) for stop in stops)
        named = (self.shown(at) if (at := whole.find(stop)) >= 0 else -1 for stop in stops if self.names)
        return min((at for at in (*plain, *named) if at >= 0), default=-1)

    def certain(self, stops: Iterable[str]) -> int:
        """How much of the text can be part of no stop text that is still to come."""
        whole = self.whole()
        open_ends = (self.shown(len(whole) - overlap) for stop in stops if (overlap := _overlap(whole, stop)))
        plain = (len(self.text) - _overlap(self.text, stop) for stop in stops)
        return min((*open_ends, *plain), default=len(self.text))

    def after(self, place: int) -> Marked:
        """What comes from a place on."""
        return Marked(self.text[place:], tuple((at - place, name) for at, name in self.names if at >= place))


class Decoder:
    """Turns the tokens of one tokenizer into text.

    Tokenizers that spell unknown characters in bytes decode a run of bytes as a whole: one byte too few, as where an
    answer is cut inside a character, and every character of the run is lost. Here only the broken one is.
    """

    def __init__(self, tokenizer: Any) -> None:
        """Build it for one tokenizer; use `decoder` to have one for each."""
        self._tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder
        self._special = {token: str(one.content) for token, one in added.items() if one.special}
        self._named = lru_cache(maxsize=64)(self._naming)  # every token of an answer asks for the same stop texts
        spelt = tokenizer.convert_tokens_to_ids([f"<0x{byte:02X}>" for byte in range(256)])
        self._id_of_byte: list[int] = spelt
        whole = len(set(spelt) - {None}) == 256 and tokenizer.decode(spelt[0x41:0x42]) == "A"
        self._byte_of_id = {token: byte for byte, token in enumerate(spelt)} if whole else {}

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        text: str = self._tokenizer.decode(self._mended(tokens), skip_special_tokens=True)
        return text

    def is_special(self, token: int) -> bool:
        """Whether a token is shown by no text."""
        return token in self._special

    def names(self, stops: Sequence[str]) -> dict[int, str]:
        """The special tokens that stop texts name."""
        return self._named(tuple(stops))

    def _naming(self, stops: tuple[str, ...]) -> dict[int, str]:
        return {token: name for token, name in self._special.items() if name and any(name in stop for stop in stops)}

    def ends(self, tokens: Sequence[int], stops: Sequence[str]) -> bool:
        """Whether a stop text ends with the last of the tokens, or a little before it."""
        wide = max(_LEAST_TAIL, *(len(stop.encode()) + 1 for stop in stops))  # a token that is shown is a byte or more
        named = self.names(stops)
        shown = (token for token in reversed(tokens) if token in named or token not in self._special)
        tail = list(islice(shown, wide))[::-1]
        return self.marked(tail, stops).end(stops) >= 0

    def marked(self, tokens: Sequence[int], stops: Sequence[str]) -> Marked:
        """The text of tokens, with the special ones that stop texts name."""
        named = self.names(stops)
        places = [(len(self.text(tokens[:i])), named[token]) for i, token in enumerate(tokens) if token in named]
        return Marked(self.text(tokens), tuple(places))

    def until(self, tokens: Sequence[int], stops: Sequence[str]) -> str:
        """The text of tokens up to the first stop text."""
        marked = self.marked(tokens, stops)
        end = marked.end(stops)
        return marked.text if end < 0 else marked.text[:end]

    def _mended(self, tokens: Sequence[int]) -> Sequence[int]:
        """The same tokens; in runs of bytes that are no text, what is broken is spelt U+FFFD."""
        if self._byte_of_id.keys().isdisjoint(tokens):
            return tokens
        mended: list[int] = []
        shown = (token for token in tokens if token not in self._special)
        for in_bytes, run in groupby(shown, self._byte_of_id.__contains__):
            if in_bytes:
                text = bytes(map(self._byte_of_id.__getitem__, run)).decode(errors="replace")
                mended += (self._id_of_byte[byte] for byte in text.encode())
            else:
                mended += run
        return mended


@lru_cache(maxsize=8)
def decoder(tokenizer: Any) -> Decoder:
    """The decoder of a tokenizer."""
    return Decoder(tokenizer)


class TextStream:
    """Turns tokens into text as they come.

    Held back until it is settled: the end of a character whose bytes are not all there, and anything that may be the
    start of a stop text. Only the tokens since the last settled character are decoded again. The pieces add up to the
    text of the finished `Completion`.
    """

    def __init__(self, tokenizer: Any, stop: tuple[str, ...] = ()) -> None:
        """Build a stream for one completion that ends before the first of `stop`."""
        self._decoder = decoder(tokenizer)
        self._stop, self._named = stop, self._decoder.names(stop)
        self._window: list[int] = []
        self._fresh = self._shown = self._before = 0
        self._text = ""
        self._held = Marked("")
        self._sent = ""
        self._ended = False
        self.place = 0
        """Where in the text the latest token's own text begins; a part of a character is where the character is."""

    def feed(self, token: int) -> str:
        """Take one token; returns the text that is now certain, often empty."""
        if self._ended:
            return ""
        self._window.append(token)
        before, self._text = self._text, self._decoder.text(self._window)
        self.place = self._before + _common(before, self._text)
        if before == self._text and before.endswith(_HALF) and not self._decoder.is_special(token):
            self.place -= 1  # another byte of the same character
        settled = self._text.rstrip(_HALF)
        held, names = self._held.text + settled[self._shown :], self._held.names
        if token in self._named:
            names = (*names, (len(held), self._named[token]))
        self._held = Marked(held, names)
        self._shown = max(self._shown, len(settled))
        latest = self._window[self._fresh :]
        if settled == self._text and (alone := self._decoder.text(latest)):  # the tokens before are needed no more
            self._before += len(self._text) - len(alone)
            self._window, self._fresh, self._shown, self._text = latest, len(latest), len(alone), alone
        return self._release()

    def finish(self, text: str) -> str:
        """The rest of `text`, the finished completion's."""
        return text[len(self._sent) :] if text.startswith(self._sent) else self._held.text

    def _release(self) -> str:
        if not self._stop:
            piece, self._held = self._held.text, Marked("")
        elif (end := self._held.end(self._stop)) >= 0:
            piece, self._held, self._ended = self._held.text[:end], Marked(""), True
        else:
            end = self._held.certain(self._stop)
            piece, self._held = self._held.text[:end], self._held.after(end)
        self._sent += piece
        return piece


def pieces(tokenizer: Any, tokens: Sequence[int]) -> list[str]:
    """What each token adds to the text. A token that ends inside a character adds nothing, the next one all of it."""
    stream = TextStream(tokenizer)
    found = [stream.feed(token) for token in tokens]
    if found:
        found[-1] += stream.finish(decoder(tokenizer).text(tokens))
    return found


def _common(one: str, other: str) -> int:
    """Length of the longest beginning of both."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
