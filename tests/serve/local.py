"""`entmin serve --engine transformers` as a user runs it: a process on a free port, and the official client."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import threading
from functools import partial
from pathlib import Path

import httpx
import openai
from tests import tiny
from tests.command import MAIN

LONG = 16_384
"""Context of the model, so that answers can be made to last."""
BATCH, QUEUE = 8, 100
HELLO = [{"role": "user", "content": "hello"}]


def long_model(folder: Path) -> Path:
    tiny.save(folder, sharpness=12.0)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": LONG}))
    return folder


class Server:
    def __init__(
        self, model: Path, *options: str, port: int = 0, key: str | None = None, descriptors: int | None = None
    ) -> None:
        arguments = [str(model), "--engine", "transformers", "--port", str(port), "--served-model-name", "tiny"]
        arguments += ["--device", "cpu", "--dtype", "float32", *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **({"ENTMIN_API_KEY": key} if key else {})}
        self.process = subprocess.Popen(
            [*MAIN, "serve", *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env=environment,
            preexec_fn=None if descriptors is None else partial(limit_descriptors, descriptors),
        )
        self.log: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(120), "".join(self.log)
        line = next((line for line in self.log if line.startswith("serving")), "")
        assert line, "".join(self.log)
        self.url = next(word for word in line.split() if word.startswith("http")).removesuffix("/v1")
        self.port = int(self.url.rpartition(":")[2])
        settings = {"base_url": f"{self.url}/v1", "api_key": key or "none", "timeout": 60, "max_retries": 0}
        self.client = openai.OpenAI(**settings)
        self.asynchronous = openai.AsyncOpenAI(**settings)

    def _read(self) -> None:
        for line in self.process.stderr:
            self.log.append(line)
            if line.startswith("serving"):
                self._ready.set()
        self._ready.set()

    def health(self) -> dict:
        return httpx.get(f"{self.url}/health", timeout=30).json()

    def post(self, path: str, **sent) -> httpx.Response:
        return httpx.post(f"{self.url}/v1/{path}", timeout=60, **sent)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self._reader.join(10)


def limit_descriptors(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def chat(server: Server, **options):
    return server.client.chat.completions.create(model="tiny", messages=HELLO, **options)


def xargs(method) -> dict:
    return {"vllm_xargs": method.to_args()}
