"""The command line. Each verb lives in its own module, imported only when it is used, so that help is instant."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import logging
import os
import re
import sqlite3
import sys
import threading
import traceback
from pkgutil import resolve_name
from typing import Any, NamedTuple

import click

import entmin.cli.shells  # noqa: F401  click asks these when a shell wants words
from entmin import __version__
from entmin.errors import EntminError, Interrupted, closest
from entmin.extras import lacking, require
from entmin.starting import spinning, without_collection
from entmin.terminal import prepare, say


class Verb(NamedTuple):
    """One verb of the command line."""

    target: str
    """``module:name`` of its click command, imported when the verb is used."""
    summary: str
    extra: str = ""
    """The extra of ``pip install 'entmin[...]'`` without which it cannot run."""
    goes_on: bool = False
    """Whether the same command goes on where an interrupted one stopped."""


VERBS = {
    "eval": Verb("entmin.cli.evaluate:command", "Run one decoding method on benchmarks.", "eval", True),
    "compare": Verb(
        "entmin.cli.compare:command", "Compare decoding methods, paired, on the same problems.", "eval", True
    ),
    "settle": Verb("entmin.cli.settle:command", "Settle whether a method helps, against equal entropy.", "eval", True),
    "report": Verb("entmin.cli.report:command", "Show finished runs as one page.", "eval"),
    "export": Verb("entmin.cli.export:command", "Write the samples of finished runs as a data set.", "eval"),
    "reproduce": Verb("entmin.cli.reproduce:command", "Run a table of the paper beside its numbers.", "eval", True),
    "ask": Verb("entmin.cli.ask:command", "Answer one question, tokens shaded by entropy."),
    "chat": Verb(
        "entmin.cli.chat:command", "Talk with a model, tokens shaded by entropy; keep conversations in files."
    ),
    "play": Verb("entmin.cli.play:command", "Open the playground: methods side by side, token by token.", "serve"),
    "serve": Verb("entmin.cli.serve:command", "Serve a model over an OpenAI-compatible API.", "serve"),
    "grade": Verb("entmin.cli.grade:command", "Grade existing answers from a file.", "eval"),
    "train": Verb("entmin.cli.train:command", "Train with an entropy objective or a baseline.", "train"),
    "estimate": Verb("entmin.cli.estimate:command", "Estimate time, memory and money before a run.", "eval"),
    "check": Verb("entmin.cli.check:check", "Prove data and grader of a benchmark, without a model.", "eval"),
    "list": Verb("entmin.cli.listing:command", "List tasks, methods or models."),
    "doctor": Verb("entmin.cli.doctor:command", "Show versions, device, and what is missing and how to get it."),
    "completion": Verb("entmin.cli.completion:command", "Print what makes a shell complete entmin's words."),
}


class LazyGroup(click.Group):
    """A group that knows its verbs by name and imports a verb when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        if cmd_name not in VERBS:
            return None
        with without_collection():
            command: click.Command = resolve_name(VERBS[cmd_name].target)
        if ctx is not None and ctx.resilient_parsing:
            from entmin.cli.completion import add_completions

            return add_completions(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb that the arguments name, after its extra was looked for; its help needs no extra."""
        if ctx.resilient_parsing:  # a shell asks how a word may go on
            return super().resolve_command(ctx, args)
        verb = VERBS.get(args[0])
        if verb is None and not args[0].startswith("-"):
            raise click.UsageError(f"No such command {args[0]!r}{closest(args[0], VERBS)}.", ctx)
        if verb and verb.extra and "--help" not in args and not _on_verl(args):
            require(verb.extra, f"entmin {args[0]}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help of the group from `VERBS`, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])


def _on_verl(args: list[str]) -> bool:
    """Whether these are of a training run on veRL, whose environment cannot hold the extra `train`."""
    asked = re.search(r"--engine[= ]verl\b|\bengine=verl\b", " ".join(args))
    return args[0] == "train" and (asked is not None or not lacking("verl"))


@click.group(cls=LazyGroup, context_settings={"max_content_width": 110})
@click.version_option(__version__, prog_name="entmin")
@click.option("--debug", is_flag=True, help="Show the full traceback when something fails.")
def cli(debug: bool) -> None:
    """Entropy minimization for language-model reasoning, measured honestly."""


def main(args: list[str] | None = None) -> None:
    """Run the command line; exit code 2 for a wrong request, 1 for a failure, 130 when interrupted."""
    args = sys.argv[1:] if args is None else args
    debug = "--debug" in args
    args = [arg for arg in args if arg != "--debug"]
    prepare()
    os.environ.update(spinning())
    logging.raiseExceptions = debug  # on a full disk, each line of a library's own log would show a traceback
    try:
        outcome: Any = cli.main(args=args, prog_name="entmin", standalone_mode=False)
        code = outcome if isinstance(outcome, int) else 0
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(file=shown)
        say(shown.getvalue().rstrip("\n"), err=True)
        code = error.exit_code
    except EntminError as error:
        code = _report(str(error), error.exit_code, debug)
        _end_quietly(debug)
    except (KeyboardInterrupt, click.Abort):
        goes_on = any(VERBS[arg].goes_on for arg in args[:1] if arg in VERBS)
        kept = "; finished samples are kept, and the same command goes on from them" if goes_on else ""
        code = _report(f"interrupted{kept}", 130, debug)
    except (OSError, sqlite3.OperationalError) as error:
        code = _report(f"{_told(error)}{_DISK_FULL if _is_disk_full(error) else ''}", 1, debug)
        _end_quietly(debug)
    except Exception as error:
        from entmin.blame import blamed

        ours = f"{type(error).__name__}: {error} (a defect of entmin; --debug shows where)"
        code = _report(blamed(error) or ours, 1, debug)
    if code == Interrupted.exit_code:
        _end_without_threads(code)
    if code:  # what was set aside is taken down too: after an error, libraries in C name each object that lives on
        gc.unfreeze()
    sys.exit(code)


GRACE = 3.0
"""Seconds that threads have to end after Ctrl-C, once what is kept was told."""
_DISK_FULL = ": the disk is full; free some space and run the command again, nothing finished is lost"


def _end_quietly(debug: bool) -> None:
    """The error was told; at the end of the process libraries may meet it again, closing their own logs."""
    if not debug:
        atexit.register(setattr, sys, "unraisablehook", lambda _: None)


def _end_without_threads(code: int) -> None:
    """End the process soon even if a thread of a library does not.

    AnyIO's threads wait for their event loop to tell them that it is done. A loop that a second Ctrl-C has left never
    does, and Python would wait for these threads forever, before it calls what is registered with `atexit`.
    """
    last = threading.Timer(GRACE, os._exit, [code])
    last.daemon = True
    last.start()
    atexit.register(last.cancel)


def _told(error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{error.filename} is not there (any more): bring it back, and run the same command again"
    return str(error)


def _is_disk_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return "disk" in str(error)  # what sqlite, under Inspect's sample buffer, says of it


def _report(message: str, code: int, debug: bool) -> int:
    if debug:
        say(traceback.format_exc(), err=True)
    say(f"error: {message}", err=True)
    return code
