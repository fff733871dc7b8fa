r"""UGPhysics: undergraduate physics in 13 subjects, 5,520 problems in English and the same in Chinese.

``subset="paper"`` is what the published numbers cover: Semiconductor Physics in both languages, 372 problems. The
default is all subjects in English. The benchmark's own scoring lets a language model look again at what its rules
reject; ``judge=MODEL`` does that, and its verdicts stand apart.

Problem en/3936 as the ``clean`` prompt puts it, and its gold::

    Find the sum of the series \(y=1+2x+3x^{2}+4x^{3}+\cdots\) where \(|x|<1\).

    This is an undergraduate Semiconductor Physics problem. The answer is an expression. Reason step by step, use LaTeX
    for formulas, and put your final answer, without its unit, within \boxed{}.

    gold: \frac{1}{(1-x)^{2}}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from entmin.errors import UsageError, closest
from entmin.grading.extract import boxes
from entmin.grading.gold import Gold
from entmin.grading.physics import without_range
from entmin.grading.shapes import elements
from entmin.problem import Problem
from entmin.tasks import golds, records
from entmin.tasks.benchmark import Asked, Benchmark
from entmin.tasks.data import Contents, Loaded, Part, Record, Source, contents
from entmin.tasks.ugphysics_prompts import PROMPTS

if TYPE_CHECKING:
    from inspect_ai import Task

LANGUAGES = ("en", "zh")
# Rows per language of each subject (the configuration's name on the Hub), with the hash of the English and, where it
# was at hand, the Chinese file.
_SUBJECTS: dict[str, tuple[int, str | None, str | None]] = {
    "AtomicPhysics": (915, "3d5f48bda814b1c9c4f81ea910ad8c16f915408d46d9ea4fb17b533b4d715ce4", None),
    "ClassicalElectromagnetism": (390, "903d1b3ec279941e14d7a96eadcc043b1fb4c0a1baaf0f64d0bda17b7056b68c", None),
    "ClassicalMechanics": (836, "426850f581e7dc28852fde1ad7ee1d6dff5cb891e7272a7f12aade0ade9ffa6e", None),
    "Electrodynamics": (184, "3cd02f1c502dc4a66f3de4090e046fb67280d668dde043d7d31ec6fa8bce6bab", None),
    "GeometricalOptics": (58, "95fc0a58bc3d541e7f566219760adf7ebb5df2f069d3881e6f32eb65e372a73b", None),
    "QuantumMechanics": (1019, "2b6e4083cc693283a3a0a91c70b095e9bd8cfdfaf3ada857eb7172f81158fff9", None),
    "Relativity": (207, "3ee3a507a7d96baacb483e7a74c0bc92d33b177b39ceafbe474f6a1e23f702b5", None),
    "SemiconductorPhysics": (
        186,
        "093d82d723fdc6ad16a8dcf7f865de3afc66c4b62e27c75955fbd9027fad02b4",
        "944bf41648384ed0b2e818ec2db638ab13f2a2844640626110c9dd54e7e33590",
    ),
    "Solid-StatePhysics": (172, "5a0e5d25a8ca255e73d1db658caa892572b22e88950e518f9a44b2cd704e0d55", None),
    "StatisticalMechanics": (560, "bd4baa8190197c225d3804a5da20a2d81f2b17087ee9944814ff525abdaf6c28", None),
    "TheoreticalMechanics": (319, "34db3e2ef616946d650e0abb62fa51f728578a3655698ce0919353a723d0c565", None),
    "Thermodynamics": (372, "bfe641451a0fc420b0721c7597fc9bb92cf93cc9fb69db1b75f3dcc1b552f23b", None),
    "WaveOptics": (302, "9ce5b4bcbdb44010b46aa94d40a17a928b09a6876344e3d1cf8227e93913647e", None),
}
_PAPER_SUBSET = ("SemiconductorPhysics/en", "SemiconductorPhysics/zh")


def _part(subject: str, language: str, rows: int, sha256: str | None) -> Part:
    accepted = contents(rows, sha256) if sha256 else (Contents(rows),)
    return Part(accepted, language, subject, f"{subject}/{language}", ((f"{subject}/{language}.jsonl",),))


_CODE = re.compile(r"\b(IN|TF|EX|EQ|MC|NV|TUP)\b")


def answer_types(dirty: str) -> tuple[str, ...]:
    """The declared type codes of a record.

    The column is dirty (a code fence, a stray sentence, a leading backslash line): the codes of the first line that
    has any are meant.
    """
    for line in dirty.splitlines():
        codes = tuple(_CODE.findall(line))
        if codes:
            return codes
    return ()


def problem(record: Record, number: int) -> Problem:
    """Ids are ``language/index``; the declared types, units and multiplicity belong to the gold."""
    language = records.text(record, "language").lower()
    types = answer_types(str(record.get("answer_type") or ""))
    declared = ("answers", "unit", "is_multiple_answer")
    return Problem(
        id=f"{language}/{records.text(record, 'index')}",
        question=records.verbatim(record, "problem"),
        gold={name: record.get(name) for name in declared} | {"answer_type": ", ".join(types)},
        level=record.get("level") or None,
        subject=records.text(record, "subject"),
        extra={
            "language": language,
            "domain": record.get("domain"),
            "topic": record.get("topic"),
            "answer_types": list(types),
            "multiple": bool(record.get("is_multiple_answer")),
        },
    )


def load_subjects(
    benchmark: Benchmark,
    data_dir: str | None,
    subjects: str | Sequence[str] = "all",
    language: str | Sequence[str] = "en",
    subset: str | None = None,
) -> Loaded:
    """The problems of a comma list of subjects in one language or ``all``, or those of ``subset=paper``."""
    return benchmark.parts(data_dir, parts_of(subjects, language, subset))


def parts_of(subjects: str | Sequence[str], language: str | Sequence[str], subset: str | None) -> list[str]:
    """The parts of the data set that the task's options name.

    Raises:
        UsageError: an option names nothing.
    """
    if subset is not None:
        if subset != "paper" or _names(subjects) != ["all"] or _names(language) not in (["en"], ["all"]):
            raise UsageError("ugphysics: subset is 'paper' and stands alone, or choose by subjects= and language=")
        return list(_PAPER_SUBSET)
    chosen = _choose("subjects", subjects, tuple(_SUBJECTS))
    return [f"{subject}/{code}" for subject in chosen for code in _choose("language", language, LANGUAGES)]


def _names(value: str | Sequence[str]) -> list[str]:
    return [name.strip() for name in (value.split(",") if isinstance(value, str) else value)]


def _choose(option: str, value: str | Sequence[str], known: Sequence[str]) -> list[str]:
    names = list(known) if _names(value) == ["all"] else _names(value)
    unknown = [name for name in names if name not in known]
    if unknown:
        near = closest(unknown[0], known)
        raise UsageError(f"ugphysics: no {option} {', '.join(unknown)!r}{near}; known: {', '.join(known)}, or all")
    return list(dict.fromkeys(names))


_TYPE = re.compile(r"NV|EX|EQ|IN|TF|MC|TUP")


def gold(raw: Any) -> Gold:
    """Each answer with its declared type and unit."""
    record = raw if isinstance(raw, dict) else {}
    text = str(golds.column(raw, "answers", "answer"))
    found = boxes(text)
    answer = without_range(", ".join(box[0] for box in found) if found else text.strip())
    types = tuple(_TYPE.findall(str(record.get("answer_type") or "").split("\n\n")[0].split("Problem")[0])[:12])
    several = bool(record.get("is_multiple_answer")) or len(types) > 1
    answers = tuple(elements(answer)) if several else (answer,)
    if len(answers) > 1 and len(types) == 1:
        types = types * len(answers)
    types = types if len(types) == len(answers) else types[:1] if len(answers) == 1 else ()
    return Gold("physics", answers, types, _units(str(record.get("unit") or ""), len(answers)))


def _units(text: str, count: int) -> tuple[str, ...]:
    inside = re.sub(r"\\(?:text|mathrm)\s*\{\s*(None(?:\s*,\s*None)*)\s*\}", r"\1", text.strip())
    parts = [part.strip() for part in inside.split(",")]
    parts = ["" if part in ("None", r"\text{}", "") else part for part in parts]
    if len(parts) == 1:
        parts = parts * count
    return tuple(parts) if len(parts) == count and any(parts) else ()


def add_judge(task: Task, asked: Asked, *, judge: str | None = None) -> None:
    """Put the judge beside the rules, where one is named."""
    if judge:
        from entmin.tasks.on_inspect.judge import ugphysics_judge

        rules = str((task.metadata or {})["grader"])
        task.scorer = [*(task.scorer or []), ugphysics_judge(model=judge, grader=rules)]


UGPHYSICS = Benchmark(
    name="ugphysics",
    summary="UGPhysics: 5,520 physics problems, 13 subjects, en and zh",
    groups=("science", "all"),
    place=90,
    source=Source(
        hub="UGPhysics/ugphysics",
        folder="ugphysics",
        licence="cc-by-nc-sa-4.0",
        parts=tuple(
            _part(subject, language, rows, sha256)
            for subject, (rows, *hashes) in _SUBJECTS.items()
            for language, sha256 in zip(LANGUAGES, hashes, strict=True)
        ),
    ),
    problem=problem,
    loader=load_subjects,
    prompts=PROMPTS,
    judge="physics",
    gold=gold,
    finish=add_judge,
    odd={
        **dict.fromkeys(("en/203", "en/271", "en/4314", "en/4359", "en/4392"), "the record's answer is an empty box"),
        "en/1932": "three equations in one aligned block are compared by spelling",
        "en/2801": "an integral: whether a changed answer differs is not always decided in time",
        "en/1456": "integrals: whether a changed answer differs is not decided in time",
        "en/1863": "the record holds a model's explanation instead of an answer",
        "en/2628": "an integral: whether a changed answer differs is not decided in time",
        "en/2656": "a divergent integral: whether a changed answer differs is not decided in time",
        "en/3100": "the record holds a model's explanation instead of an answer",
        "en/1229": "20000 beside a coefficient to four digits: plus one is within the 1 % tolerance",
        "en/2019": "prose about stability; the words around the formulas are not judged",
        "en/2445": r"'13\ 30' is an hour and a minute without a sign between them",
        "en/3937": "a vector with coefficients of 10^10: plus one is within the 1 % tolerance",
        "en/4372": "the record holds no answer but an unrelated problem",
        "en/4447": "ket vectors separated by commas: the equations cannot be taken apart",
        "en/4355": "equations in ket notation: an '=' inside a sum or ket is taken for the equation's",
        "en/4827": "equations in ket notation: an '=' inside a sum or ket is taken for the equation's",
        "en/4718": "cross products do not commute: judged by spelling only",
        "en/4742": "cross products do not commute: judged by spelling only",
        "en/4746": "cross products do not commute: judged by spelling only",
    },
)
