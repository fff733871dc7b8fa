"""What all trainers share: reproducible samples, and the curves that say how they change.

Every sample is drawn from a stream of its own, numbered by rollout and row over all processes. The samples of a step
thus depend on the seed and the weights alone: not on the micro-batch, on the number of processes, or on where a run was
interrupted.

Curves, one value per optimiser step, in TRL's metrics under these names:

    entropy     mean token entropy of the policy on its samples, nats
    length      mean completion length, tokens             clipped    share of completions cut at the limit
    repetition  mean share of 4-grams that occurred before in the same completion
    distinct    different answers per prompt / n           agreement  mean share of the most frequent answer
    tokens      completion tokens since the start of the run
    waited      seconds until the samples were there, with the time that servers take to load weights
    staleness   steps since the weights that drew the samples, where rollouts are drawn ahead
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from trl.models.utils import disable_gradient_checkpointing
from trl.trainer import utils as head
from trl.trainer.base_trainer import _BaseTrainer

from entmin.core.diversity import agreement, distinct, repetition
from entmin.train.ahead import RolloutsAhead
from entmin.train.processes import from_first, reads_weights
from entmin.train.prompts import token_ids
from entmin.train.trainers.forward import Scored, Way, choose, score
from entmin.train.trainers.widths import by_length, stack

_on_gpu = head._use_triton
# On a CPU too, TRL's fused head keeps to the positions that count. By itself it does so on a GPU only, and elsewhere
# projects prompts and padding as well and throws that away: most of the head's time.
head._use_triton = lambda device: device.type == "cpu" or _on_gpu(device)

Sampler = Callable[[Any, list[list[int]], list[int]], list[list[int]]]
"""(model, prompts as token ids, stream numbers) -> completions as token ids, end-of-sequence token included."""
AnswerKeys = Callable[[list[str], list[str]], list[str | None]]
"""Completions of whole groups, and the kinds of their prompts -> a text per completion that is equal where answers are
equal; None without answer."""


class Scores(NamedTuple):
    """The policy's view of the samples before the update, each ``[B, C]``."""

    logprobs: Tensor
    entropies: Tensor
    mask: Tensor


class SampleTrainer(_BaseTrainer):  # type: ignore[misc]  # TRL is untyped
    """Mixin for TRL's online trainers: sampling streams, entropies at no extra cost, curves."""

    _buffered_inputs: list[dict[str, Any]]
    keeps_old_logprobs = True
    """Whether the trainer itself scores every sample with the current policy before the update."""
    ratios_are_one = False
    """Whether the policy that is updated is the one that a sum of log-probabilities is compared with."""
    skips_old_logprobs = False
    """Whether nothing is made of the log-probabilities that TRL takes before the update for its ratio."""
    sums_over_tokens = False
    """Whether the loss of a completion is a sum over its tokens, which makes gradients longer by its length."""

    def __init__(
        self, *args: Any, sampler: Sampler | RolloutsAhead | None, answer_keys: AnswerKeys | None = None, **kwargs: Any
    ) -> None:
        """Set up the trainer; other arguments are TRL's.

        Args:
            args: for TRL.
            sampler: draws completions; None leaves that to TRL.
            answer_keys: makes answers comparable; None compares whole texts.
            kwargs: for TRL.
        """
        self._sampler: Any = sampler
        self._answer_keys: AnswerKeys = answer_keys or (lambda texts, _: [text.strip() or None for text in texts])
        self._prompt_ids: list[list[int]] = []
        self._scores: Scores | None = None
        self._awaiting_scores = False
        self._live: tuple[Tensor, Tensor] | None = None
        self._sums: dict[str, Tensor] = {}
        self._window_tokens: Tensor | None = None
        self._tokens_drawn = 0
        self._keys: list[str | None] = []
        self._kinds: list[str] = []
        super().__init__(*args, **kwargs)
        plain = self.accelerator.unwrap_model(self.model)
        found = choose(plain, self.temperature) if reads_weights() else None
        self.way: Way = from_first(found)  # type: ignore[assignment]  # the first process reads weights
        """How samples are scored."""

    # ---- sampling ----

    @property
    def rollout_number(self) -> int:
        """How many rollouts came before this one, over the whole run."""
        updates: int = self.args.steps_per_generation // self.args.gradient_accumulation_steps
        done: int = self.state.global_step
        return done // max(1, updates)

    def _streams(self, rows: int, later: int = 0) -> list[int]:
        """Numbers of the streams of this process in this rollout, or in one that is so many later."""
        processes, index = self.accelerator.num_processes, self.accelerator.process_index
        first = ((self.rollout_number + later) * processes + index) * rows
        return list(range(first, first + rows))

    def _note_kinds(self, rows: list[dict[str, Any]]) -> None:
        """Remember by which rules the samples of these rows are compared."""
        self._kinds = [str(row.get("kind", "none")) for row in rows]

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._note_kinds(inputs)
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        return batch

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        switches = self.args.chat_template_kwargs or {}
        return [token_ids(prompt, self._tokenizer, switches) for prompt in prompts], None, {}

    def _generate_single_turn(self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any) -> Any:
        self._prompt_ids = prompt_ids
        if self._sampler is None:
            return super()._generate_single_turn(prompt_ids, *args, **kwargs)
        started = time.monotonic()
        drawn = self._draw(self.accelerator.unwrap_model(self.model), prompt_ids)
        self._metrics["train"]["waited"] = [time.monotonic() - started]
        return drawn

    def _draw(self, model: Any, prompts: list[list[int]]) -> list[list[int]]:
        drawn: list[list[int]] = self._sampler(model, prompts, self._streams(len(prompts)))
        return drawn

    def _generate(self, prompts: list[Any]) -> Any:
        self._scores, self._awaiting_scores = None, self.keeps_old_logprobs
        out = super()._generate(prompts)
        self._log_samples(out[1])
        return out

    # ---- curves ----

    def _log_samples(self, completions: list[list[int]]) -> None:
        n, limit = self.num_generations, self.max_completion_length
        ends = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        texts = self._tokenizer.batch_decode(completions, skip_special_tokens=True)
        self._keys = self._answer_keys(texts, self._kinds)
        groups = [self._keys[i : i + n] for i in range(0, len(self._keys), n)]
        lengths = [len(ids) for ids in completions]
        local = torch.tensor(
            [
                sum(lengths) / len(lengths),
                sum(len(ids) >= limit and ids[-1] not in ends for ids in completions) / len(completions),
                sum(map(repetition, completions)) / len(completions),
                sum(distinct(group) for group in groups) / len(groups),
                sum(agreement(group) for group in groups) / len(groups),
            ],
            dtype=torch.float64,
        )
        means = self._mean_over_processes(local)
        if not self._tokens_drawn:  # a resumed run counts on
            self._tokens_drawn = int(
                next((row["tokens"] for row in self.state.log_history[::-1] if "tokens" in row), 0)
            )
        self._tokens_drawn += round(means[0] * len(lengths) * self.accelerator.num_processes)
        names = ("length", "clipped", "repetition", "distinct", "agreement")
        found = dict(zip(names, means, strict=True)) | {"tokens": float(self._tokens_drawn)}
        if n == 1:  # nothing to compare with
            del found["distinct"], found["agreement"]
        self._metrics["train"].update({name: [value] for name, value in found.items()})

    def _mean_over_processes(self, local: Tensor) -> list[float]:
        device = self.accelerator.device
        kind = torch.float32 if device.type == "mps" else local.dtype
        means: list[float] = self.accelerator.reduce(local.to(device, kind), "mean").tolist()
        return means

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Put in means over all tokens of the step, where TRL has means of micro-batch means."""
        for name, sums in self._sums.items():
            total, count = self.accelerator.reduce(sums, "sum").tolist()
            self._metrics["train"][name] = [total / max(count, 1)]
        self._sums = {}
        super().log(logs, start_time)

    def _add(self, name: str, total: Tensor, count: Tensor) -> None:
        """Count something per token into the curve of that name."""
        sums = torch.stack([total.detach().float(), count.float()])
        self._sums[name] = self._sums[name] + sums if name in self._sums else sums

    # ---- the policy's own forward pass ----

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **_: Any,  # of images
    ) -> Any:
        learning = torch.is_grad_enabled()
        if self.skips_old_logprobs and not learning and not self._awaiting_scores and model is self.model:
            return torch.zeros(len(input_ids), logits_to_keep, device=input_ids.device), None, None
        scoring = self._awaiting_scores and not learning and model is self.model
        order = attention_mask.sum(-1).argsort(descending=True, stable=True)  # pieces of about equally long rows
        with self.accelerator.autocast():  # once, so that weights are converted once
            parts = [
                self._scored(model, input_ids[rows], attention_mask[rows], logits_to_keep, compute_aux_loss)
                for rows in torch.split(order, batch_size or len(order))
            ]
        before = order.argsort()
        entropies = None
        if compute_entropy or scoring:  # the reference model's head gives none
            entropies = torch.cat([part.entropy[:, -logits_to_keep:] for part in parts])[before]
        logprobs = torch.cat([part.log_probs[:, -logits_to_keep:] for part in parts])[before]
        mask = attention_mask[:, -logits_to_keep:]
        if scoring and entropies is not None:
            self._scores, self._awaiting_scores = Scores(logprobs, entropies.detach(), mask), False
        if learning and entropies is not None:
            self._live = (entropies, mask)
            self._add("entropy", (entropies * mask).sum(), mask.sum())
        if learning and self.ratios_are_one:
            logprobs = logprobs - logprobs.detach()
        balance = torch.stack([part.aux_loss for part in parts]).mean() if compute_aux_loss else None
        return logprobs, entropies, balance

    def _scored(self, model: Any, ids: Tensor, mask: Tensor, keep: int, compute_aux_loss: bool) -> Scored:
        """Log-probabilities and entropies of the last `keep` positions."""
        labels = ids.masked_fill(mask == 0, -100)
        labels[:, :-keep] = -100
        extra: dict[str, Any] = {"output_router_logits": True} if compute_aux_loss else {}
        return score(model, ids, mask, labels, self.way, self.temperature, **extra)

    def _score(self, prompts: list[list[int]], completions: list[list[int]]) -> Scores:
        """The policy's log-probabilities and entropies of the samples; free where the trainer has just taken them."""
        if self._scores is None:
            device = self.accelerator.device
            pad = self._tokenizer.pad_token_id
            left, left_mask = stack(prompts, pad, left=True)
            right, right_mask = stack(completions, pad)
            ids, mask = torch.cat([left, right], 1).to(device), torch.cat([left_mask, right_mask], 1).to(device)
            size = self.args.per_device_train_batch_size
            self._awaiting_scores = True
            with torch.no_grad(), self.without_checkpointing():
                self._get_per_token_logps_and_entropies(self.model, ids, mask, right.shape[1], size)
        assert self._scores is not None
        return self._scores

    def without_checkpointing(self) -> Any:
        """Context in which the model does not recompute activations."""
        return disable_gradient_checkpointing(self.model, self.args.gradient_checkpointing_kwargs)

    # ---- normalisation over the whole optimisation step ----

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        accumulate, every = self.args.gradient_accumulation_steps, self.args.steps_per_generation
        fresh = self.model.training and (self._step % every == 0 or self._buffered_inputs is None)
        inputs = super()._prepare_inputs(generation_batch)
        if fresh:
            self._buffered_inputs = by_length(self._buffered_inputs, accumulate)
            inputs = self._buffered_inputs[self._step % every]
        if self.model.training and self._step % accumulate == 0:
            first = self._step % every
            window = self._buffered_inputs[first : first + accumulate]
            local = torch.stack([part["completion_mask"].sum() for part in window]).sum()
            self._window_tokens = self.accelerator.reduce(local, "sum")
        return inputs

    def _as_step_share(self, total: Tensor, count: Tensor | float) -> Tensor:
        """A sum over this micro-batch, as its share of the mean over the whole step.

        Undoes what comes later: processes are averaged, and Trainer divides by the number of micro-batches unless told
        that the loss is scaled already.
        """
        scale = self.accelerator.num_processes
        if not self.loss_is_scaled_for_ga:
            scale *= self.current_gradient_accumulation_steps
        share: Tensor = total * scale / count
        return share

    def _clip_grad_norm(self, model: Any) -> Any:
        """Clip a sum over tokens where the mean over tokens would be clipped."""
        if not self.sums_over_tokens or self._window_tokens is None:
            return super()._clip_grad_norm(model)
        completions = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        length = float(self._window_tokens) / (completions * self.accelerator.num_processes)
        limit = self.args.max_grad_norm
        self.args.max_grad_norm = limit * length
        try:
            return super()._clip_grad_norm(model)
        finally:
            self.args.max_grad_norm = limit
