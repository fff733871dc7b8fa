"""The solver of SciCode: one request per step, each with the steps before it and the model's own code for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspect_ai.model import ChatMessage, ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver

from entmin.evals.cost import total
from entmin.programs.programs import gold_of
from entmin.programs.scicode import supplied
from entmin.programs.steps import join_steps, step_code
from entmin.seeds import derive_seed
from entmin.tasks.on_inspect.task import message
from entmin.tasks.registry import problems
from entmin.tasks.scicode import step_turns

_CUT = ("max_tokens", "model_length")


@solver
def stepwise(
    run_seed: int = 0,
    on_done: Callable[[TaskState], None] | None = None,
    prompt: str = "clean",
    background: bool = False,
    data_dir: str | None = None,
    source: dict[str, Any] | None = None,
) -> Solver:
    """Ask for every step in turn, the supplied ones left out; the answer is all code together.

    Args:
        run_seed: The run's seed; each step of each sample has its own, derived from it.
        on_done: Called with the state after the last step.
        prompt: Prompt profile.
        background: Whether backgrounds are shown.
        data_dir: Mirror folder.
        source: The data's own options.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        row = problems("scicode", data_dir, source).by_id[str(state.sample_id)]
        codes: dict[str, str | None] = {}
        told: list[ChatMessage] = []
        outputs: list[ModelOutput] = []
        for step in gold_of(row)["steps"]:
            if step["id"] in supplied():
                codes[step["id"]] = supplied()[step["id"]]
                continue
            state.messages = [message(*turn) for turn in step_turns(row, step["id"], codes, prompt, background)]
            seed = derive_seed(run_seed, f"{state.sample_id}/{step['id']}", state.epoch)
            state = await generate(state, seed=seed)
            codes[step["id"]] = step_code(step, state.output.completion)
            told += state.messages
            outputs.append(state.output)
        _finish(state, {name: code for name, code in codes.items() if name not in supplied()}, told, outputs)
        if on_done is not None:
            on_done(state)
        return state

    return solve


def _finish(
    state: TaskState, codes: dict[str, str | None], told: list[ChatMessage], outputs: list[ModelOutput]
) -> None:
    """Make the sample's output all of its steps: code, tokens, and whether any was cut off."""
    state.messages = told
    if state.output.choices:
        state.output = total(state.output, outputs)
        state.output.completion = join_steps(codes)
        if any(output.stop_reason in _CUT for output in outputs):
            state.output.choices[0].stop_reason = "max_tokens"
