"""Power sampling: an answer from p(y)^alpha, which weighs whole answers as a low temperature does tokens.

    target    pi(y) ~ p(y)^alpha                            y: an answer, cut off at so many tokens
    proposal  a cut i, uniform over the tokens of y; then y' = y[:i] and a new end, each token drawn from q
    accept    with min(1, (p(y')/p(y))^alpha  q(y[i:] | y[:i]) / q(y'[i:] | y[:i])  |y| / |y'|)

Karan & Du 2025, arXiv 2510.14901: blocks of tokens are added one after another, and after each come `steps` such
Metropolis-Hastings steps on all that is written; an answer that has ended is done after its steps. p is the model
itself and q what the request draws from: the paper's q is p at the temperature 1/alpha.

Two things differ from the published code (docs/deviations.md): |y|/|y'|, which it leaves out, makes up for answers of
other lengths having other cuts; and an old end that is longer than the new one counts in full, where it cuts it off.
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from entmin.engine.requests import Completion, Request, StopReason
from entmin.errors import UsageError
from entmin.seeds import answer_seed

Decode = Callable[[Request], Awaitable[Completion]]


@dataclass(frozen=True)
class Written:
    """An answer so far."""

    tokens: tuple[int, ...] = ()
    p: tuple[float, ...] = ()
    """Log-probability of each token under the model, nats."""
    q: tuple[float, ...] = ()
    """Log-probability of each token under the distribution it was drawn from, nats."""
    stop_reason: StopReason = "max_tokens"
    """Why its end was the end; ``max_tokens`` where more can follow."""

    def grown(self, keep: int, done: Completion) -> Written:
        """The first `keep` tokens and a new end."""
        end = done.confidence
        return Written(
            (*self.tokens[:keep], *done.tokens),
            (*self.p[:keep], *(one.log_probability for one in end)),
            (*self.q[:keep], *(one.drawn or 0.0 for one in end)),
            done.stop_reason,
        )


def log_ratio(old: Written, new: Written, cut: int, alpha: float) -> float:
    """Logarithm of the Metropolis-Hastings ratio of two answers that agree up to `cut`; 0 and more is accepted."""
    target = alpha * (math.fsum(new.p[cut:]) - math.fsum(old.p[cut:]))
    proposed = math.fsum(old.q[cut:]) - math.fsum(new.q[cut:])
    return target + proposed + math.log(len(old.tokens) / len(new.tokens))


@dataclass
class Sampled:
    """An answer and what it took."""

    written: Written
    calls: list[Completion] = field(default_factory=list)
    """Every end that was decoded."""
    accepted: int = 0
    """Proposals that were taken."""
    proposed: int = 0


async def power_sample(decode: Decode, request: Request, alpha: float, steps: int, blocks: int) -> Sampled:
    """Draw an answer.

    Args:
        decode: decodes one request.
        request: the prompt and how tokens are drawn; its `max_tokens` is shared out among the blocks.
        alpha: exponent of the target, at least 1.
        steps: Metropolis-Hastings steps after each block.
        blocks: into how many pieces the answer is divided.

    Raises:
        UsageError: tokens are not drawn, or the method has memory, whose proposals cannot be weighed from the middle.
    """
    if request.sampling.temperature == 0 or request.method.memory:
        raise UsageError("power sampling needs a temperature above 0 and a method without memory")
    found, chance = Sampled(Written()), random.Random(f"{request.seed}:power")

    async def end(keep: int, length: int) -> Written:
        prompt = [*request.prompt, *found.written.tokens[:keep]]
        seed = answer_seed(request.seed, len(found.calls))
        asked = replace(request, prompt=prompt, max_tokens=length - keep, seed=seed, confidence=True, drawn=True)
        done = await decode(asked)
        found.calls.append(done)
        return found.written.grown(keep, done)

    for block in range(1, blocks + 1):
        length = math.ceil(request.max_tokens * block / blocks)
        if length == len(found.written.tokens):
            continue  # more blocks than tokens
        found.written = await end(len(found.written.tokens), length)
        for _ in range(steps):
            cut = chance.randrange(len(found.written.tokens))
            new = await end(cut, length)
            found.proposed += 1
            if math.log(1 - chance.random()) < log_ratio(found.written, new, cut, alpha):
                found.written = new
                found.accepted += 1
        if found.written.stop_reason != "max_tokens":
            break
    return found
