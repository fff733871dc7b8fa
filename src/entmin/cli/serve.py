"""``entmin serve``: an OpenAI-compatible server with a decoding method, on vLLM or on the in-process engine."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from entmin.cli import options as shared
from entmin.cli.grouped import Verb, Word
from entmin.engine.lean import decoding_alone
from entmin.errors import UsageError
from entmin.mode import Mode
from entmin.terminal import say
from entmin.wire import DEFAULT_VARIABLE

_LOCAL_ONLY = {
    "device": "vLLM serves on the device it was built for",
    "batch_size": "vLLM's is --max-num-seqs",
    "threads": "vLLM's is the environment variable VLLM_CPU_OMP_THREADS_BIND",
    "max_queue": "vLLM bounds no queue",
    "max_tokens": "vLLM's is in --override-generation-config",
    "grace": "vLLM's is --shutdown-timeout",
    "system": "vLLM adds no turns: send it with each request",
}
"""Options of the in-process engine, and what to say to those who give them to vLLM."""


def listening_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where a server listens, and whom it lets in."""
    for option in (
        click.option(
            "--api-key", envvar="ENTMIN_API_KEY", help="Bearer token that clients must send (env: ENTMIN_API_KEY)."
        ),
        click.option(
            "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
        ),
        click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    ):
        function = option(function)
    return function


@click.command("serve", cls=Verb, context_settings={"ignore_unknown_options": True})
@click.argument("model")
@click.argument("vllm_options", nargs=-1, type=click.UNPROCESSED, metavar="[-- VLLM OPTIONS...]")
@click.option("--engine", type=Word(["vllm", "transformers"]), default="vllm", show_default=True)
@click.option("--mode", default="em_inf", show_default=True, help="Mode of requests that name none.")
@listening_options
@click.option("--served-model-name", "served_name", help="The model's name for clients (default: MODEL).")
@click.option("--max-queue", default=256, show_default=True, type=click.IntRange(min=0), help="Most answers waiting.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Length of answers whose request gives none.")
@click.option(
    "--grace", default=30.0, show_default=True, type=click.FloatRange(0, 3600), help="Seconds for answers at the end."
)
@shared.template_options
@shared.method_options
@shared.engine_options
@click.pass_context
def command(
    ctx: click.Context, /, model: str, vllm_options: tuple[str, ...], engine: str, mode: str, **options: Any
) -> int:
    """Serve MODEL over the OpenAI API until Ctrl-C or SIGTERM.

    Requests choose their own method with vllm_xargs, such as {"entmin_method": "normal"}.

    With --engine vllm, options that are not listed here go to vLLM as they are, after MODEL or after --.
    """
    chosen = default_mode(ctx, mode, options)
    check_key(options)
    switches = take_switches(options)
    common = {key: options.pop(key) for key in ("host", "port", "api_key", "served_name")}
    if engine == "transformers":
        if vllm_options:
            raise UsageError(f"the in-process engine has no options {' '.join(vllm_options)}; see entmin serve --help")
        with decoding_alone(model, options["revision"]):
            from entmin.play.routes import playground
            from entmin.serve.local import serve_local

        own = {key: options.pop(key) for key in ("max_queue", "max_tokens", "grace", "system")}
        decoding = {key: options.pop(key) for key in ("batch_size", "threads")}
        return serve_local(
            model, mode=chosen, switches=switches, **common, **own, loading=options, decoding=decoding, pages=playground
        )
    _refuse_local_options(ctx)
    from entmin.serve.vllm import serve_vllm

    defaults = [f"--default-chat-template-kwargs={json.dumps(switches)}"] if switches else []
    passed = [
        *defaults,
        *vllm_options,
        *(f"--{name}={options[name]}" for name in ("dtype", "revision") if given(ctx, name)),
    ]
    serve_vllm(model, mode=chosen, **common, options=passed)


def check_key(options: dict[str, Any]) -> None:
    """Warn where the server is open to other machines.

    Raises:
        UsageError: the key is empty.
    """
    if options["api_key"] == "":
        raise UsageError("--api-key is empty: give a key, or leave the option out to let everybody in")
    from entmin.serve.addressed import is_loopback

    if not is_loopback(options["host"]) and not options["api_key"]:
        say(
            f"warning: {options['host']} may be reached from other machines, and there is no --api-key: "
            "anybody there can use this server",
            err=True,
        )


def take_switches(options: dict[str, Any]) -> dict[str, Any]:
    """Variables of the chat template, removed from the options."""
    from entmin.engine.prompts import switches_of

    switches = switches_of(shared.read(options))
    for name in ("chat_template_kwargs", "reasoning_effort"):
        options.pop(name)
    return switches


def default_mode(ctx: click.Context, text: str, options: dict[str, Any]) -> Mode:
    """What ``--mode`` says, else the environment, else EM-INF; options set what that leaves open.

    Raises:
        UsageError: it is malformed, or has a strategy.
    """
    told = None if given(ctx, "mode") else os.environ.get(DEFAULT_VARIABLE)
    mode = Mode.parse(told or text, shared.take_settings(options))
    if mode.strategy is not None:
        raise UsageError(f"{mode.strategy.name}: a server answers single calls; `entmin eval` runs strategies on it")
    return mode


def _refuse_local_options(ctx: click.Context) -> None:
    for name, instead in _LOCAL_ONLY.items():
        if given(ctx, name):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is for --engine transformers; {instead}")


def given(ctx: click.Context, name: str) -> bool:
    """Whether an option was given, on the command line or by its variable."""
    return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
