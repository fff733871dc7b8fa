"""The question as the user asks it, and the arms that answer it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from entmin.errors import UsageError
from entmin.mode import Mode
from entmin.settle.match import TOLERANCE, Match, match
from entmin.settle.pilot import Pilot, entropy_at, rounded
from entmin.settle.plan import PlannedArm

RIVALS = ("normal", "two_level", "min_p", "top_n_sigma", "p_less", "top_h")
"""Methods that cost one softmax; each is matched by the temperature that goes with it."""
FRONTIER = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)
"""Temperatures of the plain model, which cost nothing at all."""


@dataclass(frozen=True)
class Question:
    """Does this method help this model on this task?"""

    method: Mode
    rivals: tuple[str, ...] = RIVALS
    margin: float = 0.03
    """Smallest difference in accuracy that matters, as a share."""
    pilot: int = 100
    """Problems that only the pilot uses."""
    limit: int | None = None
    """At most this many problems beside the pilot's."""
    samples: int = 1
    seed: int = 0
    frontier: tuple[float, ...] = FRONTIER
    voting: int = 4
    """Answers of the self-consistency arms; 0 leaves them out."""
    controls: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.margin <= 1:
            raise UsageError(f"--mde must be above 0 and at most 100 points, not {100 * self.margin:g}")
        if self.method.sampling.temperature == 0:
            raise UsageError(
                "at temperature 0 no method of this package changes an answer; settle it at --temp above 0"
            )
        if self.method.method.name == "normal":
            raise UsageError(
                "name the method to settle, such as --methods em_inf; plain decoding is what it is held against"
            )
        if self.method.strategy is not None:
            raise UsageError("settle takes a method; strategies ask several times and are compared by `entmin compare`")
        if self.pilot < 10:
            raise UsageError("the pilot needs at least 10 problems")

    @property
    def temperature(self) -> float:
        """Of the method."""
        return self.method.sampling.temperature

    @property
    def name(self) -> str:
        """The method as tables show it: without its temperature where that is 1."""
        return str(replace(self.method, temperature=None) if self.temperature == 1 else self.method)


def split(ids: Sequence[str], question: Question) -> tuple[list[str], list[str]]:
    """(ids of the pilot, ids of the run) by an order that the seed decides and that knows nothing else.

    Raises:
        UsageError: the task has too few problems for both.
    """
    ordered = sorted(ids, key=lambda one: hashlib.sha256(f"{question.seed}:{one}".encode()).digest())
    if len(ordered) < 2 * question.pilot:
        raise UsageError(
            f"the task has {len(ordered)} problems; a pilot of {question.pilot} needs as many again beside it: "
            "lower --pilot, or take a larger task"
        )
    return ordered[: question.pilot], ordered[question.pilot :]


@dataclass(frozen=True)
class Matched:
    """What the pilot found."""

    entropy: float
    """Of the method, nats per token."""
    arms: tuple[PlannedArm, ...]
    matches: dict[str, Match]
    unmatched: dict[str, str]
    flips: float
    """The largest rate at which the verdicts of the method and a matched rival differ."""


def match_rivals(question: Question, pilot: Pilot, known: Sequence[str]) -> Matched:
    """Find each rival's temperature.

    Args:
        question: what is asked.
        pilot: decodes.
        known: names of the methods there are.
    """
    target = pilot.decode(question.method).entropy
    arms: list[PlannedArm] = []
    matches: dict[str, Match] = {}
    unmatched: dict[str, str] = {}
    for name in question.rivals:
        if Mode.parse(name).method.name not in known:
            unmatched[name] = "there is no such method here"
            continue
        rival = Mode.parse(name)
        found = match(partial(entropy_at, pilot, rival), target, guess=_guess(question, matches))
        matches[name] = found
        if not found.matched():
            unmatched[name] = (
                f"its entropy comes no nearer than {found.entropy:.2f} nats (at temperature {found.knob:.3g}) to the "
                f"method's {target:.2f}; {TOLERANCE} is asked for"
            )
            continue
        mode = replace(rival, temperature=rounded(found.knob))
        arms.append(PlannedArm(role="matched", mode=str(mode), name=str(mode), entropy=_noted(found.entropy)))
    largest = max((pilot.flip_rate(question.method, Mode.parse(arm.mode)) for arm in arms), default=0.5)
    return Matched(target, tuple(arms), matches, unmatched, largest)


def _guess(question: Question, matches: dict[str, Match]) -> float:
    """Where to begin: a little below the method's own temperature, or where the plain model was matched."""
    plain = matches.get("normal")
    return plain.knob if plain is not None else 0.9 * question.temperature


def _noted(entropy: float) -> float:
    """An entropy as a plan states it: an answer decoded again in another batch differs in the eighth digit."""
    return round(entropy, 4)


def planned_arms(question: Question, matched: Matched) -> tuple[PlannedArm, ...]:
    """All arms, those of the planned test first."""
    method, name = question.method, question.name
    arms = [PlannedArm(role="method", mode=str(method), name=name, entropy=_noted(matched.entropy)), *matched.arms]
    arms += [_frontier_arm(T) for T in question.frontier]
    if question.controls:
        again = replace(method, seed=(method.seed or question.seed) + 1)
        arms.append(PlannedArm(role="control", mode=str(again), name=f"{name}, another seed"))
        if "n_grad_steps" in method.method.options():
            still = replace(method, method=replace(method.method, n_grad_steps=0))  # type: ignore[call-arg]
            arms.append(PlannedArm(role="control", mode=str(still), name=f"{name} with 0 steps"))
    if question.voting > 1:
        plain = f"self_consistency:n={question.voting}"
        for name in (plain, f"{method.method.name}+{plain}"):
            mode = Mode.parse(name).filled(temperature=question.temperature)
            arms.append(PlannedArm(role="voting", mode=str(mode), name=name))
    return tuple(_without_repeats(arms))


def _frontier_arm(temperature: float) -> PlannedArm:
    mode = Mode(temperature=temperature)
    return PlannedArm(role="frontier", mode=str(mode), name="greedy" if temperature == 0 else f"T = {temperature:g}")


def _without_repeats(arms: Sequence[PlannedArm]) -> list[PlannedArm]:
    seen: set[str] = set()
    kept = []
    for arm in arms:
        key = str(Mode.parse(arm.mode).complete())
        if key not in seen:
            seen.add(key)
            kept.append(arm)
    return kept
