"""From messages and texts to token ids."""

from __future__ import annotations

from entmin.engine.loading import LoadedModel


def encode_chat(loaded: LoadedModel, messages: list[dict[str, str]]) -> list[int]:
    """Token ids of a conversation by the model's own template; without one, the texts, separated by blank lines."""
    tokenizer = loaded.tokenizer
    if tokenizer.chat_template:
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    else:
        ids = tokenizer("\n\n".join(message["content"] for message in messages) + "\n")["input_ids"]
    return list(ids)


def encode_text(loaded: LoadedModel, text: str) -> list[int]:
    """Token ids of a text to continue, with the special tokens that the tokenizer itself puts around a text."""
    return list(loaded.tokenizer(text)["input_ids"])
