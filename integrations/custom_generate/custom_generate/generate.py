"""Run by ``model.generate(..., custom_generate=<this repository or folder>, trust_remote_code=True)``."""

from entmin import EntropyLogitsProcessor
from entmin.methods import from_args, method_class


def generate(model, logits_processor=None, method="em_inf", **kwargs):
    """`generate` with a decoding method of entmin, whose hyper-parameters stand beside the usual arguments."""
    names = ["preset", *method_class(method).options()]
    chosen = {name: kwargs.pop(name) for name in names if name in kwargs}
    adjust = EntropyLogitsProcessor(from_args({"method": method, **chosen}))
    return model.generate(logits_processor=[*(logits_processor or []), adjust], **kwargs)
