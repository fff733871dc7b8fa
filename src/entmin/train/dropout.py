"""Dropout and other noise of training mode, switched off: entropies, ratios and KL are of the model itself.

Models draw noise in three ways: with `nn.Dropout` modules, with rates that they keep as numbers and hand to functions
(attention, OPT), and with rates that they read from their configuration at every step (layers that are skipped, jitter
of routers). All are set to 0, in the modules and in the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from entmin.errors import UsageError

_NAME = re.compile(r"drop(out|path|_path|_rate|_prob)?(_|$)|pdrop|layerdrop|jitter")
_PROBED = 8
"""Tokens of the pass that looks whether noise is left."""


def switch_off(model: Any) -> dict[str, float]:
    """Set every rate to 0; returns those that were not, by their name in the configuration or of the module's kind."""
    found: dict[str, float] = {}
    for holder in (*_configs(model.config), *model.modules()):
        if isinstance(holder, nn.modules.dropout._DropoutNd) and holder.p:
            found.setdefault(type(holder).__name__, float(holder.p))
            holder.p = 0.0
        for name, rate in list(vars(holder).items()):
            if _is_rate(name, rate):
                found.setdefault(name, float(rate))
                setattr(holder, name, type(rate)(0))
    return dict(sorted(found.items()))


def require_no_noise(model: Any) -> None:
    """Look whether training mode and evaluation mode give the same.

    Raises:
        UsageError: they do not: the model's own code draws noise, or computes otherwise in training.
    """
    parameter = next(model.parameters())
    ids = (torch.arange(_PROBED, device=parameter.device) % model.config.get_text_config(decoder=True).vocab_size)[None]
    training, state = model.training, torch.get_rng_state()
    try:
        with torch.no_grad():
            train, evaluation = (model.train(mode)(input_ids=ids, use_cache=False).logits for mode in (True, False))
    finally:
        model.train(training)
        torch.set_rng_state(state)
    if not torch.allclose(train.float(), evaluation.float(), rtol=1e-2, atol=1e-3, equal_nan=True):
        raise UsageError(
            "the model computes something else in training mode than in evaluation mode, although every dropout rate "
            "that could be found is 0: its own code draws noise, which would make entropies and KL wrong; switch it "
            "off in the model's configuration or code"
        )


def _configs(config: Any) -> Iterator[Any]:
    yield config
    inner = config.get_text_config(decoder=True)
    if inner is not config:
        yield inner


def _is_rate(name: str, rate: Any) -> bool:
    return isinstance(rate, int | float) and not isinstance(rate, bool) and 0 < rate <= 1 and bool(_NAME.search(name))
