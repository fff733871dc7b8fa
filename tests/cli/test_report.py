"""`entmin report`: pages from what eval, compare, settle and train have left, without a model."""

import json
import shutil

import pytest

SMALL = ("--limit", "10", "--max-tokens", "12", "--threads", "1", "--quiet")


def page_of(entmin_here, *runs, code=0):
    done = entmin_here("report", *runs, "-o", "page.html", code=code)
    return done, (entmin_here.folder / "page.html").read_text() if code == 0 else ""


def training_run(folder):
    """What a run of three steps leaves, its verdicts chosen."""
    (folder / "evals").mkdir(parents=True)
    rows = [{"step": i, "entropy": 2.0 - 0.5 * i, "reward": -2.0 + i, "length": 9.0} for i in (1, 2, 3)]
    (folder / "curves.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "run.json").write_text(json.dumps({"method": "em-rl", "reward": "sum-entropy", "max_tokens": 24}))
    (folder / "watch.json").write_text(json.dumps({"alarms": [{"rule": "kl-cap", "step": 2, "message": "KL is 0.6"}]}))
    estimate = {"n": 12, "low": 0.1, "high": 0.9}
    for step, right in ((0, 1), (3, 10)):
        answers = [
            {"id": f"p{i}", "sample": sample, "correct": i < right, "text": "<script>alert(1)</script>", "tokens": 5}
            for i in range(12)
            for sample in (0, 1, "greedy")
        ]
        (folder / "evals" / f"step-{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
        measured = {name: estimate | {"value": right / 12} for name in ("pass@1", "pass@2", "greedy")}
        row = measured | {"step": step, "problems": 12, "k": 2, "length": 9, "entropy": 2 - step / 2, "clipped": 0.5}
        with (folder / "evals.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")


def test_one_run_of_eval_is_its_accuracy_and_no_more(entmin_here, tiny_llama):
    entmin_here("eval", tiny_llama, *SMALL)
    [run] = (entmin_here.folder / "results/tiny-llama/normal").iterdir()
    done, html = page_of(entmin_here, run)
    assert f"{tiny_llama} with normal is right in" in done.stdout
    assert "n = 10 problems" in done.stdout
    for word in ("baseline", "better", "differ"):
        assert word not in done.stdout
    assert "Some answers" in html and "Lengths" in html and "max tokens" in html


@pytest.mark.slow
def test_runs_of_eval_are_compared_with_the_first_and_pass_at_k_stands_beside_distinct_answers(entmin_here, tiny_llama):
    for mode in ("normal", "greedy", "em_inf"):
        entmin_here("eval", tiny_llama, *SMALL, "--samples", "2", "--mode", mode)
    results = entmin_here.folder / "results/tiny-llama"
    runs = [next((results / mode).iterdir()) for mode in ("greedy", "normal", "em_inf")]
    done, html = page_of(entmin_here, *runs)
    assert "from greedy" in done.stdout or "than greedy" in done.stdout
    for words in (
        "Difference to greedy", "Accuracy against entropy", "the plain model at 2 temperatures",
        "Accuracy against tokens", "pass@2 against distinct answers", "Lengths", "10x2", "plain sharpening",
    ):  # fmt: skip
        assert words in html
    # Moved elsewhere, and without the model, the page is the same.
    shutil.copytree(entmin_here.folder / "results", entmin_here.folder / "moved")
    moved = [entmin_here.folder / "moved" / run.relative_to(entmin_here.folder / "results") for run in runs]
    assert page_of(entmin_here, *moved)[0].stdout == done.stdout


@pytest.mark.slow
def test_a_comparison_is_shown_as_it_was_although_a_run_has_grown(entmin_here, tiny_llama):
    entmin_here("compare", tiny_llama, *SMALL, "--methods", "normal,greedy")
    [folder] = (entmin_here.folder / "results/tiny-llama/compare").iterdir()
    before = (folder / "report.html").read_text()
    assert page_of(entmin_here, folder)[1] == before
    entmin_here("eval", tiny_llama, *SMALL, "--limit", "14")
    done, _ = page_of(entmin_here, folder)
    assert "n = 10 problems" in done.stdout


def test_a_settled_question_keeps_its_verdict_and_plan(entmin_here, tiny_llama):
    asked = ("--pilot", "12", *SMALL, "--rivals", "normal", "--frontier", "1,0", "--voting", "0")
    entmin_here("settle", tiny_llama, *asked)
    [plan] = (entmin_here.folder / "results/tiny-llama/settle").glob("*/*/plan.json")
    before = (plan.parent / "report.html").read_text()
    assert page_of(entmin_here, plan.parent)[1] == before
    noted = json.loads((plan.parent / "runs.json").read_text())
    (plan.parent / "runs.json").write_text(json.dumps(noted | {"problems": noted["problems"][1:]}))
    done, _ = page_of(entmin_here, plan.parent, code=1)
    assert "does not name the problems of the plan" in done.stderr


def test_training_says_what_changed_with_its_reward_and_alarms(entmin_here, tmp_path):
    training_run(tmp_path / "one")
    done, html = page_of(entmin_here, tmp_path / "one")
    said = "one: 3 steps of em-rl with reward sum-entropy moved entropy from 2.00 to 0.50 nats per token"
    assert said in done.stdout
    assert "pass@1 from 8.3 to 83.3 %" in done.stdout and "+75.0" in done.stdout and "12 held-out" in done.stdout
    for words in ("Reward: sum-entropy", "kl-cap at step 2", "KL is 0.6", "greedy, step 3", "Held-out accuracy"):
        assert words in html
    assert "<script>alert" not in html


@pytest.mark.slow
def test_several_kinds_stand_together_and_training_alone_claims_no_accuracy(entmin_here, tiny_llama, tmp_path):
    training_run(tmp_path / "a")
    training_run(tmp_path / "b")
    (tmp_path / "b/evals.jsonl").unlink()
    entmin_here("eval", tiny_llama, *SMALL)
    [run] = (entmin_here.folder / "results/tiny-llama/normal").iterdir()
    done, html = page_of(entmin_here, tmp_path / "a", run, tmp_path / "b")
    assert "2 reports on one page" in html
    assert "accuracy was not measured on held-out problems" in html
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nowhere", "is no folder"),
        ("results", "name one or several of those below it"),
        ("empty", "holds no results"),
        ("results/tiny-llama/normal/arithmetic-1", "is missing, so the run in that folder is not finished"),
    ],
)
def test_what_is_no_run_is_one_message(entmin_here, what, words):
    (entmin_here.folder / "empty").mkdir()
    unfinished = entmin_here.folder / "results/tiny-llama/normal/arithmetic-1"
    unfinished.mkdir(parents=True)
    (unfinished / "settings.json").write_text("{}")
    done, _ = page_of(entmin_here, entmin_here.folder / what, code=2)
    assert words in done.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("summary.json", "{}", "it has no settings"),
        ("summary.json", '{"settings": 3}', "it has no settings"),
        ("comparison.json", '{"rows": [{"task": "x"}]}', "damaged or of another version"),
        ("run.json", "[]", "it is no JSON object"),
    ],
)
def test_a_damaged_record_is_named_and_is_no_defect(entmin_here, tiny_llama, name, content, words):
    if name == "summary.json":
        entmin_here("eval", tiny_llama, *SMALL)
        [path] = entmin_here.folder.glob("results/*/normal/*/summary.json")
    else:
        path = entmin_here.folder / "a/b/c/d" / name
        path.parent.mkdir(parents=True)
    path.write_text(content)
    done = entmin_here("report", path.parent, code=1)
    assert words in done.stderr and name in done.stderr and "defect" not in done.stderr


def test_sessions_that_cannot_be_read_are_counted(entmin_here, tiny_llama):
    entmin_here("eval", tiny_llama, *SMALL)
    [path] = entmin_here.folder.glob("results/*/normal/*/sessions.jsonl")
    path.write_text(path.read_text() + "{}\n[1]\n")
    assert "2 sessions cannot be read" in entmin_here("eval", tiny_llama, *SMALL).stderr
