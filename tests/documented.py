"""What of the pages a test executes, reads or compares: the list, and the page that shows it.

    python -m tests.documented > docs/tested.md

Everything in the list is counted from the pages and the tests, so neither can change without the other.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tested.md"

RUN = {
    "README.md": {"from transformers import AutoModelForCausalLM": "test_documented_python"},
    "docs/benchmarks.md": {"from datasets import load_dataset": "test_documented_python"},
    "docs/grading.md": {"from entmin.tasks.answers import": "test_documented_python"},
    "docs/python.md": {"import entmin": "test_documented_python"},
    "docs/statistics.md": {"from entmin.stats import": "test_documented_python"},
    "docs/serving.md": {
        "from openai import OpenAI": "serve/test_clients",
        "from transformers import pipeline": "test_documented_python",
        "from entmin.hosts.transformers import CUSTOM_GENERATE": "test_documented_python",
    },
}
"""How a block of Python begins, and the test that runs it; of all others only what they import is looked up."""

WHOLE = {
    "docs/architecture.md": ("test_layers", "who may import whom"),
    "docs/architectures.md": ("engine/test_architectures", "the table is made by the test's own code"),
    "docs/commands.md": ("cli/test_reference", "the page is what the command line says of itself"),
    "docs/deviations.md": ("train/test_kl_gradient", "its figure of the KL gradient is computed again"),
    "docs/environment.md": ("cli/test_environment", "every variable that the package reads"),
    "docs/estimates.md": ("estimates/test_decoding", "the section that its benchmark writes"),
    "docs/reliability.md": ("test_reliability", "every row has its test, which `make faults` runs"),
    "docs/reports.md": ("cli/test_documented_commands", "every test that it names exists"),
    "docs/training.md": ("train/test_plan", "the command for several GPUs is the one that is printed"),
    "CONTRIBUTING.md": ("test_contributing", "every file is written and every command run, as plugins"),
}
"""Pages that a test holds as a whole, and what it holds."""


def pages() -> list[Path]:
    """The pages of the site, but for this one."""
    return [*sorted(ROOT.glob("*.md")), *(page for page in sorted((ROOT / "docs").glob("*.md")) if page != PAGE)]


def python_blocks(page: Path) -> list[str]:
    """Blocks of Python that are no files of an example."""
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.M | re.S)


def block(page: str, beginning: str) -> str:
    """The one block of a page that begins so."""
    [found] = [text for text in python_blocks(ROOT / page) if text.startswith(beginning)]
    assert beginning in RUN[page], "docs/tested.md would not say that it runs"
    return found


def row(page: Path, commands: set[str]) -> str | None:
    """A line of the table; None where no test looks at the page."""
    name = str(page.relative_to(ROOT))
    test, what = WHOLE.get(name, ("", ""))
    blocks, run = len(python_blocks(page)), RUN.get(name, {})
    told = [f"`{test}`: {what}"] if test else []
    if run:
        told.append(
            f"{len(run)} of {blocks} Python blocks run by " + ", ".join(f"`{t}`" for t in sorted(set(run.values())))
        )
    elif blocks:
        told.append(f"of {blocks} Python blocks the imports are looked up")
    if name in commands:
        told.append("its commands are read by the command line")
    return f"| {name} | {'; '.join(told)} |" if told else None


def text() -> str:
    """docs/tested.md."""
    from tests.cli.test_documented_commands import COMMANDS
    from tests.cli.test_documented_runs import NOT_RUN, runs

    lines = {param.values[0] for param in COMMANDS}
    reasons = "\n".join(f"  - {why}" for why in NOT_RUN.values())
    commands = {str(param.id).partition(":")[0] for param in COMMANDS}
    rows = [line for page in pages() if (line := row(page, commands))]
    silent = [str(page.relative_to(ROOT)) for page in pages() if row(page, commands) is None]
    return f"""# What tests execute of these pages

Made by `python -m tests.documented > docs/tested.md`; a test compares. Tests are files in `tests/`, without `.py`.

| page | what a test does with it |
|---|---|
{chr(10).join(rows)}

- **Commands**, in blocks and in sentences, those of `runs/` included: `cli/test_documented_commands` gives each of the
  {len(lines)} different ones to the command line, which parses it and looks up its modes, tasks, judges and settings.
  `cli/test_documented_runs` runs {len(list(runs()))} of those with a tiny model, the arithmetic task and
  small sizes: those that ask a server ask one that runs beside them, those that read a trained model get one of two
  steps, and veRL's are dry runs. It starts {len(list(runs(serving=True)))} that serve, and asks them. Those of
  CONTRIBUTING.md are run by `test_contributing`. Not run:
{reasons}
- **Benchmarks**, `python benchmarks/...`: the script exists and has the options shown.
- `make` targets, extras of `pip install`, and names of files in any page exist.
- **Notebooks**: `test_notebooks` runs the three from start to end and looks at what they show.
- **examples/**: `test_examples` gives scripts to a shell and its linter, resources to Kubernetes' schemas, commands to
  the command line.
- **Links and anchors** of all pages: `make docs`.
- Python that is not run needs vLLM, SGLang, llama.cpp or a trainer; tests of those hosts run the same calls (`hosts/`,
  `train/test_reward_functions`, `report/test_training_figure`).

No test looks at the words of {", ".join(silent)}.
"""


if __name__ == "__main__":
    sys.stdout.write(text())
