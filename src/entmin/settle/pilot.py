"""The pilot: problems of its own, on which nothing is compared later.

It finds two things: the temperature at which a rival has the method's mean entropy, for which no label is looked at;
and, once all temperatures stand, how often the verdicts of two modes differ, which says how large the run must be.
Every mode decoded is a line of ``pilot.jsonl``, and is not decoded again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from entmin.errors import EntminError
from entmin.jsonl import json_lines
from entmin.mode import Mode
from entmin.seeds import derive_seed

if TYPE_CHECKING:
    from entmin.engine.engine import Engine

Judge = Callable[[str, str], bool | None]
"""From a problem's id and a model's text to its verdict; None where there is none."""


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

    @property
    def sha256(self) -> str:
        """Hash of the problems and of how they are decoded."""
        about = [self._prompts, self._max_tokens, self._seed, self._engine.loaded.name, str(self._engine.loaded.dtype)]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()

    def decode(self, mode: Mode) -> Decoded:
        """Decode all problems in a mode, or read what an earlier call found."""
        key = str(mode.complete())
        if key not in self._known:
            self._on_mode(str(mode))
            self._known[key] = self._decode(mode, key)
            self._append(self._known[key])
        return self._known[key]

    def flip_rate(self, one: Mode, other: Mode) -> float:
        """Share of problems on which the verdicts of two modes differ, shrunk towards a half: never 0."""
        pairs = zip(self.decode(one).verdicts, self.decode(other).verdicts, strict=True)
        judged = [a != b for a, b in pairs if a is not None and b is not None]
        return (sum(judged) + 1) / (len(judged) + 2)

    def _decode(self, mode: Mode, key: str) -> Decoded:
        from entmin.engine.requests import Request

        done = self._engine.generate(
            [
                Request(
                    prompt, mode.method, mode.sampling, self._max_tokens, derive_seed(self._seed, f"pilot:{name}", 1)
                )
                for name, prompt in self._prompts
            ]
        )
        tokens = sum(len(one.tokens) for one in done)
        verdicts = tuple(self._judge(name, one.text) for (name, _), one in zip(self._prompts, done, strict=True))
        entropy = sum(one.entropy_after * len(one.tokens) for one in done) / max(1, tokens)
        return Decoded(key, entropy, tokens, verdicts)

    def _kept(self) -> dict[str, Decoded]:
        if not self._path.exists():
            return {}
        rows = [row for _, row in json_lines(self._path)]
        if any(row.pop("pilot", None) != self.sha256 for row in rows):
            raise EntminError(f"{self._path} is of other problems or settings; move it away to begin anew")
        return {row["mode"]: Decoded(**{**row, "verdicts": tuple(row["verdicts"])}) for row in rows}

    def _append(self, found: Decoded) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps({"pilot": self.sha256, **asdict(found)}) + "\n")
        except OSError as error:
            raise EntminError(
                f"cannot write {self._path}: {error}; free space or choose --results; what was decoded is kept"
            ) from error


def entropy_at(pilot: Pilot, mode: Mode, temperature: float) -> float:
    """Mean entropy of a mode at another temperature, nats."""
    return pilot.decode(replace(mode, temperature=rounded(temperature))).entropy


def rounded(temperature: float) -> float:
    """Four digits: what is written in a plan is what was measured."""
    return float(f"{temperature:.4g}")
