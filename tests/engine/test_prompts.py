"""Chat templates of many families, in shape: the prompt holds what was said, once, and ends where the answer begins."""

from __future__ import annotations

import time

import pytest
from tests import templates, tiny
from tests.templates import CHATML, HARMONY, PARTS, QWEN3, R1, RIGHT
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from entmin.engine.encoding import encode_chat_text, encode_text
from entmin.engine.loading import load
from entmin.engine.prompts import CLOCK, HELD, PromptError, chat_text, encode_chat, held, switches_of, templated
from entmin.errors import UsageError

USER = [{"role": "user", "content": 'Why is 2 < 3?\n  Say it "plainly".'}]
SYSTEM = [{"role": "system", "content": "Be brief."}, *USER]
TALK = [*SYSTEM, {"role": "assistant", "content": "Because."}, {"role": "user", "content": "And 3 < 4?"}]


def with_template(template, **tokens):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = template
    for name, token in tokens.items():
        setattr(tokenizer, name, token)
    return tokenizer


@pytest.mark.parametrize("turns", [USER, SYSTEM, TALK], ids=["user", "system", "talk"])
@pytest.mark.parametrize("name", list(RIGHT))
def test_every_family_says_what_was_said_once(name, turns):
    tokenizer = with_template(RIGHT[name], bos_token="<eos>")
    if name == "gemma" and turns is not USER:
        with pytest.raises(PromptError, match=r"System role not supported.*send no system turn"):
            templated(tokenizer, turns)
        return
    text = templated(tokenizer, turns)
    assert all(text.count(turn["content"]) == 1 for turn in turns)
    assert text.index(turns[-1]["content"]) == max(text.index(turn["content"]) for turn in turns)


def test_a_template_that_reads_texts_gets_what_apply_chat_template_gives():
    for name in set(RIGHT) - {"parts", "first part", "gemma"}:
        tokenizer = with_template(RIGHT[name], bos_token="<eos>")
        assert templated(tokenizer, TALK) == tokenizer.apply_chat_template(
            TALK, add_generation_prompt=True, tokenize=False
        )


@pytest.mark.parametrize(
    ("template", "turns", "message"),
    [
        (templates.SKIPS_SYSTEM, SYSTEM, r"leaves out the system turn .*send no system turn"),
        (templates.PARTS_WITHOUT_SYSTEM, SYSTEM, r"no system\).*send no system turn"),
        (templates.TWICE, USER, "writes the user turn 2 times"),
        (templates.BACKWARDS, TALK, "another order"),
        (templates.UNOPENED, USER, r"does not begin the answer: it has '<.im_start.>assistant"),
        (templates.ENDED, USER, "ends a prompt with the end of sequence"),
        (templates.LAST_ONLY, TALK, r"leaves out the (system|user) turn"),
        (templates.SHORTENING, USER, "changes or leaves out"),
        (CHATML.replace("m.content }}", "m.content | replace('2', 'two') }}"), USER, "changes or leaves out"),
        (CHATML.replace("m.content", "m.text"), USER, "leaves out the user turn"),
        *((template, USER, name) for name, template in templates.FAILING.items()),
    ],
)
def test_a_template_that_writes_something_else_is_blamed(template, turns, message):
    with pytest.raises(PromptError, match=message) as caught:
        templated(with_template(template), turns)
    assert str(caught.value).startswith("the model's chat template") and "chat_template" in str(caught.value)


def test_thinking_in_earlier_answers_may_be_left_out():
    turns = [*USER, {"role": "assistant", "content": "<think>\nwell\n</think>\n\nBecause."}, USER[0]]
    for template in (QWEN3, R1, CHATML):
        assert "Because." in templated(with_template(template), turns)


def test_switches_reach_the_template_and_others_are_refused():
    qwen, harmony = with_template(QWEN3), with_template(HARMONY)
    assert templated(qwen, USER, {"enable_thinking": False}).endswith("<think>\n\n</think>\n\n")
    assert templated(qwen, USER, {"enable_thinking": True}) == templated(qwen, USER)
    assert "Reasoning: high" in templated(harmony, USER, {"reasoning_effort": "high"})
    with pytest.raises(PromptError, match=r"reads no 'enable_thinkin' .did you mean 'enable_thinking'"):
        templated(qwen, USER, {"enable_thinkin": False})
    with pytest.raises(PromptError, match="'tokenize' is set by entmin"):
        templated(qwen, USER, {"tokenize": True})


def test_models_with_several_templates():
    named = {"default": CHATML, "tool_use": "{{ raise_exception('tools') }}"}
    for several in (named, [{"name": name, "template": text} for name, text in named.items()], {"only": CHATML}):
        assert templated(with_template(several), USER) == templated(with_template(CHATML), USER)
    with pytest.raises(PromptError, match="'rag', 'tool_use' and none called 'default'"):
        templated(with_template({"rag": CHATML, "tool_use": CHATML}), USER)


def test_several_templates_come_from_a_folder(tmp_path):
    folder = tiny.save(tmp_path / "m")
    with_template({"default": CHATML, "rag": PARTS}).save_pretrained(folder)
    loaded = load(str(folder), device="cpu")
    assert isinstance(loaded.tokenizer.chat_template, dict)
    assert chat_text(loaded, USER) == templated(with_template(CHATML), USER)


def around(tokenizer, template):
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=template, special_tokens=[("<pad>", 0), ("<eos>", 1)]
    )
    return tokenizer


@pytest.fixture
def loaded(tiny_llama):
    return load(str(tiny_llama), device="cpu")


@pytest.mark.parametrize(("template", "before"), [("<pad> $A <eos>", 1), ("$A <eos>", 0), ("<pad> $A", 1), ("$A", 0)])
def test_what_a_tokenizer_puts_after_a_text_is_left_out(loaded, template, before):
    plain = list(loaded.tokenizer("one a two", add_special_tokens=False)["input_ids"])
    loaded.tokenizer = around(tiny.tokenizer(), template)
    assert encode_text(loaded.tokenizer, "one a two") == [0] * before + plain
    assert encode_text(loaded.tokenizer, "one a two<eos>") == [0] * before + plain + [1]
    loaded.tokenizer.chat_template = None
    assert encode_chat(loaded, USER)[-1] == loaded.tokenizer("\n", add_special_tokens=False)["input_ids"][0]


def test_a_text_that_begins_with_bos_gets_no_second_one(loaded):
    loaded.tokenizer = around(tiny.tokenizer(), "<pad> $A")
    assert encode_text(loaded.tokenizer, "<pad>one")[:2] == [0, 0]
    loaded.tokenizer.bos_token = "<pad>"
    assert encode_text(loaded.tokenizer, "<pad>one") == encode_text(loaded.tokenizer, "one")
    assert encode_text(loaded.tokenizer, "<pad><pad>one")[:3] == [0, 0, encode_text(loaded.tokenizer, "one")[1]]
    loaded.tokenizer = around(tiny.tokenizer(), "$A")
    loaded.tokenizer.bos_token = "<pad>"
    assert encode_text(loaded.tokenizer, "<pad><pad>one")[:2] == [0, 0]


@pytest.mark.parametrize("template", [templates.LLAMA3, templates.BEGINS_TWICE])
@pytest.mark.parametrize("adds", ["<pad> $A", "<pad> $A <eos>", "$A"])
def test_a_chat_begins_once_whoever_writes_the_beginning(loaded, template, adds):
    loaded.tokenizer = around(with_template(template), adds)
    loaded.tokenizer.bos_token = "<pad>"
    ids = encode_chat(loaded, USER)
    assert (ids[:1], ids.count(0), 1 in ids) == ([0], 1, False)


def test_a_tokenizer_that_adds_the_beginning_against_orders_adds_none_to_a_templates():
    class Stubborn(PreTrainedTokenizerFast):
        def __call__(self, text, add_special_tokens=True):
            found = super().__call__(text=text, add_special_tokens=False)
            return {"input_ids": [self.bos_token_id, *found["input_ids"]]}

    tokenizer = Stubborn(tokenizer_object=tiny.tokenizer().backend_tokenizer, bos_token="<pad>", eos_token="<eos>")
    tokenizer.chat_template = templates.LLAMA3
    ids = encode_chat_text(tokenizer, templated(tokenizer, USER))
    assert (ids[0], ids.count(0)) == (0, 1)


def test_a_clock_can_be_held_and_runs_hold_it():
    tokenizer = with_template(templates.DATED)
    today = time.strftime("%d %b %Y")
    assert templated(tokenizer, USER).startswith(f"Today Date: {today}")
    assert templated(tokenizer, USER, {CLOCK: "2025-02-01"}).startswith("Today Date: 01 Feb 2025\n")
    assert held(tokenizer, {}) == {CLOCK: HELD}
    assert templated(tokenizer, USER, held(tokenizer, {})).startswith("Today Date: 26 Jul 2024\n")
    assert held(tokenizer, {CLOCK: "2025-02-01", "a": 1}) == {CLOCK: "2025-02-01", "a": 1}
    assert held(with_template(CHATML), {"a": 1}) == {"a": 1} and held(with_template(None), {}) == {}
    with pytest.raises(PromptError, match="must be a date such as"):
        templated(tokenizer, USER, {CLOCK: "yesterday"})
    with pytest.raises(PromptError, match="reads no 'strftime_now'"):
        templated(with_template(CHATML), USER, {CLOCK: HELD})


def test_special_tokens_that_a_user_writes_stay_in_the_prompt(loaded):
    loaded.tokenizer = with_template(CHATML)
    turns = [{"role": "user", "content": "HTML has <s>, we have <eos> and <pad>."}]
    ids = encode_chat(loaded, turns)
    assert loaded.tokenizer.decode(ids) == templated(loaded.tokenizer, turns)


def test_without_a_template_there_is_nothing_to_switch(loaded):
    loaded.tokenizer.chat_template = None
    assert chat_text(loaded, SYSTEM) == f"Be brief.\n\n{USER[0]['content']}\n"
    with pytest.raises(PromptError, match="no chat template"):
        chat_text(loaded, USER, {"enable_thinking": False})


def test_two_efforts_are_one_too_many():
    low = {"reasoning_effort": "low"}
    assert switches_of({"chat_template_kwargs": {"a": 1}, **low, "n": 3}) == {"a": 1, **low}
    assert switches_of({"chat_template_kwargs": low, **low}) == low
    with pytest.raises(UsageError, match="give one of them"):
        switches_of({"chat_template_kwargs": {"reasoning_effort": "high"}, **low})
