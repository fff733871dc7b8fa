import io
import math

import pytest
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec
from inspect_ai.scorer import Score
from rich.console import Console

from entmin.report.diversity import diversity, render_spread


def log(run):
    """An Inspect log with these verdicts: problem to one per epoch."""
    samples = [
        EvalSample(
            id=problem, epoch=epoch, input=Sample(input="?").input, target="1",
            scores={"rule": Score(value=1, metadata={"correct": verdict})},
        )
        for problem, verdicts in run.items()
        for epoch, verdict in enumerate(verdicts, start=1)
    ]  # fmt: skip
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00", task="t", dataset=EvalDataset(), model="m", config=EvalConfig()
    )
    return EvalLog(eval=spec, samples=samples)


def test_lost_diversity_shows_where_accuracy_hides_it():
    """The base is right in one of four samples on every problem; the sharpened model always or never."""
    base = {f"p{i}": [i % 4 == j for j in range(4)] for i in range(40)}
    sharp = {f"p{i}": [i % 4 == 0] * 4 for i in range(40)}
    first, second = diversity({"t": [("base", log(base)), ("sharp", log(sharp))]})
    assert (first.one.value, first.any.value) == (0.25, 1.0)
    assert (second.one.value, second.any.value) == (0.25, 0.25)
    assert first.one_difference is None
    assert second.one_difference.difference == 0
    assert second.any_difference.difference == pytest.approx(-0.75)
    assert second.any_difference.high < -0.5
    assert second.any_p_holm < 0.001 < second.one_p_holm
    assert second.k == 4


def test_the_tables_fit_eighty_columns_and_no_number_is_cut():
    base = {f"p{i}": [i % 4 == j for j in range(4)] for i in range(40)}
    sharp = {f"p{i}": [i % 4 == 0] * 4 for i in range(40)}
    arms = [("normal", log(base)), ("em_inf:threshold=0.1:n_grad_steps=5", log(sharp))]

    def shown(width):
        console = Console(width=width, record=True, file=io.StringIO())
        for table in render_spread(diversity({"t": arms})):
            console.print(table)
        return console.export_text()

    numbers = {word for word in shown(200).split() if word[0] in "+-0123456789"}
    assert {"25.0", "-75.0", "40x4"} <= numbers
    narrow = shown(80)
    assert max(map(len, narrow.splitlines())) <= 80
    assert "…" not in narrow
    assert numbers <= set(narrow.split())
    assert render_spread([]) == []


def test_problems_with_unjudged_samples_are_left_out_of_pass_at_k():
    run = {"a": [None, False], "b": [True, False], "c": [False, False]}
    first, second = diversity({"t": [("one", log(run)), ("two", log(run))]})
    assert (first.any.n, first.any.value) == (2, 0.5)
    assert second.any_difference.n == 2


def test_single_samples_have_no_pass_at_k():
    assert diversity({"t": [("one", log({"a": [True]}))]}) == []


def test_nothing_judged_is_not_a_number_and_becomes_null():
    rows = diversity({"t": [("one", log({"a": [None, None]})), ("two", log({"a": [None, None]}))]})
    assert math.isnan(rows[1].any_p_holm)
    assert rows[1].to_dict()["any_difference"]["difference"] is None
