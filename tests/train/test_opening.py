"""What a run reads is what it says, and what would be silently wrong is refused or mended before the first step."""

from __future__ import annotations

import json
import math

import pytest
import torch

pytest.importorskip("trl")

from transformers import AutoModelForCausalLM, DeepseekV3Config, Gemma3Config, GPT2Config, LlamaConfig, OPTConfig

from entmin.engine.loading import load
from entmin.errors import EntminError, UsageError
from entmin.jsonl import read_rows
from entmin.train.config import TrainConfig
from entmin.train.data import load_prompts
from entmin.train.data.report import PromptReport
from entmin.train.dropout import require_no_noise, switch_off
from entmin.train.opening import held_out_facts, opening
from entmin.train.policy import Twin, load_policy, place_for
from entmin.train.prompts import held_out_rows, rows_to_train_on, training_prompts, without
from entmin.train.session import train
from entmin.train.trial import try_saving
from entmin.train.vllm_rollouts import whole_weights
from tests import tiny
from tests.train.runs import config


def save(folder, settings):
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(settings).float().save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def logits(folder):
    loaded = load(str(folder), device="cpu", dtype="float32")
    return loaded.model(input_ids=torch.arange(10)[None]).logits


@pytest.mark.slow
def test_adapters_on_adapters_keep_the_first(tiny_llama, tmp_path):
    options = {"lora": True, "lora_rank": 2}
    train(config(tiny_llama, tmp_path / "a", "sft", **options, max_steps=2, learning_rate=5e-2))
    train(config(tmp_path / "a", tmp_path / "b", "sft", **options, max_steps=1, learning_rate=1e-8))
    first, second = logits(tmp_path / "a"), logits(tmp_path / "b")
    assert (first - logits(tiny_llama)).abs().max() > 0.05
    assert (first - second).abs().max() < 1e-3
    (tmp_path / "b").rename(tmp_path / "moved")
    assert torch.equal(logits(tmp_path / "moved"), second)
    with pytest.raises(UsageError, match="leave out --push-to-hub"):
        train(config(tmp_path / "a", tmp_path / "c", "sft", **options, push_to_hub="me/model"))


def test_an_adapter_whose_base_is_an_adapter_is_loaded_on_both(tiny_llama, tmp_path):
    train(config(tiny_llama, tmp_path / "a", "sft", lora=True, lora_rank=2, max_steps=2, learning_rate=5e-2))
    (tmp_path / "b").mkdir()
    for file in (tmp_path / "a").glob("adapter*"):
        (tmp_path / "b" / file.name).write_bytes(file.read_bytes())
    settings = json.loads((tmp_path / "b/adapter_config.json").read_text())
    settings["base_model_name_or_path"] = str(tmp_path / "a")
    (tmp_path / "b/adapter_config.json").write_text(json.dumps(settings))
    base, once, twice = (logits(folder) for folder in (tiny_llama, tmp_path / "a", tmp_path / "b"))
    assert (once - base).abs().max() > 0.05 and (twice - once).abs().max() > 0.05


@pytest.mark.slow
def test_the_reference_of_a_run_on_an_adapter_is_that_adapter(tiny_llama, tmp_path):
    train(config(tiny_llama, tmp_path / "a", "sft", lora=True, lora_rank=2, max_steps=2, learning_rate=5e-2))
    train(config(tmp_path / "a", tmp_path / "b", "em-rl", n=2, kl=0.1, max_steps=1))
    assert read_rows(tmp_path / "b/curves.jsonl")[0]["kl"] == pytest.approx(0, abs=1e-6)


SMALL = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 258, "eos_token_id": 1}


@pytest.mark.parametrize(
    "settings",
    [
        OPTConfig(**SMALL, ffn_dim=64, word_embed_proj_dim=32, dropout=0.3, attention_dropout=0.2, bos_token_id=1),
        LlamaConfig(**tiny.SMALL, attention_dropout=0.4),
        GPT2Config(vocab_size=258, n_embd=32, n_layer=2, n_head=4, attn_pdrop=0.2, embd_pdrop=0.2, resid_pdrop=0.2),
    ],
    ids=lambda settings: settings.model_type,
)
def test_dropout_of_every_form_is_found_and_switched_off(settings):
    model = AutoModelForCausalLM.from_config(settings).float()
    with pytest.raises(UsageError, match="something else in training mode"):
        require_no_noise(model)
    assert switch_off(model)
    ids = torch.arange(10)[None]
    assert torch.equal(model.train()(input_ids=ids).logits, model.eval()(input_ids=ids).logits)


def test_buffers_reach_whatever_draws_samples(tmp_path):
    settings = DeepseekV3Config(
        **tiny.SMALL | {"num_key_value_heads": 4}, moe_intermediate_size=16, n_routed_experts=4, num_experts_per_tok=2,
        n_group=1, topk_group=1, first_k_dense_replace=0, q_lora_rank=8, kv_lora_rank=8, qk_rope_head_dim=8,
        qk_nope_head_dim=8, v_head_dim=8,
    )  # fmt: skip
    loaded = load(str(save(tmp_path / "m", settings)), device="cpu", dtype="float32")
    name = next(name for name, _ in loaded.model.named_buffers() if name.endswith("e_score_correction_bias"))
    loaded.model.get_buffer(name).copy_(torch.tensor([0.1234567, -1.0, 2.0, 3.0]))
    place = place_for(TrainConfig(method="em-ft", model="m", device="cpu", precision="bf16"))
    twin = Twin(loaded, place).of(loaded.model)
    assert torch.equal(twin.model.get_buffer(name), loaded.model.get_buffer(name))
    assert torch.equal(dict(whole_weights(loaded.model))[name], loaded.model.get_buffer(name))


def test_what_an_instruction_is_about_belongs_to_the_prompt(tmp_path):
    rows = [{"instruction": "Name it.", "input": f"thing {i}", "output": f"It is {i}."} for i in range(19)]
    read = load_prompts(lines(tmp_path / "a.jsonl", rows))
    assert [row["prompt"][0]["content"] for row in read] == [f"Name it.\n\nthing {i}" for i in range(19)]
    assert read["solution"] == [row["output"] for row in rows]
    dolly = load_prompts(lines(tmp_path / "b.jsonl", [{"instruction": "Who?", "context": "Ann.", "response": "Ann"}]))
    assert dolly["prompt"][0][0]["content"] == "Who?\n\nAnn."


def test_shared_conversations_and_worked_solutions_are_read(tmp_path):
    turns = [{"from": "human", "value": "Two and two?"}, {"from": "gpt", "value": "2 + 2 = 4\n#### 4"}]
    (row,) = load_prompts(lines(tmp_path / "a.jsonl", [{"conversations": turns}]))
    assert row["prompt"] == [{"role": "user", "content": "Two and two?"}]
    assert (row["solution"], row["answer"]) == ("2 + 2 = 4\n#### 4", "4")
    (row,) = load_prompts(lines(tmp_path / "b.jsonl", [{"question": "q", "answer": "3 * 5 = 15\n#### 15"}]))
    assert (row["solution"], row["answer"]) == ("3 * 5 = 15\n#### 15", "15")


def test_repeated_ids_stay_problems_of_their_own(tmp_path):
    rows = [{"question": f"{i}?", "answer": str(i), "id": "x"} for i in range(8)]
    assert load_prompts(lines(tmp_path / "a.jsonl", rows))["id"] == ["x", *(f"x#{k}" for k in range(2, 9))]


def of_file(path, out="out", method="em-ft", **more):
    return config("m", out, method, data=path, data_options={}, decontaminate=(), eval_every=1, **more)


def test_a_file_is_never_trained_and_evaluated_on_the_same_rows(tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"question": f"What is {i}?", "answer": str(i)} for i in range(40)])
    settings = of_file(path)
    trained, held_out = rows_to_train_on(settings), held_out_rows(settings)
    assert (len(trained), len(held_out)) == (36, 4)
    assert not set(trained["id"]) & set(held_out["id"])
    assert set(held_out["id"]) == set(held_out_rows(of_file(path, seed=5))["id"])
    other = lines(tmp_path / "b.jsonl", [{"question": f"what is  {i}?", "answer": str(i)} for i in range(5)])
    settings = of_file(path, eval_data=other)
    kept, dropped = without(rows_to_train_on(settings), held_out_rows(settings))
    assert (len(kept), dropped) == (35, 5)
    settings = of_file(path, eval_data=path)
    with pytest.raises(UsageError, match="all 40 prompts to train on are held-out problems too"):
        without(rows_to_train_on(settings), held_out_rows(settings))


def test_evaluation_data_has_columns_and_options_of_its_own(tmp_path):
    path = lines(tmp_path / "a.jsonl", [{"text": f"What is {i}?", "label": str(i)} for i in range(4)])
    other = lines(tmp_path / "b.jsonl", [{"question": "Which?", "answer": "1"}])
    rows = held_out_rows(of_file(path, prompt_column="text", answer_column="label", eval_data=other))
    assert rows["prompt"][0][0]["content"] == "Which?"
    mixed = config("m", "out", eval_every=1, eval_data=other, data_options={"digits": 1})
    assert len(held_out_rows(mixed)) == 1


def test_a_run_says_and_keeps_what_it_read(tiny_llama, tmp_path, capsys):
    rows = [{"prompt": f"Say {i}", "answer": None if i < 2 else str(i), "level": 3} for i in range(20)]
    rows += [rows[3], {"prompt": "", "answer": "1", "level": 3}, {"prompt": "x" * 500, "answer": "1", "level": 3}]
    path = lines(tmp_path / "a.jsonl", rows)
    train(config(tiny_llama, tmp_path / "out", data=path, data_options={}, decontaminate=(), max_steps=1))
    said = capsys.readouterr().err
    assert "20 prompts (prompt from 'prompt', answer from 'answer'; not read: 'level')" in said
    assert "2 none" in said and "18 math" in said and "left out: 1 repeated prompts" in said
    assert "left out: 1 prompts that with answers of 6 tokens exceed the model's context of 512 tokens" in said
    read = json.loads((tmp_path / "out/run.json").read_text())["read"]
    assert (read["columns_not_read"], read["answers"]) == (["level"], {"none": 2, "math": 18})
    lines(tmp_path / "a.jsonl", rows[5:])
    with pytest.raises(UsageError, match="was started on other prompts"):
        train(
            config(tiny_llama, tmp_path / "out", data=path, data_options={}, decontaminate=(), max_steps=2), resume=True
        )


@pytest.mark.parametrize("method", ["sft", "em-ft"])
def test_weights_that_are_no_numbers_end_a_run_and_are_not_saved(tiny_llama, tmp_path, method):
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    model.lm_head.weight.data[7] = math.nan
    model.save_pretrained(tmp_path / "m")
    tiny.tokenizer().save_pretrained(tmp_path / "m")
    with pytest.raises(EntminError, match=r"not finite|NaN"):
        train(config(tmp_path / "m", tmp_path / "out", method, max_steps=2))
    assert not list((tmp_path / "out").glob("*.safetensors"))
    for line in (tmp_path / "out/curves.jsonl").read_text().splitlines() if method == "sft" else ():
        assert json.loads(line, parse_constant=pytest.fail)["loss"] is None


def test_a_generation_config_that_cannot_be_saved_is_told_before_the_first_step(tiny_llama, tmp_path):
    loaded = load(str(tiny_llama), device="cpu", dtype="float32")
    loaded.model.generation_config.do_sample, loaded.model.generation_config.temperature = False, 0.6
    assert try_saving(loaded, tmp_path / "out", adapters=False) == [
        "temperature of the generation config, which says greedy"
    ]
    loaded.model.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "out").exists() and {path.name for path in tmp_path.iterdir()} == {"saved"}


def test_a_refusal_leaves_nothing_that_blocks_the_corrected_command(tiny_llama, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        train(config(tiny_llama, tmp_path / "file"))
    with pytest.raises(UsageError, match=r"trainer refuses|target"):
        train(config(tiny_llama, tmp_path / "out", lora=True, lora_targets="nowhere", max_steps=1))
    train(config(tiny_llama, tmp_path / "out", max_steps=1))
    assert (tmp_path / "out/model.safetensors").exists()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('no system turns') }}", "chat template refuses these messages .*no system turns"),
        (tiny.TEMPLATE.replace("m.content", "m.content.split('</think>')[-1]"), "does not keep solutions as they are"),
    ],
)
def test_templates_are_blamed_for_what_they_do(tmp_path, template, message):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = template
    rows = [{"prompt": "Why?", "solution": "<think>Because.</think>So."}]
    settings = config("m", "out", "sft", data=lines(tmp_path / "a.jsonl", rows), data_options={}, decontaminate=())
    with pytest.raises(UsageError, match=message):
        training_prompts(settings, rows_to_train_on(settings), tokenizer)


@pytest.mark.slow
def test_a_failing_reward_is_named(tiny_llama, tmp_path, monkeypatch):
    from entmin.train import rewards

    monkeypatch.setattr(rewards, "_REWARDS", dict(rewards._REWARDS))
    rewards.register_reward("broken", "fails")(lambda drawn, settings: 1 / 0)
    rewards.register_reward("nan", "no number")(lambda drawn, settings: torch.full((8,), math.nan))
    for name, message in (
        ("broken", "'broken' failed .ZeroDivisionError"),
        ("nan", "'nan' must give 8 finite numbers"),
    ):
        with pytest.raises(EntminError, match=message):
            train(config(tiny_llama, tmp_path / name, "em-rl", reward=name, n=2, max_steps=1, kl=0.0))


@pytest.mark.parametrize("method", ["rloo", "grpo", "sft"])
def test_rows_without_an_answer_are_left_out_and_counted(tiny_llama, tmp_path, method):
    rows = [{"prompt": f"What is {i}?", "answer": None if i == 0 else str(i)} for i in range(5)]
    path = lines(tmp_path / "data.jsonl", rows)
    options = {"data": path, "data_options": {}, "decontaminate": (), "eval_data": path, "eval_every": 1}
    settings = config(tiny_llama, tmp_path / "out", method, **options)
    report, held_out = PromptReport("data"), PromptReport("data")
    assert sorted(rows_to_train_on(settings, report)["answer"]) == ["1", "2", "3", "4"]
    assert sorted(held_out_rows(settings, held_out)["answer"]) == ["1", "2", "3", "4"]
    found = opening(settings, report, rows_to_train_on(settings, report), {}, 1 << 40)
    assert "left out: 1 prompts without an answer that can be verified" in list(found.lines())
    assert held_out_facts("data", held_out, 4, {})["left_out"] == {"prompts without an answer that can be verified": 1}


def test_a_tokenizer_without_an_end_takes_the_models_and_without_both_is_refused(tmp_path):
    folder = tiny.save(tmp_path / "m")
    tokenizer = tiny.tokenizer()
    tokenizer.eos_token = tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    settings = config(folder, tmp_path / "out")
    assert load_policy(settings, place_for(settings)).tokenizer.eos_token == "<eos>"
    for name in ("config.json", "generation_config.json"):
        kept = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(kept | {"eos_token_id": None}))
    with pytest.raises(UsageError, match="names an end-of-sequence token"):
        load_policy(settings, place_for(settings))


def test_a_rate_that_only_an_inner_configuration_holds_is_switched_off():
    model = torch.nn.Linear(2, 2)
    model.config = Gemma3Config(text_config={"attention_dropout": 0.1})
    assert switch_off(model) == {"attention_dropout": 0.1}
    assert model.config.text_config.attention_dropout == 0
