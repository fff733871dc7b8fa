r"""What is sent to the model: profiles, versioned, and the texts that several benchmarks share.

``paper``: the exact strings of the published harness, so that numbers are comparable with the published ones: two
backslashes before ``boxed`` reach the model, and no benchmark is told the form of its answer. For contests that harness
does not know (AIME 2025, GSM8K) it is the same text, and for multiple choice there is none.

``clean``: what a careful evaluator sends: everything in the user turn (not every chat template has a system turn), one
backslash, the required form stated wherever a right answer could otherwise be written in a way nobody could grade
(several answers, the unit of a number, the letter of an option).

A changed string means a new version; the hash in every log tells whether two runs were asked the same thing. Version 2
hashes the strings of one benchmark; version 1 had the same words and hashed those of all benchmarks together.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from entmin.problem import Problem, letter

Role = Literal["system", "user"]
Turns = list[tuple[Role, str]]
Strings = Mapping[str, str]


@dataclass(frozen=True)
class Profile:
    """The strings of a prompt and how a problem is put with them. The hash covers the strings."""

    version: int
    strings: Strings
    render: Callable[[Problem, Strings], Turns]

    def turns(self, problem: Problem) -> Turns:
        """The chat turns that put a problem to a model."""
        return self.render(problem, self.strings)

    def record(self, name: str) -> dict[str, str | int]:
        """What a log says about it."""
        digest = hashlib.sha256(json.dumps(dict(self.strings), ensure_ascii=False, sort_keys=True).encode())
        return {"prompt": name, "prompt_version": self.version, "prompt_sha256": digest.hexdigest()}


def fill(template: str, **values: str) -> str:
    """Put values in place of ``{name}``; other braces stay (str.format would trip over LaTeX and code)."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)


def user_turn(problem: Problem, strings: Strings) -> Turns:
    """One user turn: the string ``user`` with the question, stripped, in its place."""
    return [("user", fill(strings["user"], question=problem.question.strip()))]


def _published(problem: Problem, strings: Strings) -> Turns:
    """The problem verbatim under the published system prompt; a truth value is asked for where the gold is one."""
    gold = problem.gold["final_answer"][0] if isinstance(problem.gold, dict) else problem.gold
    word = gold.strip("$").lower()
    ask = strings["true/false"] if word in ("true", "false") else strings["yes/no"] if word in ("yes", "no") else ""
    return [("system", strings["system"]), ("user", problem.question + ask)]


def _published_stripped(problem: Problem, strings: Strings) -> Turns:
    # The Qwen harness, which runs these sets, strips; the others send the problem verbatim.
    return [(role, text.strip()) for role, text in _published(problem, strings)]


def _with_options(problem: Problem, strings: Strings) -> Turns:
    options = "\n".join(f"{letter(i)}. {option}" for i, option in enumerate(problem.options))
    return [("user", fill(strings["user"], question=problem.question.strip(), options=options))]


_PAPER = {
    "system": r"Please reason step by step, and put your final answer within \\boxed{}.",
    "true/false": " (True or False)",
    "yes/no": " (Yes or No)",
}
BOXED = "{question}\n\nReason step by step, and put your final answer within \\boxed{}."
MATH: dict[str, Profile] = {
    "clean": Profile(2, {"user": BOXED}, user_turn),
    "paper": Profile(2, _PAPER, _published),
}
"""One answer, boxed."""
SEVERAL: dict[str, Profile] = {
    "clean": Profile(
        2,
        {"user": f"{BOXED} If there are several answers, put all of them in one \\boxed{{}}, separated by commas."},
        user_turn,
    ),
    "paper": Profile(2, _PAPER, _published_stripped),
}
"""One or several answers, in one box."""
LETTER = "Reason step by step, and put the letter of the right option within \\boxed{}."
CHOICE: dict[str, Profile] = {
    "clean": Profile(2, {"user": f"{{question}}\n\n{{options}}\n\n{LETTER}"}, _with_options),
}
"""The letter of an option, boxed."""
