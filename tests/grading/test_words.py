r"""Words, units, notations and languages: rows of (answer in a box, gold), by class, right ones and wrong ones."""

import pytest

from entmin.grading.gold import Gold
from entmin.grading.mathematics import grade

RIGHT = {
    "in words": [
        ("There are 5 apples", "5"), ("there are 5", "5"), ("She has 5 apples left", "5"),
        ("The total cost is 5 dollars", "5"), ("He needs 5 more apples", "5"), ("5 apples", "5"), ("five", "5"),
        ("five apples", "5"), ("Five", "5"), (r"\text{five}", "5"), (r"\text{five apples}", "5"),
        ("5 apples in total", "5"), ("the value is 5", "5"), ("x is 5", "5"), ("exactly 5", "5"),
        ("approximately 5", "5"), ("5 times", "5"), ("John gets 5 marbles", "5"),
        (r"\text{There are } 5 \text{ apples}", "5"), ("5 people per car", "5"), (r"\text{The answer is } 5", "5"),
    ],
    "number words": [
        ("twenty-one", "21"), ("twenty one", "21"), ("one hundred and five", "105"), ("one hundred five", "105"),
        ("two thousand", "2000"), ("two thousand three hundred", "2300"), ("three million", "3000000"),
        ("two thirds", r"\frac23"), ("two-thirds", r"\frac{2}{3}"), ("one half", "0.5"), ("a half", r"\frac12"),
        ("half", r"\frac12"), ("three quarters", "0.75"), ("five and a half", "5.5"), ("negative five", "-5"),
        ("minus five", "-5"), ("seven dollars", "7"), ("7", "seven"), ("zero", "0"), ("12", r"\text{twelve}"),
        ("ninety-nine bottles", "99"), ("two dozen", "24"), ("seventy percent", r"70\%"), ("eleven", "11"),
        ("a quarter", "0.25"), ("three hundred and sixty-five", "365"),
    ],
    "truth": [
        ("Yes", "True"), ("True", "Yes"), ("yes", r"\text{Yes}"), ("No", "False"), ("false", "No"), ("是", "Yes"),
        ("否", "No"), ("正确", "True"), ("错误", "False"), ("True", "是"), ("Yes", "正确"), ("No, it is not", "No"),
        ("Yes, because 2 is even", "Yes"), ("对", "True"), ("不是", "No"), (r"\text{true}", "Yes"),
        ("不成立", "False"), ("成立", "True"), ("是的", "Yes"),
    ],
    "bounds and joined words": [
        (r"4\text{ or }5", "4,5"), (r"\{1 \text{ or } 2\}", "1,2"), (r"\text{red and blue}", "red and blue"),
        ("red and blue", r"\text{Red and blue}"), (r"3\text{ dozen eggs}", "36"),
    ],
    "two notations": [
        ("1/2 or 0.5", r"\frac12"), (r"\frac{3}{2} \text{ or } 1.5", "1.5"), ("50% or 0.5", "0.5"),
        ("0.25, or 1/4", "0.25"), ("7.50 or 7.5", "7.5"), (r"2\sqrt{3} \text{ or } \sqrt{12}", r"\sqrt{12}"),
        ("1/2 i.e. 0.5", "0.5"), ("3 or three", "3"), (r"\frac{7}{2} \text{ or } 3\frac{1}{2}", r"\frac72"),
        ("1/2 或 0.5", "0.5"), (r"x = \frac12 \text{ or } 0.5", "0.5"),
        (r"\frac{1}{2}, \text{ or equivalently, } 0.5", "0.5"),
    ],
    "plus minus": [
        (r"\pm 3", "-3,3"), (r"\pm\sqrt{5}", r"\sqrt5,-\sqrt5"), (r"x=\pm 3", "3,-3"), ("3,-3", r"\pm 3"),
        ("-3, 3", r"\pm 3"), ("3 or -3", r"\pm 3"), (r"x=3 \text{ or } x=-3", r"x=\pm 3"),
        (r"x = \pm 3", "x=3,x=-3"), (r"2\pm\sqrt3", r"2+\sqrt3, 2-\sqrt3"), (r"2+\sqrt3, 2-\sqrt3", r"2\pm\sqrt3"),
        (r"\{-3,3\}", r"\pm 3"), ("±3", "3,-3"), (r"\frac{1\pm\sqrt5}{2}", r"\frac{1+\sqrt5}{2},\frac{1-\sqrt5}{2}"),
        (r"x=\frac{1\pm\sqrt5}{2}", r"\frac{1-\sqrt5}{2},\frac{1+\sqrt5}{2}"), ("+3,-3", r"\pm3"),
        ("+/-3", r"\pm 3"), ("3 and -3", r"\pm 3"), (r"\pm 3 i", "3i,-3i"), (r"(\pm 3, 0)", "(3,0),(-3,0)"),
    ],
    "sets": [
        ("|x|>3", r"(-\infty,-3)\cup(3,\infty)"), ("|x|<3", "(-3,3)"), (r"|x| \le 3", "[-3,3]"),
        ("|x-1|<2", "(-1,3)"), (r"|x+1|\ge 2", r"(-\infty,-3]\cup[1,\infty)"), (r"x<-3 \text{ or } x>3", "|x|>3"),
        (r"\{x : -2 \le x \le 7\}", "[-2,7]"), (r"\{x \mid x > 3\}", r"(3,\infty)"),
        (r"\{x \in \mathbb{R} : x \neq 2\}", r"(-\infty,2)\cup(2,\infty)"), (r"\{x | -2 \le x \le 7\}", "[-2,7]"),
        (r"x \geq -2 \text{ and } x \leq 7", "[-2,7]"), (r"x > 1 \text{ and } x<5", "(1,5)"), ("x<5, x>1", "(1,5)"),
        (r"\mathbb{R} \setminus \{2\}", r"(-\infty,2)\cup(2,\infty)"),
        (r"\mathbb{R}\setminus\{1,2\}", r"(-\infty,1)\cup(1,2)\cup(2,\infty)"),
        (r"\mathbb{R}-\{2\}", r"(-\infty,2)\cup(2,\infty)"), (r"(-\infty,\infty)\setminus\{2\}", r"x\ne 2"),
        (r"x \ne 1, 2", r"\mathbb{R}\setminus\{1,2\}"),
        (r"x \neq 1 \text{ and } x \neq 2", r"(-\infty,1)\cup(1,2)\cup(2,\infty)"),
        (r"\text{all real numbers except } 2", r"(-\infty,2)\cup(2,\infty)"),
        (r"x\in\mathbb{R}\setminus\{0\}", r"x \neq 0"), (r"\{x\in\mathbb{R}\mid x>3\}", "x>3"),
        ("[1,2]^T", r"\begin{pmatrix}1\\2\end{pmatrix}"), ("(1,2)^T", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        ("2516_{(8)}", "2516_8"), (r"{5 \choose 2}", "10"), (r"\binom52", "10"), (r"{n \choose 2}", r"\binom{n}{2}"),
        (r"(-\infty, -3) \cup (3, +\infty)", "|x|>3"),
        (r"\left\{x \mid x<1 \text{ or } x>2\right\}", r"(-\infty,1)\cup(2,\infty)"), ("2516 base 8", "2516_8"),
        (r"(0,5)\setminus\{2\}", r"(0,2)\cup(2,5)"), (r"[0,\infty)\setminus\{1\}", r"[0,1)\cup(1,\infty)"),
    ],
    "lists in other languages": [
        ("2 und 3", "2, 3"), ("2 et 3", "2, 3"), (r"$2$ und $3$", "2, 3"), (r"2 \text{ und } 3", "2, 3"),
        ("2 oder 3", "2, 3"), ("1, 2 et 3", "1, 2, 3"), (r"x = 2 \text{ ou } x = 3", "2, 3"),
    ],
    "systems": [
        ("(5,2),(7,3)", "p=5,q=2;p=7,q=3"), ("p=5,q=2;p=7,q=3", "(7,3),(5,2)"), ("q=3,p=7;q=2,p=5", "p=5,q=2;p=7,q=3"),
        (r"p=5, q=2 \text{ or } p=7, q=3", "p=5,q=2;p=7,q=3"), ("[45 degrees]", "45"), ("(45 cm)", "45"),
        (r"\begin{vmatrix} 2 & 1 \\ 1 & 2 \end{vmatrix} = 3", "3"), (r"17 \bmod 5 = 2", "2"), ("2/3", "0.6666667"),
    ],
    "sums of names": [
        ("a+b=5", "5"), ("m+n = 17", "17"), ("xy=6", "6"), ("abc = 30", "30"), ("x+y+z=10", "10"),
        (r"AB \cdot CD = 12", "12"), ("p-q=3", "3"), (r"\alpha+\beta=5", "5"), ("x_1+x_2=5", "5"), ("a b = 7", "7"),
        ("PA+PB=7", "7"), (r"a+b+c=\frac{1}{2}", "0.5"), ("m + n = 3 + 4 = 7", "7"), ("x_1 x_2 = 7", "7"),
        ("a*b=7", "7"),
    ],
    "units": [
        ("4 cm^2", "4"), (r"4\text{ cm}^2", "4"), (r"2\text{ m}^3", "2"), (r"10\text{ s}^{-1}", "10"),
        (r"4 \text{ square centimeters}", "4"), ("4 square feet", "4"), (r"4\ \mathrm{cm}^2", "4"),
        (r"12\pi\text{ cm}^2", r"12\pi"), ("4 cubic meters", "4"), ("60 mph", "60"),
        (r"60 \text{ miles per hour}", "60"), ("3 hours", "3"), ("$5.50", "5.50"), ("£7,500", "7500"),
        ("7,500 dollars", "7500"), (r"7{,}500 \text{ dollars}", "7500"), ("€20", "20"), ("5 cents", "5"),
        ("20 years old", "20"), ("3 million", "3000000"), (r"3 \text{ million}", "3000000"),
        ("3.5 billion", "3500000000"), ("5 hundred", "500"), (r"5 \text{ thousand dollars}", "5000"),
        ("3 million", "3,000,000"), ("3000000", "3 million"), ("3000000", r"3\text{ million}"),
        ("3 million dollars", "3 million"), (r"120^{\text{o}}", "120"), ("120^o", "120"), (r"120^\circ", "120"),
        ("120 degrees", "120"), ("3rd", "3"), (r"3^{\text{rd}}", "3"), ("3^{rd}", "3"), ("20th", "20"),
        ("2 hours 30 minutes", "2 h 30 min"), ("2 h 30 min", r"2 \text{ hours } 30 \text{ minutes}"),
        ("2 hours and 30 minutes", r"2 \text{ hours and } 30 \text{ minutes}"), ("5 feet 3 inches", "5 ft 3 in"),
        ("5 kg", "5 kilograms"), ("4.5 m/s", "4.5"), (r"9.8 \text{ m/s}^2", "9.8"),
        (r"9.8\ \text{m} \cdot \text{s}^{-2}", "9.8"), ("2 dozen", "24"), (r"5\text{ apples}", "5"),
        (r"\text{5 apples}", "5"), (r"\text{5}", "5"), (r"\$5 \text{ per hour}", "5"),
        (r"\text{approximately } 5 \text{ km}", "5"),
    ],
    "times dates ways": [
        (r"5:30 \text{ p.m.}", "5:30 p.m."), ("5:30 PM", r"5\!:\!30\text{ p.m.}"), ("5:30pm", "5:30 p.m."),
        (r"12\text{:}00", "12:00"), (r"3\text{:}15\text{ p.m.}", "3:15 p.m."), ("5:30 p.m.", "5:30"),
        ("June 20th", "June 20"), ("20 June", "June 20"), ("June 20", r"\text{June } 20"),
        (r"\text{June 20th}", r"\text{June }20"), ("the 20th of June", "June 20"), ("20 June", "20"),
        ("5 m/s east", "5 m/s east"), ("5 m/s due east", "5 m/s east"), ("5 m/s to the east", "5 m/s east"),
        ("5 km north", "5"), (r"30^\circ \text{ N}", r"30^\circ \text{ north}"), (r"12:00 \text{ noon}", "12:00"),
        ("July 4, 1776", "4 July 1776"), ("5 p.m.", "5:00 p.m."),
    ],
    "dress": [
        (r"\large 5", "5"), (r"5 \checkmark", "5"), ("=5", "5"), ("&5", "5"), (r"\phantom{0}5", "5"), ("= 5", "5"),
        ("5 ✓", "5"), (r"\Large{5}", "5"), ("(5)", "5"), ("((5))", "5"), ("((((((((5))))))))", "5"),
        ("{{{{5}}}}", "5"), (r"\left(\left(5\right)\right)", "5"),
        ("((((((((((((((((((((((((((((((((((((((((5))))))))))))))))))))))))))))))))))))))))", "5"), ("**5**", "5"),
        ("`5`", "5"), ("5.", "5"), ("5;", "5"), ("$5$", "5"), (r"\(5\)", "5"), (r"\[5\]", "5"), (r"\mathbf{5}", "5"),
        (r"\displaystyle{5}", "5"), (r"\bf 5", "5"), (r"\underline{5}", "5"), (r"5 \,", "5"),
        (r"\hphantom{-}5", "5"), ("((x+1))(((x)))", "x^2+x"), ("(((1,2)))", "(1,2)"),
        (r"((\frac{((1))}{((2))}))", "0.5"),
    ],
    "decimal commas and dots": [
        ("1000,99", "1000.99"), ("-2,5", "-2.5"), ("0,111", "0.111"), ("4,5 kg", "4.5"), ("1, 2, ...", r"1, 2, \ldots"),
        ("20:34:00", "20:34"), ("11111100", r"11,\! 111,\! 100"), ("10", "10weeks"), 
        ("1.000,99", "1000.99"), ("1, 500", "1500"),
        ("y = 2x+3", "f(x)=2x+3"), ("1,2", r"\begin{pmatrix}1\\2\end{pmatrix}"), (r"\sqrt{17}", "4.1231056256"),
    ],
    "chinese": [
        ("5元", "5"), ("5 个", "5"), ("五", "5"), ("十二", "12"), ("二十一", "21"), ("一百零五", "105"),
        ("负三", "-3"), ("二分之一", "0.5"), ("三分之二", r"\frac23"), ("百分之五", r"5\%"), ("3万", "30000"),
        ("1.5亿", "150000000"), ("5千克", "5"), ("5个苹果", "5"), ("小明有5个苹果", "5"), ("一共是5元", "5"),
        ("1、2", "1,2"), (r"1 \text{和} 2", "1,2"), ("1和2", "2,1"), ("1或2", "2,1"), ("x＝5", "5"), ("５", "5"),
        ("五个", "5"), ("共有5种", "5"), (r"5\text{元}", "5"), (r"5\ \text{平方厘米}", "5"), ("（1，2）", "(1,2)"),
        ("答案是5", "5"), ("5米", "5"), ("约等于5", "5"), (r"x=1\text{或}x=2", "1,2"),
    ],
    "letters": [
        ("(B) 5", "B"), ("B. 5", "B"), ("B) mitosis", "B"), (r"\text{(B)}", "B"), ("B", "(B)"), ("ACD", "A, C, D"),
        ("ACD", "A,C,D"), ("A, C, D", "ACD"), ("DCA", "A,C,D"), ("A and C", "A,C"), (r"\text{B: mitosis}", "B"),
        ("(B)", "B"),
    ],
}  # fmt: skip
WRONG = {
    "bounds and joined words": [
        (r"4\text{ or more}", "4"), (r"4\text{ and more}", "4"), (r"4\text{ or fewer}", "4"),
        (r"\text{4 or more}", "4"), (r"4\text{ or 40 percent}", "4"), (r"\text{red and blue}", "red"),
        ("4 and above", "4"), ("up to 4", "4"),
    ],
    "formula around": [
        (r"\text{the square root of } 5", "5"), ("square root of 5", "5"), ("the cube root of 5", "5"),
        ("sqrt of 5", "5"), (r"\text{log base 2 of } 5", "5"), ("the factorial of 5", "5"), ("5 factorial", "5"),
        ("half of 5", "5"), ("twice 5", "5"), ("double 5", "5"), ("5 squared", "5"), ("5 cubed", "5"),
        ("one over 5", "5"), ("the reciprocal of 5", "5"), ("less than 5", "5"), ("greater than 5", "5"),
        ("more than 5", "5"), ("at least 5", "5"), ("at most 5", "5"), ("no more than 5", "5"), ("5 or more", "5"),
        ("5 or less", "5"), ("not 5", "5"), ("it is not 5", "5"), (r"\text{not } 5", "5"), (r"\text{minus } 5", "5"),
        ("minus 5", "5"), ("negative 5", "5"), ("5 thousand", "5"), (r"5 \text{ thousand}", "5"), ("5 million", "5"),
        ("five thousand", "5"), ("5 dozen", "5"), (r"\text{less than }5", "5"), (r"\text{at most }5", "5"),
        (r"5 \text{ factorial}", "5"), ("sine of 5", "5"), ("x times 5", "5"), ("5 times x", "5"), ("5 plus x", "5"),
        ("5x", "5"), (r"\text{the 5th root}", "5"), ("nearly 5", "5"), ("between 4 and 5", "5"),
        ("5 divided by 2", "5"), ("x is 5 more than y", "5"), (r"\pi \text{ times } 5", "5"), ("about 5 or 6", "5"),
        (r"5 \pi \text{ cm}", "5"), ("the answer is definitely not 5", "5"), ("5 to the power of 2", "5"),
        (r"5^2 \text{ cm}", "5"), (r"\sqrt{5} \text{ cm}", "5"), (r"\text{we get } 5^2", "5"), ("two times 5", "5"),
        ("5 minus 3", "5"), ("e to the 5", "5"), ("a fifth", "5"), ("1 in 5", "5"), ("5 in 7", "5"),
        ("5 out of 8", "5"), ("5 over 7", "5"),
    ],
    "number words": [
        ("twenty-one", "20"), ("twenty-one", "1"), ("five hundred", "5"), ("two thirds", "2"), ("two thirds", "3"),
        ("five and a half", "5"), ("negative five", "5"), ("seventeen", "7"), ("ten thousand", "10"),
        ("one of five", "5"), ("twenty", "2"), ("half", "2"), ("two or three", "2"),
    ],
    "truth": [
        ("Yes", "No"), ("No", "Yes"), ("True", "False"), ("是", "No"), ("否", "Yes"), ("不对", "True"),
        ("不是", "Yes"), ("错", "Yes"), ("不正确", "正确"), ("Not sure", "Yes"), ("1", "Yes"), ("maybe", "No"),
    ],
    "two notations": [
        ("1/2 or 0.6", r"\frac12"), ("3 or 5", "3"), ("5 or 3", "3"), ("0.5 or 2", "0.5"), ("1/2, 0.5", "1/3"),
    ],
    "plus minus": [
        (r"\pm 3", "3"), ("3", r"\pm 3"), ("-3", r"\pm 3"), (r"\pm 3", "3,3"), ("3,-2", r"\pm 3"),
        (r"2\pm\sqrt3", r"2+\sqrt3"),
    ],
    "sets": [
        ("|x|>3", r"(3,\infty)"), ("|x|<3", r"(-\infty,3)"), (r"|x| \le 3", "(-3,3)"), ("|x-1|<2", "(-3,1)"),
        (r"\{x : -2 \le x \le 7\}", "(-2,7)"), (r"x \geq -2 \text{ or } x \leq 7", "[-2,7]"),
        (r"\mathbb{R}\setminus\{2\}", r"(-\infty,3)\cup(3,\infty)"),
        (r"\mathbb{R}\setminus\{2\}", r"(-\infty,\infty)"), (r"x\ne 2", r"\mathbb{R}\setminus\{1,2\}"),
        ("[2,1]^T", r"\begin{pmatrix}1\\2\end{pmatrix}"), ("2516_{(9)}", "2516_8"), (r"{5 \choose 2}", "5"),
        (r"x > 3 \text{ and } x < 7", r"(3,\infty)"),
    ],
    "systems": [
        ("(5,3),(7,2)", "p=5,q=2;p=7,q=3"), ("p=5,q=3;p=7,q=2", "p=5,q=2;p=7,q=3"), ("(2,5),(3,7)", "p=5,q=2;p=7,q=3"),
        ("x=5,y=2;x=7,y=3", "p=5,q=2;p=7,q=3"), ("p=5,q=2", "p=5,q=2;p=7,q=3"), ("p=5,q=3;p=7,q=2", "(5,2),(7,3)"),
        ("[45 degrees]", "54"), (r"17 \bmod 5 = 3", "3"), (r"\begin{vmatrix} 2 & x \\ 1 & 2 \end{vmatrix} = 3", "3"),
        ("0.6666666", "0.6666667"), ("2/3", "0.6666668"),
    ],
    "sums of names": [
        ("a+b=5", "6"), ("2x=4", "4"), ("2x=4", "2"), ("x^2=4", "4"), ("x+1=5", "5"), ("2a+b=5", "5"),
        ("a+b=c", "5"), ("5", "a+b=6"), ("x+y=5", "y"), ("x^2+y^2=25", "25"), ("3a=5", "5"),
    ],
    "units": [
        (r"4\text{ cm}^2", "16"), (r"2\text{ m}^3", "8"), (r"10\text{ s}^{-1}", "0.1"), ("4 cm^2", "16"),
        (r"3\text{ units}^2", "9"), (r"4\mathrm{ cm}^2", "16"), (r"2\,\text{kg}^{2}", "4"), (r"2\text{ cm}^2", "4"),
        ("3 billion", "3 million"), ("3 billion", "3000000"), (r"3\text{ billion}", r"3\text{ million}"),
        ("3 million", "3"), ("3", "3 million"), ("3 thousand", "3 million"), (r"2\text{ hours }30\text{ min}", "60"),
        ("2 hours 30 minutes", "2"), ("2 hours 30 minutes", "30"), ("2 h 40 min", "2 h 30 min"), ("5 6", "30"),
        ("2 3", "6"), ("5 feet 3 inches", "15"), (r"10 \text{ m}^{-1}", "0.1"), (r"5 \text{ thousand}", "5"),
        (r"10^2 \text{ cm}", "10"),
    ],
    "times dates ways": [
        ("5:30 a.m.", "5:30 p.m."), ("5:30 AM", r"5:30\text{ p.m.}"), ("5am", "5 p.m."),
        ("5 m/s west", "5 m/s east"), ("20 July", "20 June"), ("July 20", r"\text{June }20"),
        ("5 km south", "5 km north"), ("20", "20 June"), ("June 21", "June 20"), ("5:30", "5:31"),
        (r"30^\circ \text{ S}", r"30^\circ \text{ N}"), ("5 May", "5 March"), ("5 m/s downward", "5 m/s upward"),
        ("northwest 5", "5 northeast"),
    ],
    "dress": [
        ("((5)", "6"), ("((2,1))", "(1,2)"),
    ],
    "decimal commas and dots": [
        ("1,5", "1.6"), ("1,5", "15"), ("1,5", "15.0"), ("1, 5", "1.5"), ("1.5", "1,5"), ("1, 2, ...", "1, 2"),
        ("1, 2", r"1, 2, \ldots"), ("20:34:10", "20:34"), ("10", r"11,\! 100"), ("y = 2x+4", "f(x)=2x+3"),
        ("z = 2x+3", "f(x)=2x+3"), ("y = 2t+3", "f(t)=2t+3"), ("2,1", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\sqrt{17}", "4.123"), (r"\sqrt{17}", "4.1231056257"), ("4.12310562561", "4.1231056256"),
        ("12,345", "12.345"), ("2, 30", "2.3"), ("1, 500", "1.5"), ("-1, 5", "-1.5"), ("0, 5", "0.5"),
        ("1, 25 kg", "1.25"),
        (r"1 \text{ and } 5", "1.5"), (r"\{1,5\}", "1.5"), ("(1,5)", "1.5"), ("1;5", "1.5"), ("1、5", "1.5"),
        ("1,2,3", "1.23"),
        ("12, 345", "12.345"), ("1, 50", "150"), ("1, 23, 456", "123456"), ("1.00,5", "1000.5"), ("1.5, 5", "1.55"),
        (r"\frac{3000000022}{3}", "1000000007"), (r"\frac{37037}{3}", "12345.67"),
    ],
    "chinese": [
        ("五", "6"), ("不是5", "5"), ("小于5", "5"), ("5万", "5"), ("负5", "5"), ("5个半", "5"), ("二分之一", "2"),
        ("十五", "5"), ("5倍多", "5"), ("1、2", "1"), ("至少5", "5"), ("5以上", "5"), ("5的平方", "5"),
        ("根号5", "5"), ("5的阶乘", "5"), ("没有5", "5"), ("五十", "5"),
    ],
    "letters": [
        ("(C) 5", "B"), ("ABD", "A,C,D"), ("A, C", "A,C,D"), ("A or B", "B"), ("5", "B"),
    ],
}  # fmt: skip


def verdict(answer, gold):
    text = rf"Some reasoning with 17 and $x^2$. The final answer is \boxed{{{answer}}}."
    return grade(text, Gold("math", (gold,))).correct


@pytest.mark.parametrize(("answer", "gold"), [row for rows in RIGHT.values() for row in rows])
def test_right_answers_are_right(answer, gold):
    assert verdict(answer, gold) is True


@pytest.mark.parametrize(("answer", "gold"), [row for rows in WRONG.values() for row in rows])
def test_wrong_answers_are_wrong(answer, gold):
    assert verdict(answer, gold) is False
