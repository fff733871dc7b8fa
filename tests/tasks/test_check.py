"""``entmin check``: what passes, what fails, and what the exit code says."""

import json
import sys
import types
from dataclasses import replace

import pytest
from click.testing import CliRunner

import entmin.grading
from entmin.cli.check import check as command
from entmin.errors import EntminError, UsageError
from entmin.grading.gold import Gold
from entmin.tasks import registry
from entmin.tasks.checks import check, written
from entmin.verdict import Verdict


@pytest.fixture
def toy_rewrites(toy_grader, monkeypatch):
    """One rewriting and one corruption of each gold."""
    rewrites = types.ModuleType("entmin.grading.rewrites")
    rewrites.named_rewritings = lambda gold: [("said", f"Clearly \\boxed{{{gold.answers[0]}}}")]
    rewrites.named_corruptions = lambda gold: ([("tenfold", f"Clearly \\boxed{{{gold.answers[0]}0}}")], [])
    monkeypatch.setitem(sys.modules, rewrites.__name__, rewrites)
    monkeypatch.setattr(entmin.grading, "rewrites", rewrites, raising=False)


def list_as_odd(monkeypatch, name, odd):
    monkeypatch.setitem(registry._found(), name, replace(registry.benchmark(name), odd=odd))


def no_odd(name):
    return None


def run(*arguments):
    return CliRunner().invoke(command, arguments)


def test_a_good_grader_passes(toy_rewrites, mirror):
    result = run("math500,amc", "--data-dir", str(mirror))
    assert result.exit_code == 0, result.output
    assert "math500: 3 problems" in result.output
    assert "corruptions       3 of      3 wrong" in result.output


def test_the_grader_sees_the_golds_of_the_shuffled_options(toy_rewrites, mirror):
    result = run("gpqa_diamond", "--data-dir", str(mirror), "-T", "seed=4", "--json")
    assert result.exit_code == 0
    assert json.loads(result.output)["reports"][0]["problems"] == 8


def test_a_failure_is_printed_and_exits_with_1_unless_it_is_listed(toy_rewrites, mirror, monkeypatch):
    monkeypatch.setattr(
        sys.modules["entmin.grading.rewrites"], "named_rewritings", lambda gold: [("slip", "\\boxed{oops}")]
    )
    result = run("gsm8k", "--data-dir", str(mirror))
    assert result.exit_code == 1
    assert "FAIL 0 rewriting (slip): expected right, got wrong (wrong); gold '1400'" in result.output
    list_as_odd(monkeypatch, "gsm8k", {"0": "the data set is wrong"})
    result = run("gsm8k", "--data-dir", str(mirror), "--json")
    assert result.exit_code == 0
    [report] = json.loads(result.output)["reports"]
    assert (report["listed"], report["failures"][0]["listed"]) == (1, "the data set is wrong")


def test_a_lenient_grader_fails_on_corruptions(toy_rewrites):
    def lenient(rows):
        return (Verdict(True, "", "match", "lenient", "0") for _ in rows)

    report = check("math500", [("a", Gold("math", ("1",)))], lenient, no_odd)
    assert [failure.case.kind for failure in report.unlisted] == ["corruption"]


def test_what_nobody_judged_is_a_failure_of_every_kind(toy_rewrites):
    def silent(rows):
        return (Verdict(None, None, "timeout", "silent", "0") for _ in rows)

    report = check("math500", [("a", Gold("math", ("1",)))], silent, no_odd)
    assert len(report.unlisted) == sum(report.cases.values()) == 3


def test_one_missing_set_does_not_hide_the_others(toy_rewrites, mirror):
    (mirror / "amc2022_2023" / "test.jsonl").unlink()
    result = run("amc,math500", "--data-dir", str(mirror))
    assert result.exit_code == 1
    assert "amc: the mirror folder" in result.output
    assert "math500: 3 problems" in result.output


def test_physics_problems_are_listed_by_language_and_number(toy_rewrites, mirror, monkeypatch):
    monkeypatch.setattr(sys.modules["entmin.grading.rewrites"], "named_rewritings", lambda gold: [("slip", "?")])
    arguments = ("ugphysics", "--data-dir", str(mirror), "-T", "subjects=AtomicPhysics", "-T", "language=all")
    assert run(*arguments).exit_code == 1
    list_as_odd(monkeypatch, "ugphysics", {f"{language}/{i}": "odd" for language in ("en", "zh") for i in (0, 1)})
    result = run(*arguments)
    assert result.exit_code == 0
    assert "listed as odd 4, failing 0" in result.output


def test_limit_takes_the_first_problems(toy_rewrites, mirror):
    assert "math500: 2 problems" in run("math500", "--data-dir", str(mirror), "--limit", "2").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nonsense",), "unknown task"),
        (("math500", "-T", "subset"), "KEY=VALUE"),
        (("math500", "-T", "subset=paper"), "no option subset"),
    ],
)
def test_a_wrong_request_says_so(toy_rewrites, mirror, arguments, message):
    result = run(*arguments, "--data-dir", str(mirror))
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
    assert issubclass(UsageError, EntminError)


def test_several_answers_are_written_in_one_box():
    assert written(Gold("math", ("69", "84"))) == "Therefore the final answer is \\boxed{69, 84}."
