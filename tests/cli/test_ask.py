"""`entmin ask` and `entmin chat` as tools: streams, standard input, JSON, marks, strategies, conversations."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import time

import pytest

from entmin.engine.engine import Engine
from entmin.engine.loading import load
from entmin.engine.prompts import encode_chat
from entmin.engine.requests import Request
from entmin.methods import EmInf

FAST = ("--device", "cpu", "--dtype", "float32", "--threads", "1")
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def engine(tiny_llama):
    engine = Engine(load(str(tiny_llama), dtype="float32", device="cpu"))
    yield engine
    engine.close()


def said(engine, turns=HI, seed=0, n=12, method=None):
    prompt = encode_chat(engine.loaded, turns)
    return engine.generate([Request(prompt, method or EmInf(), max_tokens=n, seed=seed, token_entropies=True)])[0]


def ask(run, model, *options, **more):
    return run("ask", model, "hi", "--max-tokens", "12", *FAST, *options, **more)


def test_standard_output_has_the_answer_alone(entmin_here, tiny_llama, engine):
    from entmin.terminal import printable

    done = ask(entmin_here, tiny_llama)
    assert done.stdout == printable(said(engine).text) + "\n"
    assert re.search(r"em_inf\(.*12 tokens, entropy \d\.\d\d → \d\.\d\d nats, ended by max_tokens", done.stderr)


def test_a_hyphen_reads_the_question(entmin_forked, tiny_llama, engine):
    command = ("ask", tiny_llama, "-", "--max-tokens", "12", *FAST)
    assert entmin_forked(*command, said="hi\n").stdout == ask(entmin_forked, tiny_llama).stdout
    for broken, words in (("", "the question is empty"), (b"\xff\xfe", "no text")):
        failed = entmin_forked(*command, said=broken, code=2)
        assert words in str(failed.stderr) and not failed.stdout


def test_json_has_every_token(entmin_here, tiny_llama, engine):
    told = json.loads(ask(entmin_here, tiny_llama, "--json", "--compare", "--seed", "3").stdout)
    assert told["messages"] == HI
    plain, changed = told["answers"]
    assert (plain["mode"], changed["mode"], changed["seed"]) == ("normal", "em_inf", 3)
    done = said(engine, seed=3)
    assert [one["id"] for one in changed["tokens"]] == done.tokens
    assert "".join(one["text"] for one in changed["tokens"]) == changed["text"] == done.text
    assert [one["entropy_before"] for one in changed["tokens"]] == pytest.approx(done.before, abs=1e-4)
    for one in changed["tokens"]:
        assert len(one["alternatives"]) >= 10
        [own] = [other for other in one["alternatives"] if other["id"] == one["id"]]
        assert own["log_probability_before"] == pytest.approx(one["log_probability_before"])
        assert own["log_probability_after"] == pytest.approx(one["log_probability_after"])


def test_greedy_has_null_for_what_cannot_be_drawn(entmin_here, tiny_llama):
    [answer] = json.loads(ask(entmin_here, tiny_llama, "--json", "--temp", "0").stdout)["answers"]
    for one in answer["tokens"]:
        assert one["log_probability_after"] == 0
        assert {other["log_probability_after"] for other in one["alternatives"]} == {0, None}


def test_marks_are_what_the_output_can_show(entmin_forked, entmin_here, tiny_llama, engine):
    asked = ("ask", tiny_llama, "hi", "--max-tokens", "12", *FAST)
    assert "\x1b[48;" in entmin_forked.on_terminal("stdout", *asked)
    entmin_forked.environment["NO_COLOR"] = "1"
    plain = entmin_forked.on_terminal("stdout", *asked)
    assert "\x1b[4m" in plain and "\x1b[48;" not in plain
    unsure = [entropy for entropy in said(engine).before if entropy >= 1]
    numbers = ask(entmin_here, tiny_llama, "--show", "numbers").stdout
    # A token inside a character has its number with the character.
    assert 0 < len(re.findall(r"\[\d\.\d\]", numbers)) <= len(unsure)
    assert "[" not in ask(entmin_here, tiny_llama, "--show", "plain", "--temp", "0.01").stdout


def slow(seconds):
    """Every token takes so long."""
    step = f"Batch.step = lambda self: time.sleep({seconds}) or step(self)"
    return f"import time; from entmin.engine.batch import Batch; step = Batch.step; {step}"


def test_the_answer_streams(entmin_forked, tiny_llama):
    """The first piece is there while the answer is still being made."""
    asked = ("ask", tiny_llama, "hi", "--max-tokens", "60", *FAST)
    process = entmin_forked.start(*asked, before=slow(0.1), text=False)
    assert process.stdout.read(1)
    assert process.poll() is None and not select.select([process.stderr], [], [], 0)[0]
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert b"interrupted" in process.stderr.read()


def test_compared_answers_stream_in_turn_and_are_those_of_single_calls(entmin_here, tiny_llama, engine):
    from entmin.methods import Normal
    from entmin.terminal import printable

    done = ask(entmin_here, tiny_llama, "--compare", "--seed", "3")
    plain, changed = (said(engine, seed=3, method=method) for method in (Normal(), EmInf()))
    first, second = (printable(one.text) for one in (plain, changed))
    pattern = rf"\[normal\(.*\]\n{re.escape(first)}\n\(12 tokens.*\)\n\[em_inf\(.*\]\n{re.escape(second)}\n\(12 tokens"
    assert re.match(pattern, done.stdout)


@pytest.mark.slow
def test_compared_answers_grow_side_by_side_on_a_terminal(entmin_forked, tiny_llama, engine):
    """Every drawing begins with the panels' upper edges; the last has captions."""
    entmin_forked.environment["COLUMNS"] = "120"
    on_screen = entmin_forked.on_terminal("stdout", "ask", tiny_llama, "hi", "--compare", "--max-tokens", "60", *FAST)
    plain = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", on_screen)
    drawings = re.findall(r"╭─ normal\(.*╭─ em_inf\(", plain)
    assert len(drawings) >= 2, "it was drawn while it grew"
    assert re.search(r"╰─ 60 tokens.*╰─ 60 tokens", plain)


@pytest.mark.parametrize(
    ("mode", "calls"), [("best_of_n:n=3", 3), ("self_refinement:n=2", 2), ("self_consistency:n=3", 3)]
)
def test_strategies_answer(entmin_here, tiny_llama, mode, calls):
    done = ask(entmin_here, tiny_llama, "--mode", f"em_inf+{mode}@0.8")
    assert f"{calls} calls" in done.stderr and done.stdout.strip()
    assert ask(entmin_here, tiny_llama, "--mode", f"em_inf+{mode}@0.8").stdout == done.stdout
    assert "leave out" in ask(entmin_here, tiny_llama, "--mode", f"em_inf+{mode}@0.8", "--json", code=2).stderr


def test_best_of_n_is_the_surest_of_its_answers(entmin_here, tiny_llama, engine):
    from entmin.seeds import answer_seed
    from entmin.terminal import printable

    answers = [said(engine, seed=answer_seed(7, i)) for i in range(4)]
    best = min(answers, key=lambda done: done.entropy_before)
    done = ask(entmin_here, tiny_llama, "--mode", "em_inf+best_of_n:n=4", "--seed", "7")
    assert done.stdout == printable(best.text) + "\n"


def talk(run, model, *lines, options=(), **more):
    return run("chat", model, "--max-tokens", "8", *FAST, *options, said="".join(f"{line}\n" for line in lines), **more)


def test_a_conversation_goes_on_and_is_kept(entmin_forked, tiny_llama, engine, tmp_path):
    path = tmp_path / "talk.json"
    talk(entmin_forked, tiny_llama, "hi", options=("--file", path, "--system", "Be brief."))
    turns = json.loads(path.read_text())["messages"]
    first = [{"role": "system", "content": "Be brief."}, *HI]
    assert turns == [*first, {"role": "assistant", "content": said(engine, first, n=8).text}]
    resumed = talk(entmin_forked, tiny_llama, "and?", options=("--file", path))
    assert "user: hi" in resumed.stderr
    second = [*turns, {"role": "user", "content": "and?"}]
    assert json.loads(path.read_text())["messages"][:4] == second
    assert json.loads(path.read_text())["messages"][4]["content"] == said(engine, second, n=8).text


def test_commands_of_a_conversation(entmin_forked, tiny_llama, tmp_path):
    lines = ["/save a.json", "one", "two", "/undo", "/mode greedy", "/system Be kind.", "/save b.json", "/clear"]
    lines += ["/nothing", "/mode nonsense", "/load a.json", "/load none.json", "/help", "/quit"]
    done = talk(entmin_forked, tiny_llama, *lines)
    first = json.loads((entmin_forked.folder / "a.json").read_text())
    assert [turn["role"] for turn in first["messages"]] == ["system", "user", "assistant"]
    last = json.loads((entmin_forked.folder / "b.json").read_text())
    assert last["mode"] == "greedy" and last["messages"] == [{"role": "system", "content": "Be kind."}]
    for words in ("no command /nothing", "unknown method 'nonsense'", "none.json is no conversation", "/undo"):
        assert words in done.stderr
    kept = [turn["content"] for turn in first["messages"] if turn["role"] == "user"]
    assert kept == ["one"]


def test_what_goes_wrong_in_a_conversation_is_told_and_it_goes_on(entmin_forked, tiny_llama, tmp_path):
    (tmp_path / "bad.json").write_text('{"messages": [{"role": "robot", "content": "x"}]}')
    failed = talk(entmin_forked, tiny_llama, code=2, options=("--file", tmp_path / "bad.json"))
    assert "no conversation" in failed.stderr
    done = talk(entmin_forked, tiny_llama, "x" * 2000, "hi", "/save /nowhere/talk.json", "hi")
    assert "takes 512" in done.stderr and "cannot be saved to /nowhere/talk.json" in done.stderr
    assert len(done.stdout.splitlines()) >= 2
    failed = talk(entmin_forked, tiny_llama, code=2, options=("--mode", "best_of_n"))
    assert "`entmin ask` takes strategies" in failed.stderr


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on(entmin_forked, tiny_llama, tmp_path):
    main, side = pty.openpty()
    path = tmp_path / "talk.json"
    asked = ("chat", tiny_llama, "--max-tokens", "400", "--file", path, *FAST)
    process = entmin_forked.start(*asked, before=slow(0.05), stdin=side, text=False)
    os.close(side)
    os.write(main, b"hi\n")
    assert process.stdout.read(8)
    process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.write(main, b"\x04")
    assert process.wait(30) == 0
    os.close(main)
    user, answer = json.loads(path.read_text())["messages"]
    assert user["content"] == "hi" and 0 < len(answer["content"]) < 300
    assert b"(stopped)" in process.stderr.read()


def test_a_model_that_decodes_slowly_is_told_of(entmin_here, tmp_path):
    import torch
    from tests import tiny
    from transformers import AutoModelForCausalLM, OpenAIGPTConfig

    torch.manual_seed(0)
    sizes = {"vocab_size": 258, "n_positions": 128, "n_embd": 32, "n_layer": 2, "n_head": 4}
    AutoModelForCausalLM.from_config(OpenAIGPTConfig(**sizes)).float().save_pretrained(tmp_path / "m")
    tiny.tokenizer().save_pretrained(tmp_path / "m")
    for more in ((), ("--mode", "best_of_n:n=2")):
        done = ask(entmin_here, tmp_path / "m", *more)
        assert re.search(r"note: .* decodes each row alone.*, which is slow", done.stderr)
        assert "note:" not in done.stdout
