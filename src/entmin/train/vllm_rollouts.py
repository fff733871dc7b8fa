"""Completions for training from vLLM servers, which are given the weights before every rollout.

The weights go through a folder that trainer and servers can read, and from there through vLLM's own reload. That needs
no connection between GPUs, so adapters, sharded weights, several servers and CPUs are all alike; on one machine a
folder in memory (``/dev/shm``) makes it quick. Servers must run with ``VLLM_SERVER_DEV_MODE=1``, without which vLLM has
no reload, and must be reachable by the trainer alone: whoever can ask for a reload can replace the model.
"""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from openai import APIStatusError, AsyncOpenAI, BadRequestError, OpenAI
from torch import Tensor, nn

from entmin.clients import NO_KEY, explained, said
from entmin.engine.loaded import LoadedModel
from entmin.engine.requests import Completion, StopReason
from entmin.errors import EntminError, UsageError
from entmin.loops import beside_a_loop
from entmin.methods import Normal
from entmin.seeds import derive_seed
from entmin.train.config import TrainConfig
from entmin.train.weights import whole_weights

_SECONDS = 3600.0
"""Longest wait for one completion or one reload."""
_IDLE = 30.0
"""Longest wait until a server has nothing to answer, seconds; a run that was interrupted leaves it something."""
_AT_ONCE = 256
"""Most requests in flight per process."""
_START = (
    "start it with VLLM_SERVER_DEV_MODE=1 in its environment: VLLM_SERVER_DEV_MODE=1 vllm serve MODEL. A run that had "
    "begun goes on with --resume"
)
"""What helps where a server, or its reload, is not there."""


_ROUNDING = 1e-3
"""What a log-probability may be above 0."""


@dataclass
class Drawn(Completion):
    """A completion, and how likely the server found each of its tokens."""

    logprobs: list[float] = field(default_factory=list)
    """One a token, of the distribution at temperature 1, nats; when asked for."""


class VllmRollouts:
    """Draws completions; callable as `entmin.train.trainers.samples.Sampler`."""

    def __init__(self, loaded: LoadedModel, config: TrainConfig) -> None:
        """Look whether the servers can be used.

        Raises:
            UsageError: no server is named.
            EntminError: one does not answer, cannot reload weights, or has too short a context.
        """
        self._config, self._stops = config, sorted(loaded.eos)
        self._key = os.environ.get("ENTMIN_API_KEY") or NO_KEY
        self._weights = Path(config.vllm_weights or config.output).expanduser().resolve()
        urls = [url.strip().rstrip("/").removesuffix("/v1") for url in config.vllm_url.split(",") if url.strip()]
        if not urls:
            raise UsageError("vllm_url names no server")
        self._names = {url: self._check(url) for url in urls}

    def __call__(self, model: nn.Module, prompts: list[list[int]], streams: list[int]) -> list[list[int]]:
        """Token ids of one completion per prompt and stream, drawn by the model as it is now.

        Raises:
            EntminError: a server cannot be reached or refuses.
        """
        return [done.tokens for done in self.draw(model, prompts, self.seeds(streams))]

    def seeds(self, streams: Sequence[int]) -> list[int]:
        """What the servers are told to draw the completions of these streams with."""
        return [derive_seed(self._config.seed, "rollout", stream) for stream in streams]

    def draw(self, model: nn.Module, prompts: Sequence[list[int]], seeds: Sequence[int | None]) -> list[Completion]:
        """Completions of the model as it is now, without their entropies, in order; a seed of None decodes greedily.

        Raises:
            EntminError: a server cannot be reached or refuses.
        """
        self.load(model)
        return list(beside_a_loop(lambda: asyncio.run(self.ask(prompts, seeds))))

    def load(self, model: nn.Module) -> None:
        """Give the servers the model's weights. With several processes, all of them must call it.

        Raises:
            EntminError: the weights cannot be written, or a server cannot read them.
        """
        several = torch.distributed.is_available() and torch.distributed.is_initialized()
        main = not several or torch.distributed.get_rank() == 0
        found = {name: tensor.cpu() for name, tensor in whole_weights(model) if main}
        if main:
            self._hand_over(model, found)
        if several:
            torch.distributed.barrier()

    def _hand_over(self, model: nn.Module, weights: dict[str, Tensor]) -> None:
        base: Any = model.get_base_model() if hasattr(model, "peft_config") else model  # type: ignore[operator]
        # A folder of its own each time: a server may still have the last one's file mapped into memory.
        folder = self._weights / f"vllm-weights-{uuid.uuid4().hex[:8]}"
        try:
            try:
                base.save_pretrained(folder, state_dict=weights)
            except Exception as error:  # OSError, SafetensorError, RuntimeError: writers differ
                raise EntminError(
                    f"cannot write weights for vLLM under {self._weights}: {error}; free space there, or set "
                    "vllm_weights to another folder, and go on with --resume"
                ) from error
            with ThreadPoolExecutor(len(self._names)) as pool:  # all at once; the first failure is raised
                list(pool.map(partial(self._reload, folder=folder), self._names))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _reload(self, url: str, folder: Path) -> None:
        body = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
        with OpenAI(base_url=url, api_key=self._key, timeout=_SECONDS, max_retries=0) as client, explained(url, _START):
            try:
                client.post("/collective_rpc", cast_to=object, body=body)
            except APIStatusError as error:
                raise EntminError(
                    f"{url} could not load the weights in {folder} (HTTP {error.status_code}): it must serve the model "
                    "that is trained, unquantized, and see that folder under the same path (set vllm_weights to one "
                    "that both can read); the server's log says more"
                ) from error
            self._forget(url, client)

    def _forget(self, url: str, client: OpenAI) -> None:
        """Have a server drop what it keeps of prompts, which the old weights computed; it does so when it is idle."""
        end = time.monotonic() + _IDLE
        while True:
            answer: Any = client.post("/reset_prefix_cache", cast_to=object)
            if not isinstance(answer, dict) or answer.get("success", True):  # older ones say nothing
                return
            if time.monotonic() > end:
                raise EntminError(
                    f"{url} has answered others for {_IDLE:.0f} seconds since it got new weights, and so keeps what "
                    "the old ones computed: let nobody but the trainer ask it, and go on with --resume"
                )
            time.sleep(0.1)

    def _check(self, url: str) -> str:
        """The name a server has for its model."""
        needed = self._config.max_prompt_tokens + self._config.max_tokens
        with OpenAI(base_url=f"{url}/v1", api_key=self._key, max_retries=1) as client, explained(url, _START):
            first = next(iter(client.models.list()))
            length = getattr(first, "max_model_len", None)
            if length and length < needed:
                raise EntminError(
                    f"{url} serves a context of {length} tokens; prompts and answers take up to {needed}: start it "
                    f"with --max-model-len {needed}, or lower max_prompt_tokens or max_tokens"
                )
            client.with_options(base_url=url).post("/reset_prefix_cache", cast_to=object)
        return str(first.id)

    async def ask(
        self, prompts: Sequence[list[int]], seeds: Sequence[int | None], *, logprobs: bool = False
    ) -> list[Drawn]:
        """Completions of the model that the servers have, in order.

        Args:
            prompts: as token ids.
            seeds: one for each; None decodes greedily.
            logprobs: whether to ask how likely each token was.

        Raises:
            EntminError: a server cannot be reached or refuses, or what it tells are no log-probabilities.
        """
        clients = [
            AsyncOpenAI(base_url=f"{url}/v1", api_key=self._key, timeout=_SECONDS, max_retries=2) for url in self._names
        ]
        free = asyncio.Semaphore(_AT_ONCE)
        asked = [
            asyncio.ensure_future(self._complete(clients[i % len(clients)], free, prompt, seed, logprobs))
            for i, (prompt, seed) in enumerate(zip(prompts, seeds, strict=True))
        ]
        try:
            return await asyncio.gather(*asked)
        finally:
            for one in asked:  # where one failed, nobody waits for the others
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            for client in clients:
                await client.close()

    async def _complete(
        self, client: AsyncOpenAI, free: asyncio.Semaphore, prompt: list[int], seed: int | None, logprobs: bool
    ) -> Drawn:
        url = str(client.base_url).removesuffix("/v1/")
        # Everything is said, because a server's defaults come from the checkpoint or from `entmin serve --mode`.
        exact = {
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "stop_token_ids": self._stops,
            "return_token_ids": True,
            "vllm_xargs": Normal().to_args(),
        }
        async with free:
            with explained(url, _START):
                try:
                    answer = await client.completions.create(
                        model=self._names[url],
                        prompt=prompt,
                        max_tokens=self._config.max_tokens,
                        temperature=0.0 if seed is None else self._config.temperature,
                        top_p=1.0,
                        presence_penalty=0.0,
                        frequency_penalty=0.0,
                        seed=seed or 0,
                        logprobs=0 if logprobs else None,  # 0: of the token alone
                        extra_body=exact,
                    )
                except BadRequestError as error:
                    raise EntminError(f"{url} refused a prompt: {said(error)}") from error
        choice = answer.choices[0]
        tokens: list[int] = choice.token_ids  # type: ignore[attr-defined]  # vLLM's own field
        ended: StopReason = "stop" if choice.finish_reason == "stop" else "max_tokens"
        drawn = Drawn(choice.text, tokens, ended, len(prompt), math.nan, math.nan, 0.0)
        if logprobs:
            drawn.logprobs = _log_probabilities(url, choice.logprobs, len(tokens))
        return drawn


def _log_probabilities(url: str, told: Any, tokens: int) -> list[float]:
    found = list(told.token_logprobs or []) if told else []
    wrong = [one for one in found if one is None or not -math.inf < one <= _ROUNDING]
    if len(found) != tokens or wrong:
        what = f"{wrong[0]} as the log-probability of a token" if wrong else f"{len(found)} for {tokens} tokens"
        raise EntminError(
            f"{url} tells {what}; rollouts_ahead needs log-probabilities: start the server without --logprobs-mode, "
            "or set rollouts_ahead=0"
        )
    return found
