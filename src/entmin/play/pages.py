"""The page with its files, under a strict Content-Security-Policy, and answers saved as a page of their own."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from entmin.mode import Mode
from entmin.play.bodies import ExportBody
from entmin.play.catalogue import SAMPLING, catalogue
from entmin.play.export import as_page
from entmin.serve.http import parsed, read_body, require_key

_FILES = {
    "": ("entmin.play", "page.html", "text/html"),
    "play/play.js": ("entmin.play", "play.js", "text/javascript"),
    "play/play.css": ("entmin.play", "play.css", "text/css"),
    "play/report.css": ("entmin.report.page", "style.css", "text/css"),
}
"""Path to the file that it serves; shades and colours are the report's."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Pages:
    """What the playground has whoever answers; its subclasses stream answers and draw steps."""

    def __init__(
        self, model: str, mode: Mode, key: str | None, system: str | None, facts: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Describe what answers.

        Args:
            model: its name.
            mode: that the page begins with.
            key: that visitors must have.
            system: system turn that the page begins with.
            facts: about the model, for pages that are saved.
        """
        self.model, self.mode, self.key = model, mode, key
        self._system, self._facts = system or "", facts

    def routes(self) -> list[Route]:
        """Of the page and what it asks for."""
        return [
            *(Route(f"/{path}", self.file) for path in _FILES),
            Route("/play/about", self.about),
            Route("/play/stream", self.stream, methods=["POST"]),
            Route("/play/step", self.step, methods=["POST"]),
            Route("/play/export", self.export, methods=["POST"]),
        ]

    async def file(self, request: HTTPRequest) -> Response:
        """A part of the page; open to everybody, for it says nothing of the model."""
        package, name, kind = _FILES[request.url.path.removeprefix("/")]
        text = files(package).joinpath(name).read_text(encoding="utf-8")
        return Response(text, media_type=f"{kind}; charset=utf-8", headers=_HEADERS)

    async def about(self, request: HTTPRequest) -> Response:
        """The model, the default mode, and what the controls are made of."""
        require_key(request, self.key)
        own = self.mode.complete().to_args()
        said = {"model": self.model, "version": version("entmin"), "system": self._system, "mode": own}
        return JSONResponse(said | self.offered())

    def offered(self) -> dict[str, Any]:
        """Methods and sampling that the page has controls for."""
        return {"methods": catalogue(), "sampling": SAMPLING}

    async def stream(self, request: HTTPRequest) -> Response:
        """Answers side by side, token by token."""
        raise NotImplementedError

    async def step(self, request: HTTPRequest) -> Response:
        """One step of an answer, drawn again under some mode."""
        raise NotImplementedError

    async def export(self, request: HTTPRequest) -> Response:
        """Answers as a page of their own, which needs no server."""
        require_key(request, self.key)
        html = await asyncio.to_thread(self._exported, await read_body(request))
        return Response(html, media_type="text/html; charset=utf-8", headers=_HEADERS)

    def _exported(self, body: bytearray) -> str:
        return as_page(ExportBody.read(parsed(body), self.model), self.model, self._facts)
