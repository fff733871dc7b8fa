"""``entmin play``: the playground, a page on the in-process server."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from entmin.cli import options as shared
from entmin.cli.grouped import Verb
from entmin.cli.serve import check_key, default_mode, given, listening_options, take_switches
from entmin.engine.lean import decoding_alone
from entmin.errors import UsageError
from entmin.extras import require
from entmin.methods import Normal
from entmin.mode import Mode
from entmin.terminal import say

_QUEUE, _GRACE = 64, 1.0


@click.command("play", cls=Verb)
@click.argument("model", default="smollm2-135m")
@click.option("--mode", default="em_inf", show_default=True, help="Mode that the page begins with, beside normal.")
@listening_options
@click.option("--base-url", metavar="URL", help="A server of the OpenAI API that answers, such as vLLM's.")
@click.option("--open/--no-open", "opens", default=True, help="Open the page in the browser.  [default: open]")
@shared.template_options
@shared.method_options
@shared.engine_options
@click.pass_context
def command(ctx: click.Context, /, model: str, mode: str, base_url: str | None, opens: bool, **options: Any) -> int:
    """Open a page that shows what decoding methods do to MODEL's answers (default: smollm2-135m).

    Answers of several modes stream side by side. Each token is shaded by its entropy and shows its alternatives and
    what the method did to them; a step can be drawn again with other settings. Ctrl-C ends the server.

    With --base-url a server elsewhere answers, and MODEL is the name it has there (default: its only model). The page
    then shows what such a server tells: alternatives, and lower bounds of the entropy before the method.
    """
    chosen = default_mode(ctx, mode, options)
    check_key(options)
    switches = take_switches(options)

    def ready(address: str) -> None:
        say(f"playground: {address}", err=True)
        if opens and sys.stdout.isatty() and _has_desktop():
            webbrowser.open(address)

    where = {key: options.pop(key) for key in ("host", "port", "api_key", "system")}
    if base_url is not None:
        return _before_a_server(ctx, model, base_url, chosen, switches, ready, **where)
    with decoding_alone(model, options["revision"]):
        from entmin.play.routes import playground
        from entmin.serve.local import serve_local

    decoding = {key: options.pop(key) for key in ("batch_size", "threads")}
    return serve_local(
        model, mode=chosen, switches=switches, **where, served_name=None, max_queue=_QUEUE, max_tokens=None,
        grace=_GRACE, loading=options, decoding=decoding, pages=playground, ready=ready,
    )  # fmt: skip


def _before_a_server(
    ctx: click.Context,
    model: str,
    base_url: str,
    mode: Mode,
    switches: dict[str, Any],
    ready: Callable[[str], None],
    *,
    host: str,
    port: int,
    api_key: str | None,
    system: str | None,
) -> int:
    """Serve the page before a server of the OpenAI API; the key is that server's, and the page's visitors need it too.

    Raises:
        UsageError: an option of the in-process engine was given, or the server refuses the mode.
        EntminError: there is no such server, or it does not serve the model.
    """
    for name in ("device", "dtype", "revision", "batch_size", "threads"):
        if given(ctx, name):
            raise UsageError(f"--{name.replace('_', '-')} is for a model in this process; leave it out with --base-url")
    require("eval", "entmin play --base-url")
    from entmin.clients import only_model
    from entmin.evals.choice import EngineChoice
    from entmin.evals.servers import Servers
    from entmin.play.remote import RemotePlayground
    from entmin.serve.http import application
    from entmin.serve.local import run

    template = json.dumps({"chat_template_kwargs": switches} if switches else {})
    name = model if given(ctx, "model") else only_model(base_url, api_key)
    servers = Servers(name, EngineChoice("openai", (base_url,), api_key, (), template), (base_url,), api_key)
    if not given(ctx, "mode") and not servers.servers[0].knows_methods:
        mode = replace(mode, method=Normal())
    page = RemotePlayground(servers, mode, api_key, system)

    def listening(address: str) -> None:
        for notice in servers.notices:
            say(f"note: {notice}", err=True)
        say(f"serving the playground at {address.rstrip('/')} before {servers.servers[0].url} with {mode}", err=True)
        ready(address)

    run(lambda local: (application(page.routes(), local, api_key), page), host, port, _GRACE, listening)
    return 0


def _has_desktop() -> bool:
    """Whether a browser can open a window; one of text would take this terminal."""
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or bool(shown)
