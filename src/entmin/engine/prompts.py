"""From messages and texts to token ids."""

from __future__ import annotations

from entmin.engine.loading import LoadedModel


def encode_chat(loaded: LoadedModel, messages: list[dict[str, str]]) -> list[int]:
    """Token ids of a conversation by the model's own template; without one, the texts, separated by blank lines."""
    return encode_chat_text(loaded, chat_text(loaded, messages))


def chat_text(loaded: LoadedModel, messages: list[dict[str, str]]) -> str:
    """A conversation as the model's template writes it; without one, the texts, separated by blank lines."""
    if loaded.tokenizer.chat_template:
        text: str = loaded.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return text
    return "\n\n".join(message["content"] for message in messages) + "\n"


def encode_chat_text(loaded: LoadedModel, text: str) -> list[int]:
    """Token ids of what `chat_text` wrote: a template's text holds its own special tokens and gets no others."""
    bare = bool(loaded.tokenizer.chat_template)
    return encode_text(loaded, text, special_tokens=not bare)


def encode_text(loaded: LoadedModel, text: str, *, special_tokens: bool = True) -> list[int]:
    """Token ids of a text to continue, with the special tokens that the tokenizer itself puts around a text."""
    return list(loaded.tokenizer(text, add_special_tokens=special_tokens)["input_ids"])
