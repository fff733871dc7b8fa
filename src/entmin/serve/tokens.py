"""``/tokenize`` and ``/detokenize``, in the shapes of vLLM's routes of these names."""

from __future__ import annotations

from typing import Any

from entmin.engine.prompts import encode_text
from entmin.serve.fields import Fields
from entmin.serve.prompts import check_text, encode_messages, is_tokens, read_messages
from entmin.serve.protocol import Served, check_model

_UNSUPPORTED_CHAT: dict[str, tuple[Any, ...]] = {
    "add_generation_prompt": (True,),
    "continue_final_message": (False,),
    "add_special_tokens": (False,),
    "chat_template": (),
    "chat_template_kwargs": ({},),
    "tools": ([],),
}


def tokenize(body: Any, served: Served) -> dict[str, Any]:
    """The token ids of a text, or of a conversation in the model's template, as it would be asked.

    Raises:
        RequestError: a field that is unknown, unsupported or out of range.
    """
    fields = Fields(body)
    check_model(fields, served)
    named = fields.take("return_token_strs", bool, default=False)
    prompt = fields.take("prompt", str)
    if prompt is None:
        messages = read_messages(fields)
        fields.close(_UNSUPPORTED_CHAT)
        tokens = encode_messages(served.loaded, messages)
    else:
        special = fields.take("add_special_tokens", bool, default=True)
        fields.close({})
        check_text(prompt, "prompt")
        tokens = encode_text(served.loaded, prompt, special_tokens=special)
    names = served.loaded.tokenizer.convert_ids_to_tokens(tokens) if named else None
    return {"count": len(tokens), "max_model_len": served.loaded.max_length, "tokens": tokens, "token_strs": names}


def detokenize(body: Any, served: Served) -> dict[str, Any]:
    """The text of token ids, special tokens by their names.

    Raises:
        RequestError: a field that is unknown or out of range.
    """
    fields = Fields(body)
    check_model(fields, served)
    tokens = fields.take("tokens", list)
    fields.close({})
    if tokens is None or not is_tokens(tokens, served.loaded):
        raise fields.error("tokens", "must be a list of token ids of this model's vocabulary")
    return {"prompt": served.loaded.tokenizer.decode(tokens)}
