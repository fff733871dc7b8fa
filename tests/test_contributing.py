"""The worked examples of CONTRIBUTING.md, taken out of its text and run as a plugin author would."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.command import MAIN
from tests.plugins import install

PAGE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.M | re.S)
COMMANDS = {"entmin": MAIN, "pytest": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]}


def write(folder, text):
    """Write the files of a section; returns its command lines."""
    lines = []
    for language, name, body in BLOCK.findall(text):
        if language == "sh":
            lines += [line for line in body.splitlines() if line]
            continue
        assert name, f"a block without a file: {body[:40]}"
        (folder / name).write_text(body)
        if name == "pyproject.toml":
            install(folder, tomllib.loads(body)["project"])
    return lines


def test_the_page_has_an_example_of_everything_one_can_add():
    assert {"A decoding method", "A benchmark", "A reward", "A host"} <= set(SECTIONS)
    assert all(BLOCK.search(text) for text in SECTIONS.values())


@pytest.mark.parametrize("title", SECTIONS)
@pytest.mark.slow
def test_an_example_runs_as_it_stands(title, tmp_path, tiny_llama):
    lines = write(tmp_path, SECTIONS[title])
    assert lines
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    printed = ""
    for line in lines:
        program, *args = shlex.split(line.replace("MODEL", str(tiny_llama)))
        done = subprocess.run(
            [*COMMANDS[program], *args], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "warning" not in done.stderr.lower(), done.stderr
        printed += done.stdout + done.stderr
    if title == "A decoding method":
        assert "sharpen: multiply the logits of unsure rows" in printed
        assert "(sharpen(factor=2" in printed
    if title == "A reward":
        assert (tmp_path / "brief-run" / "curves.jsonl").stat().st_size > 0
        assert "brief" in (tmp_path / "brief-run" / "README.md").read_text()
