"""What the functions return: small objects that print as a line, and as figures and tables in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entmin.mode import Mode

if TYPE_CHECKING:
    from entmin.evals.run import RunResult
    from entmin.report.compare import ComparedArm
    from entmin.report.diversity import Spread
    from entmin.report.page import Page
    from entmin.report.table import Table


class Shown:
    """Prints as its finding; a notebook shows its pages."""

    def pages(self) -> list[Page]:
        """What `entmin report` shows of it."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}: " + " ".join(page.verdict for page in self.pages())

    def _repr_html_(self) -> str:
        from entmin.report.cell import page_cell

        return "".join(map(page_cell, self.pages()))


@dataclass(frozen=True, repr=False)
class Evaluation(Shown):
    """One mode of one model on benchmarks."""

    model: str
    mode: Mode
    runs: Mapping[str, RunResult]
    """By the name of the benchmark: its folder, its Inspect log and its summary."""

    @cached_property
    def rows(self) -> list[ComparedArm]:
        """Accuracy with its interval, entropies, cost: a row for each benchmark."""
        from entmin.report.compare import compare, correct

        return correct([row for task, run in self.runs.items() for row in compare(task, [(self.mode.name, run)])])

    def tables(self) -> list[Table]:
        """What the command line prints."""
        from entmin.report.table import render

        return render(self.rows, f"{self.model}: {self.mode.describe()}")

    def lines(self) -> list[str]:
        """What the command line prints below the tables."""
        from entmin.report.words import detail_lines

        return [line for task, run in self.runs.items() for line in detail_lines(task, run.summary["results"])]

    def pages(self) -> list[Page]:
        """A page for each benchmark."""
        from entmin.report.page.comparison import pages_by_task

        return pages_by_task(self.rows, [], {task: [(self.mode.name, run)] for task, run in self.runs.items()})


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """Arms on the same problems and samples, paired; the first is the baseline."""

    model: str
    runs: Mapping[str, list[tuple[str, RunResult]]]
    """By the name of the benchmark: label and run of each arm."""
    rows: list[ComparedArm]
    """A row for each arm of each benchmark; p-values are corrected for all of them (Holm)."""
    spread: list[Spread]
    """pass@k of each arm; empty for single samples."""
    folder: Path
    """Where comparison.json, comparison.png and report.html are."""

    @property
    def notices(self) -> list[str]:
        """What a reader should know of the runs."""
        return list(dict.fromkeys(n for arms in self.runs.values() for _, r in arms for n in r.summary["notices"]))

    def tables(self) -> list[Table]:
        """What the command line prints."""
        from entmin.report.diversity import render_spread
        from entmin.report.table import render

        title = f"{self.model}: paired comparison, baseline {self.rows[0].label}"
        return [*render(self.rows, title), *render_spread(self.spread)]

    def lines(self) -> list[str]:
        """What the command line prints below the tables."""
        from entmin.report.words import trivial_line, verdict_lines

        about = {task: arms[0][1].summary["task"].get("trivial") for task, arms in self.runs.items()}
        return [*verdict_lines(self.rows), *(trivial_line(task, said) for task, said in about.items() if said)]

    def pages(self) -> list[Page]:
        """A page for each benchmark."""
        from entmin.report.page.comparison import pages_by_task

        return pages_by_task(self.rows, self.spread, self.runs)


@dataclass(frozen=True, repr=False)
class Training(Shown):
    """A finished training run."""

    folder: Path
    """The trained model, ``curves.jsonl``, ``evals.jsonl``, the model card and report.html."""

    @cached_property
    def curves(self) -> list[dict[str, Any]]:
        """What every step logged: step, loss, entropy, reward and the like."""
        from entmin.jsonl import read_rows
        from entmin.report.training_figure import CURVES

        return read_rows(self.folder / CURVES)

    @cached_property
    def evals(self) -> list[dict[str, Any]]:
        """What every held-out evaluation found."""
        from entmin.jsonl import read_rows
        from entmin.report.training_figure import EVALS

        return read_rows(self.folder / EVALS)

    def pages(self) -> list[Page]:
        """Curves and held-out accuracy."""
        from entmin.report.page.training import training_page

        return [training_page({self.folder.resolve().name: self.folder})]


@dataclass(frozen=True, repr=False)
class TrainingPlan:
    """What a training run would do: settings, memory, work, and the command."""

    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines)
