"""An engine of known accuracy: everything about it is real but the text, which is right with a given probability.

It takes the place of the engine that `entmin.evals.provider` shares, so that prompts, seeds, Inspect, logs, graders and
the verdict are those of any run.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from concurrent.futures import Future

from entmin.engine.engine import Engine
from entmin.engine.requests import Completion, Request, TokenConfidence
from entmin.engine.revision import state_of
from entmin.evals.opened import close_engines, opened

Skill = Callable[[Request, str], float]
"""From a request and its problem to the probability of a right answer."""
_PROBLEM = re.compile(r"Calculate (-?\d+) ([-+*]) (-?\d+)\.")
_OPERATIONS = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}


def chance(*of: object) -> float:
    """A number in [0, 1) that depends on these things alone."""
    return int.from_bytes(hashlib.sha256(repr(of).encode()).digest()[:8], "big") / 2**64


class StubEngine(Engine):
    """Answers at once, and writes what a model of this skill would."""

    def __init__(self, loaded, skill: Skill, shared: float) -> None:
        """A stub.

        Args:
            loaded: a real tiny model, for its tokenizer and chat template.
            skill: how good it is.
            shared: share of answers for which all arms of one seed have the same luck.
        """
        super().__init__(loaded)
        self.skill, self.shared = skill, shared

    def submit(self, request: Request, on_token=None) -> Future[Completion]:
        self.stats.completed += 1
        done: Future[Completion] = Future()
        done.set_result(self._completion(request))
        return done

    def _completion(self, request: Request) -> Completion:
        text = self.loaded.tokenizer.decode(request.prompt)
        found = _PROBLEM.search(text)
        left, operator, right = found.groups()
        answer = _OPERATIONS[operator](int(left), int(right))
        arm = () if chance(text, request.seed, "luck") < self.shared else (str(request.method), request.sampling)
        good = chance(text, request.seed, arm) < self.skill(request, found[0])
        tokens = self.loaded.tokenizer(str(answer if good else answer + 1))["input_ids"]
        n, entropy = len(tokens), entropy_of(request)
        return Completion(
            text=str(answer if good else answer + 1), tokens=tokens, stop_reason="stop",
            prompt_tokens=len(request.prompt), entropy_before=2.0, entropy_after=entropy, seconds=0.0,
            before=[2.0] * n, after=[entropy] * n, confidence=[TokenConfidence(-1.0, 1.0)] * n,
        )  # fmt: skip


def entropy_of(request: Request) -> float:
    """Rises with temperature; em_inf is a tenth below the plain model."""
    factor = 0.9 if request.method.name == "em_inf" else 1.0
    return 2.0 * factor * math.tanh(request.sampling.temperature)


def install(model: str, loaded, skill: Skill, shared: float = 0.5) -> None:
    """Make the shared engine of a model, with no options, this stub, until the engines are closed."""
    close_engines()  # one that an earlier test has opened would answer in the stub's place
    stub = opened(
        ("engine", model, "auto", "auto", None, state_of(model), None, None), lambda: StubEngine(loaded, skill, shared)
    )
    stub.skill, stub.shared = skill, shared
