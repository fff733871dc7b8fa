r"""Equations and inequalities: names on the left, factors, flipped sides, and inequalities as intervals."""

from __future__ import annotations

import re

from entmin.grading.exactly import TooLarge
from entmin.grading.reader import Tree, Unreadable, read
from entmin.grading.scalars import Rules, same
from entmin.grading.shapes import Shape
from entmin.grading.values import Point, close, symbols, value

_SUBSCRIPT = re.compile(r"_\s*(?:\{(?:[^{}]|\{[^{}]*\})*\}|\\?[A-Za-z]+|\d)")
_CALL = re.compile(r"(?<=[A-Za-z}'])\s*\((?:[^()]*)\)")
_STYLE = re.compile(
    r"\\(?:text|textrm|textbf|mathrm|mathbf|boldsymbol|mathbb|mathcal|operatorname|vec|hat|bar|dot|ddot|tilde|overline"
    r"|angle|triangle|left|right|deg|max|min)(?![a-z])"
)
_DISTANCE = re.compile(r"\|\s*[A-Za-z]\s*(?:(?P<sign>[-+])\s*(?P<by>[^|]+?))?\s*\|")
_ONE = r"(?:[A-Za-z]|\\(?!cdot|times|frac|sqrt)[a-z]+)(?:_\{?\w+\}?)?"
_NAMES = re.compile(rf"{_ONE}(?:\s*(?:[-+*]|\\cdot|\\times)?\s*{_ONE})+")
_DETERMINANT = re.compile(r"\\begin\{pmatrix\}[^A-Za-z]*\\end\{pmatrix\}\s*")
"""Of numbers: normalisation writes its bars as brackets."""
_FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
EQUALS = ("=", "~", "==")


def is_name(text: str) -> bool:
    r"""Whether the left side of an equation merely names a quantity: ``x``, ``f(x)``, ``\angle ABC``."""
    core = _STYLE.sub(" ", _CALL.sub("", _SUBSCRIPT.sub("", text)))
    return bool(re.search(r"[^\W\d_]", core)) and not re.search(
        r"[\d+^*]|(?<!\w)-|\\(?:int|sum|sqrt|sin|cos|ln|log|exp)", core
    )


def base_name(text: str) -> str:
    r"""The bare letter of a name, for comparing ``M`` with ``m_{\max}`` and ``f(x)`` with ``f``."""
    core = _STYLE.sub(" ", _CALL.sub("", _SUBSCRIPT.sub("", text)))
    return re.sub(r"[{}\s'()|]", "", core).casefold()


def full_name(text: str) -> str:
    """A name without spaces and styling, subscript kept."""
    return re.sub(r"[{}\s]", "", _STYLE.sub(" ", _CALL.sub("", text)))


def values_of(relation: Shape) -> list[str]:
    """What an equation says its name is: the last side, and sides before approximations.

    Empty when the left side is an expression that must be solved first (``2x = 4`` does not say 2).
    """
    if not relation.operators or any(operator not in (*EQUALS, "=>") for operator in relation.operators):
        return []
    sides = [item.text for item in relation.items]
    if "=>" in relation.operators:
        cut = len(relation.operators) - 1 - relation.operators[::-1].index("=>")
        rest = Shape("relation", relation.text, relation.items[cut + 1 :], operators=relation.operators[cut + 1 :])
        return values_of(rest) if len(rest.items) > 1 else [rest.items[0].text]
    found = [sides[-1]]
    for index in range(len(relation.operators) - 1, 0, -1):
        if relation.operators[index] != "~":
            break
        found.append(sides[index])
    if is_name(sides[0]):
        return found
    if relation.operators == ("~",):
        return sides[:1]
    if len(sides) == 2 and is_name(sides[1]) and not is_name(sides[0]):
        return [sides[0]]
    if _DETERMINANT.fullmatch(sides[0]):
        return found
    return [text for text in found if same(text, sides[0], Rules())] if len(sides) > 1 else []


def sum_of_names(relation: Shape) -> str | None:
    """5, where an answer says ``a + b = 5`` or ``xy = 5``: a sum or product of bare names has that value."""
    sides = [item.text for item in relation.items]
    if set(relation.operators) == {"="} and _NAMES.fullmatch(sides[0][:60].strip()) and not is_name(sides[-1]):
        return sides[-1]
    return None


def interval(relation: Shape) -> Shape | None:
    r"""``x > 3``, ``3 < x`` and ``1 \le x < 2`` as intervals; None for anything else."""
    operators, sides = relation.operators, [item.text for item in relation.items]
    if operators == ("!=",) and is_name(sides[0]):
        parts = (_group("(", r"-\infty", sides[1], ")"), _group("(", sides[1], r"\infty", ")"))
        return Shape("union", relation.text, parts)
    if any(operator not in _FLIP for operator in operators):
        return None
    if len(sides) == 2:
        distance = _DISTANCE.fullmatch(sides[0])
        if distance:
            return _within(relation, distance, sides[1], operators[0])
        if is_name(sides[1]) and not is_name(sides[0]):
            sides, operators = [sides[1], sides[0]], (_FLIP[operators[0]],)
        if not is_name(sides[0]):
            return None
        bound, closed = sides[1], operators[0].endswith("=")
        if operators[0].startswith(">"):
            return _group("[" if closed else "(", bound, r"\infty", ")")
        return _group("(", r"-\infty", bound, "]" if closed else ")")
    if len(sides) == 3 and is_name(sides[1]) and operators[0][0] == operators[1][0]:
        if operators[0].startswith(">"):
            sides, operators = sides[::-1], (_FLIP[operators[1]], _FLIP[operators[0]])
        opening, closing = "[" if operators[0] == "<=" else "(", "]" if operators[1] == "<=" else ")"
        return _group(opening, sides[0], sides[2], closing)
    return None


def _within(relation: Shape, distance: re.Match[str], radius: str, operator: str) -> Shape:
    r"""``|x - 1| < 2`` as the interval around 1, ``|x| > 3`` as the two rays outside."""
    centre = f"{distance['sign'] or ''}{distance['by']}" if distance["by"] else "0"
    low, high = f"-({centre})-({radius})", f"-({centre})+({radius})"
    opening, closing = ("[", "]") if operator.endswith("=") else ("(", ")")
    if operator[0] == "<":
        return _group(opening, low, high, closing)
    rays = (_group("(", r"-\infty", low, closing), _group(opening, high, r"\infty", ")"))
    return Shape("union", relation.text, rays)


def _group(opening: str, low: str, high: str, closing: str) -> Shape:
    items = (Shape("scalar", low), Shape("scalar", high))
    return Shape("group", f"{opening}{low},{high}{closing}", items, opening, closing)


def _renamed(gold: Shape, answer: Shape) -> Shape:
    """The answer with its function named as in the gold: f(t)=t+1 and y=x+1 are f(x)=x+1."""
    pattern = re.compile(r"^\s*([A-Za-z])\s*\(\s*([A-Za-z])\s*\)\s*$")
    left, right = pattern.match(gold.items[0].text), pattern.match(answer.items[0].text)
    if left and answer.items[0].text.strip() == "y" and left.group(2) == "x" and len(answer.items) == 2:
        return Shape("relation", answer.text, (gold.items[0], answer.items[1]), operators=answer.operators)
    if not left or not right or left.group(2) == right.group(2) or left.group(1) != right.group(1):
        return answer
    old, new = right.group(2), left.group(2)
    items = tuple(
        Shape("scalar", re.sub(rf"(?<![A-Za-z\\]){old}(?![A-Za-z])", new, item.text)) for item in answer.items
    )
    return Shape("relation", answer.text, items, operators=answer.operators)


def _difference(relation: Shape, rules: Rules) -> Tree:
    left, right = (read(relation.items[index].text, physics=rules.physics) for index in (0, -1))
    return ("add", left, ("neg", right))


def proportional(gold: Shape, answer: Shape, rules: Rules, *, positive: bool = False) -> bool:
    """Whether the two differences left - right are the same up to a constant factor."""
    try:
        a, b = _difference(gold, rules), _difference(answer, rules)
        if symbols(a) != symbols(b) or not symbols(a):
            return False
        ratios = []
        for seed in (1, 2, 3):
            left, right = (value(tree, Point(seed), physics=rules.physics) for tree in (a, b))
            if left == 0 or right == 0:
                return False
            ratios.append(left / right)
    except (Unreadable, TooLarge):
        return False
    constant = all(close(ratio, ratios[0], 1e-15) for ratio in ratios)
    return constant and (not positive or (ratios[0].real > 0 and ratios[0].imag == 0))


def same_equation(gold: Shape, answer: Shape, rules: Rules, *, alone: bool) -> bool:
    """Whether two equations say the same; ``alone`` answers may name their quantity differently in style."""
    answer = _renamed(gold, answer)
    written = [re.sub(r"\s", "", item.text) for item in gold.items]
    if written in ((turned := [re.sub(r"\s", "", item.text) for item in answer.items]), turned[::-1]):
        return True
    if proportional(gold, answer, rules):
        return True
    left, right = gold.items[0].text, answer.items[0].text
    if not (is_name(left) and is_name(right)):
        flipped = is_name(answer.items[-1].text) and len(answer.items) == 2 and is_name(left)
        if not flipped:
            return False
        answer = Shape("relation", answer.text, answer.items[::-1], operators=answer.operators)
        right = answer.items[0].text
    key = base_name if alone else full_name
    if key(left) != key(right):
        return False
    return any(same(a, b, rules) for a in values_of(gold) for b in values_of(answer))


def same_inequality(gold: Shape, answer: Shape, rules: Rules) -> bool:
    """Whether two inequalities have the same solutions, by rearrangement only."""
    if len(gold.operators) != len(answer.operators):
        return False
    if gold.operators == answer.operators and all(
        same(a.text, b.text, rules) for a, b in zip(gold.items, answer.items, strict=True)
    ):
        return True
    flipped = tuple(_FLIP.get(operator, operator) for operator in reversed(answer.operators))
    if gold.operators == flipped and all(
        same(a.text, b.text, rules) for a, b in zip(gold.items, reversed(answer.items), strict=True)
    ):
        return True
    if len(gold.operators) != 1:
        return False
    if gold.operators[0] == "!=":
        return answer.operators[0] == "!=" and proportional(gold, answer, rules)
    if gold.operators == answer.operators:
        return proportional(gold, answer, rules, positive=True)
    return gold.operators == flipped and proportional(
        gold, Shape("relation", answer.text, answer.items[::-1], operators=flipped), rules, positive=True
    )
