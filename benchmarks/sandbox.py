"""Programs per second in the sandbox against a plain subprocess: ``python benchmarks/sandbox.py``.

Three kinds of programs: one that does nothing (the overhead itself), a HumanEval-like one, and one that imports NumPy.
Each is run three ways in turn, so that the load of the machine is the same for all: as a plain subprocess of the same
interpreter with the same options and no limits, which is what the published harness does; in the sandbox with tests and
program in one process; in the sandbox with the judge apart, as benchmarks are judged. Then on all cores at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from entmin.sandbox import Case, Limits, Program, open_sandbox
from entmin.sandbox.bubblewrap import ENVIRONMENT, PYTHON_OPTIONS, interpreter, package_mounts

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 60
KINDS = {
    "nothing": ("def f(): return 1", "assert f() == 1", ()),
    "small": ("def f(n): return sorted(str(i) for i in range(n))", "assert len(f(2000)) == 2000", ()),
    "100 calls": ("def f(x): return [x]", "for x in range(100): assert f(x) == [x]", ()),
    "numpy": ("import numpy as np\ndef f(): return np.eye(50)", "assert f().sum() == 50", ("numpy",)),
}


def plain(code: str, tests: str, packages: tuple[str, ...]) -> None:
    """The same program in an unprotected interpreter."""
    path = os.pathsep.join({os.path.dirname(source) for source in package_mounts(packages).values()})
    environment = ENVIRONMENT | {"PYTHONPATH": path}
    subprocess.run([interpreter(), *PYTHON_OPTIONS, "-c", f"{code}\n{tests}"], env=environment, check=True)


def alone(ways: list[Callable[[], object]]) -> list[float]:
    """Median milliseconds of each way, one at a time and by turns."""
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(COUNT):
        for way, taken in zip(ways, times, strict=True):
            started = time.perf_counter()
            way()
            taken.append(time.perf_counter() - started)
    return [1000 * median(taken) for taken in times]


def together(way: Callable[[], object]) -> float:
    """Programs per second on all cores."""
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(lambda _: way(), range(2 * COUNT)))
    return 2 * COUNT / (time.perf_counter() - started)


def main() -> None:
    """Print the table."""
    sandbox = open_sandbox()
    print(f"{sandbox.version}, filter {sandbox.filtered}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'program':<10} {'plain ms':>9} {'in process':>11} {'apart ms':>9} {'apart - in':>11} {'apart /s':>9}")
    for name, (code, tests, packages) in KINDS.items():
        programs = [
            Program("asserts", code, (Case(tests=tests),), preload=packages, packages=packages, entries=entries)
            for entries in ((), ("f",))
        ]
        assert all(sandbox.run(program, Limits())[0].ending == "ok" for program in programs)
        inside = [lambda program=program: sandbox.run(program, Limits()) for program in programs]
        taken = alone([lambda: plain(code, tests, packages), *inside])  # noqa: B023 (used before the next round)
        cells = f"{taken[0]:>9.1f} {taken[1]:>11.1f} {taken[2]:>9.1f} {taken[2] - taken[1]:>11.1f}"
        print(f"{name:<10} {cells} {together(inside[1]):>9.1f}")


if __name__ == "__main__":
    main()
