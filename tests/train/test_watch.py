"""The watch on a real trainer and a real (tiny) model that a large learning rate drives to collapse."""

import json
from pathlib import Path
from statistics import median

import pytest
import torch
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

from entmin.errors import UsageError
from entmin.jsonl import read_rows
from entmin.report.training_figure import draw
from entmin.train.levels import WatchSettings
from entmin.train.reading import load_config
from entmin.train.watch import CollapseWatch
from tests import tiny


class EntropyTrainer(Trainer):
    """Minimises the token entropy on fixed random sequences, and logs it as the project's trainers do."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        log_probs = model(inputs["input_ids"]).logits.log_softmax(-1)
        loss = -(log_probs.exp() * log_probs).sum(-1).mean()
        self.entropy = loss.item()
        return (loss, {}) if return_outputs else loss

    def log(self, logs, *args, **kwargs):
        if "loss" in logs:
            logs |= {"entropy": self.entropy}
            with (Path(self.args.output_dir) / "curves.jsonl").open("a") as file:
                file.write(json.dumps({"step": self.state.global_step, **logs}) + "\n")
        super().log(logs, *args, **kwargs)


def train(folder, model, watch, *, steps=40, rate=0.02, resume=False):
    torch.manual_seed(0)
    rows = [{"input_ids": torch.randint(2, 258, (24,))} for _ in range(64)]
    settings = TrainingArguments(
        str(folder), max_steps=steps, learning_rate=rate, per_device_train_batch_size=4, logging_steps=1,
        save_strategy="steps", save_steps=1000, save_total_limit=2, report_to=[], disable_tqdm=True, use_cpu=True,
        lr_scheduler_type="constant", seed=0,
    )  # fmt: skip
    Path(folder).mkdir(exist_ok=True)
    trainer = EntropyTrainer(
        AutoModelForCausalLM.from_pretrained(model), settings, train_dataset=rows, callbacks=[watch],
        processing_class=tiny.tokenizer(),
    )  # fmt: skip
    trainer.train(resume_from_checkpoint=resume or None)
    return trainer


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "tiny", sharpness=4.0)


def test_a_collapse_is_told_stopped_and_the_model_before_it_kept(tmp_path, model):
    said = []
    watch = CollapseWatch(
        WatchSettings(collapse_factor=None, watch_window=3, watch="stop", watch_save_every=2), announce=said.append
    )
    trainer = train(tmp_path / "run", model, watch)
    (message,) = said
    entropies = {row["step"]: row["entropy"] for row in read_rows(tmp_path / "run/curves.jsonl")}
    assert trainer.state.global_step < 40
    assert f"step {trainer.state.global_step}: entropy fell from" in message
    assert "training stops" in message

    kept = tmp_path / "run/before-entropy-floor"
    step = int(message.split("; step ")[1].split()[0])
    assert f"step {step} is kept in {kept}" in message
    assert entropies[step] > 0.2 > 0.05 > entropies[trainer.state.global_step]
    # The checkpoint itself was rotated away; the kept weights load, and are those from before the fall.
    assert not (tmp_path / f"run/checkpoint-{step}").exists()
    assert not list(kept.glob("optimizer*"))
    before = AutoModelForCausalLM.from_pretrained(kept)
    with torch.no_grad():
        log_probs = before(trainer.train_dataset[0]["input_ids"][None]).logits.log_softmax(-1)
    assert -(log_probs.exp() * log_probs).sum(-1).mean() > 0.15

    found = json.loads((tmp_path / "run/watch.json").read_text())
    assert found["stopped_by"] == "entropy-floor"
    assert found["kept"] == {"entropy-floor": "before-entropy-floor"}
    assert found["metrics"]["entropy"]["last"] < 0.05 < 1 < found["metrics"]["entropy"]["first"]
    assert (tmp_path / "run/curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_warning_lets_the_run_go_on_and_off_is_silence(tmp_path, model):
    said = []
    watch = CollapseWatch(WatchSettings(collapse_factor=None, watch_window=3), announce=said.append)
    assert train(tmp_path / "warned", model, watch).state.global_step == 40
    assert len(said) == 1
    silent = CollapseWatch(
        WatchSettings(collapse_factor=None, watch_window=3, watch_actions={"entropy-floor": "off"}),
        announce=said.append,
    )
    train(tmp_path / "silent", model, silent)
    assert len(said) == 1
    assert not (tmp_path / "silent/before-entropy-floor").exists()


def test_a_gentle_run_is_left_alone(tmp_path, model):
    said = []
    train(tmp_path / "run", model, CollapseWatch(announce=said.append), steps=12, rate=1e-6)
    assert said == []
    assert json.loads((tmp_path / "run/watch.json").read_text())["alarms"] == []


@pytest.mark.slow
def test_a_resumed_run_remembers_how_it_began(tmp_path, model):
    calm = CollapseWatch(
        WatchSettings(collapse_factor=None, watch_window=3, watch_save_every=2), announce=lambda _: None
    )
    train(tmp_path / "run", model, calm, steps=4)
    first = median(row["entropy"] for row in read_rows(tmp_path / "run/curves.jsonl")[:3])
    said = []
    again = CollapseWatch(
        WatchSettings(collapse_factor=None, watch_window=3, watch="stop", watch_save_every=2), announce=said.append
    )
    train(tmp_path / "run", model, again, resume=True)
    assert f"entropy fell from {first:.2g} to" in said[0]
    assert (tmp_path / "run/before-entropy-floor").is_dir()


def test_a_fall_before_the_first_checkpoint_says_so(tmp_path, model):
    said = []
    settings = WatchSettings(watch_window=1, watch="stop", watch_save_every=50)
    train(tmp_path / "run", model, CollapseWatch(settings, announce=said.append), rate=0.2)
    assert "only the initial model is from before the fall" in said[0]


def test_several_runs_are_drawn_side_by_side_with_held_out_accuracy(tmp_path):
    runs = {}
    for name, size in (("one", 30), ("two", 10)):
        folder = runs[name] = tmp_path / name
        folder.mkdir()
        rows = [{"step": i, "entropy": 1 / i, "length": 10.0 + i} for i in range(1, size)]
        (folder / "curves.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 9')
    evals = [
        {"step": i, "pass@1": {"value": 0.3, "low": 0.2, "high": 0.4}, "pass@4": {"value": 0.5, "low": None, "high": 1}}
        for i in (0, 10)
    ]
    (tmp_path / "one/evals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in evals))
    (tmp_path / "one/watch.json").write_text(json.dumps({"alarms": [{"rule": "entropy-floor", "step": 21}]}))
    draw(runs, tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    assert "<svg" in text
    assert len(read_rows(tmp_path / "one/curves.jsonl")) == 29


def test_unknown_rules_and_actions_are_refused():
    with pytest.raises(UsageError, match="no rule entropy; rules: entropy-floor"):
        WatchSettings(watch_actions={"entropy": "stop"})
    with pytest.raises(UsageError, match=r"'watch': input should be 'warn', 'stop' or 'off' \(given: 'shout'\)"):
        load_config(None, {"method": "em-ft", "model": "m", "watch": "shout"})


def test_curves_have_ticks_at_whole_steps_only_and_name_their_reward(tmp_path):
    from matplotlib.figure import Figure

    from entmin.report.training_figure import draw_panel, panels

    rows = [{"step": i, "reward": -2.0 - i, "entropy": 1 / i} for i in (1, 2, 3)]
    (tmp_path / "curves.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "run.json").write_text(json.dumps({"method": "em-rl", "reward": "sum-entropy"}))
    found = panels({"run": tmp_path})
    assert [panel.name for panel in found] == ["entropy, nats/token", "reward: sum-entropy"]
    for panel in found:
        axis = Figure().add_subplot()
        draw_panel(axis, panel, [2])
        low, high = axis.get_xlim()
        ticks = [tick for tick in axis.get_xticks() if low <= tick <= high]
        assert ticks and all(tick >= 0 and tick == int(tick) for tick in ticks)
        assert axis.yaxis.get_major_formatter().get_useOffset() is False
    assert axis.get_ylim()[0] < -5
