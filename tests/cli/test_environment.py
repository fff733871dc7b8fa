"""docs/environment.md has every variable that the package reads."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "environment.md").read_text()


def constants(tree):
    """Names of a module that are one text or several."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            texts = [one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant)]
            found[node.targets[0].id] = [text for text in texts if isinstance(text, str)]
    return found


def variables(path):
    """What a file reads from the environment, by a name or by a constant of any file that it imports."""
    tree = ast.parse(path.read_text())
    known = {**ELSEWHERE, **constants(tree)}
    for node in ast.walk(tree):
        asked = None
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv"):
            asked = node.args[0]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            asked = node.slice
        elif isinstance(node, ast.keyword) and node.arg == "envvar":
            asked = node.value
        if isinstance(asked, ast.Constant):
            yield asked.value
        elif isinstance(asked, ast.Name):
            yield from known.get(asked.id, [])
        elif isinstance(asked, ast.Subscript) and isinstance(asked.value, ast.Name):  # one of a table's values
            yield from filter(str.isupper, known.get(asked.value.id, []))
    yield from constants(tree).get("OFFLINE", [])  # all of which are looked up
    yield from re.findall(r"\b_?ENTMIN_[A-Z_]*[A-Z]\b", path.read_text())


FILES = sorted((ROOT / "src").rglob("*.py"))
ELSEWHERE = {
    name: value
    for path in FILES
    for name, value in constants(ast.parse(path.read_text())).items()
    if name in {"ENVIRONMENT", "DEFAULT_VARIABLE", "TARGETS", "IMAGE", "VARIABLE"}
    and any(re.fullmatch(r"[A-Z_]+", text) for text in value)
}


def test_the_page_has_every_variable_that_is_read_and_no_other():
    read = {name for path in FILES for name in variables(path)}
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    told = set(re.findall(r"`(\w+)`", " ".join(rows)))
    of_libraries = {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "NO_COLOR"}  # read by urllib and rich
    assert {"ENTMIN_CACHE", "HF_HUB_OFFLINE", "ENTMIN_SCICODE_TARGETS", "RANK"} <= read
    of_shells = {"COMP_WORDS"}  # set by the completion scripts themselves
    assert read - of_shells == told - of_libraries
