"""Anybody's Inspect task under the same runner, with its own scorer and solver. Real command, tiny model."""

import json

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log

from entmin.evals.scores import correct

SMALL = ("--max-tokens", "8", "--threads", "1", "--quiet")

FILE = """
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import Score, accuracy, exact, includes, scorer, stderr
from inspect_ai.solver import generate, prompt_template, system_message

QUESTIONS = [Sample(f"{i} + 1?", target=str(i + 1)) for i in range(6)]


def giving(value):
    @scorer(metrics=[accuracy()])
    def one():
        async def score(state, target):
            return Score(value=value(len(state.output.completion) + int(state.sample_id)), answer="x")
        return score
    return one()


def of(judge):
    return Task(list(QUESTIONS), scorer=judge)


@task
def letters():
    return of(giving(lambda n: "CIPN"[n % 4]))


@task
def entries():
    return of(giving(lambda n: {"accuracy": n % 2, "style": 7}))


@task
def parts():
    return of(giving(lambda n: (n % 5) / 4))


@task
def several():
    return of([includes(), exact()])


@task
def ratings():
    return of(giving(lambda n: "rather good"))


@task
def moods():  # its values say something of an empty answer and of the target only
    @scorer(metrics=[accuracy()])
    def mood():
        async def score(state, target):
            made_up = state.output.completion in ("", target.text)
            return Score(value=0 if made_up else "rather good", answer="x")
        return score
    return of(mood())


@task
def asking():
    @scorer(metrics=[accuracy()])
    def asked():
        async def score(state, target):
            Path("asked.txt").open("a").write("asked\\n")
            await get_model().generate(state.output.completion or "nothing")
            return Score(value="C", answer="x")
        return score
    return of(asked())


@task
def unjudged():
    return Task(list(QUESTIONS))


@task
def prompted(words: str = "be brief"):
    return Task(list(QUESTIONS), scorer=includes(),
                solver=[system_message(words), prompt_template("Q: {prompt}"), generate()])
"""


@pytest.fixture
def file(entmin_here):
    path = entmin_here.folder / "mine.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize(
    "name", ["letters", *(pytest.param(name, marks=pytest.mark.slow) for name in ("entries", "parts", "several"))]
)
def test_a_strangers_scorer_judges(entmin_here, tiny_llama, file, name):
    done = entmin_here(
        "compare", tiny_llama, *SMALL, "--task", f"{file}@{name}", "--methods", "normal,greedy", "--json"
    )
    rows = json.loads(done.stdout)["rows"]
    assert [row["accuracy"]["n"] for row in rows] == [6, 6]
    assert rows[1]["difference"]["n"] == 6
    assert rows[0]["not_judged"] == 0
    summaries = list(entmin_here.folder.glob(f"results/*/normal/mine@{name}-*/summary.json"))
    results = json.loads(summaries[0].read_text())["results"]
    assert results["other_scorers"] == (["exact"] if name == "several" else [])
    assert results["scorer"] == ("includes" if name == "several" else "one")


def test_without_a_scorer_nothing_is_generated(entmin_here, tiny_llama, file):
    done = entmin_here("eval", tiny_llama, *SMALL, "--task", f"{file}@unjudged", code=2)
    assert "has no scorer" in done.stderr
    assert not (entmin_here.folder / "results").exists()


@pytest.mark.parametrize("verb", ["eval", "compare"])
def test_a_scorer_that_says_nothing_is_refused_before_a_token_is_generated(entmin_here, tiny_llama, file, verb):
    done = entmin_here(verb, tiny_llama, *SMALL, "--task", f"{file}@ratings", code=2)
    assert "scorer 'one' gave 'rather good' to a made-up answer, which is neither right or wrong" in done.stderr
    assert not (entmin_here.folder / "results").exists()


def test_a_scorer_that_asks_a_model_is_not_tried(entmin_here, tiny_llama, file):
    done = entmin_here("eval", tiny_llama, *SMALL, "--task", f"{file}@asking", "--limit", "2", "--json")
    assert json.loads(done.stdout)[0]["results"]["pass@1"]["value"] == 1
    # Once more than there are answers: the trial ended at the model.
    assert (entmin_here.folder / "asked.txt").read_text().split() == ["asked"] * 3


def test_values_that_say_nothing_are_named_and_the_answers_kept(entmin_here, tiny_llama, file):
    done = entmin_here("eval", tiny_llama, *SMALL, "--task", f"{file}@moods", code=1)
    assert "'rather good', which is neither right or wrong" in done.stderr
    assert len(list(entmin_here.folder.glob("results/*/*/*/logs/*.eval"))) == 1


def test_its_own_solver_writes_the_prompt_and_answers_have_their_own_seeds(entmin_here, tiny_llama, file):
    entmin_here("eval", tiny_llama, *SMALL, "--task", f"{file}@prompted", "-T", "words=hush", "--epochs", "2")
    (logs,) = entmin_here.folder.glob("results/*/*/*/logs")
    samples = read_eval_log(list_eval_logs(str(logs))[0]).samples
    assert samples[0].messages[0].text == "hush"
    assert samples[0].messages[1].text == "Q: 0 + 1?"
    assert len({sample.output.completion for sample in samples if sample.id == 1}) == 2


@pytest.mark.slow
def test_several_tasks_of_a_file_are_listed_and_a_strategy_asks_several_times(entmin_here, tiny_llama, file):
    done = entmin_here("eval", tiny_llama, *SMALL, "--task", str(file), code=2)
    assert "say which" in done.stderr
    assert f"{file}@letters" in done.stderr
    entmin_here("eval", tiny_llama, *SMALL, "--task", f"{file}@letters", "--mode", "best_of_n:n=2")
    done = entmin_here("eval", tiny_llama, *SMALL, "--task", f"{file}@letters", "-T", "loud=1", code=2)
    assert "'mine@letters' has no option loud" in done.stderr


def test_a_registered_task_of_ours_is_one_too(entmin_here, tiny_llama):
    entmin_here("eval", tiny_llama, *SMALL, "--task", "entmin/arithmetic", "--limit", "2")
    assert list(entmin_here.folder.glob("results/*/normal/entmin__arithmetic-*"))


@pytest.mark.parametrize(
    ("value", "verdict"),
    [("C", True), ("I", False), ("P", 0.5), ("N", False), ("yes", True), ("False", False), ("0.25", 0.25), (1, True),
     (0.0, False), ({"x": 1, "correct": 0}, False), ({"a": "C"}, True), (7, None), ("good", None), ([1], None),
     (float("nan"), None), ({}, None), (True, True)],
)  # fmt: skip
def test_values_are_read_as_inspect_reads_them(value, verdict):
    from inspect_ai.scorer import Score

    found = correct(Score(value=value))
    assert found == verdict
    assert type(found) is type(verdict)
