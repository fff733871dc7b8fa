r"""Published strings that several code benchmarks share, and the signature that they quote.

LeetCode has the system prompt of "actions" with real newlines, LiveCodeBench the same with literal backslash-n;
HumanEval and MBPP have the system prompt of mathematics with its newline.
"""

from __future__ import annotations

import re

PAPER_ACTIONS = (
    "\nWhen tackling complex reasoning tasks, you have access to the following actions. Use them as needed to progress "
    "through your thought process.\n\n[ASSESS]\n\n[ADVANCE]\n\n[VERIFY]\n\n[SIMPLIFY]\n\n[SYNTHESIZE]\n\n[PIVOT]\n\n"
    "[OUTPUT]\n\nYou should strictly follow the format below:\n\n[ACTION NAME]\n\n# Your action step 1\n\n"
    "# Your action step 2\n\n# Your action step 3\n\n...\n\nNext action: [NEXT ACTION NAME]\n"
)
PAPER_SYSTEM = "Please reason step by step, and put your final answer within \\\\boxed{}.\n"
PAPER_TAIL = "\n\nWrite Python code to solve the problem. Present the code in \n```python\nYour code\n```\nat the end."


def signature(code: str, name: str) -> str:
    """The declaration of a function without ``def`` and colon, as the code writes it."""
    found = re.search(rf"def\s+({re.escape(name)}.*?):\s*\n", code, re.DOTALL)
    return found[1] if found else f"{name}()"
