"""SciCode: steps on steps, targets made by references, supplied steps, prompts, the stepwise solver."""

import json

import pytest
from inspect_ai import eval as run_inspect

from entmin.errors import EntminError, UsageError
from entmin.evals.metrics import summarize_log
from entmin.evals.solvers import solver_for
from entmin.programs.scicode import recording, supplied, targets_for
from entmin.programs.steps import join_steps, judge_scicode, split_steps
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Loaded
from entmin.tasks.on_inspect.task import make
from entmin.tasks.registry import benchmark, rules_of, tasks
from entmin.tasks.scicode import SCICODE, problem, step_turns

pytest.importorskip("h5py", reason="SciCode needs the extra: pip install 'entmin[code]'")

STEPS = [
    {
        "step_number": "1.1",
        "step_description_prompt": "Square the numbers.",
        "step_background": "Background: squares.",
        "ground_truth_code": "def square(x):\n    return np.asarray(x) ** 2",
        "function_header": "def square(x):\n    '''Squares.'''",
        "test_cases": [
            "x = [1.0, 2.0]\nassert np.allclose(square(x), target)",
            "assert np.allclose(square(3), target)",
        ],
        "return_line": "    return y",
    },
    {
        "step_number": "1.2",
        "step_description_prompt": "Sum the squares.",
        "step_background": "",
        "ground_truth_code": "def total(x):\n    return square(x).sum(), {'n': len(x)}",
        "function_header": "def total(x):\n    '''Sum and size.'''",
        "test_cases": [
            "from scicode.compare.cmp import cmp_tuple_or_list\nassert cmp_tuple_or_list(total([1, 2]), target)",
            "assert (total([2])[0] == 4) == target",
        ],
        "return_line": "    return s, d",
    },
]
PROBLEM = {
    "problem_id": "1",
    "problem_description_main": "Squares.",
    "required_dependencies": "import numpy as np\nfrom scipy.integrate import simps",
    "sub_steps": STEPS,
}


@pytest.fixture
def row(tmp_path, monkeypatch):
    monkeypatch.setenv("ENTMIN_CACHE", str(tmp_path))
    found = problem(PROBLEM, 0)
    found.gold["targets"] = "reference"
    return found


@pytest.fixture
def dev(tmp_path, monkeypatch):
    monkeypatch.setenv("ENTMIN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "scicode"
    folder.mkdir()
    lines = [json.dumps(PROBLEM | {"problem_id": str(n)}) for n in range(1, 16)]
    (folder / "problems_dev.jsonl").write_text("\n".join(lines))
    return tmp_path


def answer(**codes):
    return join_steps(
        {
            step["step_number"]: codes.get(name, step["ground_truth_code"])
            for step, name in zip(STEPS, ("one", "two"), strict=True)
        }
    )


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("codes", "parts"),
    [
        ({}, ["match", "match"]),
        ({"one": "def square(x):\n    return np.asarray(x) ** 3"}, ["wrong", "wrong"]),
        ({"one": "def square(x:"}, ["compile", "crash"]),
        ({"one": "def square(x):\n    return np.asarray(x) ** 2 + 0 * np.trapz([1, 1])"}, ["match", "match"]),
        ({"two": "def total(x):\n    return 1 / 0"}, ["match", "crash"]),
        pytest.param({"two": "def total(x):\n    while True: pass"}, ["match", "timeout"], marks=pytest.mark.slow),
        ({"one": "import os, signal\nos.kill(os.getppid(), 9)\ndef square(x): return 0"}, ["crash", "crash"]),
        ({"two": ""}, ["match", "no-code"]),
    ],
)
def test_verdicts_of_steps_and_problem(row, codes, parts):
    judged = judge_scicode(row, answer(**codes), rules_of(benchmark("scicode"), {"cpu_seconds": 2}))
    assert list(judged.parts.values()) == parts
    assert judged.verdict.correct is (parts == ["match", "match"])
    assert judged.verdict.reason == next((reason for reason in parts if reason != "match"), "match")


@pytest.mark.usefixtures("sandbox")
def test_a_program_sees_no_targets(row):
    spy = (
        "os = __import__('os')\nassert not os.path.exists('/data') and not os.path.exists('/tmp/targets.h5')\n"
        "assert 'FILES' not in globals() and 'target' not in globals()\n"
        "for place in os.listdir('/proc'):\n"
        "    if place.isdigit() and place != str(os.getpid()):\n"
        "        try: os.listdir(f'/proc/{place}/fd')\n"
        "        except PermissionError: pass\n"
        "        else: raise ValueError(place)\n"
        "for number in range(5, 1024):\n"
        "    try: os.fstat(number)\n"
        "    except OSError: pass\n"
        "    else: raise ValueError(number)\n"
    )
    judged = judge_scicode(row, answer(one=spy + STEPS[0]["ground_truth_code"]), rules_of(benchmark("scicode"), {}))
    assert list(judged.parts.values()) == ["match", "match"], judged.detail


@pytest.mark.usefixtures("sandbox")
def test_the_file_of_targets_holds_one_problem(row):
    import h5py

    judge_scicode(row, answer(), rules_of(benchmark("scicode"), {}))
    with h5py.File(targets_for(row)) as file:
        assert list(file) == ["1.1", "1.2"]


def test_blocks_without_headings_are_the_steps_in_order(row):
    text = "\n".join(f"```python\n{step['ground_truth_code']}\n```" for step in STEPS)
    assert [code.split("(")[0] for code in split_steps(row, text).values()] == ["def square", "def total"]


def test_what_a_test_compares_becomes_its_target():
    assert recording("x = 1\nassert np.allclose(f(x), target)") == "x = 1\ntarget = f(x)"
    assert recording("assert (a == b) == target") == "target = a == b"
    assert recording("assert p(f()[0], target[0]) and p(f()[1], target[1])") == "target = (f()[0], f()[1])"
    assert recording("assert f() == 1") == "assert f() == 1\ntarget = 0"


def test_the_three_supplied_steps():
    assert sorted(supplied()) == ["13.6", "62.1", "76.3"]
    assert "class Maxwell" in supplied()["13.6"] and "class EnlargedBlock" in supplied()["62.1"]
    steps = [dict(STEPS[0], step_number="13.6", test_cases=[]), dict(STEPS[1], step_number="13.7")]
    row = problem(PROBLEM | {"problem_id": "13", "sub_steps": steps}, 0)
    codes = split_steps(row, "```python\ndef total(x): pass\n```")
    assert codes == {"13.6": supplied()["13.6"], "13.7": "def total(x): pass"}


def test_prompts_feed_back_earlier_steps(row):
    [(_, system), (_, text)] = step_turns(row, "1.2", {"1.1": "def square(x): MINE"}, "paper", True)
    assert system == "You are a helpful assistant."
    assert "Square the numbers.\nBackground: squares.\n\ndef square(x): MINE" in text
    assert "Sum the squares.\n\n\ndef total(x):" in text and text.endswith("in format of ```python```.")
    [(_, first)] = step_turns(row, "1.1", {}, "clean", False)
    assert "squares." not in first and "def square(x):" in first and "{" not in first
    [(_, second)] = step_turns(row, "1.2", {"1.1": "def square(x): MINE"}, "clean", False)
    assert "MINE" in second


def test_a_copy_without_backgrounds_says_so():
    steps = [{key: value for key, value in step.items() if key != "step_background"} for step in STEPS]
    row = problem(PROBLEM | {"sub_steps": steps}, 0)
    with pytest.raises(UsageError, match="background=false"):
        step_turns(row, "1.1", {}, "paper", True)


def test_targets_that_are_not_the_published_ones_are_refused(tmp_path, monkeypatch):
    fake = tmp_path / "test_data.h5"
    fake.write_bytes(b"x")
    monkeypatch.setattr(Benchmark, "parts", lambda *_: Loaded((), {}))
    with pytest.raises(EntminError, match="checksum"):
        SCICODE.load(str(tmp_path), targets=str(fake))
    with pytest.raises(EntminError, match="no file of targets"):
        SCICODE.load(str(tmp_path), targets=str(tmp_path / "none.h5"))
    with pytest.raises(UsageError, match="unknown split"):
        SCICODE.load(None, split="train")


@pytest.mark.usefixtures("sandbox")
def test_the_task_asks_every_step_and_reports_both_rates(dev, mock_model, tmp_path):
    task = make(tasks()["scicode"], split="dev", data_dir=str(dev))
    assert task.metadata["solver"] == "entmin.evals.stepwise:stepwise" and task.metadata["split"] == "dev"
    seen = []
    task.solver = solver_for(task, 7, seen.append)
    blocks = [f"```python\n{step['ground_truth_code']}\n```" for step in STEPS]
    model = mock_model([*blocks, blocks[0], "no idea"])
    [log] = run_inspect(task, model=model, limit=2, max_samples=1, log_dir=str(tmp_path / "logs"), display="none")
    assert log.status == "success", log.error
    summary = summarize_log(log)
    assert len(seen) == 2 and summary["pass@1"]["value"] == 0.5 and summary["maj@k"] is None
    assert summary["sub-problems"]["n"] == 4 and summary["sub-problems"]["value"] == 0.75
    assert summary["reasons"] == {"match": 1, "no-code": 1}
    assert sum(message.role == "assistant" for message in log.samples[0].messages) == 2
