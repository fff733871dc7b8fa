from pathlib import Path

from entmin.cli.reference import reference


def test_the_command_reference_is_what_the_commands_say():
    page = Path(__file__).parents[2] / "docs" / "commands.md"
    assert page.read_text() == reference(), "run: python -m entmin.cli.reference > docs/commands.md"
