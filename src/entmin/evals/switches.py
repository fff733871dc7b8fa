"""Whether a server reads the variables of the chat template that a run sends it.

A server that does not know them usually passes over them in silence. entmin's own refuses what its template does not
read; of vLLM's, whose ``/tokenize`` writes prompts as chats are written, the two prompts can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import openai

from entmin.engine.prompts import switches_of

if TYPE_CHECKING:
    from entmin.evals.servers import Server

_SECONDS = 60.0


def unread_notices(servers: Iterable[Server], model: str, key: str, said: Mapping[str, Any]) -> list[str]:
    """What a user should be told of servers that may not read what is said of the chat template.

    Args:
        servers: they answer.
        model: its name there.
        key: of the servers.
        said: fields of every request (`entmin.evals.choice.EngineChoice.said`).
    """
    switches = json.dumps(switches_of(said))
    return [
        f"{one.url} {found}: {switches}"
        for one in servers
        if said and one.kind != "entmin" and (found := _found(one.url, model, key, switches_of(said)))
    ]


def _found(url: str, model: str, key: str, switches: Mapping[str, Any]) -> str | None:
    turns = [{"role": "user", "content": "Hello"}]
    try:
        with openai.OpenAI(base_url=url.removesuffix("/v1"), api_key=key, timeout=_SECONDS, max_retries=1) as client:
            plain, told = (
                client.post("/tokenize", cast_to=dict[str, Any], body={"model": model, "messages": turns, **more})
                for more in ({}, {"chat_template_kwargs": switches})
            )
        same = plain["tokens"] == told["tokens"]
    except (openai.OpenAIError, ValueError, KeyError, TypeError):
        return "does not tell whether its chat template reads this"
    return "writes the same prompt with this as without, so its chat template may not read it" if same else None
