"""The published verdicts on selected corner cases: columns P (MATH-500's grader) and Q (OlympiadBench's)."""

import pytest

from entmin.grading.gold import Gold
from entmin.grading.published.rules import grade

TABLE = [
    (r"\dfrac{1}{2}", r"\frac{1}{2}", "TT"), ("0.5", r"\frac{1}{2}", "TT"), ("1/2", r"\frac{1}{2}", "TT"),
    (r"\frac{2}{4}", r"\frac{1}{2}", "TT"), ("0.3333", r"\frac13", "TT"),
    ("0.333", r"\frac{1}{3}", "FF"), ("1000", "10", "TT"), ("0.1", "10", "TT"), ("100", "10", "FF"),
    ("1000", "1{,}000", "TF"), (r"5\text{ cm}", "5", "FT"), ("5 cm", "5", "FT"),
    (r"90^\circ", "90", "FT"), (r"\$18.90", "18.90", "FT"), (r"3\frac{1}{2}", r"\frac{7}{2}", "FF"),
    ("(2,1)", "(1,2)", "FF"), ("[1,2]", "(1,2)", "FT"), ("(1,2]", "[1,2)", "FT"),
    (r"(3,\infty)\cup(-\infty,2)", r"(-\infty,2)\cup(3,\infty)", "FF"), (r"\left(1,2\right]", "(1,2]", "FT"),
    ("(0.5,1]", r"(\frac{1}{2},1]", "TT"), ("1,-2", "-2,1", "FF"),
    ("x=5", "5", "FT"), ("5", "x=5", "FT"), ("2x+y=0", "y=-2x", "FF"), ("10x-14y+22z+8=0", "5x-7y+11z+4=0", "FF"),
    ("-5x+7y-11z-4=0", "5x-7y+11z+4=0", "FT"),
    (r"\begin{bmatrix}1\\2\end{bmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}", "FT"),
    (r"\begin{pmatrix}-\frac{1}{3}\\2\end{pmatrix}", r"\begin{pmatrix}-1/3\\2\end{pmatrix}", "FT"),
    (r"\text{Evelyn}", "Evelyn", "FT"), ("(C)", "C", "TT"), ("C. Plane", "C", "TT"), (r"\textbf{(C)}", "C", "FT"),
    (r"12 \pi", r"12\pi", "FT"), ("37.699", r"12\pi", "TF"), ("37.68", r"12\pi", "TF"),
    ("4210_7", "4210_{5}", "TT"), ("4210", "4210_{5}", "TT"), (r"\sin^2x+\cos^2x", "1", "TT"),
    (r"\log_2 8", "3", "FT"), ("1024.05", "1024", "TT"), ("3 < x", "x>3", "FT"),
    (r"e^{i\pi}", "-1", "FF"), ("|x|", r"\sqrt{x^2}", "FF"), ("0x10", "16", "TF"), ("True", "1", "TF"),
    ("1_000", "1000", "FT"), ("١", "1", "TT"), ("１", "1", "TT"), ("1e400", "2e400", "TT"),
    ("(" * 300 + "1" + ")" * 300, "1", "TT"),
]  # fmt: skip
WHOLE = [
    ("I think it is 7", "7", "FT"), (r"Thus \boxed{7", "7", "FT"), (r"Thus \boxed 7", "7", "FT"),
    ("The final answer is $7$. I hope it is correct.", "7", "FT"), ("The answer is: 7", "7", "TT"),
]  # fmt: skip
PHYSICS = [
    (r"4.95 \times 10^{23}", r"4.88 \times 10^{23}", True), ("5.2", "4.88", False),
    (r"4.88 \times 10^{20}", r"4.88 \times 10^{23}", True), ("197", "194", True), (r"\pi", "3.14159", True),
    ("是", "Yes", True), ("DCA", "ACD", True), ("A, C", "C, A", True), ("1, 2, 3", "1, 2", False),
    (r"\pm 2", "2, -2", True), ("mc^2", "E=mc^2", True), ("E-mc^2=0", "E=mc^2", False),
    ("2E=2mc^2", "E=mc^2", False), ("0.001", "0", False), (r"10\%", "0.1", True),
    ("4.88e23", r"4.88 \times 10^{23}", False), ("1940", "194", True), ("2h", "2e", True),
]  # fmt: skip


def both(prediction, gold):
    verdicts = (grade(task, prediction, Gold("math", (gold,))).correct for task in ("math500", "olympiadbench"))
    return "".join("T" if verdict else "F" for verdict in verdicts)


@pytest.mark.parametrize(("answer", "gold", "published"), TABLE)
def test_boxed_answers_get_the_published_verdicts(answer, gold, published):
    assert both(rf"Thus \boxed{{{answer}}}", gold) == published


@pytest.mark.parametrize(("prediction", "gold", "published"), WHOLE)
def test_extraction_follows_the_published_order(prediction, gold, published):
    assert both(prediction, gold) == published


@pytest.mark.parametrize(("answer", "gold", "published"), PHYSICS)
def test_physics_answers_get_the_published_verdicts(answer, gold, published):
    assert grade("ugphysics", rf"\boxed{{{answer}}}", Gold("physics", tuple(gold.split(", ")))).correct is published


def test_an_answer_that_was_right_only_by_being_executed_is_wrong(tmp_path):
    target = tmp_path / "trace"
    assert both(rf"\boxed{{open('{target}','w').write('x')}}", "1") == "FF"
    assert not target.exists()


def test_their_marker_never_matches_in_contests():
    assert grade("aime", "The answer is: 7", Gold("integer", ("7",))).correct is False
    assert grade("aime", r"\boxed{7}", Gold("integer", ("7",))).correct is True
    assert grade("aime", r"\boxed{3300}", Gold("integer", ("33",))).correct is True
    assert grade("amc", r"\boxed{1.42}", Gold("integer", ("142",))).correct is True
