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


def test_a_vllm_server_that_cannot_start_is_one_message(entmin, tmp_path):
    model = tiny.save(tmp_path / "wide", "llama-wide-heads", dtype="bfloat16")
    done = entmin(
        "eval", model, "--engine", "vllm", "--vllm-args", "--no-such-option", "--quiet", code=1, **ENVIRONMENT
    )
    assert "vLLM did not start" in done.stderr
    assert "no-such-option" in done.stderr
    assert "Traceback" not in done.stderr


def test_more_seeded_prompt_tokens_than_the_budget_and_a_server_that_dies_is_told_in_its_own_words(entmin, tmp_path):
    """A seeded prompt that vLLM's CPU build reads in pieces kills its engine; we let it read whole prompts."""
    model = tiny.save(tmp_path / "wide", "llama-wide-heads", sharpness=12.0, dtype="bfloat16")
    rows = [{"question": f"{i} " + "and one more " * 12, "answer": "1"} for i in range(24)]
    (entmin.folder / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    entmin.environment |= ENVIRONMENT
    options = (
        "--engine", "vllm", "--dtype", "bfloat16", "--task", "long.jsonl", "--judge", "math", "--max-tokens", "4",
        "--mode", "em_inf", "--quiet", "--vllm-args",
    )  # fmt: skip
    small = "--enforce-eager --max-model-len 512 --max-num-seqs 16 --max-num-batched-tokens 512"
    entmin("eval", model, *options, small)
    done = entmin("eval", model, *options, f"{small} --enable-chunked-prefill", "--results", "pieces", code=1)
    assert "the vLLM server started here ended" in done.stderr, done.stderr
    assert "its log is" in done.stderr and "Traceback" not in done.stderr
