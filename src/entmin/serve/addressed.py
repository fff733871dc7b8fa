"""Who a request is addressed to. A server without a key that listens on this machine alone answers this machine alone.

Without this check a web page could drive such a server: its author lets a name of his own lead to 127.0.0.1 (DNS
rebinding), and the browser then takes the server for his. What gives it away is the name in the Host header.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from entmin.serve.fields import RequestError


class LocalOnly:
    """ASGI middleware that refuses what is addressed to another host, or comes from another site's page."""

    def __init__(self, app: ASGIApp, also: str = "") -> None:
        """Build the middleware.

        Args:
            app: gets what passes.
            also: a name of this machine, beside localhost and the loopback addresses.
        """
        self._app, self._also = app, also.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""
        wrong = self._wrong(scope["headers"]) if scope["type"] in ("http", "websocket") else None
        if wrong is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await JSONResponse(wrong.body(), wrong.status)(scope, receive, send)

    def _wrong(self, headers: Iterable[tuple[bytes, bytes]]) -> RequestError | None:
        for key, value in headers:
            said = value.decode("latin-1").strip()
            if key == b"host" and not self._is_ours(f"//{said}"):
                what = f"is addressed to {said!r}: use localhost, 127.0.0.1 or [::1]"
            elif key == b"origin" and not self._may_come_from(said):
                what = f"comes from a page of {said!r}: pages of this machine only may ask"
            else:
                continue
            rule = f"the request {what}, or start the server with a key (ENTMIN_API_KEY)"
            return RequestError(rule, status=403, code="wrong_host" if key == b"host" else "wrong_origin")
        return None

    def _may_come_from(self, origin: str) -> bool:
        """Whether an Origin is a page of this machine, or no page at all but a program's own scheme."""
        scheme = origin.partition("://")[0].lower()
        return self._is_ours(origin) if scheme in ("http", "https") else scheme != "null"

    def _is_ours(self, url: str) -> bool:
        try:
            name = (urlsplit(url).hostname or "").removesuffix(".")
        except ValueError:
            return False
        return name in ("localhost", self._also or "localhost") or is_loopback(name)


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own by what it says; other names are not looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
