"""``normal:match=em_inf`` as an arm of a comparison: the temperature at which it has em_inf's mean entropy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from entmin.errors import UsageError
from entmin.mode import Mode
from entmin.settle.match import match
from entmin.settle.pilot import Pilot, entropy_at, rounded

if TYPE_CHECKING:
    from entmin.evals.run import RunSpec
    from entmin.tasks.registry import Named

PILOT = 48
"""Problems that find a match, none of which is compared on."""
_MATCH = re.compile(r":match=([\w+-]+)")


def has_match(text: str) -> bool:
    """Whether a list of arms asks for a match."""
    return _MATCH.search(text) is not None


def without_matches(text: str) -> str:
    """The list without the arms that ask for a match."""
    return ",".join(part for part in text.split(",") if not has_match(part))


def with_matches(text: str, known: Mapping[str, Mode], pilot: Callable[[], Pilot]) -> tuple[str, list[str]]:
    """Put temperatures in place of matches.

    Args:
        text: arms, separated by commas.
        known: the arms without a match, by label.
        pilot: opens the pilot; only called where there is a match.

    Returns:
        The arms as modes that can be parsed, and a sentence for each match.

    Raises:
        UsageError: a match with an arm that is not compared, or one that cannot be reached.
    """
    found, said = [], []
    for part in (part.strip() for part in text.split(",")):
        wanted = _MATCH.search(part)
        if wanted is None:
            found.append(part)
            continue
        reference, mode = _reference(wanted[1], known), Mode.parse(_MATCH.sub("", part))
        if mode.temperature is not None:
            raise UsageError(f"{part!r}: a match finds the temperature; leave it out")
        opened = pilot()
        target = opened.decode(reference).entropy
        one = match(partial(entropy_at, opened, mode), target, guess=0.9 * reference.sampling.temperature)
        if not one.matched():
            raise UsageError(f"{part!r}: no temperature gives {target:.2f} nats; the nearest has {one.entropy:.2f}")
        matched = replace(mode, temperature=rounded(one.knob))
        found.append(str(matched))
        said.append(f"{matched} has the entropy of {wanted[1]}: {one.entropy:.2f} and {target:.2f} nats on the pilot")
    return ",".join(found), said


def _reference(name: str, known: Mapping[str, Mode]) -> Mode:
    key = name.replace("-", "_")
    named = [mode for label, mode in known.items() if key in (label, mode.name)]
    if len(named) != 1:
        raise UsageError(f"match={name}: name one arm that is compared too; there are {', '.join(known)}")
    return named[0]


def comparison_pilot(spec: RunSpec, info: Named, results: Path, notify: Callable[[str], None]) -> Pilot:
    """A pilot on problems after those that are compared.

    Raises:
        UsageError: the comparison leaves too few problems.
    """
    from entmin.evals.run import model_folder
    from entmin.settle.preparing import in_process, one_question_task, open_pilot

    task = one_question_task(spec, info)
    ids = [str(sample.id) for sample in task.dataset][spec.limit or len(task.dataset) :][:PILOT]
    if len(ids) < PILOT // 4:
        raise UsageError(
            f"a match needs a pilot of at least {PILOT // 4} problems of its own, and {len(ids)} are left: lower "
            "--limit, or use `entmin settle`, which divides the problems itself"
        )
    home = model_folder(results, spec.model) / "compare"
    return open_pilot(spec, info, task, in_process(spec), ids, home, notify, seed=spec.seed)
