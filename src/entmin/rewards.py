"""Intrinsic rewards and advantages for those who bring their own training loop; torch only."""

from entmin.core.rewards import (
    grpo_advantages,
    majority,
    random,
    rent,
    rloo_advantages,
    self_certainty,
    sequence_logprob,
    token_entropy,
)

__all__ = [
    "grpo_advantages",
    "majority",
    "random",
    "rent",
    "rloo_advantages",
    "self_certainty",
    "sequence_logprob",
    "token_entropy",
]
