"""`ask`: one answer with its entropies; and `adjust`: what a method makes of one row of logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from entmin.api.options import ModeLike, RunOptions, as_mode, check, choice_of, documented, drawing, require_inputs
from entmin.errors import UsageError
from entmin.mode import Mode

if TYPE_CHECKING:
    from entmin.engine.loaded import LoadedModel
    from entmin.engine.prompts import Switches, Turns
    from entmin.engine.requests import Completion, Request
    from entmin.report.page import Token

DEFAULT_LENGTH = 512
"""Tokens of an answer that no task limits."""
ALTERNATIVES = 10
"""Likeliest tokens of each step that are shown, before the method and after it."""


@dataclass(frozen=True, repr=False)
class Answer:
    """An answer, token by token."""

    mode: Mode
    text: str
    tokens: tuple[Token, ...]
    """Each with its text, the entropy of the model's own distribution and of the one drawn from, in nats, and the
    likeliest alternatives."""
    entropy_before: float
    """Mean over tokens, of the model's own distribution, nats."""
    entropy_after: float
    """Mean over tokens, of the distribution drawn from, nats."""

    def __repr__(self) -> str:
        shown = self.text if len(self.text) < 80 else f"{self.text[:77]}..."
        return f"Answer: {shown!r} ({self._said()})"

    def _said(self) -> str:
        return f"{len(self.tokens)} tokens, entropy {self.entropy_before:.2f} → {self.entropy_after:.2f} nats"

    def _repr_html_(self) -> str:
        from entmin.report.cell import answer_cell
        from entmin.report.page import Answer as Shaded

        return answer_cell(Shaded(str(self.mode), None, self.tokens), self._said())


def turns_of(question: str, system: str | None) -> list[dict[str, str]]:
    """The conversation that a question begins."""
    first = [{"role": "system", "content": system}] if system is not None else []
    return [*first, {"role": "user", "content": question}]


def request_of(
    loaded: LoadedModel, turns: Turns, mode: Mode, limit: int | None = None, switches: Switches | None = None
) -> Request:
    """The engine's request of one answer, with all that is shown of its tokens.

    Args:
        loaded: the model.
        turns: the conversation.
        mode: without strategy.
        limit: most tokens of the answer.
        switches: variables of the chat template.

    Raises:
        PromptError: the model's chat template cannot write the conversation.
    """
    from entmin.engine.prompts import encode_chat
    from entmin.engine.requests import Request

    return Request(
        encode_chat(loaded, turns, switches), mode.method, mode.sampling, limit or DEFAULT_LENGTH, mode.seed or 0,
        token_entropies=True, confidence=True, alternatives=ALTERNATIVES, drawn=True,
    )  # fmt: skip


@documented
def ask(model: str, question: str, *, mode: ModeLike = "em_inf", **options: Unpack[RunOptions]) -> Answer:
    """Ask a model one question, as `entmin ask` does; the model stays loaded for the next call.

    Args:
        model: alias, local folder or Hub id.
        question: put to the model by its chat template.
        mode: method and sampling; a single answer has no strategy.
        options: see below.

    Raises:
        UsageError: a name or a value is wrong.
        EntminError: the model cannot be loaded.
    """
    check(options)
    chosen = as_mode(mode, drawing(options))
    if chosen.strategy is not None:
        raise UsageError(f"{chosen.strategy.name}: one question has single answers; `entmin.evaluate` runs strategies")
    require_inputs([], [model], options)
    from entmin.engine.prompts import switches_of
    from entmin.evals.engines import open_engine
    from entmin.evals.provider import InProcess

    opened = open_engine(model, choice_of(options))
    if not isinstance(opened, InProcess):
        raise UsageError("entropies of single tokens need the in-process engine: leave out engine and base_url")
    loaded, turns = opened.engine.loaded, turns_of(question, options.get("system"))
    request = request_of(loaded, turns, chosen, options.get("max_tokens"), switches_of(options))
    [done] = opened.engine.generate([request])
    return Answer(chosen, done.text, _tokens(loaded.tokenizer, done), done.entropy_before, done.entropy_after)


def _tokens(tokenizer: Any, done: Completion) -> tuple[Token, ...]:
    from entmin.engine.text import pieces
    from entmin.report.page import Alternative, Token

    likely = [
        tuple(
            Alternative(tokenizer.decode([token]), math.exp(before), math.exp(after))
            for token, before, after in zip(
                one.likeliest, one.log_probabilities, one.drawn_log_probabilities, strict=True
            )
        )
        for one in done.confidence
    ]
    found = zip(pieces(tokenizer, done.tokens), done.before, done.after, likely, strict=True)
    return tuple(Token(*one) for one in found)


@dataclass(frozen=True, repr=False)
class Adjustment:
    """One row of logits before and after a method, temperature left aside."""

    mode: Mode
    names: tuple[str, ...]
    """The likeliest tokens under either distribution."""
    before: tuple[float, ...]
    """Their probabilities under the model's own distribution."""
    after: tuple[float, ...]
    """Their probabilities after the method."""
    entropy_before: float
    """Nats, over all tokens."""
    entropy_after: float
    """Nats, over all tokens."""

    def __repr__(self) -> str:
        return f"{self.mode}: entropy {self.entropy_before:.3f} → {self.entropy_after:.3f} nats"

    def table(self) -> Any:
        """Token, probability before and after."""
        from entmin.report.table import Table

        rows = zip(self.names, self.before, self.after, strict=True)
        cells = tuple((name, f"{100 * p:.2f}", f"{100 * q:.2f}", f"{100 * (q - p):+.2f}") for name, p, q in rows)
        return Table(repr(self), ("token", "before %", "after %", "change"), cells)

    def _repr_html_(self) -> str:
        from entmin.report.cell import tables_cell

        return tables_cell([self.table()])


def adjust(mode: ModeLike, logits: Any, names: Sequence[str] | None = None) -> Adjustment:
    """What a method makes of one row of logits.

    Args:
        mode: a method, as text or as itself; methods with memory see one step.
        logits: ``[V]``, a tensor or whatever makes one.
        names: a text for each of the V tokens; their numbers by default.

    Raises:
        UsageError: no method, or no single row of logits.
    """
    import torch

    chosen = as_mode(mode)
    row = torch.as_tensor(logits, dtype=torch.float32).detach().cpu()
    if row.ndim != 1 or not len(row) or (names is not None and len(names) != len(row)):
        raise UsageError(f"one row of logits [V] and as many names are wanted, not {list(row.shape)}")
    done = chosen.method.adjust_measured(row[None])
    before, after = row.softmax(-1), done.logits[0].float().softmax(-1)
    likely = torch.maximum(before, after).topk(min(ALTERNATIVES, len(row))).indices.tolist()
    likely.sort(key=lambda one: -float(before[one]))
    return Adjustment(
        chosen,
        tuple(str(one) if names is None else names[one] for one in likely),
        tuple(float(before[one]) for one in likely),
        tuple(float(after[one]) for one in likely),
        float(done.before[0]),
        float(done.after[0]),
    )
