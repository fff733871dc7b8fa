"""Rollouts from a real vLLM server that is given new weights before each."""

from __future__ import annotations

import os
import subprocess
import sys

import openai
import pytest
import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM

from entmin.engine.loading import load
from entmin.errors import EntminError
from entmin.train.build import adapters
from entmin.train.vllm_rollouts import VllmRollouts
from entmin.train.weights import whole_weights
from tests import tiny
from tests.train.runs import config, curve, settings_of
from tests.vllm_settings import training_server

PROMPTS = [list(f"question {n}: ".encode()) for n in range(4)]
WHERE = {"rollouts": "vllm", "max_prompt_tokens": 200, "max_tokens": 12}


def model_in(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def moved(model, scale):
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * scale)
    return model


@torch.no_grad()
def greedy(model, prompt, tokens=12):
    out = list(prompt)
    for _ in range(tokens):
        out.append(int(model(torch.tensor([out])).logits[0, -1].argmax()))
        if out[-1] == 1:
            break
    return out[len(prompt) :]


@torch.no_grad()
def rounded(model):
    """The same model with the weights that are handed over."""
    for parameter in model.parameters():
        parameter.copy_(parameter.to(torch.bfloat16))
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "tiny", "llama-wide-heads", sharpness=12.0)


def test_weights_with_adapters_are_those_the_model_computes_with(folder, tmp_path):
    base = model_in(folder)
    names = dict(base.named_parameters()).keys()
    adapted = moved(get_peft_model(base, adapters(config(folder, tmp_path, lora=True))), 0.05)
    found = dict(whole_weights(adapted))
    assert found.keys() == names
    merged = adapted.merge_and_unload()
    for name, weight in merged.named_parameters():
        assert torch.equal(found[name], weight.to(torch.bfloat16)), name


SHARDED = """
import sys, torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from transformers import AutoModelForCausalLM
from entmin.train.weights import whole_weights

mesh = init_device_mesh("cpu", (2,))
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
before = {name: parameter.detach().to(torch.bfloat16) for name, parameter in model.named_parameters()}
for layer in (*model.model.layers, model):
    fully_shard(layer, mesh=mesh)
assert next(model.parameters()).to_local().numel() < next(iter(before.values())).numel()
found = dict(whole_weights(model))
assert found.keys() == before.keys() and all(torch.equal(found[name], before[name]) for name in before)
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_sharded_weights_are_put_together(folder, tmp_path):
    script = tmp_path / "sharded.py"
    script.write_text(SHARDED)
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script, folder]
    done = subprocess.run(
        run, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_without_a_server_nothing_is_begun(entmin_here, folder):
    out = entmin_here.folder / "out"
    done = entmin_here(
        "train", "em-rl", folder, "--output", out, "--max-steps", "1", "--vllm-url", "http://127.0.0.1:9",
        *settings_of(**WHERE, batch_size=4), code=1,
    )  # fmt: skip
    assert "no server answers at http://127.0.0.1:9" in done.stderr
    assert "VLLM_SERVER_DEV_MODE=1 vllm serve" in done.stderr
    assert not out.exists()


@pytest.fixture(scope="module")
def url(folder):
    with training_server(folder) as found:
        yield found


def served(url, prompt, tokens=12):
    with openai.OpenAI(base_url=url, api_key=os.environ["ENTMIN_API_KEY"]) as client:
        (first,) = client.models.list()
        answer = client.completions.create(
            model=first.id, prompt=prompt, max_tokens=tokens, temperature=0, extra_body={"return_token_ids": True}
        )
    return answer.choices[0].token_ids


@pytest.mark.vllm
@pytest.mark.timeout(900)
class TestOnVllm:
    def rollouts(self, url, folder, tmp_path, **changes):
        settings = config(folder, tmp_path / "out", "em-rl", **{**WHERE, **changes}, vllm_url=url)
        return VllmRollouts(load(str(folder), device="cpu", dtype="float32"), settings)

    @pytest.mark.parametrize("lora", [False, True])
    def test_the_server_answers_with_the_weights_it_was_given(self, url, folder, tmp_path, lora):
        rollouts = self.rollouts(url, folder, tmp_path, lora=lora)
        for scale in (0.02, 0.05):
            model = model_in(folder)
            if lora:
                model = moved(get_peft_model(model, adapters(config(folder, tmp_path, lora=True))), scale)
            else:
                moved(model, scale)
            rollouts.load(model)
            here = rounded(model.merge_and_unload() if lora else model)
            assert [served(url, prompt) for prompt in PROMPTS] == [greedy(here, prompt) for prompt in PROMPTS]
            assert greedy(here, PROMPTS[0]) != greedy(model_in(folder), PROMPTS[0])
        assert not list((tmp_path / "out").iterdir()), "weights handed over must not stay on the disk"

    def test_a_completion_depends_on_its_stream(self, url, folder, tmp_path):
        model, rollouts = model_in(folder), self.rollouts(url, folder, tmp_path)
        first = rollouts(model, [PROMPTS[0]] * 8, list(range(8)))
        again = rollouts(model, [PROMPTS[0]] * 8, [7, 6, 5, 4, 3, 2, 1, 0])
        assert first == again[::-1]
        assert len({tuple(tokens) for tokens in first}) > 1
        for tokens in first:
            assert len(tokens) == 12 or tokens[-1] == 1
            assert 1 not in tokens[:-1]

    def test_a_run_samples_with_the_weights_of_each_step(self, entmin_here, url, folder):
        out = entmin_here.folder / "out"
        entmin_here(
            "train", "em-rl", folder, "--output", out, "--max-steps", "3", "--vllm-url", url,
            *settings_of(**WHERE, batch_size=4, micro_batch=4, learning_rate=1e-2, precision="fp32", device="cpu",
                         watch="off", save_every=1, report=[], data_options={"size": 40}),
        )  # fmt: skip
        rows = curve(out, "entropy", "length", "reward")
        assert [row[0] for row in rows] == [1, 2, 3]
        assert rows[2][1] != rows[0][1]
        before_the_last = rounded(model_in(out / "checkpoint-2"))
        assert [served(url, prompt) for prompt in PROMPTS] == [greedy(before_the_last, prompt) for prompt in PROMPTS]

    def test_two_processes_hand_over_one_model(self, entmin, url, folder):
        out = entmin.folder / "out"
        settings = settings_of(
            **WHERE, batch_size=4, micro_batch=4, learning_rate=1e-2, precision="fp32", device="cpu", watch="off",
            save_every=1, report=[], data_options={"size": 40}, vllm_url=url,
        )  # fmt: skip
        launch = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]
        done = subprocess.run(
            [sys.executable, "-m", *launch, "-m", "entmin", "train", "em-rl", folder, "--output", out,
             "--max-steps", "2", *settings],
            cwd=entmin.folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=400,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-5000:]
        assert [row[0] for row in curve(out)] == [1, 2]
        before_the_last = rounded(model_in(out / "checkpoint-1"))
        assert [served(url, prompt) for prompt in PROMPTS] == [greedy(before_the_last, prompt) for prompt in PROMPTS]

    def test_a_server_that_cannot_be_used_says_why(self, url, folder, tmp_path):
        with pytest.raises(EntminError, match=r"serves a context of 256 tokens; .* take up to 1001"):
            self.rollouts(url, folder, tmp_path, max_prompt_tokens=1001 - 12)
        (tmp_path / "file").touch()
        with pytest.raises(EntminError, match=r"cannot write weights for vLLM under .*file: .* vllm_weights"):
            self.rollouts(url, folder, tmp_path, vllm_weights=str(tmp_path / "file")).load(model_in(folder))
        other = tiny.save(tmp_path / "other", "llama")
        rollouts = self.rollouts(url, folder, tmp_path)
        with pytest.raises(EntminError, match=r"could not load the weights in .* it must serve the model"):
            rollouts.load(model_in(other))
