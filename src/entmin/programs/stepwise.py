"""The solver of SciCode: one request per step, each with the steps before it and the model's own code for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver

from entmin.errors import UsageError
from entmin.evals.cost import total
from entmin.problem import Problem
from entmin.programs.known import templates
from entmin.programs.problems import problems
from entmin.programs.programs import gold_of
from entmin.programs.scicode import supplied
from entmin.programs.steps import join_steps, step_code
from entmin.seeds import derive_seed
from entmin.tasks.prompts import Turns

_SYSTEM = "You are a helpful assistant."
_CUT = ("max_tokens", "model_length")


def step_turns(row: Problem, step_id: str, codes: Mapping[str, str | None], prompt: str, background: bool) -> Turns:
    """The chat turns that ask for one step.

    Args:
        row: The problem.
        step_id: The step.
        codes: The code of the steps before it.
        prompt: ``paper``, the published template, or ``clean``.
        background: Whether each step's background is shown.

    Raises:
        UsageError: backgrounds are asked for and this copy has none.
    """
    steps = gold_of(row)["steps"]
    place = next(number for number, step in enumerate(steps) if step["id"] == step_id)
    before = [text for step in steps[:place] for text in (_told(step, background), codes.get(step["id"]) or "")]
    step = steps[place]
    asked = [_told(step, background), f"{step['header']}\n\n{step['return_line']}"]
    template = templates("scicode_prompts.md")[f"{prompt} {'background' if background else 'plain'}"]
    if prompt == "paper":
        pairs = [f"{told}\n\n{code}" for told, code in zip(before[::2], before[1::2], strict=True)]
        values = {"problem_steps_str": "\n\n------\n\n".join(pairs), "next_step_str": "\n\n".join(asked)}
        text = _fill(template, **values, dependencies=gold_of(row)["dependencies"])
        return [("system", _SYSTEM), ("user", text)]
    shown = [f"{told}\n\n```python\n{code}\n```" for told, code in zip(before[::2], before[1::2], strict=True)]
    previous = "The steps so far:\n\n" + "\n\n".join(shown) + "\n\n" if shown else ""
    wanted = f"{asked[0]}\n\n```python\n{asked[1]}\n```"
    return [("user", _fill(template, previous=previous, next=wanted, dependencies=gold_of(row)["dependencies"]))]


def _told(step: Mapping[str, Any], background: bool) -> str:
    if not background:
        return str(step["description"])
    if step["background"] is None:
        raise UsageError(
            "scicode: this copy of the problems has no step_background; use -T background=false, or a copy that has it"
        )
    return f"{step['description']}\n{step['background']}"


def _fill(template: str, **values: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)


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
        row = problems("scicode", data_dir, source).rows[str(state.sample_id)]
        codes: dict[str, str | None] = {}
        told: list[ChatMessage] = []
        outputs: list[ModelOutput] = []
        for step in gold_of(row)["steps"]:
            if step["id"] in supplied():
                codes[step["id"]] = supplied()[step["id"]]
                continue
            state.messages = [_message(*turn) for turn in step_turns(row, step["id"], codes, prompt, background)]
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


def _message(role: str, text: str) -> ChatMessage:
    return ChatMessageSystem(content=text) if role == "system" else ChatMessageUser(content=text)


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
