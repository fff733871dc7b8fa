"""``entmin play``: the playground, a page on the in-process server."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import Any

import click

from entmin.cli import options as shared
from entmin.cli.grouped import Verb
from entmin.cli.serve import check_key, default_mode, listening_options, take_switches
from entmin.terminal import say

_QUEUE, _GRACE = 64, 1.0


@click.command("play", cls=Verb)
@click.argument("model", default="smollm2-135m")
@click.option("--mode", default="em_inf", show_default=True, help="Mode that the page begins with, beside normal.")
@listening_options
@click.option("--open/--no-open", "opens", default=True, help="Open the page in the browser.  [default: open]")
@shared.template_options
@shared.method_options
@shared.engine_options
@click.pass_context
def command(ctx: click.Context, /, model: str, mode: str, opens: bool, **options: Any) -> int:
    """Open a page that shows what decoding methods do to MODEL's answers (default: smollm2-135m).

    Answers of several modes stream side by side. Each token is shaded by its entropy and shows its alternatives and
    what the method did to them; a step can be drawn again with other settings. Ctrl-C ends the server.
    """
    chosen = default_mode(ctx, mode, options)
    check_key(options)
    switches = take_switches(options)
    from entmin.play.routes import playground
    from entmin.serve.local import serve_local

    where = {key: options.pop(key) for key in ("host", "port", "api_key", "system")}
    decoding = {key: options.pop(key) for key in ("batch_size", "threads")}

    def ready(address: str) -> None:
        say(f"playground: {address}", err=True)
        if opens and sys.stdout.isatty() and _has_desktop():
            webbrowser.open(address)

    return serve_local(
        model, mode=chosen, switches=switches, **where, served_name=None, max_queue=_QUEUE, max_tokens=None,
        grace=_GRACE, loading=options, decoding=decoding, pages=playground, ready=ready,
    )  # fmt: skip


def _has_desktop() -> bool:
    """Whether a browser can open a window; one of text would take this terminal."""
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or bool(shown)
