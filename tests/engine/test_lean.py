"""transformers without what decoding does not need: the same answers, and nobody else is in the way."""

import json
import subprocess
import sys

import pytest
from tests import tiny

from entmin.engine import lean

HEAVY = ["accelerate", "scipy.optimize", "sympy", "torch._dynamo", "torch.distributed.tensor", "torchvision"]
"""What transformers imports with its models where it is there, each for a fifth of a second or more."""
ASK = ("--mode", "em_inf@0.8", "--max-tokens", "24", "--seed", "3", "--dtype", "float32")


def run(code, *args):
    done = subprocess.run([sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_answer_is_the_one_of_transformers_imported_whole(entmin, tiny_llama):
    asked = ("ask", tiny_llama, "What is 3 + 4?", "--json", *ASK)
    quick = entmin(*asked)
    usual = entmin(*asked, before="import transformers.models.auto.modeling_auto, accelerate")
    assert json.loads(quick.stdout) == json.loads(usual.stdout)
    assert len(json.loads(quick.stdout)["answers"][0]["tokens"]) > 3


@pytest.mark.slow
def test_an_answer_needs_no_heavy_module(tiny_llama):
    code = f"""
import sys
from entmin.cli import main
try:
    main(["ask", sys.argv[1], "What is 3 + 4?", "--max-tokens", "8"])
except SystemExit as end:
    assert end.code in (None, 0)
assert "torch" in sys.modules
print([name for name in {HEAVY} if name in sys.modules])
"""
    assert run(code, tiny_llama).splitlines()[-1] == "[]"


@pytest.mark.slow
def test_what_was_left_out_can_be_imported_afterwards(tiny_llama):
    code = """
import sys, torch.distributed
from entmin.engine.lean import import_for_decoding
from importlib.metadata import packages_distributions, version
whole, is_available = packages_distributions(), torch.distributed.is_available
assert import_for_decoding(sys.argv[1]) and not import_for_decoding(sys.argv[1])
assert "torch._dynamo" not in sys.modules and packages_distributions() == whole
assert torch.distributed.is_available is is_available
import torch._dynamo.config, accelerate, scipy.optimize, transformers, transformers.models
from transformers.utils.import_utils import PACKAGE_DISTRIBUTION_MAPPING as found
assert transformers.__version__ == version("transformers") and callable(torch._dynamo.optimize)
assert all(sorted(found[name]) == sorted(set(whole[name])) for name in ("torch", "PIL", "yaml", "numpy"))
from transformers import LlamaForCausalLM, pipeline
from transformers.models.llama.modeling_llama import LlamaForCausalLM as same
assert LlamaForCausalLM is same and transformers.models.llama.LlamaConfig
from transformers.masking_utils import TransformGetItemToIndex
with TransformGetItemToIndex():
    pass
"""
    run(code, tiny_llama)


@pytest.mark.slow
def test_a_transformers_that_cannot_be_imported_so_is_imported_as_ever(tiny_llama):
    code = """
import sys
from entmin.engine import lean
lean._NEEDED = (*lean._NEEDED, "transformers.models.nowhere")
assert not lean.import_for_decoding(sys.argv[1])
assert not [name for name in sys.modules if name.partition(".")[0] in ("transformers", "accelerate")]
from entmin.engine.loading import load
assert load(sys.argv[1]).decoding == "padded" and "accelerate" in sys.modules
"""
    run(code, tiny_llama)


@pytest.mark.parametrize("change", ["quantized", "adapter", "nowhere", "damaged"])
def test_other_models_have_all_of_transformers(change, tmp_path):
    folder = tiny.save(tmp_path / "model")
    settings = json.loads((folder / "config.json").read_text())
    assert lean._is_plain(str(folder))
    if change == "quantized":
        (folder / "config.json").write_text(json.dumps(settings | {"quantization_config": {"quant_method": "gptq"}}))
    elif change == "adapter":
        (folder / "adapter_config.json").write_text("{}")
    elif change == "nowhere":
        folder = tmp_path / "nowhere"
    else:
        (folder / "config.json").write_text("[]")
    assert not lean._is_plain(str(folder))


@pytest.mark.slow
def test_an_evaluation_is_the_one_of_transformers_imported_whole(entmin, tiny_llama):
    asked = ("eval", tiny_llama, "--limit", "4", "--max-tokens", "12", "--mode", "em_inf@0.8", "--quiet", "--json")
    told = "import atexit, sys; atexit.register(lambda: print('accelerate' in sys.modules, file=sys.stderr))\n"
    quick = entmin(*asked, "--dtype", "float32", "--results", "quick", before=told)
    whole = told + "import transformers.models.auto.modeling_auto"
    usual = entmin(*asked, "--dtype", "float32", "--results", "usual", before=whole)
    assert quick.stderr.endswith("False\n") and usual.stderr.endswith("True\n")
    [ours], [theirs] = json.loads(quick.stdout), json.loads(usual.stdout)
    for part in ("settings", "results", "generated_tokens"):
        assert ours[part] == theirs[part]


def test_a_process_that_says_nothing_imports_all_of_transformers(tiny_llama):
    code = """
import sys
from entmin.engine.lean import opening
with opening(sys.argv[1]):
    from entmin.engine.loading import load
load(sys.argv[1])
assert "accelerate" in sys.modules
"""
    run(code, tiny_llama)
