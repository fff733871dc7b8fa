"""How a model decodes is found once, and again where anything is different."""

import json

import pytest
from tests import tiny

from entmin.engine import remembered
from entmin.engine.loading import load
from entmin.errors import EntminError


@pytest.fixture
def tried(monkeypatch, tmp_path):
    """The models that were tried; the smallest is worth keeping."""
    names, choose = [], remembered.choose_decoding
    monkeypatch.setenv("ENTMIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "WORTH", 0)
    monkeypatch.setattr(remembered, "choose_decoding", lambda loaded: (names.append(loaded.name), choose(loaded))[1])
    return names


def kept(tmp_path):
    return sorted((tmp_path / "cache").rglob("*.json"))


def test_the_same_model_is_tried_once(tried, tiny_llama, tmp_path):
    first, again = load(str(tiny_llama)), load(str(tiny_llama))
    assert len(tried) == 1
    assert (first.decoding, first.shares, first.slow) == (again.decoding, again.shares, again.slow)
    [file] = kept(tmp_path)
    assert json.loads(file.read_text()) == {"decoding": "padded", "shares": True, "reason": ""}


def test_a_reason_is_told_again_under_the_name_that_was_asked_for(tried, tmp_path):
    folder = tiny.save(tmp_path / "one")
    load(str(folder))
    [file] = kept(tmp_path)
    file.write_text(json.dumps({"decoding": "rowwise", "shares": False, "reason": "logits differ"}))
    other = folder.rename(tmp_path / "other")
    loaded = load(str(other))
    assert loaded.decoding == "rowwise" and not loaded.shares
    assert loaded.slow.startswith(f"{other} (") and "(logits differ)" in loaded.slow


@pytest.mark.parametrize("change", ["dtype", "weights", "torch", "engine"])
def test_another_one_is_tried(change, tried, tmp_path, monkeypatch):
    folder = tiny.save(tmp_path / "model")
    load(str(folder), dtype="float32")
    if change == "weights":
        tiny.save(folder, seed=5)
    elif change == "torch":
        monkeypatch.setattr(remembered, "version", lambda name: "1.0")
    elif change == "engine":
        monkeypatch.setattr(remembered, "_engine", lambda: "another")
    load(str(folder), dtype="bfloat16" if change == "dtype" else "float32")
    assert len(tried) == 2 and len(kept(tmp_path)) == 2


@pytest.mark.parametrize("content", ["", "[]", '{"decoding": "at will", "shares": true, "reason": ""}', "{}"])
def test_a_damaged_file_is_no_verdict(content, tried, tiny_llama, tmp_path):
    load(str(tiny_llama))
    [file] = kept(tmp_path)
    good = file.read_text()
    file.write_text(content)
    assert load(str(tiny_llama)).decoding == "padded"
    assert len(tried) == 2 and file.read_text() == good


def test_nothing_is_kept_of_a_model_that_is_refused(tried, tiny_llama, tmp_path, monkeypatch):
    def refuse(loaded):
        raise EntminError("it looks ahead")

    monkeypatch.setattr(remembered, "choose_decoding", refuse)
    with pytest.raises(EntminError, match="looks ahead"):
        load(str(tiny_llama))
    assert not kept(tmp_path)


def test_a_cache_that_cannot_be_written_is_no_error(tried, tiny_llama, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert load(str(tiny_llama)).decoding == "padded"
    load(str(tiny_llama))
    assert len(tried) == 2


def test_of_small_models_nothing_is_kept(tiny_llama, monkeypatch, tmp_path):
    monkeypatch.setenv("ENTMIN_CACHE", str(tmp_path / "cache"))
    load(str(tiny_llama))
    assert not kept(tmp_path)
