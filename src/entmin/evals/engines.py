"""Where answers come from: the in-process engine, or servers that speak OpenAI's protocol (`entmin.evals.choice`).

Heavy imports happen when an engine is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from entmin.engine.lean import opening
from entmin.errors import UsageError
from entmin.evals.choice import OWN_SERVER_MEASURES, EngineChoice, RunningEngine
from entmin.evals.opened import opened
from entmin.mode import Mode

if TYPE_CHECKING:
    from entmin.evals.provider import InProcess


def open_engine(model: str, choice: EngineChoice) -> RunningEngine:
    """The engine for a model; opened once in a process and shared by every run that asks for the same.

    Raises:
        EntminError: the model cannot be loaded, or a server cannot be reached or started.
    """
    if choice.name == "transformers":
        return opened(("in process", model, choice), lambda: _in_process(model, choice))
    from entmin.evals.servers import open_servers

    return opened(("servers", model, choice), lambda: open_servers(model, choice))


def _in_process(model: str, choice: EngineChoice) -> InProcess:
    """The engine in this process; where its chat template reads the date, that stands still for all runs."""
    with opening(model):
        from entmin.engine.prompts import held
        from entmin.evals.provider import InProcess

        made = InProcess(model, dict(choice.options), choice.said)
    if told := held(made.engine.loaded.tokenizer, made.said.get("chat_template_kwargs") or {}):
        made.said["chat_template_kwargs"] = told
    return made


def require(engine: RunningEngine, mode: Mode) -> None:
    """Refuse what the engine cannot do, before anything is computed.

    Raises:
        UsageError: the engine cannot honour the method or sampling, or does not measure what the strategy needs.
    """
    engine.body(mode)
    strategy = mode.strategy
    if strategy is None:
        return
    if getattr(strategy, "style", None) == "published" and not engine.text_prompts:
        raise UsageError(
            f"{strategy.name}: this server takes no prompts as text, which the published refinement needs: use "
            "style=clean, or a server of `entmin serve`, or --engine transformers or vllm"
        )
    wanted = strategy.confidence
    if wanted is not None and wanted not in engine.measures:
        other = any("logprob" in words for words in strategy.choices.values()) and "logprob" in engine.measures
        instead = "; a server reports log-probabilities: use logprob" if other else ""
        where = "here or under `entmin serve`" if wanted in OWN_SERVER_MEASURES else "in this process"
        raise UsageError(
            f"{strategy.name}: this engine does not measure {wanted} (--engine transformers does, {where}){instead}"
        )
