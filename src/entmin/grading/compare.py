"""Whether two answers of any shape are the same: the skeleton here, single values in `scalars`."""

from __future__ import annotations

import re
from collections.abc import Callable

from entmin.grading import relations
from entmin.grading.normalize import plain, spelled
from entmin.grading.relations import EQUALS
from entmin.grading.scalars import Rules
from entmin.grading.scalars import same as same_scalar
from entmin.grading.shapes import Shape, is_thousands, parse

_MAX_ITEMS = 200
_DECIMAL_COMMA = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+(?:\s*[^\W\d]+)?")
_ROUND = {"(": "(", r"\langle": "(", "[": "[", r"\{": r"\{"}
_ROUND_CLOSE = {")": ")", r"\rangle": ")", "]": "]", r"\}": r"\}"}


def same(gold: Shape, answer: Shape, rules: Rules, *, alone: bool = True) -> bool:
    """Whether an answer is the gold, shape by shape."""
    if gold.text.replace(" ", "") == answer.text.replace(" ", "") and gold.text:
        return True
    if gold.kind == "relation" or answer.kind == "relation":
        return _with_relation(gold, answer, rules, alone)
    if gold.kind == "union" or answer.kind == "union":
        return _unions(gold, answer, rules)
    if gold.kind == "matrix" or answer.kind == "matrix":
        return _matrices(gold, answer, rules)
    if gold.kind == "list" or answer.kind == "list":
        return _lists(gold, answer, rules)
    if gold.kind == "group" or answer.kind == "group":
        return _groups(gold, answer, rules)
    if gold.kind == "text" and (answer.kind == "text" or plain(gold.text) == plain(answer.text)):
        # Words are compared as words; in physics letters side by side may also be a product.
        if rules.physics:
            return spelled(gold.text) == spelled(answer.text) or same_scalar(gold.text, answer.text, rules)
        return plain(gold.text) == plain(answer.text)
    return same_scalar(gold.text, answer.text, rules)


def match_any_order(
    golds: tuple[Shape, ...], answers: tuple[Shape, ...], is_same: Callable[[Shape, Shape], bool]
) -> bool:
    """Whether each gold can be paired with its own answer."""
    if len(golds) != len(answers) or len(golds) > _MAX_ITEMS:
        return False
    left = list(answers)
    for gold in golds:
        found = next((index for index, answer in enumerate(left) if is_same(gold, answer)), None)
        if found is None:
            return False
        left.pop(found)
    return True


def _in_order(golds: tuple[Shape, ...], answers: tuple[Shape, ...], rules: Rules) -> bool:
    return len(golds) == len(answers) and all(
        same(a, b, rules, alone=False) for a, b in zip(golds, answers, strict=True)
    )


def _any_order(golds: tuple[Shape, ...], answers: tuple[Shape, ...], rules: Rules) -> bool:
    return match_any_order(golds, answers, lambda a, b: same(a, b, rules, alone=False))


def _with_relation(gold: Shape, answer: Shape, rules: Rules, alone: bool) -> bool:
    if gold.kind == "relation" and answer.kind == "relation":
        return _relations(gold, answer, rules, alone)
    relation, other = (gold, answer) if gold.kind == "relation" else (answer, gold)
    if relation.operators[0] in EQUALS or "=>" in relation.operators:
        sides = [parse(text) for text in relations.values_of(relation)]
        if relation is gold:
            return any(same(side, answer, rules, alone=alone) for side in sides)
        total = relations.sum_of_names(relation) if gold.kind == "scalar" else None
        return any(same(gold, side, rules, alone=alone) for side in [*sides, *([parse(total)] if total else [])])
    span = relations.interval(relation)
    if span is None or other.kind not in ("group", "union", "list" if span.kind == "union" else "union"):
        return False
    return same(span, answer, rules) if relation is gold else same(gold, span, rules)


def _relations(gold: Shape, answer: Shape, rules: Rules, alone: bool) -> bool:
    if gold.operators[0] in EQUALS and answer.operators[0] in EQUALS:
        return relations.same_equation(gold, answer, rules, alone=alone) or _assigned_shapes(gold, answer, rules)
    left, right = relations.interval(gold), relations.interval(answer)
    if left is not None and right is not None and same(left, right, rules):
        return True
    return relations.same_inequality(gold, answer, rules)


def _assigned_shapes(gold: Shape, answer: Shape, rules: Rules) -> bool:
    r"""``A = \\begin{pmatrix}..`` and ``(x, y) = (1, 2)``: right sides that are not single values."""
    left, right = parse(gold.items[-1].text), parse(answer.items[-1].text)
    if {left.kind, right.kind} <= {"scalar", "text", "relation"}:
        return False
    return same(parse(gold.items[0].text), parse(answer.items[0].text), rules) and same(left, right, rules)


def _spans(shape: Shape) -> tuple[Shape, ...]:
    """The parts of a union; a list of inequalities ("x<1 or x>3") is one too."""
    parts = shape.items if shape.kind in ("union", "list") else (shape,)
    return tuple((relations.interval(part) or part) if part.kind == "relation" else part for part in parts)


def _unions(gold: Shape, answer: Shape, rules: Rules) -> bool:
    return _any_order(_spans(gold), _spans(answer), rules)


def _vector(shape: Shape) -> tuple[Shape, ...] | None:
    """The entries of a row, a column or a tuple."""
    if shape.kind == "matrix":
        if all(len(row.items) == 1 for row in shape.items):
            return tuple(row.items[0] for row in shape.items)
        return shape.items[0].items if len(shape.items) == 1 else None
    if shape.kind == "group" and shape.opening != r"\{":
        return shape.items
    return None


def _matrices(gold: Shape, answer: Shape, rules: Rules) -> bool:
    if gold.kind == answer.kind == "matrix":
        rows = [(a.items, b.items) for a, b in zip(gold.items, answer.items, strict=False)]
        return len(gold.items) == len(answer.items) and all(_in_order(a, b, rules) for a, b in rows)
    # A bare list is a vector whose brackets are missing, as it is a tuple's.
    left, right = _vector(gold), answer.items if answer.kind == "list" else _vector(answer)
    if left is not None and right is not None:
        return _in_order(left, right, rules)
    return same_scalar(gold.text, answer.text, rules)


def _lists(gold: Shape, answer: Shape, rules: Rules) -> bool:
    """Bare lists are sets of answers; brackets on one side only may be set braces, or a tuple's missing parentheses."""
    if gold.kind == answer.kind == "list":
        left, right = _rows(gold), _rows(answer)
        if left and right:
            return _any_order(left, right, rules)
        return _any_order(_points(left) or gold.items, _points(right) or answer.items, rules)
    group, _other = (gold, answer) if gold.kind == "group" else (answer, gold)
    if group.kind != "group":
        return _thousands(gold, answer, rules)
    if group.opening == r"\{":
        return _any_order(gold.items, answer.items, rules)
    return (
        gold is group and group.opening == "(" and group.closing == ")" and _in_order(gold.items, answer.items, rules)
    )


def _rows(shape: Shape) -> tuple[Shape, ...]:
    """``p=5, q=2; p=7, q=2`` row by row, each a list of equations; nothing for any other list."""
    named = [item for item in shape.items if item.kind == "relation" and item.operators == ("=",)]
    names = [item.items[0].text.strip() for item in named]
    width = len(set(names))
    if width < 2 or len(names) != len(shape.items) or len(names) == width:
        return ()
    if any(set(names[start : start + width]) != set(names) for start in range(0, len(names), width)):
        return ()
    rows = [tuple(named[start : start + width]) for start in range(0, len(named), width)]
    return tuple(Shape("list", ", ".join(item.text for item in row), row) for row in rows)


def _points(rows: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """Such rows as points, in the order of their names."""
    values = [tuple(parse(item.items[1].text) for item in row.items) for row in rows]
    return tuple(Shape("group", ",".join(one.text for one in row), row, "(", ")") for row in values)


def _thousands(gold: Shape, answer: Shape, rules: Rules) -> bool:
    """``1, 000``, ``2,74`` and ``1.000,99`` against a single number; ``1, 5`` is two numbers."""
    if answer.kind != "list" or gold.kind != "scalar":
        return False
    if _DECIMAL_COMMA.fullmatch(answer.text) and "." in gold.text:
        return same(gold, parse(answer.text.replace(".", "").replace(",", ".")), rules)
    digits = answer.text.replace(", ", ",")
    return is_thousands(digits) and same(gold, parse(digits), rules)


def _groups(gold: Shape, answer: Shape, rules: Rules) -> bool:
    if gold.kind == answer.kind == "group":
        if _ROUND.get(gold.opening) != _ROUND.get(answer.opening):
            return False
        if _ROUND_CLOSE.get(gold.closing) != _ROUND_CLOSE.get(answer.closing):
            return False
        compare = _any_order if gold.opening == r"\{" else _in_order
        return compare(gold.items, answer.items, rules)
    group, other = (gold, answer) if gold.kind == "group" else (answer, gold)
    if len(group.items) == 1 and group.opening == r"\{":
        return same(group.items[0], answer, rules) if group is gold else same(gold, group.items[0], rules)
    return same_scalar(gold.text, answer.text, rules) if other.kind != "text" else False
