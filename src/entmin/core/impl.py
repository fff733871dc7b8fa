"""Which implementation does the work: one registry, one rule for `auto`, one way to ask.

    torch    plain tensor operations, any device and dtype: the equations, which the others are tested against
    numba    compiled for the CPU: rows that repeat few values are counted first, other rows go in fused sweeps
    triton   a few kernel launches on a CUDA device; on a CPU only through Triton's interpreter, for tests

`auto` looks at device, dtype and vocabulary, never at the batch size: a row's result must not depend on the other rows.
On a CUDA device it takes triton only after `entmin.core.self_check` has compared its results with torch's there, once.
``ENTMIN_IMPL`` replaces `auto` for every operation that the implementation it names has. An implementation that a
caller names runs or is an error.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor

from entmin.core.self_check import SelfCheck
from entmin.errors import UsageError, closest

AUTO = "auto"
VARIABLE = "ENTMIN_IMPL"
OPERATIONS = ("em_inf", "solve_temperature", "entropy", "entropy_and_logprob", "certainty", "gumbel_argmax")
_COMPILED_MIN_VOCABULARY = 1024
_HALF_OR_SINGLE = (torch.float32, torch.bfloat16, torch.float16)


class Implementation(NamedTuple):
    """One way of computing the operations."""

    functions: dict[str, str]
    """Operation to ``module:function``, imported at the first use."""
    missing: Callable[[], str | None]
    """Why it cannot run on this machine, with the remedy; None when it can."""
    refuses: Callable[[Tensor], str | None]
    """Why it cannot take these logits, with the remedy; None when it can."""


def _nothing(*_: Any) -> str | None:
    return None


@functools.cache
def _numba_missing() -> str | None:
    if find_spec("numba") is None:
        return "Numba is not installed; pip install numba"
    try:
        importlib.import_module("entmin.core.numba")
    except Exception as error:  # a Numba that does not fit the installed NumPy or Python fails in many ways
        return f"Numba does not work here ({type(error).__name__}: {error}); pip install --upgrade numba"
    return None


def _numba_refuses(logits: Tensor) -> str | None:
    if logits.device.type != "cpu":
        return f"the logits are on {logits.device}; move them to the CPU or use impl='torch'"
    return _kernel_refuses(logits)


@functools.cache
def _triton_missing() -> str | None:
    if find_spec("triton") is None:
        return "Triton is not installed; pip install triton"
    if find_spec("entmin.core.triton") is None:
        return "this build of entmin has no Triton kernels; use impl='torch'"
    return None


def _triton_refuses(logits: Tensor) -> str | None:
    if logits.device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return f"the logits are on {logits.device}; move them to a CUDA device or use impl='auto'"
    return _kernel_refuses(logits)


def _kernel_refuses(logits: Tensor) -> str | None:
    """What no compiled implementation takes."""
    if logits.dtype not in _HALF_OR_SINGLE:
        return f"{str(logits.dtype).removeprefix('torch.')} logits need impl='torch'"
    if logits.requires_grad and torch.is_grad_enabled():
        return "it gives no gradients; detach the logits or use impl='torch'"
    return None


IMPLEMENTATIONS: dict[str, Implementation] = {
    "torch": Implementation(
        {
            "em_inf": "entmin.core.em_inf:em_inf_torch",
            "solve_temperature": "entmin.core.adaptive_temperature:solve_temperature_torch",
            "entropy": "entmin.core.entropy:entropy_torch",
            "entropy_and_logprob": "entmin.core.entropy:entropy_and_logprob_torch",
            "certainty": "entmin.core.certainty:certainty_torch",
            "gumbel_argmax": "entmin.core.gumbel:gumbel_argmax_torch",
        },
        _nothing,
        _nothing,
    ),
    "numba": Implementation(
        {
            "em_inf": "entmin.core.numba.em_inf:em_inf",
            "solve_temperature": "entmin.core.numba.adaptive_temperature:solve_temperature",
            "entropy": "entmin.core.numba.entropy:entropy",
            "entropy_and_logprob": "entmin.core.numba.entropy:entropy_and_logprob",
            "certainty": "entmin.core.numba.certainty:certainty",
            "gumbel_argmax": "entmin.core.numba.gumbel:gumbel_argmax",
        },
        _numba_missing,
        _numba_refuses,
    ),
    "triton": Implementation(
        {
            "em_inf": "entmin.core.triton.em_inf:em_inf",
            "solve_temperature": "entmin.core.triton.adaptive_temperature:solve_temperature",
            "entropy": "entmin.core.triton.entropy:entropy",
            "entropy_and_logprob": "entmin.core.triton.entropy:entropy_and_logprob",
        },
        _triton_missing,
        _triton_refuses,
    ),
}
"""By name, in the order they are listed to users."""
ALIASES = {"values": "numba"}
"""Other names that are accepted."""


def implementation(logits: Tensor, op: str = "em_inf", impl: str = AUTO) -> str:
    """The name of the implementation that would work on these logits.

    Args:
        logits: ``[..., V]``; only device, dtype, V and whether a gradient is wanted are looked at.
        op: one of `OPERATIONS`; ``solve_temperature`` is adaptive temperature.
        impl: a name, or ``auto``, which ``ENTMIN_IMPL`` overrides where the implementation it names has the operation.

    Raises:
        UsageError: unknown name, or an implementation that was asked for and cannot do it here; the message says what
            would help.
    """
    if op not in OPERATIONS:
        raise UsageError(f"unknown operation {op!r}; operations: {', '.join(OPERATIONS)}")
    source = ""
    if impl == AUTO and os.environ.get(VARIABLE, AUTO) != AUTO:
        impl, source = os.environ[VARIABLE], f" (from {VARIABLE})"
    if impl == AUTO:
        return _automatic(logits, op)
    impl = ALIASES.get(impl, impl)
    if impl not in IMPLEMENTATIONS:
        raise UsageError(
            f"unknown implementation {impl!r}{source}{closest(impl, IMPLEMENTATIONS)}; "
            f"there are: {', '.join((AUTO, *IMPLEMENTATIONS))}"
        )
    if source and op not in IMPLEMENTATIONS[impl].functions:
        return _automatic(logits, op)
    why = _cannot(IMPLEMENTATIONS[impl], logits, op)
    if why:
        raise UsageError(f"implementation {impl!r}{source} cannot do this: {why}")
    return impl


def _cannot(chosen: Implementation, logits: Tensor, op: str) -> str | None:
    if op not in chosen.functions:
        return f"it has no {op}; use impl='torch'"
    return chosen.refuses(logits) or chosen.missing()


def _automatic(logits: Tensor, op: str) -> str:
    candidate = _candidate(logits, op)
    return candidate if candidate != "triton" or TRITON_CHECK.passes(logits.device) else "torch"


def _candidate(logits: Tensor, op: str) -> str:
    """What `auto` would take if every check passed."""
    candidate = {"cuda": "triton", "cpu": "numba"}.get(logits.device.type, "torch")
    if candidate == "numba" and logits.shape[-1] < _COMPILED_MIN_VOCABULARY:
        return "torch"
    return "torch" if _cannot(IMPLEMENTATIONS[candidate], logits, op) else candidate


def function(logits: Tensor, op: str, impl: str = AUTO) -> Callable[..., Any]:
    """The function behind `implementation`, ready to call.

    Raises:
        UsageError: see `implementation`.
    """
    return function_of(implementation(logits, op, impl), op)


@functools.cache
def function_of(name: str, op: str) -> Callable[..., Any]:
    """The function of a named implementation; `implementation` says whether it can be called."""
    found: Callable[..., Any] = pkgutil.resolve_name(IMPLEMENTATIONS[name].functions[op])
    return found


TRITON_CHECK = SelfCheck("triton", functools.partial(function_of, "triton"), functools.partial(function_of, "torch"))


def states() -> dict[str, str]:
    """Every implementation's name and whether it can run on this machine; what `auto` would take goes first."""
    device = torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    checked = TRITON_CHECK.state(device)
    found = {AUTO: f"{os.environ[VARIABLE]} (from {VARIABLE})"} if os.environ.get(VARIABLE, AUTO) != AUTO else {}
    if not found:
        taken = _candidate(torch.empty(1, _COMPILED_MIN_VOCABULARY, device=device), OPERATIONS[0])
        taken = "torch" if taken == "triton" and checked.startswith("failed") else taken
        found = {AUTO: f"{taken} for float32 and half-precision logits on {device.type}"}
    for name, chosen in IMPLEMENTATIONS.items():
        why = chosen.missing()
        if name == "triton" and not why and device.type == "cpu":
            why = "no CUDA device"
        found[name] = f"not available: {why}" if why else "available"
        if name == "triton" and not why:
            found[name] += f", {checked}"
    return found
