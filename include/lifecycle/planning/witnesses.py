"""Rows that a clock is read from: without them it would be read otherwise, and a row go too early or never.

The contracts whose end a duty to keep their customer is counted from stay as long as the duty; so does what leads
from a row to its anchor's row. And a document of an archive stays in the tables whole, or goes whole: its rows are read
together, and what is left of them would be taken for another document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.planning.clocks import ClockSql
from lifecycle.store.relations import refers, relation
from lifecycle.timelimits import latest_over_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, FromClause, Select

    from lifecycle.datamap.live import LiveSchema
    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.archives import ResolvedArchive
    from lifecycle.policy.rulebook import Clock, Path, Rulebook


def duty_witnesses(works: WorkSet, work: Work, as_of: datetime) -> Iterator[tuple[str, Select[Any]]]:
    """Rows of ``work`` from which a duty is read that has not ended: keys, last day; by the collection it keeps."""
    policy = works.rulebook.policy
    over = {
        name: latest_over_day(duty.statutory.keep, as_of=as_of, zone=policy.zone)
        for name, duty in works.rulebook.statutory.items()
    }
    for collection, way, conditions in _running(works.rulebook, over):
        yield from _witnesses(works, work, collection, way, conditions)


def wards_of_duties(
    rulebook: Rulebook, collection: str, over: Mapping[str, date | None]
) -> Iterator[tuple[tuple[str, FromClause], FromClause, FromClause, list[ColumnElement[bool]]]]:
    """What a duty keeps by a clock that is read from rows of a collection, and that has not ended.

    Collection and relation of what is kept, the relation of the rows it is read from, both joined, and conditions.

    Args:
        rulebook: of the policy in force.
        collection: of the rows that clocks are read from.
        over: by duty, the last day of an event that it no longer keeps rows for; None where there is none.
    """
    for kept, way, conditions in _running(rulebook, over):
        for name, witness in way.witnesses:
            if name == collection:
                yield (kept, way.ward), witness, way.joined, conditions


def _running(
    rulebook: Rulebook, over: Mapping[str, date | None]
) -> Iterator[tuple[str, _Way, list[ColumnElement[bool]]]]:
    """The ways from rows that a duty keeps to what that is read from, with the conditions under which it still does."""
    for name, duty in rulebook.statutory.items():
        for collection, clock in duty.clocks.items():
            sql = ClockSql(rulebook, clock)
            for way in _ways(rulebook.live, collection, clock):
                conditions: list[ColumnElement[bool]] = []
                last = over[name]
                if last is not None:
                    conditions.append(sa.not_(sql.has_started(way.anchor, last).is_(sa.true())))
                    if way.evidence is not None:
                        conditions.append(sql.tells_more_than(way.evidence, last))
                yield collection, way, conditions
    for archive in rulebook.archives.values():
        sql = ClockSql(rulebook, archive.clock)
        for way in _documents(rulebook.live, archive):
            yield archive.documents, way, [sql.is_kept(way.ward, over[archive.duty.name])]


def clock_witnesses(
    works: WorkSet, work: Work, clocks: Mapping[str, Clock], last_event_day: date
) -> Iterator[tuple[str, Select[Any]]]:
    """Rows of ``work`` from which it is read, by the clocks of their collections, that a row which stays is due."""
    for collection, clock in clocks.items():
        if collection not in works:
            continue
        sql = ClockSql(works.rulebook, clock)
        for way in _ways(works.rulebook.live, collection, clock):
            ward = works[collection].table.alias("due_ward")
            conditions: list[ColumnElement[bool]] = [works[collection].is_row(way.ward, ward), ward.c.is_root]
            if way.evidence is not None:
                conditions.append(sql.tells_a_day(way.evidence))
                conditions.append(sa.not_(sql.is_due_without_evidence(way.anchor, last_event_day)))
            yield from _witnesses(works, work, collection, way, conditions)


@dataclass(frozen=True, kw_only=True)
class _Way:
    """From a row with a clock to the rows that the clock is read from.

    Attributes:
        joined: all of them.
        ward: the row with the clock.
        anchor: the row on which it starts.
        evidence: a row whose day counts, on the way to it.
        witnesses: collection and relation of each row on the way.
    """

    joined: FromClause
    ward: FromClause
    anchor: FromClause
    evidence: FromClause | None = None
    witnesses: list[tuple[str, FromClause]]


def _ways(live: LiveSchema, collection: str, clock: Clock) -> Iterator[_Way]:
    ward = relation(live, collection, "ward")
    joined, steps = _up(live, ward, clock.path)
    joined, below = _down(live, joined, ward, clock.reverse_path, "below")
    witnesses = [*steps, *below]
    anchor = witnesses[-1][1] if witnesses else ward
    yield _Way(joined=joined, ward=ward, anchor=anchor, witnesses=witnesses)
    if clock.anchor.latest:
        joined, told = _down(live, joined, anchor, clock.evidence, "told")
        yield _Way(joined=joined, ward=ward, anchor=anchor, evidence=told[-1][1], witnesses=told)


def _documents(live: LiveSchema, archive: ResolvedArchive) -> Iterator[_Way]:
    """From a document to all that belongs to it: without some of it, it would be another than the archive has."""
    for collection in archive.children:
        ward = relation(live, archive.documents, "ward")
        joined, below = _down(live, ward, ward, archive.paths[collection], "belonging")
        yield _Way(joined=joined, ward=ward, anchor=ward, witnesses=below)


def _up(live: LiveSchema, start: FromClause, path: Path) -> tuple[FromClause, list[tuple[str, FromClause]]]:
    joined, row, steps = start, start, []
    for number, edge in enumerate(path):
        target = relation(live, edge.target, f"above_{number}")
        joined = joined.join(target, refers(edge, live, row, target))
        steps.append((edge.target, target))
        row = target
    return joined, steps


def _down(
    live: LiveSchema, joined: FromClause, end: FromClause, path: Path, prefix: str
) -> tuple[FromClause, list[tuple[str, FromClause]]]:
    row, steps = end, []
    for number, edge in enumerate(reversed(path)):
        holder = relation(live, edge.holder, f"{prefix}_{number}")
        joined = joined.join(holder, refers(edge, live, holder, row))
        steps.append((edge.holder, holder))
        row = holder
    return joined, steps


def _witnesses(
    works: WorkSet, work: Work, collection: str, way: _Way, conditions: list[ColumnElement[bool]]
) -> Iterator[tuple[str, Select[Any]]]:
    """The witnesses of ``work`` on a way whose ward stays."""
    for name, witness in way.witnesses:
        if name != work.collection:
            continue
        joined, until, stays = _stay(works, collection, way)
        rows = (
            sa.select(*work.key_columns, until.label("until"))
            .select_from(joined)
            .where(work.is_row(witness), stays, *conditions)
        )
        if name == collection:
            rows = rows.where(sa.not_(sa.and_(*(witness.c[key] == way.ward.c[key] for key in work.keys))))
        yield collection, rows


def _stay(
    works: WorkSet, collection: str, way: _Way
) -> tuple[FromClause, ColumnElement[Any], ColumnElement[bool]]:
    """The way joined to what is known of its ward: until when that stays, and whether it does."""
    if collection not in works:
        return way.joined, sa.cast(sa.null(), sa.Date), sa.true()
    holding = works[collection]
    known = holding.table.alias("known_ward")
    joined = way.joined.outerjoin(known, sa.and_(holding.is_row(way.ward, known), sa.not_(known.c.in_use)))
    return joined, known.c.until, sa.or_(known.c.ordinal.is_(None), known.c.kept.is_not(None))
