"""Python that pages show is run as it stands, but for models and sizes; of the rest the imports are looked up."""

from __future__ import annotations

import ast
import importlib
import json
import os

import pytest
import torch

from tests.documented import PAGE, ROOT, block, pages, python_blocks, text

BLOCKS = [(page, one) for page in pages() for one in python_blocks(page)]


def run(page, beginning, names=None, *, replaced=None):
    """Execute a block of a page with parts of it replaced, each of which must be there; returns its names."""
    code = block(page, beginning)
    for old, new in (replaced or {}).items():
        assert old in code, old
        code = code.replace(old, new)
    found = dict(names or {})
    exec(compile(code, page, "exec"), found)
    return found


@pytest.mark.parametrize("page, one", BLOCKS, ids=[f"{page.name}: {one.splitlines()[0][:50]}" for page, one in BLOCKS])
def test_what_a_block_imports_from_entmin_is_there(page, one):
    lines = [line for line in one.splitlines() if line.startswith(("from entmin", "import entmin"))]
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.ImportFrom):
            assert all(defines(node.module, name.name) for name in node.names), node.module


def defines(module, name):
    """Whether a module has a name; a host's is read, not imported, since its library may be missing."""
    if ".hosts." not in module:
        return hasattr(importlib.import_module(module), name)
    tree = ast.parse((ROOT / "src" / f"{module.replace('.', '/')}.py").read_text())
    named = {getattr(node, "name", "") for node in tree.body}
    return name in named | {t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets}


def test_the_page_says_what_tests_do_with_the_pages():
    assert PAGE.read_text() == text(), "run: python -m tests.documented > docs/tested.md"


def test_transformers(tiny_llama, capsys):
    hub = '"HuggingFaceTB/SmolLM2-135M-Instruct"'
    found = run("README.md", "from transformers import AutoModelForCausalLM", replaced={hub: repr(str(tiny_llama))})
    assert found["out"].shape[1] > found["inputs"]["input_ids"].shape[1] and capsys.readouterr().out


def test_a_pipeline_and_custom_generate(tiny_llama):
    model = {'"MODEL"': f'"{tiny_llama}", max_new_tokens=4'}
    found = run("docs/serving.md", "from transformers import pipeline", replaced=model)
    pipe = found["pipe"]
    plain = type(pipe)(pipe.model, tokenizer=pipe.tokenizer, max_new_tokens=4)
    inputs = pipe.tokenizer("hello", return_tensors="pt")
    names = {"model": pipe.model, "inputs": inputs, "pipe": plain, "prompts": ["hello"]}
    run("docs/serving.md", "from entmin.hosts.transformers import CUSTOM_GENERATE", names)


def test_grading():
    code = block("docs/grading.md", "from entmin.tasks.answers import")
    call, said = code.rstrip().splitlines()[-2:]
    found = run("docs/grading.md", "from entmin.tasks.answers import")
    assert said == f"# {eval(call, found)!r}"


def test_statistics():
    found = run("docs/statistics.md", "from entmin.stats import")["found"]
    assert found.low <= found.difference <= found.high and found.n == 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_python_interface(tiny_llama, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    small = {
        '"smollm2-135m"': repr(str(tiny_llama)),
        "limit=64": "limit=2, max_tokens=4",
        "limit=200": "limit=10, pilot=10, rivals='normal', frontier='1', voting=0, max_tokens=4",
        "max_steps=20": "max_steps=1, batch_size=2, n=2, max_tokens=4, report='none', device='cpu'",
    }
    found = run("docs/python.md", "import entmin", replaced=small)
    assert found["done"].folder == tmp_path / "run" or os.path.samefile(found["done"].folder, tmp_path / "run")
    assert found["answer"].tokens and found["step"]


@pytest.mark.slow
def test_exported_samples(entmin_here, tiny_llama, monkeypatch):
    entmin_here("eval", tiny_llama, "--limit", 2, "--max-tokens", 4, "--quiet")
    [folder] = (entmin_here.folder / "results" / tiny_llama.name / "normal").iterdir()
    entmin_here("export", folder, "-o", "samples.parquet")
    monkeypatch.chdir(entmin_here.folder)
    found = run("docs/benchmarks.md", "from datasets import load_dataset")
    assert len(found["rows"]) == 2 and json.dumps(found["rows"][0]["answer"])
