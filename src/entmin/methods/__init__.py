"""What to do to a row of logits, as values: frozen dataclasses with the paper's hyper-parameter names.

A new method is one file in this package and one line in `METHODS` below; a third party's is the same file in their own
package and `register_method` at import, through the entry-point group ``entmin.plugins``. Importing this package does
not import torch.
"""

from entmin.methods.adaptive_temperature import AdaptiveTemperature
from entmin.methods.base import METHODS, Method, from_args, method_class, method_names, register_method
from entmin.methods.em_inf import EmInf
from entmin.methods.normal import Normal

for _method in (Normal, EmInf, AdaptiveTemperature):
    register_method(_method)

__all__ = [
    "METHODS",
    "AdaptiveTemperature",
    "EmInf",
    "Method",
    "Normal",
    "from_args",
    "method_class",
    "method_names",
    "register_method",
]
