"""`settle`: does a method help, against rivals of the same entropy?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from entmin.api.options import (
    ModeLike,
    RunOptions,
    as_mode,
    check,
    documented,
    drawing,
    listed,
    require_inputs,
    results_of,
    spec_of,
    tasks_named,
)  # fmt: skip
from entmin.durable import require_page
from entmin.errors import UsageError
from entmin.mode import Mode
from entmin.report.outlets import named, tell
from entmin.settle.question import FRONTIER, RIVALS, Question
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.settle.settling import Settlement


@documented
def settle(
    model: str,
    *,
    task: str = "arithmetic",
    methods: ModeLike = "em_inf",
    rivals: str | Sequence[str] = RIVALS,
    mde: float = 3.0,
    pilot: int = 100,
    frontier: str | Sequence[float] = FRONTIER,
    voting: int = 4,
    no_controls: bool = False,
    output: str | Path | None = None,
    **options: Unpack[RunOptions],
) -> Settlement:
    """Settle whether a method helps a model, against rivals that have the same entropy, as `entmin settle` does.

    Args:
        model: alias, local folder or Hub id.
        task: the benchmark, or a file of problems.
        methods: the method to settle, as a mode.
        rivals: methods matched by temperature.
        mde: smallest difference that matters, points of accuracy.
        pilot: problems that only the pilot uses.
        frontier: temperatures of the plain model.
        voting: answers of the self-consistency arms; 0 for none.
        no_controls: leave out the arms that should show no difference.
        output: where the page goes (default: beside the plan).
        options: see below.

    Raises:
        UsageError: the question cannot be asked of this model, engine or task.
        EntminError: a step failed; what was computed is kept.
    """
    check(options)
    [info, *more] = tasks_named(task, options.get("judge"))
    if more:
        raise UsageError("settle one task at a time: each needs a pilot and a plan of its own")
    method = as_mode(methods, drawing(options)).filled(temperature=1.0)
    question = Question(
        method=replace(method, seed=None),
        rivals=tuple(listed(rivals)),
        margin=mde / 100,
        pilot=pilot,
        limit=options.get("limit"),
        samples=options.get("epochs", 1),
        seed=method.seed or 0,
        frontier=_temperatures(frontier),
        voting=voting,
        controls=not no_controls,
    )
    results, quiet = results_of(options)
    require_page(Path(output) if output else None, "--output")
    require_inputs([info], [model], options)
    from entmin.report.drawing import require_drawing
    from entmin.report.page import write
    from entmin.settle.page import settled_page
    from entmin.settle.settling import settle_question

    spec = replace(spec_of(model, Mode(), options), limit=None, epochs=1)
    require_drawing()
    done = settle_question(question, spec, info, results, partial(say, err=True), quiet=quiet)
    target = Path(output or done.folder / "report.html")
    write([settled_page(done)], target)
    say(f"page: {target}", err=True)
    if report := named(options.get("report")):
        tell(report, list(done.rows.values()), list(done.runs.values()), done.folder.name)
    return done


def _temperatures(given: str | Sequence[float]) -> tuple[float, ...]:
    try:
        return tuple(float(one) for one in (listed(given) if isinstance(given, str) else given))
    except ValueError:
        raise UsageError("--frontier takes temperatures separated by commas, such as 1,0.7,0") from None
