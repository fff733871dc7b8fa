"""Engines behind OpenAI's protocol: what is at an address, and whether it can do what a run asks.

Nothing is taken on trust, because a server that does not know a field usually ignores it. Before a run each server is
asked for its models and version, is sent a method that does not exist (one that knows methods answers HTTP 400 and
names it), and one token of the very request the run will make.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import openai

from entmin.clients import NO_KEY, explained, routes, said
from entmin.engine.requests import IN_FLIGHT, EngineStats
from entmin.errors import EntminError, UsageError, closest
from entmin.evals.choice import OWN_SERVER_MEASURES, EngineChoice
from entmin.evals.endpoints import Endpoints
from entmin.evals.switches import unread_notices
from entmin.mode import Mode, Sampling
from entmin.seeds import SAMPLER
from entmin.strategies import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspect_ai.model import Model, ModelOutput

_PROBE = "entmin-probe"
_PREFLIGHT_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """One server, as it described itself."""

    url: str
    """Ends in ``/v1``, or wherever the API's routes are."""
    kind: str
    """``vllm``, ``entmin``, or what else the server says owns its models."""
    version: str | None
    weights: str | None
    """Where the server has the weights from, or which they are, if it says so."""
    knows_methods: bool


class Servers:
    """One or several servers of one kind with one model, as `entmin.evals.choice` wants an engine."""

    def __init__(self, model: str, choice: EngineChoice, urls: tuple[str, ...], key: str | None) -> None:
        """Ask every server what it is.

        Raises:
            EntminError: one cannot be reached or does not serve the model, or they are not of one kind.
        """
        self.name, self.choice, self.key = model, choice, key or NO_KEY
        self.stats, self.notices = EngineStats(), []
        self.servers = [describe(routes(url), model, self.key) for url in urls]
        self._check_kinds()
        self.endpoints = Endpoints([server.url for server in self.servers])
        self.notices += unread_notices(self.servers, model, self.key, choice.said)
        self._bodies: dict[Mode, dict[str, Any]] = {}
        self._busy, self._since = 0, 0.0

    notices: list[str]
    stop: Callable[[], None] = staticmethod(lambda: None)
    """Ends the server where it was started here."""
    ended: Callable[[], EntminError | None] = staticmethod(lambda: None)
    """Why a server that was started here is gone."""

    def close(self) -> None:
        """Stop the server if it was started here; others stay."""
        self.stop()

    def _check_kinds(self) -> None:
        first = self.servers[0]
        for server in self.servers:
            if self.choice.name == "vllm" and server.kind != "vllm":
                raise UsageError(
                    f"{server.url} is no vLLM server (its models are {server.kind}'s): use --engine openai"
                )
            if (server.kind, server.weights, server.knows_methods) != (first.kind, first.weights, first.knows_methods):
                raise UsageError(
                    f"{first.url} and {server.url} do not serve the same: {_shown(first)} and {_shown(server)}"
                )
            if server.version != first.version:
                self.notices.append(f"{server.url} is version {server.version}, {first.url} is {first.version}")

    @property
    def concurrency(self) -> int:
        """Requests to keep in flight at all servers together."""
        return int(dict(self.choice.options).get("batch_size", IN_FLIGHT * len(self.servers) * engines(self.choice)))

    @property
    def measures(self) -> frozenset[Confidence]:
        """Log-probabilities come from servers that return them, the rest from entmin's own."""
        own = self.servers[0].kind == "entmin"
        return OWN_SERVER_MEASURES if own else frozenset(("logprob", "trace_confidence"))

    @property
    def text_prompts(self) -> bool:
        """VLLM and entmin's own server write a conversation out as text and take one as a prompt."""
        return self.servers[0].kind in ("vllm", "entmin")

    def model(self) -> Model:
        """A fresh Inspect model: its connections belong to the event loop of one run."""
        from inspect_ai.model import get_model

        from entmin.evals.server_api import ServerAPI

        model = get_model(f"entmin-server/{self.name}", base_url=self.servers[0].url, api_key=self.key, memoize=False)
        assert isinstance(model.api, ServerAPI)
        model.api.connect(self)
        ask = model.generate

        async def generate(*args: Any, **options: Any) -> ModelOutput:
            try:
                return await ask(*args, **options)
            except Exception as error:
                if (told := self.ended() or _given_up(error)) is None:
                    raise
                raise told from error

        model.generate = generate  # type: ignore[method-assign]
        return model

    def identity(self) -> dict[str, Any]:
        """Engine, kind of server and weights; versions and addresses may change within a run and are in `record`."""
        from entmin.engine.revision import weights_named

        first = self.servers[0]
        # Of a server that was running already, nobody here knows how it was started.
        started = {} if self.choice.base_urls else {"vllm_options": _vllm_options(self.choice)}
        own = {"sampler": SAMPLER} if first.kind == "entmin" else {}
        return {
            "engine": self.choice.name,
            "served_by": first.kind,
            "weights": weights_named(first.weights),
            **(started | own | self.choice.said),
        }

    def record(self) -> dict[str, Any]:
        """What the servers said of themselves."""
        servers = [asdict(server) for server in self.servers]
        return {"engine": self.choice.name, "servers": servers, "requests": self.endpoints.record()}

    def body(self, mode: Mode) -> dict[str, Any]:
        """Method and sampling, tried on every server with a request for one token.

        Raises:
            UsageError: a server does not know methods, or refuses the request.
        """
        if mode not in self._bodies:
            self._bodies[mode] = self._tried_body(mode)
        return self._bodies[mode]

    def _tried_body(self, mode: Mode) -> dict[str, Any]:
        first, method, sampling = self.servers[0], mode.method, mode.sampling
        if method.name != "normal" and not first.knows_methods:
            raise UsageError(
                f"{first.url} ({_shown(first)}) does not know entmin's methods and would decode without "
                f"{method.name}: start it with `entmin serve {self.name}`, or compare --methods normal,greedy only"
            )
        # Named even for `normal`: the server may have another default.
        method_body = {"vllm_xargs": method.to_args()} if first.knows_methods else {}
        method_body |= self.choice.said
        # Explicit, because vLLM takes what is left out from the checkpoint's generation config.
        explicit = {"top_k": sampling.top_k, "min_p": sampling.min_p, "repetition_penalty": 1.0}
        refusal = self._refusal(sampling, method_body | explicit)
        if refusal is None:
            return method_body | explicit
        bare = first.kind not in ("vllm", "entmin") and not (sampling.top_k or sampling.min_p)
        if bare and self._refusal(sampling, method_body) is None:
            self.notices.append(f"{first.url} takes no top_k, min_p or repetition_penalty: its own defaults apply")
            return method_body
        raise UsageError(refusal)

    def _refusal(self, sampling: Sampling, body: dict[str, Any]) -> str | None:
        for server in self.servers:
            try:
                _ask(server.url, self.name, self.key, body, temperature=sampling.temperature, top_p=sampling.top_p)
            except openai.BadRequestError as error:
                return f"{server.url} refuses the request: {said(error)}"
        return None

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Keep the time during which at least one request is in progress."""
        if self._busy == 0:
            self._since = time.monotonic()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            if self._busy == 0:
                self.stats.busy_seconds += time.monotonic() - self._since


def _given_up(error: Exception) -> EntminError | None:
    """What the server said at last, where Inspect gave up asking."""
    last = getattr(error, "last_attempt", None)  # of tenacity's RetryError
    reason = last.exception() if last is not None else None
    if not isinstance(reason, openai.APIError):
        return None
    return EntminError(f"the server failed each time it was asked: {said(reason)}; see its log, run the same command")


def open_servers(model: str, choice: EngineChoice) -> Servers:
    """The servers a user chose; without an address, a vLLM server started here and stopped with this process.

    Raises:
        EntminError: no server, or not what was asked for.
    """
    if choice.base_urls:
        return Servers(model, choice, choice.base_urls, choice.api_key)
    from entmin.serve.child import ended, start_vllm, stop

    started = start_vllm(model, _vllm_options(choice))
    servers = Servers(model, choice, (started.url,), started.key)
    servers.stop, servers.ended = partial(stop, started.process), partial(ended, started)
    return servers


def _vllm_options(choice: EngineChoice) -> list[str]:
    """What a vLLM server that is started here is told beside the model."""
    given = dict(choice.options)
    named = [f"--{name}={given[name]}" for name in ("dtype", "revision") if name in given]
    return named + shlex.split(given.get("vllm_args", ""))


def engines(choice: EngineChoice) -> int:
    """Engines (data parallel) of a vLLM server that is started here; one that was running already does not say."""
    said = re.findall(r"(?:--data[-_]parallel[-_]size|-dp)[= ]+(\d+)", " ".join(_vllm_options(choice)))
    return int(said[-1]) if said and not choice.base_urls else 1


def describe(url: str, model: str, key: str) -> Server:
    """Ask a server what it is.

    Raises:
        EntminError: it cannot be reached, wants another key, or does not serve the model.
    """
    client = openai.OpenAI(base_url=url, api_key=key, timeout=_PREFLIGHT_SECONDS, max_retries=1)
    with client, explained(url):
        served = {entry.id: entry for entry in client.models.list()}
        if model not in served:
            raise EntminError(
                f"{url} does not serve {model!r}{closest(model, served)}; it serves {', '.join(served) or 'nothing'}"
            )
        kind = served[model].owned_by or "unknown"
        version = _version(client, url)
    return Server(url, kind, version, _weights(served[model]), _knows_methods(url, model, key))


def _weights(card: Any) -> str | None:
    """The path or name that vLLM has its weights from; the revision or digest that entmin's own server states."""
    own = getattr(card, "entmin", None)
    found = own.get("revision") if isinstance(own, dict) else getattr(card, "root", None)
    return None if found is None else str(found)


def _version(client: openai.OpenAI, url: str) -> str | None:
    """What ``/version`` says, which vLLM and entmin's server have; None where there is none."""
    try:
        found = client.with_options(base_url=url.removesuffix("/v1")).get("/version", cast_to=dict[str, object])
    except (openai.APIStatusError, ValueError):
        return None
    return str(found["version"]) if isinstance(found, dict) and "version" in found else None


def _knows_methods(url: str, model: str, key: str) -> bool:
    """Whether a method that does not exist is refused by name; a server that ignores it would ignore a real one too."""
    try:
        _ask(url, model, key, {"vllm_xargs": {"entmin_method": _PROBE}})
    except openai.BadRequestError as error:
        return _PROBE in said(error)
    except openai.UnprocessableEntityError:
        return False
    return False


def _ask(url: str, model: str, key: str, body: dict[str, Any], **sampling: Any) -> None:
    """Ask for one token; HTTP 400 comes back as it is."""
    with openai.OpenAI(base_url=url, api_key=key, timeout=_PREFLIGHT_SECONDS, max_retries=1) as client, explained(url):
        messages: Any = [{"role": "user", "content": "Hello"}]
        client.chat.completions.create(
            model=model, messages=messages, max_tokens=1, seed=0, extra_body=body, **sampling
        )


def _shown(server: Server) -> str:
    return f"{server.kind} {server.version}" if server.version else server.kind
