"""What to do to a row of logits, as values: frozen dataclasses with the paper's hyper-parameter names.

A new method is one file in this package and one name in the tuple below; a third party's is the same file in their own
package and `register_method` at import, through the entry-point group ``entmin.plugins``. Importing this package does
not import torch.
"""

from entmin.methods.adaptive_temperature import AdaptiveTemperature
from entmin.methods.base import METHODS, Method, from_args, method_class, method_names, register_method
from entmin.methods.edt import Edt
from entmin.methods.em_inf import EmInf
from entmin.methods.min_p import MinP
from entmin.methods.normal import Normal
from entmin.methods.p_less import PLess, PLessNorm
from entmin.methods.sls import Sls
from entmin.methods.top_h import TopH
from entmin.methods.top_n_sigma import TopNSigma
from entmin.methods.two_level import TwoLevel

for _method in (Normal, EmInf, AdaptiveTemperature, TwoLevel, Edt, MinP, TopNSigma, PLess, PLessNorm, TopH, Sls):
    register_method(_method)

__all__ = [
    "METHODS",
    "AdaptiveTemperature",
    "Edt",
    "EmInf",
    "Method",
    "MinP",
    "Normal",
    "PLess",
    "PLessNorm",
    "Sls",
    "TopH",
    "TopNSigma",
    "TwoLevel",
    "from_args",
    "method_class",
    "method_names",
    "register_method",
]
