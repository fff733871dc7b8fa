r"""From a row of any data set to an `Example`: which column is the prompt, which the answer.

A column may be a path into a nested one, ``reward_model.ground_truth``. A prompt is a text or a list of chat messages;
assistant turns at its end are not part of it, the last of them being taken for the solution. What an `instruction` is
about (Alpaca's `input`, Dolly's `context`) belongs to the prompt.

An answer is the text of its column, with two forms that data sets put a short answer in: what follows ``####``
(GSM8K, where the whole text is the worked solution), and, where there is no answer column, the last ``\boxed{...}`` of
a solution (MATH, NuminaMath).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from entmin.errors import EntminError, UsageError
from entmin.tasks.records import last_box

PROMPT_COLUMNS = ("prompt", "messages", "conversations", "problem", "question", "instruction", "query", "input")
ANSWER_COLUMNS = ("answer", "gt", "expected_answer", "ground_truth", "final_answer", "reward_model.ground_truth")
SOLUTION_COLUMNS = ("solution", "response", "completion", "output", "generated_solution", "rationale")
_INSTRUCTION, CONTEXT_COLUMNS = "instruction", ("input", "context")
_IDS, _SOURCES, _KINDS = ("id", "unique_id", "uid"), ("data_source", "source"), ("kind", "ability")
_ROLES = ("system", "user", "assistant")
_SHARED_ROLES = {"human": "user", "gpt": "assistant"}
"""Roles as conversations with `from` and `value` name them."""

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


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a data set mean what."""

    prompt: str
    answer: str | None
    solution: str | None
    context: str | None = None
    """What the prompt is about, which follows it."""

    def unread(self, names: Sequence[str]) -> list[str]:
        """Those of a table's columns that nothing is read from."""
        chosen = (self.prompt, self.answer, self.solution, self.context)
        read = {name.partition(".")[0] for name in chosen if name} | {*_IDS, *_SOURCES, *_KINDS}
        return [name for name in names if name not in read]


def choose(
    names: Sequence[str], where: str, prompt: str | None, answer: str | None, example: Mapping[str, Any]
) -> Columns:
    """Decide which columns to read: the ones asked for, else the first of the usual names.

    Raises:
        UsageError: a column asked for is missing, or none looks like a prompt; the message lists those there are.
    """
    there = f"{where} has the columns {', '.join(names)}"
    for option, wanted in (("prompt_column", prompt), ("answer_column", answer)):
        if wanted is not None and not _holds(example, wanted):
            raise UsageError(f"there is no column {wanted!r}: {there}; correct {option}")
    found = prompt or next((name for name in PROMPT_COLUMNS if _holds(example, name)), None)
    if found is None:
        raise UsageError(f"no column looks like a prompt: {there}; name the right one with prompt_column")
    return Columns(
        found,
        answer or next((name for name in ANSWER_COLUMNS if _holds(example, name)), None),
        next((name for name in SOLUTION_COLUMNS if _holds(example, name) and name not in (found, answer)), None),
        next((name for name in CONTEXT_COLUMNS if found == _INSTRUCTION and _holds(example, name)), None),
    )


def _holds(row: Mapping[str, Any], path: str) -> bool:
    """Whether the column is there; a nested one counts as there when its outer column is and holds it."""
    outer, _, inner = path.rpartition(".")
    owner = value(row, outer) if outer else row
    return isinstance(owner, Mapping) and inner in owner


def value(row: Mapping[str, Any], path: str | None) -> Any:
    """The value of a column or nested column; None where a row lacks it."""
    found: Any = row if path else None
    for part in path.split(".") if path else ():
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def example_of(row: Mapping[str, Any], number: int, columns: Columns, source: str) -> Example | None:
    """The example in row `number` (from 1); None where its prompt is empty.

    Raises:
        UsageError: the prompt is neither a text nor a list of chat messages.
    """
    turns = _turns(value(row, columns.prompt), f"{source}, row {number}, column {columns.prompt!r}")
    if turns and (context := _text(value(row, columns.context))):
        turns[-1] = (turns[-1][0], f"{turns[-1][1]}\n\n{context}")
    replies = [text for role, text in turns if role == "assistant"]
    while turns and turns[-1][0] == "assistant":
        turns.pop()
    asked = [text for role, text in turns if role == "user" and text.strip()]
    if not asked:
        return None
    given = _text(value(row, columns.answer))
    solution = _text(value(row, columns.solution)) or (replies[-1] if replies else None) or _worked(given)
    answer = _short(given) if columns.answer else _boxed(solution) or _short(_worked(solution))
    return Example(
        turns=tuple(turns),
        question="\n\n".join(asked),
        id=str(_first(row, *_IDS) or f"{number - 1}"),
        source=str(_first(row, *_SOURCES) or source),
        answer=answer,
        solution=solution,
        kind=_kind(row, answer),
    )


def _turns(prompt: Any, where: str) -> list[tuple[str, str]]:
    if prompt is None or isinstance(prompt, str):
        return [("user", prompt)] if prompt and prompt.strip() else []
    try:
        turns = [_turn(message) for message in prompt]
    except (TypeError, KeyError):
        raise UsageError(f"{where}: expected a text or a list of messages with role and content") from None
    for role, text in turns:
        if role not in _ROLES or not isinstance(text, str):
            raise UsageError(
                f"{where}: a message needs a role ({', '.join(_ROLES)}) and a text as content; this one has "
                f"role {role!r} and content of type {type(text).__name__}"
            )
    return turns


def _turn(message: Mapping[str, Any]) -> tuple[str, Any]:
    if "from" in message and "value" in message:  # as ShareGPT has them
        return _SHARED_ROLES.get(message["from"], str(message["from"])), message["value"]
    return str(message["role"]), message["content"]


def _text(found: Any) -> str | None:
    if found is None or (isinstance(found, str) and not found.strip()):
        return None
    # A column of whole numbers with gaps arrives as floating point.
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return str(found).strip()


def _short(answer: str | None) -> str | None:
    if answer is None or "####" not in answer:
        return answer
    return answer.rpartition("####")[2].strip().replace(",", "")


def _worked(text: str | None) -> str | None:
    """A text that works its answer out before ``####``; None where it does not."""
    return text if text and text.partition("####")[0].strip() and "####" in text else None


def _boxed(solution: str | None) -> str | None:
    try:
        return last_box(solution or "")
    except EntminError:
        return None


def _first(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _kind(row: Mapping[str, Any], answer: str | None) -> Kind:
    stated = _first(row, *_KINDS)
    if answer is None:
        return "none"
    return "code" if stated in ("code", "coding") else "math"
