"""What is tried before anything is generated: who judges, and whether that says anything.

A scorer that is not entmin's is tried on the first problem with made-up answers.

Otherwise a scorer whose values say neither right nor wrong would be noticed only after all generation. So each scorer
judges an empty answer and the target itself. A scorer that asks a model or opens a sandbox is not tried. One that fails
here is let pass. entmin's own scorers are not tried either: their scores state their verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio
from inspect_ai import Task
from inspect_ai._util.registry import is_registry_object, registry_params
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser, GenerateConfig, ModelName, ModelOutput, get_model
from inspect_ai.scorer import Score, Scorer, Target
from inspect_ai.solver import TaskState
from inspect_ai.util import message_limit, registry_info

from entmin.errors import EntminError, UsageError, first_line
from entmin.evals.scores import require_scorer, unreadable
from entmin.loops import beside_a_loop

_MODEL = "none/trial"
_SECONDS = 20.0


def require_judges(task: Task, name: str) -> None:
    """Refuse a task whose answers nobody would judge: each scorer is tried on one made-up answer.

    Args:
        task: the task, with a scorer.
        name: what the user calls it.

    Raises:
        UsageError: it has no scorer, or one whose values cannot be read as verdicts.
        EntminError: our grader, or the model that a scorer asks, does not work.
    """
    require_scorer(task, name)
    _require_telling_scorer(task, name)
    if not len(task.dataset):
        return
    for scorer in task.scorer or ():
        try:
            beside_a_loop(partial(anyio.run, _works, scorer, task.dataset[0]))
        except EntminError:
            raise
        except Exception as error:  # every provider of models has its own errors
            who = registry_info(scorer).name.removeprefix("entmin/")
            raise EntminError(
                f"task {name!r}: {who} cannot judge ({type(error).__name__}: {first_line(error)}), so nothing was "
                "generated: look at its address, key and name, or leave it out"
            ) from error


async def _works(scorer: Scorer, sample: Sample) -> None:
    if not is_registry_object(scorer):
        return
    known, target = registry_info(scorer).name, Target(sample.target)
    if known == "entmin/graded":
        await scorer(_state(sample, target, target.text), target)
    elif known == "entmin/ugphysics_judge" and (judge := registry_params(scorer).get("model")):
        config = GenerateConfig(max_tokens=16, max_retries=0, timeout=int(_SECONDS))
        await get_model(judge).generate("Answer with one word: SAME", config=config)


def _require_telling_scorer(task: Task, name: str) -> None:
    """Refuse a task whose scorer gives values that cannot be read as verdicts.

    Args:
        task: the task, with a scorer.
        name: what the user calls it.

    Raises:
        UsageError: neither made-up answer got a value that says right, wrong, or how much of it is right.
    """
    scorers: Sequence[Scorer] = task.scorer or ()
    names = [registry_info(scorer).name for scorer in scorers]
    if not len(task.dataset) or any(one.startswith("entmin/") for one in names):
        return
    tried = beside_a_loop(partial(anyio.run, _tried, scorers, task.dataset[0]))
    # A later scorer may state its verdict, and then it decides: one that was not tried leaves that open.
    if not all(tried) or any("correct" in (score.metadata or {}) for scores in tried for score in scores):
        return
    value = unreadable(tried[0])
    if value is not None:
        scorer = names[0].rpartition("/")[2]
        raise UsageError(
            f"task {name!r}: scorer {scorer!r} gave {value!r} to a made-up answer, which is neither right or wrong nor "
            "a number from 0 to 1; let it give such values (or C, I, P, N). Nothing was generated"
        )


async def _tried(scorers: Sequence[Scorer], sample: Sample) -> list[list[Score]]:
    """What each scorer gave; nothing where it was not tried to the end."""
    return [await _scores(scorer, sample) for scorer in scorers]


async def _scores(scorer: Scorer, sample: Sample) -> list[Score]:
    target, found = Target(sample.target), []
    states = [_state(sample, target, answer) for answer in ("", target.text)]
    try:
        # Inspect looks at this limit before it calls a model. A sandbox exists in its runs only.
        with message_limit(0), anyio.fail_after(_SECONDS):
            found = [score for state in states if (score := await scorer(state, target)) is not None]
    except Exception:  # somebody else's code, which may need what only a run has
        return []
    return found


def _state(sample: Sample, target: Target, answer: str) -> TaskState:
    """The first problem, answered."""
    asked = [ChatMessageUser(content=sample.input)] if isinstance(sample.input, str) else list(sample.input)
    output = ModelOutput.from_content(_MODEL, answer)
    return TaskState(
        model=ModelName(_MODEL),
        sample_id=1 if sample.id is None else sample.id,
        epoch=1,
        input=sample.input,
        messages=[*asked, output.message],
        target=target,
        choices=sample.choices,
        output=output,
        metadata=dict(sample.metadata or {}),
    )
