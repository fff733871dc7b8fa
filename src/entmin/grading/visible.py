r"""What a model says to its reader: its thinking, later turns and the tokens of chat templates are taken off."""

from __future__ import annotations

import re

_NAME = (
    r"(?:[a-z]{1,8}[:_])?(?:think(?:ing)?|thoughts?|reason(?:ing)?|analysis|reflection|scratchpad|plan(?:ning)?"
    r"|inner_monologue|internal(?:_monologue)?|monologue|chain_of_thought|cot|deliberation)(?:_[a-z]{1,10})?"
)
_SHORT = r"(?:think(?:ing)?|thoughts?|reasoning)"
# Each alternative starts with one sign, so that a search skips from sign to sign.
_OPEN = re.compile(
    rf"<(?:\s?{_NAME}(?:\s[^<>\n]{{0,60}})?>|\|(?:(?:begin|start)_?(?:of_?)?)?{_NAME}\|>|\|{_NAME}_start\|>"
    rf"|unused94>(?:thought)?|\|channel>thought)|&lt;{_NAME}&gt;|◁{_SHORT}▷"
    rf"|\[(?:(?<![^\n>]\[)(?:BEGIN )?{_SHORT}|unused16)\]",
    re.IGNORECASE,
)
_CLOSE = re.compile(
    rf"<(?:\s?(?:/\s?{_NAME}\s?|{_NAME}\s?/)>|\|(?:/|end_?(?:of_?)?){_NAME}\|>|\|{_NAME}_end\|>|unused95>|channel\|>"
    rf"|\|begin_of_solution\|>)|&lt;/{_NAME}&gt;|\[(?:(?:/|END ){_SHORT}|unused17|BEGIN FINAL RESPONSE)\]|◁/{_SHORT}▷",
    re.IGNORECASE,
)
_MARKED = re.compile(rf"(`|\*\*)(</?{_NAME}>)\1", re.IGNORECASE)
_FOLDED = re.compile(
    r"<details(?:[^<>\n]{0,60}(?:reason|think)[^<>\n]{0,30}>|>\s*<summary>[^<>\n]{0,30}(?:thought|think|reason)[^<>\n]{0,30}</summary>)",
    re.IGNORECASE,
)
_WIDE_TOKEN = re.compile(r"<[|｜][^<>\n]{1,40}[|｜]>")
_BOX_TOKENS = re.compile(r"<\|begin_of_box\|>([^<\n]*)<\|end_of_box\|>")
_END = re.compile(r"<\|(?:end|return)\|>")
_FINAL_CHANNEL = re.compile(r"<\|channel\|>\s*final[^<\n]{0,40}(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>")
_ANY_CHANNEL = re.compile(r"<\|channel\|>\s*\w+[^<\n]{0,40}<\|message\|>")
_BARE_FINAL = re.compile(r"assistantfinal(?=[\s\S])")
_TURN_STARTS = re.compile(
    r"\s*(?:<s>|<bos>|<\|begin_of_text\|>|(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|start\|>|<\|turn>"
    r"|<\|start_of_role\|>)\s*(?:assistant|model)(?:<\|end_(?:header_id|of_role)\|>)?|\[/INST\])\s*"
)
TURN_ENDS = re.compile(
    r"</?s>|<(?:end|start)_of_turn>|<turn\|>|<\|turn>|<e(?:os|ot)>|</?pad>|<unk>|<0x[0-9A-F]{2}>|\[/?INST\]|\[EOS\]|\[\|endofturn\|\]"
    r"|<(?:reserved|extra_id|special)_\d{1,4}>|<\|(?:im_end|im_start|eot_id|eom_id|eot|endoftext|end_of_(?:text|sentence)"
    r"|end_of_turn(?:_token)?|end_response|end_of_solution|return|user|observation)\|>|\[END FINAL RESPONSE\]"
    r"|\n[ \t]*\n(?:user|human|用户)[ \t]?[:：]",
    re.IGNORECASE,
)
_TOKENS = re.compile(
    r"<\|[a-z_/]{2,30}\|>|</?(?:final|response|output|solution|result|conclusion|summary|tool_call)>", re.IGNORECASE
)
_ANSWER = re.compile(r"</?(?:final_?)?answer>", re.IGNORECASE)
_ENDS_IN_BOX = re.compile(r"\\(?:boxed|fbox)[^\n]{0,400}\}[\s.$!*)\]\\]*\Z")


def visible(text: str) -> str:
    """The part of a model's text that is addressed to its reader.

    Thinking that was never closed is no answer, unless it ends in a box; thinking after which nothing comes is all
    there is.
    """
    text, finished = without_thinking(_first_turn(one_spelling(_BOX_TOKENS.sub(r"\\boxed{\1}", text))))
    if not finished and not _ENDS_IN_BOX.search(text[-2_000:]):
        return ""
    return _TOKENS.sub("", _in_answer_tags(text))


def one_spelling(text: str) -> str:
    """Tokens with wide bars, tags in marks and folded thinking, written as the other ways of marking are."""
    text = _WIDE_TOKEN.sub(lambda token: token.group().replace("｜", "|").replace("▁", "_"), text)
    text, folded = _FOLDED.subn("<think>", _MARKED.sub(r"\2", text))
    return text.replace("</details>", "</think>") if folded else text


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
    return _ANSWER.sub("", text)
