r"""What a model says to its reader: its thinking, later turns and the tokens of chat templates are taken off."""

from __future__ import annotations

import re

_THOUGHT = r"(?:[a-z]{1,8}[:_])?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|internal_monologue)"
_OPEN = re.compile(
    rf"<{_THOUGHT}>|\[THINK\]|◁think▷|<unused94>(?:thought)?"
    r"|<\|(?:begin_of_thought|start_thinking|think(?:ing)?(?:_start)?)\|>",
    re.IGNORECASE,
)
_CLOSE = re.compile(
    rf"</{_THOUGHT}>|\[/THINK\]|◁/think▷|<unused95>|<\|begin_of_solution\|>|\[BEGIN FINAL RESPONSE\]"
    r"|<\|(?:end_of_thought|end_thinking|/think(?:ing)?|think(?:ing)?_end)\|>",
    re.IGNORECASE,
)
_END = re.compile(r"<\|(?:end|return)\|>")
_FINAL_CHANNEL = re.compile(r"<\|channel\|>\s*final[^<\n]{0,40}(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>")
_ANY_CHANNEL = re.compile(r"<\|channel\|>\s*\w+[^<\n]{0,40}<\|message\|>")
_BARE_FINAL = re.compile(r"assistantfinal(?=[\s\S])")
_TURN_STARTS = re.compile(
    r"\s*(?:<s>|<bos>|<\|begin_of_text\|>|(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|start\|>)\s*"
    r"(?:assistant|model)(?:<\|end_header_id\|>)?|\[/INST\])\s*"
)
TURN_ENDS = re.compile(
    r"</s>|<end_of_turn>|<eos>|</?pad>|<pad>|<｜end▁of▁sentence｜>|\[/?INST\]|<\|(?:im_end|im_start|eot_id|eom_id|eot"
    r"|endoftext|end_of_text|end_of_turn(?:_token)?|end_response|end_of_solution|return|user|observation)\|>"
    r"|\[END FINAL RESPONSE\]",
    re.IGNORECASE,
)
_TOKENS = re.compile(r"<\|[a-z_/]{2,30}\|>", re.IGNORECASE)
_ANSWER = re.compile(r"</?answer>", re.IGNORECASE)
_ENDS_IN_BOX = re.compile(r"\\(?:boxed|fbox)[^\n]{0,400}\}[\s.$!*)\]\\]*\Z")


def visible(text: str) -> str:
    """The part of a model's text that is addressed to its reader.

    Thinking that was never closed is no answer, unless it ends in a box; thinking after which nothing comes is all
    there is.
    """
    text, finished = without_thinking(_first_turn(text))
    if not finished and not _ENDS_IN_BOX.search(text[-2_000:]):
        return ""
    return _TOKENS.sub("", _in_answer_tags(text))


def without_thinking(text: str) -> tuple[str, bool]:
    """(what follows the thinking, True), or (the thinking itself, False) where it was never closed."""
    text, finished = _after_channels(text)
    closes = list(_CLOSE.finditer(text))
    if closes and text[closes[-1].end() :].strip():
        text = text[closes[-1].end() :]
    elif closes:
        text = _OPEN.sub("", text[: closes[-1].start()])
    opened = next(_OPEN.finditer(text), None)
    if opened is None:
        return text, finished
    head, tail = text[: opened.start()], text[opened.end() :]
    return (head, True) if head.strip() else (tail, False)


def _after_channels(text: str) -> tuple[str, bool]:
    """(the final channel, whether it was reached) of a text in channels; any other text as it is."""
    final = list(_FINAL_CHANNEL.finditer(text)) or list(_BARE_FINAL.finditer(text))
    if final:
        text = text[final[-1].end() :]
        return _END.split(text, maxsplit=1)[0] if _END.split(text, maxsplit=1)[0].strip() else text, True
    other = list(_ANY_CHANNEL.finditer(text))
    if other:
        return text[other[-1].end() :], False
    head = _END.split(text, maxsplit=1)[0]
    return (head if head.strip() else text), True


def _first_turn(text: str) -> str:
    """Up to the first token that ends the turn: what follows was written in somebody else's name."""
    while (start := _TURN_STARTS.match(text)) and start.end():
        text = text[start.end() :]
    for end in TURN_ENDS.finditer(text):
        if text[: end.start()].strip():
            return text[: end.start()]
    return TURN_ENDS.sub("", text)


def _in_answer_tags(text: str) -> str:
    """What the last ``<answer>`` encloses; an unclosed one goes on to the end."""
    tags = list(_ANSWER.finditer(text))
    for index in range(len(tags) - 1, -1, -1):
        if "/" in tags[index].group():
            continue
        end = tags[index + 1].start() if index + 1 < len(tags) else len(text)
        inside = text[tags[index].end() : end]
        if inside.strip():
            return inside
    return text
