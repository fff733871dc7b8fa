"""Small servers that speak OpenAI's protocol and know nothing of entmin: one ignores new fields, one refuses them.

Run as ``python foreign_server.py PORT lenient|strict|rude``; ``rude`` wants a key.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

KNOWN = {"model", "messages", "max_tokens", "temperature", "top_p", "seed", "logprobs"}
MANNER = sys.argv[2]


def refusal(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error"}}, status)


async def models(request: Request) -> JSONResponse:
    if MANNER == "rude":
        return refusal(401, "no key, no answer")
    return JSONResponse({"object": "list", "data": [{"id": "m", "object": "model", "created": 0, "owned_by": "them"}]})


async def chat(request: Request) -> JSONResponse:
    body: dict[str, Any] = await request.json()
    unknown = sorted(set(body) - KNOWN)
    if MANNER == "strict" and unknown:
        return refusal(400, f"Unrecognized request argument supplied: {', '.join(unknown)}")
    words = f"The answer is {body['seed'] % 7}."
    content = [{"token": word, "logprob": -0.5, "bytes": None, "top_logprobs": []} for word in words.split()]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": words},
        "finish_reason": "stop",
        "logprobs": {"content": content} if body.get("logprobs") else None,
    }
    usage = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
    answer = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    return JSONResponse(answer)


if __name__ == "__main__":
    app = Starlette(routes=[Route("/v1/models", models), Route("/v1/chat/completions", chat, methods=["POST"])])
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
