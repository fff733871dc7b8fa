"""What an evaluation reads is what it says, and what could fail at its end fails at its start. Real command."""

from __future__ import annotations

import json

import pytest
from tests import templates, tiny

SMALL = ("--max-tokens", "6", "--threads", "1", "--device", "cpu")
GSM = [{"question": f"What is {n} + {n}?", "answer": f"So #### {2 * n}", "hint": "none"} for n in range(4)]


def read_of(folder):
    [path] = folder.glob("results/*/*/*-*/read.json")
    found = json.loads(path.read_text())
    assert json.loads((path.parent / "summary.json").read_text())["read"] == found
    return found


def problems(folder, rows, name="mine.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_run_says_and_keeps_what_it_read(entmin_here, tiny_llama):
    rows = [{"question": f"{n} + 1?", "answer": n + 1, "hint": "x"} for n in range(6)]
    path = problems(entmin_here.folder, rows)
    done = entmin_here("eval", tiny_llama, *SMALL, "--task", path, "--judge", "math", "--limit", "4")
    said = done.stderr
    assert "data: 4 of 6 problems of mine.jsonl (file); read: question, answer; answers: 4 math" in said
    assert "columns that are not read: hint" in said
    assert "tokens of a context of 512; prompt clean, in the model's chat template" in said
    assert "judged by: graded (task=math, grader=entmin)" in said
    found = read_of(entmin_here.folder)
    assert (found["asked"], found["there"], found["answers"]) == (4, 6, {"math": 4})
    assert found["data"]["columns_not_read"] == ["hint"]
    assert found["prompt_tokens"][0] <= found["prompt_tokens"][1] < found["context"] == 512
    again = entmin_here("eval", tiny_llama, *SMALL, "--task", path, "--judge", "math", "--limit", "4")
    assert "data: " not in again.stderr


def test_columns_of_a_data_set_that_nothing_is_read_from_are_named(entmin, tiny_llama, monkeypatch):
    from entmin.tasks.data import Contents, Part, load
    from entmin.tasks.gsm8k import GSM8K

    folder = entmin.folder / "gsm8k"
    folder.mkdir()
    problems(folder, GSM, "test.jsonl")
    [part, *_] = GSM8K.source.parts
    source = type(GSM8K.source)(
        hub="x/y", folder="gsm8k", licence="mit", parts=(Part(accepted=(Contents(4),), split="test", files=part.files),)
    )
    record = load("gsm8k", source, GSM8K.problem, str(entmin.folder)).record
    assert record["columns"] == ["question", "answer"] and record["columns_not_read"] == ["hint"]


def test_switches_dates_and_plain_text_are_told(entmin_here, tmp_path):
    for name, template, words in [
        ("qwen", templates.QWEN3, "(enable_thinking not set)"),
        ("dated", templates.DATED, "(its date held at 2024-07-26)"),
        ("plain", None, "as plain text: the model has no chat template"),
    ]:
        folder = tiny.save(tmp_path / name)
        tokenizer = tiny.tokenizer()
        tokenizer.chat_template = template
        (folder / "chat_template.jinja").unlink()
        tokenizer.save_pretrained(folder)
        assert words in entmin_here("eval", folder, *SMALL, "--limit", "2").stderr
    told = ("--chat-template-kwargs", '{"enable_thinking": false}')
    assert "(enable_thinking = False)" in entmin_here("eval", tmp_path / "qwen", *SMALL, *told, "--limit", "2").stderr


def test_a_date_is_part_of_a_run_and_does_not_move(entmin_here, tmp_path):
    folder = tiny.save(tmp_path / "dated")
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = templates.DATED
    (folder / "chat_template.jinja").unlink()
    tokenizer.save_pretrained(folder)
    entmin_here("eval", folder, *SMALL, "--limit", "2", "--quiet")
    told = ("--chat-template-kwargs", '{"strftime_now": "2025-01-01"}')
    entmin_here("eval", folder, *SMALL, "--limit", "2", "--quiet", *told)
    found = [json.loads(path.read_text()) for path in entmin_here.folder.glob("results/dated/normal/*/settings.json")]
    assert sorted(one["chat_template_kwargs"]["strftime_now"] for one in found) == ["2024-07-26", "2025-01-01"]
    bad = ("--chat-template-kwargs", '{"strftime_now": "today"}')
    assert "must be a date" in entmin_here("eval", folder, *SMALL, *bad, "--limit", "2", code=2).stderr


@pytest.mark.parametrize("verb", ["eval", "compare", "settle"])
def test_prompts_without_room_for_an_answer_are_counted_before_anything_is_asked(entmin_here, tiny_llama, verb):
    rows = [{"id": str(n), "question": "long " * (200 if n == 3 else 1) + str(n), "answer": n} for n in range(24)]
    path = problems(entmin_here.folder, rows)
    options = ("--pilot", "10") if verb == "settle" else ()
    done = entmin_here(verb, tiny_llama, *SMALL, "--task", path, "--judge", "math", *options, code=2)
    assert "1 of 24 prompts leave no room for an answer in the model's context of 512 tokens: 3 (" in done.stderr
    assert not list(entmin_here.folder.glob("results/**/*.*"))
    if verb == "eval":
        entmin_here(verb, tiny_llama, *SMALL, "--task", path, "--judge", "math", "--limit", "3")


def test_answers_with_less_room_than_asked_for_are_counted(entmin_here, tiny_llama):
    done = entmin_here("eval", tiny_llama, *SMALL[2:], "--max-tokens", "500", "--limit", "2")
    assert "answers: 2 problems leave less room than 500 tokens in the context" in done.stderr


def test_repeated_questions_are_counted(tiny_llama, entmin_here):
    path = entmin_here.folder / "mine.py"
    path.write_text(
        "from inspect_ai import Task, task\nfrom inspect_ai.dataset import Sample\n"
        "from inspect_ai.scorer import includes\n\n@task\ndef mine():\n"
        "    return Task([Sample('1?', target='1') for _ in range(3)], scorer=includes())\n"
    )
    done = entmin_here("eval", tiny_llama, *SMALL, "--task", f"{path}@mine")
    assert "2 problems repeat the question of another" in done.stderr and "judged by: includes" in done.stderr
    assert "inspect_ai/includes" not in done.stderr


@pytest.mark.parametrize("verb", ["eval", "compare", "settle"])
def test_results_that_cannot_be_written_are_refused_before_the_model_is_loaded(entmin_here, verb):
    (entmin_here.folder / "taken").write_text("a file")
    done = entmin_here(verb, entmin_here.folder / "no-model-at-all", "--results", "taken/here", code=1)
    assert "cannot write in" in done.stderr and "--results" in done.stderr


@pytest.mark.parametrize(
    "command", [("settle", "M"), ("reproduce", "table2", "--model", "M"), ("report", "no-run")], ids=lambda one: one[0]
)
def test_a_page_that_cannot_be_written_is_refused_at_the_start(entmin_here, tiny_llama, command):
    (entmin_here.folder / "taken").write_text("a file")
    line = [tiny_llama if word == "M" else word for word in command]
    done = entmin_here(*line, "--output", "taken/page.html", code=1)
    assert "cannot write in" in done.stderr and "--output" in done.stderr
    assert not (entmin_here.folder / "results").exists()


@pytest.mark.parametrize("verb", ["compare", "settle"])
def test_figures_that_cannot_be_drawn_are_refused_at_the_start(entmin, tiny_llama, verb):
    done = entmin(verb, tiny_llama, *SMALL, "--limit", "4", code=1, MPLBACKEND="no-such-backend")
    assert "figures cannot be drawn" in done.stderr and "MPLBACKEND" in done.stderr
    assert not (entmin.folder / "results").exists()


def test_a_judge_that_does_not_answer_is_refused_before_anything_is_generated(
    entmin_here, tiny_llama, mirror, monkeypatch
):
    monkeypatch.setenv("LOCAL_API_KEY", "none")
    monkeypatch.setenv("LOCAL_BASE_URL", "http://127.0.0.1:9/v1")
    done = entmin_here(
        "eval", tiny_llama, *SMALL, "--task", "ugphysics", "-T", "judge=openai-api/local/judge", "--limit", "2",
        "--data-dir", mirror, code=1,
    )  # fmt: skip
    assert "ugphysics_judge cannot judge" in done.stderr and "nothing was generated" in done.stderr
    assert not (entmin_here.folder / "results").exists()
