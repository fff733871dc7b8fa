"""Runs triton_cases.py through Triton's interpreter, or on a GPU where there is one; and compiles the kernels for one.

The interpreter accepts what the compiler refuses, so the kernels are compiled to machine code for an H100 as well,
which needs no GPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton")
ROOT = Path(__file__).parents[2]


def run(*command, interpret, timeout):
    environment = {name: value for name, value in os.environ.items() if name not in ("TRITON_INTERPRET", "ENTMIN_IMPL")}
    if interpret:
        environment["TRITON_INTERPRET"] = "1"
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def assert_cases_pass(chosen, *, interpret, timeout):
    cases = Path(__file__).with_name("triton_cases.py")
    options = ("-q", "-p", "no:cacheprovider", "-m", chosen, "-o", f"timeout={timeout}")
    done = run("-m", "pytest", str(cases), *options, interpret=interpret, timeout=timeout)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


@pytest.mark.timeout(400)
@pytest.mark.slow
def test_kernels_through_the_interpreter():
    assert_cases_pass("not slow", interpret=True, timeout=390)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("ENTMIN_FULL_SIZE"), reason="up to an hour: set ENTMIN_FULL_SIZE=1")
@pytest.mark.timeout(3700)
def test_kernels_through_the_interpreter_at_full_size():
    assert_cases_pass("slow", interpret=True, timeout=3600)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.timeout(600)
def test_kernels_on_the_gpu():
    assert_cases_pass("slow or not slow", interpret=False, timeout=590)


@pytest.mark.slow
def test_kernels_compile_for_an_h100_without_spills(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "cache"))
    report = tmp_path / "kernels.json"
    done = run("benchmarks/kernel_registers.py", "--json", str(report), interpret=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    kernels = json.loads(report.read_text())
    assert {line["kernel"] for line in kernels} == {"first_sums", "sweep", "write", "finish", "solve"}
    assert {line["logits"] for line in kernels} == {"bf16", "fp16", "fp32"}
    assert all(line["spilled_bytes"] == 0 for line in kernels)
