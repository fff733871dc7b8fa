"""One training prompt in the form that all sources are brought to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["math", "code", "none"]
"""How an answer is checked, where it is: by the graders for mathematics, by running a program, or not at all."""
Turns = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt, and what is known of its answer. Unsupervised methods read `turns` alone."""

    turns: tuple[tuple[str, str], ...]
    """(role, text) of the conversation, up to the turn that asks."""
    question: str
    """The bare problem, without instructions: what is compared with evaluation problems."""
    id: str
    source: str
    answer: str | None = None
    solution: str | None = None
    """A worked solution, for supervised fine-tuning."""
    kind: Kind = "none"

    def messages(self, system_prompt: str | None) -> Turns:
        """Chat messages; `system_prompt`, where given, replaces the system turn (empty: none is sent)."""
        turns = self.turns
        if system_prompt is not None:
            turns = tuple(turn for turn in turns if turn[0] != "system")
            if system_prompt:
                turns = (("system", system_prompt), *turns)
        return [{"role": role, "content": text} for role, text in turns]
