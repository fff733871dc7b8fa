"""`entmin serve --engine transformers` as a user runs it: a process on a free port, and the official client."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import openai
from tests import tiny
from tests.command import fresh
from tests.server_process import ServerProcess

LONG = 16_384
"""Context of the model, so that answers can be made to last."""
LIMIT_DESCRIPTORS = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0}))"
BATCH, QUEUE = 8, 100
HELLO = [{"role": "user", "content": "hello"}]


def long_model(folder: Path) -> Path:
    tiny.save(folder, sharpness=12.0)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": LONG}))
    return folder


class Server(ServerProcess):
    def __init__(
        self, model: Path, *options: str, port: int = 0, key: str | None = None, descriptors: int | None = None
    ) -> None:
        super().__init__(
            "serve", model, "--engine", "transformers", "--port", port, "--served-model-name", "tiny",
            "--device", "cpu", "--dtype", "float32", *options, key=key,
            # The server reads at an import how many descriptors it may have.
            **({} if descriptors is None else {"begin": fresh, "before": LIMIT_DESCRIPTORS.format(descriptors)}),
        )  # fmt: skip
        self.port = int(self.url.rpartition(":")[2])
        settings = {"base_url": f"{self.url}/v1", "api_key": key or "none", "timeout": 60, "max_retries": 0}
        self.client = openai.OpenAI(**settings)
        self.asynchronous = openai.AsyncOpenAI(**settings)

    def post(self, path: str, **sent) -> httpx.Response:
        return httpx.post(f"{self.url}/v1/{path}", timeout=60, **sent)


def chat(server: Server, **options):
    return server.client.chat.completions.create(model="tiny", messages=HELLO, **options)


def xargs(method) -> dict:
    return {"vllm_xargs": method.to_args()}
