"""Several processes that train one model, and weights in pieces, one per process (FSDP2).

With ``accelerate launch --use_fsdp`` only the first process reads the weights; the others allocate memory that they
never touch, so a machine holds one copy and not one per process. accelerate then shards layer by layer and sends each
process its pieces. By itself it shards on accelerators only; torch's FSDP2 runs on CPUs too, which tests need.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType, broadcast_object_list, gather_object
from torch import distributed, nn
from torch.distributed.fsdp import FSDPModule

from entmin.errors import EntminError, UsageError

T = TypeVar("T")

_PATIENCE = timedelta(minutes=60)
"""How long a process waits for another, which may be loading a large model, or judging programs."""
_NOTHING: Any = object()
_LOST = ("gloo", "Connection closed by peer", "NCCL", "TCPStore", "ProcessGroup")


def is_first() -> bool:
    """Whether this process writes and speaks for all; asked before there is a trainer to know it."""
    return os.environ.get("RANK", "0") == "0"


def is_sharded() -> bool:
    """Whether the weights are kept in pieces."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def reads_weights() -> bool:
    """Whether this process reads the weights itself."""
    return is_first() or not is_sharded()


def meet(device: torch.device) -> None:
    """Let the processes of a launch find each other.

    Raises:
        UsageError: the launch shards in a way whose weights could not be saved.
    """
    if is_sharded():
        wanted = {"FSDP_VERSION": "2", "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT"}
        if wrong := [name for name, value in wanted.items() if os.environ.get(name) != value]:
            options = " ".join(f"--{name.lower()} {wanted[name]}" for name in wrong)
            raise UsageError(
                f"this launch would keep or save the weights in pieces that are no model to load: pass {options} to "
                "accelerate launch; `entmin train ... --dry-run --gpus N` prints the whole command"
            )
    if "WORLD_SIZE" in os.environ and "RANK" in os.environ:
        PartialState(cpu=device.type == "cpu", timeout=_PATIENCE)


def from_first(value: T) -> T:
    """What the first process has; all must ask."""
    found: T = broadcast_object_list([value])[0]
    return found


def any_process(asked: bool) -> bool:
    """Whether it is so in any process; all must ask."""
    return any(gather_object([asked]))


def share_of(rows: Sequence[T]) -> list[T]:
    """Every N-th row of N processes; `in_turn` puts results together again."""
    state = PartialState()
    return list(rows[state.process_index :: state.num_processes])


def in_turn(found: Sequence[T]) -> list[T]:
    """The results of all processes for their `share_of` rows, in the order of the rows; all must ask."""
    parts: list[list[T]] = gather_object([list(found)])
    return [row for turn in zip_longest(*parts, fillvalue=_NOTHING) for row in turn if row is not _NOTHING]


def shard_on_cpus() -> None:
    """Make accelerate, which shards on accelerators only, shard here too; before there is an accelerator."""
    state = PartialState()
    if is_sharded() and state.distributed_type == DistributedType.MULTI_CPU:
        state.distributed_type = DistributedType.MULTI_GPU  # of which accelerate makes FSDP


def correct_plugin(plugin: Any) -> None:
    """Set what accelerate's defaults would get wrong.

    Its half precision rounds what the model returns, and so log-probabilities and entropies, to three digits, and adds
    gradients of processes in half precision.
    """
    plugin.cpu_ram_efficient_loading = True
    if plugin.mixed_precision_policy is not None:
        plugin.mixed_precision_policy = replace(
            plugin.mixed_precision_policy, output_dtype=None, reduce_dtype=torch.float32
        )


def add_up_on_cpus(model: nn.Module) -> None:
    """Have gradients added and then divided: processes on CPUs (gloo) cannot average them."""
    for module in model.modules():
        if isinstance(module, FSDPModule) and next(module.parameters()).device.type == "cpu":
            module.set_force_sum_reduction_for_comms(True)


@contextmanager
def saying_who_ended() -> Iterator[None]:
    """Say it plainly where this process cannot go on because another one ended.

    Raises:
        EntminError: so it is.
    """
    try:
        yield
    except EntminError as error:
        if not _lost(error.__cause__):
            raise
        raise _alone() from error
    except Exception as error:
        if not _lost(error):
            raise
        raise _alone() from error


def _lost(error: BaseException | None) -> bool:
    several = distributed.is_initialized() and distributed.get_world_size() > 1
    if not several or error is None:
        return False
    known = isinstance(error, distributed.DistError)
    return known or (isinstance(error, RuntimeError) and any(word in str(error) for word in _LOST))


def _alone() -> EntminError:
    return EntminError(
        "another process of this run ended, and this one cannot go on without it: the other's message says why. What "
        "checkpoints there are stay; the same command with --resume goes on from the newest"
    )
