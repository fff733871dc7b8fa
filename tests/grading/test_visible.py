"""Thinking marked in any common way, tokens of templates and tags: what is addressed to the reader is judged."""

import re

import pytest

from entmin.grading import choice, integer, mathematics
from entmin.grading.gold import Gold

THINKING = [
    r"<think>\boxed{3}</think>5", r"<THINK>\boxed{3}</THINK>5", "<thinking>\\boxed{3}</thinking>\n5",
    r"<thoughts>\boxed{3}</thoughts>5", r"<Thought>\boxed{3}</Thought>5", r"<reasoning>\boxed{3}</reasoning>5",
    r"<reflection>\boxed{3}</reflection>5", r"<analysis>\boxed{3}</analysis>5",
    r"<analysis>\boxed{3}</analysis><final>5</final>", r"<scratchpad>\boxed{3}</scratchpad>5",
    r"<inner_monologue>\boxed{3}</inner_monologue>5", r"<internal_monologue>\boxed{3}</internal_monologue>5",
    r"<plan>\boxed{3}</plan>5", r"<thought_process>\boxed{3}</thought_process>5",
    r"<|thought|>\boxed{3}<|/thought|>5", r"<|think|>\boxed{3}<|/think|>5", r"<|thinking|>\boxed{3}<|/thinking|>5",
    r"<|startofthought|>\boxed{3}<|endofthought|>5",
    "<|begin_of_thought|>\n\\boxed{3}\n<|end_of_thought|>\n\n<|begin_of_solution|>\n5\n<|end_of_solution|>",
    r"<|begin_of_thinking|>\boxed{3}<|end_of_thinking|>5", r"<|start_of_thinking|>\boxed{3}<|end_of_thinking|>5",
    r"<|thinking_start|>\boxed{3}<|thinking_end|>5", r"<|reasoning_start|>\boxed{3}<|reasoning_end|>5",
    r"<|begin▁of▁thought|>\boxed{3}<|end▁of▁thought|>5", r"<｜begin▁of▁thinking｜>\boxed{3}<｜end▁of▁thinking｜>5",
    r"[THINK]\boxed{3}[/THINK]5", r"[think]\boxed{3}[/think]5", r"[THINKING]\boxed{3}[/THINKING]5",
    r"[REASONING]\boxed{3}[/REASONING]5", r"[THOUGHT]\boxed{3}[/THOUGHT]5", r"[BEGIN THOUGHT]\boxed{3}[END THOUGHT]5",
    r"[unused16]\boxed{3}[unused17]5", r"◁think▷\boxed{3}◁/think▷5", r"<seed:think>\boxed{3}</seed:think>5",
    r"<ant:thinking>\boxed{3}</ant:thinking>5", r"<thinking>\boxed{3}</thinking>5",
    r"<seed:cot>\boxed{3}</seed:cot>5", r"<internal>\boxed{3}</internal>5", r"<COT>\boxed{3}</COT>5",
    r"<inner_thoughts>\boxed{3}</inner_thoughts>5", r"<deliberation>\boxed{3}</deliberation>5",
    r"<longcat_think>\boxed{3}</longcat_think>5", r"<mm:think>\boxed{3}</mm:think>5",
    r"<think_fast>\boxed{3}</think_fast>5", r"<think >\boxed{3}</think >5", r"< think >\boxed{3}</ think >5",
    "<think/>5", "<think>\n\n</think>\n\n5", "<think></think>5", "<think\n>\\boxed{3}</think>5",
    "<think type=\"long\">\\boxed{3}</think>5", "<details type=\"reasoning\">\\boxed{3}</details>5",
    r"<details><summary>Thinking</summary>\boxed{3}</details>5", r"&lt;think&gt;\boxed{3}&lt;/think&gt;5",
    r"`<think>`\boxed{3}`</think>`5", r"**<think>**\boxed{3}**</think>**5",
    r"<|channel|>analysis<|message|>\boxed{3}<|end|><|start|>assistant<|channel|>final<|message|>5<|return|>",
    r"<|start|>assistant<|channel|>analysis<|message|>\boxed{3}<|end|><|start|>assistant<|channel|>final<|message|>5",
    "<|channel>thought\n\\boxed{3}<channel|>5",
    r"<|channel|>commentary<|message|>\boxed{3}<|end|><|channel|>final<|message|>5",
    r"analysis\boxed{3}assistantfinal5", r"analysis: \boxed{3} assistantfinal 5",
    r"assistantanalysis\boxed{3}assistantfinal\boxed{5}", "<|message|>5", "<unused94>thought\n\\boxed{3}<unused95>5",
    r"<|START_THINKING|>\boxed{3}<|END_THINKING|><|START_RESPONSE|>5<|END_RESPONSE|>",
    r"<think>a</think><think>\boxed{3}</think>5", r"<think>\boxed{3}<think>x</think>y</think>5",
    r"reasoning \boxed{3}</think>5", "reasoning \\boxed{3}</thinking>\n\n5", r"\boxed{3} hmm</thought>5",
    "<think>\\boxed{3}</think>\n<answer>5</answer>", r"<think>\boxed{3}</think><answer>\boxed{5}</answer>",
    r"<think>\boxed{3}</think><response>5</response>", r"<think>\boxed{3}</think><output>5</output>",
    r"<think>\boxed{3}</think><solution>5</solution>", r"<think>\boxed{3}</think><final_answer>5</final_answer>",
    r"<think>\boxed{3}</think><final>5</final>", r"<think>\boxed{3}</think><result>5</result>",
    r"<reason>\boxed{3}</reason><conclusion>5</conclusion>",
    r"<SUMMARY>x</SUMMARY><REASONING>\boxed{3}</REASONING><CONCLUSION>5</CONCLUSION>",
    "<|begin_of_box|>5<|end_of_box|>", "The total is 3 here: <|begin_of_box|>5<|end_of_box|>",
    r"<think>\boxed{3}</think>The answer: <|begin_of_box|>5<|end_of_box|> since 7",
]  # fmt: skip
LEFTOVERS = [
    "5</s>", "5<s>", "5<|im_end|>", "5<|im_end|>\n", "5<|endoftext|>", "5<|end_of_text|>", "5<|eot_id|>",
    "5<|eom_id|>", "5<|end|>", "5<|return|>", "5<end_of_turn>", "5<eos>", "5<|eos|>", "5<pad>", "5<pad><pad>",
    "5[EOS]", "5[SEP]", "5<｜end▁of▁sentence｜>", "5<|end▁of▁sentence|>", "5<|END_OF_TURN_TOKEN|>",
    "5<|end_of_turn|>", "5<|endofassistant|>", "5<|end_of_assistant|>", "5<|end_of_role|>", "5<|assistant_end|>",
    "5<|endofturn|>", "5<|stop|>", "5<|end_of_sentence|>", "5<|user|>\n7", "5<|im_start|>user\n7",
    "5<start_of_turn>user\n7", "5\n\nUser: And 7?", "5\n\nHuman: and 7?", "5 </answer>", "5<turn|>", "5<eot>",
    "5<EOT>", "5<|EOT|>", "5[|endofturn|]", "5<reserved_106>", "5<|fim_pad|>", "5<unk>", "5<0x0A>", "5</s></s>",
    "5<|im_end|><|im_end|>", "5 [/INST]", "5 [INST] 7", "5<extra_id_1>User\n7", "5<SPECIAL_12>", "5<|eot|>",
    "5<|header_end|>", "5<tool_call>", "<s>5</s>", "<bos>5<eos>", "<|begin_of_text|>5",
    "<|im_start|>assistant\n5<|im_end|>", "<|start_header_id|>assistant<|end_header_id|>\n\n5<|eot_id|>",
    "<start_of_turn>model\n5<end_of_turn>", "<|assistant|>\n5", "<|assistant|>5<|user|>7", "[/INST] 5</s>",
    "<|start_of_role|>assistant<|end_of_role|>5<|end_of_text|>", "ASSISTANT: 5</s>",
    "<|start|>assistant<|message|>5<|end|>", "<|turn>model\n5<turn|>", "#### 5<|im_end|>",
    "The answer is 5.<|im_end|>", r"\boxed{5}<|im_end|>", "**5**<|im_end|>", r"\boxed{5}<|endoftext|>\boxed{7}",
    "5<|endoftext|>Human: 7", "The answer is 5.\n\n<|endoftext|>The answer is 7.",
]  # fmt: skip
NOT_SAID = [
    "<Thought>so 5", "[THINK]so it is 5", "<|begin_of_thought|>maybe 5", "◁think▷5", "<reasoning>we get 5",
    "<seed:think>we get 5", "<seed:cot>we get 5", "<internal>we get 5",
    "<|channel|>analysis<|message|>we get 5", "<|START_THINKING|>we get 5",
    "<analysis>we get 5", "<scratchpad>5", "<think>The answer is 5", r"<think>\boxed{5} hmm wait",
    "<｜begin▁of▁thinking｜>5", '<details type="reasoning">5', "&lt;think&gt;5", "<think>5</think>\n\n7",
    "<thinking>5</thinking> I do not know", r"<think>\boxed{5}</think>\boxed{7}",
    "<|begin_of_box|>7<|end_of_box|> and not 5", "7</s>5", "7<|im_end|>5",
    "\\boxed{7}\n\nUser: and 3+2?\n\n\\boxed{5}", "7<extra_id_1>5", "7<start_of_turn>user\n5",
]  # fmt: skip


@pytest.mark.parametrize("text", THINKING + LEFTOVERS)
def test_the_answer_behind_thinking_and_before_leftovers_counts(text):
    assert mathematics.grade(text, Gold("math", ("5",))).correct is True
    assert mathematics.grade(text, Gold("math", ("3",))).correct is False


@pytest.mark.parametrize("text", THINKING)
def test_choices_and_integers_skip_the_same_thinking(text):
    assert integer.grade(text, Gold("integer", ("5",))).correct is True
    lettered = re.sub("(?<!9)5", "B", text).replace("3", "C")
    assert choice.grade(lettered, Gold("choice", ("B",))).correct is True


@pytest.mark.parametrize("text", NOT_SAID)
def test_a_draft_or_somebody_elses_turn_is_no_answer(text):
    assert mathematics.grade(text, Gold("math", ("5",))).correct is False
