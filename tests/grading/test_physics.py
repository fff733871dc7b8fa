"""UGPhysics answers by their declared types."""

import pytest

from entmin.grading.gold import Gold
from entmin.grading.physics import grade
from entmin.tasks.answers import gold_for


def verdict(answer, golds, types=(), units=()):
    golds = golds if isinstance(golds, tuple) else (golds,)
    return grade(rf"So the final answer is \boxed{{{answer}}}.", Gold("physics", golds, types, units)).correct


RIGHT = [
    ("4.88 \\times 10^{23}", "4.88 \\times 10^{23}", ("NV",), ()),
    ("4.88e23", r"4.88 \times 10^{23}", ("NV",), ()),
    (r"4.90 \times 10^{23}", r"4.88 \times 10^{23}", ("NV",), ()),
    (r"0.488 \times 10^{24}", r"4.88 \times 10^{23}", ("NV",), ()),
    (r"4.88 \times 10^{23} \text{ m}^{-3}", r"4.88 \times 10^{23}", ("NV",), (r"\text{m}^{-3}",)),
    ("558", "557", ("NV",), (r"\mathrm{m/s}",)),
    (r"0.05 \text{ m}", "5", ("NV",), (r"\text{cm}",)),
    (r"5 \text{ cm}", "5", ("NV",), (r"\text{cm}",)),
    (r"\frac{h^2 k^2}{8 \pi^2 m}", r"\frac{\hbar^{2} k^{2}}{2 m}", ("EX",), ()),
    (r"\frac{\hbar}{2}", r"\frac{h}{4\pi}", ("EX",), ()),
    (r"m_e c^2", r"m_{\mathrm{e}} c^{2}", ("EX",), ()),
    (r"\varepsilon_0 E", r"\epsilon_{0} E", ("EX",), ()),
    (r"\mathrm{e}^{-kt}", r"\exp(-kt)", ("EX",), ()),
    (r"E = mc^2", "mc^{2}", ("EX",), ()),
    (r"mc^2", "E = mc^{2}", ("EQ",), ()),
    (r"E - mc^2 = 0", "E = mc^{2}", ("EQ",), ()),
    (r"2E=2mc^2", "E=mc^2", ("EQ",), ()),
    (r"\sqrt{\frac{2gh}{3}}", r"\left(\frac{2}{3} g h\right)^{1/2}", ("EX",), ()),
    (r"(1, 2]", r"\left(1, 2\right]", ("IN",), ()),
    ("(-\\infty, 91.2)", r"(-\infty, 91.1)", ("IN",), ()),
    ("True", "Yes", ("TF",), ()),
    ("是", "Yes", ("TF",), ()),
    (r"\text{No}", "No", ("TF",), ()),
    ("DCA", "ACD", ("MC",), ()),
    ("(B)", "b", ("MC",), ()),
    ("A, C", ("C", "A"), ("MC", "MC"), ()),
    ("2, 1", ("1", "2"), ("NV", "NV"), ()),
    (r"\pm 2", ("2", "-2"), ("NV", "NV"), ()),
    (r"E_1 = 3, E_2 = -3", ("E_2=-3", "E_1=3"), ("NV", "NV"), ()),
    (r"\frac{\mathrm{d}v}{\mathrm{d}t} = -g", r"\frac{dv}{dt} = -g", ("EQ",), ()),
    (r"-\frac{2 E}{L} \frac{\mathrm{d} L}{\mathrm{d} t}", r"-2 \frac{E}{L} \frac{dL}{dt}", ("EX",), ()),
    (r"\frac{k^2 \hbar^2}{2m}, n = 0, 1, 2, \cdots", r"\frac{\hbar^2 k^2}{2m}", ("EX",), ()),
    (r"2.4\%", "2.4", ("NV",), (r"\%",)),
]
WRONG = [
    (r"4.88 \times 10^{20}", r"4.88 \times 10^{23}", ("NV",), ()),
    ("1940", "194", ("NV",), ()),
    ("439", "43.9", ("NV",), ()),
    ("197", "194", ("NV",), ()),
    ("5.2", "4.88", ("NV",), ()),
    ("0.001", "0", ("NV",), ()),
    ("-1.6e-19", r"1.6 \times 10^{-19}", ("NV",), ()),
    ("1.6e-18", r"1.6 \times 10^{-19}", ("NV",), ()),
    ("1.6e-29", "0", ("NV",), ()),
    (r"5 \text{ m}", "5", ("NV",), (r"\text{cm}",)),
    ("2h", "2e", ("EX",), ()),
    (r"\hbar", "1", ("EX",), ()),
    (r"\hbar k", "h k", ("EX",), ()),
    ("xe", "x", ("EX",), ()),
    (r"m_e c^2", r"m_p c^2", ("EX",), ()),
    ("mc^2", "Mc^2", ("EX",), ()),
    (r"k_B T", "k T_0", ("EX",), ()),
    (r"\frac{dE}{dt}", r"\frac{dE}{dx}", ("EX",), ()),
    (r"\frac{2E}{L} \frac{\mathrm{d} L}{\mathrm{d} t}", r"-\frac{2E}{L} \frac{\mathrm{d} L}{\mathrm{d} t}", ("EX",),
    ()),
    (r"2(\boldsymbol{v} \times \boldsymbol{B}-\boldsymbol{B} \times \boldsymbol{v})",
     r"\boldsymbol{v} \times \boldsymbol{B}-\boldsymbol{B} \times \boldsymbol{v}", ("EX",), ()),
    ("[1, 2]", "(1, 2]", ("IN",), ()),
    ("Yes", "No", ("TF",), ()),
    ("C", "B", ("MC",), ()),
    ("AC", "ACD", ("MC",), ()),
    ("1, 2, 3", ("1", "2"), ("NV", "NV"), ()),
    ("1", ("1", "2"), ("NV", "NV"), ()),
    ("E = mc^3", "E = mc^2", ("EQ",), ()),
    (r"E^{(1)}", r"E^{(2)}", ("EX",), ()),
    (r"\dot{x}", r"\ddot{x}", ("EX",), ()),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "gold", "types", "units"), RIGHT)
def test_right_answers_are_right(answer, gold, types, units):
    assert verdict(answer, gold, types, units) is True


@pytest.mark.parametrize(("answer", "gold", "types", "units"), WRONG)
def test_wrong_answers_are_wrong(answer, gold, types, units):
    assert verdict(answer, gold, types, units) is False


def record(answers, answer_type="NV", unit="None", several=False):
    return {"answers": answers, "answer_type": answer_type, "unit": unit, "is_multiple_answer": several}


def test_records_are_read_with_their_dirt():
    assert gold_for("ugphysics", record("\\[\n\\boxed{16.16}\n\\]")).answers == ("16.16",)
    assert gold_for("ugphysics", record(r"\boxed{b}", "\\\nMC")).types == ("MC",)
    assert gold_for("ugphysics", record(r"\boxed{x}", "EX\n  \nProblem: NV")).types == ("EX",)
    several = gold_for("ugphysics", record(r"\boxed{1.9, 3.4}", "NV", r"\mathrm{eV}, \mathrm{eV}", True))
    assert several.answers == ("1.9", "3.4")
    assert several.types == ("NV", "NV")
    assert several.units == (r"\mathrm{eV}", r"\mathrm{eV}")
    assert gold_for("ugphysics", record(r"\boxed{\frac{a}{b}, n=0, 1, 2, \cdots}", "EX, EQ", several=True)).answers == (
        r"\frac{a}{b}",
    )


@pytest.mark.parametrize(("answer", "gold", "right"), [
    (r"3\text{ million}", "3", False), (r"3\text{ dozen}", "3", False), (r"3\text{ million}", "3000000", True),
    (r"4\text{ or more}", "4", False), (r"4\text{ cm}^2", "16", False), (r"4\text{ cm}^2", "4", True),
    ("2", "2m", False),
    (r"5\text{ m/s west}", r"5\text{ m/s east}", False), (r"5\text{ N upward}", r"5\text{ N downward}", False),
])  # fmt: skip
def test_scale_words_bounds_and_directions_in_physics(answer, gold, right):
    assert grade(rf"\boxed{{{answer}}}", Gold("physics", (gold,))).correct is right
