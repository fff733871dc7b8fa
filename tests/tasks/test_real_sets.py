"""The data sets themselves, where ENTMIN_DATA names a mirror of them: every family, loaded, asked and graded."""

import os
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval

from entmin.grading.gold import Gold
from entmin.tasks.checks import written
from entmin.tasks.on_inspect.task import make
from entmin.tasks.registry import tasks

# Read before the autouse fixture of conftest takes it out of the environment.
MIRROR = os.environ.get("ENTMIN_DATA")
pytestmark = pytest.mark.skipif(MIRROR is None, reason="ENTMIN_DATA names no mirror of the real data sets")


SOURCES = {name: one.source for name, one in tasks().items() if getattr(one, "source", None) and one.judge != "program"}


def there(name):
    source = SOURCES[name]
    files = (file for part in source.parts for file in part.files[0])
    return any((Path(str(MIRROR)) / source.folder / file).is_file() for file in files)


NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(MIRROR is not None and not there(name), reason="not in the mirror"))
    for name in SOURCES
]


@pytest.mark.parametrize("name", [name for name in NAMES if name.values[0] != "ugphysics"])
def test_a_set_has_its_rows_and_its_hash(name):
    [part] = SOURCES[name].parts
    data = tasks()[name].parts(MIRROR)
    known = {contents.sha256 for contents in part.accepted} - {None}
    assert data.record["verified"] == ("hash" if known else "count")
    assert len(data.problems) in {contents.rows for contents in part.accepted}


def test_physics_has_its_rows_and_hashes_and_a_type_for_every_problem():
    root = Path(str(MIRROR)) / "ugphysics"
    parts = [part for part in SOURCES["ugphysics"].parts if (root / part.files[0][0]).is_file()]
    if not parts:
        pytest.skip("not in the mirror")
    data = tasks()["ugphysics"].parts(MIRROR, [part.name for part in parts])
    assert all(row.extra["answer_types"] for row in data.problems)
    assert len(data.problems) == sum(part.accepted[0].rows for part in parts)


@pytest.mark.parametrize("prompt", ["clean", "paper"])
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_asks_and_grades_its_own_problems(name, prompt, mock_model, tmp_path):
    if prompt == "paper" and "science" in tasks()[name].groups and name != "ugphysics":
        pytest.skip("no published prompt")
    task = make(tasks()[name], data_dir=MIRROR, prompt=prompt)
    ids = [sample.id for sample in task.dataset]
    assert len(set(ids)) == len(ids) and all(isinstance(one, str) for one in ids)
    gold = Gold.from_dict(task.dataset[0].metadata["gold"])
    # One at a time, so that the replies meet the samples they are meant for.
    [log] = inspect_eval(
        task,
        model=mock_model([written(gold), "I do not know."]),
        log_dir=str(tmp_path),
        display="none",
        limit=2,
        max_samples=1,
    )
    assert log.status == "success", log.error
    scores = {sample.id: sample.scores["graded"] for sample in log.samples}
    assert [scores[one].value for one in ids[:2]] == [1.0, 0.0]


def test_the_papers_physics_is_372_problems():
    if not (Path(str(MIRROR)) / "ugphysics" / "SemiconductorPhysics" / "zh.jsonl").is_file():
        pytest.skip("not in the mirror")
    task = make(tasks()["ugphysics"], data_dir=MIRROR, subset="paper", prompt="paper")
    assert len(task.dataset) == 372
