"""`--engine vllm`: a real vLLM server, started by the command and gone after it."""

import json
import subprocess

import pytest

pytest.importorskip("vllm")

from inspect_ai.log import list_eval_logs, read_eval_log
from tests import tiny
from tests.vllm_settings import ENVIRONMENT
from transformers import AutoTokenizer

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]


def test_methods_and_strategies_run_on_a_vllm_server_started_for_them(entmin, tmp_path):
    model = tiny.save(tmp_path / "wide", "llama-wide-heads", sharpness=12.0, dtype="bfloat16")
    methods = "normal,em_inf,self_consistency:vote=logprob:n=2,em_inf+self_refinement:n=2"
    entmin.environment |= ENVIRONMENT
    running = entmin.start(
        "compare", model, "--engine", "vllm", "--dtype", "bfloat16", "--limit", "3", "--max-tokens", "8", "--quiet",
        "--vllm-args", "--enforce-eager --max-model-len 512 --max-num-seqs 8", "--methods", methods,
    )  # fmt: skip
    shown, errors = running.communicate(timeout=500)
    assert running.returncode == 0, errors
    assert "em_inf+self_refinement:n=2" in shown
    (path,) = (entmin.folder / "results").glob("*/em_inf+self_refinement/*/summary.json")
    summary = json.loads(path.read_text())
    (server,) = summary["engines"][0]["servers"]
    assert server["kind"] == "vllm"
    assert server["version"]
    assert server["knows_methods"]
    assert str(server["url"].rsplit(":")[-1]) not in json.dumps(summary["settings"])
    tokenizer = AutoTokenizer.from_pretrained(model)
    (log,) = list_eval_logs(str(path.parent / "logs"))
    for sample in read_eval_log(log).samples:
        first, second = (event for event in sample.events if event.event == "model")
        turns = [{"role": "user", "content": sample.input if isinstance(sample.input, str) else sample.input[0].text}]
        question = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        assert first.output.metadata["prompt"] == question
        assert second.output.metadata["prompt"] == f"{question}{first.output.completion}\n\n{question}"
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(model) not in listed, "the server outlived the command"
