"""A run grows: what is finished is never computed again, whatever --limit and --epochs say. Real command."""

import json
from pathlib import Path

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log

SMALL = ("--max-tokens", "8", "--threads", "1", "--quiet", "--json")


def run(entmin_here, model, *size):
    """(problems, samples, generated now, answers) of a run of this size."""
    [summary] = json.loads(entmin_here("eval", model, *SMALL, *size).stdout)
    (folder,) = (entmin_here.folder / "results/tiny-llama/normal").iterdir()
    sessions = folder / "sessions.jsonl"
    rows = [json.loads(line) for line in sessions.read_text().splitlines()]
    return summary["results"]["problems"], summary["results"]["samples"], sum(row["completed"] for row in rows)


def answers(entmin_here) -> dict:
    (folder,) = (entmin_here.folder / "results/tiny-llama/normal").iterdir()
    return {
        (sample.id, sample.epoch): sample.output.completion
        for info in reversed(list_eval_logs(str(folder / "logs")))
        for sample in read_eval_log(info).samples
    }


@pytest.mark.slow
def test_a_run_grows_in_problems_and_in_samples_and_a_smaller_one_is_read(entmin_here, tiny_llama):
    assert run(entmin_here, tiny_llama, "--limit", "3") == (3, 3, 3)
    first = answers(entmin_here)
    assert run(entmin_here, tiny_llama, "--limit", "6") == (6, 6, 6), "three more"
    assert run(entmin_here, tiny_llama, "--limit", "6", "--epochs", "2") == (6, 12, 12), "six more"
    assert run(entmin_here, tiny_llama, "--limit", "2") == (2, 2, 12), "nothing"
    assert run(entmin_here, tiny_llama, "--limit", "4", "--epochs", "2") == (4, 8, 12), "nothing"
    assert answers(entmin_here).items() >= first.items()


def test_samples_of_two_shapes_come_together(entmin_here, tiny_llama):
    assert run(entmin_here, tiny_llama, "--limit", "6") == (6, 6, 6)
    assert run(entmin_here, tiny_llama, "--limit", "2", "--epochs", "3") == (2, 6, 10), "two of the six were there"
    assert run(entmin_here, tiny_llama, "--limit", "6") == (6, 6, 10), "nothing was lost"
    assert run(entmin_here, tiny_llama, "--limit", "6", "--epochs", "3") == (6, 18, 18)
    (folder,) = (entmin_here.folder / "results/tiny-llama/normal").iterdir()
    assert len(list_eval_logs(str(folder / "logs"))) == 1


def test_a_grown_run_is_the_run_that_was_asked_for_at_once(entmin_here, tiny_llama):
    run(entmin_here, tiny_llama, "--limit", "2", "--dtype", "float32")
    run(entmin_here, tiny_llama, "--limit", "4", "--epochs", "2", "--dtype", "float32")
    grown = answers(entmin_here)
    entmin_here.folder = Path(entmin_here.folder) / "fresh"
    entmin_here.folder.mkdir()
    run(entmin_here, tiny_llama, "--limit", "4", "--epochs", "2", "--dtype", "float32")
    assert answers(entmin_here) == grown


TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import exact, includes

QUESTIONS = {questions}

@task
def toy():
    return Task([Sample(q, target=t) for q, t in QUESTIONS], scorer={scorer}())
"""


def test_an_edited_file_or_scorer_is_another_run_and_the_old_one_is_named(entmin_here, tiny_llama):
    file = entmin_here.folder / "mine.py"

    def ask(questions, scorer="includes"):
        file.write_text(TASK.format(questions=questions, scorer=scorer))
        return entmin_here("eval", tiny_llama, *SMALL, "--task", f"{file}@toy")

    folders = entmin_here.folder / "results/tiny-llama/normal"
    first = json.loads(ask([("1+1?", "2"), ("2+2?", "4")]).stdout)[0]
    assert first["results"]["problems"] == 2
    ask([("1+1?", "2"), ("2+2?", "4")])
    assert len(list(folders.iterdir())) == 1
    changed = ask([("1+1?", "2"), ("2+2?", "5")])
    assert len(list(folders.iterdir())) == 2
    assert "questions, golds or scorer were others" in changed.stdout
    ask([("1+1?", "2"), ("2+2?", "4")], "exact")
    assert len(list(folders.iterdir())) == 3


@pytest.mark.parametrize(("task", "message"), [("no.py@toy", "no such file"), ("entmin/nothing", "installed: entmin/"),
                                               ("nowhere/nothing", "no package 'nowhere'")])  # fmt: skip
def test_a_task_that_is_not_there_is_one_message(entmin_here, tiny_llama, task, message):
    done = entmin_here("eval", tiny_llama, *SMALL, "--task", task, code=2)
    assert message in done.stderr
    assert not (entmin_here.folder / "results").exists()
