"""Fixtures that tests of tasks, programs and evaluation share."""

from tests.evals.conftest import *  # noqa: F403
