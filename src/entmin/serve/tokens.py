"""``/tokenize`` and ``/detokenize``, in the shapes of vLLM's routes of these names."""

from __future__ import annotations

from typing import Any, ClassVar

from entmin.engine.encoding import encode_text
from entmin.serve.fields import Body, RequestError, Text
from entmin.serve.prompts import Messages, Templated, encode_messages, is_tokens
from entmin.serve.protocol import Served


class TokenizeText(Body):
    """The body of ``/tokenize`` with a text."""

    prompt: Text
    model: str | None = None
    return_token_strs: bool = False
    add_special_tokens: bool = True


class TokenizeChat(Templated):
    """The body of ``/tokenize`` with a conversation."""

    neutral: ClassVar[dict[str, tuple[Any, ...]]] = {
        "add_generation_prompt": (True,),
        "continue_final_message": (False,),
        "add_special_tokens": (False,),
        "chat_template": (),
        "tools": ([],),
    }

    messages: Messages
    model: str | None = None
    return_token_strs: bool = False


class Detokenize(Body):
    """The body of ``/detokenize``."""

    tokens: list[Any]
    model: str | None = None


def tokenize(body: Any, served: Served) -> dict[str, Any]:
    """The token ids of a text, or of a conversation in the model's template, as it would be asked.

    Raises:
        RequestError: a field that is unknown, unsupported or out of range.
    """
    asked: TokenizeText | TokenizeChat
    if isinstance(body, dict) and body.get("prompt") is not None:
        asked = TokenizeText.read(body, served.name)
        tokens = encode_text(served.loaded.tokenizer, asked.prompt, special_tokens=asked.add_special_tokens)
    else:
        asked = TokenizeChat.read(body, served.name)
        tokens = encode_messages(served.loaded, asked.messages, asked.switches(served.switches), served.system)
    names = served.loaded.tokenizer.convert_ids_to_tokens(tokens) if asked.return_token_strs else None
    return {"count": len(tokens), "max_model_len": served.loaded.max_length, "tokens": tokens, "token_strs": names}


def detokenize(body: Any, served: Served) -> dict[str, Any]:
    """The text of token ids, special tokens by their names.

    Raises:
        RequestError: a field that is unknown or out of range.
    """
    asked = Detokenize.read(body, served.name)
    if not is_tokens(asked.tokens, served.loaded):
        raise RequestError("tokens must be a list of token ids of this model's vocabulary", "tokens")
    return {"prompt": served.loaded.tokenizer.decode(asked.tokens)}
