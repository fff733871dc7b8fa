"""Small copies of every data set in its Hub's columns, and a toy grader where none is installed yet."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from inspect_ai.model import Model, ModelOutput, ModelUsage, get_model

import entmin.grading
from entmin.tasks import answers, registry
from entmin.tasks.data import Contents
from entmin.verdict import Verdict

AOPS = "https://artofproblemsolving.com/wiki/index.php/"

HUB_RECORDS = {
    "math500": [
        {
            "problem": "What is $1+1$?",
            "solution": "It is $\\boxed{2}$.",
            "answer": "2",
            "subject": subject,
            "level": level,
            "unique_id": f"test/{subject.lower()}/{level}.json",
        }
        for subject, level in (("Algebra", 1), ("Geometry", 5), ("Algebra", 5))
    ],
    "amc": [
        {"id": 0, "problem": " P1", "answer": 142.0, "url": AOPS + "2022_AMC_12A_Problems/Problem_1"},
        {"id": 1, "problem": "P2", "answer": -4.0, "url": AOPS + "2022_AMC_12B_Problems/Problem_2"},
        {"id": 0, "problem": "P3", "answer": 27.0, "url": AOPS + "2023_AMC_12A_Problems/Problem_1"},
    ],
    "aime": [
        {"id": 0, "problem": "P1", "solution": "", "answer": "033", "url": AOPS + "2022_AIME_I_Problems/Problem_3"},
        {"id": 1, "problem": "P2", "solution": "", "answer": "116", "url": AOPS + "2024_AIME_II_Problems/Problem_15"},
    ],
    "aime24": [
        {
            "id": 60,
            "problem": "P1",
            "solution": "",
            "answer": "204",
            "url": AOPS + "2024_AIME_I_Problems/Problem_1",
            "year": "2024",
        },
    ],
    "aime25": [{"id": str(i), "problem": f"P{i}", "answer": "336^\\circ" if i == 17 else str(i)} for i in range(30)],
    "minerva_math": [{"question": "How far?", "answer": "1.6"}, {"question": "How hot?", "answer": "4.5e33"}],
    "olympiadbench": [
        {
            "id": 1606,
            "subfield": "Algebra",
            "context": None,
            "question": "Which $x$?",
            "solution": ["..."],
            "final_answer": ["$69$,$84$"],
            "is_multiple_answer": True,
            "unit": None,
            "answer_type": "Numerical",
            "error": None,
            "image_1": None,
            "modality": "Text-only",
        },
        {
            "id": 1607,
            "subfield": "Geometry",
            "context": "Let $AB = 1$.",
            "question": "How long is it?",
            "solution": ["..."],
            "final_answer": ["4.2"],
            "is_multiple_answer": False,
            "unit": "%",
            "answer_type": "Numerical",
            "error": "1e-1",
            "image_1": None,
            "modality": "Text-only",
        },
    ],
    "gsm8k": [{"question": "How many?", "answer": "2 * 700 = <<2*700=1400>>1400\n#### 1,400"}],
    "gpqa_diamond": [
        {
            "Question": " Which one? ",
            "Correct Answer": "right\n",
            "Incorrect Answer 1": "wrong 1",
            "Incorrect Answer 2": "wrong 2",
            "Incorrect Answer 3": "wrong 3",
            "Explanation": "...",
            "Subdomain": "Optics",
            "High-level domain": "Physics",
            "Record ID": f"rec{i}",
        }
        for i in range(8)
    ],
    "mmlu_pro": [
        {
            "question_id": 70,
            "question": "Which?",
            "options": [f"option {i}" for i in range(10)],
            "answer": "I",
            "answer_index": 8,
            "cot_content": "",
            "category": "law",
            "src": "x",
        },
        {
            "question_id": 71,
            "question": "And?",
            "options": ["yes", "no", "maybe"],
            "answer": "C",
            "answer_index": 2,
            "cot_content": "",
            "category": "math",
            "src": "y",
        },
    ],
    "arc_challenge": [
        {
            "id": "Mercury_1",
            "question": "Why?",
            "choices": {"text": ["a", "b", "c", "d"], "label": ["A", "B", "C", "D"]},
            "answerKey": "C",
        },
        {
            "id": "NYSEDREGENTS_1",
            "question": "How?",
            "choices": {"text": ["a", "b", "c"], "label": ["1", "2", "3"]},
            "answerKey": "3",
        },
    ],
}


def physics_record(index: int, language: str, **changed: object) -> dict[str, object]:
    return {
        "index": index,
        "domain": "Modern Physics",
        "subject": "Semiconductor Physics",
        "topic": "Transport",
        "problem": "How many carriers?",
        "solution": "...",
        "answers": "\\boxed{4.88 \\times 10^{23}}",
        "answer_type": "NV",
        "unit": "\\text{m}^{-3}",
        "is_multiple_answer": False,
        "language": language.upper(),
        "level": "Laws Application",
        **changed,
    }


def write_jsonl(path: Path, records: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")


@pytest.fixture
def mock_model():
    """A function from replies to a model that gives them in turn."""
    return _mock_model


def _mock_model(replies: list[str], stop_reason: str = "stop") -> Model:
    outputs = [ModelOutput.from_content("mockllm", reply, stop_reason=stop_reason) for reply in replies]
    for output in outputs:
        # Without a usage, Inspect's mock model fetches a tokenizer from the network to count.
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return get_model("mockllm/model", custom_outputs=outputs)


@pytest.fixture(autouse=True)
def no_mirror_of_the_environment(monkeypatch):
    monkeypatch.delenv("ENTMIN_DATA", raising=False)


def accept(monkeypatch, name, *accepted):
    """Let every part of a data set hold what is said, and nothing else."""
    known = registry.benchmark(name)
    parts = tuple(replace(part, accepted=accepted) for part in known.source.parts)
    monkeypatch.setitem(registry._found(), name, replace(known, source=replace(known.source, parts=parts)))


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror folder with a few rows of every data set, which the sources then expect."""
    for name, records in HUB_RECORDS.items():
        write_jsonl(tmp_path / registry.benchmark(name).source.folder / "test.jsonl", records)
        accept(monkeypatch, name, Contents(len(records)))
    physics = registry.benchmark("ugphysics").source
    for part in physics.parts:
        subject, language = part.name.split("/")
        changed = {"subject": subject}
        records = [
            physics_record(1, language, **changed),
            physics_record(2, language, answers="\\boxed{a, b}", answer_type="EX, EX", unit="None, None", **changed)
            | {"is_multiple_answer": True},
        ]
        number = physics.parts.index(part) // 2
        records = [record | {"index": 10 * number + i} for i, record in enumerate(records)]
        write_jsonl(tmp_path / "ugphysics" / subject / f"{language}.jsonl", records)
    accept(monkeypatch, "ugphysics", Contents(2))
    return tmp_path


def _toy_grade(task, prediction, gold, *, grader="entmin"):
    _, mark, tail = prediction.rpartition("\\boxed{")
    answer = tail.rpartition("}")[0].strip() if mark else None
    reason = "no-answer" if answer is None else "match" if answer == ", ".join(gold.answers) else "wrong"
    return Verdict(reason == "match", answer, reason, "toy", "0")


@pytest.fixture
def toy_grader(monkeypatch):
    """Exact match on the last box, so that these tests say nothing about the grader."""
    monkeypatch.setattr(answers, "equivalent", lambda task, a, b: a == b)
    for name, function in {
        "grade": _toy_grade,
        "grade_many": lambda rows, **options: (_toy_grade(*row) for row in rows),
    }.items():
        monkeypatch.setattr(entmin.grading, name, function, raising=False)


@pytest.fixture(scope="session")
def sandbox():
    """The real sandbox; its absence is a failure in CI and a reason to skip elsewhere."""
    from entmin.errors import EntminError
    from entmin.sandbox import open_sandbox

    try:
        return open_sandbox()
    except EntminError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the sandbox does not work here: {error}")
