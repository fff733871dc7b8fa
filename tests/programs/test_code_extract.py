"""Programs are found where models put them, and nothing is made of what is none."""

import pytest

from entmin.programs.extract import blocks, extract, paper_extract, paper_solution
from entmin.programs.programs import with_class
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


def test_extraction_is_quick_on_floods():
    for flood in ("```python\n" * 20_000, "def f(x):\n" * 20_000, "(" * 150_000, "import x\n(\n" * 10_000):
        extract(flood, "f")


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
