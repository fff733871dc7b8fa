"""UGPhysics: undergraduate physics in 13 subjects, 5,520 problems in English and the same in Chinese.

``subset="paper"`` is what the published numbers cover: Semiconductor Physics in both languages, 372 problems. The
default is all subjects in English.
"""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai import Task, task

from entmin.errors import UsageError
from entmin.evals.scorers.judge import ugphysics_judge
from entmin.tasks.benchmark import benchmark
from entmin.tasks.data import load
from entmin.tasks.sources import UGPHYSICS_SUBJECTS

LANGUAGES = ("en", "zh")
_PAPER = ("SemiconductorPhysics/en", "SemiconductorPhysics/zh")


@task
def ugphysics(
    prompt: str = "clean",
    data_dir: str | None = None,
    grader: str = "entmin",
    seed: int = 0,
    subjects: str | Sequence[str] = "all",
    language: str | Sequence[str] = "en",
    subset: str | None = None,
    judge: str | None = None,
) -> Task:
    """UGPhysics by the rules of each record's declared answer types.

    Args:
        prompt: Prompt profile.
        data_dir: Mirror folder.
        grader: Grading rules.
        seed: Unused; every benchmark takes it.
        subjects: Comma list such as ``QuantumMechanics,Relativity``, or ``all``.
        language: ``en``, ``zh``, or ``all`` for both.
        subset: ``paper``: the 372 problems of the published numbers, instead of the two options above.
        judge: An Inspect model that looks again at what the rules call wrong; its verdicts stand apart.
    """
    data = load("ugphysics", data_dir, parts_of(subjects, language, subset))
    second_stage = [ugphysics_judge(model=judge, grader=grader)] if judge else []
    return benchmark(
        "ugphysics",
        data,
        family="ugphysics",
        prompt=prompt,
        grader=grader,
        seed=seed,
        second_stage=second_stage,
    )


def parts_of(subjects: str | Sequence[str], language: str | Sequence[str], subset: str | None) -> list[str]:
    """The parts of the data set that the task's options name.

    Raises:
        UsageError: an option names nothing.
    """
    if subset is not None:
        if subset != "paper" or _names(subjects) != ["all"] or _names(language) not in (["en"], ["all"]):
            raise UsageError("ugphysics: subset is 'paper' and stands alone, or choose by subjects= and language=")
        return list(_PAPER)
    chosen = _choose("subjects", subjects, UGPHYSICS_SUBJECTS)
    return [f"{subject}/{code}" for subject in chosen for code in _choose("language", language, LANGUAGES)]


def _names(value: str | Sequence[str]) -> list[str]:
    return [name.strip() for name in (value.split(",") if isinstance(value, str) else value)]


def _choose(option: str, value: str | Sequence[str], known: Sequence[str]) -> list[str]:
    names = list(known) if _names(value) == ["all"] else _names(value)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"ugphysics: no {option} {', '.join(unknown)!r}; known: {', '.join(known)}, or all")
    return list(dict.fromkeys(names))
