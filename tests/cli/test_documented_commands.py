"""Every command that a page shows is one that the command line takes: parsed, its names looked up, and not run."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from itertools import product
from pathlib import Path

import click
import pytest

from entmin.cli import VERBS, cli
from entmin.errors import UsageError
from entmin.evals.arms import DEFAULT_ARMS, parse_arms
from entmin.mode import Mode
from entmin.tasks.files import JUDGES
from entmin.tasks.registry import resolve
from entmin.train.reading import load_config, parse_settings

ROOT = Path(__file__).parents[2]
PAGES = [
    *(page for page in sorted(ROOT.glob("*.md")) if page.name != "AGENTS.md"),
    *sorted(path for place in ("docs", "src") for path in (ROOT / place).rglob("*.md")),
    *sorted((ROOT / "runs").rglob("*.yaml")),
]
PLACEHOLDERS = {
    "METHOD": "em-rl --set batch_size=24",
    "REWARD": "random",
    "SEED": "0",
    "TASK": "math500",
}
"""Words of the pages that stand for a value which is checked; other words in capitals are taken as they are."""
OWN_NAMES = {
    "sharpen:factor=2": "normal",
    "doubles": "gsm8k",
    "doubles,problems.jsonl": "gsm8k",
    "brief": "random",
}
"""What plugins of CONTRIBUTING.md add, which tests/test_contributing.py runs, and a built-in name of its kind."""
PYTHON = re.compile(r"^(?:accelerate launch .*?|python3? )-m entmin\b")


def code(text):
    """The lines of a page's code blocks and its inline code, each with whether it is inline."""
    text = re.sub(r"\\\n\s*", "", text)
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```$", text, re.M | re.S)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    indented = re.findall(r"^(?: {4}|#   ) *(.*)$", prose, re.M)  # a comment of a file in runs/ counts
    shown = [line.strip() for block in (*fenced, *indented) for line in block.splitlines()]
    inline = [" ".join(piece.split()) for piece in re.findall(r"`([^`]+)`", re.sub(r"^ {4}.*$", "", prose, flags=re.M))]
    return [(line, False) for line in shown] + [(piece, True) for piece in inline]


def variants(line):
    """The argument lists that a line stands for: comments and remarks off, brackets open, each of ``a|b`` chosen."""
    line = re.split(r"\s{3,}|\s+# ", re.sub(r"\[any .*\]", "", line))[0]
    line = re.sub(r"\[([^\]\"']*)\](?=\s|$)", r"\1", line)
    line = re.sub(r"\b[A-Z]+\b", lambda found: PLACEHOLDERS.get(found[0], found[0]), line.replace(" ...", ""))
    words = shlex.split(line)
    return [list(chosen) for chosen in product(*(word.split("|") if "://" not in word else [word] for word in words))]


def commands():
    for page in PAGES:
        for line, inline in code(page.read_text()):
            line = PYTHON.sub("entmin", line)
            words = line.split()
            if len(words) > 1 and words[0] == "entmin" and words[1] in VERBS:
                yield pytest.param(line, inline, id=f"{page.relative_to(ROOT)}: {line[:60]}")


COMMANDS = [param for param in commands() if param.values[0] not in {f"entmin {verb}" for verb in VERBS}]


def parsed(verb, args, inline):
    """The values of a command's parameters; a command named in a sentence may leave its arguments out."""
    for missing in range(3 if inline else 1):
        try:
            return cli.get_command(None, verb).make_context(verb, [*args, *["MODEL"] * missing]).params
        except click.MissingParameter:
            if not inline or missing == 2:
                raise


def look_up(verb, values):
    """Modes, arms, tasks, judges and settings of training, read by the code that will read them."""
    if values.get("mode"):
        Mode.parse(values["mode"])
    if verb in {"compare", "settle"}:
        parse_arms(re.sub(r":match=\w+", "", values.get("methods") or DEFAULT_ARMS))
    names = str(values.get("task") or values.get("tasks") or "").split(",")
    known = [name for name in names if name and "." not in name]
    if known:
        resolve(",".join(known), None)
    assert (values.get("judge") or "math") in JUDGES
    if verb == "train":
        file = values["file"] if values["file"] and "/" in values["file"] else None
        offered = {name: value for name, value in values.items() if value is not None}
        given = {
            name: offered[name] for name in offered.keys() - {"file", "settings", "resume", "dry_run", "gpus", "nodes"}
        }
        load_config(file and ROOT / file, {**given, **parse_settings(values["settings"])})


@pytest.mark.parametrize("line, inline", COMMANDS)
def test_a_shown_command_is_one_that_the_command_line_takes(line, inline, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("answers.jsonl", "FILE.jsonl", "samples.jsonl.gz", "answers.csv"):
        (tmp_path / name).touch()
    for _, verb, *args in variants(line):
        look_up(verb, parsed(verb, [OWN_NAMES.get(arg, arg) for arg in args], inline))


def test_a_wrong_option_choice_mode_or_setting_would_be_seen():
    assert len(COMMANDS) > 60
    for line in (
        "entmin eval MODEL --modes em_inf",
        "entmin train em-rl MODEL --reward entropi",
        "entmin train em-rl MODEL --set batchsize=2",
        "entmin compare MODEL --methods normal,em_inv",
        "entmin eval MODEL --task maths500",
        "entmin list things",
    ):
        (_, verb, *args), *_ = variants(line)
        with pytest.raises((click.ClickException, UsageError)):
            look_up(verb, parsed(verb, args, False))


def scripts():
    for page in (*PAGES, *sorted((ROOT / "benchmarks").glob("*.py"))):
        for line in re.findall(r"python (benchmarks/\w+\.py[^`\n]*)", re.sub(r"\\\n\s*", "", page.read_text())):
            yield pytest.param(line, id=f"{page.relative_to(ROOT)}: {line[:60]}")


@pytest.mark.parametrize("line", scripts())
def test_a_shown_benchmark_exists_and_has_the_options_shown(line):
    name, *words = line.replace("[", " ").replace("]", " ").split()
    texts = {node.value for node in ast.walk(ast.parse((ROOT / name).read_text())) if isinstance(node, ast.Constant)}
    assert {word for word in words if word.startswith("--")} <= texts


def test_files_that_pages_and_modules_name_exist():
    places = [ROOT / name for name in ("src", "docs", "tests", "benchmarks", "runs", "examples", ".ci")]
    found = [path for place in places for path in place.rglob("*") if "__pycache__" not in path.parts]
    files = [path.relative_to(ROOT) for path in (*found, *PAGES)]
    known = {"/".join(path.parts[start:]) for path in files for start in range(len(path.parts))}
    for page in PAGES:
        names = set(re.findall(r"[`(]((?:\w[\w-]*/)*\w[\w-]*\.(?:py|md|yaml|svg))\b", page.read_text()))
        assert names - {"file.py"} <= known, page.name
    for module in (ROOT / "src").rglob("*.py"):
        names = set(re.findall(r"\b((?:docs|tests|benchmarks)/[\w/]+\.(?:py|md))", module.read_text()))
        assert names <= known, module.name


def test_shown_targets_of_make_and_extras_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for page in PAGES:
        pieces = [piece for piece, _ in code(page.read_text())]
        shown = [re.match(r"make ([a-z-]+)(?:\s{2}.*)?$", piece) for piece in pieces]
        assert {found[1] for found in shown if found} <= targets, page.name
        named = [found for piece in pieces for found in re.findall(r"pip install .*?\[([a-z,]+)\]", piece)]
        assert {extra for one in named for extra in one.split(",")} <= set(extras), page.name


def test_every_fault_that_was_reported_names_tests_that_exist():
    rows = [row for row in (ROOT / "docs/reports.md").read_text().splitlines() if re.match(r"\| (?!fault)[^-]", row)]
    assert len(rows) > 50
    for row in rows:
        cells = row.strip("|").split(" | ")
        assert len(cells) == 4, row
        named = re.findall(r"`([\w/]+)::(\w+)`", cells[3])
        assert named, row
        for file, test in named:
            source = (ROOT / f"tests/{file}.py").read_text()
            assert f"def {test}(" in source, f"{file}::{test}"
