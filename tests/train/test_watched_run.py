"""`entmin train` under the watch: a real (tiny) model driven to collapse; `entmin eval` on what is kept."""

import json

import pytest

from entmin.jsonl import read_rows
from tests import tiny

HARD = ("--lr", "0.02", "--max-tokens", "16", "--batch-size", "8", "--report", "none", "--set", "precision=fp32",
        "--set", "watch_window=3", "--set", "watch_save_every=1",
        "--set", "clipped_cap=null")  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "tiny", sharpness=12.0)


@pytest.mark.slow
def test_a_collapsing_run_is_stopped_and_the_kept_model_can_be_evaluated(entmin_here, model):
    done = entmin_here("train", "em-ft", model, "--max-steps", "40", *HARD, "--set", "watch=stop")
    out = entmin_here.folder / "out"
    found = json.loads((out / "watch.json").read_text())
    rule = found["stopped_by"]
    assert rule in {alarm["rule"] for alarm in found["alarms"]}
    assert found["last_step"] < 40
    assert f"is kept in out/before-{rule}; training stops" in done.stderr
    curves = read_rows(out / "curves.jsonl")
    assert curves[-1]["entropy"] < curves[0]["entropy"] / 4
    assert (out / "curves.png").exists()
    assert "accuracy was not measured on held-out problems" in (out / "report.html").read_text()
    asked = ("--limit", "4", "--max-tokens", "8", "--threads", "1", "--quiet", "--json")
    before, after = (
        json.loads(entmin_here("eval", folder, *asked).stdout)[0] for folder in (out / f"before-{rule}", out)
    )
    assert before["settings"]["revision"] != after["settings"]["revision"]


def test_a_rule_that_does_not_exist_costs_nothing(entmin_here, model):
    wrong = ("--set", 'watch_actions={"kl": "stop"}')
    done = entmin_here("train", "em-ft", model, "--max-steps", "1", *HARD, *wrong, code=2)
    assert "the watch has no rule kl; rules: entropy-floor" in done.stderr
    assert not (entmin_here.folder / "out").exists()


def test_training_data_is_decontaminated_and_the_report_lies_beside_the_model(entmin_here, model):
    from tests.tasks.examples import make_problems

    shared = make_problems("basic_arithmetic", 1, 0, 2, 2)[0][0]
    rows = [{"question": text} for text in (shared, "Say a.", "Say b.", "Say b.", "Say c.")]
    (entmin_here.folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    entmin_here("train", "em-ft", model, "--data", "a.jsonl", "--max-steps", "1", *HARD, "--batch-size", "2")
    report = json.loads((entmin_here.folder / "out/decontamination.json").read_text())
    assert (report["rows_read"], report["duplicates_dropped"], report["contaminated_dropped"]) == (5, 1, 1)
    assert report["kept"] == 3
