"""Where a run has fewer problems than the margin asks for, the remedy is named and leads there."""

from __future__ import annotations

import re

from tests.settle.test_plan import plan

from entmin.settle.size import problems_wanted, shortfall
from entmin.tasks.registry import resolve


def said(n, pool, *, task="arithmetic", samples=500, margin=0.03, **options):
    about = {"n": n, "margin": margin, "flips": 0.2, "detectable": 0.06}
    asked = plan(**about, task_identity={"samples": samples}, settings={"task_options": options})
    return shortfall(asked, resolve(task)[0], pool=pool)


def test_enough_problems_need_no_words():
    assert said(problems_wanted(0.2, 0.03), 1800, samples=1900) == ""
    assert said(30, 400, margin=0.9) == ""


def test_a_procedural_task_can_make_enough():
    words = said(400, 400)
    assert "takes 1,745 problems; this run has 400 and sees 6.0 points" in words
    size = int(re.search(r"-T size=(\d+)\.", words)[1])
    assert said(problems_wanted(0.2, 0.03), size - 100, samples=size, size=size) == ""
    assert f"-T size={size} without --limit" in said(50, 400)
    assert "size=" in said(500, 500, samples=600, size=600)


def test_a_limit_is_named_where_it_alone_is_too_small():
    assert said(200, 2900, samples=3000, size=3000).endswith("The task has enough: raise --limit or leave it out.")


def test_a_task_that_can_make_no_more_says_so():
    fixed = said(400, 400, task="gsm8k")
    assert "The task has 400 besides those of the pilot: name a larger --mde" in fixed
    assert "(--limit leaves out 100 of them)" in said(300, 400, task="gsm8k")
    exhausted = said(80, 80, samples=180)
    assert "size=" not in exhausted
