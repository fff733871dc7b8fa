"""Few-shot prompts: examples of a training split, never of what is asked."""

import json

import pytest

from entmin.errors import EntminError, UsageError
from entmin.tasks.on_inspect.task import make
from entmin.tasks.registry import benchmark


def rows(path, written):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in written))


@pytest.fixture
def sized(monkeypatch):
    """Sets as small as a test writes them; the real counts are checked by the real sets."""
    monkeypatch.setattr("entmin.tasks.data._check", lambda *args: True)


def turns(task, i):
    return [(turn.role, turn.text) for turn in task.dataset[i].input]


def test_gsm8k_shows_worked_solutions_of_its_training_split(tmp_path, sized):
    asked = [{"question": f"How much is {n} + 1?", "answer": f"So. #### {n + 1}"} for n in range(3)]
    train = [
        {"question": f"How much is {n} + 2?", "answer": f"{n} + 2 = <<{n}+2={n + 2}>>{n + 2}.\n#### {n + 2}"}
        for n in range(9)
    ]
    train.insert(0, {"question": "How  much is 1 + 1?", "answer": "#### 2"})
    rows(tmp_path / "gsm8k/test.jsonl", asked)
    info = benchmark("gsm8k")
    with pytest.raises(EntminError, match=r"no gsm8k/train\.jsonl"):
        make(info, data_dir=str(tmp_path), shots=2)
    rows(tmp_path / "gsm8k/train.jsonl", train)
    task = make(info, data_dir=str(tmp_path), shots=2, system="Be brief.")
    (system, *examples, question) = turns(task, 1)
    assert system == ("system", "Be brief.")
    assert [role for role, _ in examples] == ["user", "assistant"] * 2
    assert examples[0][1].startswith("How much is 0 + 2?"), "the repeated problem is left out"
    assert examples[1][1] == "0 + 2 = 2.\n\n\\boxed{2}"
    assert question[1].startswith("How much is 1 + 1?")
    assert task.metadata["shots"]["count"] == 2 and task.metadata["shots"]["split_rows"] == 9
    paper = make(info, data_dir=str(tmp_path), shots=1, prompt="paper")
    assert [role for role, _ in turns(paper, 0)] == ["system", "user", "assistant", "user"]
    with pytest.raises(UsageError, match="a system turn of its own"):
        make(info, data_dir=str(tmp_path), prompt="paper", system="Be brief.")
    with pytest.raises(UsageError, match="9 examples; lower --shots 10"):
        make(info, data_dir=str(tmp_path), shots=10)


def test_examples_of_a_choice_are_of_the_questions_subject_with_options_as_their_solutions_name_them(tmp_path, sized):
    def question(n, subject, **more):
        return {
            "question_id": n, "question": f"Q{n}?", "options": ["x", "y", "z"], "answer": "B", "answer_index": 1,
            "category": subject, "src": "s", **more,
        }  # fmt: skip

    rows(tmp_path / "mmlu_pro/test.jsonl", [question(1, "law"), question(2, "math")])
    worked = "A: Let's think step by step. It is y. The answer is (B)."
    shown = [question(10 + i, "law" if i % 2 else "math", cot_content=worked) for i in range(4)]
    rows(tmp_path / "mmlu_pro/validation.jsonl", shown)
    task = make(benchmark("mmlu_pro"), data_dir=str(tmp_path), shots=2)
    law = turns(task, 0)
    assert [text.partition("?")[0] for role, text in law if role == "user"] == ["Q11", "Q13", "Q1"]
    assert "A. x\nB. y\nC. z" in law[0][1]
    assert law[1][1] == f"{worked.removeprefix('A: ')}\n\n\\boxed{{B}}"


@pytest.mark.parametrize("name", ["arithmetic", "number_sequence"])
def test_procedural_examples_are_of_the_same_shape_and_of_no_problem_that_is_asked(name):
    task = make(benchmark(name), shots=4, size=100)
    asked = {turns(task, i)[-1][1] for i in range(100)}
    for i in range(100):
        before = turns(task, i)[:-1]
        assert not asked & {text for role, text in before if role == "user"}
        assert all(text.lstrip("-").isdigit() for role, text in before if role == "assistant")
    boxed = make(benchmark(name), shots=1, size=3, prompt="clean")
    assert turns(boxed, 0)[1][1].startswith("\\boxed{")


def test_tasks_without_a_training_split_say_so(tmp_path):
    rows(tmp_path / "p.jsonl", [{"question": "1 + 1?", "answer": "2"}])
    from entmin.tasks.registry import resolve

    (info,) = resolve(str(tmp_path / "p.jsonl"), "math")
    with pytest.raises(UsageError, match="has no training split"):
        make(info, shots=1)
    assert turns(make(info, system="Be brief."), 0)[0] == ("system", "Be brief.")
