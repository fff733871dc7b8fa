"""Hooks of mkdocs: the pages outside docs/, notebooks, and the reference of the public Python names join the site."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    **{f"{name}.md": f"{name}.md" for name in ("LAB", "CHANGELOG", "CONTRIBUTING", "SECURITY")},
}
LIBRARY = ("entmin.stats", "entmin.losses", "entmin.rewards", "entmin.methods", "entmin.hosts.vllm")
"""Modules for those who use a part of entmin, beside the names of `entmin` itself."""


def on_files(files: Files, config: Any) -> Files:
    """Add what does not lie in docs/."""
    for name, place in PAGES.items():
        files.append(File.generated(config, place, content=moved((ROOT / name).read_text(encoding="utf-8"))))
    files.append(File.generated(config, "constraints.txt", content=(ROOT / "constraints.txt").read_text()))
    files.append(File.generated(config, "api.md", content=python_reference()))
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=notebook(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Let links lead to where pages lie in the site."""
    return moved(markdown)


def moved(text: str) -> str:
    """Links between the root and docs/ as links between neighbours."""
    text = re.sub(r"\]\((?:\.\./|docs/)", "](", text)
    return text.replace("](README.md", "](index.md")


def notebook(path: Path) -> str:
    """A notebook that was run, as a page: its texts, its code, and what that showed."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
        for output in cell.get("outputs", []):
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "text/html" in data:
                lines = "".join(data["text/html"]).splitlines()
                parts.append("\n".join(line for line in lines if line.strip()))
            else:
                parts.append(f"```text\n{''.join(data['text/plain']).rstrip()}\n```")
    return "\n\n".join(parts)


def python_reference() -> str:
    """The public names of `entmin`, each where it is defined, then whole modules."""
    tree = ast.parse((ROOT / "src/entmin/__init__.py").read_text(encoding="utf-8"))
    exports: dict[str, str] = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_EXPORTS"
    )
    lines = ["# Python reference", "", "Names of `entmin`, then modules for those who use a part of it.", ""]
    for name, module in sorted(exports.items()):
        lines += [f"::: {module}.{name}", ""]
    for module in LIBRARY:
        lines += [f"::: {module}", ""]
    return "\n".join(lines)
