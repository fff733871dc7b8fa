"""``entmin ask``: one answer, tokens shaded by the entropy of the distribution they came from."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from entmin.api.options import engine_settings
from entmin.cli import options as shared
from entmin.cli.grouped import Verb
from entmin.errors import UsageError
from entmin.terminal import console, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from entmin.engine.engine import Engine
    from entmin.engine.requests import Completion

_FULL_SHADE = 3.0
"""Entropy in nats at which a token's shade is full."""


@click.command("ask", cls=Verb)
@click.argument("model")
@click.argument("question")
@click.option("--mode", default="em_inf", show_default=True, help="Method and sampling, as in `entmin eval`.")
@click.option("--compare", "beside", is_flag=True, help="Show the plain answer with the same seed beside it.")
@shared.template_options
@shared.method_options
@shared.sampling_options
@shared.engine_options
def command(model: str, question: str, mode: str, beside: bool, **options: Any) -> None:
    """Ask MODEL one QUESTION.

    Each token is shaded by the entropy of the model's own distribution at that place: the darker, the less sure.
    """
    from entmin.engine.engine import Engine
    from entmin.engine.loading import load
    from entmin.engine.prompts import encode_chat, switches_of
    from entmin.engine.requests import Request
    from entmin.methods import Normal

    chosen = shared.take_mode(mode, options)
    if chosen.strategy is not None:
        raise UsageError(f"{chosen.strategy.name}: `entmin ask` shows single answers; `entmin eval` runs strategies")
    switches = switches_of(shared.read(options))
    loading = engine_settings(options)
    sizes = {name: loading.pop(name) for name in ("batch_size", "threads") if name in loading}
    engine = Engine(load(model, **loading), **sizes)
    system = options["system"]
    turns = [{"role": "system", "content": system}] if system is not None else []
    prompt = encode_chat(engine.loaded, [*turns, {"role": "user", "content": question}], switches)
    arms = [chosen] if not beside else [replace(chosen, method=Normal()), chosen]
    limit = options["max_tokens"] or 512
    requests = [Request(prompt, arm.method, arm.sampling, limit, arm.seed or 0, token_entropies=True) for arm in arms]
    with closing(engine):
        completions = engine.generate(requests)
    _show([arm.describe() for arm in arms], completions, engine)


def _show(titles: list[str], completions: list[Completion], engine: Engine) -> None:
    shown = console()
    panels = [_panel(title, done, engine, shown) for title, done in zip(titles, completions, strict=True)]
    if len(panels) == 1 or not shown.is_terminal:
        for panel in panels:
            shown.print(panel)
        return
    from rich.table import Table

    grid = Table.grid(expand=True, padding=(0, 1))
    for _ in panels:
        grid.add_column(ratio=1)
    grid.add_row(*panels)
    shown.print(grid)


def _panel(title: str, done: Completion, engine: Engine, shown: Console) -> RenderableType:
    from rich.panel import Panel
    from rich.text import Text

    caption = (
        f"{len(done.tokens)} tokens, entropy {done.entropy_before:.2f} → {done.entropy_after:.2f} nats, "
        f"ended by {done.stop_reason}"
    )
    if not shown.is_terminal:
        return Text(printable(f"[{title}]\n{done.text}\n({caption})"))
    return Panel(
        _shaded(done, engine), title=Text(title), subtitle=Text(caption), title_align="left", subtitle_align="left"
    )


def _shaded(done: Completion, engine: Engine) -> RenderableType:
    from rich.text import Text

    from entmin.engine.text import decoder

    text, shown = Text(), ""
    for i, entropy in enumerate(done.before):
        now = decoder(engine.loaded.tokenizer).text(done.tokens[: i + 1])
        if now.endswith("\ufffd"):  # half of a character: shown with the token that completes it
            continue
        level = min(entropy / _FULL_SHADE, 1.0)
        text.append(
            printable(now[len(shown) :]), style=f"on rgb({round(140 * level)},{round(40 * level)},{round(60 * level)})"
        )
        shown = now
    return text
