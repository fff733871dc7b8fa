"""Answers of models in files as people have them: which of a row's fields are its id, its predictions and its gold.

Known by their fields: our own rows {id, prediction, gold}, samples of lm-evaluation-harness, results of batches of
OpenAI, vLLM and Anthropic, saved chat completions and vLLM's outputs. Everything else says its fields by name. A row
may hold several predictions; each is a sample of its problem.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entmin.errors import UsageError, closest
from entmin.tasks.containers import Rows

FIELDS = ("id", "prediction", "gold")
ABSENT = object()
"""What a row holds where it lacks a field."""
OTHER_FILTER = "rows repeat answers of lm-evaluation-harness under another filter; they were left out"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a model."""

    where: str
    """Its place, for messages."""
    id: Any
    """That of its problem; ``[problem, sample]`` names both."""
    prediction: str
    gold: Any
    """As the row has it, or `ABSENT`."""

    def stated_gold(self) -> Any:
        """The gold that the row states.

        Raises:
            UsageError: there is none in its place, and any verdict would be a guess.
        """
        if _missing(self.gold):
            raise UsageError(f"gold is {_shown(self.gold)}")
        return self.gold

    @property
    def problem(self) -> str:
        """The id of its problem as a text: 1, "1" and 1.0 are one."""
        return name_of(self.id[0] if isinstance(self.id, list) else self.id)


def name_of(identifier: Any) -> str:
    """An id as a text."""
    if isinstance(identifier, float) and identifier.is_integer():
        return str(int(identifier))
    return str(identifier).strip()


def fields_of(given: tuple[str, ...]) -> dict[str, str]:
    """The columns that ``--field NAME=COLUMN`` names.

    Raises:
        UsageError: one is malformed.
    """
    found = {}
    for text in given:
        name, equals, column = text.partition("=")
        if name not in FIELDS or not equals or not column:
            near = closest(name, FIELDS)
            raise UsageError(f"--field takes NAME=COLUMN with NAME one of {', '.join(FIELDS)}, not {text!r}{near}")
        found[name] = column
    return found


class AnswerFile:
    """The answers of a file, in order. A row that holds none is yielded as the error that says why.

    Args:
        path: the file.
        fields: id, prediction and gold to the column that holds it; ``a.b.0`` is a part of a column.
        with_gold: whether each row must hold its gold.
    """

    def __init__(self, path: Path, fields: Mapping[str, str], *, with_gold: bool) -> None:
        self._rows, self._fields, self._with_gold = Rows(path), fields, with_gold
        self._filter: Any = None
        self.notices = self._rows.notices
        self.forms: Counter[str] = Counter()
        """What rows were taken for, and how many."""
        self.unread: dict[str, None] = {}
        """Columns of our own rows that nothing was read from, in order."""

    def __iter__(self) -> Iterator[Answer | UsageError]:
        for where, row in self._rows:
            try:
                yield from self._answers(where, row)
            except UsageError as error:
                yield error if str(error).startswith(where) else UsageError(f"{where}: {error}")

    def _answers(self, where: str, row: Any) -> Iterator[Answer]:
        if isinstance(row, UsageError):
            raise row
        if not isinstance(row, dict):
            raise UsageError(f"needs the {self._needs()}; it is no object")
        if not self._fields and self._repeated(row):
            return
        identifier, predictions, gold = self._taken(row)
        if _missing(identifier) or isinstance(identifier, (bool, dict)) or identifier == []:
            raise UsageError(f"id must be a text, a number or a list of them, not {identifier!r}")
        for text in _texts(predictions):
            yield Answer(where, identifier, text, gold)

    def _repeated(self, row: dict[str, Any]) -> bool:
        """Whether it is a sample of lm-evaluation-harness under a second filter."""
        if not {"doc_id", "resps", "filter"} <= row.keys():
            return False
        self._filter = row["filter"] if self._filter is None else self._filter
        if row["filter"] == self._filter:
            return False
        self.notices[OTHER_FILTER] += 1
        return True

    def _taken(self, row: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Id, predictions and gold."""
        if not self._fields:
            for form, (known, take) in _FORMS.items():
                if known <= row.keys():
                    self.forms[form] += 1
                    return take(row)
        found = {name: _part(row, self._fields.get(name, name)) for name in FIELDS}
        needed = FIELDS if self._with_gold or "gold" in self._fields else FIELDS[:2]
        lacking = [name for name in needed if found[name] is ABSENT]
        if lacking:
            has = ", ".join(map(str, row)) or "none"
            raise UsageError(f"needs the {self._needs()}; it has {has} (--field {lacking[0]}=NAME says which is meant)")
        columns = [self._fields.get(name, name) for name in FIELDS]
        held = [column for column, name in zip(columns, FIELDS, strict=True) if found[name] is not ABSENT]
        self.forms[f"rows of {', '.join(held)}"] += 1
        roots = {*columns, *(column.partition(".")[0] for column in columns)}
        self.unread |= dict.fromkeys(str(one) for one in row if one not in roots)
        return found["id"], found["prediction"], found["gold"]

    def _needs(self) -> str:
        return "fields id, prediction and gold" if self._with_gold else "fields id and prediction"


def _part(row: Any, column: str) -> Any:
    """A column, or a part of one where no column has the whole name."""
    if isinstance(row, dict) and column in row:
        return row[column]
    for step in column.split("."):
        if isinstance(row, dict) and step in row:
            row = row[step]
        elif isinstance(row, list) and step.isdecimal() and int(step) < len(row):
            row = row[int(step)]
        else:
            return ABSENT
    return row


def _missing(value: Any) -> bool:
    return (
        value is None
        or value is ABSENT
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value.strip())
    )


def _texts(value: Any) -> list[str]:
    """The texts of what stands where predictions do: a text, several, choices of a completion, turns of a chat."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [_spoken(value)]
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        if all("role" in one for one in value):
            own = [one for one in value if one["role"] == "assistant"]
            if not own:
                raise UsageError("the chat has no turn of the assistant")
            return [_spoken(own[-1])]
        return [_spoken(one) for one in value]
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return value
    if value == []:
        raise UsageError("prediction is an empty list")
    raise UsageError(f"prediction must be a string, the model's whole answer, or a list of them, not {_shown(value)}")


def _shown(value: Any) -> str:
    return "null" if value is None else "missing" if value is ABSENT else repr(value)[:60]


def _spoken(part: dict[str, Any]) -> str:
    """The text of a choice, a message or an output; empty where the model gave none but its thinking."""
    part = part["message"] if isinstance(part.get("message"), dict) else part
    found = next((part[name] for name in ("content", "text") if name in part), ABSENT)
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        return "".join(one["text"] for one in found if isinstance(one.get("text"), str))
    if found is None:
        return ""
    if not isinstance(found, str):
        raise UsageError("prediction holds an object without text")
    return found


def _harness(row: dict[str, Any]) -> tuple[Any, Any, Any]:
    """A sample of lm-evaluation-harness."""
    requests = row["resps"]
    texts = requests[0] if isinstance(requests, list) and len(requests) == 1 else requests
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UsageError("a sample of lm-evaluation-harness that holds log-likelihoods, no text to judge")
    return row["doc_id"], texts, row.get("target", ABSENT)


def _batch(row: dict[str, Any]) -> tuple[Any, Any, Any]:
    """A result of a batch of OpenAI's or vLLM's: of chat, of completions or of responses."""
    response = row["response"] if isinstance(row["response"], dict) else {}
    body = response.get("body")
    if row.get("error") or response.get("status_code", 200) != 200 or not isinstance(body, dict):
        said = row.get("error") or (body if isinstance(body, dict) else {}).get("error") or response
        raise UsageError(f"the request failed: {str(said)[:200]}")
    if isinstance(body.get("output"), list):
        told = [part for part in body["output"] if isinstance(part, dict) and part.get("type") == "message"]
        return row["custom_id"], {"content": [text for part in told for text in part.get("content", [])]}, ABSENT
    return row["custom_id"], body.get("choices"), ABSENT


def _anthropic(row: dict[str, Any]) -> tuple[Any, Any, Any]:
    """A result of a batch of Anthropic's."""
    result = row["result"] if isinstance(row["result"], dict) else {}
    if result.get("type") != "succeeded":
        raise UsageError(f"the request failed: {str(result)[:200]}")
    return row["custom_id"], result.get("message"), ABSENT


_FORMS: dict[str, tuple[set[str], Callable[[dict[str, Any]], tuple[Any, Any, Any]]]] = {
    "samples of lm-evaluation-harness": ({"doc_id", "resps"}, _harness),
    "results of a batch": ({"custom_id", "response"}, _batch),
    "results of a batch of Anthropic's": ({"custom_id", "result"}, _anthropic),
    "saved completions": ({"id", "choices"}, lambda row: (row["id"], row["choices"], row.get("gold", ABSENT))),
    "outputs of vLLM": (
        {"request_id", "outputs"},
        lambda row: (row["request_id"], row["outputs"], row.get("gold", ABSENT)),
    ),
}
