import json
import shutil

import pytest
from tests import tiny

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


@pytest.mark.slow
def test_a_method_that_changes_nothing_has_no_flips(entmin_here, tiny_llama):
    done = entmin_here("compare", tiny_llama, *SMALL, "--methods", "normal,em_inf:n_grad_steps=0", "--json")
    row = json.loads(done.stdout)["rows"][1]
    assert (row["difference"]["gained"], row["difference"]["lost"], row["p_holm"]) == (0, 0, 1.0)
    assert row["difference"]["low"] < 0 < row["difference"]["high"]


@pytest.mark.slow
def test_eval_and_compare_share_their_runs(entmin_here, tiny_llama):
    entmin_here("eval", tiny_llama, *SMALL)
    entmin_here("compare", tiny_llama, *SMALL, "--methods", "normal,greedy")
    (sessions,) = (entmin_here.folder / "results/tiny-llama/normal").glob("*/sessions.jsonl")
    assert len(sessions.read_text().splitlines()) == 1


@pytest.mark.slow
def test_one_text_is_one_run_in_eval_and_in_compare_and_arms_may_differ_in_seed_alone(entmin_here, tiny_llama):
    entmin_here("eval", tiny_llama, *SMALL, "--mode", "em_inf:threshold=0.1:seed=1@0.7")
    entmin_here("eval", tiny_llama, *SMALL, "--mode", "em_inf", "--threshold", "0.1", "--seed", "1", "--temp", "0.7")
    arms = "em_inf:threshold=0.1:seed=0@0.7,em_inf:threshold=0.1:seed=1@0.7"
    done = entmin_here("compare", tiny_llama, *SMALL, "--methods", arms, "--json")
    document = json.loads(done.stdout)
    assert [row["label"] for row in document["rows"]] == arms.split(",")
    assert [settings["seed"] for settings in document["settings"]] == [0, 1]
    sessions = (entmin_here.folder / "results/tiny-llama/em_inf").glob("*/sessions.jsonl")
    assert [len(path.read_text().splitlines()) for path in sessions] == [1, 1]


@pytest.mark.slow
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_llama):
    """A copy of the tiny model with sharper logits, as save_pretrained writes it, with a model card."""
    folder = tiny.save(tmp_path_factory.mktemp("trained") / "checkpoint-3", sharpness=60.0)
    (folder / "README.md").write_text(f"---\nbase_model: {tiny_llama}\n---\n")
    return folder


@pytest.mark.slow
def test_a_trained_checkpoint_is_paired_with_its_base_by_pass_at_1_and_pass_at_k(entmin_here, tiny_llama, trained):
    run = ("--samples", "3", "-T", "digits=1")
    done = entmin_here("compare", tiny_llama, "--against", trained, *SMALL, *run)
    assert "pass@3" in done.stdout
    assert "checkpoint-3" in done.stdout
    (folder,) = (entmin_here.folder / "results/tiny-llama/compare").iterdir()
    document = json.loads((folder / "comparison.json").read_text())
    assert [row["label"] for row in document["rows"]] == ["tiny-llama", "checkpoint-3"]
    assert document["rows"][1]["difference"]["n"] == 12
    assert document["rows"][1]["entropy_before"] < document["rows"][0]["entropy_before"]
    base, after = document["diversity"]
    assert (base["k"], base["any_difference"]) == (3, None)
    assert after["any_difference"]["n"] == 12
    assert after["any_difference"]["low"] <= after["any_difference"]["high"]
    # The card names the base: the same comparison, from the same runs, without naming it.
    again = entmin_here("compare", trained, "--with-base", *SMALL, *run, "--json")
    assert json.loads(again.stdout) == document


@pytest.mark.slow
def test_a_copy_of_the_model_shows_no_difference(entmin_here, tiny_llama, tmp_path):
    shutil.copytree(tiny_llama, tmp_path / "copy")
    arguments = ("--against", tmp_path / "copy", "--methods", "normal,em_inf")
    done = entmin_here("compare", tiny_llama, *SMALL, *arguments, "--json")
    rows = {row["label"]: row for row in json.loads(done.stdout)["rows"]}
    assert list(rows) == ["tiny-llama normal", "tiny-llama em_inf", "copy normal", "copy em_inf"]
    assert rows["copy normal"]["difference"]["difference"] == 0
    # Not to the last digit: which rows are decoded together, and so how products round, goes by when requests come.
    assert rows["copy normal"]["entropy_after"] == pytest.approx(rows["tiny-llama normal"]["entropy_after"], rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--against", " , "], 2, "names no model"),
        (["--with-base"], 1, "does not say which model it was trained from"),
        (["--against", "nowhere"], 1, "no model 'nowhere'"),
    ],
)
def test_models_that_are_not_there(entmin_here, tiny_llama, arguments, code, message):
    assert message in entmin_here("compare", tiny_llama, *SMALL, *arguments, code=code).stderr
