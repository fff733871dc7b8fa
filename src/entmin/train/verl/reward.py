"""The reward function that veRL calls for every answer: verified where there is a label, 0 where there is none.

Rewards of the policy's own certainty need no text: `entmin.hosts.verl` puts them in the place of the zeros.
"""

from __future__ import annotations

from typing import Any

from entmin.train.answers import Answers


def score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: dict[str, Any], **_: Any
) -> dict[str, Any]:
    """The reward of one answer, and what it says, by which the samples of a prompt are compared.

    Args:
        data_source: not used.
        solution_str: the text.
        ground_truth: the label; empty where there is none.
        extra_info: its `kind` is that of the prompt.

    Returns:
        ``score``: 1 for a right answer, 0 for a wrong one and for one that nobody can judge. ``answer``: perhaps empty.
    """
    answers, kind = Answers(1), extra_info["kind"]
    [answer] = answers.keys([solution_str], [kind])
    verdict = answers.verdicts([solution_str], [ground_truth], [kind])[0] if ground_truth else None
    return {"score": float(bool(verdict)), "answer": answer or ""}
