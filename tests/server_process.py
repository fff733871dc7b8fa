"""A verb of entmin that serves, as a user runs it: a process on a free port, its log, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

import httpx

from tests.forked import Forked


class ServerProcess:
    def __init__(self, *arguments: object, key: str | None = None, begin=Forked, before: str = "") -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **({"ENTMIN_API_KEY": key} if key else {})}
        self.process = begin(
            arguments, before=before, env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.log: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(120), "".join(self.log)
        line = next((line for line in self.log if line.startswith("serving")), "")
        assert line, "".join(self.log)
        self.url = next(word for word in line.split() if word.startswith("http")).removesuffix("/v1")

    def _read(self) -> None:
        for line in self.process.stderr:
            self.log.append(line)
            if line.startswith("serving"):
                self._ready.set()
        self._ready.set()

    def health(self) -> dict:
        return httpx.get(f"{self.url.rstrip('/')}/health", timeout=30).json()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self._reader.join(10)
