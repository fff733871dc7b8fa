"""Chat templates in training: what is trained on and sampled from is what the template makes of the question."""

from __future__ import annotations

import pytest

pytest.importorskip("trl")

from datasets import Dataset
from tokenizers.processors import TemplateProcessing

from entmin.engine.loading import load
from entmin.engine.prompts import encode_chat
from entmin.errors import UsageError
from entmin.train.config import TrainConfig
from entmin.train.prompts import answered, held_out_rows, in_order, rows_to_train_on, training_prompts
from entmin.train.rollouts import Rollouts
from entmin.train.session import train
from tests import templates, tiny
from tests.train.runs import config, trainer_for

NOT_THINKING = {"enable_thinking": False}


def model(folder, template):
    tiny.save(folder, sharpness=12.0)
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = template
    (folder / "chat_template.jinja").unlink()
    tokenizer.save_pretrained(folder)
    return folder


def prompts_of(settings, rows):
    loaded = load(settings.model, device="cpu")
    return [encode_chat(loaded, turns, settings.chat_template_kwargs) for turns in rows["prompt"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "template", "switches"),
    [
        ("em-ft", templates.PARTS, {}),
        ("em-ft", templates.QWEN3, NOT_THINKING),
        ("rloo", templates.HARMONY, {"reasoning_effort": "low"}),
    ],
    ids=["parts", "not thinking", "effort"],
)
def test_samples_come_from_the_templates_prompts(tmp_path, monkeypatch, method, template, switches):
    drawn: list[list[int]] = []
    draw = Rollouts.draw

    def noted(self, model, prompts, *args, **options):
        drawn.extend(prompts)
        return draw(self, model, prompts, *args, **options)

    monkeypatch.setattr(Rollouts, "draw", noted)
    settings = config(
        model(tmp_path / "m", template), tmp_path / "out", method, chat_template_kwargs=switches, max_steps=1,
        eval_every=1, eval_limit=2, eval_samples=1,
    )  # fmt: skip
    rows, problems = rows_to_train_on(settings), held_out_rows(settings)
    expected, evaluated = prompts_of(settings, rows), prompts_of(settings, problems)
    train(settings)
    seen = {tuple(ids) for ids in drawn}
    assert {tuple(ids) for ids in evaluated} <= seen <= {tuple(ids) for ids in expected + evaluated}
    assert len(seen) > len(evaluated)


@pytest.mark.parametrize("template", [templates.PARTS, templates.CHATML, templates.GEMMA])
def test_sft_learns_the_answer_to_the_question_as_the_template_writes_them(tmp_path, template):
    settings = config(model(tmp_path / "m", template), tmp_path / "out", "sft")
    trainer = trainer_for(settings)
    tokenizer = trainer.processing_class
    source = rows_to_train_on(settings)
    rows = {tuple(ids): answer for ids, answer in zip(prompts_of(settings, source), source["answer"], strict=True)}
    for row in list(trainer.train_dataset)[:4]:
        pairs = list(zip(row["input_ids"], row["labels"], strict=True))
        prompt = tuple(one for one, learnt in pairs if learnt == -100)
        answer = [one for one, learnt in pairs if learnt != -100]
        assert tokenizer.decode(answer).startswith(rows[prompt])


PROCESSORS = {"nothing": "$A", "begins": "<pad> $A", "ends": "$A <eos>", "both": "<pad> $A <eos>"}


def plain(folder, around):
    """A model without chat template whose tokenizer puts tokens around texts."""
    model(folder, None)
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = None
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=around, special_tokens=[("<pad>", 0), ("<eos>", 1)]
    )
    tokenizer.bos_token = "<pad>"
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("around", PROCESSORS.values(), ids=PROCESSORS)
@pytest.mark.parametrize("method", ["sft", "em-ft"])
def test_plain_prompts_are_read_alike_whatever_a_tokenizer_puts_around_texts(tmp_path, method, around):
    settings = config(plain(tmp_path / "m", around), tmp_path / "out", method)
    trainer = trainer_for(settings)
    question = rows_to_train_on(settings)[0]["prompt"][0]["content"]
    begin = [0] if around.startswith("<pad>") else []
    expected = begin + tiny.tokenizer()(question + "\n", add_special_tokens=False)["input_ids"]
    if method == "em-ft":
        assert trainer._tokenize_prompts([f"{question}\n"])[0] == [expected]
        return
    rows = {tuple(one for one, learnt in zip(row["input_ids"], row["labels"], strict=True) if learnt == -100):
            [one for one in row["labels"] if one != -100] for row in trainer.train_dataset}  # fmt: skip
    assert all(row.count(0) == len(begin) and 1 not in row for row in map(list, rows))
    assert all(answer[-1] == 1 and answer.count(1) == 1 for answer in rows.values())


def test_sft_rows_are_those_that_trl_makes(tmp_path):
    """Where TRL reads prompts rightly, we read them as it does."""
    from trl import SFTConfig, SFTTrainer

    for template in (templates.CHATML, None):
        folder = model(tmp_path / str(bool(template)), template) if template else plain(tmp_path / "p", "<pad> $A")
        settings = config(folder, tmp_path / "out", "sft")
        trainer, loaded = trainer_for(settings), load(str(folder), device="cpu")
        loaded.tokenizer.pad_token = loaded.tokenizer.pad_token or "<pad>"
        source = rows_to_train_on(settings)
        prompts = training_prompts(settings, source, loaded.tokenizer).rows
        rows = in_order(prompts, 2 * settings.batch_size, settings.seed)
        texts = [
            {
                "prompt": row["prompt"],
                "completion": answered(row["prompt"], row["answer"]) if template else row["answer"],
            }
            for row in rows
        ]
        arguments = SFTConfig(output_dir=str(tmp_path / "trl"), max_length=None, completion_only_loss=True,
                              report_to="none", use_cpu=True, bf16=False)  # fmt: skip
        theirs = SFTTrainer(
            model=loaded.model,
            args=arguments,
            train_dataset=Dataset.from_list(texts),
            processing_class=loaded.tokenizer,
        ).train_dataset
        assert list(trainer.train_dataset["input_ids"]) == list(theirs["input_ids"])
        assert list(trainer.train_dataset["labels"]) == list(theirs["labels"])


@pytest.mark.parametrize("method", ["sft", "em-ft"])
def test_the_date_in_prompts_of_a_run_is_the_same_on_every_day(tmp_path, method):
    trainer = trainer_for(config(model(tmp_path / "m", templates.DATED), tmp_path / "out", method))
    ids = (
        trainer.train_dataset[0].get("input_ids")
        or trainer._tokenize_prompts([trainer.train_dataset[0]["prompt"]])[0][0]
    )
    assert tiny.tokenizer().decode(ids).startswith("Today Date: 26 Jul 2024\n")


def test_sft_passes_switches_on(tmp_path):
    template = templates.HARMONY
    settings = config(
        model(tmp_path / "m", template), tmp_path / "out", "sft", chat_template_kwargs={"reasoning_effort": "low"}
    )
    row = next(iter(trainer_for(settings).train_dataset))
    assert "Reasoning: low" in tiny.tokenizer().decode(row["input_ids"])


@pytest.mark.parametrize(
    ("template", "switches", "message"),
    [
        (templates.QWEN3, {"enable_thinkin": False}, "did you mean 'enable_thinking'"),
        (templates.TWICE, {}, "writes the user turn 2 times.*prompt_format=plain"),
        (templates.UNOPENED, {}, "does not begin the answer"),
        (templates.FAILING["ZeroDivisionError"], {}, "ZeroDivisionError.*prompt_format=plain"),
        (None, NOT_THINKING, "leave out chat_template_kwargs"),
    ],
)
def test_what_the_template_does_otherwise_is_refused_before_the_first_step(tmp_path, template, switches, message):
    settings = config(model(tmp_path / "m", template), tmp_path / "out", chat_template_kwargs=switches)
    with pytest.raises(UsageError, match=message):
        train(settings)
    assert not (tmp_path / "out").exists()


def test_the_setting_is_a_json_object_on_the_command_line():
    from entmin.train.reading import parse_settings

    given = parse_settings(['chat_template_kwargs={"enable_thinking": false}'])
    assert TrainConfig(method="em-ft", model="m", output="o", **given).chat_template_kwargs == NOT_THINKING
