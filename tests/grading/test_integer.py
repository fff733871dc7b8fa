"""Integers as models write them."""

from __future__ import annotations

import pytest

from entmin.grading import integer
from entmin.grading.gold import Gold


@pytest.mark.parametrize(
    "text",
    [
        r"\boxed{8{,}272}",
        r"\boxed{8\,272}",
        r"\boxed{8,\!272}",
        r"\boxed{8,272}",
        "The answer is 8272.0",
        r"so $8{,}272$",
    ],
)
def test_thousands_may_be_parted(text):
    assert integer.grade(text, Gold("integer", ("8272",))).correct is True
    assert integer.grade(text, Gold("integer", ("272",))).correct is False


def test_the_benchmarks_own_check_finds_nothing(entmin_here):
    assert "FAIL" not in entmin_here("check", "arithmetic", "--limit", "60").stdout  # which ends with 1 where one fails
