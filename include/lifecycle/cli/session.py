"""What every command needs: settings, the opened company, a moment, and a place to print."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from typer._click.globals import get_current_context

from lifecycle.errors import UsageError
from lifecycle.holds.targets import Subject, require_kind
from lifecycle.runs.company import Company
from lifecycle.settings import Settings
from lifecycle.timelimits import first_instant, local_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from lifecycle.policy.rulebook import Rulebook

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help="Moment (2026-03-01T03:00:00+02:00) or day (2026-03-01, its first instant). Default: now.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
By = Annotated[str, typer.Option("--by", help="Who does this; written into the register.")]

console = Console(stderr=True)


def open_company() -> Company:
    """The company of the environment's settings; its connections are closed when the command ends."""
    company = Company.open(Settings.from_environment())
    get_current_context().call_on_close(company.engine.dispose)
    return company


def open_to_change() -> Company:
    """The same for commands that change something.

    Raises:
        PromiseBroken: the database was restored from a backup, and nothing was done again yet.
    """
    company = open_company()
    company.require_continued()
    return company


def open_to_hold() -> Company:
    """The same for whoever places holds: that is done before the erasures since a backup are done again.

    Raises:
        PromiseBroken: the database was restored from a backup, and its ledger is not whole yet.
    """
    company = open_company()
    company.require_whole_ledger()
    return company


def moment(text: str | None, zone: ZoneInfo, *, option: str = "--as-of") -> datetime:
    """A moment given on the command line; now where none is.

    Raises:
        UsageError: it is no moment or day, or a moment without a time zone.
    """
    return datetime.now(UTC) if text is None else _moment(text, zone, option, days_later=0)


def end(text: str, zone: ZoneInfo, *, option: str = "--until") -> datetime:
    """The first moment that is past a given end: a day counts to its last instant, a moment as it is.

    Raises:
        UsageError: it is no moment or day, or a moment without a time zone.
    """
    return _moment(text, zone, option, days_later=1)


def end_text(until: datetime, zone: ZoneInfo) -> str:
    """An end as :func:`end` would read it: the last day, or the minute where the day goes on."""
    last_day = local_day(until - timedelta(microseconds=1), zone)
    is_whole_day = first_instant(last_day + timedelta(days=1), zone) == until
    return last_day.isoformat() if is_whole_day else moment_text(until, zone)


def moment_text(at: datetime, zone: ZoneInfo) -> str:
    """A moment as everybody is shown it: the minute, in the policy's time zone."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _moment(text: str, zone: ZoneInfo, option: str, *, days_later: int) -> datetime:
    """A moment, or the first instant so many days after a day."""
    try:
        if "T" not in text and " " not in text:
            return first_instant(date.fromisoformat(text) + timedelta(days=days_later), zone)
        given = datetime.fromisoformat(text)
        given.astimezone(UTC)
    except (ValueError, OverflowError, UsageError):
        raise UsageError(
            "is no moment", place=option, next_step="write 2026-03-01 or 2026-03-01T03:00:00+02:00"
        ) from None
    if given.tzinfo is None:
        raise UsageError(
            "has no time zone", place=option, next_step=f"write for example {text}+02:00, or {text}Z for UTC"
        )
    return given


def past_moment(text: str | None, zone: ZoneInfo) -> datetime:
    """A moment that has come, for whatever is done: for a later one rows would go, or be said to, too early.

    Raises:
        UsageError: it lies in the future.
    """
    given = moment(text, zone)
    if given > datetime.now(UTC):
        raise UsageError(
            "lies in the future: nothing is done or signed before its time",
            place="--as-of",
            next_step="leave it out, or give a moment that has come; lifecycle calendar shows what comes",
        )
    return given


def deciding_moment(company: Company, text: str | None) -> datetime:
    """A moment that has come, and for which rows may be deleted: the policy has not been amended since.

    Raises:
        UsageError: it lies in the future, or another version counts by now.
    """
    given = past_moment(text, policy_zone(company))
    company.require_in_force(given, now=datetime.now(UTC))
    return given


def ask_secretly(what: str) -> str:
    """A value that may stand in no command line, since shells and process lists keep those: one line of input.

    In a terminal it is asked for, twice, and not shown.

    Raises:
        UsageError: there is no line, or it is no text.
    """
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=True, err=True))
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        raise UsageError("is no text in UTF-8", place="standard input", next_step="write it so") from None
    if not line:
        raise UsageError(
            f"has no line for: {what}",
            place="standard input",
            next_step="write one line for each --subject, then one for each --correct",
        )
    return line.rstrip("\r\n")


def ask_subjects(rulebook: Rulebook, kinds: Iterable[str]) -> list[Subject]:
    """Ask for the identity of each subject; of no kind that there is not.

    Raises:
        UsageError: the data map marks no such kind.
    """
    kinds = tuple(kinds)
    for kind in kinds:
        require_kind(rulebook, kind)
    return [Subject(identity=kind, value=ask_secretly(f"{kind} of the subject")) for kind in kinds]


def read_file(path: Path) -> str:
    """The text of a file that was named on the command line.

    Raises:
        UsageError: there is none, it may not be read, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
    except ValueError:
        problem = "is no text in UTF-8"
    raise UsageError(problem, place=str(path), next_step="give the path of the file that is meant")


@contextmanager
def placed_at(path: Path) -> Iterator[None]:
    """Name the file in whatever error its content leads to.

    Raises:
        UsageError: the one that was raised, with its place.
    """
    try:
        yield
    except UsageError as error:
        raise UsageError(error.message, place=str(path), next_step=error.next_step) from None


def policy_zone(company: Company) -> ZoneInfo:
    """Time zone of the newest policy, in which days on the command line are meant."""
    return company.policies[-1].policy.zone


def emit(document: Any, lines: list[str], *, as_json: bool) -> None:
    """Print the document as JSON, or the lines."""
    text = json.dumps(document, indent=2, ensure_ascii=False) if as_json else "\n".join(lines)
    if text:
        sys.stdout.write(text + "\n")


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar in a terminal; nothing elsewhere, where log lines tell."""
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    columns = TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as display:
        task = display.add_task(label, total=None)
        yield lambda done, total: display.update(task, completed=done, total=total)
