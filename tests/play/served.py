"""`entmin play` as a user runs it: a process on a free port."""

from __future__ import annotations

import json

import httpx
from tests.server_process import ServerProcess


class Playground(ServerProcess):
    def __init__(self, model, *options: str, key: str | None = None, verb: str = "play") -> None:
        """A playground on a model; with None on what `options` name."""
        own = ["--no-open"] if verb == "play" else ["--engine", "transformers"]
        named = [] if model is None else [model, "--dtype", "float32", "--threads", 1]
        super().__init__(verb, *named, "--port", 0, *own, *options, key=key)
        self.url += "/"

    def post(self, path: str, body, **options) -> httpx.Response:
        return httpx.post(f"{self.url}play/{path}", json=body, timeout=60, **options)

    def events(self, body, **options) -> list[dict]:
        answer = self.post("stream", body, **options)
        assert answer.status_code == 200, answer.text
        *events, end, rest = answer.text.split("\n\n")
        assert (end, rest) == ("data: [DONE]", "")
        return [json.loads(event.removeprefix("data: ")) for event in events]

    def decoding(self) -> int:
        state = self.health()
        return state["decoding"] + state["waiting"]
