"""`entmin reproduce`: published numbers beside ours, on a tiny model and a few problems of a small mirror."""

import json

import pytest

from entmin.reproduce.agreement import levels_differ
from entmin.reproduce.tables import TABLES, load_table
from entmin.stats import avg_at_k


@pytest.mark.parametrize("name", TABLES)
def test_every_published_row_is_a_mode_on_known_benchmarks(name):
    from entmin.mode import Mode
    from entmin.tasks.registry import tasks

    table = load_table(name)
    assert set(table.columns) <= set(tasks())
    for row in table.rows:
        Mode.parse(row.mode)
        assert row.published and all(0 <= value <= 100 for value in row.published.values())
        assert set(row.published) <= set(table.columns)


def test_averages_are_the_published_ones():
    rows = {(row.model, row.name): row.published for row in load_table("table3").rows}
    maths = ("math500", "amc", "aime", "minerva_math", "olympiadbench")
    for model, name, average in (
        ("Qwen/Qwen2.5-Math-7B-Instruct", "em_inf", 46.4),
        ("Qwen/Qwen2.5-7B-Instruct", "adaptive_temp", 43.3),
        ("meta-llama/Llama-3.1-8B-Instruct", "greedy", 19.6),
    ):
        assert sum(rows[model, name][task] for task in maths) / 5 == pytest.approx(average, abs=0.06)


def test_levels_are_compared_by_fishers_exact_test():
    assert levels_differ(0.5, 500, 0.5, 500) == 1
    assert levels_differ(0.5, 500, 0.2, 500) < 0.001
    assert levels_differ(0.5, 90, 0.4, 10) > 0.05
    assert avg_at_k({"a": [True]}).n == 1


def test_rows_of_another_model_are_run_and_their_gains_compared(entmin_here, tiny_llama, tmp_path):
    folder = tmp_path / "mirror" / "amc23"
    asked = ("--model", tiny_llama, "--rows", "normal,em_inf", "--columns", "amc", "--max-tokens", "4", "--quiet")
    done = entmin_here("reproduce", "table3", *asked, "--data-dir", folder.parent, code=None)
    assert done.returncode == 1 and "amc" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("table9",), "no published table 'table9'"),
        (("table3", "--as", "gpt"), "has no model 'gpt'"),
        (("table3", "--rows", "em-inf"), "has no row 'em-inf'"),
        (("table3", "--columns", "math50"), "did you mean 'math500'"),
    ],
)
def test_what_the_paper_does_not_have_is_one_message(entmin_here, options, words):
    done = entmin_here("reproduce", *options, code=2)
    assert words in done.stderr.replace("\n", " ")


def test_a_row_that_needs_a_checkpoint_says_how_to_make_it(entmin_here, tiny_llama):
    asked = ("--model", tiny_llama, "--rows", "em-ft-math", "--columns", "amc", "--quiet", "--json")
    [cell] = json.loads(entmin_here("reproduce", "table2", *asked).stdout)
    assert cell["agreement"] == "not run"
    assert "entmin train --config runs/math/em-ft.yaml" in cell["why_not"]


def test_what_has_no_data_is_listed_beside_what_runs(tiny_llama, tmp_path):
    from entmin.cli.reproduce import _not_run, _summary
    from entmin.evals.run import RunSpec
    from entmin.mode import Mode
    from entmin.reproduce.running import reproduce
    from entmin.reproduce.tables import PublishedTable

    published = {"arithmetic": 50.0, "amc": 40.0}
    rows = [{"model": "M", "name": name, "mode": name, "published": published} for name in ("normal", "em_inf")]
    columns = {"arithmetic": {"n": 100}, "amc": {"n": 83}}
    table = PublishedTable(table="t", source="s", max_tokens=4, columns=columns, rows=rows)
    spec = RunSpec(str(tiny_llama), Mode(), limit=4, task_options={"data_dir": str(tmp_path)})
    cells = reproduce(table, list(table.rows), spec, tmp_path / "results", {}, lambda _: None, quiet=True)
    assert [cell.agreement(False) for cell in cells] == ["not compared", "not run", "agrees", "not run"]
    [line] = _not_run(cells)
    assert line.startswith("Not run: normal on amc, em_inf on amc: amc: ")
    assert "in 1 of 1 cells the published gain of M lies" in _summary(table, cells, "tiny", "M")
