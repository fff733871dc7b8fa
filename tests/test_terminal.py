"""Nothing that drives a terminal is printed, and no encoding of a terminal ends a command."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
import unicodedata
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entmin.terminal import console, prepare, printable, say, say_beside
from tests.command import MAIN

PACKAGE = Path(__file__).parents[1] / "src" / "entmin"
NASTY = "a\x1b[31mred\x07\x08\x7f\x9b2J\x85\u202eevil\u2066\u2028\u200f\udc80\U000e0041z"
DRIVES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def test_only_one_file_prints():
    """Everything that is shown goes through `entmin.terminal`; what runs inside the sandbox is read, not shown."""
    for path in PACKAGE.rglob("*.py"):
        place = str(path.relative_to(PACKAGE))
        if place == "terminal.py" or place.startswith("sandbox/inside/"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            assert name not in ("click.echo", "click.secho", "click.style", "Console", "rich.print"), f"{place}: {name}"
            if name == "print":
                assert ast.unparse(node.args[0]).startswith("printable("), f"{place}: prints {ast.unparse(node)}"


@given(st.text())
def test_what_is_printable_drives_nothing_and_stays_json(text):
    shown = printable(text)
    assert not DRIVES.search(shown)
    assert printable(shown) == shown
    assert json.loads(printable(json.dumps(text))) == text
    assert json.loads(printable(json.dumps(text, ensure_ascii=False))) == text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "surrogatepass"
    )


def test_every_control_character_is_shown_by_its_escape():
    for point in range(sys.maxunicode + 1):
        char = chr(point)
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") and char not in "\n\t":
            assert printable(char).startswith("\\u"), hex(point)
        if unicodedata.category(char)[0] in "LMNPS" or char in "\n\t \u200d":
            assert printable(char) == char, hex(point)


def test_tables_progress_and_markup_are_text():
    from rich.live import Live
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    shown = console(out, force_terminal=True, color_system="truecolor", width=120)
    table = Table(title=f"[/x] {NASTY}")
    table.add_column(f"[bold]{NASTY}")
    table.add_row(f"[link=x]{NASTY}[/]")
    shown.print(table)
    shown.print(Panel(Text(NASTY, style="on rgb(1,2,3)"), title=Text(NASTY)))
    with Live(NASTY, console=shown, transient=True, auto_refresh=False) as live:
        live.update(NASTY, refresh=True)
    written = re.sub("\x1b\\[(?:[0-9;]*[mKAJH]|[0-9]*[A-K]|\\?25[hl])|\r", "", out.getvalue())  # rich's own
    assert not DRIVES.search(written)
    assert "[/x]" in written
    assert "[link=x]" in written


def test_logs_and_warnings_are_printable(capsys):
    code = "import logging, warnings; from entmin.terminal import prepare; prepare(); prepare()\n" + (
        f"text = {NASTY!r}\nlog = logging.getLogger('x')\nlog.warning('%s and %d: %r', text, 3, text)\n"
        "log.warning(text)\nlog.warning('%(a)s', {'a': text})\nwarnings.warn(text)\n"
        "try: raise ValueError(text)\nexcept ValueError: log.exception('failed')\n"
        "log.error(ValueError(text))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    said = done.stderr.decode()
    assert not DRIVES.search(said)
    assert said.count("\\u001b[31mred") >= 6
    assert "and 3:" in said


COMMANDS = [
    (("eval", "no-model", "--task", NASTY.replace("\udc80", "")), 2),
    (("grade", "gsm8k", NASTY.replace("\udc80", "")), 2),
    ((NASTY.replace("\udc80", ""),), 2),
    (("ask", NASTY.replace("\udc80", ""), "x"), 1),
    (("--debug", "ask", NASTY.replace("\udc80", ""), "x"), 1),
    (("eval", "no-model", "--mode", f"em_inf:{NASTY}".replace("\udc80", "")), 2),
    (("list", "tasks"), 0),
    (("list", "methods"), 0),
    (("eval", "--help"), 0),
]


@pytest.mark.parametrize(("arguments", "code"), COMMANDS, ids=lambda value: ascii(value)[:30])
def test_what_a_command_says_is_printable_in_any_encoding(entmin_here, arguments, code):
    done = entmin_here(*arguments, code=code)
    assert not DRIVES.search(done.stdout + done.stderr)
    assert "defect" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict", "cp1252", "utf-8"])
def test_no_encoding_of_the_terminal_ends_a_command(encoding):
    code = (
        "from entmin.terminal import console, prepare, say\nfrom rich.table import Table\nprepare()\n"
        f"say('→ – 漢字 é ' + {NASTY!r})\nsay('→ 漢字', err=True, bold=True)\n"
        "table = Table(title='→ é')\ntable.add_column('漢字')\ntable.add_row('0.31→0.12')\nconsole().print(table)\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, env=environment, check=True)
    said = done.stdout.decode(encoding.partition(":")[0])
    assert ("0.31→0.12" if encoding == "utf-8" else "0.31>0.12") in said
    assert ("漢字" if encoding == "utf-8" else "\\u6f22\\u5b57") in said


@pytest.mark.slow
def test_errors_of_the_real_command_line_in_ascii(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    arguments = ["ask", f"漢字→{NASTY}".replace("\udc80", ""), "x"]
    done = subprocess.run([*MAIN, *arguments], capture_output=True, timeout=120, env=environment, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    said = done.stderr.decode("ascii")
    assert "error: no model" in said
    assert not DRIVES.search(said)


def test_prepare_can_be_called_again_and_say_writes_where_it_is_told(capsys):
    factory, form = logging.getLogRecordFactory(), warnings.formatwarning
    try:
        prepare()
        prepare()
        say("out")
        say("err", err=True, bold=True)
        assert capsys.readouterr() == ("out\n", "err\n")
    finally:
        logging.setLogRecordFactory(factory)
        warnings.formatwarning = form


def test_what_a_model_says_drives_no_terminal(entmin_forked, entmin_here, tiny_llama):
    """A random model over bytes says every control character; on a terminal, rich's own codes are let pass."""
    asked = ("ask", tiny_llama, "x", "--max-tokens", "200", "--temp", "3", "--seed", "1")
    done = entmin_here(*asked)
    assert "\\u001b" in done.stdout or "\\u00" in done.stdout
    assert not DRIVES.search(done.stdout)
    on_screen = entmin_forked.on_terminal("stdout", *asked, "--compare").replace("\r\n", "\n")
    assert "\\u00" in on_screen
    # The codes by which rich colours, and draws a growing answer again.
    assert not DRIVES.search(re.sub("\x1b\\[([0-9;]*m|\\?25[lh]|1A|2K)|\r(?=\x1b\\[2K)", "", on_screen))


def test_progress_names_the_arm_and_what_earlier_sessions_finished():
    from entmin.evals.progress import Progress

    progress = Progress("em_inf:threshold=0.1 on gsm8k", 10, lambda: 0, there=4, quiet=True)
    progress.advance()
    assert progress.line().startswith("em_inf:threshold=0.1 on gsm8k  5/10 (4 kept from before)")
    assert "kept" not in Progress("normal on gsm8k", 10, lambda: 0, quiet=True).line()


def test_a_live_line_leaves_standard_output_to_others(monkeypatch):
    """A run redirects it in another thread; what was printed after a run on a terminal was lost with that."""
    from entmin.evals.progress import Progress

    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    before = sys.stdout
    with open(theirs, "w") as stream:
        with contextlib.redirect_stdout(io.StringIO()):
            progress = Progress("normal on gsm8k", 10, lambda: 0, stream=stream)
            progress.__enter__()
            shown = b""
            while b"0/10" not in shown:
                shown += os.read(ours, 1000)
        progress.__exit__(None, None, None)
        assert sys.stdout is before
    os.close(ours)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_text_beside_its_label_keeps_its_column_on_a_terminal_and_its_line_elsewhere(capsys, monkeypatch, terminal):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    say_beside("em_inf", "a few Adam steps on the logits of each row", 9)
    shown = capsys.readouterr().out
    assert shown.split() == ["em_inf", *"a few Adam steps on the logits of each row".split()]
    assert shown.count("\n") == (2 if terminal else 1)
    if terminal:
        assert all(len(line) <= 40 for line in shown.splitlines())
        assert shown.splitlines()[1].startswith(" " * 10) and shown.splitlines()[1][10] != " "
