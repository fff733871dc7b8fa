"""The package as Python sees it: its names, and the plugins of others."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import entmin as package

ROOT = Path(__file__).parents[1]

THEIRS = """
from dataclasses import dataclass
from entmin.methods import Method, register_method

@register_method
@dataclass(frozen=True)
class Halve(Method):
    name, summary = "halve", "half of every logit"

    def adjust(self, logits):
        return logits / 2
"""


def test_the_package_lists_its_names_and_has_each_of_them():
    assert dir(package) == sorted({"__version__", *package.__all__})
    assert set(package._EXPORTS) == set(package.__all__)
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'entropi'"):
        package.entropi  # noqa: B018


def test_listing_the_names_imports_nothing_heavy():
    code = "import sys, entmin; print(dir(entmin)); print(len({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'EmInf'" in done.stdout
    assert done.stdout.endswith("\n0\n")


def test_a_plugin_brings_its_method(entmin_forked, plugin):
    env = plugin("good", THEIRS)
    listed = json.loads(entmin_forked("list", "methods", "--json", **env).stdout)
    assert "halve" in {row["name"] for row in listed}


@pytest.mark.parametrize(
    "source, cause",
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("from entmin.methods import no_such_name", "ImportError: cannot import name 'no_such_name'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("1 +", "SyntaxError: invalid syntax"),
    ],
)
def test_a_broken_plugin_is_called_by_its_name_and_the_rest_works(entmin_forked, plugin, source, cause):
    env = plugin("broken", source)
    done = entmin_forked("list", "methods", "--json", **env)
    assert {"em_inf", "normal"} <= {row["name"] for row in json.loads(done.stdout)}
    assert "plugin 'broken' of entmin-broken 3.1 (broken_module) could not be loaded and is left out" in done.stderr
    assert cause in done.stderr
    assert "defect of entmin" not in done.stderr


def test_asking_for_what_a_broken_plugin_would_bring_fails_and_names_it(entmin_forked, plugin, tiny_llama):
    env = plugin("broken", f"{THEIRS}\nraise RuntimeError('their bug')")
    env = plugin("absent", "import their_library") | env
    done = entmin_forked("ask", tiny_llama, "2 + 2?", "--mode", "their_method", code=2, **env)
    assert "plugin 'absent' of entmin-absent 3.1" in done.stderr
    assert "plugin 'broken' of entmin-broken 3.1 (broken_module) could not be loaded" in done.stderr
    assert "RuntimeError: their bug" in done.stderr
    assert "broken_module.py:" in done.stderr
    assert "unknown method 'their_method'" in done.stderr


def test_the_citation_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == package.__version__
    paper = citation["references"][0]
    assert "2505.15134" in paper["url"]
    assert [author["family-names"] for author in paper["authors"]] == ["Agarwal", "Zhang", "Yuan", "Han", "Peng"]


def test_hooks_before_a_commit_run_the_linters_of_make_and_need_no_network():
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repository["repo"] for repository in repositories} == {"local"}
    hooks = repositories[0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    makefile = (ROOT / "Makefile").read_text()
    for hook in hooks:
        tool = " ".join(word for word in hook["entry"].split() if not word.startswith("--"))
        assert tool.replace(".venv/bin", "$(BIN)") in makefile


def test_the_version_is_written_once_more_only_where_packaging_needs_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == package.__version__
    assert (ROOT / "CHANGELOG.md").read_text().startswith("# Changelog\n")
