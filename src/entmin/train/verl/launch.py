"""The launch of a run on veRL: what it would do, veRL's own check of its settings, and the run."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from entmin.durable import alone
from entmin.engine.aliases import ALIASES, fetch
from entmin.engine.named import require_model
from entmin.errors import EntminError, UsageError, first_line
from entmin.extras import lacking, require
from entmin.report.training_figure import RECORD
from entmin.terminal import say
from entmin.train.at_hand import require_prompts
from entmin.train.config import TrainConfig
from entmin.train.plan import settings_lines
from entmin.train.verl.flags import LOG, SAVED, arguments, flags

MODULE = "verl.trainer.main_ppo"
_WEIGHTS = "actor/huggingface"
"""In a checkpoint of veRL: the whole model, as transformers reads it."""


def describe(config: TrainConfig, nodes: int, gpus: int) -> list[str]:
    """What a run would do: settings, every argument of veRL's command, and whether veRL takes them.

    Raises:
        UsageError: a setting has no counterpart in veRL, or it refuses one.
    """
    found = arguments(flags(config, nodes, gpus))
    lines = ["settings:", *settings_lines(config), ""]
    if nodes > 1:
        lines += [
            "on the first machine:       ray start --head",
            "on each of the others:      ray start --address=FIRST:6379",
            f"then, on the first, `entmin train` without --dry-run, or, with {config.output} made by it on a disk that "
            "all machines share:",
        ]
    lines += [f"command for {nodes} x {gpus} GPUs:", f"  python -m {MODULE} \\"]
    lines += [f"    {shlex.quote(one)} \\" for one in found[:-1]] + [f"    {shlex.quote(found[-1])}"]
    if missing := lacking("verl"):
        lines += [f"not validated: it needs {', '.join(missing)} (pip install 'entmin[verl]')"]
    else:
        compose(found)
        lines += ["validated by veRL's own composition and checks; no GPU was looked for"]
    return lines


def compose(found: Sequence[str]) -> object:
    """The configuration that veRL makes of these arguments, checked as veRL checks it at a run's start.

    Raises:
        UsageError: veRL refuses them.
    """
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # of what its import does not find, and more
        from hydra import compose as composed
        from hydra import initialize_config_module
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException
        from verl.trainer.ppo.utils import need_critic, need_reference_policy
        from verl.trainer.ppo.v1.trainer_base import get_trainer_cls
        from verl.utils.config import validate_config

        try:
            with initialize_config_module("verl.trainer.config", version_base=None):
                config = composed("ppo_trainer", list(found))
                validate_config(config, need_reference_policy(config), need_critic(config))
                get_trainer_cls(config.trainer.v1.trainer_mode)
        except (HydraException, OmegaConfBaseException, AssertionError, ValueError, TypeError) as error:
            raise UsageError(f"veRL refuses these settings: {first_line(error)}") from error
    return config


def run(config: TrainConfig, *, nodes: int, gpus: int, resume: bool) -> Path:
    """Run one training session on veRL to its end, or to the first Ctrl-C.

    Args:
        config: settings.
        nodes: machines, of one Ray cluster where there are several.
        gpus: of each machine.
        resume: go on from the newest checkpoint in the output folder.

    Returns:
        The output folder.

    Raises:
        UsageError: veRL is missing, or settings, data or folder are wrong.
        Interrupted: stopped by the user.
        EntminError: veRL failed, or left no model.
    """
    require("verl", "entmin train --engine verl")
    require_prompts(config)
    require_model(config.model)
    from entmin.report.outlets import require_packages
    from entmin.train.folder import check_folder, require_same_data, write_record
    from entmin.train.verl.follow import follow
    from entmin.train.verl.rows import read_rows

    folder = Path(config.output)
    found = arguments(flags(config, nodes, gpus, resume=resume))
    check_folder(folder, config, resume)
    require_packages(config.report)
    if nodes == 1:
        _require_gpus(gpus)
    compose(found)
    if config.model in ALIASES:
        fetch(config.model)
    rows = read_rows(config)
    say("\n".join(rows.opening.lines()), err=True)
    with alone(folder, wait=False):
        check_folder(folder, config, resume)
        if resume:
            require_same_data(folder / RECORD, rows.opening)
        rows.write(folder)
        write_record(folder / RECORD, config, rows.opening)
        follow([sys.executable, "-m", MODULE, *found], folder, config, rows.steps)
        _adopt_newest(folder)
    return folder


def _require_gpus(gpus: int) -> None:
    import torch

    if (here := torch.cuda.device_count()) < gpus:
        raise UsageError(f"--gpus {gpus}: this machine has {here} that torch can use; lower --gpus, or use --dry-run")


def _adopt_newest(folder: Path) -> None:
    """Put the newest whole model of a run into its folder, as links where the file system has them.

    Raises:
        EntminError: there is none.
    """
    saved = [path for path in (folder / SAVED).glob("global_step_*") if any((path / _WEIGHTS).glob("*.safetensors"))]
    if not saved:
        raise EntminError(f"veRL ended without a whole model in {folder / SAVED}; see the end of {folder / LOG}")
    newest = max(saved, key=lambda path: int(path.name.rpartition("_")[2]))
    for file in filter(Path.is_file, (newest / _WEIGHTS).iterdir()):
        target = folder / file.name
        target.unlink(missing_ok=True)
        try:
            os.link(file, target)
        except OSError:
            shutil.copy2(file, target)
