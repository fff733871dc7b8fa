"""Compiled for the CPU with Numba: no compiler is needed on the user's machine.

- `em_inf`, `entropy`, `adaptive_temperature`, `gumbel`: the operations, as `entmin.core.impl` calls them.
- `rows`, `shares`, `workspace`: tensors as memory, rows shared out over threads, scratch memory for each thread.
- `threads`: whose threads those are: torch's own, or a pool.
- `counting`: a row as distinct values and how often each occurs.
- `distinct`: the mathematics over distinct values, in float64.
- `sweeps`: the mathematics over a float32 row that repeats nothing: a float64 head, a float32 tail.
- `compiling`, `exponential`: how functions are compiled; an exponential that fits into vector registers.
"""

import os

import numba  # noqa: F401  (whether it can be imported is what decides if this implementation is available)

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    raise ImportError("its compiler is switched off by NUMBA_DISABLE_JIT")
