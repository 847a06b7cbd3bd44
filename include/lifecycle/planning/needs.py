"""Rows that stay because a row which stays cannot do without them.

A row is needed by one that stays and refers to it, by a link that stays with it, and by one whose clock is read
from it. Of several that need it the one that stays longest is named, and one without a known end before all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from lifecycle.planning.witnesses import duty_witnesses
from lifecycle.policy.model import EdgeKind
from lifecycle.store.relations import refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement, FromClause, Select

    from lifecycle.planning.grounds import Ground
    from lifecycle.planning.held import HeldRows
    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.edges import Edge


def mark_needed(works: WorkSet, ground: Ground, as_of: datetime, held: HeldRows) -> None:
    """Mark the rows that are needed, and those that these need, until nothing changes.

    Args:
        works: with what is held and kept by law marked already.
        ground: why its rows are due.
        as_of: moment of the run.
        held: the rows that holds cover, those outside the work set too.
    """
    needs = [
        need
        for work in works
        for need in (
            *_referring(works, work, held),
            *(_Need(work, *one, is_lasting=True) for one in duty_witnesses(works, work, as_of)),
            *(_Need(work, *one) for one in ground.witnesses(works, work)),
        )
    ]
    changed = {need.work.collection for need in needs if need.is_lasting and _mark(works, need)}
    changed |= works.kept
    while changed:
        changed = {need.work.collection for need in needs if need.source in changed and _mark(works, need)}


class _Need(NamedTuple):
    """Rows that are needed.

    Attributes:
        work: of the collection they are of.
        source: collection of the rows that need them.
        rows: selects their keys, and the last day.
        is_lasting: some of the rows that need them may not be of the work set.
    """

    work: Work
    source: str
    rows: Select[Any]
    is_lasting: bool = False


def _referring(works: WorkSet, work: Work, held: HeldRows) -> Iterator[_Need]:
    """Rows that a row which stays refers to."""
    for edge in works.rulebook.edges_into(work.collection):
        if edge.kind is EdgeKind.NONE:
            continue
        if edge.holder in works:
            yield _Need(work, edge.holder, _from_kept(works, work, edge))
        if edge.holder in held:
            yield _Need(work, edge.holder, _from_held(works, work, edge, held), is_lasting=True)
        if _may_last_outside(works, edge):
            yield _Need(work, edge.holder, _from_outside(works, work, edge), is_lasting=True)


def _from_kept(works: WorkSet, work: Work, edge: Edge) -> Select[Any]:
    """A kept row holds on to what it refers to, but for an ``access`` link that can be cut; a held one also to that."""
    holding = works[edge.holder]
    keeper = holding.table.alias("keeper")
    row = holding.row("keeping_row")
    holds_on: ColumnElement[bool] = keeper.c.kept.in_(("hold", "restriction"))
    if edge.kind is not EdgeKind.ACCESS or edge.is_lasting:
        holds_on = sa.or_(holds_on, sa.and_(keeper.c.kept.is_not(None), sa.not_(keeper.c.in_use)))
    return _referred(works, work, edge, row, keeper.c.until).where(holding.is_row(row, keeper), holds_on)


def _from_held(works: WorkSet, work: Work, edge: Edge, held: HeldRows) -> Select[Any]:
    """A held row stays as it is, wherever it stands."""
    row = relation(works.rulebook.live, edge.holder, "keeping_row")
    table = held[edge.holder]
    keys = works.rulebook.key(edge.holder)
    same = [row.c[name] == table.c[f"key_{number}"] for number, (name, _) in enumerate(keys)]
    return _referred(works, work, edge, row, table.c.last_day).where(*same)


def _may_last_outside(works: WorkSet, edge: Edge) -> bool:
    """Whether a row that does not go at all may refer along ``edge`` by a link that cannot be cut."""
    if not edge.is_lasting or edge.kind is EdgeKind.SHARED:  # what such a row shares is in use
        return False
    if not edge.spreads or not edge.is_to_key or not works.scope.takes_along:
        return True
    return any(other.keeps_alive and other != edge for other in works.rulebook.spreading_into(edge.holder))


def _from_outside(works: WorkSet, work: Work, edge: Edge) -> Select[Any]:
    row = relation(works.rulebook.live, edge.holder, "keeping_row")
    rows = _referred(works, work, edge, row, sa.null())
    if edge.holder not in works:
        return rows
    holding = works[edge.holder]
    going = holding.table.alias("going")
    goes = (
        sa.select(sa.literal(1)).select_from(going).where(holding.is_row(row, going), sa.not_(going.c.in_use))
    )
    return rows.where(sa.not_(sa.exists(goes.correlate(row))))


def _referred(works: WorkSet, work: Work, edge: Edge, row: FromClause, until: Any) -> Select[Any]:
    """Keys of the rows of ``work`` that ``row`` refers to, and ``until``; a row does not need itself."""
    target = work.row("needed_row")
    conditions = [work.is_row(target), refers(edge, works.rulebook.live, row, target)]
    if edge.is_self:
        conditions.append(sa.not_(sa.and_(*(row.c[name] == target.c[name] for name in work.keys))))
    return sa.select(*work.key_columns, sa.cast(until, sa.Date).label("until")).where(*conditions)


def _mark(works: WorkSet, need: _Need) -> int:
    """Mark rows as needed, unless a longer need is known; returns how many changed."""
    table = need.work.table
    found = need.rows.subquery("found")
    keys = [found.c[name] for name in need.work.keys.values()]
    until = sa.case((sa.func.bool_or(found.c.until.is_(None)), sa.null()), else_=sa.func.max(found.c.until))
    longest = sa.select(*keys, until.label("until")).group_by(*keys).subquery("longest")
    is_longer = sa.and_(table.c.kept == "needed", _is_longer(table, longest, need.source))
    statement = (
        sa.update(table)
        .values(kept="needed", source=need.source, until=longest.c.until)
        .where(
            *(table.c[name] == longest.c[name] for name in need.work.keys.values()),
            sa.not_(table.c.in_use),
            sa.or_(table.c.kept.is_(None), is_longer),
        )
    )
    return works.mark(need.work, statement)


def _is_longer(known: sa.TableClause, need: FromClause, source: str) -> ColumnElement[bool]:
    """A need lasts longer than the known one; of equal ones the first by name is named."""
    longer = sa.and_(known.c.until.is_not(None), sa.or_(need.c.until.is_(None), known.c.until < need.c.until))
    is_same = known.c.until.is_not_distinct_from(need.c.until)
    return sa.or_(longer, sa.and_(is_same, sa.collate(known.c.source, "C") > source))
