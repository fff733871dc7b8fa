"""Weights in pieces (FSDP2): what TRL and accelerate would get wrong, and nothing where weights are whole.

The reference model is ours: TRL would load it whole into every process, gather it whole at every pass, and, where
accelerate loads weights once, fill the pieces of all processes but the first with zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from accelerate import Accelerator
from accelerate.utils.fsdp_utils import fsdp2_prepare_model
from torch import nn
from transformers import TrainerCallback
from trl.trainer.base_trainer import _BaseTrainer
from trl.trainer.utils import add_fused_lm_head

from entmin.train.processes import add_up_on_cpus, correct_plugin, is_sharded, shard_on_cpus


class ShardedTrainer(_BaseTrainer):  # type: ignore[misc]  # TRL is untyped
    """Mixin: accelerate's FSDP2 as `entmin.train.processes` wants it, and a reference model in pieces."""

    def __init__(self, *args: Any, reference: nn.Module | None = None, **kwargs: Any) -> None:
        """Set up the trainer; other arguments are TRL's.

        Args:
            args: for TRL.
            reference: the initial policy, whole in the first process; where weights are sharded and its KL counts.
            kwargs: for TRL.
        """
        given = kwargs["args"]
        beta = getattr(given, "beta", 0.0)
        if reference is not None:
            given.beta = 0.0  # with which TRL makes no reference model
        super().__init__(*args, **kwargs)
        if is_sharded():
            self.add_callback(_AddUp())
        if reference is not None:
            self.beta = given.beta = beta
            add_fused_lm_head(reference, temperature=self.temperature)
            self.ref_model = in_pieces(self.accelerator, reference)

    def create_accelerator_and_postprocess(self) -> None:
        """Have FSDP2 on CPUs too, and without its roundings."""
        shard_on_cpus()
        super().create_accelerator_and_postprocess()
        if self.is_fsdp_enabled:
            correct_plugin(self.accelerator.state.fsdp_plugin)
            self.accelerator._prepare_fsdp2 = partial(_buffers_apart, self.accelerator._prepare_fsdp2)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Write a matrix that is both embeddings once, as whole models do; collected from pieces, it is there twice."""
        tied = getattr(self.model, "all_tied_weights_keys", {}) if is_sharded() and state_dict else {}
        if state_dict and tied:
            state_dict = {name: weight for name, weight in state_dict.items() if name not in tied}
        super()._save(output_dir, state_dict=state_dict)


def in_pieces(accelerator: Accelerator, model: nn.Module) -> nn.Module:
    """A frozen model whose weights the first process has, sharded layer by layer."""
    sharded: nn.Module = _buffers_apart(partial(fsdp2_prepare_model, accelerator), model.requires_grad_(False).eval())
    add_up_on_cpus(sharded)
    return sharded


def _buffers_apart(prepare: Callable[..., Any], *objects: Any) -> Any:
    """Have accelerate treat all buffers as it treats those that no checkpoint holds; it cannot send the others."""
    modules = [module for one in objects if isinstance(one, nn.Module) for module in one.modules()]
    saved = [
        (module, name) for module in modules for name in module._buffers.keys() - module._non_persistent_buffers_set
    ]
    for module, name in saved:
        module._non_persistent_buffers_set.add(name)
    try:
        return prepare(*objects)
    finally:
        for module, name in saved:
            module._non_persistent_buffers_set.discard(name)


class _AddUp(TrainerCallback):  # type: ignore[misc]
    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        add_up_on_cpus(model)
