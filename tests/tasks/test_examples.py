"""Every benchmark's file opens with a problem as it is sent and its gold; what is shown is what the task sends."""

import importlib
import json
import os
import re
from pathlib import Path

import pytest
from tests.tasks.examples import RECORDS

from entmin.errors import EntminError
from entmin.problem import Problem
from entmin.tasks.choice import load_shuffled, shuffled
from entmin.tasks.registry import tasks
from entmin.tasks.scicode import step_turns

MIRROR = os.environ.get("ENTMIN_DATA")
SHARED = {"aime24": "aime", "aime25": "aime"}
PROCEDURAL = {"arithmetic", "number_sequence"}
NAMES = [name for name in tasks() if name not in SHARED]
_SHOWN = re.compile(r"as the ``(\w+)`` prompt[^\n]*(?:\n[^\n]+)*?::\n\n((?:    .*\n|\n)+?)\n    gold: (.*)\n")


def shown(name):
    """(profile, text, gold) of the docstring of a benchmark's file."""
    found = _SHOWN.search(importlib.import_module(f"entmin.tasks.{name}").__doc__ + "\n")
    assert found, f"{name}.py shows no problem"
    return found.groups()


def squeezed(text):
    return " ".join(text.split())


def is_shown(pattern, text):
    """Whether the text is what is shown, line breaks aside; ``[...]`` leaves something out."""
    parts = [re.escape(squeezed(part)) for part in pattern.split("[...]")]
    return re.fullmatch(r"\s*.*\s*".join(parts), squeezed(text)) is not None


def the_problem(name):
    one = tasks()[name]
    if name in PROCEDURAL:
        return one.load().problems[0]
    if name == "livecodebench":
        return Problem("x", "Read two integers and print their sum.", {"starter": "", "function": ""})
    found = one.problem(RECORDS[name], 0)
    return shuffled(found, 0) if one.loader is load_shuffled else found


def sent(name, prompt, problem):
    if name == "scicode":
        return step_turns(problem, "74.1", {}, prompt, False)
    return tasks()[name].profile(prompt).turns(problem)


@pytest.mark.parametrize("name", NAMES)
def test_the_problem_at_the_top_of_a_file_is_what_is_sent(name):
    prompt, text, gold = shown(name)
    problem = the_problem(name)
    [(role, asked)] = sent(name, prompt, problem)
    assert role == "user"
    assert is_shown(text, asked), asked
    if tasks()[name].gold is not None:
        assert ", ".join(tasks()[name].gold(problem.gold).answers) == gold
    elif name != "livecodebench":  # its tests are packed
        assert gold in json.dumps(problem.gold)


@pytest.mark.skipif(MIRROR is None, reason="ENTMIN_DATA names no mirror of the real data sets")
@pytest.mark.parametrize("name", [name for name in NAMES if name not in {*PROCEDURAL, "gpqa_diamond", "livecodebench"}])
def test_the_problem_at_the_top_of_a_file_is_in_the_data_set(name):
    one = tasks()[name]
    if not (Path(str(MIRROR)) / one.source.folder).is_dir():
        pytest.skip("not in the mirror")
    try:
        problems = one.load(MIRROR).problems
    except EntminError as error:
        pytest.skip(str(error))
    prompt, text, _ = shown(name)
    mine = the_problem(name).id
    assert any(problem.id == mine and is_shown(text, sent(name, prompt, problem)[0][1]) for problem in problems)
