"""Triton kernels for CUDA devices; on a CPU they run through Triton's interpreter (``TRITON_INTERPRET=1``), for tests.

- `em_inf`: EM-INF in n + 2 launches over blocks of every row, without optimizer state and without host synchronisation.
- `adaptive_temperature`: the whole temperature search in one launch; the programs of a row meet after every evaluation.
- `entropy`: entropy, and the log-probability of given tokens, in one read.

Importing this package imports Triton.
"""

from entmin.core.triton.adaptive_temperature import solve_temperature
from entmin.core.triton.em_inf import em_inf
from entmin.core.triton.entropy import entropy, entropy_and_logprob

__all__ = ["em_inf", "entropy", "entropy_and_logprob", "solve_temperature"]
