"""A real proxy that misbehaves: between a client and a server, it spoils some of the answers to questions."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EVERY = 3
"""Which requests are spoiled, once the run has begun."""
HANG = 9.0
SLOW = 2.0


class Proxy:
    """Listens on a port of its own; `manner` says what happens to every third question."""

    def __init__(
        self, port: int, manner: str = "well", every: int = EVERY, most: int = 1_000_000, apiece: int = 2
    ) -> None:
        """Start it; a request that it spoils `apiece` times is left alone then, as clients ask three times."""
        self.upstream, self.manner, self.every, self.most, self.spoiled = port, manner, every, most, 0
        self.apiece, self._met = apiece, Counter[bytes]()
        self._asked, self._lock = 0, threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def spoils(self, body: bytes) -> bool:
        """Whether this request is one to spoil; the trials before a run, of one token, are not."""
        if self.manner == "well" or not body or b'"max_tokens":1,' in body.replace(b" ", b""):
            return False
        with self._lock:
            self._asked += 1
            spoils = self._asked % self.every == 0 and self.spoiled < self.most and self._met[body] < self.apiece
            self.spoiled += spoils
            self._met[body] += spoils
            return spoils

    def _handler(self):
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self._pass(b"")

            def do_POST(self):
                self._pass(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def _pass(self, body):
                self.close_connection = True
                if proxy.spoils(body) and getattr(self, f"_{proxy.manner}")():
                    return
                up = http.client.HTTPConnection("127.0.0.1", proxy.upstream, timeout=60)
                kept = {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "authorization")}
                try:
                    up.request(self.command, self.path, body or None, kept)
                    answer = up.getresponse()
                    said = answer.read()
                except (OSError, http.client.HTTPException):
                    return
                self._say(answer.status, said, answer.headers.get("Content-Type", "application/json"))

            def _say(self, status, said, kind="application/json", length=None, **headers):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(said) if length is None else length))
                self.send_header("Connection", "close")
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(said)
                return True

            def _429(self):
                return self._say(429, b'{"error": {"message": "too many requests"}}', Retry_After="0")

            def _500(self):
                return self._say(500, b'{"error": {"message": "engine dead"}}')

            def _503(self):
                return self._say(503, b"busy", "text/plain")

            def _reset(self):
                return True  # the connection is closed without a word

            def _slow(self):
                time.sleep(SLOW)
                return False  # and then pass it on

            def _hang(self):
                time.sleep(HANG)
                return True

            def _cut(self):
                return self._say(200, b'{"id": "x", "choices": [{"index": 0, "mess', length=900)

            def _garbage(self):
                return self._say(200, b"<html>gateway</html>", "text/html")

            def _broken_json(self):
                return self._say(200, b'{"id": "x", "choices": [{"index": 0, "mess')

            def _empty(self):
                return self._say(200, b'{"id": "x", "object": "chat.completion", "created": 0, "model": "tiny", '
                                      b'"choices": []}')  # fmt: skip

        return Handler
