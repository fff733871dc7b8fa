"""Golds that cannot be judged like the others, and why.

Kept next to the grader so that ``entmin check`` and the documentation say the same. UGPhysics ids are
``language/index``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OddGold:
    """One gold with a defect."""

    task: str
    id: str
    why: str


ODD_GOLDS = (
    OddGold("olympiadbench", "1965", "prose: a function with conditions in words; only the same words match"),
    OddGold("olympiadbench", "2045", r"typo: 't(0,4]' for '(0,4]'; the plain interval is judged wrong"),
    OddGold("olympiadbench", "2298", "the union is written with an impossible bound; only the same bounds match"),
    OddGold("olympiadbench", "2501", "four families of solutions of which only the first is named x"),
    OddGold("olympiadbench", "2532", "two answers that are the same number; both must be given"),
    OddGold("minerva_math", "5", "a NumPy expression (np.arcsin(10/13)); read as \\arcsin(10/13)"),
    OddGold("minerva_math", "72", "a dollar pair inside the box; read as one expression"),
    OddGold("ugphysics", "en/1456", "integrals: whether a changed answer differs is not decided in time"),
    OddGold("ugphysics", "en/1863", "the record holds a model's explanation instead of an answer"),
    OddGold("ugphysics", "en/2628", "an integral: whether a changed answer differs is not decided in time"),
    OddGold("ugphysics", "en/2656", "a divergent integral: whether a changed answer differs is not decided in time"),
    OddGold("ugphysics", "en/3100", "the record holds a model's explanation instead of an answer"),
    OddGold("ugphysics", "en/1229", "20000 beside a coefficient to four digits: plus one is within the 1 % tolerance"),
    OddGold("ugphysics", "en/2019", "prose about stability; the words around the formulas are not judged"),
    OddGold("ugphysics", "en/2445", r"'13\ 30' is an hour and a minute without a sign between them"),
    OddGold("ugphysics", "en/3937", "a vector with coefficients of 10^10: plus one is within the 1 % tolerance"),
    OddGold("ugphysics", "en/4372", "the record holds no answer but an unrelated problem"),
    OddGold("ugphysics", "en/4447", "ket vectors separated by commas: the equations cannot be taken apart"),
    OddGold(
        "ugphysics", "en/4355", "equations in ket notation: an '=' inside a sum or ket is taken for the equation's"
    ),
    OddGold(
        "ugphysics", "en/4827", "equations in ket notation: an '=' inside a sum or ket is taken for the equation's"
    ),
    OddGold("ugphysics", "en/4718", "cross products do not commute: judged by spelling only"),
    OddGold("ugphysics", "en/4742", "cross products do not commute: judged by spelling only"),
    OddGold("ugphysics", "en/4746", "cross products do not commute: judged by spelling only"),
)
"""Those whose cause is known, from running the rewritings and corruptions over the data sets; the list is not whole."""


def odd_golds(task: str) -> dict[str, str]:
    """Id to reason, of one benchmark."""
    return {odd.id: odd.why for odd in ODD_GOLDS if odd.task == task}
