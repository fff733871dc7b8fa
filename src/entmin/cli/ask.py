"""``entmin ask``: one answer, tokens marked by the entropy of the distribution they came from."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from entmin.api.ask import DEFAULT_LENGTH, request_of, turns_of
from entmin.cli import answering
from entmin.cli import options as shared
from entmin.cli.beside import stream_beside
from entmin.cli.grouped import Verb, Word
from entmin.engine.named import require_model
from entmin.errors import UsageError
from entmin.terminal import console, say

if TYPE_CHECKING:
    from entmin.engine.engine import Engine
    from entmin.engine.requests import Request
    from entmin.mode import Mode


@click.command("ask", cls=Verb)
@click.argument("model")
@click.argument("question")
@click.option("--mode", default="em_inf", show_default=True, help="Method and sampling, as in `entmin eval`.")
@click.option("--compare", "beside", is_flag=True, help="Show the plain answer with the same seed beside it.")
@click.option("--json", "as_json", is_flag=True, help="Print tokens, entropies and alternatives as one JSON object.")
@click.option(
    "--show",
    type=Word(answering.SHOWS),
    default="auto",
    show_default=True,
    help=f"Entropy as shades; as a line under, or a number after, tokens of {answering.UNSURE:g} nat or more; or not.",
)
@shared.template_options
@shared.method_options
@shared.strategy_options
@shared.sampling_options
@shared.engine_options
def command(model: str, question: str, mode: str, beside: bool, as_json: bool, show: str, **options: Any) -> None:
    """Ask MODEL one QUESTION; - reads it from standard input.

    The answer streams. Each token is marked by the entropy of the model's own distribution at that place. Where the
    output is no terminal, only the answer is written there.
    """
    from entmin.engine.prompts import switches_of
    from entmin.methods import Normal

    chosen = shared.take_mode(mode, options)
    switches = switches_of(shared.read(options))
    turns = turns_of(_read(question), options["system"])
    if chosen.strategy is not None:
        return _by_strategy(model, chosen, turns, switches, options, refused=beside or as_json or show != "auto")
    arms = [chosen] if not beside else [replace(chosen, method=Normal()), chosen]
    with answering.open_engine(model, options) as engine:
        requests = [request_of(engine.loaded, turns, arm, options["max_tokens"], switches) for arm in arms]
        if beside and not as_json:
            return stream_beside(engine, [arm.describe() for arm in arms], requests, show)
        if not as_json:
            return _stream(engine, chosen, requests[0], show)
        completions, tokenizer = engine.generate(requests), engine.loaded.tokenizer
        answers = [answering.as_json(arm, done, tokenizer) for arm, done in zip(arms, completions, strict=True)]
        say(json.dumps({"model": model, "messages": turns, "answers": answers}, indent=1))


def _read(question: str) -> str:
    """The question, from standard input for a hyphen.

    Raises:
        UsageError: it is empty, or no text.
    """
    if question == "-":
        try:
            question = sys.stdin.read().strip("\n")
        except UnicodeDecodeError as error:
            raise UsageError(f"standard input is no text: {error}") from None
    answering.check_text(question)
    if not question.strip():
        raise UsageError("the question is empty: write it after the model, or give - and write it to standard input")
    return question


def _stream(engine: Engine, mode: Mode, request: Request, show: str) -> None:
    shown = console(soft_wrap=True)
    writer = answering.Writer.on(shown, engine.loaded.tokenizer, show)
    [done] = answering.stream(engine, [request], lambda _, *drawn: writer.token(*drawn))
    writer.finish(done)
    shown.out("")
    say(f"({mode.describe()}: {answering.caption(done)})", err=True)


def _by_strategy(
    model: str,
    mode: Mode,
    turns: list[dict[str, str]],
    switches: dict[str, Any],
    options: dict[str, Any],
    refused: bool,
) -> None:
    assert mode.strategy is not None
    if refused:
        raise UsageError(f"{mode.strategy.name} makes its answer of several: leave out --compare, --json and --show")
    from entmin.extras import require

    require("eval", f"{mode.strategy.name} in entmin ask")
    require_model(model, options.get("revision"))
    from entmin.api.options import engine_settings
    from entmin.evals.single import answer

    said = {"chat_template_kwargs": switches} if switches else {}
    found = answer(model, mode, turns, options["max_tokens"] or DEFAULT_LENGTH, said, engine_settings(options))
    say(found.text)
    say(f"({mode.describe()}: {found.calls} calls, {found.tokens} tokens)", err=True)
