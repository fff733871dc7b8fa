r"""What counts as the same mathematical answer: one table per kind, rows of (answer in a box, gold)."""

import pytest

from entmin.grading.gold import Gold
from entmin.grading.mathematics import grade


def verdict(answer, gold, **options):
    return grade(
        rf"Some reasoning with 17 and $x^2$. The final answer is \boxed{{{answer}}}.", Gold("math", (gold,), **options)
    ).correct


RIGHT = {
    "fractions and decimals": [
        (r"\dfrac{1}{2}", r"\frac{1}{2}"), (r"\tfrac12", r"\frac{1}{2}"), ("1/2", r"\frac{1}{2}"), ("0.5", r"\frac12"),
        (".5", "0.5"), ("0.50", "0.5"), (r"\frac{2}{4}", r"\frac{1}{2}"), (r"-\frac{1}{2}", r"\frac{-1}{2}"),
        (r"\frac{-1}{2}", r"-\frac12"), ("3.5", r"\frac72"), ("18.9", "18.90"), (".35625", "0.35625"), ("5.0", "5"),
        (r"\frac{270}{7}", r"\frac{270}7"), ("0.3333", r"\frac13"), ("0.6667", r"\frac23"), ("033", "33"), ("+7", "7"),
    ],
    "mixed numbers": [
        (r"3\frac{1}{2}", r"\frac{7}{2}"), (r"3 \frac12", r"\frac{7}{2}"), ("3 1/2", r"\frac72"),
        (r"137\frac{1}{2}", "137.5"),
        (r"-1\frac{4}{5}", "-1.8"), (r"\frac{9}{5}", r"1\frac{4}{5}"),
    ],
    "units, degrees and money": [
        (r"5\text{ cm}", "5"), ("5 cm", "5"), (r"5\,\mathrm{cm}", "5"), (r"5\text{ cm}^2", "5"), ("5 cm^2", "5"),
        (r"90^\circ", "90"),
        (r"90^{\circ}", "90"), ("90°", "90"), ("90 degrees", "90"), (r"90", r"90^\circ"), (r"\$18.90", "18.90"),
        ("$18.90$", "18.90"),
        (r"\$1{,}000", "1000"), ("18 dollars", "18"), (r"18\text{ dollars}", "18"), (r"12\text{ square units}", "12"),
        ("20 students", "20"),
        (r"60\text{ mph}", "60"), (r"60 \text{ km}/\text{h}", "60"), (r"\frac{41}{12}\text{ km}", r"\frac{41}{12}"),
        ("€5", "5"),
        (r"12\pi \text{ cm}^3", r"12\pi"), (r"15\text{ minutes}", "15"), ("5 m/s", "5"), ("1.5 million", "1500000"),
        (r"2\sqrt{5}\text{ units}", r"2\sqrt5"), (r"10\ \text{cm}", "10"), ("7 hours", "7"),
        (r"45\text{ degrees}", "45"), ("72 miles per hour", "72"),
    ],
    "thousands": [
        ("1,000", "1000"), (r"1{,}000", "1000"), (r"1\,000", "1000"), ("1000", r"1{,}000"), ("1000", "1,000"),
        ("1, 000", "1000"),
        ("11111111100", "11,111,111,100"), ("11,111,111,100", "11,111,111,100"), ("1,234.5", "1234.5"),
        (r"10{,}080", "10080"),
    ],
    "assignments": [
        ("x=5", "5"), ("5", "x=5"), ("x = 5", "x=5"), (r"x \in [-2,7]", "[-2,7]"), ("f(x)=2x", "f(x)=2x"),
        ("2x", "f(x)=2x"), ("f(x)=2x", "2x"),
        ("f(t)=t+1", "f(x)=x+1"), ("2+3=5", "5"), (r"\frac{10}{2} = 5", "5"), ("n = 2^{10} = 1024", "1024"),
        (r"\angle ABC = 30^\circ", "30"),
        ("P(A) = 0.25", r"\frac14"), ("M=n^2+1", r"m_{\max }=n^{2}+1"), ("x = 1, x = -2", "1,-2"),
        (r"x=\pm 2", "2,-2"), (r"\text{Area} = 12", "12"),
        ("AB=7", "7"), (r"k \ge 2", r"k \geqslant 2"), ("|AB| = 3", "3"), ("5 = x", "5"), ("a=2, b=3", "b=3, a=2"),
    ],
    "unordered answers": [
        ("1,-2", "-2,1"), ("1, -2", "-2,1"), ("1 or -2", "-2,1"), (r"1\text{ or }-2", "-2,1"),
        (r"1\text{ and }-2", "-2,1"), (r"\{1,-2\}", "-2,1"),
        ("-2,1", r"\{1,-2\}"), (r"x=1\text{ or }x=-2", "-2,1"),
        (r"1+\sqrt{5}, 1-\sqrt{5}, -2", r"\{1\pm\sqrt{5},-2\}"), ("1; -2", "-2,1"),
        (r"\pm 3", "3,-3"), (r"3+2\sqrt{2},3-2\sqrt{2}", r"3\pm2\sqrt{2}"), (r"3\pm2\sqrt2", r"3\pm2\sqrt{2}"),
        ("7, 5, 3", "3,5,7"),
        ("(1,2),(3,4)", "(3,4),(1,2)"), ("(1,2) and (3,4)", "(3,4),(1,2)"), (r"\left\{-2,1\right\}", "-2,1"),
        ("3, 5, and 7", "3,5,7"),
    ],
    "tuples and vectors": [
        ("(2, 4)", "(2,4)"), (r"\left(2,4\right)", "(2,4)"), (r"(0.5,1)", r"(\frac12,1)"),
        (r"(3,\frac{\pi}{2})", r"\left(3,\frac{\pi}{2}\right)"),
        (r"\langle 1,2 \rangle", "(1,2)"), (r"(x,y)=(1,2)", "(1,2)"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
        ("6,31,-1", "(6,31,-1)"),
        (r"\begin{bmatrix}-1/3\\2/3\end{bmatrix}", r"\begin{pmatrix}-\frac13\\ \frac23\end{pmatrix}"),
        (r"\left[\begin{array}{c}1\\2\end{array}\right]", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\begin{bmatrix} -1 & 0 \\ 0 & -1 \end{bmatrix}", r"\begin{pmatrix}-1&0\\0&-1\end{pmatrix}"),
        (r"(-\frac{1}{3}, \frac{2}{3})", r"\begin{pmatrix}-1/3\\2/3\end{pmatrix}"),
    ],
    "intervals and inequalities": [
        (r"(-\infty, 2) \cup (3, \infty)", r"(-\infty,2)\cup(3,\infty)"),
        (r"(3,\infty)\cup(-\infty,2)", r"(-\infty,2)\cup(3,\infty)"),
        (r"\left(-\infty,2\right)\cup\left(3,+\infty\right)", r"(-\infty,2)\cup(3,\infty)"),
        (r"\left(1,2\right]", "(1,2]"),
        ("x>3", r"(3,\infty)"), ("3<x", r"(3,\infty)"), ("3<x", "x>3"), (r"(3,\infty)", "x>3"),
        (r"-2\le x\le 7", "[-2,7]"), (r"-2\leq x<7", "[-2,7)"),
        (r"7 \ge x \ge -2", "[-2,7]"), (r"x<2\text{ or }x>3", r"(-\infty,2)\cup(3,\infty)"),
        ("(0.6,2]", r"(\frac{3}{5},2]"), (r"[2,\infty)", r"k\ge 2"),
        (r"x\in(-\infty,0)\cup\{1\}", r"(-\infty, 0) \cup\{1\}."), (r"x \ge 2", r"2 \le x"), (r"2x > 6", r"x > 3"),
    ],
    "equations": [
        ("2x+y=0", "y=-2x"), ("y = -2x", "y=-2x"), ("-5x+7y-11z-4=0", "5x-7y+11z+4=0"),
        ("5x-7y+11z=-4", "5x-7y+11z+4=0"), ("10x-14y+22z+8=0", "5x-7y+11z+4=0"),
        ("x^2+y^2=1", "y^2+x^2=1"), ("y=2(x+1)", "y=2x+2"), (r"\frac{x^2}{4}+y^2=1", "x^2+4y^2=4"),
    ],
    "bases": [("4210_5", "4210_{5}"), ("4210_{5}", "4210_5"), (r"4210_{\text{five}}", "4210_{5}"),
    ("4210", "4210_{5}"), (r"(4210)_5", "4210_{5}"), ("1011_2", "1011")],
    "percent": [(r"10\%", "0.1"), ("10%", "0.1"), (r"10\%", r"\frac{1}{10}"), ("10", r"10\%"), ("0.1", r"10\%"),
    (r"50\%", "50"), ("62.5%", "62.5%"), ("8 percent", r"8 \%"), (r"17.5\%", "17.5%")],
    "complex numbers": [("9i+6", "6+9i"), ("6 + 9i", "6+9i"), (r"e^{i\pi}", "-1"), ("1-12 i", "1-12i"),
    (r"\frac{4}{1+i}", "2-2i"), (r"2e^{i\pi/2}", "2i")],
    "scientific notation": [
        (r"6.02 \times 10^{23}", "6.02e23"), ("6.02e23", r"6.02 \times 10^{23}"), (r"6.02 \cdot 10^{23}", "6.02e23"),
        ("6.02*10^23", "6.02e23"), ("0.0000672", r"6.72\times 10^{-5}"),
        ("10^5", "100000"), (r"1 \times 10^{-3}", "1e-3"), ("2.99e8", "2.99E8"), (".0000672", "0.0000672"),
    ],
    "pi, roots, logarithms": [
        (r"12 \pi", r"12\pi"), ("12π", r"12\pi"), (r"\pi \cdot 12", r"12\pi"), ("37.699", r"12\pi"),
        (r"\log_2 8", "3"), (r"\log_{2}{8}", "3"), (r"\ln e^2", "2"), (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}"),
        (r"\sqrt3/3", r"\frac{\sqrt{3}}{3}"), (r"\sqrt{12}", r"2\sqrt{3}"), (r"5\sqrt[3]{4}", r"\sqrt[3]{500}"),
        (r"1+2\sqrt{3}", r"2\sqrt{3}+1"), ("2sqrt(5)", r"2\sqrt{5}"), ("√5", r"\sqrt{5}"), ("1.732", r"\sqrt3"),
        (r"\frac{189\sqrt{11}}{11}", r"\frac{189}{\sqrt{11}}"), (r"2\pi+18", r"18+2\pi"),
        (r"\frac{4\pi}{3}", r"\frac43\pi"), (r"2^{1009}", r"2^{1009}"),
        (r"\frac{100!}{2^{50}}", r"\frac{100!}{2^{50}}"),
    ],
    "expressions": [
        (r"\sin^2x+\cos^2x", "1"), ("(b+2)(a+5)", "(a+5)(b+2)"), ("x^3+3x-6", "x^3 + 3x - 6"), ("2n-2", "2(n-1)"),
        (r"\frac{n(n+1)}{2}", r"\binom{n+1}{2}"), (r"\cot x", r"\cotx"), (r"\cot(x)", r"\cotx"),
        ("6r^2-4r-24", "2(3r^2-2r-12)"), (r"\frac{11+9a}{20}", r"\frac{9a+11}{20}"), (r"n^2-n+1", "n(n-1)+1"),
        (r"\sin 2x", r"2\sin x\cos x"), (r"|x|", r"\sqrt{x^2}"), ("3R^2", "3R^{2}"), ("-13x+3", "3-13x"),
        (r"\lfloor n/2 \rfloor", r"\left\lfloor\frac{n}{2}\right\rfloor"), (r"2^{k-n}", r"\frac{2^k}{2^n}"),
        (r"\frac{ab}{2}", r"\frac{a b}{2}"), (r"\frac{1}{2}e^{-2t}", r"e^{-2 t} / 2"), (r"\exp(-2t)", "e^{-2t}"),
        ("x*y", "xy"),
    ],
    "words, choices, times": [
        (r"\text{Evelyn}", "Evelyn"), ("evelyn", "Evelyn"), (r"\textbf{Evelyn}", r"\text{Evelyn}"),
        (r"\text{even}", "even"), (r"\text{(C)}", "(C)"), ("C", "(C)"), ("2:30", "2:30"), (r"3:4", "3 : 4"),
        (r"2:30\text{ p.m.}", r"2:30 \text{ p.m.}"), (r"\infty", r"\infty"), (r"+\infty", r"\infty"),
        (r"\text{Monday}", "monday"),
    ],
    "further forms": [
        (r"0.\overline{3}", r"\frac13"), (r"3.\overline{14}", r"\frac{311}{99}"), (r"\approx 3.1416", r"\pi"),
        (r"\frac{\pi}{6} \approx 0.5236", r"\frac{\pi}{6}"), (r"x \ne 2", r"(-\infty,2)\cup(2,\infty)"),
        (r"\tan 45^\circ", "1"), (r"\cos(60^\circ)", "0.5"), (r"5 \frac{\text{m}}{\text{s}}", "5"),
        (r"\varnothing", r"\emptyset"), (r"\{\}", r"\emptyset"), (r"\mathbb{R}", r"(-\infty,\infty)"),
        (r"\text{all real numbers}", r"\mathbb{R}"), (r"\underline{7}", "7"), (r"\color{red}7", "7"),
        (r"\begin{cases} x=1 \\ y=2 \end{cases}", "x=1, y=2"), (r"\sin^{-1} x", r"\arcsin x"), ("10!", "3628800"),
        (r"y + 1 = 2(x - 3)", "y = 2x - 7"), (r"x=2,3", "2,3"), (r"x_1 = 2, x_2 = 3", "2,3"), (r"100\%", "1"),
    ],
    "spelling": [(r"\displaystyle 7", "7"), ("7.", "7"), (" 7 ", "7"), (r"\mathbf{7}", "7"), (r"\text{7}", "7"),
    ("７", "7"), ("١", "1"), ("−7", "-7"), (r"\boxed{7}", "7"), (r"\left(7\right)", "7"), ("{7}", "7"), ("7\\\\", "7"),
    (r"\frac 12", r"\frac12"), ("x²", "x^2")],
}  # fmt: skip

WRONG = {
    "scale": [("1000", "10"), ("0.1", "10"), ("100", "1"), ("3300", "33"), ("1.42", "142"), ("33", "3300"),
    ("10", "0.1"), (r"10", r"100\%"), ("5.0e3", "5")],
    "rounding noise": [("9999.86", "10000"), ("1024.05", "1024"), ("2.0001", "2"), ("0.333", r"\frac13"),
    ("0.33", r"\frac13"), ("0.3334", r"\frac13"), ("37.68", r"12\pi"), ("37.7", r"12\pi"), ("38", r"12\pi"),
    ("1.73", r"\sqrt3"), ("3.14", r"\pi"), ("22/7", r"\pi"), ("18.91", "18.90"), ("0.5001", r"\frac12")],
    "powers of ten": [(r"6.02\times 10^{22}", "6.02e23"), ("6.02e24", "6.02e23"), (r"6.02\times 10^{-23}", "6.02e23"),
    ("6.02", r"6.02\times10^{23}"), (r"4.88 \times 10^{20}", r"4.88 \times 10^{23}")],
    "bases": [("4210_7", "4210_{5}"), ("4210_{10}", "4210_5"), ("421_5", "4210_5"), ("555", "4210_5")],
    "order and brackets": [("(2,1)", "(1,2)"), ("[1,2]", "(1,2)"), ("(1,2)", "[1,2]"), ("[1,2)", "(1,2]"),
    ("(1,2]", "[1,2]"), ("(1,2,3)", "(1,2)"), ("(1,2)", "(1,2,3)"), (r"\{1,2\}", "(1,2)"), ("2,1", "(1,2)"),
        (r"(-\infty,2]\cup(3,\infty)", r"(-\infty,2)\cup(3,\infty)"), (r"(-\infty,2)", r"(-\infty,2)\cup(3,\infty)"),
        (r"\begin{pmatrix}2\\1\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
        ("(1,2),(4,3)", "(3,4),(1,2)"), (r"(x,y)=(2,1)", "(1,2)")],
    "missing and extra": [("1", "1,-2"), ("1,-2,3", "1,-2"), ("1,1", "1,-2"), ("5, 7", "5"), ("2", "2,-2"),
    (r"\pm 2", "2"), (r"1+\sqrt5, -2", r"\{1\pm\sqrt{5},-2\}"), ("3 or 5", "5"), (r"x=3\text{ or }x=5", "5"),
    ("", "0"), (r"\text{no solution}", "0")],
    "signs and neighbours": [("-7", "7"), ("8", "7"), ("70", "7"), ("7", "-7"), (r"-\frac12", r"\frac12"),
    (r"\frac{2}{1}", r"\frac12"), ("6-9i", "6+9i"), ("9+6i", "6+9i"), ("12", r"12\pi"), (r"12\pi", "12"),
    (r"\sqrt{5}", "5"), ("x+1", "x-1"), ("2x", "x^2"), ("x", "X"), (r"\sin x", r"\cos x"), ("a-b", "b-a")],
    "equations and inequalities": [("x=3", "y=3"), ("2x=4", "4"), ("x^2=4", "4"), ("x^2=4", "x=2"), ("y=2x", "y=-2x"),
    ("x<3", "x>3"), (r"x\ge 3", "x>3"), (r"[3,\infty)", "x>3"), ("x>4", "x>3"), ("x=-2y", "y=-2x"),
    ("2x+y=1", "y=-2x"), ("a=3, b=2", "a=2, b=3"), ("x+1=0", "x=1"), (r"f(x)=x+2", "f(x)=x+1")],
    "not what was written": [("0x10", "16"), ("True", "1"), ("1_000", "1000"), ("None", "0"), ("nan", "0"),
    ("1e400", "2e400"), ("inf", "1"), ("[]", "0"), ("()", "0"), (r"\text{}", "0"), ("1e5", "1e6"), ("east", "seat"),
    (r"\text{odd}", "even"), ("Tevelyn", "Evelyn"), ("Evelyn and Briana", "Evelyn"), ("2:30", "3:20"), ("4:3", "3:4"),
    ("5x", "5"), ("x5", "5"), ("5!", "5"), (r"7^\circ", "70"), ("7 or 8", "8")],
    "percent": [(r"0.1\%", "0.1"), (r"10\%", r"0.01"), (r"1000\%", "10 \\%"), ("1000", r"10\%"), (r"5\%", r"50\%")],
}  # fmt: skip


@pytest.mark.parametrize(("answer", "gold"), [row for rows in RIGHT.values() for row in rows])
def test_right_answers_are_right(answer, gold):
    assert verdict(answer, gold) is True


@pytest.mark.parametrize(("answer", "gold"), [row for rows in WRONG.values() for row in rows])
def test_wrong_answers_are_wrong(answer, gold):
    assert verdict(answer, gold) is False


def test_measured_golds_accept_what_rounds_to_them():
    assert verdict("1.57", "1.6", rounded=True) is True
    assert verdict("1.64", "1.6", rounded=True) is True
    assert verdict("1.66", "1.6", rounded=True) is False
    assert verdict("1.57", "1.6") is False
    assert verdict("2", "1.6", rounded=True) is False
    assert verdict(r"4.53 \times 10^{33}", "4.5e33", rounded=True) is True
    assert verdict(r"4.53 \times 10^{32}", "4.5e33", rounded=True) is False


def test_declared_tolerance_is_absolute():
    assert verdict("4.25", "4.2", tolerance=0.1) is True
    assert verdict("4.31", "4.2", tolerance=0.1) is False
