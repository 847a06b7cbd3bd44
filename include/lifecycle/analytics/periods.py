"""How many events a period had when it was released, and periods that never will be: for operators, exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.analytics import draws
from lifecycle.errors import UsageError
from lifecycle.ledger.book import append

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy import Connection

    from lifecycle.analytics.spans import Span
    from lifecycle.runs.company import Company

release_period = sa.table(
    "release_period",
    sa.column("release", sa.Text),
    sa.column("first_day", sa.Date),
    sa.column("last_day", sa.Date),
    sa.column("events", sa.BigInteger),
    sa.column("left_out", postgresql.JSONB),
    sa.column("robots", sa.BigInteger),
    sa.column("counted_at", sa.DateTime(timezone=True)),
    sa.column("late", sa.BigInteger),
    schema="lifecycle",
)
release_lost = sa.table(
    "release_lost",
    sa.column("release", sa.Text),
    sa.column("first_day", sa.Date),
    sa.column("last_day", sa.Date),
    sa.column("reason", sa.Text),
    sa.column("lost_by", sa.Text),
    sa.column("lost_at", sa.DateTime(timezone=True)),
    sa.column("entry", sa.BigInteger),
    schema="lifecycle",
)


@dataclass(frozen=True, kw_only=True)
class CountedPeriod:
    """How many events a period has had.

    Attributes:
        events: when it was counted.
        late: the most that were seen to have come since.
    """

    first_day: date
    last_day: date
    events: int
    late: int


def enter_counted(
    connection: Connection,
    release: str,
    span: Span,
    events: int,
    left_out: Mapping[str, int],
    robots: int,
    *,
    as_of: datetime,
) -> None:
    """Enter how many events a period has; counted again, the last counts, until something is released of it."""
    values = {
        "release": release,
        "first_day": span.first,
        "last_day": span.last,
        "events": events,
        "left_out": dict(left_out),
        "robots": robots,
        "counted_at": as_of,
    }
    insert = postgresql.insert(release_period).values(values)
    keys = ("release", "first_day")
    changed = {name: insert.excluded[name] for name in values if name not in keys}
    if draws.known_feeds(connection, release, span.first):
        connection.execute(insert.on_conflict_do_nothing())
    else:
        connection.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=changed))


def is_lost(connection: Connection, release: str, first_day: date) -> bool:
    """Whether somebody declared a period lost."""
    query = sa.select(release_lost.c.first_day).where(
        release_lost.c.release == release, release_lost.c.first_day == first_day
    )
    return connection.scalar(query) is not None


REASONS = ("spent", "late", "damaged", "other")
"""Why a period may be lost: the ledger takes no other words, since others could name somebody."""


def declare_lost(
    company: Company, release: str, span: Span, *, reason: str, by: str, as_of: datetime
) -> None:
    """Let a period never be released, so that its events may go.

    Raises:
        UsageError: the reason is none of :data:`REASONS`; it was released to somebody; it was declared lost before.
    """
    if reason not in REASONS:
        raise UsageError("is no reason", place="--reason", next_step=f"one of {', '.join(REASONS)}")
    if span.ends > as_of:
        raise UsageError(
            f"the period of {span.first} is not over", place=release, next_step="wait until it is"
        )
    feeds = set(company.rulebook(as_of).releases[release].release.feeds)
    with draws.only_builder(company.engine, release, span.first), company.engine.begin() as connection:
        there = draws.known_feeds(connection, release, span.first)
        if feeds <= there:
            raise UsageError(f"{span.first} was released", place=release, next_step="nothing: it is not lost")
        if is_lost(connection, release, span.first):
            raise UsageError(
                f"{span.first} was declared lost before", place=release, next_step="nothing more"
            )
        for feed in sorted(feeds - there):
            draws.burn(connection, release, feed, span.first, as_of=as_of)
        values = {
            "release": release,
            "first_day": span.first,
            "last_day": span.last,
            "reason": reason,
            "lost_by": by,
            "lost_at": as_of,
        }
        body = {
            "release": release,
            "first_day": span.first,
            "last_day": span.last,
            "reason": reason,
            "by": company.keys.fingerprint("operator", by),
        }
        entry = append(connection, "release_lost", body, as_of=as_of)
        connection.execute(sa.insert(release_lost).values(**values, entry=entry.sequence))


def counted(connection: Connection, release: str) -> list[CountedPeriod]:
    """The periods that were counted, oldest first."""
    columns = [release_period.c[name] for name in CountedPeriod.__dataclass_fields__]
    query = sa.select(*columns).where(release_period.c.release == release)
    query = query.order_by(release_period.c.first_day)
    return [CountedPeriod(**row) for row in connection.execute(query).mappings()]


def enter_late(connection: Connection, release: str, by_day: Mapping[date, int]) -> None:
    """Enter how many events came late, by first day, where they are more than were known."""
    for first_day, late in by_day.items():
        connection.execute(
            sa.update(release_period)
            .where(
                release_period.c.release == release,
                release_period.c.first_day == first_day,
                release_period.c.late < late,
            )
            .values(late=late)
        )


def lost_days(connection: Connection, release: str) -> set[date]:
    """First days of the periods that were declared lost."""
    query = sa.select(release_lost.c.first_day).where(release_lost.c.release == release)
    return set(connection.scalars(query))
