"""``release build|verify|list|lost|keys|late|utility``: anonymous statistics, drawn once a period."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle.analytics import (
    draws,
    inspecting,
    lateness,
    periods,
    releasing,
    rotation,
    spans,
    utility,
)
from lifecycle.cli.session import (
    AsOf,
    By,
    Json,
    deciding_moment,
    emit,
    moment,
    open_company,
    open_to_change,
    policy_zone,
    progress_bar,
)
from lifecycle.errors import UsageError
from lifecycle.operators import require_name
from lifecycle.runs import agreement, signing
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lifecycle.analytics.draws import Draw
    from lifecycle.analytics.lateness import Late
    from lifecycle.analytics.spans import Span
    from lifecycle.analytics.utility import Figures
    from lifecycle.runs.company import Company

app = typer.Typer(
    help="Releases: anonymous statistics for the data team, drawn once a period.", no_args_is_help=True
)

Name = Annotated[
    str | None,
    typer.Option("--release", help="Which one, where the policy has several. Default: all of them."),
]
Period = Annotated[
    str | None, typer.Option("--period", help="Only the period that begins on this day, such as 2026-03-01.")
]


FOR_BUILDERS = "for builders only: made of exact numbers, without noise; do not pass it on"
FOR_OPERATORS = "for operators only: exact numbers, without noise; do not pass it on"


@app.command()
def build(*, release: Name = None, period: Period = None, as_of: AsOf = None, json: Json = False) -> None:
    """Release every period that is over, was not released and still may be; each once and for good."""
    company = open_to_change()
    at = deciding_moment(company, as_of)
    agreement.check_before(company, as_of=at)
    for name in _releases(company, release, at):
        inspecting.record_late(company, name, as_of=at)
        lateness.record_late_events(company, name, as_of=at)
    built = [
        draw
        for name in _releases(company, release, at)
        for span in _spans(company, name, period, at)
        for draw in _build(company, name, span, at)
    ]
    emit(
        [_document(one) for one in built],
        [_line(one) for one in built] or ["nothing was to be released"],
        as_json=json,
    )
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))


def _build(company: Company, name: str, span: Span, at: datetime) -> list[Draw]:
    read = 0
    with progress_bar(f"{name} {span.first}") as progress:

        def tell(rows: int) -> None:
            nonlocal read
            read += rows
            progress(read, read)

        return releasing.build(company, name, span, as_of=at, progress=tell)


@app.command()
def keys(*, as_of: AsOf = None, json: Json = False) -> None:
    """Make this month's keys of pseudonyms, and destroy those of months of which nothing is released any more.

    What builders know of periods that ended more than 90 days ago is deleted, too.
    """
    company = open_to_change()
    at = deciding_moment(company, as_of)
    found = rotation.rotate(company, as_of=at)
    forgotten = utility.forget(company, as_of=at)
    lines = [f"{name} was made" for name in found.created]
    lines += [f"{name} was destroyed" for name in found.destroyed]
    if forgotten:
        lines.append(f"{forgotten:,} lines of what numbers were worth were deleted")
    emit({**found.to_json(), "forgotten": forgotten}, lines or ["nothing was to be done"], as_json=json)
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))


@app.command()
def verify(*, release: Name = None, json: Json = False) -> None:
    """Hold tables, files and manifests against each other; write files that are missing. Exit 1 where they differ."""
    company = open_to_change()
    at = moment(None, policy_zone(company))
    found = [inspecting.verify(company, name, as_of=at) for name in _releases(company, release, at)]
    emit([one.to_json() for one in found], [line for one in found for line in one.lines()], as_json=json)
    for one in found:
        one.require_whole()


@app.command("list")
def listing_of(*, release: Name = None, json: Json = False) -> None:
    """List what was drawn, and what it took of the budget."""
    company = open_company()
    at = moment(None, policy_zone(company))
    with reading(company.engine) as connection:
        found = [one for name in _releases(company, release, at) for one in draws.draws(connection, name)]
    emit([_document(one) for one in found], [_line(one) for one in found] or ["there is none"], as_json=json)


@app.command()
def lost(
    *,
    period: Annotated[str, typer.Option("--period", help="The period that begins on this day.")],
    reason: Annotated[
        str, typer.Option(help="Why it is never released; one word of: spent, late, damaged, other.")
    ],
    by: By,
    release: Name = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Declare a period lost: it is never released, and its events may go."""
    company = open_to_change()
    require_name(by, place="--by")
    at = deciding_moment(company, as_of)
    names = _releases(company, release, at)
    if len(names) != 1:
        raise UsageError(
            "the policy has several releases", place="--release", next_step=f"name one of {', '.join(names)}"
        )
    span = _span(company, names[0], period, at)
    periods.declare_lost(company, names[0], span, reason=reason, by=by, as_of=at)
    emit(
        {"release": names[0], "lost": span.first.isoformat()},
        [f"{names[0]} {span.first} is lost"],
        as_json=json,
    )
    signing.sign_what_is_new(company, as_of=moment(None, policy_zone(company)))


@app.command("late")
def late_of(*, release: Name = None, json: Json = False) -> None:
    """Tell how many events came when their period was released already. Exact numbers: for operators only."""
    company = open_company()
    at = moment(None, policy_zone(company))
    found = [lateness.late_events(company, name, as_of=at) for name in _releases(company, release, at)]
    document = {"warning": FOR_OPERATORS, "releases": [one.to_json() for one in found]}
    emit(document, [FOR_OPERATORS, *(line for one in found for line in _late_lines(one))], as_json=json)


@app.command("utility")
def utility_of(
    *,
    release: Name = None,
    period: Period = None,
    last: Annotated[
        int | None,
        typer.Option("--last", min=1, help="Of the newest so many periods. Default: of the newest."),
    ] = None,
    json: Json = False,
) -> None:
    """Show what released numbers are worth, held against the exact ones. For builders only."""
    if last is not None and period is not None:
        raise UsageError(
            "a period is named in two ways", place="--last, --period", next_step="give one of them"
        )
    company = open_company()
    at = moment(None, policy_zone(company))
    first_day = _day(period, option="--period") if period else None
    last = None if period else last or 1
    found = [
        one
        for name in _releases(company, release, at)
        for one in utility.kept(company, name, first_day=first_day, last=last)
    ]
    document = {"warning": FOR_BUILDERS, "figures": [one.to_json() for one in found]}
    emit(document, list(_utility_lines(found)) or ["there is none"], as_json=json)


def _releases(company: Company, wanted: str | None, at: datetime) -> list[str]:
    if wanted is None:
        return list(company.rulebook(at).releases)
    return [releasing.release_of(company, wanted, as_of=at).name]


def _spans(company: Company, name: str, period: str | None, at: datetime) -> Iterator[Span]:
    """The periods to build: the one that is asked for, or all that are open."""
    if period is None:
        yield from inspecting.open_spans(company, name, as_of=at)
        return
    span = _span(company, name, period, at)
    inspecting.require_open(company, name, span, as_of=at)
    yield span


def _span(company: Company, name: str, period: str, at: datetime) -> Span:
    first = _day(period, option="--period")
    release = releasing.release_of(company, name, as_of=at)
    return spans.span_of(release, first, company.rulebook(at).policy.zone)


def _day(text: str, *, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("is no day", place=option, next_step="write for example 2026-03-01") from None


def _document(draw: Draw) -> dict[str, object]:
    return {
        "release": draw.release,
        "feed": draw.feed,
        "first_day": draw.first_day.isoformat(),
        "last_day": draw.last_day.isoformat(),
        "state": draw.state,
        "rho": str(draw.rho),
        "sha256": draw.sha256,
        "entry": draw.entry,
    }


def _line(draw: Draw) -> str:
    days = _days(draw.first_day, draw.last_day)
    entry = f", entry {draw.entry} of the ledger" if draw.entry is not None else ""
    return f"{draw.release} for {draw.feed}, {days}: {draw.state}, took {draw.rho.normalize()} of the budget{entry}"


def _days(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _late_lines(found: Late) -> Iterator[str]:
    if not found.by_day and not found.ahead:
        yield f"{found.release}: no event came late"
    for day, events in found.by_day.items():
        yield f"{found.release} {day}: {events:,} events or more came late, and are not added"
    if found.ahead:
        yield f"{found.release}: the time of {found.ahead:,} events has not come; each counts in its period"


def _utility_lines(found: list[Figures]) -> Iterator[str]:
    """A table for each table of each period: a line for each number."""
    if found:
        yield FOR_BUILDERS
    before = None
    for one in found:
        table = f"{one.table_name}, {_days(one.first_day, one.last_day)}: {one.worth.cells:,} cells"
        if table != before:
            yield table
            yield f"  {'':<20}{'shown':>8}{'share':>9}{'median error':>14}{'95th':>9}{'largest':>9}"
            before = table
        errors = one.worth.median_error, one.worth.error_95, one.worth.largest_error
        shares = "".join(
            f"{_percent(value):>{width}}"
            for value, width in zip((one.worth.share_shown, *errors), (9, 14, 9, 9), strict=True)
        )
        yield f"  {one.number:<20}{one.worth.cells_shown:>8,}{shares}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
