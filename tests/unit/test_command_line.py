"""What is true of every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import typer

from lifecycle.cli import database
from lifecycle.cli.main import app, run

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130


def commands(group: Any, *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *above, name)
        else:
            yield (*above, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_takes_json_and_not_unasked(words):
    (option,) = [one for one in COMMANDS[words].params if "--json" in one.opts]
    assert (option.is_flag, option.default) == (True, False)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does(words):
    assert COMMANDS[words].help


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("sweep",), "nothing is half done, run it again to go on"),
        (("--verbose", "sweep"), "nothing is half done, run it again to go on"),
        (("apply", "0" * 64), "nothing is half done, run it again to go on"),
        (("seed",), "the database is as it was before, run it again"),
        (("hold", "list"), "nothing is half done"),
    ],
    ids=str,
)
def test_an_interruption_says_what_is_true_afterwards(monkeypatch, capsys, command, says):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("session.open_company", "holding.open_company", "database.connect"):
        monkeypatch.setattr(f"lifecycle.cli.{name}", interrupt)
    assert run(list(command)) == INTERRUPTED
    assert capsys.readouterr().err.splitlines() == [f"lifecycle: interrupted; {says}"]


@pytest.mark.parametrize("action", ["start", "url"])
def test_the_address_of_the_embedded_database_is_a_line_or_json(monkeypatch, capsys, action):
    monkeypatch.setattr(database.EmbeddedServer, "start", lambda _: "postgresql://here")
    assert (run(["database", action]), capsys.readouterr().out) == (0, "postgresql://here\n")
    assert run(["database", action, "--json"]) == 0
    assert capsys.readouterr().out == '{\n  "url": "postgresql://here"\n}\n'
