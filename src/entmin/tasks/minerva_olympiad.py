"""The two sets the published code runs through the Qwen2.5-Math harness: Minerva (OCWCourses) and OlympiadBench.

Minerva here means the 272 undergraduate science problems, not the MATH problems with the Minerva prompt that some
harnesses call ``minerva_math``. OlympiadBench is its English, text-only, open-ended mathematics part; 94 problems ask
for several answers.
"""

from __future__ import annotations

from inspect_ai import Task, task

from entmin.tasks.benchmark import benchmark
from entmin.tasks.data import load


@task
def minerva_math(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """Minerva: 272 undergraduate problems from OpenCourseWare, by course."""
    data = load("minerva_math", data_dir)
    return benchmark("minerva_math", data, family="several", prompt=prompt, grader=grader, seed=seed)


@task
def olympiadbench(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """OlympiadBench OE_TO_maths_en_COMP: 674 (Hub) or 675 (mirror) problems, by subfield."""
    data = load("olympiadbench", data_dir)
    return benchmark("olympiadbench", data, family="several", prompt=prompt, grader=grader, seed=seed)
