"""``lifecycle``: every command, and the one place where errors become exit codes."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from lifecycle.cli import (
    archiving,
    checking,
    database,
    holding,
    keeping,
    ledgers,
    outbox,
    overview,
    receipts,
    releasing,
    requesting,
    restoring,
    telling,
)
from lifecycle.errors import LifecycleError
from lifecycle.settings import Settings
from lifecycle.store.engine import place_of
from lifecycle.store.failures import describe

INTERRUPTED = 130
MISUSED = 2
AFTERWARDS = {
    "sweep": "nothing is half done, run it again to go on",
    "apply": "nothing is half done, run it again to go on",
    "archive": "nothing relies on what was half written, run it again",
    "release": "nothing was released that is not there whole; what was being drawn is drawn anew, of another budget",
    "outbox": "nothing is lost; a notice that was on its way goes out again under its number",
    "seed": "the database is as it was before, run it again",
}
"""What is true after an interruption, by command."""

app = typer.Typer(
    name="lifecycle",
    help="A company's privacy policy, executed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
database.register(app)
checking.register(app)
keeping.register(app)
overview.register(app)
restoring.register(app)
telling.register(app)
app.add_typer(archiving.app, name="archive")
app.add_typer(holding.app, name="hold")
app.add_typer(ledgers.app, name="ledger")
app.add_typer(requesting.app, name="request")
app.add_typer(receipts.app, name="receipt")
app.add_typer(releasing.app, name="release")
app.add_typer(outbox.app, name="outbox")


@app.callback()
def _options(
    *, verbose: Annotated[bool, typer.Option("--verbose", help="Log what is done, step by step.")] = False
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        stream=sys.stderr,
        format="%(levelname)s %(name)s: %(message)s",
    )


def main() -> None:
    """Run a command and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command; returns its exit code."""
    try:
        outcome = app(arguments, standalone_mode=False)
    except LifecycleError as error:
        return _complain(str(error), error.exit_code)
    except DBAPIError as error:
        return _complain(str(describe(error, place=_database())), MISUSED)
    except typer._click.exceptions.ClickException as error:  # noqa: SLF001
        error.show(sys.stderr)
        return MISUSED
    except (KeyboardInterrupt, typer.Abort):
        return _complain(_interruption(arguments), INTERRUPTED)
    if outcome == INTERRUPTED:
        return _complain(_interruption(arguments), INTERRUPTED)
    return outcome if isinstance(outcome, int) else 0


def _interruption(arguments: list[str]) -> str:
    """What an interruption means for the command that was given."""
    command = next((one for one in arguments if not one.startswith("-")), "")
    return f"interrupted; {AFTERWARDS.get(command, 'nothing is half done')}"


def _database() -> str:
    """Where the database is, for messages."""
    url = Settings.from_environment().database_url
    return place_of(url) if url else "embedded database"


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"lifecycle: {message}\n")
    return code
