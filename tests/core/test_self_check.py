"""The check before `auto` takes the Triton kernels: right ones pass, broken ones are refused by name, once.

triton_cases.py puts the real kernels through it. There is no CUDA device here, so what is broken is plain torch.
"""

from __future__ import annotations

import functools
import warnings

import pytest
import torch

from entmin.core import impl, self_check
from entmin.core.self_check import SelfCheck, failure

CPU = torch.device("cpu")
right = functools.partial(impl.function_of, "torch")


def broken(op, damage):
    """The torch operations, one of them with its result damaged."""

    def functions(name):
        function = right(name)
        return (lambda *args, **options: damage(function(*args, **options))) if name == op else function

    return functions


def crash(_):
    raise RuntimeError("CUDA error: invalid device function\nmore lines")


def one_row_off(size):
    def damage(found):
        found = found.clone()
        found[1] += size
        return found

    return damage


DAMAGE = [
    ("em_inf", lambda out: out.nan_to_num(neginf=-1e30), "masked"),
    ("em_inf", lambda out: out + 1e-3, "under the threshold"),
    ("em_inf", lambda out: torch.cat([out[:3], out[3:] * 1.001]), "em_inf is off by"),
    ("em_inf", lambda out: torch.cat([out[:3], out[3:] * torch.nan]), "em_inf"),
    ("solve_temperature", one_row_off(1e-3), "solve_temperature is off by"),
    ("solve_temperature", lambda tau: tau * torch.nan, "solve_temperature is off by nan"),
    ("entropy", one_row_off(1e-4), "entropy is off by 1.0e-04"),
    ("entropy_and_logprob", lambda found: (found[0], found[1] - 1e-3), "entropy_and_logprob is off by"),
    ("entropy", crash, "RuntimeError with torch.float32: CUDA error: invalid device function"),
]


def test_right_operations_pass():
    assert failure(right, right, CPU) is None


@pytest.mark.parametrize(("op", "damage", "reason"), DAMAGE)
def test_a_broken_operation_is_refused_with_its_name(op, damage, reason):
    assert reason in failure(broken(op, damage), right, CPU)


def test_a_failure_in_bfloat16_alone_is_found():
    def functions(name):
        return lambda logits, *rest, **options: (
            right(name)(logits, *rest, **options) * (1.01 if logits.dtype == torch.bfloat16 else 1)
            if name == "entropy"
            else right(name)(logits, *rest, **options)
        )

    assert failure(functions, right, CPU).endswith("with torch.bfloat16")


def test_a_device_is_checked_once_and_warned_about_once():
    asked = []

    def functions(name):
        asked.append(name)
        return broken("entropy", crash)(name)

    check = SelfCheck("triton", functions, right)
    assert check.state(CPU) == "not yet checked on cpu"
    assert asked == []
    with pytest.warns(RuntimeWarning, match="plain torch there.*ENTMIN_IMPL=triton"):
        assert not check.passes(CPU)
    before = len(asked)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not check.passes(CPU)
    assert len(asked) == before
    assert check.state(CPU).startswith("failed on cpu: RuntimeError")


def test_nothing_is_checked_while_a_graph_is_recorded(monkeypatch):
    check = SelfCheck("triton", right, right)
    monkeypatch.setattr(self_check, "_capturing", lambda device: True)
    assert not check.passes(CPU)
    assert check.state(CPU) == "not yet checked on cpu"
    monkeypatch.undo()
    assert check.passes(CPU)
    assert check.state(CPU) == "checked on cpu"
    monkeypatch.setattr(self_check, "_capturing", lambda device: True)
    assert check.passes(CPU)


def test_the_check_leaves_the_random_numbers_of_the_process_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    failure(right, right, CPU)
    assert torch.equal(torch.rand(2), expected)
