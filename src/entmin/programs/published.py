"""The published rules for finding a program, to compare with published tables."""

from __future__ import annotations


def paper_extract(text: str) -> str:
    """The published rule.

    The last ```python block with ``def``, else the last one, else plain blocks the same way, else what stands before
    the first fence.
    """
    for opening in ("```python\n", "```"):
        found, position = [], text.find(opening)
        while position >= 0 and (end := text.find("```", position + len(opening))) >= 0:
            found.append(text[position + len(opening) : end].removeprefix("\n" if opening == "```" else ""))
            position = text.find(opening, end + 3)
        if found:
            return next((code for code in reversed(found) if "def " in code), found[-1])
    return text.split("```")[0]


def paper_solution(code: str) -> str:
    """The published remedy for a missing class: everything indented under ``class Solution``."""
    if "class Solution:" in code:
        return code
    bare = code.replace("```python", "").replace("```", "")
    return "class Solution:\n" + "\n".join("    " + line for line in bare.split("\n"))
