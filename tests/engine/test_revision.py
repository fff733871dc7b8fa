"""A name does not say which weights it stands for: what is found again is found by all that answers depend on."""

import json
import os

import pytest
from safetensors.torch import load_file, save_file
from tests import tiny

from entmin.engine.revision import folder_digest, state_of
from entmin.evals.opened import close_engines
from entmin.evals.provider import shared_engine


@pytest.fixture
def folder(tmp_path):
    yield tiny.save(tmp_path / "model")
    close_engines()


def change_one_number(folder):
    """Train one weight in the middle of the file; header, size, beginning and end stay."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = sorted(weights)[len(weights) // 2]
    weights[name].view(-1)[0] += 1
    save_file(weights, path, {"format": "pt"})


def test_one_changed_number_is_another_model(folder):
    before, state = folder_digest(str(folder)), state_of(str(folder))
    assert folder_digest(str(folder)) == before and state_of(str(folder)) == state
    change_one_number(folder)
    assert folder_digest(str(folder)) != before and state_of(str(folder)) != state


@pytest.mark.parametrize("name", ["chat_template.jinja", "merges.txt", "tokenizer.model", "modeling_own.py"])
def test_all_that_an_answer_depends_on_counts_and_reports_do_not(folder, name):
    before = folder_digest(str(folder))
    (folder / "report.html").write_text("a page")
    (folder / "curves.jsonl").write_text("{}\n")
    assert folder_digest(str(folder)) == before
    (folder / name).write_text("one")
    one = folder_digest(str(folder))
    (folder / name).write_text("two")
    assert len({before, one, folder_digest(str(folder))}) == 3


def test_an_adapter_names_all_that_it_builds_on(folder, tmp_path):
    for name, base in (("lower", folder), ("upper", tmp_path / "lower")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    before = state_of(str(tmp_path / "upper"))
    change_one_number(folder)
    assert state_of(str(tmp_path / "upper")) != before


def test_a_folder_that_was_trained_further_is_loaded_again(folder):
    first = shared_engine(str(folder), device="cpu")
    assert shared_engine(str(folder), device="cpu") is first
    assert shared_engine(str(folder), device="cpu", batch_size=2).loaded is first.loaded
    change_one_number(folder)
    second = shared_engine(str(folder), device="cpu")
    assert second.loaded.revision != first.loaded.revision
    os.utime(folder / "config.json")
    assert shared_engine(str(folder), device="cpu").loaded.revision == second.loaded.revision
