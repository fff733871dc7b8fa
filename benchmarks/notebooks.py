"""Run the notebooks from start to end and keep them with what they show: docs/notebooks, which the site has as pages.

    python benchmarks/notebooks.py [NAME ...]

It takes a few minutes on two cores. What a progress line said while it was drawn is left out.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "notebooks"


def shown(output: nbformat.NotebookNode) -> bool:
    """Whether an output is a result, and not a progress line or a widget of it."""
    if output.output_type == "stream":
        return output.name == "stdout"
    return output.output_type == "execute_result"


def keep(path: Path) -> Path:
    """Run one notebook in an empty folder, and write it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=1000, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if shown(output)]
    notebook.metadata = {name: notebook.metadata[name] for name in ("kernelspec",) if name in notebook.metadata}
    nbformat.write(notebook, KEPT / path.name)
    return KEPT / path.name


def main() -> None:
    """Run those that are named, or all."""
    KEPT.mkdir(exist_ok=True)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if len(sys.argv) == 1 or path.stem in sys.argv[1:]:
            print(keep(path))


if __name__ == "__main__":
    main()
