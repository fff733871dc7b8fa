"""What entmin adds to the routes of vLLM's server: ``GET /entmin`` names its methods, `/metrics` has our counters."""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from entmin.counters import VARIABLE, Counted, counted
from entmin.wire import default_mode, offered

_folder = Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None
if _folder is not None:
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)


async def routes(request: Request, call_next: Callable[[Request], Awaitable[Any]]) -> Response:
    """HTTP middleware, for ``vllm serve --middleware entmin.serve.vllm_routes.routes``."""
    if request.method == "GET" and request.url.path == "/entmin":
        return JSONResponse(offered(default_mode()))
    answer: Response = await call_next(request)
    if request.url.path != "/metrics" or _folder is None or answer.status_code != 200:
        return answer
    body = b"".join([chunk async for chunk in answer.body_iterator])
    lines = [line for shown in _shown(counted(_folder)) for line in shown]
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Response(body + ("\n".join(lines) + "\n").encode(), headers=headers)


def _shown(found: Counted) -> Iterator[tuple[str, str, str]]:
    """Each counter in the text form of Prometheus."""
    for name, help_text, value in (
        ("rows_adjusted", "Rows of logits that a method was applied to.", str(found.rows)),
        ("apply_seconds", "Seconds spent on it, on the host.", f"{found.seconds:.6f}"),
        ("batches_adjusted", "Steps of the engine in which a method was applied.", str(found.batches)),
        ("plan_seconds", "Seconds spent on which row belongs to which request, on the host.", f"{found.planning:.6f}"),
    ):
        name = f"entmin_{name}_total"
        yield f"# HELP {name} {help_text}", f"# TYPE {name} counter", f"{name} {value}"
