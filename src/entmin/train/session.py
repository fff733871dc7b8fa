"""One training run from its folder's point of view: begin or resume, train, stop cleanly, leave a whole record.

The folder holds:

    run.json         settings, what was read     curves.jsonl   one line per step
    checkpoint-N/    complete checkpoints        evals.jsonl    one line per held-out evaluation
    README.md        model card                  evals/         every held-out answer
    report.html      curves and findings
    *.safetensors    the trained model or adapter, with its tokenizer
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback
from transformers.utils import logging

from entmin.durable import alone, private_files
from entmin.errors import EntminError, Interrupted, UsageError
from entmin.report.drawing import require_drawing
from entmin.report.outlets import projects_for_trainers, require_packages
from entmin.report.page import write
from entmin.report.page.training import training_page
from entmin.report.training_figure import RECORD
from entmin.terminal import say
from entmin.train.ahead import RolloutsAhead
from entmin.train.answers import Answers
from entmin.train.build import build_trainer, rollouts_for
from entmin.train.card import write_card
from entmin.train.config import TrainConfig
from entmin.train.curves import Curves
from entmin.train.folder import check_folder, require_same_data, write_record
from entmin.train.held_out import HeldOut
from entmin.train.outlets import claim, push
from entmin.train.policy import needs_merged_base, write_merged_base
from entmin.train.preparation import Prepared, prepare
from entmin.train.processes import any_process, is_first, saying_who_ended
from entmin.train.prompts import token_ids
from entmin.train.static import StaticSamples
from entmin.train.trainers.checkpoints import require_weights, writing
from entmin.train.watch import CollapseWatch


def train(config: TrainConfig, *, resume: bool = False) -> Path:
    """Run one training session to its end, or to the first Ctrl-C.

    Args:
        config: settings.
        resume: go on from the newest complete checkpoint in the output folder.

    Returns:
        The output folder.

    Raises:
        UsageError: wrong settings, or an output folder that is in use or cannot be resumed.
        Interrupted: stopped by the user; a checkpoint was saved.
        EntminError: the model cannot be loaded, writing failed, or another process of the run ended.
    """
    with saying_who_ended():
        return _train_whole(config, resume)


def _train_whole(config: TrainConfig, resume: bool) -> Path:
    require_packages(config.report)
    require_drawing()
    folder = Path(config.output)
    check_folder(folder, config, resume)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    found = prepare(config, resume=resume)
    if needs_merged_base(config):
        _refuse_publishing(config)
        with writing(folder):
            write_merged_base(found.policy, folder, again=not resume)
    if config.push_to_hub and is_first():
        claim(config.push_to_hub)  # now, and not after hours of training
    steps = config.steps(len(found.prompts.rows))
    card = partial(write_card, config=config, run=folder)
    with private_files():  # the trainer makes the output folder
        trainer = build_trainer(config, found.place, found.policy, found.prompts, steps, card=card)
    found.opening.scoring = trainer.way.words if hasattr(trainer, "way") else ""
    if is_first():
        say("\n".join(found.opening.lines()), err=True)
    with _claimed(folder, config, found, resume) as newest:
        _train(config, found, trainer, newest, steps)
    return folder


def _train(config: TrainConfig, found: Prepared, trainer: Any, newest: Path | None, steps: int) -> None:
    folder = Path(config.output)
    if config.static:
        with _resumable():
            _fix_samples(config, trainer, found.policy, folder)
    trainer.remove_callback(PrinterCallback)
    curves, stop = Curves(folder), StopAtStep(config.updates_per_rollout)
    trainer.add_callback(curves)
    if found.problems is not None:
        trainer.add_callback(_held_out(config, found, found.problems, trainer))
    if config.watch != "off":
        # After the others: it reads the curves they write, and draws them at the end.
        trainer.add_callback(CollapseWatch(config, config.n, config.updates_per_rollout))
    trainer.add_callback(stop)
    sampler = getattr(trainer, "_sampler", None)
    with (
        _resumable(),
        sampler if isinstance(sampler, RolloutsAhead) else nullcontext(),
        stop,
        curves,
        projects_for_trainers(),
    ):
        _run(trainer, newest)
    if stop.asked and trainer.state.global_step < steps:
        done = trainer.state.global_step
        raise Interrupted(f"interrupted; step {done} is saved in {folder}; the same command with --resume goes on")
    _finish(trainer, config, folder)


def _refuse_publishing(config: TrainConfig) -> None:
    """Adapters on an adapter need the merged base beside them, which is not published with them.

    Raises:
        UsageError: they are to be published.
    """
    if config.lora and config.push_to_hub:
        raise UsageError(
            f"{config.model} is an adapter folder, so new adapters would build on a merged model that is in the output "
            "folder only; leave out --push-to-hub, or --lora to train and publish whole weights"
        )


def _finish(trainer: Any, config: TrainConfig, folder: Path) -> None:
    """Write the trained model beside its curves, and push it where that was asked for."""
    with writing(folder):
        trainer.save_model(str(folder))
    if not trainer.is_world_process_zero():
        return
    require_weights(folder, trainer.model)
    write_card(folder, config, folder)
    write([training_page({folder.name: folder})], folder / "report.html")
    if config.push_to_hub:
        push(folder, config.push_to_hub)


def _fix_samples(config: TrainConfig, trainer: Any, loaded: Any, folder: Path) -> None:
    """Replace fresh samples by answers of the initial model."""
    samples = StaticSamples(folder / "static.jsonl", trainer._sampler, config.n, config.seed)
    switches = config.chat_template_kwargs
    prompts = [token_ids(prompt, loaded.tokenizer, switches) for prompt in trainer.train_dataset["prompt"]]
    samples.prepare(trainer.model, prompts)
    trainer._sampler = samples


@contextmanager
def _resumable() -> Iterator[None]:
    """Say how a run goes on that Ctrl-C ended at once."""
    try:
        yield
    except KeyboardInterrupt:
        said = "stopped at once; the same command with --resume goes on from the newest checkpoint"
        raise Interrupted(said) from None


def _run(trainer: Any, newest: Path | None) -> None:
    try:
        trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    except torch.OutOfMemoryError as error:
        raise EntminError(
            f"out of memory: {error}; lower micro_batch, set gradient_checkpointing=true, or use --lora, "
            "and run the same command with --resume"
        ) from error


@contextmanager
def _claimed(folder: Path, config: TrainConfig, prepared: Prepared, resume: bool) -> Iterator[Path | None]:
    """Have the folder for this run and write the settings down; gives the checkpoint to resume from."""
    with alone(folder, wait=False) if is_first() else nullcontext():
        newest = check_folder(folder, config, resume)  # again: another run may have begun or gone on meanwhile
        if resume:
            require_same_data(folder / RECORD, prepared.opening)
        if is_first():
            prepared.report.write(folder)
            write_record(folder / RECORD, config, prepared.opening)
        yield newest


def _held_out(config: TrainConfig, found: Prepared, problems: Dataset, trainer: Any) -> HeldOut:
    answers = Answers(config.eval_samples)
    sampler: Any = getattr(trainer, "_sampler", None)  # its servers, or its half-precision copy, serve both
    rollouts = sampler if hasattr(sampler, "draw") else rollouts_for(config, found.place, found.policy)
    return HeldOut(
        Path(config.output), problems, found.problem_ids, answers, rollouts,
        every=config.eval_every, samples=config.eval_samples, seed=config.seed,
    )  # fmt: skip


class StopAtStep(TrainerCallback):  # type: ignore[misc]
    """Ctrl-C and SIGTERM end the run after the rollout in progress, with a checkpoint; a second one ends it at once."""

    def __init__(self, every: int) -> None:
        self.asked, self._every = False, every
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopAtStep:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, *_: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """End a run whose loss or gradient is no number, before its weights are saved.

        Raises:
            EntminError: so it is.
        """
        broken = [name for name in ("loss", "grad_norm") if not math.isfinite((logs or {}).get(name, 0))]
        if broken:
            raise EntminError(
                f"step {state.global_step}: the {broken[0]} is not finite, so the weights are destroyed and are not "
                f"saved; the checkpoints before are kept in {args.output_dir}. Look at the model (are its weights "
                "finite?), lower the learning rate, or use precision=fp32"
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save and stop, at the end of a rollout."""
        if state.global_step % self._every == 0 and any_process(self.asked):
            self.asked = True
            control.should_save = control.should_training_stop = True
