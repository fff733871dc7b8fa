"""Pure functions on tensors. Imports torch, and Numba or Triton only where they are used; the mathematics is here.

- `entropy`: H(softmax(z)) of each row; `entropy_and_logprob`: with the log-probability of one token.
- `em_inf`: EM-INF, a few Adam steps on the row's own logits (paper section 4).
- `adaptive_temperature`: the temperature at which the row's entropy meets a target (paper Algorithm 1).
- `newton`: how the temperature is found.
- `gumbel_argmax`: a token of each row, with noise that two distributions can share.
- `impl`: which implementation of these does the work, and `implementation`, which says so.
- `self_certainty`: how far a row is from uniform; `certainty`: with a token's log-probability and the likeliest tokens.
"""

from entmin.core.adaptive_temperature import adaptive_temperature, solve_temperature
from entmin.core.certainty import Certainty, certainty, self_certainty
from entmin.core.em_inf import Adjusted, em_inf, em_inf_measured
from entmin.core.entropy import entropy, entropy_and_logprob
from entmin.core.gumbel import gumbel_argmax
from entmin.core.impl import implementation

__all__ = [
    "Adjusted",
    "Certainty",
    "adaptive_temperature",
    "certainty",
    "em_inf",
    "em_inf_measured",
    "entropy",
    "entropy_and_logprob",
    "gumbel_argmax",
    "implementation",
    "self_certainty",
    "solve_temperature",
]
