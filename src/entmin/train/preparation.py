"""All that a run needs before its folder is begun: data, model, and the proof that its end can be written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset
from transformers import set_seed

from entmin.errors import UsageError
from entmin.train.config import TrainConfig
from entmin.train.data.report import PromptReport
from entmin.train.opening import Opening, held_out_facts, opening
from entmin.train.policy import Place, Policy, load_policy, place_for
from entmin.train.processes import meet
from entmin.train.prompts import (
    Prompts,
    formatted_prompt,
    held_out_rows,
    holds_out_rows,
    rows_to_train_on,
    token_ids,
    training_prompts,
    without,
)
from entmin.train.trial import try_saving


@dataclass(frozen=True)
class Prepared:
    """What a run begins with."""

    place: Place
    policy: Policy
    prompts: Prompts
    problems: Dataset | None
    """Held-out problems that fit."""
    problem_ids: list[list[int]]
    """Their prompts as token ids."""
    opening: Opening
    report: PromptReport


def prepare(config: TrainConfig, *, resume: bool) -> Prepared:
    """Read the data, load the model, and try what can fail later.

    Raises:
        UsageError: settings, data or model do not fit each other.
        EntminError: the model cannot be loaded, or nothing can be written.
    """
    report, held_report = PromptReport(config.data), PromptReport(config.eval_data or config.data)
    labelled, problems = rows_to_train_on(config, report), held_out_rows(config, held_report)
    shared = 0
    if problems is not None:
        labelled, shared = without(labelled, problems)
    set_seed(config.seed)
    place = place_for(config)
    meet(place.device)
    policy = load_policy(config, place)
    context = policy.max_length
    prompts = training_prompts(config, labelled, policy.tokenizer, context)
    left_out = ({"prompts that are held-out problems": shared} if shared else {}) | prompts.left_out
    found = opening(config, report, prompts.rows, left_out, context)
    problem_ids: list[list[int]] = []
    if problems is not None:
        problems, problem_ids, reasons = _fitting(config, problems, policy)
        found.held_out = held_out_facts(_where_from(config), held_report, len(problems), reasons)
    found.dropout_switched_off = policy.dropout
    found.auxiliary_loss = _auxiliary_loss(config, policy)
    if not resume:
        found.changed_to_save = try_saving(policy, Path(config.output), adapters=config.lora)
    return Prepared(place, policy, prompts, problems, problem_ids, found, report)


def _fitting(config: TrainConfig, problems: Dataset, policy: Policy) -> tuple[Dataset, list[list[int]], dict[str, int]]:
    """The problems that fit the model's context with their answers, as token ids, and how many do not."""
    tokenizer, room, switches = policy.tokenizer, policy.max_length - config.max_tokens, config.chat_template_kwargs
    if config.rollouts == "vllm":  # whose servers were asked for no longer context
        room = min(room, config.max_prompt_tokens)
    ids = [token_ids(formatted_prompt(p, tokenizer, config), tokenizer, switches) for p in problems["prompt"]]
    kept = [place for place, one in enumerate(ids) if len(one) <= room]
    if not kept:
        raise UsageError(
            f"no held-out problem has the {room} tokens or fewer that leave room for an answer of {config.max_tokens}; "
            "lower max_tokens, or with a vLLM server raise max_prompt_tokens"
        )
    reason = f"problems of more than {room} tokens, which leave no room for answers of {config.max_tokens}"
    left_out = {reason: len(ids) - len(kept)} if len(kept) < len(ids) else {}
    return problems.select(kept), [ids[place] for place in kept], left_out


def _where_from(config: TrainConfig) -> str:
    if holds_out_rows(config):
        return f"a tenth of {config.data}, which the run does not train on"
    source = config.eval_data or config.data
    return source if Path(source).is_file() else f"{source}, split test"


def _auxiliary_loss(config: TrainConfig, policy: Policy) -> float:
    text = policy.model.config.get_text_config(decoder=True)
    if config.method == "em-ft" or not hasattr(text, "output_router_logits"):
        return 0.0
    return float(getattr(text, "router_aux_loss_coef", 0.0) or 0.0)
