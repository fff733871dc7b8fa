"""The walls of docs/architecture.md: who may import whom."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "entmin"
FILES = sorted(PACKAGE.rglob("*.py"))
HOST_LIBRARIES = {
    "transformers", "vllm", "trl", "verl", "llama_cpp", "sglang", "peft", "accelerate", "inspect_ai", "lm_eval",
    "lighteval",
}  # fmt: skip
TORCH_WORLD = {"torch", "entmin.core", "entmin.hosts", *HOST_LIBRARIES} - {"inspect_ai"}

PLAIN = {
    "terminal", "errors", "seeds", "hyperparameters", "jsonl", "durable", "verdict", "problem", "extras", "plugins",
    "cache_folder", "in_order", "loops", "hub", "blame", "counters", "starting",
}  # fmt: skip
"""Small files that any room may import."""
MAY_IMPORT = {
    **{
        name: set()
        for name in (
            "errors",
            "seeds",
            "verdict",
            "cache_folder",
            "in_order",
            "terminal",
            "loops",
            "counters",
            "starting",
        )
    },
    **{name: {"errors"} for name in ("hyperparameters", "jsonl", "extras", "problem", "clients", "hub")},
    **{name: {"errors", "terminal"} for name in ("durable", "plugins")},
    "entmin": {"extras"},
    "blame": {"errors", "extras"},
    "stats": set(),
    "core": {"errors"},
    "losses": {"core"},
    "rewards": {"core"},
    "methods": {"core"} | PLAIN,
    "strategies": {"errors", "hyperparameters"},
    "mode": {"methods", "strategies"} | PLAIN,
    "wire": {"methods", "mode"} | PLAIN,
    "hosts": {"core", "methods", "mode", "wire"} | PLAIN,
    "engine": {"core", "methods", "mode"} | PLAIN,
    "serve": {"engine", "hosts", "methods", "mode", "wire"} | PLAIN,
    "grading": PLAIN,
    "sandbox": PLAIN,
    "programs": {"sandbox", "grading"} | PLAIN,
    "tasks": {"grading", "programs", "sandbox"} | PLAIN,
    "evals": {
        "engine",
        "methods",
        "mode",
        "strategies",
        "wire",
        "serve",
        "grading",
        "sandbox",
        "programs",
        "tasks",
        "stats",
        "clients",
    }
    | PLAIN,
    "estimates": {"engine", "tasks", "mode", "methods", "strategies"} | PLAIN,
    "report": {"evals", "stats", "mode", "tasks"} | PLAIN,
    "train": {
        "core",
        "engine",
        "methods",
        "mode",
        "grading",
        "tasks",
        "programs",
        "stats",
        "report",
        "clients",
        "entmin",
        "estimates",
    }
    | PLAIN,
}
MAY_IMPORT["play"] = {"engine", "methods", "mode", "wire", "serve", "evals", "report", "clients"} | PLAIN
MAY_IMPORT["settle"] = MAY_IMPORT["evals"] | {"evals", "report"}
MAY_IMPORT["reproduce"] = {"evals", "mode", "stats", "tasks"} | PLAIN
MAY_IMPORT["api"] = {"methods", "mode", "engine", "evals", "report", "settle", "tasks", "train"} | PLAIN
MAY_IMPORT["cli"] = set(MAY_IMPORT)
"""Which rooms a room may import from, anywhere in its text; `entmin` is the package's own file."""
CIRCLES: dict[str, str] = {}
"""Modules that import each other, each with its reason; nothing is added here."""
LIBRARIES = {
    "accelerate": ["train/"],
    "click": ["cli/"],
    "datasets": ["tasks/", "train/"],
    "inspect_ai": ["evals/", "tasks/", "report/", "settle/", "sandbox/provider.py"],
    "llama_cpp": ["hosts/llama_cpp.py"],
    "lighteval": ["hosts/lighteval.py"],
    "lm_eval": ["hosts/lm_eval.py"],
    "math_verify": ["grading/"],
    "hydra": ["train/verl/"],
    "matplotlib": ["report/"],
    "numba": ["core/numba/"],
    "omegaconf": ["train/verl/"],
    "openai": ["clients.py", "evals/", "train/"],
    "peft": ["engine/adapters.py", "train/"],
    "reasoning_gym": ["tasks/"],
    "sglang": ["hosts/sglang.py"],
    "scipy": ["stats/", "reproduce/agreement.py", "programs/scicode_inside.py", "sandbox/inside/"],
    "starlette": ["serve/", "play/"],
    "sympy": ["grading/"],
    "transformers": ["engine/", "estimates/", "hosts/transformers.py", "train/"],
    "triton": ["core/triton/"],
    "trl": ["train/"],
    "uvicorn": ["serve/"],
    "verl": ["hosts/verl.py", "train/verl/"],
    "vllm": ["hosts/vllm.py"],
}
"""The places from which a library may be imported."""


@cache
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


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(name):
    """The folder or the file directly under the package that a module lies in; ``entmin`` for the package itself."""
    return name.split(".")[1] if "." in name else "entmin"


PATHS = {module_name(path): path for path in FILES}


@cache
def own_modules():
    """Every module with the modules of this package that it imports, anywhere in its text."""
    graph = {}
    for name, path in PATHS.items():
        statements = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        found = imports(path) & set(PATHS)
        graph[name] = {target for target in found if not brings_only_modules(statements, target)} - {name}
    return graph


def brings_only_modules(statements, target):
    """Whether they import nothing from a package but modules in it, as in ``from entmin.core import impl``."""
    own = [node for node in statements if node.module == target]
    return bool(own) and all(f"{target}.{alias.name}" in PATHS for node in own for alias in node.names)


def circles(graph):
    """Sets of nodes each of which reaches all the others."""

    def reached(start):
        seen, todo = set(), [start]
        while todo:
            new = graph[todo.pop()] - seen
            seen |= new
            todo += new
        return seen

    closure = {node: reached(node) for node in graph}
    together = {frozenset(other for other in closure[node] if node in closure[other]) for node in graph}
    return {group for group in together if len(group) > 1}


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
    assert layers(imports(path)) <= {"core", "methods", "mode", "wire", "errors", "durable", "hosts", "counters"}
    assert len(reaches(imports(path), HOST_LIBRARIES)) == (0 if path.name in ("__init__.py", "generate.py") else 1)


@pytest.mark.parametrize("path", under("serve"), ids=lambda path: path.name)
def test_servers_stand_on_engine_and_methods_and_know_nothing_of_evaluation(path):
    assert layers(imports(path)) <= {
        "engine",
        "hosts",
        "methods",
        "mode",
        "wire",
        "starting",
        "errors",
        "serve",
        "terminal",
        "counters",
    }
    assert not reaches(imports(path), HOST_LIBRARIES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_scorers_and_tasks_know_nothing_of_torch(path):
    parts = path.relative_to(PACKAGE).parts
    if parts[0] in {"grading", "tasks", "stats"} or parts[:2] == ("evals", "scorers"):
        assert not reaches(imports(path), TORCH_WORLD)


def test_importing_what_judges_and_describes_brings_no_torch():
    """Also through what they import, which the files themselves do not show."""
    rooms = {"grading", "tasks", "stats", "methods", "sandbox", "mode", "strategies", "wire", "seeds", "extras", "cli"}
    names = sorted(name for name in PATHS if room(name) in rooms)
    code = f"import sys, importlib\nfor name in {names}: importlib.import_module(name)\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", sorted(set(PATHS) - {"entmin.__main__"}))
def test_a_room_imports_the_rooms_below_it(name):
    own = room(name)
    for reached in {room(target) for target in own_modules()[name]} - {own}:
        assert reached in MAY_IMPORT[own], f"{name} may not import from {reached}"


def test_the_rooms_stand_in_one_order():
    """Sorting fails on a circle; every room is in the table."""
    assert set(TopologicalSorter(MAY_IMPORT).static_order()) == set(MAY_IMPORT)
    assert {room(name) for name in PATHS} - {"__main__"} <= set(MAY_IMPORT)


def test_the_page_on_architecture_says_the_same():
    page = (PACKAGE.parents[1] / "docs" / "architecture.md").read_text()
    table = page.partition("| room | may import from |\n|---|---|\n")[2].partition("\n\n")[0]
    small = re.findall(r"`(\w+)`", page.partition("the small files ")[2].partition(";")[0])
    said = {}
    for rooms, allowed in (line.strip("| ").split(" | ") for line in table.splitlines()):
        names = set(re.findall(r"`(\w+)`", allowed)) | (set(small) if "small files" in allowed else set())
        names |= said["evals"] if "all that `evals` may" in allowed else set()
        names = set(MAY_IMPORT) - {"cli"} if allowed == "every room" else names
        said |= dict.fromkeys(re.findall(r"`(\w+)`", rooms), names | ({"entmin"} if "own file" in allowed else set()))
    assert set(small) == PLAIN
    assert said == MAY_IMPORT


def test_no_modules_import_each_other_in_a_circle_not_even_inside_functions():
    """Those of CIRCLES are left over; a circle that is gone must leave the table."""
    assert {frozenset(circle) for circle in circles(own_modules())} == {frozenset(circle.split()) for circle in CIRCLES}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_where_it_belongs(library):
    users = {path.relative_to(PACKAGE).as_posix() for path in FILES if reaches(imports(path), {library})}
    assert {user for user in users if not any(user.startswith(place) for place in LIBRARIES[library])} == set()


@pytest.mark.parametrize("path", under("stats"), ids=lambda path: path.name)
def test_statistics_are_pure(path):
    assert {name.split(".")[0] for name in imports(path)} - sys.stdlib_module_names <= {"numpy", "scipy", "entmin"}


WITHOUT_TORCH = {"config.py", "figure.py", "plan.py", "rules.py", "sizes.py"}


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
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
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
