"""The estimates against hand-computed numbers, and a log's summary against its samples."""

import itertools
import math
import random

import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log, write_eval_log
from scipy.stats import binomtest

from entmin.errors import EntminError, UsageError
from entmin.evals.metrics import summarize_log
from entmin.grading.gold import Gold
from entmin.stats.estimates import (
    Answer,
    avg_at_k,
    by_group,
    estimate,
    maj_at_k,
    pass_at_k,
    unbiased_pass,
    vote,
    wilson,
)
from entmin.tasks.on_inspect.graded import graded


def same(a, b):
    return a.strip("0.") == b.strip("0.")


def test_avg_at_k_is_a_mean_over_problems_not_samples():
    runs = {"a": [True, True, True, True], "b": [False], "c": [None, True]}
    assert avg_at_k(runs).value == pytest.approx((1 + 0 + 1) / 3)


def test_what_nobody_judged_is_neither_right_nor_wrong():
    found = avg_at_k({"a": [None], "b": [True], "c": [None, None]})
    assert (found.value, found.n) == (1.0, 1)
    assert avg_at_k({"a": [None]}).to_dict()["value"] is None


@pytest.mark.parametrize(("n", "right", "k"), [(4, 1, 2), (5, 2, 3), (6, 0, 2), (6, 6, 1), (8, 3, 8), (5, 4, 2)])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_sample(n, right, k):
    verdicts = [True] * right + [False] * (n - right)
    subsets = [any(subset) for subset in itertools.combinations(verdicts, k)]
    assert unbiased_pass(n, right, k) == pytest.approx(sum(subsets) / len(subsets))


def test_pass_at_k_leaves_out_problems_with_too_few_judged_samples():
    found = pass_at_k({"a": [True, False], "b": [True, None], "c": [False, False]}, 2)
    assert (found.value, found.n) == (0.5, 2)


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 5), (3, 10), (250, 500)])
def test_wilson_agrees_with_scipy(right, n):
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert wilson(right, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_intervals_by_kind_of_data():
    assert estimate([1.0, 0.0, 1.0]).interval == "wilson"
    fractions = estimate([0.25, 0.5, 0.75])
    # Student's t with 2 degrees of freedom: 4.3027 * 0.25 / sqrt(3) = 0.621
    assert (fractions.interval, fractions.low, fractions.high) == ("student-t", 0.0, 1.0)
    narrow = estimate([0.49, 0.5, 0.51])
    assert narrow.high - narrow.value == pytest.approx(4.302653 * 0.01 / 3**0.5, rel=1e-5)
    assert estimate([0.5]).interval == "none"
    assert estimate([]).n == 0


def test_a_vote_groups_equivalent_spellings():
    answers = [Answer("2", False), Answer("5.0", True), Answer("3", False), Answer("5", True)]
    assert vote(answers, same, random.Random(0)).correct is True


def test_silence_has_no_vote_and_without_any_answer_it_is_wrong():
    assert vote([Answer(None, False), Answer(None, False), Answer("5", True)], same, random.Random(0)).text == "5"
    assert vote([Answer(None, None)], same, random.Random(0)) == Answer(None, False)


def test_ties_are_broken_by_seed_and_problem_alone():
    runs = {str(i): [Answer("1", True), Answer("2", False)] for i in range(40)}
    first, _ = maj_at_k(runs, 2, same, seed=1)
    assert first == maj_at_k(dict(reversed(runs.items())), 2, same, seed=1)[0]
    assert 0.2 < first.value < 0.8


def test_a_vote_for_what_nobody_judged_is_counted_apart():
    found, not_judged = maj_at_k({"a": [Answer("1", None)] * 2, "b": [Answer("1", True)] * 2}, 2, same)
    assert (found.value, found.n, not_judged) == (1.0, 1, 1)


def test_a_group_takes_the_verdict_of_its_first_judged_member():
    answers = [Answer("1", None), Answer("1", True), Answer("2", False)]
    assert vote(answers, same, random.Random(0)).correct is True


def test_groups_have_their_own_estimates():
    found = by_group({"a": [True], "b": [False], "c": [True]}, {"a": "x", "b": "x"})
    assert {name: (one.value, one.n) for name, one in found.items()} == {"x": (0.5, 2)}


@pytest.fixture
def log(toy_grader, mock_model, tmp_path):
    samples = [
        Sample("q", id=name, metadata={"gold": Gold("math", ("5",)).to_dict(), "year": year})
        for name, year in (("a", "2023"), ("b", "2024"))
    ]
    task = Task(samples, scorer=graded("math500"), epochs=4, name="toy", metadata={"benchmark": "math500"})
    replies = [
        "\\boxed{5}",
        "\\boxed{5}",
        "\\boxed{4}",
        "nothing",
        "\\boxed{4}",
        "\\boxed{4}",
        "\\boxed{5}",
        "\\boxed{4}",
    ]
    [found] = inspect_eval(
        task, model=mock_model(replies), log_dir=str(tmp_path), display="none", max_samples=1, max_connections=1
    )
    return found


def test_a_log_is_summarised_from_its_samples(log):
    log.results = None
    found = summarize_log(log)
    by_problem = {}
    for sample in log.samples:
        by_problem.setdefault(sample.id, []).append(sample.scores["graded"].value == 1.0)
    assert (found["problems"], found["samples"], found["samples_per_problem"]) == (2, 8, 4)
    assert found["pass@1"]["value"] == pytest.approx(3 / 8)
    assert found["pass@k"]["1"] == found["pass@1"]
    assert set(found["pass@k"]) == {"1", "2", "4"}
    expected = sum(unbiased_pass(4, sum(judged), 2) for judged in by_problem.values()) / 2
    assert found["pass@k"]["2"]["value"] == pytest.approx(expected)
    assert found["maj@k"]["k"] == 4
    assert set(found["by"]["year"]) == {"2023", "2024"}
    assert found["unanswered"] == {"n": 1, "share": 0.125}
    assert found["not_judged"]["n"] == 0
    assert found["graders"] == {"toy 0": 8}
    assert found["reasons"] == {"match": 3, "no-answer": 1, "wrong": 4}


def test_verdicts_nobody_gave_are_counted_and_not_averaged(log):
    right = next(sample for sample in log.samples if sample.scores["graded"].value == 1.0)
    right.scores["graded"].metadata["correct"] = None
    wrong = next(sample for sample in log.samples if sample.scores["graded"].answer == "4")
    wrong.scores = None
    found = summarize_log(log)
    assert found["not_judged"]["n"] == 2
    assert found["pass@1"]["n"] == 2


@pytest.mark.parametrize("form", ["eval", "json"])
def test_a_log_read_back_says_the_same(log, form, tmp_path):
    log.samples[0].scores["graded"].value = math.nan
    log.samples[0].scores["graded"].metadata["correct"] = None
    path = str(tmp_path / f"copy.{form}")
    write_eval_log(log, path)
    assert summarize_log(read_eval_log(path)) == summarize_log(log)


def test_answers_without_an_equivalence_have_no_majority(log):
    def unknown(one, other):
        raise UsageError("no grader for programs")

    assert summarize_log(log, equivalent=unknown)["maj@k"] is None


def test_truncated_samples_are_counted(log):
    log.samples[0].output.choices[0].stop_reason = "max_tokens"
    assert summarize_log(log)["truncated"] == {"n": 1, "share": 0.125}


def test_a_log_without_samples_or_scores_is_refused(log):
    for sample in log.samples:
        sample.scores = {}
    with pytest.raises(EntminError, match="no graded samples"):
        summarize_log(log)
    log.samples = None
    with pytest.raises(EntminError, match="no samples"):
        summarize_log(log)
