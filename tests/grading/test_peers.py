r"""What the test suites of other graders say, restated as rows of (prediction, gold, what the suite expects).

The rows state facts (which answer the suite holds to be which gold) in our own words; long model outputs are shortened
to their end. Sources: Math-Verify (Apache-2.0), lighteval's extractive match (MIT), NeMo-Skills (Apache-2.0),
hendrycks/math (MIT), dart-math (MIT), MARIO_EVAL (MIT), AReaL (Apache-2.0), rLLM (Apache-2.0). Predictions in `WHOLE`
and letters are whole texts; the others are bare answers, put into a box here.

`DIFFERENT` holds the rows where we disagree on purpose, each with its reason, `MISSED` those we would like to accept
and do not. Both are checked, so no entry can outlive its reason.
"""

import pytest

from entmin.grading import choice, mathematics
from entmin.grading.gold import Gold

MATH_VERIFY = [
    ("-5", "-5", True), ("7,425,000", "7425000", True), ("1 000", "1000", True), ("1000.0", "1000", True),
    ("1,000.0", "1000.0", True), ("1000,99", "1000.99", True), ("1.22", "1,22", True),
    ("Soucis : 2,74 $ a..", "2.74", True), (".4", "0.4", True), ("$1,000.99", "1000.99", True),
    ("1,000.99$", "1000.99", True), ("the number is not 10 which is 1,000.99€", "1000.99", True),
    ("so the number is 10 which is 1,000.99m²", "1000.99", True), ("not it's not 10 it's 1,000.99m²", "1000.99", True),
    ("0.111", "0,111", True), ("AZYUK2A", "2", False), (r"\frac{10}{9}", "10/9", True),
    (r"-\frac{10}{9}", "-10/9", True), ("$[0,1)$", "[0,1)", True), ("$[0,1)$", "[0,9)", False),
    ("$[0,9)$", "(0,9)", False), ("$-[0,1)$", "1", False), (r"Answer \[ 9 \]", "9", True), ("Answer $ 9 $", "9", True),
    ("Answer $$ 9 $$", "9", True), (r"Answer \( (9+1) \)", "10", True), ("Answer $ \n 9 \n $", "9", False),
    ("Answer \\[ \n 9 \n \\]", "9", True), (r"Answer $ \frac{1}{2} \$ = \frac{10}{9} $", "10/9", True),
    (r"$\frac13 $", "1/3", True), (r"$\frac3{3} $", "1", True), (r"$\sqrt3 $", r"\sqrt{3}", True),
    (r"$\cfrac{1}{3} $", "1/3", True), (r"$\dfrac{1}{3} $", "1/3", True), (r"$\tfrac{1}{3} $", "1/3", True),
    (r"$\left( \frac{1}{3} \right)$", "1/3", True), (r"$\frac{1}{3} \text{meters}$", "1/3", True),
    (r"$\frac{1}{3} \textbf{meters}$", "1/3", True), (r"$k = \frac{1}{3}$", "1/3", True),
    ("28 percent", r"28\%", True), ("28 pct", r"28\%", True), ("$28$ %", r"28\%", True),
    (r"$\boxed{28}$ pct", r"28\%", True), (r"$\boxed{28 pct}", r"28\%", True),
    (r"$\boxed{28 percentage}", r"28\%", True),
    ("28", r"28\%", True), ("28", "0.28", False), ("28", "28/100", False), ("28/100", "28", False),
    ("28", r"28*\frac{1}{100}", False),
    (r"Thus $x-p=\boxed{2-2p}$.", "2-2p", True), (r"a total loss of $\boxed{28\%}$.", r"28\%", True),
    ("\\boxed{\n\\begin{pmatrix} 0 & 3 \\\\ 0 & -1 \\end{pmatrix}\n}.\n\\end{align*}",
     r"\begin{pmatrix} 0 & 3 \\ 0 & -1 \end{pmatrix}", True),
    ("Final Answer: The final answer is $14 {, }916$. I hope it is correct.", "14{,}916", True),
    (r"The final answer is $\frac{10\sqrt{10.5}}{27}$. I hope it is correct.", r"\frac{5\sqrt{42}}{27}", True),
    (r"is worth $\boxed{\$16386.17}$ after 5 years. I hope it is correct. <|im_start|>user", "16386.17", True),
    ("Final Answer: The largest $n$ is 34.", "34", True), ("${1,3}$", "(3,1)", False), ("${1,3}$", "(1,3)", True),
    (r"$x \in [-2,7]$", "[-2, 7]", True), (r"The point is $\boxed{(0, 0)}$.", r"(\tfrac{27}{8},\tfrac{15}{8})", False),
    (r"the new error is at least $100\%$ of the original. Final Answer: The final answer is $100$.", "100", True),
    (r"so $\boxed{x-2y+z-1=0}.$", "x-2y+z-1=0", True),
    ("The final answer is $10,455$. I hope it is correct.", "10455", True),
    (r"the roots are real for: \[ \boxed{[-4, 0]} \]", "[-4,0]", True), (r"\(\boxed{1112122_3}\)", "1112112_3", False),
    (r"$\boxed{\text{(C)}}.$", r"\text{C}", True), (r"is $\boxed{11,\! 111,\! 111,\! 100}$", "11111111100", True),
    (r"is $\boxed{32, 349}$", "32349", False),
    (r"$x \in \boxed{(2,12) \cup (12,102)}$", r"(2, 12) \cup (12, 102)", True),
    ("$E$", r"\text{E}", True), (r"\[ \boxed{-2} \quad \text{and} \quad \boxed{1}. \]", "1,-2", True),
    (r"$x \in [-2,7]$", r"-2 \le x \le 7", True), (r"$-2 \le x \le 7$", r"x \in [-2,7]", True),
    (r"$\sqrt{17}$", "4.123105625617661", True), (r"$4\sqrt{2}$", "4", False), ("$13$", r"\text{13}", False),
    (r"$\frac{1}{3}.$", r"\frac{1}{3}", True), (r"\[\frac{1}{3}.\]", r"\frac{1}{3}", True),
    (r"$\frac{1}{3},$", r"\frac{1}{3}", True), ("$(1,2).$", "(1,2)", True), (r"$5 \text{ cm}.$", "5", True),
    ("$2^{10}.$", "2", False), ("The answer is $1/3.$", "1", False), ("$1, 2, 3, ...$", "1, 2, 3", False),
    ("$n=1, 2, 3$", "n=1, 2, 3", True), ("$n=1, 2, 3$", "n=2, 3, 4", False), ("$D = (0, 1.5)$", "D = (0, 1)", False),
    (r"$F_n = \sum_{k=0}^{n-2} F_k F_{n-k-2}$", r"F_n = \sum_{k=0}^{n-1} F_k F_{n-k-1}", False),
    (r"$F_n = \sum_{k=0}^{n-1} F_{n-k-1} F_k$", r"F_n = \sum_{k=0}^{n-1} F_k F_{n-k-1}", True),
    (r"$19, 46, \text{ and } 82$", "19, 46, and 82", True), ("$21, 36, and 82$", "19, 46, and 82", False),
    (r"$1 + \frac{1}{\mathrm{e}}$", r"1 - \frac{1}{\mathrm{e}}", False), ("$2021$", r"\pm 2021", False),
    ("${-2021, 2021}$", r"\pm 2021", True), ("$1:00$", "12:00", False), ("$12:00$", "12:00", True),
]  # fmt: skip
LIGHTEVAL = [
    ("因此，现在篱笆上总共有3只鸟和10只鹳鸟，所以一共有3 + 10 = 13只鸟和鹳鸟。", "13", True),
    ("因此，瑞秋的数学作业比阅读作业多 **3页**。", "3", True), ("因此，弗兰克一共有**858颗**糖果。 ", "858", True),
    ("因此，杰西开始慢跑前的体重是192公斤。 ", "192", True),
    ("所以，他们从比赛中卖出的T恤赚了8722美元。 ", "8722", True),
    ("2. **结论**：Haley总共有99颗弹珠。 ", "99", True), ("158 - 66 = 92 لذا، الناتج هو **92**.", "92", True),
    ("En conclusion, la probabilité est de **25%**.", "25%", True), ("réponse est (35 + 70 = 105).", "105", True),
    ("donc 353 g - 79 g = 274 g. Donc, il a déjà 79 g de cire.", "79", True),
    ("Réponse: Janeth aura encore 220 $ à payer d'ici 12 mois.", "220", True),
    ("Le coût final est donc de 100 - 30 = 70", "70", True), (r"答案：每份应该是 (\frac{2}{5}) 吨。", "2/5", True),
    (" 地块面积 = 72000 / 18 = 4000千克", "4000", True), ("因此，水池中水将在300分钟内被放完。", "300", True),
    ("计划的比例为13/28", "13/28", True), (r"\frac{4}{23}", "8/46", True),
    (r"$\frac{9.5}{3.14159} \approx 3.01$", r"\frac{9.5}{3.14159}", True),
    ("इसलिए, गणना करें: [ 56 + 11 = 67 ] इसलिए, दुकान में अब 67 कमीजें हैं। ", "67", True),
    ("So then when we 9/3 we get 8 so the answer is 0", "0", True),
    ("so $x+y = 1000$ therefore answer is $1$", "1", True), ("how many $? just about 1$", "1", True),
    (r"$\boxed{(3, 3, 2, 3), (3,17,3,7), (17,3,3,7)}$", "(17,3,3,7),(3,17,3,7),(3,3,2,3)", True),
    (r"$\boxed{(3, 3, 2, 3), (3,17,3,7), (17,3,3,7)}$", "(17,3,3),(3,17,3,7),(3,3,2,3)", False),
    ("$(3,2)$", "(p,q)=(3,2)", True), (r"\boxed{(4, 0, 6), (0, -2, 6)}", "(0;-2;6),(4;0;6)", True),
    (r"$z \in \left[-\frac{3}{2}, -1\right] \cup \left[1, \frac{3}{2}\right]$", r"1\leq|z|\leq \frac{3}{2}", True),
    (r"$\boxed{\{-12, -11, -10, -8, -7, -6\}}$", "-12;-11;-10;-8;-7;-6", True), (r"$\boxed{4, 5}$", "AB=4,CD=5", True),
    (r"$\boxed{(7,11),\ (11,7)}$", "(11,7)or(7,11)", True), (r"$\boxed{7:32}$", "S_{MBCN}:S=7:32", True),
    (r"$\frac{1}{\sqrt{6}}$", r"\frac{NO}{BO}=\frac{1}{\sqrt{6}}", True), ("$(5,2),(7,2)$", "p=5,q=2;p=7,q=2", True),
    ("$11:21$", "V_{1}:V_{2}=11:21", True),
    ("solutions are:\n\n\\[\n\\boxed{(1, 2)}, \\boxed{(2, 1)}\n\\]", "(2,1),(1,2)", True),
    (r"$\boxed{-2,1}$.", "1 and -2", True), ("$odd$", r"\text{odd}", True), ("$e$", r"\text{e}", True),
    (r"$\text{E}$", "d", False), (r"$\boxed{1,2,3}$", "1 and 2 and 3", True),
    (r"$\boxed{-5, \frac{14}{3}}$", r"x = -5,\ p = \frac{14}{3}", True),
    (r"$\boxed{-10,-8,4}$", r"a=4,\,-8,\,-10", True),
    ("W(x)=1orW(x)=-1", r"W(n) = 1 \text{ and } W(n) = -1", True), ("$21,16,11$", "21,16 or 11", True),
    ("$p=5,q=2;p=7,q=2$", r"p = 5, q = 2 \quad \text{and} \quad p = 7, q = 2", True),
    (r"$p=-1,p=\frac{15}{8}$", r"p = -1 \text{ and } p = \dfrac{15}{8}", True), ("$(0,1)$", "0<f(x)<1", True),
    (r"$\boxed{6,8}$", r"6 \text{ and } 8", True), ("$Even$", r"\text{Even}", True),
    (r"\($y_1 = \boxed{-2(x - 1)^2 + 5} \) and \( y_2 = \boxed{3(x + 2)^2 - 2} \) ",
     "y_{1}=-2 x^{2}+4 x+3, y_{2}=3 x^{2}+12 x+10", True),
    (r"$\boxed{\dfrac{108 + 31\sqrt{5}}{216}} \quad \text{and} \quad \boxed{\dfrac{108 - 31\sqrt{5}}{216}}$",
     r"x_{1}=\frac{1}{2}+\frac{31\sqrt{5}}{216},\quad x_{2}=\frac{1}{2}-\frac{31\sqrt{5}}{216}", True),
]  # fmt: skip
LIGHTEVAL_LETTERS = [
    ("thinking about it I think the correct answer is C", "C", True),
    ("Let's think step by step. It's not A because it doesn't make sense, therefore I think it's B", "B", True),
    ("The answer is for sure D, it can't be A or B", "D", True),
    ("The answer: D, it doesn't make sense for it to be A or B", "D", True),
    ("D. it can't be A or B", "D", True),
    ("D", "D", True),
    ("C", "A", False),
    ("réponse est C non A", "C", True),
    ("B。 不是 A", "B", True),
    ("B。不是 A", "B", True),
    ("B不是 A", "B", True),
]
NEMO_SKILLS = [
    ("5.0", "5", True), ("0.5", "1/2", True), ("0.5", r"\frac{1}{2}", True), ("918.5", r"918\frac{1}{2}", True),
    (r"918\frac{1}{2}", "918.5", True), ("x^2 + 2*x + 1", "x^2+2x+1", True), ("x^2 + 2*x - (-1)", "x^2+2x+1", True),
    ("2x+ 1+x^2", "y = x^2+2x+1", True), ("y = x^2+2x+1", "2x+ 1+x^2", True), (r"\text{odd}", "odd", True),
    (r"\mathrm{E}", "E", True), (r"\textbf{A}", "A", True), ("f'", "f'", True), ("185\\ ", "185", True),
    ("0.185", ".185", True), ("0.5", r"\frac {1}{2}", True), ("17", r"17\text{ any text}", True),
    (r"17\text{ any text}", "17", True), (r"\$10", "10", True), ("10%", "10", True), (r"10\%", "10", True),
    (r"\frac{5}{2}", "2.5", True), (r"\dfrac{1}{3}", r"\frac{1}{3}", True), ("(r+5)^2", "(r+5)(r+5)", True),
    (r"\frac{\sqrt{3}}{3} \approx 0.577", r"\frac{\sqrt{3}}{3}", True), ("C. x = 42", "C", True),
    (r"\begin{bmatrix} 0 & 0 & 0 \\ 0 & 1 & 0 \\ 0 & 0 & 1 \end{bmatrix}",
     r"\begin{pmatrix}0&0&0\\0&1&0\\0&0&1\end{pmatrix}", True),
    ("5.001", "5", False), ("None", "0", False), ("x^3+2x+1", "x^2+2x+1", False), (r"\text{oddd}", "odd", False),
    (r"\mathrm{E}*2", "E", False), (r"\sqrt{67}", r"\sqrt{67},-\sqrt{85}", False), ("5", "5.001", False),
    ("x^2+2x+1", "x^3+2x+1", False), (r"\sqrt{67},-\sqrt{85}", r"\sqrt{67}", False),
]  # fmt: skip
HENDRYCKS = [
    (r"\frac{1}{2} + 2/3", r"\tfrac{1}{2} + \frac1{72}", False), ("4, 10, -2", "10, 4, -2", False),
    ("4, 12, 2", "10, 4, 2", False), (r"\dfrac{1}{2} +\frac{1}{72}", r"\tfrac{1}{2} +\! \frac1{72}", True),
    ("10 ", r"10\text{ units}", True), ("100 ", r"10\text{ units}", False), (r"\$10", "10", True),
    ("(x-2)(x+2)", r"\left(x-2\right)\left(x+2\right)", True), ("4, .1, 2", "0.1, 4, 2", False), (".1", "0.1", True),
    ("10", r"10\%", True), (r"10\sqrt3 + \sqrt{4}", r"10\sqrt{3} + \sqrt4", True), (r"\frac{3}{4}i", r"\frac34i", True),
    (r"\frac{8}{3}", r"\tfrac83", True), ("x + y - z + 2 = 0", "5x - 7y + 11z + 4 = 0", False),
    (r"\frac{1}{2}", "1/2", True),
    (r"\tfrac{1}{2} + \frac1{72}", r"\frac{1}{2} + 2/3", False), ("10, 4, 2", "4, 12, 2", False),
    (r"\tfrac{1}{2} +\! \frac1{72}", r"\dfrac{1}{2} +\frac{1}{72}", True), (r"10\text{ units}", "10 ", True),
    (r"10\text{ units}", "100 ", False), ("10", r"\$10", True), ("0.1", ".1", True), (r"10\%", "10", True),
    (r"\frac34i", r"\frac{3}{4}i", True), (r"\tfrac83", r"\frac{8}{3}", True), ("1/2", r"\frac{1}{2}", True),
    (r"\left(x-2\right)\left(x+2\right)", "(x-2)(x+2)", True),
]  # fmt: skip
DART_MATH = [
    ("0", r"251,7\\ \noindent", False), ("3.54e-07", "3.54*10^{-7}", True), ("0.5", r"\frac{1}{2}", True),
    ("100", "1", False), ("1", "100", False), ("0.0304", "3.04", True), ("3.04", "0.0304", True),
    ("x>3", "x<-1", False), (r"(-\infty,0)\cup(0,\infty)", r"(-\infty,0)\cup(0,\infty)", True),
    ("2+1,1+2", "1+2,2+1", True), ("5", "5", True), ("0.3", "0.1 + 0.2", True), ("y + x", "x + y", True),
    ("C", "C", True), ("1234", "1,234", True), ("(12,34)", "12,34", True), ("5", r"\$ 5", True),
    (r"3\sqrt{13}", r"3 * \sqrt{13}", True), (r"\frac{\pi}{2}", r"\pi/2", True),
    (r"(3,\frac{\pi}{2})", r"(3,\pi/2)", True), (r"\$23{,}000", "23000", True), ("(2,1)", r"\left(1,2\right)", True),
    ("white", "White", True), ("[0,1]", "[0,3)", False), ("[0,3)", "[0,1]", False),
    ("1,2", r"\begin{array}{c}1\\2\end{array}", True), (r"\{2,1\}", r"\{1,2\}", True), ("false", "no", True),
    ("y+x", "x+y", True), ("1/2", r"\frac{1}{2}", True),
]  # fmt: skip
MARIO_EVAL = [
    (r"\{x - 1, x\}", r"\{x, x - 1\}", True), (r"x + 1.414i", r"x + \sqrt2i", True),
    ("11111111100", r"11,\! 111,\! 111,\! 100", True), ("1.5", "1 1/2", True), ("4210_7", "4210_{7}", True),
    ("1.5", r"1\frac12", True), ("2.625", r"2\frac58", True), ("0.1, 4", ".1, 4.0", True), ("10", r"10\%", True),
    ("0.1", r"10\%", True), ("1/3, 1.732, 3.1416", r"\frac13, \sqrt3, \pi", True), ("125.663", r"40\pi", True),
    ("1, 3, 2", "1, 2, 3", True), ("-5,-2,7", r"7, -2, \text{ and } -5", True), ("(1, 3, 2)", "[1, 2, 3]", False),
    ("[x, 1 + x]", "[x, x + 1]", True), ("[x + 1, x]", "[x, x + 1]", False), ("i(2-i)", "1+2i", True),
    (r"\dfrac{2}{3} +\frac{1}{72}", r"\tfrac23 +\frac1{72}", True),
    (r"$\frac{\sqrt{17}}{17}$", r"\frac{\sqrt{17}}{17}", True), ("0.8660254037844386", r"\frac{\sqrt{3}}{2}", True),
    ("10", r"10\text{ units}", True), ("10", "10 square units", True), ("10", r"10 \text{cm}", True),
    ("10", r"10\text{ cm}^{2}", True), ("10", "10weeks", True), ("10", "10 cm^2", True), ("20:34:00", "20:34", True),
    (r"08:34 \text{P.M.}", "20:34", True), ("10", "10cm", False), ("10", "10m", False), (r"\$10", "10", True),
    (r"10\sqrt3 + \sqrt{4}", r"10\sqrt{3} + \sqrt4", True), ("x + y - z + 2 = 0", "5x - 7y + 11z + 4 = 0", False),
    (r"\cos(x)=\frac{42}{59}", r"\sin(x)=\frac{42}{59}", False), ("11z^7(11z^7+5)", "11z^{7}(5+11z^{7})", True),
    (r"\frac{v_0 \cdot \left(\frac{r_0}{r + r_0}\right)^{0.5}}{(r + r_0)}",
     r"\frac{v_{0}}{r_{0}} \frac{1}{\left(1+r / r_{0}\right)^{3 / 2}}", True),
    ("4/3-7x/6", r"\frac{8-7x}{6}", True), ("(2x - 1)(2x + 1)(2x + 3)", "(2x+3)(2x -1)(2x+1)", True),
    ("2^6 3^5 5^4", "2^6 * 3^5 * 5^4", True),
    (r"\begin{pmatrix} 1 & 0.5 \\ 1/3 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 1/2 \\ 1/3 & 4 \end{pmatrix}", True),
    (r"\begin{matrix} x \\ \sqrt{3} + 2x \\ 0.5 \end{matrix}",
     r"\begin{matrix} x \\ \sqrt{3} + 2x  \\ \frac12 \end{matrix}", True),
    ("[0.5, 1]", r"\begin{matrix} \frac12 \\ 1 \end{matrix}", True),
    (r"\begin{cases} a+b=0.5\\ a-b=1.732\end{cases}", r"\begin{cases} a+b=\frac12 \\ a-b=\sqrt3 \end{cases}", True),
    (r"\frac1{\cos x}", r"\sec x", True), (r"\cos(x)", r"\sin(90^{\circ}-x)", True),
    (r"\frac{1}{432}", r"2.314814814815 \times 10^{-3}", True), (r"[1/2, \infty)", r"x \in [0.5, \infty)", True),
    (r"[2^{\frac{1}{2^{1000}}}, \infty)", r"[1,+\infty)", True), ("(-3,2)", "[-3,2]", False),
    ("[x, y)", "[1, 2)", False),
    ("1, 2, 3", "x = 1, y = 2, z = 3", True), ("2x + 3", "f(x) = 2x + 3", True), ("y = 2x + 3", "f(x) = 2x + 3", True),
]  # fmt: skip
AREAL = [
    ("The answer is 4", "4", True), ("The answer is 0.5", "1/2", True), (r"Step 1: 2+2=4. \boxed{4}", "4", True),
    ("The answer is 5", "4", False), ("", "4", False), (r"$\sqrt{4} = 2$", "2", True),
    ("The angle is [90].", "90", True), ("The length is [5.0].", "5", True), ("The angle is [60].", "90", False),
    ("The answer is 90 degrees.", "90", True), ("The ratio is [1/2].", "0.5", True), ("", "90", False),
    ("The angle is [ 90 ].", "90", True), ("The answer is !!!invalid!!!", "4", False),
    ("The answer is 8", "2^3", True), (r"The answer is $\sqrt{16}$", "4", True),
    (r"The answer is $\frac{5}{6}$", "5/6", True), ("-15", "-15", True), ("x = 3", "3", True),
    ("Step 1: Calculate\nStep 2: Simplify\nFinal answer: 42", "42", True), ("$10^3$", "1000", True),
    ("[45 degrees]", "45", True), ("[45]", "45", True), ("[-3]", "-3", True), (r"[$\sqrt{4}$]", "2", True),
    ("First try [30], second try [45].", "45", True), ("[$10^4$]", "10000", True),
    (r"[$\sqrt{\sqrt{16}}$]", "2", True), ("42", "42", True), ("999999999999999", "999999999999999", True),
    ("0.0000001", "0.0000001", True), ("4", "12/3", True), ("4", "3/12", False), ("3+2", "5", True),
    ("2x + 2", "2*x + 2", True), ("x = 4", "4", True), (r"$e^{i\pi} = -1$", "-1", True),
    ("$10^3 = 1000$", "1000", True), (r"$1 \times 10^3$", "1000", True),
    (r"$\begin{vmatrix} 2 & 1 \\ 1 & 2 \end{vmatrix} = 3$", "3", True),
    (r"$\frac{\frac{1}{2}}{\frac{3}{4}} = \frac{2}{3}$", "2/3", True), (r"$\binom{5}{2} = 10$", "10", True),
    (r"$\sin\left(\frac{\pi}{2}\right) = 1$", "1", True), (r"[$\sqrt{3^2 + 4^2}$] = [5]", "5", True),
    (r"$\lim_{x \to 0} \frac{\sin x}{x} = 1$", "1", True), ("The result is $3$", "3", True),
    (r"$\left| 3 - 5 \right| = 2$", "2", True), (r"$17 \bmod 5 = 2$", "2", True), (r"$\log_2(8) = 3$", "3", True),
    (r"\boxed{0.0667}", "None", False), (r"\boxed{0.0666668}", "0.066666793", True),
    (r"\boxed{0.067}", "0.066793", False), (r"\boxed{2.232}", "2.23", False), (r"\boxed{2.23}", "2.232", False),
    (r"The final answer is \boxed{2/3}.", "0.6666667", True),
    (r"Area equals \boxed{10^4} square units", "10000", True),
    (r"Result: \boxed{(1/2)^{2} + \sqrt{9}}", "0.25 + 3", True),
]  # fmt: skip
RLLM = [
    (r"<think>2 + 2 = 4</think> The answer is \boxed{4}.", "4", True),
    (r"<think>a fraction or a decimal</think> The answer is \boxed{0.5}.", "1/2", True),
    (r"<think>a fraction or a decimal</think> The answer is \boxed{0.5}.", "one half", True),
    (r"<think>2 + 2 = 5</think> The answer is \boxed{5}.", "4", False), ("The answer is 4.", "4", False),
    ("<think>2 + 2 = 4</think> The answer is 4.", "4", False),
    (r"<think>...</think> The answer is \boxed{x = 2, x = -3}.", "x = 2, x = -3", True),
    (r"<think>...</think> The answer is \boxed{24}.", r"\boxed{24}", True),
    (r"<think>...</think> The answer is \boxed{3.14159}.", "3.14159", True),
    (r"<think>...</think> The answer is \boxed{\frac{1}{2}}.", "1/2", True),
    (r"<think>...</think> The answer is \boxed{}.", "", False),
    (r"<think>...</think> The answer is \boxed{ }.", " ", False),
    (r"<think>...</think> The answer is \boxed{}.", r"\boxed{}", False),
    (r"<think>...</think> The answer is \boxed{42}.", r"\boxed", False),
    ("<think>...</think>\n<|begin_of_box|><|end_of_box|>", "", False),
    (r"<think>...</think> The answer is \boxed{42}.", "42", True),
    (r"<think>...</think> The answer is \boxed{}.", "7", False),
    (r"<think>...</think> The answer is \boxed{42}.", "7", False),
    (r"<think>...</think> The answer is \boxed{0}.", "0", True), (r"\boxed{42}", "", False), ("42", "42", True),
    ("", "42", False),
]  # fmt: skip
RLLM_LETTERS = [
    ("B", "B", True), ("A", "B", False), ("The answer is C", "C", True), ("After analyzing, answer: D", "D", True),
    ("I think **B** is correct", "B", True), ("The correct option is (A)", "A", True), ("", "A", False),
    ("b", "B", True), ("J", "J", True), ("c", "C", True), ("After careful analysis, the answer is B", "B", True),
    ("No valid answer here", "A", False), ("A long explanation about biology", "A", True),
    ("The answer is (D)", "D", True),
]  # fmt: skip

SUITES = {
    "Math-Verify": MATH_VERIFY,
    "lighteval": LIGHTEVAL,
    "lighteval letters": LIGHTEVAL_LETTERS,
    "NeMo-Skills": NEMO_SKILLS,
    "hendrycks/math": HENDRYCKS,
    "dart-math": DART_MATH,
    "MARIO_EVAL": MARIO_EVAL,
    "AReaL": AREAL,
    "rLLM": RLLM,
    "rLLM letters": RLLM_LETTERS,
}
WHOLE = ("Math-Verify", "lighteval", "AReaL", "rLLM")
DIFFERENT = {
    ("Math-Verify", "1.22", "1,22"): "a gold with a comma is a list of two numbers",
    ("Math-Verify", "0.111", "0,111"): "a gold with a comma is a list of two numbers",
    ("Math-Verify", "the number is not 10 which is 1,000.99€", "1000.99"): "the only clause is denied",
    ("Math-Verify", "Answer $ \n 9 \n $", "9"): "a line break inside a formula does not change it",
    ("Math-Verify", r"Answer $ \frac{1}{2} \$ = \frac{10}{9} $", "10/9"): "it says that a half is ten ninths",
    ("Math-Verify", r"is $\boxed{32, 349}$", "32349"): "models write thousands with a comma and a space",
    ("Math-Verify", "$13$", r"\text{13}"): "13 is 13 in any dress",
    (
        "lighteval",
        r"$z \in \left[-\frac{3}{2}, -1\right] \cup \left[1, \frac{3}{2}\right]$",
        r"1\leq|z|\leq \frac{3}{2}",
    ): "z may be complex, and then this is a ring",
    ("hendrycks/math", "4, 10, -2", "10, 4, -2"): "a bare list of answers has no order",
    ("hendrycks/math", "4, .1, 2", "0.1, 4, 2"): "a bare list of answers has no order",
    ("dart-math", "0.0304", "3.04"): "a hundredth of the gold is wrong",
    ("dart-math", "3.04", "0.0304"): "a hundredfold of the gold is wrong",
    ("dart-math", "(12,34)", "12,34"): "a point or an open interval is no list of two answers",
    ("dart-math", "(2,1)", r"\left(1,2\right)"): "a point has an order",
    ("MARIO_EVAL", "x + 1.414i", r"x + \sqrt2i"): "a rounded coefficient is not the exact one",
    ("MARIO_EVAL", "125.663", r"40\pi"): "125.6637 was cut off, not rounded",
    ("MARIO_EVAL", "10", "10 cm^2"): "bare letters in a gold may be quantities",
    (
        "AReaL",
        r"\boxed{0.0666668}",
        "0.066666793",
    ): "a decimal is compared with a decimal by its digits, not to six places",
    ("rLLM", "The answer is 4.", "4"): "its rule asks for a box: a rule of form, not a question of value",
    ("rLLM", "<think>2 + 2 = 4</think> The answer is 4.", "4"): "its rule asks for a box",
    ("rLLM letters", "A long explanation about biology", "A"): "an article is no choice",
}
"""Errors of the suites, or other decisions than ours, with the reason."""
MISSED = {
    ("Math-Verify", "not it's not 10 it's 1,000.99m²", "1000.99"),
    ("lighteval", "Réponse: Janeth aura encore 220 $ à payer d'ici 12 mois.", "220"),
    ("AReaL", "First try [30], second try [45].", "45"),
}
"""Right answers that we do not recognise."""
ROWS = [(suite, *row) for suite, rows in SUITES.items() for row in rows]


def verdict(suite, prediction, gold):
    if suite.endswith("letters"):
        return choice.grade(prediction, Gold("choice", (gold,))).correct
    text = prediction if suite in WHOLE else rf"\boxed{{{prediction}}}"
    return mathematics.grade(text, Gold("math", (gold,))).correct


@pytest.mark.parametrize(("suite", "prediction", "gold", "expected"), ROWS)
def test_rows_are_judged_as_their_suite_does_except_the_listed_ones(suite, prediction, gold, expected):
    listed = (suite, prediction, gold) in {*DIFFERENT, *MISSED}
    assert verdict(suite, prediction, gold) is (not expected if listed else expected)


@pytest.mark.parametrize("suite", sorted({suite.removesuffix(" letters") for suite in SUITES}))
def test_at_least_97_percent_of_each_suite_without_its_errors(suite):
    rows = [row for row in ROWS if row[0].startswith(suite) and row[:3] not in DIFFERENT]
    right = sum(row[:3] not in MISSED for row in rows)
    assert len(rows) >= 25
    assert right / len(rows) >= 0.97


def test_every_listed_row_exists_and_nothing_missed_is_a_false_accept():
    expected = {row[:3]: row[3] for row in ROWS}
    assert {*DIFFERENT, *MISSED} <= expected.keys()
    assert all(expected[row] is True for row in MISSED)
