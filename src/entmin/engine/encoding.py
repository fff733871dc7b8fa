"""From texts to token ids: no end of sequence where a model is to go on, and one beginning."""

from __future__ import annotations

from typing import Any


def encode_chat_text(tokenizer: Any, text: str) -> list[int]:
    """Token ids of what `chat_text` wrote: a template's text holds its own special tokens and gets no others.

    Where the template itself begins twice, once is enough.
    """
    if not tokenizer.chat_template:
        return encode_text(tokenizer, text)
    bos = tokenizer.bos_token
    while bos and text.startswith(bos * 2):
        text = text.removeprefix(bos)
    return encode_text(tokenizer, text, special_tokens=False)


def encode_text(tokenizer: Any, text: str, *, special_tokens: bool = True) -> list[int]:
    """Token ids of a text to continue, with the special tokens that the tokenizer itself puts before a text.

    Those that it puts after a text, such as an end of sequence, are left out: nothing follows them. A text that begins
    with the beginning of sequence gets no second one.
    """
    ids = list(tokenizer(text=text, add_special_tokens=special_tokens)["input_ids"])
    if special_tokens:
        around, alone = (list(tokenizer(text="a", add_special_tokens=added)["input_ids"]) for added in (True, False))
        before = next((i for i in range(len(around)) if around[i : i + len(alone)] == alone), None)
        if before is not None:
            ids = ids[: len(ids) - (len(around) - len(alone) - before)]
    bos, written = tokenizer.bos_token, 0
    while bos and text.startswith(bos * (written + 1)):
        written += 1
    read = next((i for i, one in enumerate(ids) if one != tokenizer.bos_token_id), len(ids))
    return ids[max(0, read - written) :] if written else ids
