"""Small runs on a tiny model, in process."""

from __future__ import annotations

from pathlib import Path

from entmin.jsonl import read_rows
from entmin.train.build import build_trainer
from entmin.train.config import TrainConfig
from entmin.train.policy import load_policy, place_for
from entmin.train.prompts import rows_to_train_on, training_prompts

SMALL = {
    "data_options": {"size": 40},
    "batch_size": 4,
    "micro_batch": 4,
    "max_tokens": 6,
    "precision": "fp32",
    "device": "cpu",
    "report": (),
    "learning_rate": 1e-3,
    "watch": "off",
}


def config(model, folder, method="em-ft", **changes):
    return TrainConfig(method=method, model=str(model), output=str(folder), **{**SMALL, **changes})


def trainer_for(settings, steps=2):
    place = place_for(settings)
    loaded = load_policy(settings, place)
    prompts = training_prompts(settings, rows_to_train_on(settings), loaded.tokenizer)
    return build_trainer(settings, place, loaded, prompts, steps, card=lambda folder: None)


def settings_of(**settings):
    """As options of the command line."""
    import json

    return [part for key, value in settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]


def curve(folder, *names):
    rows = read_rows(Path(folder) / "curves.jsonl")
    return [tuple(row.get(name, -1.0) for name in ("step", *names)) for row in rows]
