"""Programs per second in the sandbox against a plain subprocess: ``python benchmarks/sandbox.py``.

Three kinds of programs: one that does nothing (the overhead itself), a HumanEval-like one, and one that imports NumPy.
Each is run one at a time (latency) and on all cores (throughput). The plain subprocess starts the same interpreter with
the same options and no limits, which is what the published harness does, only without its fork of a large process.
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
    "nothing": ("x = 1", "assert x == 1", ()),
    "small": ("def f(n):\n    return sorted(str(i) for i in range(n))", "assert len(f(2000)) == 2000", ()),
    "numpy": ("import numpy as np", "assert np.eye(50).sum() == 50", ("numpy",)),
}


def plain(code: str, tests: str, packages: tuple[str, ...]) -> None:
    """The same program in an unprotected interpreter."""
    path = os.pathsep.join({os.path.dirname(source) for source in package_mounts(packages).values()})
    environment = ENVIRONMENT | {"PYTHONPATH": path}
    subprocess.run([interpreter(), *PYTHON_OPTIONS, "-c", f"{code}\n{tests}"], env=environment, check=True)


def measure(run: Callable[[], object]) -> tuple[float, float]:
    """(median milliseconds of one alone, programs per second on all cores)."""
    run()
    alone = []
    for _ in range(COUNT):
        started = time.perf_counter()
        run()
        alone.append(time.perf_counter() - started)
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(lambda _: run(), range(2 * COUNT)))
    return 1000 * median(alone), 2 * COUNT / (time.perf_counter() - started)


def main() -> None:
    """Print the table."""
    sandbox = open_sandbox()
    print(f"{sandbox.version}, filter {sandbox.filtered}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'program':<10} {'sandbox ms':>11} {'plain ms':>9} {'overhead ms':>12} {'sandbox /s':>11} {'plain /s':>9}")
    for name, (code, tests, packages) in KINDS.items():
        program = Program("asserts", code, (Case(tests=tests),), packages=packages)
        assert sandbox.run(program, Limits())[0].ending == "ok"
        inside = measure(lambda program=program: sandbox.run(program, Limits()))
        outside = measure(lambda arguments=(code, tests, packages): plain(*arguments))
        overhead = inside[0] - outside[0]
        times = f"{inside[0]:>11.1f} {outside[0]:>9.1f} {overhead:>12.1f}"
        print(f"{name:<10} {times} {inside[1]:>11.1f} {outside[1]:>9.1f}")


if __name__ == "__main__":
    main()
