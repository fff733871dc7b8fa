"""Packages that show results beside our own pages: TensorBoard, Weights & Biases, trackio, MLflow.

Training hands their names to the trainer, which has adapters of its own, and `projects_for_trainers` tells those where
runs go. Evaluations are told here: each arm of each task is one of their runs, with the settings of our run and the
numbers of the comparison's row.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from entmin.errors import EntminError, UsageError, closest, first_line

if TYPE_CHECKING:
    from entmin.evals.run import RunResult
    from entmin.report.compare import ComparedArm

Outlet = Literal["tensorboard", "wandb", "trackio", "mlflow"]
_PROJECT = "entmin"
_PROJECT_VARIABLES = {"wandb": "WANDB_PROJECT", "trackio": "TRACKIO_PROJECT", "mlflow": "MLFLOW_EXPERIMENT_NAME"}


def named(report: str | Sequence[str] | None) -> list[str]:
    """The packages of a comma list or a sequence; ``none`` is none.

    Raises:
        UsageError: one is not known.
    """
    parts = report.split(",") if isinstance(report, str) else report or ()
    names = [name for part in parts if (name := part.strip().lower()) not in ("", "none")]
    for name in names:
        if name not in (known := get_args(Outlet)):
            raise UsageError(f"--report {name}: not known{closest(name, known)}; there are {', '.join(known)}")
    return names


def require_packages(report: Sequence[str]) -> None:
    """Look whether what shows the results is installed.

    Raises:
        UsageError: a package is missing.
    """
    missing = [name for name in report if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"--report {','.join(missing)}: not installed; pip install {' '.join(missing)}, or choose another (none is "
            "one: all results are in the run's folder all the same)"
        )


def project(outlet: str) -> str:
    """The project, or the experiment, of `outlet` that runs go to: its own variable, or ours."""
    return os.environ.get(_PROJECT_VARIABLES[outlet], _PROJECT)


@contextlib.contextmanager
def projects_for_trainers() -> Iterator[None]:
    """While it is open, a trainer's adapters find our project in their variables, where the user has set none."""
    ours = [variable for variable in _PROJECT_VARIABLES.values() if variable not in os.environ]
    os.environ.update(dict.fromkeys(ours, _PROJECT))
    try:
        yield
    finally:
        for variable in ours:
            del os.environ[variable]


@dataclass(frozen=True)
class Told:
    """One arm of one task."""

    name: str
    group: str
    folder: Path
    settings: dict[str, str | float]
    numbers: dict[str, float]

    @classmethod
    def of(cls, row: ComparedArm, run: RunResult, group: str) -> Told:
        """From a row of a comparison and its run."""
        return cls(f"{row.task} {row.label}", group, run.folder, _flat(run.summary["settings"]), _numbers(row))


def tell(report: Sequence[str], rows: Sequence[ComparedArm], runs: Sequence[RunResult], group: str) -> None:
    """Tell each package of each arm.

    Args:
        report: the packages.
        rows: of the comparison.
        runs: the run of each row.
        group: what stands together, such as the folder of a comparison.

    Raises:
        EntminError: a package refused; the results are whole all the same.
    """
    for outlet in report:
        for row, run in zip(rows, runs, strict=True):
            told = Told.of(row, run, group)
            try:
                with contextlib.redirect_stdout(sys.stderr):  # they greet; standard output is the command's own
                    _OUTLETS[outlet](told)
            except Exception as error:  # what its server, its files or its login may be short of has no common class
                raise EntminError(
                    f"--report {outlet}: {type(error).__name__}: {first_line(error)}; the results are whole in "
                    f"{run.folder}, and the same command reports them again without decoding"
                ) from error


def _flat(settings: Mapping[str, Any], before: str = "") -> dict[str, str | float]:
    found: dict[str, str | float] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        else:
            plain = isinstance(value, (str, int, float))
            found[before + name] = value if plain else json.dumps(value, default=str)
    return found


def _numbers(row: ComparedArm) -> dict[str, float]:
    found: dict[str, float | None] = {
        "accuracy": row.accuracy.value,
        "accuracy_low": row.accuracy.low,
        "accuracy_high": row.accuracy.high,
        "problems": row.problems,
        "samples": row.samples,
        "entropy_before": row.entropy_before,
        "entropy_after": row.entropy_after,
        "tokens_per_answer": row.cost.output_tokens,
        "calls_per_answer": row.cost.calls,
        "tokens_per_second": row.tokens_per_second,
        "truncated": row.truncated,
        "unanswered": row.unanswered,
        "not_judged": row.not_judged,
    }
    if row.difference is not None:
        d = row.difference
        found |= {"difference": d.difference, "difference_low": d.low, "difference_high": d.high, "p_holm": row.p_holm}
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def _tensorboard(told: Told) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(told.folder / "tensorboard")) as writer:
        writer.add_hparams(told.settings, told.numbers, run_name=".")


def _wandb(told: Told) -> None:
    run = importlib.import_module("wandb").init(
        project=project("wandb"), name=told.name, group=told.group, id=told.folder.name,
        resume="allow", config=told.settings, dir=str(told.folder), job_type="evaluation",
    )  # fmt: skip
    run.log(told.numbers)
    run.finish()


def _trackio(told: Told) -> None:
    trackio = importlib.import_module("trackio")
    trackio.init(
        project=project("trackio"), name=f"{told.name} {told.folder.name}", group=told.group,
        resume="allow", config=told.settings,
    )  # fmt: skip
    trackio.log(told.numbers)
    trackio.finish()


def _mlflow(told: Told) -> None:
    """A run that has these settings already goes on; settings of one that has others could not be changed."""
    mlflow = importlib.import_module("mlflow")
    mlflow.set_experiment(project("mlflow"))
    tags = {"group": told.group, "folder": str(told.folder), "run": told.folder.name}
    settings = {name: str(value) for name, value in told.settings.items()}
    named = f"tags.run = '{told.folder.name}'"
    found = mlflow.search_runs(experiment_names=[project("mlflow")], filter_string=named, output_format="list")
    same = (run.info.run_id for run in found if run.data.params == settings and tags.items() <= run.data.tags.items())
    with mlflow.start_run(run_id=next(same, None), run_name=told.name):
        mlflow.set_tags(tags)
        mlflow.log_params(settings)
        mlflow.log_metrics(told.numbers)


_OUTLETS: dict[str, Callable[[Told], None]] = {
    "tensorboard": _tensorboard, "wandb": _wandb, "trackio": _trackio, "mlflow": _mlflow,
}  # fmt: skip
