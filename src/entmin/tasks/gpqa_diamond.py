r"""GPQA-Diamond: 198 graduate-level questions with four options (a gated set).

Its authors ask that its questions not be published, so this one is invented; keep the logs of runs private. A question
as the ``clean`` prompt puts it with seed 0, and its gold::

    Which of these particles is a lepton?

    A. the muon
    B. the kaon
    C. the neutron
    D. the proton

    Reason step by step, and put the letter of the right option within \boxed{}.

    gold: A
"""

from __future__ import annotations

from entmin.problem import Problem
from entmin.tasks import records
from entmin.tasks.choice import multiple_choice
from entmin.tasks.data import Contents, Part, Record, Source


def problem(record: Record, number: int) -> Problem:
    """The right option comes first; `multiple_choice` draws its place."""
    names = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
    return Problem(
        id=records.text(record, "Record ID"),
        question=records.text(record, "Question"),
        gold="A",
        options=tuple(records.text(record, name) for name in names),
        subject=record.get("High-level domain"),
        extra={"subdomain": record.get("Subdomain")},
    )


GPQA_DIAMOND = multiple_choice(
    name="gpqa_diamond",
    summary="GPQA-Diamond: 198 graduate questions, multiple choice (gated)",
    groups=("science", "all"),
    place=100,
    source=Source(
        hub="Idavidrein/gpqa",
        revision="633f5ee89ab8ad4522a9f850766b73f62147ffdd",
        folder="gpqa_diamond",
        licence="cc-by-4.0, gated; its authors ask not to publish examples",
        parts=(Part((Contents(198),), "train", config="gpqa_diamond"),),
        gated=True,
    ),
    problem=problem,
)
