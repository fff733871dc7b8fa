"""Settings are checked once, and every complaint says where, which and what is meant."""

import contextlib
import json
import re

import pytest

from entmin.errors import UsageError
from entmin.train.config import TrainConfig, fixed_settings
from entmin.train.folder import check_folder
from entmin.train.prompts import rows_to_train_on
from entmin.train.reading import load_config, parse_settings

BASE = {"method": "em-rl", "model": "m"}


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("lerning_rate: 1", {}, r"run.yaml: unknown setting 'lerning_rate' \(did you mean 'learning_rate'\?\)"),
        ("batch_size: many", {}, r"run.yaml: setting 'batch_size': input should be a valid integer.*\(given: 'many'\)"),
        ("n: 0", {"n": 1}, "^em-rl compares samples"),
        ("n: 2", {"n": 0}, "^setting 'n': input should be greater than or equal to 1"),
        ("reward: rant", {}, r"unknown reward 'rant' \(did you mean 'rent'"),
        ("watch_actions: {kl: stop}", {}, "the watch has no rule kl; rules: entropy-floor"),
        ("learning_rate: yes", {}, r"setting 'learning_rate': .*input should not be true or false \(given: True\)"),
        ("seed: 1", {"n": True}, r"setting 'n': .*should not be true or false"),
        ("- 1", {}, "run.yaml must be a table of settings"),
        ("a: [", {}, "run.yaml is malformed"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path, text, given, message):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as told:
        load_config(path, {**BASE, **given})
    assert re.search(message, str(told.value)) and "factory" not in str(told.value), told.value


def test_true_and_false_are_no_numbers_in_any_setting():
    for name in TrainConfig.model_fields:
        for given in (True, False):
            with contextlib.suppress(UsageError):
                assert getattr(load_config(None, {**BASE, name: given}), name) is given, name


@pytest.mark.parametrize("option", ["terms", "digits", "size"])
@pytest.mark.parametrize("value", [True, "x", 2.5], ids=str)
def test_options_of_arithmetic_are_of_their_kind(option, value):
    with pytest.raises(UsageError, match=f"arithmetic: {option} must be a whole number, not {value!r}"):
        rows_to_train_on(TrainConfig(**BASE, data_options={option: value}))


def test_defaults_follow_the_method_and_stay_so_when_read_again():
    for method, n, kl in (("em-ft", 1, 0), ("sft", 1, 0), ("em-rl", 4, 0.001), ("grpo", 4, 0.001)):
        config = TrainConfig(method=method, model="m")
        assert (config.n, config.kl) == (n, kl)
        assert TrainConfig.model_validate_json(config.model_dump_json()) == config
        assert config.changed() == {}
    assert load_config(None, {**BASE, "report": "tensorboard,wandb"}).report == ("tensorboard", "wandb")
    assert load_config(None, {**BASE, "report": "none"}).report == ()


def test_texts_that_yaml_reads_as_something_else_stay_texts(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("watch: off\nreport: None\noutput: 007\ndata: 2024.10\nsplit: no\nlora: no\nkl: 1e-3\n")
    found = load_config(path, {**BASE, "kl": 0.5})
    assert (found.watch, found.report, found.output, found.data, found.split) == ("off", (), "007", "2024.10", "no")
    assert found.lora is False and load_config(None, {**BASE, "report": None}).report == ()
    assert parse_settings(["output=007", 'data="5"', "watch=off"]) == {"output": "007", "data": "5", "watch": "off"}


def test_a_run_ends_with_a_whole_rollout():
    with pytest.raises(UsageError, match="must be a multiple of updates_per_rollout"):
        TrainConfig(**BASE, max_steps=5, updates_per_rollout=2, save_every=4)


def test_a_schedule_that_depends_on_the_length_keeps_it(tmp_path):
    (tmp_path / "run.json").write_text(TrainConfig(**BASE, schedule="cosine", max_steps=4).model_dump_json())
    with pytest.raises(UsageError, match="max_steps was 4, is 8: the cosine schedule"):
        check_folder(tmp_path, TrainConfig(**BASE, schedule="cosine", max_steps=8), resume=True)


def test_a_resumed_run_keeps_what_its_curve_depends_on(tmp_path):
    assert {"learning_rate", "n", "seed", "data", "reward", "max_tokens"} <= set(fixed_settings())
    assert not {"max_steps", "micro_batch", "watch", "kl_cap", "watch_actions", "report"} & set(fixed_settings())
    (tmp_path / "checkpoint-2").mkdir()
    before = TrainConfig(**BASE).model_dump(mode="json")
    del before["clip"]  # written before there was this setting
    (tmp_path / "run.json").write_text(json.dumps(before))
    free = TrainConfig(**BASE, max_steps=7, micro_batch=4, kl_cap=None, watch="stop")
    assert check_folder(tmp_path, free, resume=True) == tmp_path / "checkpoint-2"
    with pytest.raises(UsageError, match=r"other settings \(n was 4, is 8, clip was 0.2, is 0.3\)"):
        check_folder(tmp_path, TrainConfig(**BASE, n=8, clip=0.3), resume=True)
