"""`--system`, `--chat-template-kwargs`, `--reasoning-effort` and `--shots`, in the verbs that ask a model."""

import json

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log
from tests import templates, tiny

from entmin.engine.loading import load
from entmin.engine.prompts import encode_chat

SMALL = ("--limit", "4", "--max-tokens", "8", "--threads", "1", "--quiet")
NOT_THINKING = ("--chat-template-kwargs", '{"enable_thinking": false}')


def with_template(folder, template):
    tiny.save(folder, sharpness=12.0)
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    return with_template(tmp_path_factory.mktemp("models") / "qwen", templates.QWEN3)


def runs(folder):
    return {path.parent: json.loads(path.read_text()) for path in folder.glob("results/*/*/*/settings.json")}


def test_what_the_template_is_told_reaches_the_model_and_names_another_run(entmin_here, qwen):
    entmin_here("eval", qwen, *SMALL)
    entmin_here("eval", qwen, *SMALL, *NOT_THINKING)
    entmin_here("eval", qwen, *SMALL, "--system", "Be brief.")
    found = runs(entmin_here.folder)
    assert len(found) == 3
    read = {}
    loaded = load(str(qwen), device="cpu")
    for folder, settings in found.items():
        switches = settings.get("chat_template_kwargs", {})
        (log,) = map(read_eval_log, list_eval_logs(str(folder / "logs")))
        for sample in log.samples:
            turns = [{"role": turn.role, "content": turn.text} for turn in sample.input]
            assert sample.output.usage.input_tokens == len(encode_chat(loaded, turns, switches))
        first = log.samples[0]
        read[bool(switches), first.input[0].role] = first.output.usage.input_tokens
    assert read[True, "user"] == read[False, "user"] + len("<think>\n\n</think>\n\n")
    assert read[False, "system"] > read[False, "user"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--chat-template-kwargs", '{"enable_thinkin": false}'), "did you mean 'enable_thinking'"),
        (("--chat-template-kwargs", "[1]"), "must be a JSON object"),
        (("--chat-template-kwargs", '{"chat_template": "x"}'), "is set by entmin itself"),
        (("--reasoning-effort", "low"), "reads no 'reasoning_effort'"),
        (("--task", "math500", "--shots", "2"), "math500 has no training split"),
        (("--shots", "99999"), "lower --shots"),
        (("--prompt", "paper"), "no 'paper' prompt"),
    ],
)
def test_what_cannot_be_honoured_is_refused_before_anything_is_computed(entmin_here, qwen, options, message):
    task = ("--data-dir", "/nowhere") if "math500" in options else ()
    done = entmin_here("eval", qwen, *SMALL, *options, *task, code=None)
    assert done.returncode in (1, 2) and message in done.stderr.replace("\n", " ")
    assert not list(entmin_here.folder.glob("results/**/*.eval"))


def test_a_template_that_refuses_the_system_turn_is_blamed_before_anything_is_computed(entmin_here, tmp_path):
    gemma = with_template(tmp_path / "gemma", templates.GEMMA)
    for command in (("eval", gemma, *SMALL), ("ask", gemma, "Hello", "--max-tokens", "4")):
        done = entmin_here(*command, "--system", "Be brief.", code=1)
        assert "System role not supported" in done.stderr and "send no system turn" in done.stderr.replace("\n", " ")
        assert "failed after" not in done.stderr and "defect" not in done.stderr
    assert not list(entmin_here.folder.glob("results/**/*.eval"))
    entmin_here("eval", gemma, *SMALL)


@pytest.mark.slow
def test_compare_and_settle_take_the_same_options(entmin_here, qwen):
    options = (*NOT_THINKING, "--system", "Be brief.", "--shots", "1")
    entmin_here("compare", qwen, *SMALL, "--methods", "normal,em_inf", *options)
    for settings in runs(entmin_here.folder).values():
        assert settings["chat_template_kwargs"] == {"enable_thinking": False}
        assert settings["task_options"] == {"system": "Be brief.", "shots": 1}
    settled = (
        "--limit",
        "10",
        "--pilot",
        "10",
        "--voting",
        "0",
        "--no-controls",
        "--rivals",
        "normal",
        "--frontier",
        "0",
    )
    entmin_here("settle", qwen, *SMALL[2:], *settled, "-T", "size=20", *options)
    plan = json.loads(next(entmin_here.folder.rglob("plan.json")).read_text())
    assert plan["settings"]["chat_template_kwargs"] == {"enable_thinking": False}
    assert plan["settings"]["task_options"]["shots"] == 1


def test_examples_stand_before_the_question_and_are_not_asked(entmin_here, qwen):
    entmin_here("eval", qwen, *SMALL, "--shots", "3", "-T", "size=40")
    ((folder, _),) = runs(entmin_here.folder).items()
    (log,) = map(read_eval_log, list_eval_logs(str(folder / "logs")))
    assert log.eval.metadata["shots"]["count"] == 3
    asked = {sample.input[-1].text for sample in log.samples}
    for sample in log.samples:
        assert [turn.role for turn in sample.input] == ["user", "assistant"] * 3 + ["user"]
        examples = {turn.text for turn in sample.input[:-1:2]}
        assert len(examples) == 3 and not examples & asked


def test_ask_says_what_it_is_told(entmin_here, qwen):
    told = ("ask", qwen, "Hello", "--max-tokens", "8", "--seed", "1")
    assert entmin_here(*told).stdout != entmin_here(*told, *NOT_THINKING).stdout
