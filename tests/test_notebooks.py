"""The notebooks run from start to end, in a kernel of their own."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
SHOWN = {"1_see_it": ["<table>", 'title="entropy'], "2_measure_it": ["<svg", "<table>"], "3_train_it": ["<svg"]}
"""What the rich displays of each must hold."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_its_results(path, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=1000, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = "".join(output["data"].get("text/html", "") for output in outputs if "data" in output)
    assert all(part in shown for part in SHOWN[path.stem]) and "<script" not in shown
    plain = [output["data"]["text/plain"] for output in outputs if "data" in output]
    assert all(len(text) < 600 for text in plain), max(plain, key=len)
    said = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    assert "ipywidgets" not in said and "Traceback" not in said
    nbformat.write(notebook, tmp_path / path.name)


def test_notebooks_are_kept_without_outputs():
    assert len(NOTEBOOKS) == 3 == len(SHOWN)
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_site_shows_a_run_of_the_notebook_as_it_is(path):
    kept = nbformat.read(path.parents[1] / "docs" / "notebooks" / path.name, as_version=4)
    sources = [(cell.cell_type, cell.source) for cell in nbformat.read(path, as_version=4).cells]
    assert [(cell.cell_type, cell.source) for cell in kept.cells] == sources, "run: python benchmarks/notebooks.py"
    shown = "".join(o.data.get("text/html", "") for c in kept.cells for o in c.get("outputs", []) if "data" in o)
    assert all(part in shown for part in SHOWN[path.stem])
