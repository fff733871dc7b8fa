"""Run one mode on any Inspect task: logs as the record, resumed where an earlier run stopped, and a summary.

The folder is named by a digest of every setting and of what the task is (`entmin.tasks.identity`): the same command
finds it, and an edited file or scorer is another run. How many problems and samples are asked for is no part of it, so
a run can grow (`entmin.evals.kept`). Inspect's eval sets do the resuming: a finished sample is in the log (or, after
``kill -9``, in Inspect's sample buffer) and is not computed again.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from inspect_ai import Task, eval_set
from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log
from inspect_ai.model import GenerateConfig

from entmin.blame import whose_fault
from entmin.durable import alone, make_folder, private_files, write_whole
from entmin.errors import EntminError, Interrupted, UsageError
from entmin.evals import kept
from entmin.evals.choice import EngineChoice, RunningEngine
from entmin.evals.engines import open_engine, require
from entmin.evals.opening import Opening, opening
from entmin.evals.progress import Progress
from entmin.evals.several import REVISE
from entmin.evals.solvers import solver_for
from entmin.evals.stopping import NOT_STEERED, Stopping
from entmin.evals.summary import SIZE, note_session, write_summary
from entmin.evals.trial import require_judges
from entmin.mode import Mode
from entmin.strategies import Strategy
from entmin.tasks.identity import identity
from entmin.tasks.on_inspect.task import make
from entmin.tasks.registry import Named, cannot_run
from entmin.terminal import say

RECORDED = 50
"""Problems of a run whose first answer keeps its tokens with their entropies and alternatives, for the report page."""
_RETRIES = 6
"""Of a request that a server turned down for the moment; Inspect's own default is to try forever."""


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides what a run computes."""

    model: str
    mode: Mode
    limit: int | None = None
    epochs: int = 1
    max_tokens: int | None = None
    """None takes the task's own limit."""
    task_options: dict[str, Any] = field(default_factory=dict)
    """Passed to the task's factory: prompt profile, data folder, grader and the like."""
    engine: EngineChoice = field(default_factory=EngineChoice)
    """Which engine, and its options."""

    @property
    def seed(self) -> int:
        """The mode's seed, 0 where it has none."""
        return self.mode.seed or 0

    def settings(self, info: Named, task: Task, engine: dict[str, Any]) -> dict[str, Any]:
        """The settings that can change an answer or a verdict, for the record and for the folder's digest.

        Args:
            info: the benchmark.
            task: its task.
            engine: what the engine's answers depend on (`RunningEngine.identity`).
        """
        return {
            "model": self.model,
            "task": info.name,
            "task_options": {k: v for k, v in self.task_options.items() if k != "data_dir"},
            "task_identity": identity(task),
            "method": self.mode.method.to_args(),
            "sampling": dataclasses.asdict(self.mode.sampling),
            "max_tokens": self.max_tokens or task.config.max_tokens or info.max_tokens,
            "limit": self.limit,
            "epochs": self.epochs,
            "seed": self.seed,
            **engine,
            **({} if self.mode.strategy is None else {"strategy": strategy_settings(self.mode.strategy)}),
        }


def strategy_settings(strategy: Strategy) -> dict[str, Any]:
    """A strategy as the record has it; the words it puts to the model belong to it."""
    words = {"instruction": REVISE} if getattr(strategy, "style", None) == "clean" else {}
    return {**strategy.to_args(), **words}


@dataclass(frozen=True)
class RunResult:
    """A finished run of one benchmark."""

    folder: Path
    log: EvalLog = field(repr=False)
    summary: dict[str, Any] = field(repr=False)


def model_folder(results: Path, model: str) -> Path:
    """``results/<model>``, with ``/`` as ``__``; a local folder goes by its own name."""
    name = Path(model).resolve().name if Path(model).is_dir() else model.replace("/", "__")
    return results / name


def require_data(specs: Sequence[RunSpec], infos: Sequence[Named]) -> dict[str, Task]:
    """Build every task once, so that what is missing is known before anything is computed.

    Args:
        specs: runs that differ in model and mode only.
        infos: the benchmarks.

    Returns:
        The task of each benchmark, by its name, for `run_task`.

    Raises:
        UsageError: a task has not the options given, its scorer is missing or says nothing, or a strategy does not
            suit it.
        EntminError: data sets are missing; the message names each and how to get it.
    """
    missing, built = [], {}
    for info in infos:
        try:
            built[info.name] = task = make(info, **specs[0].task_options)
            require_judges(task, info.name)
            for spec in specs:
                solver_for(task, spec.seed, strategy=spec.mode.strategy)
        except UsageError:
            raise
        except EntminError as error:
            missing.append(f"{info.name}: {str(error).removeprefix(f'{info.name}: ')}")
    if missing:
        raise cannot_run(missing, infos)
    return built


def run_task(
    spec: RunSpec, info: Named, results: Path, *, task: Task | None = None, quiet: bool = False, arm: str = "",
    told: bool = False,
) -> RunResult:  # fmt: skip
    """Run (or finish, or just read) one mode on one benchmark.

    Args:
        spec: the run.
        info: the benchmark.
        results: folder of all results.
        task: the benchmark's task, where `require_data` has built it already.
        quiet: no progress display.
        arm: what progress and errors call the run; its mode by default.
        told: what the run reads has been said.

    Raises:
        UsageError: a wrong task option, or no samples.
        EntminError: the run failed or was interrupted; finished samples are kept and the same call goes on from them.
    """
    if spec.epochs < 1 or (spec.limit is not None and spec.limit < 1):
        raise UsageError("nothing to run: limit and epochs must be at least 1")
    task = copy.copy(task or require_data([spec], [info])[info.name])
    if not len(task.dataset):
        raise UsageError(f"task {info.name!r} has no samples with these options")
    request = kept.Extent.of(task, spec.limit, spec.epochs)
    engine = open_engine(spec.model, spec.engine)
    require(engine, spec.mode)
    settings = spec.settings(info, task, engine.identity())
    found = opening(engine, task, spec.limit, settings["max_tokens"])
    folder = _folder(spec, info.name, settings, found, results)
    label = f"{arm or spec.mode} on {task.name}"
    with alone(folder), private_files(), _counted(folder, request, label):
        logs = kept.logs_of(folder / "logs", own=True)
        log = kept.whole(logs, request)
        if log is None:
            if not quiet and not told:
                say("\n".join(found.lines()), err=True)
            log = _compute(spec, task, request, folder, engine, logs, settings["max_tokens"], label, quiet)
        return RunResult(folder, log, write_summary(folder, settings, task, log, engine.record(), found.to_dict()))


@contextlib.contextmanager
def _counted(folder: Path, request: kept.Extent, label: str) -> Iterator[None]:
    """Say what is kept when Ctrl-C comes while nothing is asked: before the first question, or after the last."""
    try:
        yield
    except KeyboardInterrupt:
        done = {key for log in kept.logs_of(folder / "logs") for key in request.of_log(log)}
        raise _interrupted(label, len(done)) from None


def _compute(
    spec: RunSpec,
    task: Task,
    request: kept.Extent,
    folder: Path,
    engine: RunningEngine,
    logs: list[EvalLog],
    max_tokens: int,
    label: str,
    quiet: bool,
) -> EvalLog:
    """Ask what is not answered yet."""
    there = kept.gather(logs, request)
    before = dataclasses.replace(engine.stats)
    with Progress(label, len(request), lambda: engine.stats.generated_tokens, there, quiet=quiet) as progress:
        record = frozenset(request.problems[:RECORDED])
        task.solver = solver_for(task, spec.seed, lambda _: progress.advance(), spec.mode.strategy, record)
        log = _evaluate(spec, task, folder / "logs", max_tokens, engine)
    note_session(folder, before, engine)
    if log.status != "success":
        raise _failure(log, request, label)
    kept.tidy(kept.logs_of(folder / "logs"), log)
    return log


def _folder(spec: RunSpec, task: str, settings: dict[str, Any], found: Opening, results: Path) -> Path:
    deciding = {key: value for key, value in settings.items() if key not in SIZE}
    digest = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:10]
    folder = model_folder(results, spec.model) / spec.mode.name / f"{task}-{digest}"
    try:
        make_folder(folder)
        write_whole(folder / "settings.json", json.dumps(settings, indent=2) + "\n")
        write_whole(folder / "read.json", json.dumps(found.to_dict(), indent=2, default=str) + "\n")
    except OSError as error:
        raise EntminError(f"cannot write results under {folder}: {error}; free space or choose --results") from error
    return folder


def _evaluate(spec: RunSpec, task: Task, logs: Path, max_tokens: int, engine: RunningEngine) -> EvalLog:
    with contextlib.redirect_stdout(io.StringIO()), Stopping() as stopping:  # Inspect has a closing word of its own
        task.solver = stopping.watched(task.solver)
        _, found = stopping.run(partial(_eval_set, spec, task, logs, max_tokens, engine, stopping))
    # Interrupted early, Inspect returns no log; the newest one on disk then says how far it came.
    written = [log.location for log in found] or [info.name for info in list_eval_logs(str(logs))]
    if not written:
        raise KeyboardInterrupt
    try:
        return read_eval_log(written[0])
    except FileNotFoundError as error:  # Inspect goes on to its end without a log
        raise EntminError(f"no log could be written in {logs}; free space or choose --results") from error


def _eval_set(
    spec: RunSpec, task: Task, logs: Path, max_tokens: int, engine: RunningEngine, stopping: Stopping
) -> tuple[bool, list[EvalLog]]:
    return eval_set(
        task,
        log_dir=str(logs),
        model=stopping.model(engine.model()),
        retry_attempts=0,
        retry_immediate=False,
        retry_cleanup=False,  # `kept.tidy` removes what a newer log has, and no sample besides
        display="none",
        limit=spec.limit,
        epochs=spec.epochs,
        max_samples=engine.concurrency,
        max_connections=engine.concurrency,
        max_retries=_RETRIES,
        log_level="error",
        log_realtime=True,
        log_dir_allow_dirty=True,
        score_display=False,
        **NOT_STEERED,
        **generate_config(spec, max_tokens, engine).model_dump(exclude_none=True),
    )


def generate_config(spec: RunSpec, max_tokens: int, engine: RunningEngine) -> GenerateConfig:
    """What Inspect sends with every request of a run."""
    sampling = spec.mode.sampling
    return GenerateConfig(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        max_tokens=max_tokens,
        seed=spec.seed,
        extra_body=engine.body(spec.mode),
    )


def _failure(log: EvalLog, request: kept.Extent, label: str) -> EntminError:
    done = len(request.of_log(log))
    if log.status == "error" and log.error is not None:
        whose = whose_fault(log.error.traceback)
        said = log.error.message + (f" ({whose})" if whose else "")
        return EntminError(f"{label} failed after {done} samples: {said}; finished samples are kept")
    return _interrupted(label, done)


def _interrupted(label: str, done: int) -> Interrupted:
    return Interrupted(f"{label} was interrupted; {done} finished samples are kept, and the same command goes on")
