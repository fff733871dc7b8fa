"""What entmin adds to the routes of vLLM's server: ``GET /entmin`` names its methods, `/metrics` has our counters."""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from entmin.counters import VARIABLE, counted
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
    found = counted(_folder)
    lines = [
        "# HELP entmin_rows_adjusted_total Rows of logits that a method was applied to.",
        "# TYPE entmin_rows_adjusted_total counter",
        f"entmin_rows_adjusted_total {found.rows}",
        "# HELP entmin_apply_seconds_total Seconds spent on it, on the host.",
        "# TYPE entmin_apply_seconds_total counter",
        f"entmin_apply_seconds_total {found.seconds:.6f}",
    ]
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Response(body + ("\n".join(lines) + "\n").encode(), headers=headers)
