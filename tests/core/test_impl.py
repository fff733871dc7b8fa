"""The switch: what auto takes, what is refused and with which remedy, and life without a compiler."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from entmin.core import adaptive_temperature, em_inf, entropy, implementation
from entmin.core.gumbel import gumbel_argmax
from entmin.core.impl import IMPLEMENTATIONS, function_of
from entmin.errors import UsageError


def test_implementation_says_what_auto_takes(monkeypatch):
    monkeypatch.delenv("ENTMIN_IMPL", raising=False)
    large, small = torch.zeros(2, 50_000), torch.zeros(2, 10)
    assert implementation(large) == implementation(large.bfloat16(), "entropy") == "numba"
    assert implementation(small) == implementation(large.double()) == "torch"
    assert implementation(large.requires_grad_()) == "torch"
    assert implementation(large, impl="torch") == "torch"


def test_the_environment_overrides_auto_and_only_auto(monkeypatch):
    logits = torch.zeros(2, 50_000)
    monkeypatch.setenv("ENTMIN_IMPL", "torch")
    assert implementation(logits) == "torch"
    assert implementation(logits, impl="numba") == "numba"
    monkeypatch.setenv("ENTMIN_IMPL", "numb")
    with pytest.raises(UsageError, match=r"'numb' \(from ENTMIN_IMPL\) \(did you mean 'numba'\?\)"):
        em_inf(logits)


def test_the_environment_leaves_an_operation_that_its_implementation_lacks_to_auto(monkeypatch):
    logits, keys = torch.randn(2, 5000), torch.tensor([[3, 4], [5, 6]])
    monkeypatch.delenv("ENTMIN_IMPL", raising=False)
    expected = gumbel_argmax(logits, keys)
    monkeypatch.setenv("ENTMIN_IMPL", "triton")
    assert implementation(logits, "gumbel_argmax") == "numba"
    assert torch.equal(gumbel_argmax(logits, keys), expected)
    with pytest.raises(UsageError, match="it has no gumbel_argmax; use impl='torch'"):
        gumbel_argmax(logits, keys, impl="triton")


def test_values_is_another_name_of_numba(monkeypatch):
    logits = torch.randn(2, 2000)
    assert implementation(logits, impl="values") == "numba"
    assert torch.equal(em_inf(logits, impl="values"), em_inf(logits, impl="numba"))
    monkeypatch.setenv("ENTMIN_IMPL", "values")
    assert implementation(torch.zeros(2, 10), "entropy") == "numba"


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_every_function_of_the_table_is_where_it_says(name):
    if IMPLEMENTATIONS[name].missing():
        pytest.skip(f"{name} is not available")
    for op in IMPLEMENTATIONS[name].functions:
        assert callable(function_of(name, op))


@pytest.mark.parametrize(
    ("logits", "impl", "remedy"),
    [
        (torch.zeros(2, 50), "fast", "there are: auto, torch, numba, triton"),
        (torch.zeros(2, 50, dtype=torch.float64), "numba", "float64 logits need impl='torch'"),
        (torch.zeros(2, 50, device="meta"), "numba", "move them to the CPU"),
        (torch.zeros(2, 50, requires_grad=True), "numba", "detach"),
    ],
)
def test_what_cannot_be_honoured_is_an_error_that_names_the_remedy(logits, impl, remedy):
    for run in (em_inf, entropy, adaptive_temperature):
        with pytest.raises(UsageError, match=remedy):
            run(logits, impl=impl)


@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="the interpreter takes CPU tensors")
def test_triton_on_cpu_tensors_is_refused_without_the_interpreter():
    with pytest.raises(UsageError, match="triton"):
        em_inf(torch.zeros(2, 50), impl="triton")


def test_the_compiled_exponentials_are_right_to_the_last_digits():
    pytest.importorskip("numba")
    from entmin.core.numba.exponential import exp32, exp64

    for s in torch.linspace(-87, 60, 5000, dtype=torch.float64).tolist():
        single = np.float32(s)
        assert abs(exp64(s) / math.exp(s) - 1) < 2 * 2**-52
        assert abs(float(exp32(single)) / math.exp(float(single)) - 1) < 3 * 2**-23
    assert 0 <= exp64(-1e4) < 1e-300
    assert 0 <= exp32(np.float32(-1e4)) < 2e-38


def in_a_process(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_without_a_working_compiler_auto_takes_torch_and_says_why():
    out = in_a_process(
        "import torch, entmin\n"
        "from entmin.core.impl import implementation, states\n"
        "z = torch.randn(2, 5000)\n"
        "print(implementation(z), states()['numba'])\n"
        "assert torch.equal(entmin.em_inf(z), entmin.em_inf(z, impl='torch'))\n"
        "try: entmin.em_inf(z, impl='numba')\n"
        "except entmin.errors.UsageError as error: print(error)\n",
        NUMBA_DISABLE_JIT="1",
    )
    first, second = out.splitlines()
    assert first.startswith("torch not available: Numba does not work here")
    assert "NUMBA_DISABLE_JIT" in second
    out = in_a_process(
        "import sys; sys.modules['numba'] = None\n"
        "import torch\nfrom entmin.core.impl import implementation, states\n"
        "print(implementation(torch.zeros(2, 5000)), states()['numba'])\n"
    )
    assert out.startswith("torch not available: Numba is not installed; pip install numba")


def test_plain_torch_and_the_command_line_start_without_the_compiler():
    in_a_process(
        "import sys, torch, entmin\nentmin.entropy(torch.ones(2, 9), impl='torch')\nassert 'numba' not in sys.modules"
    )
    in_a_process(
        "import sys\nfrom entmin.cli import main\nsys.argv = ['entmin', '--help']\n"
        "try: main()\nexcept SystemExit: pass\nassert not {'numba', 'torch'} & set(sys.modules)"
    )


@pytest.mark.slow
def test_works_where_no_folder_can_keep_compiled_functions():
    code = (
        "import numba.core.caching as caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "import torch, entmin\n"
        "print(entmin.entropy(torch.zeros(1, 5000), impl='numba').item())"
    )
    out = in_a_process(code)
    assert float(out) == pytest.approx(math.log(5000))
