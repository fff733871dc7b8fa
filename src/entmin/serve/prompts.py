"""The texts of a request: conversations, prompts, tokens."""

from __future__ import annotations

from typing import Any

from jinja2 import TemplateError

from entmin.engine.loading import LoadedModel
from entmin.engine.prompts import encode_chat, encode_text
from entmin.serve.fields import Fields, RequestError

_MOST_PROMPTS = 1024
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def encode_messages(loaded: LoadedModel, messages: list[dict[str, str]]) -> list[int]:
    """Token ids of a conversation.

    Raises:
        RequestError: the model's template refuses it.
    """
    try:
        return encode_chat(loaded, messages)
    except TemplateError as error:
        raise RequestError(f"the model's chat template refuses these messages: {error}", "messages") from None


def read_messages(fields: Fields) -> list[dict[str, str]]:
    """Take the field ``messages``: conversations of texts.

    Raises:
        RequestError: a message is not one of those.
    """
    messages = fields.take("messages", list)
    if not messages:
        raise fields.error("messages", "must be a list of at least one message")
    return [_message(message, f"messages[{i}].") for i, message in enumerate(messages)]


def _message(message: Any, prefix: str) -> dict[str, str]:
    fields = Fields(message, prefix)
    role = fields.take("role", str)
    if role not in _ROLES:
        raise fields.error("role", f"must be one of {', '.join(_ROLES)}, not {role!r}")
    content = fields.take("content", str, list, default="")
    if isinstance(content, list):
        content = "".join(_part(part, f"{prefix}content[{i}].") for i, part in enumerate(content))
    # what the official client writes back from an earlier answer
    fields.close({"refusal": (), "annotations": ([],), "tool_calls": ([],), "name": (), "audio": (), "entmin": ()})
    check_text(content, f"{prefix}content")
    return {"role": _ROLES[role], "content": content}


def _part(part: Any, prefix: str) -> str:
    fields = Fields(part, prefix)
    if fields.take("type", str) != "text":
        raise fields.error("type", "must be text; the in-process engine reads no images, sounds or files")
    text: str = fields.take("text", str, default="")
    fields.close({})
    return text


def read_prompts(fields: Fields, loaded: LoadedModel) -> list[list[int]]:
    """Take the field ``prompt``: token ids of a text, a list of texts, a list of token ids, or a list of those.

    Raises:
        RequestError: it is none of these.
    """
    value = fields.take("prompt", str, list)
    if isinstance(value, list) and value and all(type(token) is int for token in value):
        value = [value]
    prompts = [value] if isinstance(value, str) else value
    if not prompts:
        raise fields.error("prompt", "must be a text, a list of texts, a list of token ids, or a list of those")
    if len(prompts) > _MOST_PROMPTS:
        raise fields.error("prompt", f"has {len(prompts)} prompts; at most {_MOST_PROMPTS} go into one request")
    made = []
    for i, prompt in enumerate(prompts):
        name = f"prompt[{i}]" if len(prompts) > 1 else "prompt"
        if isinstance(prompt, str):
            check_text(prompt, name)
            made.append(encode_text(loaded, prompt))
        elif isinstance(prompt, list) and is_tokens(prompt, loaded):
            made.append(prompt)
        else:
            raise RequestError(f"{name} must be a text or token ids of this model's vocabulary", "prompt")
    return made


def is_tokens(value: list[Any], loaded: LoadedModel) -> bool:
    """Whether these are token ids that the model has."""
    vocabulary = loaded.model.get_input_embeddings().num_embeddings
    return all(type(token) is int and 0 <= token < vocabulary for token in value)


def check_text(text: str, name: str) -> None:
    """Refuse what is no text.

    Raises:
        RequestError: it has half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RequestError(f"{name} has half of a surrogate pair, which is no text", name) from None
