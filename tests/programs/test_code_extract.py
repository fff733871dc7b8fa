"""Programs are found where models put them, and nothing is made of what is none."""

import time

import pytest
from tests.grading.test_visible import THINKING

from entmin.programs.extract import blocks, extract, program_in
from entmin.programs.programs import with_class
from entmin.programs.published import paper_extract, paper_solution
from entmin.programs.steps import join_steps, without_imports

F = "def f(x):\n    return x"
TABLE = [
    ("one block", f"```python\n{F}\n```", F),
    ("talk around", f"Sure!\n```python\n{F}\n```\nIt is `O(1)`.", F),
    ("unclosed", f"Sure!\n```python\n{F}\n", F),
    ("no language", f"```\n{F}\n```", F),
    ("other spelling", f"```Python3\n{F}\n```", F),
    ("tildes", f"~~~py\n{F}\n~~~", F),
    ("windows line ends", f"```python\r\n{F}\r\n```".replace("\n", "\r\n").replace("\r\r", "\r"), F),
    ("indented", "1. Do\n\n   ```python\n   def f(x):\n       return x\n   ```", F),
    ("the last that defines it", f"```python\ndef f(x):\n    return 0\n```\nBetter:\n```python\n{F}\n```", F),
    ("a usage block after it", f"```python\n{F}\n```\nUse it:\n```python\nprint(f(1))\n```", F),
    ("another language after it", f"```python\n{F}\n```\n```bash\nf 1\n```", F),
    ("a second fence without an end of the first", f"```python\n{F}\n```python\nprint(1)\n```", F),
    ("imports in an earlier block", f"```python\nimport math\n```\n```python\n{F}\n```", f"import math\n{F}"),
    ("no fence", F, F),
    ("no fence, talk around", f"The answer:\n\n{F}\n\nThat is all, folks!", F),
    ("no fence, talk after", f"{F}\nThis returns x.", F),
    ("assigned", "```python\nf = lambda x: x\n```", "f = lambda x: x"),
    ("broken", "```python\ndef f(x:\n    return x\n```", "def f(x:\n    return x"),
    ("nothing", "I cannot do that.", None),
    ("empty", "", None),
    ("a word that parses", "Yes", None),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_extract(text, expected):
    found = extract(text, "f")
    assert (found.strip() if found else found) == expected


def test_a_program_that_reads_its_input_needs_no_definition():
    assert extract("```python\nprint(input())\n```") == "print(input())"
    assert extract("n = int(input())\nprint(n)") == "n = int(input())\nprint(n)"
    assert extract("I would print it.") is None


def test_other_languages_are_no_program():
    assert list(blocks("```cpp\nint main() {}\n```")) == []


READS = "n = int(input())\nprint(n * 2)"
DRAFT = "def main():\n    n = int(input())\n    print(n)\n\nmain()"
EXAMPLES = {
    "an output": "Output:\n```\n3\n```",
    "a word": "It prints\n```\nYes\n```", "an input": "Input:\n```\n3\n1 2 3\n```",
    "a complexity": "It takes\n```\nO(n)\n```", "a formula": "since\n```python\nn * (n + 1) / 2\n```",
    "an assignment": "where\n```\nx = 5\n```", "a test": "Try:\n```python\nassert solve(3) == 6\n```",
    "a shell line": "Run:\n```bash\npython main.py\n```", "text": "Explanation:\n```text\nfirst read n\n```",
    "json": "```json\n{\"a\": 1}\n```", "input and output": "```\n2 3\n```\ngives\n```\n6\n```",
    "names": "```\nn, m\n```",
    "usage": "Usage:\n```python\nprint(double(4))\n```",
}  # fmt: skip


@pytest.mark.parametrize("after", EXAMPLES.values(), ids=EXAMPLES)
def test_a_block_that_is_no_program_does_not_win(after):
    assert extract(f"```python\n{READS}\n```\n{after}") == READS
    assert extract(f"{after}\n```python\n{READS}\n```\n{after}") == READS
    assert extract(f"```python\n{F}\n```\n{after}", "f") == F


def test_a_later_corrected_program_counts_with_or_without_a_definition():
    assert extract(f"```python\n{DRAFT}\n```\nThat forgets to double.\n```python\n{READS}\n```") == READS
    assert extract(f"```python\n{READS}\n```\nBetter:\n```python\n{DRAFT}\n```") == DRAFT
    assert extract(f"```python\ndef f(x): return 0\n```\n```\n{F}\n```\nOutput\n```\n3\n```", "f") == F


DOCSTRING = 'def f(x):\n    """Twice.\n\n    ```\n    f(1)\n    ```\n    """\n    return x'
LEFTOVERS = [
    (f"```python\n{F}\n```<|im_end|>", F), (f"```python\n{F}<|im_end|>", F), (f"{F}\n<|im_end|>", F), (f"{F}</s>", F),
    (f"[PYTHON]\n{F}\n[/PYTHON]", F), (f"[BEGIN]\n{F}\n[DONE]", F), (f"{F}\n[DONE]\n\nMore words here.", F),
    (f"<think>```python\ndef f(x):\n    return 0\n```</think>\n```python\n{F}\n```", F),
    (f"<THOUGHT>def f(x): return 0</THOUGHT>\n{F}", F),
    (f"```python\n{F}\n```<|im_end|>\n<|im_start|>user\n```python\ndef f(x):\n    return 0\n```", F),
    (f"<|channel|>analysis<|message|>def f(x): pass<|end|><|start|>assistant<|channel|>final<|message|>\n{F}", F),
    ("```python\n    def f(x):\n        return x\n```", F),
    ("```python\ndef f(x):\n\treturn x\n```", "def f(x):\n\treturn x"),
    ("1. so\n\n   ```python\n   def f(x):\n       return x\n   ```", F),
    ("```python\n def f(x):\n     return x\n```", F), (f"```python\n{DOCSTRING}\n```", DOCSTRING),
    (f"Here: ```python\n{F}\n```", F), (f"```python\n{F}```", F), (f"```{{.python}}\n{F}\n```", F),
    (f"```Python title=\"a.py\"\n{F}\n```", F), (f"````python\n{F}\n````", F), ("```python f = abs ```", "f = abs"),
    ("```python\ns = '</s>'\ndef f(x):\n    return x + s\n```", "s = '</s>'\ndef f(x):\n    return x + s"),
    (f"I think this works:\n\n{F}\n\nIt returns x, as we wanted.", F),
]  # fmt: skip


@pytest.mark.parametrize(("text", "program"), LEFTOVERS)
def test_indentation_docstrings_and_leftovers_of_templates(text, program):
    found = extract(text, "f")
    assert found is not None
    assert found.strip() == program


def test_a_program_between_prose_needs_no_fence():
    text = f"The program reads n.\n\n{READS}\n\nIt prints the double, as asked for."
    assert extract(text) == READS + "\n"


HOSTILE = {
    "a fence that never ends": "```" + "a" * 20_000 + "`",
    "imports and statements": "import os\n" * 60 + "x = f(1, 2) + 3\n" * 3_000,
    "fences": "```python\n" * 20_000,
    "definitions": "def f(x):\n" * 20_000,
    "brackets": "(" * 150_000,
    "broken imports": "import x\n(\n" * 10_000,
    "docstrings": '```python\n"""\n```\n' * 5_000,
    "indentation": "\n".join(" " * n + "if 1:" for n in range(500)),
    "tags": "[PYTHON]" * 20_000,
    "turn ends": "<|im_end|>x" * 15_000,
    "blocks that do not parse": "```python\nf(\n```\n" * 10_000,
    "openings of the published rule": "```python\n" * 20_000 + "x",
}  # fmt: skip
MARGIN = 0.02
"""Seconds of processor time that hide what a text costs beside them."""


def fastest(function, *arguments):
    """Processor seconds of the quickest of three runs."""
    seconds = []
    for _ in range(3):
        started = time.process_time()
        function(*arguments)
        seconds.append(time.process_time() - started)
    return min(seconds)


@pytest.mark.parametrize("name", HOSTILE)
def test_extraction_is_linear_on_floods(name):
    """Twice the text takes about twice the time on any machine; four times, where the cost is its square."""
    text = HOSTILE[name]
    for function, more in ((extract, ("f",)), (extract, (None,)), (paper_extract, ())):
        assert fastest(function, text, *more) < 3 * fastest(function, text[: len(text) // 2], *more) + MARGIN


def test_a_text_that_breaks_the_search_has_no_program_and_costs_nothing_else():
    assert program_in(f"```python\n{F}\n```", "f") == F
    assert program_in("```python\nx = '\ud800'\n```", "f") is not None
    assert program_in(f"```python\n{F}\n```", "f") == F


def test_a_missing_class_is_made_of_the_function():
    space = {}
    exec(with_class("def twice(x):\n    return 2 * x", "twice"), space)
    assert space["Solution"]().twice(2) == 4
    exec(with_class("def twice(self, x):\n    return 2 * x", "twice"), space)
    assert space["Solution"]().twice(3) == 6
    whole = "class Solution:\n    def twice(self, x):\n        return x"
    assert with_class(whole, "twice") == whole


def test_the_published_rules():
    assert paper_extract("```python\nx = 1\n```\n```python\ndef f(): pass\n```\n```python\ny\n```") == "def f(): pass\n"
    assert paper_extract("print(1)\n``` ") == "print(1)\n"
    assert paper_solution("def f(self): pass") == "class Solution:\n    def f(self): pass"


def test_steps():
    assert without_imports("import numpy as np\nfrom x import (\n    y,\n)\ndef f(): pass") == "def f(): pass"
    assert join_steps({"1.1": F}) == f"## 1.1\n\n```python\n{F}\n```"


@pytest.mark.parametrize("text", [text for text in THINKING if r"\boxed{3}" in text and r"\boxed{5}" not in text])
@pytest.mark.parametrize("final", [f"\n```python\n{READS}\n```\n", f"\n{READS}\n"], ids=["fenced", "bare"])
def test_a_draft_in_thinking_marked_in_any_way_is_not_the_program(text, final):
    before, _, after = text.replace(r"\boxed{3}", f"\nFirst:\n```python\n{DRAFT}\n```\nNo.\n").rpartition("5")
    assert (extract(before + final + after) or "").strip() == READS
