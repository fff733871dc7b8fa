r"""ARC-Challenge, test split: 1,172 grade-school science questions with three to five options.

Question Mercury_7175875 as the ``clean`` prompt puts it with seed 0, and its gold::

    An astronomer observes that a planet rotates faster after a meteorite impact. Which is the most likely effect of
    this increase in rotation?

    A. Planetary density will decrease.
    B. Planetary years will become longer.
    C. Planetary days will become shorter.
    D. Planetary gravity will become stronger.

    Reason step by step, and put the letter of the right option within \boxed{}.

    gold: C
"""

from __future__ import annotations

from dataclasses import replace

from entmin.problem import Problem, letter
from entmin.tasks import records
from entmin.tasks.choice import multiple_choice
from entmin.tasks.data import Contents, Part, Record, Source, load


def problem(record: Record, number: int) -> Problem:
    """Some rows label their options 1..4 instead of A..D, so letters go by position."""
    labels = [str(label) for label in record["choices"]["label"]]
    options = tuple(str(text).strip() for text in record["choices"]["text"])
    gold = letter(labels.index(records.text(record, "answerKey")))
    return Problem(records.text(record, "id"), records.verbatim(record, "question"), gold, options=options)


_SOURCE = Source(
    hub="allenai/ai2_arc",
    revision="210d026faf9955653af8916fad021475a3f00453",
    folder="arc_challenge",
    licence="cc-by-sa-4.0",
    parts=(Part((Contents(1172),), "test", config="ARC-Challenge"),),
)
_TRAIN = replace(_SOURCE, parts=(Part((Contents(1119),), "train", config="ARC-Challenge", files=(("train.jsonl",),)),))

ARC_CHALLENGE = multiple_choice(
    name="arc_challenge",
    summary="ARC-Challenge: 1,172 grade-school science questions",
    groups=("science", "all"),
    place=120,
    source=_SOURCE,
    problem=problem,
    shots=lambda data_dir, _: load("arc_challenge", _TRAIN, problem, data_dir).problems,
)
