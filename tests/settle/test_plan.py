"""A plan is written once, cannot be changed unnoticed, and its repetitions are counted."""

from __future__ import annotations

import json

import pytest

from entmin.errors import EntminError
from entmin.settle.plan import Plan, PlannedArm, earlier_plans, read_plan, write_plan


def plan(**changes):
    settings = {
        "question": "?", "model": "m", "task": "t", "task_identity": {"sha256": "x"}, "method": "em_inf",
        "margin": 0.03,
        "level": 0.95, "n": 10, "samples": 1, "problems_sha256": "p", "pilot_sha256": "q", "flips": 0.2,
        "detectable": 0.3, "arms": (PlannedArm(role="method", mode="em_inf", name="em_inf", entropy=1.0),), "seed": 0,
        "settings": {"dtype": "float32"}, "versions": {"torch": "2"},
    }  # fmt: skip
    return Plan(**{**settings, **changes})


def test_a_plan_is_read_back_with_its_hash(tmp_path):
    path = write_plan(plan(), tmp_path)
    assert read_plan(tmp_path) == plan()
    assert (tmp_path / "plan.sha256").read_text().strip() == plan().sha256
    before = path.stat().st_mtime_ns
    write_plan(plan(), tmp_path)
    assert path.stat().st_mtime_ns == before
    assert plan(margin=0.05).sha256 != plan().sha256


def test_a_plan_that_was_changed_afterwards_is_refused(tmp_path):
    path = write_plan(plan(), tmp_path)
    changed = json.loads(path.read_text()) | {"margin": 0.5}
    path.write_text(json.dumps(changed))
    with pytest.raises(EntminError, match="was changed after it was written"):
        read_plan(tmp_path)
    path.write_text("{")
    with pytest.raises(EntminError, match="no plan that can be read"):
        read_plan(tmp_path)


def test_another_plan_is_not_written_over_the_first(tmp_path):
    write_plan(plan(), tmp_path)
    with pytest.raises(EntminError, match="holds another plan"):
        write_plan(plan(n=11), tmp_path)


def test_plans_of_one_question_are_counted(tmp_path):
    for name in "abc":
        write_plan(plan(seed=ord(name)), tmp_path / name)
    assert earlier_plans(tmp_path, tmp_path / "c") == [tmp_path / "a", tmp_path / "b"]


def test_other_problems_of_a_task_are_another_question_and_another_size_is_not(tmp_path):
    def asked(name, sha256, samples, **options):
        about = {"sha256": sha256, "samples": samples, "scorers": [name]}
        write_plan(plan(task_identity=about, settings={"task_options": options}), tmp_path / name)

    asked("mine", "x", 500, terms=2)
    asked("later-grader", "x", 500, terms=2)
    asked("kind", "y", 500, terms=2, kind="products")
    asked("seed", "z", 500, terms=2, problem_seed=1)
    asked("larger", "w", 900, terms=2, size=900)
    asked("larger-kind", "v", 900, terms=2, kind="products", size=900)
    asked("edited-file", "u", 500, terms=2)
    (tmp_path / "unknown").mkdir()
    (tmp_path / "unknown/plan.json").write_text("{")
    assert [one.name for one in earlier_plans(tmp_path, tmp_path / "mine")] == ["larger", "later-grader", "unknown"]
    assert [one.name for one in earlier_plans(tmp_path, tmp_path / "kind")] == ["larger-kind", "unknown"]
