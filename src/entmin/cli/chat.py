"""``entmin chat``: a conversation in the terminal, kept in a file if wished."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entmin.api.ask import request_of
from entmin.cli import answering
from entmin.cli import options as shared
from entmin.cli.grouped import Verb, Word
from entmin.errors import EntminError, UsageError
from entmin.mode import Mode
from entmin.terminal import console, printable, say

if TYPE_CHECKING:
    from entmin.engine.engine import Engine

_COMMANDS = {
    "/help": "these lines",
    "/mode MODE": "answer with another mode from now on",
    "/system TEXT": "set the system prompt; nothing takes it away",
    "/undo": "forget the last question and its answer",
    "/clear": "forget all but the system prompt",
    "/save FILE": "write the conversation to a file",
    "/load FILE": "go on with the conversation of a file",
    "/quit": "end; so does Ctrl-D",
}
_ROLES = ("system", "user", "assistant")


@click.command("chat", cls=Verb)
@click.argument("model")
@click.option(
    "--file", "path", type=click.Path(path_type=Path), help="Conversation to go on with, saved at each answer."
)
@click.option("--mode", default="em_inf", show_default=True, help="Method and sampling, as in `entmin eval`.")
@click.option("--show", type=Word(answering.SHOWS), default="auto", show_default=True, help="As in `entmin ask`.")
@shared.template_options
@shared.method_options
@shared.sampling_options
@shared.engine_options
def command(model: str, path: Path | None, mode: str, show: str, **options: Any) -> None:
    """Talk with MODEL. Every line of standard input is a turn; /help lists the commands.

    Ctrl-C stops an answer, and what it said so far stays in the conversation. Standard output has the answers alone.
    """
    from entmin.engine.prompts import switches_of

    chosen = _single(shared.take_mode(mode, options))
    switches = switches_of(shared.read(options))
    turns = _load(path) if path is not None and path.exists() else []
    if options["system"] is not None:
        _set_system(turns, options["system"])
    with answering.open_engine(model, options) as engine:
        talk = Talk(engine, chosen, turns, path, show, switches, options["max_tokens"])
        say(f"{model}, {chosen}; /help lists the commands, Ctrl-D ends", err=True)
        talk.tell()
        while (line := _read()) is not None:
            try:
                if not talk.take(line):
                    break
            except EntminError as error:
                say(f"error: {error}", err=True)


class Talk:
    """A conversation in progress."""

    def __init__(
        self,
        engine: Engine,
        mode: Mode,
        turns: list[dict[str, str]],
        path: Path | None,
        show: str,
        switches: dict[str, Any],
        limit: int | None,
    ) -> None:
        """Go on with the turns that there are."""
        self.engine, self.mode, self.turns, self.path = engine, mode, turns, path
        self._show, self._switches, self._limit = show, switches, limit

    def take(self, line: str) -> bool:
        """A line that was typed; False ends the conversation.

        Raises:
            EntminError: it cannot be done; the conversation is as it was.
        """
        if not line.strip():
            return True
        if line.startswith("/"):
            return self._command(*line.strip().partition(" ")[::2])
        self._answer(line)
        return True

    def tell(self) -> None:
        """Show the turns so far."""
        for turn in self.turns:
            say(f"{turn['role']}: {turn['content']}", err=True)

    def _answer(self, question: str) -> None:
        answering.check_text(question)
        asked = [*self.turns, {"role": "user", "content": question}]
        request = request_of(self.engine.loaded, asked, self.mode, self._limit, self._switches)
        shown = console(soft_wrap=True)
        writer = answering.Writer.on(shown, self.engine.loaded.tokenizer, self._show)
        try:
            [done] = answering.stream(self.engine, [request], lambda _, *drawn: writer.token(*drawn))
            writer.finish(done)
            said, ended = done.text, answering.caption(done)
        except KeyboardInterrupt:
            said, ended = writer.said, "stopped"
        shown.out("")
        say(f"({ended})", err=True)
        self.turns = [*asked, {"role": "assistant", "content": said}]
        self._keep()

    def _command(self, name: str, rest: str) -> bool:
        rest = rest.strip()
        if name in ("/mode", "/system", "/save", "/load") and not rest:
            raise UsageError(f"{name} needs what follows it; /help lists the commands")
        if name == "/mode":
            self.mode = _single(Mode.parse(rest))
        elif name == "/system":
            _set_system(self.turns, rest)
        elif name == "/undo":
            del self.turns[
                max((i for i, turn in enumerate(self.turns) if turn["role"] == "user"), default=len(self.turns)) :
            ]
        elif name == "/clear":
            self.turns = [turn for turn in self.turns if turn["role"] == "system"]
        elif name == "/save":
            self.path = Path(rest)
        elif name == "/load":
            self.turns = _load(Path(rest))
            self.tell()
        elif name == "/help":
            say("\n".join(f"{what:<14}{meaning}" for what, meaning in _COMMANDS.items()), err=True)
        elif name != "/quit":
            raise UsageError(f"there is no command {name}; /help lists them; a turn cannot begin with /")
        if name in ("/system", "/undo", "/clear", "/save"):
            self._keep()
        return name != "/quit"

    def _keep(self) -> None:
        from entmin.durable import write_whole

        if self.path is None:
            return
        kept = {"model": self.engine.loaded.name, "mode": str(self.mode), "messages": self.turns}
        try:
            write_whole(self.path, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
        except OSError as error:
            raise EntminError(
                f"the conversation cannot be saved to {self.path}: {error}; /save FILE names another"
            ) from error


def _read() -> str | None:
    """The next line; None at the end of the input."""
    try:
        if not sys.stdin.isatty():
            line = sys.stdin.readline()
            return line.rstrip("\n") if line else None
        import readline  # noqa: F401 - gives `input` its editing and history

        return input("> ")
    except EOFError:
        return None
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is no text: {error}") from None


def _single(mode: Mode) -> Mode:
    if mode.strategy is not None:
        raise UsageError(f"{mode.strategy.name}: a conversation has single answers; `entmin ask` takes strategies")
    return mode


def _set_system(turns: list[dict[str, str]], text: str) -> None:
    turns[:] = [{"role": "system", "content": text}, *(turn for turn in turns if turn["role"] != "system")]


def _load(path: Path) -> list[dict[str, str]]:
    """The turns of a file.

    Raises:
        UsageError: it cannot be read, or is no conversation.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        messages = told["messages"] if isinstance(told, dict) else told
        turns = [{"role": turn["role"], "content": turn["content"]} for turn in messages]
        if not all(turn["role"] in _ROLES and isinstance(turn["content"], str) for turn in turns):
            raise ValueError("a message has another role than system, user or assistant, or no text")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is no conversation ({printable(str(error))}): it must be JSON with a list `messages`, "
            "each with role and content"
        ) from None
    return turns
