"""A small server that speaks vLLM's protocol as far as training needs it, with the real weights it is given.

Where vLLM is, the same tests run on vLLM. `Recorder` stands between a run and either of them, notes what was asked and
when it was answered, and can hold answers back.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import torch
from transformers import AutoModelForCausalLM

END = 1


class Listening:
    """Answers HTTP on a port of its own, in threads."""

    def __init__(self) -> None:
        answered = self.answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self._say(b"")

            def do_POST(self):
                self._say(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def _say(self, body):
                self.close_connection = True
                try:
                    status, said = answered(self.command, self.path, body, self.headers.get("Authorization", ""))
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(said)))
                    self.send_header("Connection", "close")
                    self.end_headers()
                    self.wfile.write(said)
                except (OSError, http.client.HTTPException):  # who asked, or was asked, is gone
                    pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class StandIn(Listening):
    """Draws token by token, each completion from a random stream of its own."""

    def __init__(self, folder, shift: float = 0.0) -> None:
        """Start it; `shift` is added to what it tells as log-probabilities."""
        torch.set_num_threads(1)
        self.model, self._shift = self._load(folder), shift
        self._worker = ThreadPoolExecutor(1)  # torch is slow in a thread that is new
        super().__init__()

    @staticmethod
    def _load(folder):
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def answer(self, _command, path, body, _key):
        return 200, self._worker.submit(self._found, path, json.loads(body or b"{}")).result()

    def _found(self, path, given):
        if path == "/v1/models":
            found = {"object": "list", "data": [{"id": "m", "object": "model", "max_model_len": 256}]}
        elif path == "/collective_rpc":
            self.model = self._load(given["kwargs"]["weights_path"])
            found = {"results": [None]}
        elif path == "/reset_prefix_cache":
            found = {"success": True}
        else:
            found = self._complete(given)
        return json.dumps(found).encode()

    @torch.no_grad()
    def _complete(self, given):
        chance = torch.Generator().manual_seed(given["seed"] % 2**63)
        ids, tokens, logprobs = list(given["prompt"]), [], []
        while len(tokens) < given["max_tokens"] and (not tokens or tokens[-1] != END):
            logits = self.model(torch.tensor([ids])).logits[0, -1]
            greedy = given["temperature"] == 0
            tempered = (logits if greedy else logits / given["temperature"]).softmax(-1)
            token = int(tempered.argmax() if greedy else torch.multinomial(tempered, 1, generator=chance))
            tokens.append(token)
            logprobs.append(float(logits.log_softmax(-1)[token]) + self._shift)
            ids.append(token)
        told = {"token_logprobs": logprobs} if given.get("logprobs") is not None else None
        choice = {"index": 0, "text": "", "token_ids": tokens, "logprobs": told}
        choice["finish_reason"] = "stop" if tokens[-1] == END else "length"
        return {"id": "c", "object": "text_completion", "created": 0, "model": "m", "choices": [choice]}


@contextmanager
def standing_in(folder, shift: float = 0.0) -> Iterator[str]:
    """The address of one in a process of its own."""
    line = [sys.executable, "-m", __name__, str(folder), str(shift)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@dataclass
class Asked:
    """One request: a completion, or new weights."""

    path: str
    body: dict
    alone: bool
    """Whether nothing else was being answered when it came."""
    answer: dict = field(default_factory=dict)

    @property
    def drawn(self) -> tuple[tuple[int, ...], int]:
        """(prompt, seed) of a completion."""
        return tuple(self.body["prompt"]), self.body["seed"]


class Recorder(Listening):
    """Passes everything on, and notes it in the order in which it comes."""

    def __init__(self, upstream: str) -> None:
        """Start it; answers are held back while `open` is not set."""
        self.upstream, self.asked, self._under_way = urlsplit(upstream), [], 0
        self.open, self._lock = threading.Event(), threading.Lock()
        self.open.set()
        self.fails_after: int | None = None
        super().__init__()

    @property
    def loads(self) -> list[Asked]:
        return [one for one in self.asked if one.path == "/collective_rpc"]

    @property
    def rounds(self) -> list[list[Asked]]:
        """The completions that were asked for with each set of weights."""
        found: list[list[Asked]] = []
        for one in self.asked:
            found.append([]) if one.path == "/collective_rpc" else found[-1].append(one)
        return found

    def answer(self, command, path, body, key):
        noted = path in ("/collective_rpc", "/v1/completions")
        if not noted:
            return self._passed(command, path, body, key)
        with self._lock:
            one = Asked(path, json.loads(body), self._under_way == 0)
            self.asked.append(one)
            self._under_way += 1
            fails = self.fails_after is not None and len(self.asked) > self.fails_after
        try:
            if fails:
                raise OSError
            self.open.wait(120)
            status, said = self._passed(command, path, body, key)
            one.answer = json.loads(said) if said else {}
            return status, said
        finally:
            with self._lock:
                self._under_way -= 1

    def _passed(self, command, path, body, key):
        up = http.client.HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=120)
        up.request(command, path, body or None, {"Content-Type": "application/json", "Authorization": key})
        answer = up.getresponse()
        return answer.status, answer.read()


if __name__ == "__main__":
    print(StandIn(sys.argv[1], float(sys.argv[2])).url, flush=True)
    sys.stdin.read()  # until who started it is gone
