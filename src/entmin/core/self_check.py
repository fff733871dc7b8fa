"""Whether an implementation can be trusted on a device: its operations against trusted ones, on a few rows there.

The Triton kernels are compiled on the machine they run on, by whatever Triton and driver are installed, so `auto` takes
them on a CUDA device only after this has compared them with plain torch there, once per process and device. Nothing is
checked while a CUDA graph is recorded, where no check is possible: `auto` then uses an earlier check, else takes torch.
The check catches wrong numbers and exceptions. It cannot recover from a kernel that corrupts the CUDA context itself.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from entmin.errors import first_line

Functions = Callable[[str], Callable[..., Any]]
"""From the name of an operation (`entmin.core.impl.OPERATIONS`) to the function."""

_VOCABULARY = 3001
_EM_INF = {"threshold": 0.3, "kl_weight": 0.05, "learning_rate": 0.1, "n_grad_steps": 3}
_LIMITS = {"tmax": 1.0, "tmin": 0.01, "max_iter": 100, "tol": 1e-6}
_SEARCH = _LIMITS | {"target_ratio": 0.85, "threshold": 1e-5, "absolute_tol": False}
_PROBABILITY, _VARIATION, _NATS, _TEMPERATURE = 1e-5, 1e-4, 1e-5, 1e-4


class SelfCheck:
    """One implementation's record: on which devices it was checked, and what came of it."""

    def __init__(self, name: str, tried: Functions, trusted: Functions) -> None:
        self.name, self.tried, self.trusted = name, tried, trusted
        self._found: dict[torch.device, str | None] = {}
        self._lock = threading.Lock()

    def passes(self, device: torch.device) -> bool:
        """Check unless that was done; False without a check while a CUDA graph is recorded. A failure warns, once."""
        if device not in self._found:
            if _capturing(device):
                return False
            with self._lock:
                if device not in self._found:
                    self._found[device] = why = failure(self.tried, self.trusted, device)
                    if why:
                        warnings.warn(self._advice(device, why), RuntimeWarning, stacklevel=2)
        return self._found[device] is None

    def state(self, device: torch.device) -> str:
        """``not yet checked on ...``, ``checked on ...`` or ``failed on ...: why``; checks nothing."""
        if device not in self._found:
            return f"not yet checked on {device}"
        why = self._found[device]
        return f"failed on {device}: {why}" if why else f"checked on {device}"

    def _advice(self, device: torch.device, why: str) -> str:
        return (
            f"the {self.name} kernels failed their check on {device}: {why}. impl='auto' uses plain torch there, which "
            f"is slower and right; ENTMIN_IMPL={self.name} uses the kernels in spite of this"
        )


def failure(tried: Functions, trusted: Functions, device: torch.device) -> str | None:
    """What is wrong with the `tried` operations on this device, measured against the `trusted` ones; None for nothing.

    Bounds: probabilities 1e-5 and total variation 1e-4 (EM-INF), 1e-5 nats (entropy, log-probability), 1e-4 of the
    temperature; masked entries stay masked, rows under the threshold come back bit for bit.
    """
    with torch.no_grad():
        for dtype in (torch.float32, torch.bfloat16):
            try:
                wrong = next(_differences(tried, trusted, _rows(dtype).to(device)), None)
            except Exception as error:  # a compiler, a driver and a launcher fail in many ways
                return f"{type(error).__name__} with {dtype}: {first_line(error)[:200]}"
            if wrong:
                return f"{wrong} with {dtype}"
    return None


def _rows(dtype: torch.dtype) -> Tensor:
    """``[4, V]``: ordinary, a third of it masked, under EM-INF's threshold, two tokens near. V fills no block."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(4, _VOCABULARY, generator=generator) * 3
    rows[1, 1::3] = -torch.inf
    rows[2, 77] = 40
    rows[3, 5], rows[3, 2900] = 20.0, 19.5
    return rows.to(dtype)


def _differences(tried: Functions, trusted: Functions, rows: Tensor) -> Iterator[str]:
    wide = rows.double()
    ours, truth = tried("em_inf")(rows, **_EM_INF), trusted("em_inf")(wide, **_EM_INF)
    distance = (ours.double().softmax(-1) - truth.softmax(-1)).abs()
    if not torch.equal(ours == -torch.inf, rows == -torch.inf):
        yield "em_inf did not keep masked entries"
    if not torch.equal(ours[2], rows[2].float()):
        yield "em_inf changed a row under the threshold"
    if not (distance.max() <= _PROBABILITY and distance.sum(-1).max() / 2 <= _VARIATION):
        yield f"em_inf is off by {float(distance.max()):.1e} in probability"
    tau = tried("solve_temperature")(rows, **_SEARCH).double() / trusted("solve_temperature")(wide, **_SEARCH)
    yield from _off("solve_temperature", tau - 1, _TEMPERATURE)
    yield from _off("entropy", tried("entropy")(rows).double() - trusted("entropy")(wide), _NATS)
    ids = torch.tensor([0, 3, 77, _VOCABULARY - 1], device=rows.device)
    found, right = tried("entropy_and_logprob")(rows, ids), trusted("entropy_and_logprob")(wide, ids)
    for one, other in zip(found, right, strict=True):
        yield from _off("entropy_and_logprob", one.double() - other, _NATS)


def _off(name: str, difference: Tensor, bound: float) -> Iterator[str]:
    worst = float(difference.abs().max())
    if not worst <= bound:
        yield f"{name} is off by {worst:.1e}"


def _capturing(device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    with torch.cuda.device(device):
        return torch.cuda.is_current_stream_capturing()
