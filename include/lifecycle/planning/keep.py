"""What stays although it is due: held, kept by law, or needed by a row that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from lifecycle.holds.cover import held, held_collections, is_covered
from lifecycle.planning.clocks import ClockSql, last_day_of
from lifecycle.policy.model import EdgeKind
from lifecycle.store.relations import refers, relation
from lifecycle.timelimits import latest_over_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Clock

FIRM = ("hold", "restriction")
"""Reasons for which a row stays exactly as it is, what it refers to included."""


def mark_kept(works: WorkSet, roots: Iterable[str], as_of: datetime) -> None:
    """Mark the rows of the work set that stay, with reason, source and last day.

    Args:
        works: the work set, complete.
        roots: collections whose rows are due by themselves, so that rows which stay may still share them.
        as_of: the moment at which holds and duties are asked.
    """
    held_ones = held_collections(works.connection, works.rulebook, as_of)
    for work in works:
        if work.collection in held_ones:
            _mark_held(works, work, as_of)
    mark_statutory(works, as_of)
    _mark_needed_outside(works, frozenset(roots), held_ones, as_of)
    while works.kept and _mark_needed_by_kept(works):
        pass


def mark_statutory(works: WorkSet, as_of: datetime) -> None:
    """Mark the rows that the law still keeps; of several duties the latest end counts."""
    rulebook = works.rulebook
    for name, duty in rulebook.statutory.items():
        over = latest_over_day(duty.statutory.keep, as_of=as_of, zone=rulebook.policy.zone)
        for collection, clock in duty.clocks.items():
            if collection in works:
                _mark_duty(works, works[collection], name, clock, over)


def _mark_held(works: WorkSet, work: Work, as_of: datetime) -> None:
    """The strongest reason counts: a hold before a restriction, then the one that lasts longest."""
    cover = held(works.rulebook, work.collection, as_of)
    keys = [cover.c[name] for name in work.keys.values()]
    day = sa.cast(
        cover.c.until.op("AT TIME ZONE")(str(works.rulebook.policy.zone))
        - sa.literal_column("interval '1 microsecond'"),
        sa.Date,
    ).label("last_day")
    strongest = (
        sa.select(*keys, cover.c.kind, cover.c.hold_id, day)
        .ext(distinct_on(*keys))
        .order_by(*keys, cover.c.kind, cover.c.until.desc(), cover.c.hold_id)
        .subquery("strongest")
    )
    works.mark(
        work,
        sa.update(work.table)
        .values(
            kept=strongest.c.kind, source=sa.cast(strongest.c.hold_id, sa.Text), until=strongest.c.last_day
        )
        .where(*(work.table.c[name] == strongest.c[name] for name in work.keys.values())),
    )


def _mark_duty(works: WorkSet, work: Work, duty: str, clock: Clock, over: date | None) -> None:
    sql = ClockSql(works.rulebook, clock)
    row = work.row("kept_row")
    firm = work.table.c.kept.in_(FIRM).is_not(sa.true())
    kept = sa.and_(work.is_row(row), firm, sql.is_kept(row, over))
    days = works.connection.scalars(sa.select(sql.anchor_day(row)).where(kept).distinct()).all()
    if not days:
        return
    ends = _ends(clock, days)
    until = sa.select(ends.c.until).where(ends.c.day == sql.anchor_day(row)).scalar_subquery()
    longer = sa.or_(work.table.c.kept.is_(None), work.table.c.until < until, until.is_(None))
    works.mark(
        work, sa.update(work.table).values(kept="statutory", source=duty, until=until).where(kept, longer)
    )


def _ends(clock: Clock, days: Iterable[date | None]) -> FromClause:
    """The last day that the clock grants to each day of its anchor, as rows."""
    known = sorted({day for day in days if day is not None})
    ends = [last_day_of(clock, day) for day in known]
    rows = sa.func.unnest(sa.cast(known, sa.ARRAY(sa.Date)), sa.cast(ends, sa.ARRAY(sa.Date))).table_valued(
        sa.column("day", sa.Date), sa.column("until", sa.Date), name="ends"
    )
    return rows.render_derived()


def _mark_needed_outside(
    works: WorkSet, roots: frozenset[str], held_ones: frozenset[str], as_of: datetime
) -> None:
    """Rows that a row outside the work set needs, because it is held or shares them."""
    for work, edge in _references_to(works):
        if edge.holder in held_ones:
            _mark_from_held(works, work, edge, as_of)
        if edge.kind is EdgeKind.SHARED and edge.target in roots:
            _mark_from_staying(works, work, edge)


def _mark_needed_by_kept(works: WorkSet) -> int:
    """One round: rows that a kept row of the work set refers to; returns how many were marked."""
    return sum(
        _mark_from_kept(works, work, edge)
        for work, edge in _references_to(works)
        if edge.holder in works.kept
    )


def _references_to(works: WorkSet) -> Iterator[tuple[Work, Edge]]:
    """The edges along which a row that stays may need one of the work set."""
    return (
        (work, edge)
        for work in works
        for edge in works.rulebook.edges_into(work.collection)
        if edge.kind is not EdgeKind.NONE
    )


def _mark_from_kept(works: WorkSet, work: Work, edge: Edge) -> int:
    """Rows that a kept row of the work set refers to; only a firm reason holds on to an ``access`` link."""
    holding = works[edge.holder]
    keeper = holding.table.alias("keeper")
    row = holding.row("keeping_row")
    reasons = keeper.c.kept.in_(FIRM) if edge.kind is EdgeKind.ACCESS else keeper.c.kept.is_not(None)
    return _mark(works, work, edge, row, [holding.is_row(row, keeper), reasons], keeper.c.until)


def _mark_from_held(works: WorkSet, work: Work, edge: Edge, as_of: datetime) -> int:
    """Rows that a held row outside the work set refers to: a held row stays as it is."""
    cover = held(works.rulebook, edge.holder, as_of)
    row = relation(works.rulebook.live, edge.holder, "keeping_row")
    keys = {name: f"key_{number}" for number, (name, _) in enumerate(works.rulebook.key(edge.holder))}
    return _mark(works, work, edge, row, [is_covered(cover, row, keys)], sa.null())


def _mark_from_staying(works: WorkSet, work: Work, edge: Edge) -> int:
    """Shared rows that are due by themselves while a row that stays still refers to them."""
    row = relation(works.rulebook.live, edge.holder, "keeping_row")
    conditions: list[ColumnElement[bool]] = []
    if edge.holder in works:
        holding = works[edge.holder]
        gone = holding.table.alias("gone")
        conditions.append(
            sa.not_(
                sa.exists(
                    sa.select(sa.literal(1)).select_from(gone).where(holding.is_row(row, gone)).correlate(row)
                )
            )
        )
    return _mark(works, work, edge, row, conditions, sa.null())


def _mark(
    works: WorkSet,
    work: Work,
    edge: Edge,
    row: FromClause,
    conditions: list[ColumnElement[bool]],
    until: Any,
) -> int:
    """Mark as needed the rows of ``work`` that ``row``, under ``conditions``, refers to along ``edge``."""
    target = work.row("needed_row")
    statement = (
        sa.update(work.table)
        .values(kept="needed", source=edge.holder, until=until)
        .where(
            work.table.c.kept.is_(None),
            work.is_row(target),
            refers(edge, works.rulebook.live, row, target),
            *conditions,
        )
    )
    return works.mark(work, statement)
