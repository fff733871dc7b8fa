import json

import pytest
from matplotlib.figure import Figure

from entmin.report.training_figure import draw_panel, panels


@pytest.fixture
def run(tmp_path):
    """Two steps: metrics at their floor, and one that falls below 0 by right."""
    step = {"entropy": 0.4, "reward": 0.0, "kl": -0.01, "repetition": 0.0, "grad_norm": 0.0, "clipped": 1.0}
    rows = [{"step": number, **step} for number in (1, 2)]
    (tmp_path / "curves.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "run.json").write_text(json.dumps({"method": "em-rl", "reward": "rent"}))
    (tmp_path / "evals.jsonl").write_text(json.dumps({"step": 0, "pass@1": {"value": 0, "low": 0, "high": 0}}) + "\n")
    return tmp_path


def test_ticks_are_whole_steps_and_nothing_that_cannot_be_negative_has_ticks_below_0(run):
    found = panels({"a run": run})
    assert "reward: rent" in [panel.name for panel in found]
    for panel in found:
        axis = Figure().add_subplot()
        draw_panel(axis, panel, [])
        axis.figure.draw_without_rendering()
        low, high = axis.get_xlim()
        assert all(tick == int(tick) for tick in axis.get_xticks() if low <= tick <= high)
        low, high = axis.get_ylim()
        below = [tick for tick in axis.get_yticks() if low <= tick <= high and tick < 0]
        assert bool(below) <= (panel.name.startswith(("KL", "reward:"))), panel.name
