"""Run one method on benchmarks: Inspect logs as the record, resumed where an earlier run stopped, and a summary.

Inspect's eval sets do the resuming: a finished sample is in the log (or, after ``kill -9``, in Inspect's sample buffer)
and is not computed again. The folder is named by a digest of every setting, so the same command finds it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inspect_ai import Task, eval_set
from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log
from inspect_ai.model import GenerateConfig

from entmin.engine.requests import EngineStats
from entmin.errors import EntminError, Interrupted, UsageError
from entmin.evals.cost import mean_cost
from entmin.evals.engines import EngineChoice, RunningEngine, open_engine, require
from entmin.evals.metrics import summarize_log
from entmin.evals.progress import Progress
from entmin.evals.record import git_revision, hardware, versions
from entmin.evals.several import REVISE
from entmin.evals.solvers import solver_for
from entmin.mode import Mode
from entmin.strategies import Strategy
from entmin.tasks.registry import TaskInfo, make

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

    def settings(self, info: TaskInfo, identity: dict[str, Any]) -> dict[str, Any]:
        """The settings that can change an answer, for the record and for the folder's digest.

        Args:
            info: the benchmark.
            identity: what the engine's answers depend on (`RunningEngine.identity`).
        """
        return {
            "model": self.model,
            "task": info.name,
            "task_options": {k: v for k, v in self.task_options.items() if k != "data_dir"},
            "method": self.mode.method.to_args(),
            "sampling": dataclasses.asdict(self.mode.sampling),
            "max_tokens": self.max_tokens or info.max_tokens,
            "limit": self.limit,
            "epochs": self.epochs,
            "seed": self.seed,
            **identity,
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
    log: EvalLog
    summary: dict[str, Any]


def model_folder(results: Path, model: str) -> Path:
    """``results/<model>``, with ``/`` as ``__``; a local folder goes by its own name."""
    name = Path(model).resolve().name if Path(model).is_dir() else model.replace("/", "__")
    return results / name


def require_data(specs: Sequence[RunSpec], infos: Sequence[TaskInfo]) -> None:
    """Build every task once, so that a missing data set is known before anything is computed.

    Args:
        specs: runs that differ in model and mode only.
        infos: the benchmarks.

    Raises:
        UsageError: a task has not the options given, or a strategy does not suit it.
        EntminError: data sets are missing; the message names each and how to get it.
    """
    missing = []
    for info in infos:
        try:
            task = make(info, **specs[0].task_options)
            for spec in specs:
                solver_for(task, spec.seed, strategy=spec.mode.strategy)
        except UsageError:
            raise
        except EntminError as error:
            missing.append(f"{info.name}: {error}")
    if missing:
        raise EntminError("\n  ".join(["some tasks cannot run:", *missing]) if len(infos) > 1 else missing[0])


def run_task(spec: RunSpec, info: TaskInfo, results: Path, *, quiet: bool = False) -> RunResult:
    """Run (or finish, or just read) one method on one benchmark.

    Raises:
        UsageError: a wrong task option, or no samples.
        EntminError: the run failed or was interrupted; finished samples are kept and the same call goes on from them.
    """
    if spec.epochs < 1 or (spec.limit is not None and spec.limit < 1):
        raise UsageError("nothing to run: limit and epochs must be at least 1")
    task = make(info, **spec.task_options)
    samples = min(len(task.dataset), spec.limit or len(task.dataset))
    if not samples:
        raise UsageError(f"task {info.name!r} has no samples with these options")
    engine = open_engine(spec.model, spec.engine)
    require(engine, spec.mode)
    settings = spec.settings(info, engine.identity())
    folder = _folder(spec, info.name, settings, results)
    kept = _finished_samples(folder / "logs")
    before = dataclasses.replace(engine.stats)
    label = f"{spec.mode.name} on {info.name}"
    with Progress(label, samples * spec.epochs - kept, lambda: engine.stats.generated_tokens, quiet=quiet) as progress:
        task.solver = solver_for(task, spec.seed, lambda _: progress.advance(), spec.mode.strategy)
        log = _evaluate(spec, task, folder / "logs", settings["max_tokens"], engine)
    _note_session(folder, before, engine)
    if log.status != "success":
        raise _failure(log, label)
    return RunResult(folder, log, _write_summary(folder, settings, task, log, engine.record()))


def _folder(spec: RunSpec, task: str, settings: dict[str, Any], results: Path) -> Path:
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]
    folder = model_folder(results, spec.model) / spec.mode.name / f"{task}-{digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.json").write_text(json.dumps(settings, indent=2) + "\n")
    except OSError as error:
        raise EntminError(f"cannot write results under {folder}: {error}; free space or choose --results") from error
    return folder


def _finished(log: EvalLog) -> int:
    """Samples that will not be run again; those cut off in mid-answer are in the log too."""
    return sum(sample.error is None and bool(sample.scores) for sample in log.samples or [])


def _finished_samples(logs: Path) -> int:
    """Samples an earlier run left in the newest log; 0 when there is none or it cannot be read."""
    found = list_eval_logs(str(logs)) if logs.exists() else []
    if not found:
        return 0
    try:
        return _finished(read_eval_log(found[0]))
    except (OSError, ValueError):
        return 0


def _evaluate(spec: RunSpec, task: Task, logs: Path, max_tokens: int, engine: RunningEngine) -> EvalLog:
    with contextlib.redirect_stdout(io.StringIO()):  # Inspect has a closing word of its own
        _, found = _eval_set(spec, task, logs, max_tokens, engine)
    # Interrupted early, Inspect returns no log; the newest one on disk then says how far it came.
    written = [log.location for log in found] or [info.name for info in list_eval_logs(str(logs))]
    if not written:
        raise Interrupted("interrupted before the first sample was finished; the same command starts over")
    return read_eval_log(written[0])


def _eval_set(
    spec: RunSpec, task: Task, logs: Path, max_tokens: int, engine: RunningEngine
) -> tuple[bool, list[EvalLog]]:
    return eval_set(
        task,
        log_dir=str(logs),
        model=engine.model(),
        retry_attempts=0,
        retry_immediate=False,
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
        **_generate_config(spec, max_tokens, engine).model_dump(exclude_none=True),
    )


def _generate_config(spec: RunSpec, max_tokens: int, engine: RunningEngine) -> GenerateConfig:
    sampling = spec.mode.sampling
    return GenerateConfig(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        max_tokens=max_tokens,
        seed=spec.seed,
        extra_body=engine.body(spec.mode),
    )


def _failure(log: EvalLog, label: str) -> EntminError:
    kept = _finished(log)
    if log.status == "error" and log.error is not None:
        return EntminError(f"{label} failed after {kept} samples: {log.error.message}; finished samples are kept")
    return Interrupted(f"{label} was interrupted; {kept} finished samples are kept, and the same command goes on")


def _note_session(folder: Path, before: EngineStats, engine: RunningEngine) -> None:
    """Append what this session decoded and with what, so that both are known for a run that took several."""
    after = engine.stats
    if after.completed == before.completed:
        return
    row = {
        "ended": time.time(),
        "completed": after.completed - before.completed,
        "prompt_tokens": after.prompt_tokens - before.prompt_tokens,
        "generated_tokens": after.generated_tokens - before.generated_tokens,
        "seconds": after.busy_seconds - before.busy_seconds,
        "engine": engine.record(),
        "notices": list(engine.notices),
    }
    with (folder / "sessions.jsonl").open("a") as sessions:
        sessions.write(json.dumps(row) + "\n")


def _write_summary(
    folder: Path, settings: dict[str, Any], task: Task, log: EvalLog, record: dict[str, Any]
) -> dict[str, Any]:
    sessions = folder / "sessions.jsonl"
    rows = [json.loads(line) for line in sessions.read_text().splitlines()] if sessions.exists() else []
    seconds, tokens = sum(r["seconds"] for r in rows), sum(r["generated_tokens"] for r in rows)
    engines = [row["engine"] for row in rows if "engine" in row] or [record]
    summary = {
        "settings": settings,
        "engines": [engine for i, engine in enumerate(engines) if engine not in engines[:i]],
        "dtype_used": record.get("dtype"),
        "task": task.metadata,
        "results": summarize_log(log),
        "cost_per_answer": dataclasses.asdict(mean_cost(log.samples or [])),
        "generated_tokens": sum(
            sample.output.usage.output_tokens for sample in log.samples or [] if sample.output.usage
        ),
        "decoding_seconds": seconds,
        "tokens_per_second": tokens / seconds if seconds else None,
        "notices": [notice for row in rows for notice in row["notices"]],
        "versions": versions(),
        "hardware": hardware(),
        "git_revision": git_revision(),
        "log": Path(str(log.location)).name,
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=2, default=str) + "\n")
    return summary
