"""Which function judges which benchmark."""

from __future__ import annotations

from functools import partial

from entmin.problem import Problem
from entmin.programs.judge import Judgement, Rules, guarded, judge


def judge_any(row: Problem, completion: str, rules: Rules) -> Judgement:
    """Judge one answer to a problem of any code benchmark; blocks.

    Raises:
        EntminError: the sandbox failed.
    """
    return guarded(partial(_judge, row, completion, rules), rules)


def _judge(row: Problem, completion: str, rules: Rules) -> Judgement:
    if rules.task == "livecodebench":
        from entmin.programs.contest import judge_livecodebench

        return judge_livecodebench(row, completion, rules)
    if rules.task == "scicode":
        from entmin.programs.steps import judge_scicode

        return judge_scicode(row, completion, rules)
    return judge(row, completion, rules)
