"""The texts of a request: conversations, prompts, tokens."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, FailFast, Field

from entmin.engine.encoding import encode_chat_text, encode_text
from entmin.engine.loaded import LoadedModel
from entmin.engine.prompts import EFFORT, PromptError, Switches, chat_text, switches_of
from entmin.errors import UsageError
from entmin.serve.fields import Body, RequestError, Text, is_text, wrong
from entmin.serve.lengths import fewest_tokens

_MOST_PROMPTS = 1024


def _only_text(kind: Any) -> Any:
    if kind != "text":
        raise wrong("must be text; the in-process engine reads no images, sounds or files")
    return kind


class Part(Body):
    """One part of a message's content."""

    type: Annotated[Literal["text"], BeforeValidator(_only_text)]
    text: Text = ""


def _as_parts(content: Any) -> Any:
    if isinstance(content, str):
        return [{"type": "text", "text": is_text(content)}]
    if not isinstance(content, list):
        raise wrong(f"must be a string or a list, not a {type(content).__name__}")
    return content


class Message(Body):
    """One turn of a conversation."""

    # what the official client writes back from an earlier answer
    neutral: ClassVar[dict[str, tuple[Any, ...]]] = {
        "refusal": (), "annotations": ([],), "tool_calls": ([],), "name": (), "audio": (), "function_call": (),
        "reasoning": ("",), "reasoning_content": ("",), "entmin": (),
    }  # fmt: skip

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[list[Part], FailFast(), BeforeValidator(_as_parts)] = Field([])

    def turn(self) -> dict[str, str]:
        """As chat templates take it."""
        role = "system" if self.role == "developer" else self.role
        return {"role": role, "content": "".join(part.text for part in self.content)}


def _some(messages: list[Message]) -> list[Message]:
    if not messages:
        raise wrong("must be a list of at least one message")
    return messages


class Templated(Body):
    """What a request says of the chat template."""

    chat_template_kwargs: dict[str, Any] = Field({})
    reasoning_effort: Text | None = None

    def switches(self, default: Switches) -> dict[str, Any]:
        """Variables of the template; the request's own go before the server's.

        Raises:
            RequestError: two efforts are asked for.
        """
        own = {name: value for name, value in self.chat_template_kwargs.items() if value is not None}
        try:
            return {**default, **switches_of({"chat_template_kwargs": own, EFFORT: self.reasoning_effort})}
        except UsageError as error:
            raise RequestError(str(error), EFFORT) from None


Messages = Annotated[list[Message], FailFast(), AfterValidator(_some)]


def encode_messages(loaded: LoadedModel, messages: list[Message], switches: Switches, system: str | None) -> list[int]:
    """Token ids of a conversation.

    Args:
        loaded: the model.
        messages: the turns.
        switches: variables of the chat template.
        system: the system turn of conversations that have none.

    Raises:
        RequestError: the model's template refuses it or writes it wrongly, or it cannot fit the context.
    """
    turns = [message.turn() for message in messages]
    if system is not None and all(turn["role"] != "system" for turn in turns):
        turns.insert(0, {"role": "system", "content": system})
    try:
        text = chat_text(loaded, turns, switches)
    except PromptError as error:
        raise RequestError(str(error), "messages") from None
    refuse_overlong(loaded, text, "messages")
    return encode_chat_text(loaded.tokenizer, text)


def refuse_overlong(loaded: LoadedModel, text: str, name: str) -> None:
    """Refuse before it is encoded what cannot fit the context, however it is encoded.

    Raises:
        RequestError: it cannot.
    """
    if len(text) * 4 < loaded.max_length:  # no character has more bytes, no token fewer than one
        return
    fewest = fewest_tokens(loaded.tokenizer, text)
    if fewest >= loaded.max_length:
        raise too_long(loaded, name, f"at least {fewest}")


def too_long(loaded: LoadedModel, name: str, taken: str, wanted: int = 1) -> RequestError:
    """The error of a prompt that leaves too little room for an answer."""
    return RequestError(
        f"the context of {loaded.name} has {loaded.max_length} tokens; {name} takes {taken} of them, "
        f"and {wanted} are asked for; shorten {name} or lower max_tokens",
        name,
        code="context_length_exceeded",
    )


def encode_prompts(loaded: LoadedModel, value: Any) -> list[list[int]]:
    """Token ids of the field ``prompt``: a text, a list of texts, a list of token ids, or a list of those.

    Raises:
        RequestError: it is none of these, or cannot fit the context.
    """
    if isinstance(value, list) and value and all(type(token) is int for token in value):
        value = [value]
    prompts = [value] if isinstance(value, str) else value
    if not prompts or not isinstance(prompts, list):
        raise RequestError("prompt must be a text, a list of texts, a list of token ids, or a list of those", "prompt")
    if len(prompts) > _MOST_PROMPTS:
        raise RequestError(f"prompt has {len(prompts)} prompts; at most {_MOST_PROMPTS} go into one request", "prompt")
    return [
        _encoded(loaded, prompt, f"prompt[{i}]" if len(prompts) > 1 else "prompt") for i, prompt in enumerate(prompts)
    ]


def _encoded(loaded: LoadedModel, prompt: Any, name: str) -> list[int]:
    if isinstance(prompt, str):
        try:
            is_text(prompt)
        except ValueError as error:
            raise RequestError(f"{name} {error}", name) from None
        refuse_overlong(loaded, prompt, name)
        return encode_text(loaded.tokenizer, prompt)
    if isinstance(prompt, list) and is_tokens(prompt, loaded):
        return prompt
    raise RequestError(f"{name} must be a text or token ids of this model's vocabulary", "prompt")


def is_tokens(value: list[Any], loaded: LoadedModel) -> bool:
    """Whether these are token ids that the model has."""
    vocabulary = loaded.model.get_input_embeddings().num_embeddings
    return all(type(token) is int and 0 <= token < vocabulary for token in value)
