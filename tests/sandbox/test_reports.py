"""What comes out of the sandbox is hostile: no report, whatever it is, is more than a verdict on its own program."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entmin.errors import EntminError
from entmin.programs.judge import Rules, guarded
from entmin.sandbox import Case, Limits, Program
from entmin.sandbox.inside.launch import clean
from entmin.sandbox.outcomes import outcome_of, printable

LIMITS = Limits(cpu_seconds=1, wall_seconds=4, memory_mib=256)
FIELDS = ["case", "passed", "event", "killed", "signal", "exit", "cpu", "output", "uncrossable"]
EVENT = ["stage", "kinds", "type", "message", "passed", "gone", "result", "uncrossable"]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(EVENT), inner, max_size=4),
    max_leaves=10,
)
honest = {"case": 0, "passed": False, "event": None, "killed": None, "signal": 0, "exit": 0, "cpu": 0.1, "output": "",
          "uncrossable": False}  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(FIELDS), anything), st.dictionaries(st.sampled_from(EVENT), anything))
def test_any_report_is_an_outcome_that_can_be_written(fields, event):
    for report in (
        fields,
        honest | fields,
        honest | {"event": event},
        honest | {"event": clean(json.dumps(event).encode())},
    ):
        for kind in ("asserts", "stdin", "call"):
            outcome = outcome_of(json.dumps(report).encode(), kind, LIMITS)
            outcome.detail.encode("ascii" if outcome.detail.isascii() else "utf-8")
            assert "\n" not in outcome.detail and len(outcome.detail) < 4000


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_line_is_an_outcome(line):
    assert outcome_of(line, "asserts", LIMITS).ending == "crash"
    clean(line)


EVENTS = [
    '{"stage":1,"kinds":5}',
    "[" * 990,
    "[" * 100_000,
    '{"a":' * 990,
    '{"stage":"tests","kinds":5,"type":[],"message":{}}',
    '{"stage":"tests","kinds":["MemoryError"],"type":"\\ud800","message":"\\u0000\\u001b[2J\\ud800"}',
    '{"passed":{"passed":true},"result":' + "[" * 900 + "]" * 900 + "}",
    "1" * 5000,
    "NaN",
    "\\xff\\xfe",
]


@pytest.mark.parametrize("event", EVENTS, ids=range(len(EVENTS)))
@pytest.mark.parametrize("kind", ["asserts", "call"])
def test_a_program_that_writes_its_own_event(sandbox, event, kind):
    code = f"import os\nos.write(3, {event!r}.encode() + b'\\n')\nos._exit(0)\ndef f(): pass"
    [outcome] = sandbox.run(Program(kind, code, (Case(tests="f()"),), function="f"), LIMITS)
    assert outcome.ending in ("crash", "memory")
    outcome.detail.encode()


@pytest.mark.parametrize("text", ["\\ud800", "\\x1b[2J\\x07", "\\u202e", "a\\nb"])
def test_an_honest_program_with_an_odd_message(run, text):
    outcome = run(f"raise ValueError('{text}')")
    assert outcome.ending == "crash" and outcome.detail.startswith("ValueError in the program")
    assert outcome.detail.isprintable()
    outcome.detail.encode()


def test_signals_without_a_name(run):
    assert "signal 40" in run("import os\nos.kill(os.getpid(), 40)").detail


def test_what_is_not_printable_is_shown_by_its_escape():
    assert printable("a\ud800\x1b\n\u202eé") == "a\\ud800\\x1b\\n\\u202eé"


def test_one_answer_ends_no_run():
    rules = Rules()
    judged = guarded(lambda: [][0], rules)
    assert judged.verdict.correct is None and judged.verdict.reason == "error" and "IndexError" in judged.detail

    def broken():
        raise EntminError("no sandbox")

    with pytest.raises(EntminError):
        guarded(broken, rules)
