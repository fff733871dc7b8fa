"""Evaluations in TensorBoard, read back from its files; and packages that are not here, or refuse."""

from __future__ import annotations

import json

import pytest

from entmin.errors import UsageError
from entmin.report import outlets
from entmin.report.outlets import named, require_packages

SMALL = ("--limit", "4", "--max-tokens", "8", "--threads", "1", "--quiet")


def in_tensorboard(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard")).Reload()
    return {name: events.Scalars(name)[-1].value for name in events.Tags()["scalars"]}


def test_a_comparison_is_in_tensorboard_with_the_numbers_of_its_rows(entmin_here, tiny_llama):
    pytest.importorskip("tensorboard")
    entmin_here("compare", tiny_llama, "--methods", "normal,em_inf:threshold=0@0.7", *SMALL, "--report", "tensorboard")
    [folder] = (entmin_here.folder / "results" / "tiny-llama" / "compare").iterdir()
    rows = json.loads((folder / "comparison.json").read_text())["rows"]
    assert len(rows) == 2
    for row in rows:
        found = in_tensorboard(entmin_here.folder / row["log"])
        assert found["accuracy"] == pytest.approx(row["accuracy"]["value"])
        assert found["entropy_before"] == pytest.approx(row["entropy_before"], rel=1e-5)
        assert found["samples"] == 4
        assert ("difference" in found) == (row["label"] != "normal")


def test_the_same_command_reports_what_an_earlier_one_computed(entmin_here, tiny_llama):
    pytest.importorskip("tensorboard")
    entmin_here("eval", tiny_llama, "--mode", "em_inf", *SMALL)
    [run] = (entmin_here.folder / "results" / "tiny-llama" / "em_inf").iterdir()
    sessions = (run / "sessions.jsonl").read_text()
    assert not (run / "tensorboard").exists()
    entmin_here("eval", tiny_llama, "--mode", "em_inf", *SMALL, "--report", "TensorBoard,none")
    assert (run / "sessions.jsonl").read_text() == sessions, "nothing was decoded"
    assert in_tensorboard(run)["problems"] == 4


@pytest.mark.parametrize("verb", ["eval", "compare", "settle"])
def test_what_is_missing_is_one_line_before_anything_is_loaded(entmin_here, verb):
    done = entmin_here(verb, "/no/such/model", "--report", "no-such-package", code=2)
    assert done.stderr == "error: --report no-such-package: not known; there are tensorboard, wandb, trackio, mlflow\n"
    if not all(map(outlets.find_spec, ("wandb", "trackio"))):
        done = entmin_here(verb, "/no/such/model", "--report", "wandb,trackio", code=2)
        assert "not installed; pip install " in done.stderr and done.stderr.count("\n") == 1
    assert list(entmin_here.folder.iterdir()) == []


def test_names():
    assert named(None) == named("none") == named("") == []
    assert named("WandB, tensorboard") == named(["wandb", "tensorboard"]) == ["wandb", "tensorboard"]
    with pytest.raises(UsageError, match="did you mean 'mlflow'"):
        named("mlflo")
    with pytest.raises(UsageError, match="pip install no_such_package"):
        require_packages(["no_such_package"])


def test_a_package_that_refuses_costs_no_result(entmin_here, tiny_llama):
    pytest.importorskip("tensorboard")
    entmin_here("eval", tiny_llama, *SMALL)
    [run] = (entmin_here.folder / "results" / "tiny-llama" / "normal").iterdir()
    (run / "tensorboard").write_text("in the way")
    done = entmin_here("eval", tiny_llama, *SMALL, "--report", "tensorboard", code=1)
    assert "the results are whole in" in done.stderr and "defect" not in done.stderr
    assert (run / "summary.json").exists()
    (run / "tensorboard").unlink()
    entmin_here("eval", tiny_llama, *SMALL, "--report", "tensorboard")


@pytest.mark.parametrize("package", ["wandb", "trackio", "mlflow"])
def test_the_package_itself_keeps_the_run_without_network(entmin, tiny_llama, package):
    """For environments that have it."""
    pytest.importorskip(package)
    own = {"WANDB_MODE": "offline", "TRACKIO_DIR": str(entmin.folder / "trackio"), "HF_HUB_OFFLINE": "1"}
    own["MLFLOW_TRACKING_URI"] = f"sqlite:///{entmin.folder}/mlflow.db"
    for _ in range(2):  # the second tells again what the first computed
        entmin("compare", tiny_llama, "--methods", "normal,em_inf", *SMALL, "--report", package, **own)
    runs = sorted((entmin.folder / "results" / "tiny-llama").glob("*/arithmetic-*"))
    assert len(runs) == 2
    if package == "wandb":
        assert all(list(run.glob("wandb/offline-run-*/*.wandb")) for run in runs)
    elif package == "mlflow":
        import mlflow

        mlflow.set_tracking_uri(own["MLFLOW_TRACKING_URI"])
        found = mlflow.search_runs(experiment_names=["entmin"])
        assert len(found) == 2 and set(found["metrics.samples"]) == {4}
    else:
        assert any(path.suffix == ".db" for path in (entmin.folder / "trackio").iterdir())


@pytest.mark.parametrize("package", ["wandb", "trackio", "mlflow"])
def test_a_training_run_is_in_the_same_project(entmin, tiny_llama, package):
    """For environments that have it."""
    from tests.train.runs import SMALL, settings_of

    pytest.importorskip(package)
    store = entmin.folder / "store"
    own = {"WANDB_MODE": "offline", "WANDB_DIR": str(store), "TRACKIO_DIR": str(store), "HF_HUB_OFFLINE": "1"}
    own["MLFLOW_TRACKING_URI"] = f"sqlite:///{entmin.folder}/mlflow.db"
    store.mkdir()
    settings = settings_of(**{**SMALL, "report": [package], "max_steps": 1, "n": 2})
    entmin("train", "em-rl", tiny_llama, "--data", "arithmetic", "--output", "run", *settings, **own)
    if package == "wandb":
        assert b"entmin" in next(store.rglob("*.wandb")).read_bytes()
    elif package == "mlflow":
        import mlflow

        mlflow.set_tracking_uri(own["MLFLOW_TRACKING_URI"])
        [found] = mlflow.search_runs(experiment_names=["entmin"], output_format="list")
        assert found.info.run_name == "em-rl-run" and "reward" in found.data.metrics
    else:
        assert [path.name for path in store.glob("*.db")] == ["entmin.db"]
