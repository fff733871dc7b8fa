import json

import pytest

SMALL = ("--limit", "12", "--max-tokens", "16", "--threads", "1", "--quiet")


def test_compare_needs_only_a_model_and_reports_paired_results(entmin_here, tiny_llama):
    done = entmin_here("compare", tiny_llama, *SMALL)
    for words in ("normal", "greedy", "em_inf", "adaptive_temp", "baseline", "always answering"):
        assert words in done.stdout
    (folder,) = (entmin_here.folder / "results/tiny-llama/compare").iterdir()
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads((folder / "comparison.json").read_text())
    rows = {row["label"]: row for row in document["rows"]}
    assert list(rows) == ["normal", "greedy", "em_inf", "adaptive_temp"]
    assert rows["normal"]["difference"] is None
    assert rows["greedy"]["entropy_after"] == 0
    assert rows["normal"]["entropy_after"] == pytest.approx(rows["normal"]["entropy_before"])
    for label in ("em_inf", "adaptive_temp"):
        row = rows[label]
        assert row["entropy_after"] < row["entropy_before"]
        assert row["difference"]["n"] == row["problems"] == 12
        assert row["difference"]["low"] <= row["difference"]["difference"] <= row["difference"]["high"]
        assert row["p_holm"] >= row["difference"]["p_value"]
    assert document["trivial"]["arithmetic"]["share"] > 0
    assert document["versions"]["torch"]
    assert {s["seed"] for s in document["settings"]} == {0}


def test_a_method_that_changes_nothing_has_no_flips(entmin_here, tiny_llama):
    done = entmin_here("compare", tiny_llama, *SMALL, "--methods", "normal,em_inf:n_grad_steps=0", "--json")
    row = json.loads(done.stdout)["rows"][1]
    assert (row["difference"]["gained"], row["difference"]["lost"], row["p_holm"]) == (0, 0, 1.0)
    assert row["difference"]["low"] < 0 < row["difference"]["high"]


def test_eval_and_compare_share_their_runs(entmin_here, tiny_llama):
    entmin_here("eval", tiny_llama, *SMALL)
    entmin_here("compare", tiny_llama, *SMALL, "--methods", "normal,greedy")
    (sessions,) = (entmin_here.folder / "results/tiny-llama/normal").glob("*/sessions.jsonl")
    assert len(sessions.read_text().splitlines()) == 1


def test_several_samples_per_problem_and_two_tasks_options(entmin_here, tiny_llama):
    done = entmin_here(
        "compare", tiny_llama, *SMALL, "--epochs", "3", "--methods", "normal,em_inf@0.5", "-T", "kind=chain_sum"
    )
    assert "12x3" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "normal,em_inff"], "did you mean 'em_inf'"),
        (["--methods", ""], "none given"),
        (["--task", "nothing"], "unknown task"),
    ],
)
def test_bad_input_costs_nothing(entmin_here, tiny_llama, arguments, message):
    done = entmin_here("compare", tiny_llama, *arguments, code=2)
    assert message in done.stderr
    assert not (entmin_here.folder / "results").exists()
