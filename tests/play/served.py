"""`entmin play` as a user runs it: a process on a free port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading

import httpx
from tests.command import MAIN


class Playground:
    def __init__(self, model, *options: str, key: str | None = None, verb: str = "play") -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **({"ENTMIN_API_KEY": key} if key else {})}
        own = ["--no-open"] if verb == "play" else ["--engine", "transformers"]
        self.process = subprocess.Popen(
            [*MAIN, verb, str(model), "--port", "0", "--dtype", "float32", "--threads", "1", *own, *options],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip
        self.log: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(120), "".join(self.log)
        line = next((line for line in self.log if line.startswith("serving")), "")
        assert line, "".join(self.log)
        self.url = next(word for word in line.split() if word.startswith("http")).removesuffix("v1")

    def _read(self) -> None:
        for line in self.process.stderr:
            self.log.append(line)
            if line.startswith("serving"):
                self._ready.set()
        self._ready.set()

    def post(self, path: str, body, **options) -> httpx.Response:
        return httpx.post(f"{self.url}play/{path}", json=body, timeout=60, **options)

    def events(self, body, **options) -> list[dict]:
        answer = self.post("stream", body, **options)
        assert answer.status_code == 200, answer.text
        *events, end, rest = answer.text.split("\n\n")
        assert (end, rest) == ("data: [DONE]", "")
        return [json.loads(event.removeprefix("data: ")) for event in events]

    def decoding(self) -> int:
        state = httpx.get(f"{self.url}health", timeout=30).json()
        return state["decoding"] + state["waiting"]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self._reader.join(10)
