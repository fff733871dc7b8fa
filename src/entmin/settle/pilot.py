"""The pilot: problems of its own, on which nothing is compared later.

It finds two things: the temperature at which a rival has the method's mean entropy, for which no label is looked at;
and, once all temperatures stand, how often the verdicts of two modes differ, which says how large the run must be.
Every answer is a line of ``pilot.jsonl`` as soon as it is judged, and is not decoded again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from entmin.durable import alone, append_row
from entmin.errors import EntminError, Interrupted
from entmin.jsonl import read_rows
from entmin.mode import Mode
from entmin.seeds import SAMPLER, derive_seed

if TYPE_CHECKING:
    from entmin.engine.engine import Engine
    from entmin.engine.requests import Completion

Judge = Callable[[str, str], bool | None]
"""From a problem's id and a model's text to its verdict; None where there is none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the pilot."""

    tokens: int
    entropy: float
    """Mean over its tokens, nats."""
    verdict: bool | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """A mode on the pilot's problems."""

    mode: str
    entropy: float
    """Mean over all tokens of the entropy of the distribution they were drawn from, nats."""
    tokens: int
    verdicts: tuple[bool | None, ...]
    """Of each problem; they plan the size of the run and nothing else."""


class Pilot:
    """Decodes the pilot's problems on the in-process engine, which alone reports entropies."""

    def __init__(
        self,
        engine: Engine,
        prompts: Sequence[tuple[str, list[int]]],
        judge: Judge,
        *,
        max_tokens: int,
        seed: int,
        folder: Path,
        on_mode: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take up what an earlier call left in the folder.

        Args:
            engine: the model.
            prompts: id and token ids of each problem.
            judge: judges a text.
            max_tokens: length limit of an answer.
            seed: the run's seed; each problem has its own, derived from it.
            folder: where ``pilot.jsonl`` is kept.
            on_mode: called with each mode before it is decoded.

        Raises:
            EntminError: the folder's pilot is of other problems, or cannot be read.
        """
        self._engine, self._prompts, self._judge = engine, list(prompts), judge
        self._max_tokens, self._seed, self._on_mode = max_tokens, seed, on_mode
        self._path = folder / "pilot.jsonl"
        self._known = self._kept()

    @cached_property
    def sha256(self) -> str:
        """Hash of the problems and of how they are decoded."""
        loaded = self._engine.loaded
        about = [self._prompts, self._max_tokens, self._seed, loaded.name, str(loaded.dtype), SAMPLER]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()

    def decode(self, mode: Mode) -> Decoded:
        """Decode all problems in a mode, or read what an earlier call found.

        Raises:
            Interrupted: by Ctrl-C; answers that were there are judged and kept.
            EntminError: the engine failed, or the folder cannot be written.
        """
        key = str(mode.complete())
        if self._left(key):
            with alone(self._path.parent):
                self._known = self._kept()  # what another process may have decoded since
                if left := self._left(key):
                    self._on_mode(str(mode))
                    self._decode(mode, key, left)
        return self._whole(key)

    def flip_rate(self, one: Mode, other: Mode) -> float:
        """Share of problems on which the verdicts of two modes differ, shrunk towards a half: never 0."""
        pairs = zip(self.decode(one).verdicts, self.decode(other).verdicts, strict=True)
        judged = [a != b for a, b in pairs if a is not None and b is not None]
        return (sum(judged) + 1) / (len(judged) + 2)

    def _left(self, key: str) -> list[tuple[str, list[int]]]:
        return [(name, prompt) for name, prompt in self._prompts if (key, name) not in self._known]

    def _whole(self, key: str) -> Decoded:
        found = [self._known[key, name] for name, _ in self._prompts]
        tokens = sum(one.tokens for one in found)
        entropy = sum(one.entropy * one.tokens for one in found) / max(1, tokens)
        return Decoded(key, entropy, tokens, tuple(one.verdict for one in found))

    def _decode(self, mode: Mode, key: str, left: list[tuple[str, list[int]]]) -> None:
        from entmin.engine.requests import Request

        futures = {
            self._engine.submit(
                Request(
                    prompt, mode.method, mode.sampling, self._max_tokens, derive_seed(self._seed, f"pilot:{name}", 1)
                )
            ): name
            for name, prompt in left
        }
        try:
            for future in as_completed(futures):
                self._keep(key, futures[future], future.result())
        except KeyboardInterrupt:
            there = [future for future in futures if not future.cancel() and not future.cancelled()]
            for future in there:
                if (key, futures[future]) not in self._known:
                    self._keep(key, futures[future], future.result())
            raise Interrupted(
                f"the pilot was interrupted; {len(self._known)} of its answers are kept, and the same command goes on"
            ) from None
        finally:
            for future in futures:
                future.cancel()

    def _keep(self, key: str, name: str, done: Completion) -> None:
        found = Answer(len(done.tokens), done.entropy_after, self._judge(name, done.text))
        try:
            append_row(self._path, {"pilot": self.sha256, "mode": key, "problem": name, **asdict(found)})
        except OSError as error:
            raise EntminError(
                f"cannot write {self._path}: {error}; free space or choose --results; what was decoded is kept"
            ) from error
        self._known[key, name] = found

    def _kept(self) -> dict[tuple[str, str], Answer]:
        rows = read_rows(self._path)
        if any(row.pop("pilot", None) != self.sha256 for row in rows):
            raise EntminError(f"{self._path} is of other problems or settings; move it away to begin anew")
        return {(row.pop("mode"), row.pop("problem")): Answer(**row) for row in rows}


def entropy_at(pilot: Pilot, mode: Mode, temperature: float) -> float:
    """Mean entropy of a mode at another temperature, nats."""
    return pilot.decode(replace(mode, temperature=rounded(temperature))).entropy


def rounded(temperature: float) -> float:
    """Four digits: what is written in a plan is what was measured."""
    return float(f"{temperature:.4g}")
