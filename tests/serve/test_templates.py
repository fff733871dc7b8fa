"""Chat templates and what requests tell them, over HTTP."""

import pytest
from tests import templates, tiny
from tests.serve.local import HELLO, Server

from entmin.engine.loading import load
from entmin.engine.prompts import encode_chat
from entmin.mode import Mode
from entmin.serve.fields import RequestError
from entmin.serve.protocol import Served, read_chat
from entmin.serve.tokens import tokenize

SYSTEM = {"role": "system", "content": "Be brief."}


def served(folder, template, **more):
    loaded = load(str(folder), device="cpu")
    loaded.tokenizer.chat_template = template
    return Served(loaded, "tiny", Mode(), **more)


def prompt_of(served, **body):
    return read_chat({"messages": HELLO, **body}, served).requests[0].prompt


@pytest.mark.parametrize("template", [*templates.FAILING.values(), templates.TWICE, templates.UNOPENED])
def test_whatever_a_template_does_is_a_400_that_blames_it(folder, template):
    for read in (read_chat, tokenize):
        with pytest.raises(RequestError, match="the model's chat template") as caught:
            read({"messages": HELLO}, served(folder, template))
        assert (caught.value.status, caught.value.param) == (400, "messages")


def test_a_template_that_reads_parts_gets_the_question(folder):
    here = served(folder, templates.PARTS)
    assert "hello" in here.loaded.tokenizer.decode(prompt_of(here))
    assert prompt_of(here) == prompt_of(
        here, messages=[{"role": "user", "content": [{"type": "text", "text": "hello"}]}]
    )


def test_switches_come_with_the_request_or_from_the_server(folder):
    here = served(folder, templates.QWEN3)
    thinking, off = {"enable_thinking": True}, {"enable_thinking": False}
    expected = encode_chat(here.loaded, HELLO, off)
    assert prompt_of(here, chat_template_kwargs=off) == expected != prompt_of(here)
    assert tokenize({"messages": HELLO, "chat_template_kwargs": off}, here)["tokens"] == expected
    default = served(folder, templates.QWEN3, switches=off, system="Be brief.")
    assert prompt_of(default) == encode_chat(here.loaded, [SYSTEM, *HELLO], off)
    own = {"role": "system", "content": "Be long."}
    assert prompt_of(default, messages=[own, *HELLO]) == encode_chat(here.loaded, [own, *HELLO], off)
    assert prompt_of(default, chat_template_kwargs=thinking) == encode_chat(here.loaded, [SYSTEM, *HELLO])
    effort = served(folder, templates.HARMONY)
    assert prompt_of(effort, reasoning_effort="low") == prompt_of(
        effort, chat_template_kwargs={"reasoning_effort": "low"}
    )
    assert prompt_of(effort, reasoning_effort="low") != prompt_of(effort)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"chat_template_kwargs": {"enable_thinkin": False}}, "did you mean 'enable_thinking'"),
        ({"chat_template_kwargs": {"chat_template": "{{ 1 }}"}}, "is set by entmin"),
        ({"chat_template_kwargs": {"tools": []}}, "is set by entmin"),
        ({"chat_template_kwargs": "thinking"}, "must be an object"),
        ({"reasoning_effort": "low"}, "reads no 'reasoning_effort'"),
        ({"reasoning_effort": "low", "chat_template_kwargs": {"reasoning_effort": "high"}}, "give one of them"),
    ],
)
def test_switches_that_change_nothing_or_too_much_are_refused(folder, body, message):
    with pytest.raises(RequestError, match=message) as caught:
        prompt_of(served(folder, templates.QWEN3), **body)
    assert caught.value.status == 400


def test_the_command_takes_defaults_and_the_client_its_own(tmp_path):
    folder = tiny.save(tmp_path / "m", sharpness=12.0)
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = templates.QWEN3
    tokenizer.save_pretrained(folder)
    server = Server(folder, "--system", "Be brief.", "--chat-template-kwargs", '{"enable_thinking": false}')
    try:
        ask = server.client.chat.completions.create
        told = {"model": "tiny", "messages": HELLO, "max_tokens": 4, "seed": 1}
        used = ask(**told).usage.prompt_tokens
        loaded = load(str(folder), device="cpu")
        assert used == len(encode_chat(loaded, [SYSTEM, *HELLO], {"enable_thinking": False}))
        thinking = {"chat_template_kwargs": {"enable_thinking": True}}
        assert ask(**told, extra_body=thinking).usage.prompt_tokens == len(encode_chat(loaded, [SYSTEM, *HELLO]))
        assert server.post("chat/completions", json=told | {"reasoning_effort": "low"}).status_code == 400
    finally:
        assert server.stop() == 0, "".join(server.log)


def test_a_server_whose_template_does_not_take_its_defaults_does_not_start(entmin_forked, tiny_llama):
    start = ("serve", tiny_llama, "--engine", "transformers", "--port", "0", "--device", "cpu")
    done = entmin_forked(*start, "--chat-template-kwargs", '{"enable_thinking": false}', code=2)
    assert "reads no 'enable_thinking'" in done.stderr
