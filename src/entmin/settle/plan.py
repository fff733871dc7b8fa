"""The plan of a question: everything that decides its answer, written and hashed before anything is graded.

Plans of one question (model, task, method) lie side by side in one folder, so that a second attempt at the same
question is seen and said.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from entmin.durable import make_folder, write_whole
from entmin.errors import EntminError

Role = Literal["method", "matched", "frontier", "voting", "control"]
"""What an arm is for. Only `method` and `matched` take part in the planned test; all else is exploratory."""


class PlannedArm(BaseModel):
    """One arm of the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    mode: str
    """As `entmin.mode.Mode.parse` reads it: method, strategy, temperature, seed."""
    name: str
    """As tables show it."""
    entropy: float | None = None
    """Mean entropy of the distribution drawn from, on the pilot, nats per token."""


class Plan(BaseModel):
    """What will be run and how it will be judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    model: str
    task: str
    task_identity: dict[str, Any]
    method: str
    margin: float = Field(gt=0, le=1)
    """Smallest difference in accuracy that matters, as a share."""
    level: float
    n: int = Field(ge=1)
    """Problems, the first of `problems` by a seeded order that leaves the pilot's out."""
    samples: int = Field(ge=1)
    problems_sha256: str
    pilot_sha256: str
    flips: float
    """Rate at which verdicts of method and rival differed on the pilot."""
    detectable: float
    """Difference that n problems see with 80 % power at that flip rate, as a share."""
    arms: tuple[PlannedArm, ...]
    unmatched: dict[str, str] = {}
    """Rivals left out, with the reason."""
    seed: int
    settings: dict[str, Any]
    """Engine, dtype, token limit, prompt profile: what else an answer depends on."""
    versions: dict[str, str]

    def canonical(self) -> str:
        """The JSON text that is hashed."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        """Hash of the plan."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    def of(self, *roles: Role) -> list[PlannedArm]:
        """The arms with these roles, in order."""
        return [arm for arm in self.arms if arm.role in roles]


def write_plan(plan: Plan, folder: Path) -> Path:
    """Write ``plan.json`` and ``plan.sha256``; the same plan again is left as it is.

    Raises:
        EntminError: the folder holds another plan, or cannot be written.
    """
    path = folder / "plan.json"
    known = read_plan(folder)
    if known is not None and known.sha256 != plan.sha256:
        raise EntminError(f"{folder} holds another plan ({known.sha256[:12]}); choose another --results folder")
    if known is None:
        try:
            make_folder(folder)
            write_whole(folder / "plan.sha256", plan.sha256 + "\n")
            write_whole(path, json.dumps(plan.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise EntminError(f"cannot write the plan to {folder}: {error}; free space or choose --results") from error
    return path


def read_plan(folder: Path) -> Plan | None:
    """The plan in a folder; None where there is none.

    Raises:
        EntminError: it is no plan, or was changed after it was written.
    """
    path = folder / "plan.json"
    if not path.exists():
        return None
    try:
        plan = Plan.model_validate_json(path.read_text())
    except (ValidationError, OSError, ValueError) as error:
        raise EntminError(f"{path} is no plan that can be read ({error}); move it away to plan anew") from error
    written = (folder / "plan.sha256").read_text().strip() if (folder / "plan.sha256").exists() else ""
    if written != plan.sha256:
        raise EntminError(
            f"{path} was changed after it was written: its hash is {plan.sha256[:12]}, the hash kept beside it is "
            f"{written[:12] or 'missing'}; a changed plan is another question: move the folder away and plan anew"
        )
    return plan


def earlier_plans(question: Path, current: Path) -> list[Path]:
    """Folders of other plans that ask the same problems, as `entmin.tasks.identity` knows them.

    A plan with another `-T kind=` asks another question. One with another size of the same procedural task asks the
    same, and so does one that is judged by a later grader. A plan that cannot be read counts: what it asked is unknown.

    Args:
        question: folder of the plans of a model, a task and a method.
        current: folder of the plan in it that is asked about.
    """
    mine = read_plan(current)
    others = sorted(path.parent for path in question.glob("*/plan.json") if path.parent != current)
    return [folder for folder in others if mine is None or _may_ask_the_same(folder, mine)]


def _may_ask_the_same(folder: Path, mine: Plan) -> bool:
    try:
        other = read_plan(folder)
    except EntminError:
        return True
    return other is None or _problems(other) == _problems(mine) or _differ_in_size(other, mine)


def _problems(plan: Plan) -> list[Any]:
    return [plan.task_identity.get(name) for name in ("samples", "sha256", "data_sha256")]


def _differ_in_size(one: Plan, other: Plan) -> bool:
    """Whether one asks the first problems of the other: a procedural task's size is no part of its question."""
    options = [dict(plan.settings.get("task_options") or {}) for plan in (one, other)]
    sizes = [each.pop("size", None) for each in options]
    return sizes[0] != sizes[1] and options[0] == options[1]
