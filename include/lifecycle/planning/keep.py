"""What stays although it is due: held, kept by law, or needed by a row that stays."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.planning.archived import is_archived
from lifecycle.planning.clocks import ClockSql, last_day_of
from lifecycle.planning.held import HeldRows
from lifecycle.planning.needs import mark_needed
from lifecycle.timelimits import latest_over_day

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.planning.grounds import Ground
    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.rulebook import Clock

FIRM = ("hold", "restriction")
"""Reasons for which a row stays exactly as it is, what it refers to included."""


def mark_kept(works: WorkSet, ground: Ground, as_of: datetime) -> None:
    """Mark the rows of the work set that stay, with reason, source and last day.

    What is needed by a row that stays is kept from deletion only: a redacted row is still there.
    """
    held = HeldRows(works, as_of)
    for work in works:
        if work.collection in held:
            _mark_held(works, work, held[work.collection])
    mark_statutory(works, as_of, deletes=not works.scope.redacts)
    if not works.scope.redacts:
        mark_needed(works, ground, as_of, held)


def mark_statutory(works: WorkSet, as_of: datetime, *, deletes: bool) -> None:
    """Mark the rows that the law still keeps; of several duties the latest end counts.

    Args:
        works: the rows that are due.
        as_of: moment of the run.
        deletes: whether rows go: then the law does not keep what an archive has in their stead.
    """
    rulebook = works.rulebook
    for name, duty in rulebook.statutory.items():
        over = latest_over_day(duty.statutory.keep, as_of=as_of, zone=rulebook.policy.zone)
        for collection, clock in duty.clocks.items():
            if collection in works:
                row = works[collection].row("kept_row")
                stays = sa.not_(is_archived(rulebook, name, collection, row)) if deletes else sa.true()
                _mark_duty(works, works[collection], name, clock, over, stays)


def _mark_held(works: WorkSet, work: Work, held: sa.TableClause) -> None:
    works.mark(
        work,
        sa.update(work.table)
        .values(kept=held.c.kind, source=held.c.hold_id, until=held.c.last_day)
        .where(*(work.table.c[name] == held.c[name] for name in work.keys.values())),
    )


def _mark_duty(
    works: WorkSet, work: Work, duty: str, clock: Clock, over: date | None, stays: ColumnElement[bool]
) -> None:
    sql = ClockSql(works.rulebook, clock)
    row, table = work.row("kept_row"), work.table
    is_firm = table.c.kept.in_(FIRM).is_(sa.true())
    kept = sa.and_(work.is_row(row), sa.not_(is_firm), sql.is_kept(row, over), stays)
    found = sa.select(sql.event_day(row).label("day")).where(kept).distinct().subquery("found")
    # A day after the year 9999, or infinity, is as good as none; Python could not hold it.
    days = works.connection.scalars(sa.select(sa.case((found.c.day <= date.max, found.c.day)))).all()
    if not days:
        return
    ends = _ends(clock, days)
    until = sa.select(ends.c.until).where(ends.c.day == sql.event_day(row)).scalar_subquery()
    is_first = sa.or_(table.c.kept.is_(None), table.c.kept != "statutory")
    is_longer = sa.and_(table.c.until.is_not(None), sa.or_(until.is_(None), table.c.until < until))
    counts = sa.or_(is_first, is_longer)
    works.mark(
        work,
        sa.update(table)
        .values(
            kept="statutory",
            source=sa.case((counts, sa.literal(duty)), else_=table.c.source),
            until=sa.case((counts, until), else_=table.c.until),
            duties=sa.func.array_append(table.c.duties, duty),
        )
        .where(kept),
    )


def _ends(clock: Clock, days: Iterable[date | None]) -> FromClause:
    """The last day that the clock grants to each day of its anchor, as rows."""
    known = sorted({day for day in days if day is not None})
    ends = [last_day_of(clock, day) for day in known]
    rows = sa.func.unnest(sa.cast(known, sa.ARRAY(sa.Date)), sa.cast(ends, sa.ARRAY(sa.Date))).table_valued(
        sa.column("day", sa.Date), sa.column("until", sa.Date), name="ends"
    )
    return rows.render_derived()
