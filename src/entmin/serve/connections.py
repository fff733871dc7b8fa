"""Connections of the in-process server: none is kept that neither asks nor reads, and their number is bounded."""

from __future__ import annotations

import asyncio
import os
import resource
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

ACCEPTED_AT_ONCE = 8
"""Connections taken in before the loop can close one; the kernel's own queue is longer."""
_MOST = 1024
_SPARE = 8 * ACCEPTED_AT_ONCE + 16
"""Descriptors left for what is being accepted or closed, and for files."""
_LINGERING = 4 * ACCEPTED_AT_ONCE
"""Connections that are kept a moment after a refusal."""


def most_connections() -> int:
    """How many connections this process can hold with the descriptors it has; at least 8."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        used = len(os.listdir("/proc/self/fd"))
    except OSError:  # not Linux
        used = 64
    return max(8, min(_MOST, soft - used - _SPARE)) if soft != resource.RLIM_INFINITY else _MOST


class Connection(H11Protocol):  # type: ignore[misc]
    """uvicorn's connection, which waits for a request, and for a client that does not read, only for so long.

    Where the server has as many connections as it can hold, the one that has been without a whole request for longest
    makes room for a new one. Where half or more of those that wait never had an answer, it is one of them: a client
    that was answered may be sending its next request over the same connection. Where all are being answered, the new
    one gets 503.
    """

    header_seconds: ClassVar[float] = 10.0
    """From a connection, or the first byte after an answer, to the end of the request's header."""
    body_seconds: ClassVar[float] = 60.0
    """From there to the end of the body."""
    stalled_seconds: ClassVar[float] = 60.0
    """That a client may leave an answer unread."""
    linger_seconds: ClassVar[float] = 1.0
    """That what a refused client still sends is read: the kernel would answer it with a reset, which discards the
    refusal before the client has read it."""
    most: ClassVar[int] = _MOST
    """Connections at once; set before the server starts."""
    _refused: ClassVar[set[Connection]] = set()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._phase, self._since, self._answered = "", 0.0, False
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start the clock of the header, after room was made."""
        super().connection_made(transport)
        self._enter("header")
        if len(self.connections) > self.most and not self._make_room():
            self._refuse(503, "this server has no connection left; try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        super().connection_lost(exc)
        self._refused.discard(self)
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Pass the bytes on; only what completes a header or a body gives a client more time."""
        if self in self._refused:
            return
        super().data_received(data)
        if not self.transport.is_closing():
            self._enter(self._doing("header"))

    def on_response_complete(self) -> None:
        """Between two requests uvicorn's own keep-alive time counts."""
        super().on_response_complete()
        self._answered = True
        self._enter(self._doing("idle"))

    def timeout_keep_alive_handler(self) -> None:
        """Close, in the end also with an answer that was never read."""
        super().timeout_keep_alive_handler()
        self._close()

    def pause_writing(self) -> None:
        """The client does not read: wait, but not for ever."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def _doing(self, waiting: str) -> str:
        if self.cycle is None or self.cycle.response_complete:
            return waiting
        return "body" if self.cycle.more_body else "answer"

    def _enter(self, phase: str) -> None:
        if phase == self._phase:
            return
        self._phase, self._since = phase, self.loop.time()
        if self._deadline is not None:
            self._deadline.cancel()
        seconds = {"header": self.header_seconds, "body": self.body_seconds}.get(phase)
        late = "the request did not come in time"
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._refuse, 408, late)

    def _make_room(self) -> bool:
        """Whether another connection could be closed for this one."""
        idle = [one for one in self.connections if one is not self and one._phase != "answer"]
        if idle:
            silent = [one for one in idle if not one._answered]
            oldest = min(silent if 2 * len(silent) >= len(idle) else idle, key=lambda one: one._since)
            self.connections.discard(oldest)  # at once: more may come before it is closed
            oldest.transport.abort()
        return bool(idle)

    def _refuse(self, status: int, why: str) -> None:
        """Answer a request that has not wholly come, where nothing was answered yet, and close."""
        if self.transport.is_closing() or self in self._refused:
            return
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close")]
            for event in (
                h11.Response(status_code=status, headers=headers),
                h11.Data(why.encode()),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event))
        if len(self._refused) >= _LINGERING or not self.transport.can_write_eof():
            return self._close()
        self._refused.add(self)
        self.connections.discard(self)
        self.transport.write_eof()
        self.loop.call_later(self.linger_seconds, self._close)

    def _close(self) -> None:
        self.transport.close()
        self.loop.call_later(self.stalled_seconds, self.transport.abort)
