"""How many of a source's rows became prompts: counts, and each reason for dropping rows with examples."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entmin.durable import make_folder, write_whole
from entmin.tasks.registry import is_gated
from entmin.train.data.overlap import N_WORDS, Repeat

_EXAMPLES = 5
_SHOWN = 200
FILE = "decontamination.json"


@dataclass(slots=True)
class PromptReport:
    """Counts of one call of `load_prompts`."""

    source: str
    n_words: int = N_WORDS
    compared: dict[str, int] = field(default_factory=dict)
    """Evaluation set to the number of its problems that prompts were compared with."""
    missing: dict[str, str] = field(default_factory=dict)
    """Evaluation sets that prompts could not be compared with, and why."""
    rows: int = 0
    """Prompts looked at; reading stops when the limit is reached."""
    duplicates: int = 0
    """Dropped: the same prompt had come before."""
    contaminated: int = 0
    """Dropped: shared with some evaluation set."""
    empty: int = 0
    """Rows without a prompt."""
    unanswered: int = 0
    """Prompts that were left out because the run needs answers, and they have none that can be verified."""
    renamed: int = 0
    """Prompts whose id another prompt had before, and which got one of their own."""
    columns: dict[str, str] = field(default_factory=dict)
    """What was read (prompt, context, answer, solution) to the column it was read from."""
    unread: list[str] = field(default_factory=list)
    """Columns that nothing was read from."""
    kept: int = 0
    by_set: Counter[str] = field(default_factory=Counter)
    """Evaluation set to the prompts it shares; one prompt may be shared with several."""
    examples: dict[str, list[dict[str, str | None]]] = field(default_factory=dict)

    def contamination(self, identifier: str, question: str, matches: list[Repeat]) -> None:
        """Note a prompt that is dropped."""
        self.contaminated += 1
        for match in matches:
            self.by_set[match.task] += 1
            shown = self.examples.setdefault(match.task, [])
            if len(shown) < _EXAMPLES:
                # The authors of gated sets ask that their problems be kept out of files that may be published.
                hidden = is_gated(match.task)
                text = None if hidden else question[:_SHOWN]
                words = None if hidden else match.words
                shown.append({"prompt": identifier, "problem": match.problem, "shared_words": words, "text": text})

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "source": self.source,
            "rule": f"{self.n_words} words in a row, or the same text",
            "rows_read": self.rows,
            "columns": self.columns,
            "columns_not_read": self.unread,
            "rows_without_prompt": self.empty,
            "ids_made_distinct": self.renamed,
            "duplicates_dropped": self.duplicates,
            "contaminated_dropped": self.contaminated,
            "kept": self.kept,
            "sets": {
                name: {"problems": size, "dropped": self.by_set[name], "examples": self.examples.get(name, [])}
                for name, size in self.compared.items()
            },
            "not_compared": self.missing,
        }

    def write(self, folder: Path) -> Path:
        """Write ``decontamination.json`` into a folder and return its path."""
        make_folder(folder)
        path = folder / FILE
        write_whole(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")
        return path

    def line(self) -> str:
        """The counts in one sentence."""
        shares = ", ".join(f"{name} {count}" for name, count in self.by_set.most_common())
        compared = f"{sum(self.compared.values())} problems of {len(self.compared)} evaluation sets"
        return (
            f"{self.kept} prompts of {self.rows} read from {self.source}; {self.duplicates} duplicates and "
            f"{self.contaminated} that share {self.n_words} words or all of their text with {compared} were dropped"
            + (f" ({shares})" if shares else "")
        )
