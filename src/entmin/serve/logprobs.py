"""Log-probabilities in the OpenAI API's two shapes, for a whole answer or for the tokens of one chunk of a stream.

They are the model's own, before method, temperature and truncation, as vLLM's are by default. Every token drawn is
listed, also the one that ends the text and those of a stop text, which the text itself does not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entmin.engine.requests import TokenConfidence
from entmin.engine.text import TextStream

MOST = 20
"""Alternatives a request may ask for."""
_LEAST = -9999.0
"""The API's stand-in for minus infinity, which JSON has not."""
_HALF = "\ufffd"


class TokenTexts:
    """The text of single tokens, each decoded once."""

    def __init__(self, tokenizer: Any) -> None:
        """Build it for one tokenizer."""
        self.tokenizer = tokenizer
        self._known: dict[int, str] = {}
        self._anchor = list(tokenizer("a", add_special_tokens=False)["input_ids"][-1:])
        self._before = self._text(self._anchor)

    def __getitem__(self, token: int) -> str:
        """What a token adds to a text; special tokens by their names, part of a character as U+FFFD."""
        if token not in self._known:
            # After another one, for at the start of a text SentencePiece's tokens lose their space.
            text = self._text([*self._anchor, token])
            inside = text.startswith(self._before) and len(text) > len(self._before)
            self._known[token] = text[len(self._before) :] if inside else self._text([token])
        return self._known[token]

    def _text(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
        return text


class TokenLog:
    """The log-probabilities of one choice, written in one piece or several."""

    def __init__(self, texts: TokenTexts, *, chat: bool) -> None:
        """Start before the first token."""
        self._texts, self._chat = texts, chat
        self._text = TextStream(texts.tokenizer)

    def write(self, tokens: Sequence[int], confidence: Sequence[TokenConfidence]) -> dict[str, Any]:
        """The ``logprobs`` of the next tokens."""
        return self._chat_shape(tokens, confidence) if self._chat else self._completion_shape(tokens, confidence)

    def _chat_shape(self, tokens: Sequence[int], confidence: Sequence[TokenConfidence]) -> dict[str, Any]:
        content = [
            self._entry(token, sure.log_probability)
            | {"top_logprobs": [self._entry(*one) for one in zip(sure.likeliest, sure.log_probabilities, strict=True)]}
            for token, sure in zip(tokens, confidence, strict=True)
        ]
        return {"content": content, "refusal": None}

    def _entry(self, token: int, log_probability: float) -> dict[str, Any]:
        text = self._texts[token]
        # Null, as the API allows, where the token is part of a character and its text not its bytes.
        return {
            "token": text,
            "logprob": max(log_probability, _LEAST),
            "bytes": None if _HALF in text else list(text.encode()),
        }

    def _completion_shape(self, tokens: Sequence[int], confidence: Sequence[TokenConfidence]) -> dict[str, Any]:
        texts = [self._texts[token] for token in tokens]
        offsets = []
        for token in tokens:
            self._text.feed(token)
            offsets.append(self._text.place)
        return {
            "tokens": texts,
            "token_logprobs": [max(sure.log_probability, _LEAST) for sure in confidence],
            "top_logprobs": [self._top(token, sure) for token, sure in zip(tokens, confidence, strict=True)],
            "text_offset": offsets,
        }

    def _top(self, token: int, sure: TokenConfidence) -> dict[str, float]:
        """The likeliest tokens and the one drawn; of tokens with one text, the likeliest."""
        top: dict[str, float] = {}
        for one, value in zip((*sure.likeliest, token), (*sure.log_probabilities, sure.log_probability), strict=True):
            top.setdefault(self._texts[one], max(value, _LEAST))
        return top
