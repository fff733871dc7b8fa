"""`--engine vllm` with a server that cannot start, or dies: one message, in its own words."""

import json

import pytest

pytest.importorskip("vllm")

from tests import tiny
from tests.vllm_settings import ENVIRONMENT

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]


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
