"""From a question to its verdict: pilot, plan, run, judgement. Each step finds what an interrupted one left."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai.dataset import MemoryDataset

from entmin.durable import alone, append_row, write_whole
from entmin.errors import EntminError, UsageError
from entmin.evals.finished import finished_run, read_json
from entmin.evals.metrics import verdicts
from entmin.evals.opening import opening
from entmin.evals.record import versions
from entmin.evals.run import RunResult, RunSpec, model_folder, run_task
from entmin.mode import Mode
from entmin.settle.pilot import Pilot
from entmin.settle.plan import Plan, PlannedArm, earlier_plans, read_plan, write_plan
from entmin.settle.preparing import in_process, one_question_task, open_pilot
from entmin.settle.question import Matched, Question, match_rivals, planned_arms, split
from entmin.settle.size import problems_wanted, shortfall
from entmin.settle.verdict import LEVEL, Verdict, settle
from entmin.stats import minimum_detectable

if TYPE_CHECKING:
    from inspect_ai import Task

    from entmin.evals.provider import InProcess
    from entmin.report.compare import ComparedArm
    from entmin.report.page import Page
    from entmin.stats.estimates import Runs
    from entmin.tasks.registry import Named

RUNS = "runs.json"
"""Where the runs of a plan are, beside the plan."""
Notify = Callable[[str], None]


@dataclass(frozen=True, repr=False)
class Settlement:
    """A settled question."""

    folder: Path
    plan: Plan
    verdict: Verdict
    runs: dict[str, RunResult]
    """By the name of the arm."""
    earlier: tuple[Path, ...]
    """Folders of other plans of the same question."""
    sessions: int
    """How often this plan was begun or continued."""
    remedy: str = ""
    """Where the run has fewer problems than the margin asks for: so many, and how to have them."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self._page().verdict}"

    def _repr_html_(self) -> str:
        from entmin.report.cell import page_cell

        return page_cell(self._page())

    def _page(self) -> Page:
        from entmin.settle.page import settled_page

        return settled_page(self)

    @cached_property
    def judged(self) -> dict[str, Runs]:
        """Problem id to the verdicts of its samples, of each arm by name."""
        return {name: verdicts(run.log) for name, run in self.runs.items()}

    @cached_property
    def rows(self) -> dict[str, ComparedArm]:
        """The comparison's row of each arm, by name."""
        from entmin.report.compare import compare

        return {row.label: row for row in compare(self.plan.task, list(self.runs.items()))}


def settle_question(
    question: Question, spec: RunSpec, info: Named, results: Path, notify: Notify, *, quiet: bool = False
) -> Settlement:
    """Answer a question, or go on with it where an earlier call stopped.

    Args:
        question: what is asked.
        spec: model, engine, token limit and task options of every arm; its mode is not used.
        info: the benchmark.
        results: where everything is written.
        notify: is told what happens, a line at a time.
        quiet: no progress display.

    Raises:
        UsageError: the question cannot be asked of this model, engine or task.
        EntminError: a step failed; what was computed is kept.
    """
    task, engine = one_question_task(spec, info), in_process(spec)
    for line in opening(engine, task, None, spec.max_tokens or info.max_tokens).lines():
        notify(line)
    pilot_ids, run_ids = split([str(sample.id) for sample in task.dataset], question)
    home = model_folder(results, spec.model) / "settle" / f"{info.name}-{question.method.method.name}"
    pilot = open_pilot(spec, info, task, engine, pilot_ids, home, notify, seed=question.seed)
    matched = match_rivals(question, pilot, _methods())
    plan = _plan(question, spec, info, task, engine, pilot, matched, run_ids)
    folder = home / plan.sha256[:12]
    with alone(folder):
        if read_plan(folder) is None:
            write_plan(plan, folder)
        sessions = _count_session(folder)
    notify(f"plan {plan.sha256[:12]}: {len(plan.arms)} arms on {plan.n} problems, written to {folder / 'plan.json'}")
    if remedy := shortfall(plan, info, pool=len(run_ids)):
        notify(remedy)
    ordered = _in_order(task, run_ids)
    runs = {}
    for number, arm in enumerate(plan.arms, 1):
        notify(f"arm {number} of {len(plan.arms)}: {arm.name}")
        chosen = replace(spec, mode=_with_seed(arm, question), limit=plan.n, epochs=plan.samples)
        runs[arm.name] = run_task(chosen, info, results, task=ordered, quiet=quiet, told=True)
    verdict = judge(plan, runs)
    done = Settlement(folder, plan, verdict, runs, tuple(earlier_plans(home, folder)), sessions, remedy)
    _note_runs(done, run_ids[: plan.n])
    return done


def _note_runs(done: Settlement, problems: list[str]) -> None:
    """Say where the runs of the arms are, under the results folder, and which problems of theirs the plan asked."""
    found = {name: "/".join(run.folder.parts[-3:]) for name, run in done.runs.items()}
    noted = {"runs": found, "problems": problems, "remedy": done.remedy}
    write_whole(done.folder / RUNS, json.dumps(noted, indent=2) + "\n")


def settled_before(folder: Path) -> Settlement:
    """A settled question, read from its folder; nothing is computed but the verdict.

    Raises:
        UsageError: the folder holds no settled question.
        EntminError: plan or runs were changed, or are gone.
    """
    plan = read_plan(folder)
    if plan is None:
        raise UsageError(f"{folder} holds no plan; name the folder that `entmin settle` wrote report.html to")
    noted = read_json(folder / RUNS)
    if _hash(noted["problems"]) != plan.problems_sha256:
        raise EntminError(f"{folder / RUNS} does not name the problems of the plan; run `entmin settle` again")
    results = folder.resolve().parents[3]
    asked = noted["problems"]
    runs = {name: finished_run(results / place, asked, plan.samples) for name, place in noted["runs"].items()}
    sessions = len((folder / "sessions.jsonl").read_text().splitlines())
    earlier = tuple(earlier_plans(folder.parent, folder))
    return Settlement(folder, plan, judge(plan, runs), runs, earlier, sessions, noted.get("remedy", ""))


def judge(plan: Plan, runs: dict[str, RunResult]) -> Verdict:
    """The planned test, on finished runs."""
    [method] = plan.of("method")
    rivals = {arm.name: verdicts(runs[arm.name].log) for arm in plan.of("matched")}
    return settle(verdicts(runs[method.name].log), rivals, plan.margin)


def _in_order(task: Task, ids: list[str]) -> Task:
    """The task with the run's problems in the plan's order, so that a larger plan asks the smaller one's first."""
    samples = {str(sample.id): sample for sample in task.dataset}
    ordered = copy.copy(task)
    ordered.dataset = MemoryDataset([samples[one] for one in ids], name=task.dataset.name)
    return ordered


def _with_seed(arm: PlannedArm, question: Question) -> Mode:
    return Mode.parse(arm.mode).filled(seed=question.seed)


def _methods() -> list[str]:
    from entmin.methods import method_names

    return method_names()


def _plan(
    question: Question,
    spec: RunSpec,
    info: Named,
    task: Task,
    engine: InProcess,
    pilot: Pilot,
    matched: Matched,
    run_ids: list[str],
) -> Plan:
    from entmin.tasks.identity import identity

    if not matched.arms:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in matched.unmatched.items())
        raise EntminError(f"no rival could be matched, so there is nothing to settle ({reasons})")
    wanted = problems_wanted(matched.flips, question.margin)
    n = max(1, min(wanted, len(run_ids), question.limit or len(run_ids)))
    ids = run_ids[:n]
    return Plan(
        question=f"Does {question.name} help {spec.model} on {info.name}, against rivals of the same entropy?",
        model=spec.model,
        task=info.name,
        task_identity=identity(task),
        method=str(question.method),
        margin=question.margin,
        level=LEVEL,
        n=n,
        samples=question.samples,
        problems_sha256=_hash(ids),
        pilot_sha256=pilot.sha256,
        flips=matched.flips,
        detectable=min(1.0, minimum_detectable(n, matched.flips)) if n > 1 else 1.0,
        arms=planned_arms(question, matched),
        unmatched=matched.unmatched,
        seed=question.seed,
        settings=_settings(spec, info, engine),
        versions=versions(),
    )


def _hash(ids: list[str]) -> str:
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()


def _settings(spec: RunSpec, info: Named, engine: InProcess) -> dict[str, Any]:
    options = {k: v for k, v in spec.task_options.items() if k != "data_dir"}
    return {
        "max_tokens": spec.max_tokens or info.max_tokens,
        "task_options": options,
        **engine.identity(),
        **engine.record(),
    }


def _count_session(folder: Path) -> int:
    """Note that the plan is being run, and say how often it was, this time included."""
    path = folder / "sessions.jsonl"
    try:
        append_row(path, {"began": time.time()})
    except OSError as error:
        raise EntminError(f"cannot write {path}: {error}; free space or choose --results") from error
    return len(path.read_text().splitlines())
