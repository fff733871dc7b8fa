import os

import pytest

from entmin.errors import EntminError
from entmin.sandbox import Case, Limits, Outcome, Program, Sandbox, open_sandbox

LIMITS = Limits(cpu_seconds=2, wall_seconds=8, memory_mib=256, processes=16, file_mib=4, disk_mib=16, output_mib=1)


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The real sandbox. Without it there is nothing to test, except in CI, where its absence is a failure."""
    try:
        return open_sandbox()
    except EntminError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the sandbox does not work here: {error}")


@pytest.fixture
def run(sandbox):
    """Run one program made of code and asserts."""

    def go(code: str, tests: str = "", limits: Limits = LIMITS, **options) -> Outcome:
        return sandbox.run(Program("asserts", code, (Case(tests=tests),), **options), limits)[0]

    return go
