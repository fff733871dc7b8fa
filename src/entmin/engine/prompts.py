"""From messages to the texts that a model reads.

A chat template is a program of the model's and can do anything: read a turn's content as a text or as a list of parts,
refuse a role, leave a turn out, fail. One thing is checked of every prompt that one writes: it holds what was said,
once, and ends where the model is to go on. How a template treats roles is found out with marks in place of the texts,
once for each sequence of roles.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from entmin.engine.encoding import encode_chat_text
from entmin.errors import EntminError, UsageError, closest, first_line

if TYPE_CHECKING:
    from entmin.engine.loaded import LoadedModel

Turns = Sequence[Mapping[str, str]]
"""Turns of a conversation: ``role`` and ``content``, both texts."""
Switches = Mapping[str, Any]
"""Variables of a chat template beside the messages, such as ``{"enable_thinking": False}``."""
EFFORT = "reasoning_effort"
"""The switch that the OpenAI API has a field for."""
CLOCK = "strftime_now"
"""What templates read the date from; as a switch, an ISO date at which that clock stands."""
HELD = "2024-07-26"
"""The date of runs, so that their prompts are the same on every day: what Llama's templates write without a clock."""
_RESERVED = frozenset(
    {
        "conversation", "messages", "tools", "documents", "chat_template", "add_generation_prompt", "tokenize",
        "continue_final_message", "padding", "truncation", "max_length", "return_tensors", "return_dict",
        "return_assistant_tokens_mask", "tokenizer_kwargs",
    }
)  # fmt: skip
_THOUGHT_ENDS = re.compile(r"</\s*(?:\w+:)?(?:think|thinking|thought|reasoning)\s*>|\[/THINK\]|◁/think▷", re.IGNORECASE)
"""What ends the thinking in an answer; templates of thinking models leave out what stands before it."""
_MEND = "give the tokenizer another chat_template (chat_template.jinja in the model's folder)"


class PromptError(EntminError):
    """The model's chat template cannot write a conversation, or writes it wrongly."""


class SwitchError(PromptError):
    """A switch that the model's chat template does not read."""

    exit_code = 2


def encode_chat(loaded: LoadedModel, turns: Turns, switches: Switches | None = None) -> list[int]:
    """Token ids of a conversation by the model's own template; without one, the texts, separated by blank lines.

    Raises:
        PromptError: see `templated`.
    """
    return encode_chat_text(loaded.tokenizer, chat_text(loaded, turns, switches))


def chat_text(loaded: LoadedModel, turns: Turns, switches: Switches | None = None) -> str:
    """A conversation as the model's template writes it; without one, the texts, separated by blank lines.

    Raises:
        PromptError: see `templated`.
    """
    if loaded.tokenizer.chat_template:
        return templated(loaded.tokenizer, turns, switches)
    _require_read(None, switches or {})
    return "\n\n".join(turn["content"] for turn in turns) + "\n"


def switches_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The switches that a request says in its fields ``chat_template_kwargs`` and ``reasoning_effort``.

    Raises:
        UsageError: they say two efforts.
    """
    switches, effort = dict(fields.get("chat_template_kwargs") or {}), fields.get(EFFORT)
    if effort is not None and switches.setdefault(EFFORT, effort) != effort:
        raise UsageError(f"{EFFORT} is {effort!r} and, in chat_template_kwargs, {switches[EFFORT]!r}; give one of them")
    return switches


def templated(tokenizer: Any, turns: Turns, switches: Switches | None = None) -> str:
    """A conversation as the tokenizer's chat template writes it, up to where the model is to go on.

    Raises:
        PromptError: the template fails, refuses the turns, reads none of that name of the switches, or writes what
            was said not at all, more than once, or with an end after which no answer follows.
    """
    switches = switches or {}
    text = written(tokenizer, messages_as_read(tokenizer, turns, switches), switches)
    for turn in turns:
        visible = _THOUGHT_ENDS.split(turn["content"])[-1] if turn["role"] == "assistant" else turn["content"]
        if visible.strip() not in text:
            raise _fault(f"changes or leaves out what the {turn['role']} turn says ({visible.strip()[:60]!r})", turns)
    return text


def messages_as_read(tokenizer: Any, turns: Turns, switches: Switches | None = None) -> list[dict[str, Any]]:
    """The turns in the form that the tokenizer's chat template reads: contents as texts, or as lists of parts.

    Raises:
        PromptError: see `templated`.
    """
    template, switches = _template(tokenizer), switches or {}
    _require_read(template, switches)
    form = _form(tokenizer, template, tuple(turn["role"] for turn in turns), json.dumps(switches, sort_keys=True))
    return [form(turn) for turn in turns]


def _template(tokenizer: Any) -> str:
    """The one template for conversations; models may have several, by name."""
    found = tokenizer.chat_template
    if isinstance(found, (list, tuple)):
        found = {one["name"]: one["template"] for one in found}
    if isinstance(found, dict):
        names, only = list(found), list(found.values())
        found = found.get("default", only[0] if len(only) == 1 else None)
        if found is None:
            raise PromptError(
                f"the model has chat templates {', '.join(map(repr, names))} and none called 'default': give the one "
                "for conversations that name in the tokenizer's files"
            )
    return str(found)


def _require_read(template: str | None, switches: Switches) -> None:
    for name in switches:
        if name in _RESERVED:
            raise SwitchError(f"chat_template_kwargs: {name!r} is set by entmin itself; leave it out")
        if template is None:
            raise SwitchError(f"the model has no chat template that could read {name!r}; leave it out")
        if not re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", template):
            near = closest(name, set(re.findall(r"[A-Za-z_]\w*", template)))
            raise SwitchError(
                f"the model's chat template reads no {name!r}{near}, so it would change nothing; leave it out"
            )


def held(tokenizer: Any, switches: Switches) -> dict[str, Any]:
    """The switches of a run: where the template reads the date and none is said, it is `HELD`.

    Raises:
        PromptError: the tokenizer has several templates, and none for conversations.
    """
    reads = bool(tokenizer.chat_template) and CLOCK in _template(tokenizer)
    return {**({CLOCK: HELD} if reads else {}), **switches}


def _variables(switches: Switches) -> dict[str, Any]:
    """The switches as a template reads them: a date becomes a clock that stands."""
    if CLOCK not in switches:
        return dict(switches)
    try:
        return {**switches, CLOCK: datetime.fromisoformat(switches[CLOCK]).strftime}
    except (TypeError, ValueError):
        raise SwitchError(
            f"chat_template_kwargs: {CLOCK} must be a date such as {HELD!r}, not {switches[CLOCK]!r}"
        ) from None


def _as_text(turn: Mapping[str, str]) -> dict[str, Any]:
    return {"role": turn["role"], "content": turn["content"]}


def _as_parts(turn: Mapping[str, str]) -> dict[str, Any]:
    return {"role": turn["role"], "content": [{"type": "text", "text": turn["content"]}]}


_Form = Callable[[Mapping[str, str]], dict[str, Any]]


@lru_cache(maxsize=256)
def _form(tokenizer: Any, template: str, roles: tuple[str, ...], switches: str) -> _Form:
    """The form of content that the template reads, found with marks in place of the texts.

    Raises:
        PromptError: it writes marks of these roles in neither form once, and with an end to go on from.
    """
    del template  # is part of the key: a tokenizer can be given another one
    turns = [{"role": role, "content": _mark(i)} for i, role in enumerate(roles)]
    given = json.loads(switches)
    refusal: PromptError | None
    try:
        text = written(tokenizer, [_as_text(turn) for turn in turns], given)
    except PromptError as error:
        text, refusal = "", error
    else:
        refusal = _misplaced(text, turns)
    form: _Form = _as_text
    if refusal is not None and not any(turn["content"] in text for turn in turns):
        try:
            text = written(tokenizer, [_as_parts(turn) for turn in turns], given)
        except PromptError as error:
            # What reads texts fails at a list in a way of its own; what reads lists gives its reason here.
            raise (refusal if refusal.__cause__ is not None else error) from error
        form, refusal = _as_parts, _misplaced(text, turns)
    refusal = refusal or _closed(tokenizer, text, [form(turn) for turn in turns], form, given)
    if refusal is not None:
        raise refusal
    return form


def _mark(number: int) -> str:
    return f"Entmin{number}said"


def _misplaced(text: str, turns: Turns) -> PromptError | None:
    """What is wrong with the turns in a prompt; a system turn may be moved, as to the last question."""
    for turn in turns:
        count = text.count(turn["content"])
        if count != 1:
            said = (
                f"leaves out the {turn['role']} turn" if not count else f"writes the {turn['role']} turn {count} times"
            )
            return _fault(said, turns)
    places = [text.index(turn["content"]) for turn in turns if turn["role"] != "system"]
    return None if places == sorted(places) else _fault("writes the turns in another order", turns)


def _closed(
    tokenizer: Any, text: str, messages: list[dict[str, Any]], form: _Form, switches: Switches
) -> PromptError | None:
    """What is wrong with the end of a prompt, if anything."""
    answer = _mark(len(messages))
    answered = [*messages, form({"role": "assistant", "content": answer})]
    try:
        if written(tokenizer, messages, switches, add_generation_prompt=False) != text:
            if tokenizer.eos_token and text.rstrip().endswith(tokenizer.eos_token):
                return _fault("ends a prompt with the end of sequence, after which no answer follows", messages)
            return None
        whole = written(tokenizer, answered, switches, add_generation_prompt=False)
    except PromptError:  # it writes nothing but prompts
        return None
    before, found, _ = whole.removeprefix(text).partition(answer)
    if found and whole.startswith(text) and before.strip():
        return _fault(f"does not begin the answer: it has {before!r} there, and not at the end of a prompt", messages)
    return None


def _fault(what: str, turns: Sequence[Mapping[str, Any]]) -> PromptError:
    roles = [turn["role"] for turn in turns]
    drop = "send no system turn, or " if "system" in roles and "system" in what else ""
    return PromptError(f"the model's chat template {what} (of turns {', '.join(roles)}); {drop}{_MEND}")


def written(tokenizer: Any, messages: list[dict[str, Any]], switches: Switches, **options: Any) -> str:
    """Messages as the tokenizer's chat template writes them, unchecked; `options` are for `apply_chat_template`.

    Raises:
        PromptError: the template fails or refuses them.
    """
    given = {"add_generation_prompt": True, **options}
    try:
        return str(
            tokenizer.apply_chat_template(
                messages, chat_template=_template(tokenizer), tokenize=False, **given, **_variables(switches)
            )
        )
    except PromptError:
        raise
    except Exception as error:  # a template is a program of the model's; it can fail in any way
        system = any(message["role"] == "system" for message in messages)
        drop = "send no system turn, or " if system else ""
        raise PromptError(
            f"the model's chat template refuses these messages ({type(error).__name__}: {first_line(error)}); "
            f"{drop}{_MEND}"
        ) from error
