"""Run by ``model.generate(..., custom_generate=<this repository or folder>, trust_remote_code=True)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entmin.hosts.transformers import EntropyLogitsProcessor
from entmin.methods import from_args, method_class


def generate(model: Any, logits_processor: Sequence[Any] | None = None, method: str = "em_inf", **kwargs: Any) -> Any:
    """`generate` with a decoding method of entmin, whose hyper-parameters stand beside the usual arguments.

    Every call has a processor of its own, so methods with memory work in pipelines, too.
    """
    names = ["preset", *method_class(method).options()]
    chosen = {name: kwargs.pop(name) for name in names if name in kwargs}
    config = kwargs.get("generation_config") or model.generation_config
    sampled, heat = (kwargs.get(name, getattr(config, name, None)) for name in ("do_sample", "temperature"))
    heat = (1.0 if heat is None else heat) if sampled else 0.0
    adjust = EntropyLogitsProcessor(from_args({"method": method, **chosen}), temperature=heat)
    return model.generate(logits_processor=[*(logits_processor or []), adjust], **kwargs)
