"""The command reference in docs/commands.md, made from the commands' own help: ``python -m entmin.cli.reference``."""

from __future__ import annotations

import sys

import click

from entmin.cli import VERBS, cli

WIDTH = 110


def reference() -> str:
    """The whole page, as Markdown."""
    context = click.Context(cli, info_name="entmin", max_content_width=WIDTH, terminal_width=WIDTH)
    pages = [("entmin", cli.get_help(context))]
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        inner = click.Context(command, info_name=verb, parent=context, max_content_width=WIDTH, terminal_width=WIDTH)
        pages.append((f"entmin {verb}", command.get_help(inner)))
    head = "# Commands\n\nMade by `python -m entmin.cli.reference > docs/commands.md`; a test keeps it true.\n"
    return head + "".join(f"\n## {title}\n\n```\n{text.rstrip()}\n```\n" for title, text in pages)


if __name__ == "__main__":
    sys.stdout.write(reference())
