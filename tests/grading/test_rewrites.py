"""The grader's own exam, on a table of golds of every shape, and on whole data sets where they are at hand."""

import json
import os
from pathlib import Path

import pytest

from entmin.grading import Gold, grade_many
from entmin.grading.judge import judge
from entmin.grading.rewrites import corruptions, named_corruptions, named_rewritings, rewritings
from entmin.tasks.answers import gold_for
from entmin.tasks.registry import benchmark

GOLDS = [
    Gold("integer", ("33",)),
    Gold("integer", ("-4",)),
    Gold("integer", ("12345",)),
    *(
        Gold("math", (answer,))
        for answer in (
            r"\frac{11}{2}", "18.90", ".0000672", r"12\pi", r"\frac{\sqrt{3}}{3}", "6+9i", r"137\frac{1}{2}", "[-2,7]",
            r"(-\sqrt{3},\sqrt{3})", r"(-\infty,2)\cup(3,\infty)", "-2,1", "3,5,7",
            r"\{1\pm\sqrt{5},-2\}", "(1,-16,-4,43)", "11,111,111,100", "4210_{5}", "Evelyn", "y=-2x", "5x-7y+11z+4=0",
            r"\begin{pmatrix}-1/3\\2/3\\5/3\end{pmatrix}", r"\cotx", "x^3+3x-6", "62.5%",
            r"k \geqslant 2", r"(-\infty, 0) \cup\{1\}.", r"\left\lfloor\log _{2} n\right\rfloor+1",
            r"\frac{100!}{2^{50}}", "f(x)=2x", "0", "3:4",
        )
    ),
    Gold("math", ("4.5e33",), rounded=True),
    Gold("math", (r"4.2\%",), units=("%",), tolerance=0.1),
    Gold("math", ("69", "84")),
    Gold("math", ("(2,32)", "(8,18)")),
    Gold("physics", (r"4.88 \times 10^{23}",), ("NV",)),
    Gold("physics", (r"\frac{\hbar^{2} k^{2}}{2 m}",), ("EX",)),
    Gold("physics", (r"E = \frac{n \hbar c}{R}",), ("EQ",)),
    Gold("physics", (r"\left(\frac{1}{a}, \infty\right)",), ("IN",)),
    Gold("physics", ("Yes",), ("TF",)),
    Gold("physics", ("b",), ("MC",)),
    Gold("physics", ("1.9", "3.4"), ("NV", "NV"), ("eV", "eV")),
    Gold("choice", ("C",)),
]  # fmt: skip


@pytest.mark.parametrize("gold", GOLDS, ids=lambda gold: f"{gold.kind} {gold.answers[0][:24]}")
def test_rewritten_golds_are_right_and_corrupted_ones_wrong(gold):
    task = "ugphysics" if gold.kind == "physics" else "math500"
    for name, prediction in named_rewritings(gold):
        assert judge(task, prediction, gold, "entmin").correct is True, name
    made, _ = named_corruptions(gold)
    assert made
    for name, prediction in made:
        assert judge(task, prediction, gold, "entmin").correct is False, name


def test_corruptions_that_stay_right_are_left_out_with_a_reason():
    made, skipped = named_corruptions(Gold("integer", ("0",)))
    assert ("sign flipped", "same value") in skipped
    assert "sign flipped" not in dict(made)
    assert dict(named_corruptions(Gold("physics", ("557",), ("NV",)))[1])["plus one"] == "within the declared tolerance"


def test_the_short_forms_are_the_predictions():
    gold = Gold("integer", ("33",))
    assert rewritings(gold) == [prediction for _, prediction in named_rewritings(gold)]
    assert corruptions(gold) == [prediction for _, prediction in named_corruptions(gold)[0]]


SETS = {
    "math500": "math500/test.jsonl", "amc": "amc2022_2023/test.jsonl", "aime": "aime2022_2024/test.jsonl",
    "minerva_math": "minerva_math/test.jsonl",
    "olympiadbench": "olympiadbench/test.jsonl", "ugphysics": "ugphysics/SemiconductorPhysics/zh.jsonl",
}  # fmt: skip


def identifier(record):
    if "language" in record:
        return f"{record['language'].lower()}/{record['index']}"
    return str(record.get("idx", record.get("id", "")))


@pytest.mark.slow
@pytest.mark.skipif("ENTMIN_DATA" not in os.environ, reason="ENTMIN_DATA names the folder of the data sets")
@pytest.mark.parametrize("task", SETS)
def test_every_gold_at_hand_passes_the_exam(task):
    rows, expected = [], []
    for line in (Path(os.environ["ENTMIN_DATA"]) / SETS[task]).read_text(encoding="utf-8").strip().split("\n"):
        record = json.loads(line)
        gold = gold_for(task, record)
        if identifier(record) in benchmark(task).odd:
            continue
        for prediction in rewritings(gold):
            rows.append((task, prediction, gold))
            expected.append(True)
        for prediction in corruptions(gold):
            rows.append((task, prediction, gold))
            expected.append(False)
    verdicts = [verdict.correct for verdict in grade_many(rows, workers=2)]
    failed = [row for row, verdict, right in zip(rows, verdicts, expected, strict=True) if verdict is not right]
    assert not failed, failed[:5]
