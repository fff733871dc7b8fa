"""The walls of docs/architecture.md: who may import whom."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "entmin"
FILES = sorted(PACKAGE.rglob("*.py"))
HOST_LIBRARIES = {"transformers", "vllm", "trl", "llama_cpp", "sglang", "peft", "accelerate", "inspect_ai"}
TORCH_WORLD = {"torch", "entmin.core", "entmin.hosts", *HOST_LIBRARIES} - {"inspect_ai"}


def imports(path, *, top_level_only=False):
    """Absolute names of the modules a file imports, ``if TYPE_CHECKING`` blocks left out."""
    tree = ast.parse(path.read_text())
    for guard in [node for node in ast.walk(tree) if isinstance(node, ast.If)]:
        if "TYPE_CHECKING" in ast.unparse(guard.test):
            guard.body = [ast.Pass()]
    nodes = tree.body if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def reaches(names, targets):
    """Those of the targets that the names are, or lie in."""
    return {target for target in targets for name in names if name == target or name.startswith(target + ".")}


def under(*folders):
    return [path for path in FILES if path.relative_to(PACKAGE).parts[0] in folders]


def layers(names):
    return {name.split(".")[1] for name in names if name.startswith("entmin.")}


@pytest.mark.parametrize("path", under("core"), ids=lambda path: path.name)
def test_core_imports_torch_and_itself_only(path):
    roots = {name.split(".")[0] for name in imports(path)}
    compiled = {"numba": {"numba", "numpy"}, "triton": {"triton"}}.get(path.relative_to(PACKAGE).parts[1], set())
    assert roots - sys.stdlib_module_names <= {"torch", "entmin"} | compiled
    assert layers(imports(path)) <= {"core", "errors"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_compiled_implementations_are_imported_through_the_switch_only(path):
    if path.relative_to(PACKAGE).parts[:2] not in {("core", "numba"), ("core", "triton")}:
        assert not reaches(imports(path), {"entmin.core.numba", "entmin.core.triton"})


@pytest.mark.parametrize("path", under("methods"), ids=lambda path: path.name)
def test_methods_import_core_and_only_inside_functions(path):
    assert layers(imports(path)) <= {"core", "methods", "errors", "plugins", "hyperparameters"}
    assert not reaches(imports(path), HOST_LIBRARIES)
    assert not reaches(imports(path, top_level_only=True), {"torch", "entmin.core"})


def test_modes_and_what_they_rest_on_need_no_library():
    settings = {"errors", "hyperparameters"}
    for name, allowed in (
        ("hyperparameters", {"errors"}),
        ("strategies", settings),
        ("mode", settings | {"methods", "strategies"}),
        ("wire", {"errors", "methods", "mode"}),
    ):
        path = PACKAGE / f"{name}.py"
        assert layers(imports(path)) <= allowed
        assert not reaches(imports(path), TORCH_WORLD | {"inspect_ai"})


@pytest.mark.parametrize("path", under("hosts"), ids=lambda path: path.name)
def test_a_host_imports_methods_and_one_host_library(path):
    assert layers(imports(path)) <= {"core", "methods", "mode", "wire", "errors", "hosts"}
    assert len(reaches(imports(path), HOST_LIBRARIES)) == (0 if path.name == "__init__.py" else 1)


@pytest.mark.parametrize("path", under("serve"), ids=lambda path: path.name)
def test_servers_stand_on_engine_and_methods_and_know_nothing_of_evaluation(path):
    assert layers(imports(path)) <= {"engine", "hosts", "methods", "mode", "wire", "errors", "serve"}
    assert not reaches(imports(path), HOST_LIBRARIES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_scorers_and_tasks_know_nothing_of_torch(path):
    parts = path.relative_to(PACKAGE).parts
    if parts[0] == "grading" or parts[:2] in (("evals", "scorers"), ("evals", "tasks")):
        assert not reaches(imports(path), TORCH_WORLD)


WITHOUT_TORCH = {"config.py", "figure.py", "plan.py", "rules.py", "shapes.py"}


@pytest.mark.parametrize("path", under("train"), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_prompts_rules_and_planning_know_nothing_of_torch(path):
    parts = path.relative_to(PACKAGE).parts
    if parts[1] == "data" or parts[-1] in WITHOUT_TORCH:
        assert not reaches(imports(path), TORCH_WORLD)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_the_command_line(path):
    if "cli" not in path.relative_to(PACKAGE).parts and path.name != "__main__.py":
        assert "cli" not in layers(imports(path))


@pytest.mark.parametrize("path", under("cli"), ids=lambda path: path.name)
def test_the_command_line_imports_heavy_libraries_only_inside_functions(path):
    heavy = TORCH_WORLD | {"inspect_ai", "matplotlib", "datasets", "numpy", "scipy"}
    assert not reaches(imports(path, top_level_only=True), heavy)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_named_for_what_they_hold_and_functions_stay_short(path):
    assert path.stem not in {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
    functions = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
    assert {f.name: lines(f) for f in functions if lines(f) > 40} == {}


def lines(function):
    """Lines of the body, its docstring not counted."""
    documented = ast.get_docstring(function) is not None
    body = function.body[1:] if documented else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_the_walls_are_seen_by_this_test():
    assert len(FILES) > 20
    assert reaches({"transformers.models"}, HOST_LIBRARIES) == {"transformers"}
    assert "torch" in imports(PACKAGE / "core" / "em_inf.py")
    assert "torch" not in imports(PACKAGE / "methods" / "em_inf.py")  # under TYPE_CHECKING
