"""What is due and what goes along: fills the work set.

Strand by strand, leaders first, every row that is due or belongs to one that goes is added, and then those are
taken back that a row which stays uses or owns. Within a strand whose collections lead to each other this is
repeated until nothing changes, so that rows which own each other, and that nobody else owns, go together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.policy.model import EdgeKind
from lifecycle.store.relations import comparable, refers, relation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import ColumnElement, FromClause, Select

    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook, Strand


def collect(works: WorkSet, strand: Strand, due: Mapping[str, Select[Any]]) -> None:
    """Add what goes of a strand whose leaders are there already.

    Args:
        works: takes the rows.
        strand: its collections.
        due: selects the keys of the due rows, by collection.
    """
    for collection in strand.collections:
        _spread(works, collection)
        if collection in due:
            works.add_roots(collection, due[collection])
        works.analyze(collection)
    while strand.is_cyclic and _spread_all(works, strand):
        pass
    while _take_back(works, strand) and strand.is_cyclic:
        pass
    for collection in strand.collections:
        _leave_used(works, collection)


def leave_all_used(works: WorkSet, collections: Collection[str]) -> None:
    """Leave rows that a row which stays shares, where nothing belongs to the rows of ``collections``."""
    while sum(_mark_in_use(works, collection) for collection in collections):
        pass
    for collection in collections:
        _leave_used(works, collection)


def _mark_in_use(works: WorkSet, collection: str) -> int:
    """Mark rows that a row which stays shares; returns how many."""
    if collection not in works:
        return 0
    work = works[collection]
    users = [_led_from_outside(works, work, edge) for edge in _into(works, collection, EdgeKind.SHARED)]
    if not users:
        return 0
    used = sa.union(*users).subquery("used")
    same = [work.table.c[name] == used.c[name] for name in work.keys.values()]
    mark = sa.update(work.table).values(in_use=True).where(*same)
    return int(works.connection.execute(mark).rowcount)


def _led_from_outside(works: WorkSet, work: Work, edge: Edge) -> Select[Any]:
    """Rows of ``work`` to which a row that stays leads along ``edge``.

    As a join: to ask row by row, the database would read the work table of the leaders once for each of them.
    """
    row, leader = work.row("led"), relation(works.rulebook.live, edge.leader, "leader_outside")
    joined = work.table.join(row, work.is_row(row)).join(leader, leads(works.rulebook, edge, leader, row))
    rows = sa.select(*work.key_columns).where(sa.not_(work.table.c.in_use))
    if edge.leader not in works:
        return rows.select_from(joined)
    leading = works[edge.leader]
    going = leading.table.alias("going")
    is_going = sa.and_(leading.is_row(leader, going), sa.not_(going.c.in_use))
    return rows.select_from(joined.outerjoin(going, is_going)).where(going.c.ordinal.is_(None))


def _leave_used(works: WorkSet, collection: str) -> None:
    """Say of rows in use who uses them, and forget those that would not go in any case."""
    shared = _into(works, collection, EdgeKind.SHARED)
    if not shared or collection not in works:
        return
    work = works[collection]
    row = work.row("used")
    content = [_leader_inside(works, edge, row) for edge in _into(works, collection, *_CONTENT)]
    is_wanted = sa.or_(work.table.c.is_root, *content)
    in_use = sa.and_(work.table.c.in_use, work.is_row(row))
    works.connection.execute(sa.delete(work.table).where(in_use, sa.not_(is_wanted)))
    names = [
        sa.case((_leader_outside(works, edge, row), sa.literal(edge.holder)), else_=sa.null())
        for edge in shared
    ]
    first = sa.func.least(*(sa.collate(name, "C") for name in names))
    works.mark(work, sa.update(work.table).values(kept="needed", source=first).where(in_use))


_CONTENT = (EdgeKind.TENANT, EdgeKind.ACCESS)
"""What is content of a row goes with it, whoever else owns it."""


def _spread_all(works: WorkSet, strand: Strand) -> int:
    return sum(_spread(works, collection) for collection in strand.collections)


def _spread(works: WorkSet, collection: str) -> int:
    """Add the rows of ``collection`` that belong to rows already there; returns how many changed.

    A row that several lead to takes the highest ordinal: it goes with the last of them.
    """
    edges = [edge for edge in works.rulebook.spreading_into(collection) if edge.leader in works]
    return sum(works.add_followers(collection, _followers(works, edge)) for edge in edges)


def _followers(works: WorkSet, edge: Edge) -> Select[Any]:
    leading, following = works[edge.leader], works[edge.follower]
    follower = following.row("follower")
    leader = leading.row("leader")
    columns = [*following.row_keys(follower), *(follower.c[name] for name in following.links)]
    ordinal = leading.table.c.ordinal
    rows = sa.select(*columns).where(sa.not_(leading.table.c.in_use))
    if _is_read_from_keys(works, edge):  # the leading row itself need not be read
        return rows.add_columns(ordinal).where(
            *(follower.c[here] == leading.table.c[leading.keys[there]] for here, there in edge.pairs)
        )
    rows = rows.where(leading.is_row(leader), leads(works.rulebook, edge, leader, follower))
    if edge.is_to_key and not edge.leads_from_holder:
        return rows.add_columns(ordinal)
    return rows.add_columns(sa.func.max(ordinal)).group_by(*columns)


def _is_read_from_keys(works: WorkSet, edge: Edge) -> bool:
    """Whether followers refer to their leader's primary key, in types that compare as they are."""
    live = works.rulebook.live
    holder, target = live[edge.holder].columns, live[edge.target].columns
    return (
        not edge.leads_from_holder
        and not edge.is_self
        and set(edge.target_columns) == set(works[edge.target].keys)
        and all(comparable(holder[here].type, target[there].type) for here, there in edge.pairs)
    )


def _take_back(works: WorkSet, strand: Strand) -> int:
    """One round; returns how many rows do not go after all."""
    changed = 0
    for collection in strand.collections:
        changed += _mark_in_use(works, collection)
        changed += _leave_owned(works, collection, strand)
    if changed and strand.is_cyclic:
        changed += _leave_unreached(works, strand)
    return changed


def _leave_owned(works: WorkSet, collection: str, strand: Strand) -> int:
    """Take back rows that go only because of their owners, while one of those stays (the last owner rule)."""
    owners = _into(works, collection, EdgeKind.OWNER)
    keeping = [edge for edge in works.rulebook.spreading_into(collection) if edge.keeps_alive]
    is_only_one = len(keeping) == 1 and keeping[0].is_to_key and not strand.is_cyclic
    if (
        not owners or is_only_one or collection not in works
    ):  # then every row is there because of its only owner
        return 0
    work = works[collection]
    row = work.row("owned")
    content = [_leader_inside(works, edge, row) for edge in _into(works, collection, *_CONTENT)]
    owned = sa.union(*(_led_from_outside(works, work, edge) for edge in owners)).subquery("staying")
    condition = sa.and_(
        sa.not_(work.table.c.is_root),
        *(work.table.c[name] == owned.c[name] for name in work.keys.values()),
        *(sa.not_(inside) for inside in content),
    )
    return _change(works, work, sa.delete(work.table), row, condition)


def _leave_unreached(works: WorkSet, strand: Strand) -> int:
    """Take back rows of a circle that only each other lead to, since what led to them stays."""
    filled = [collection for collection in strand.collections if collection in works]
    tables = [works[collection].table for collection in filled]
    for table in tables:
        works.connection.execute(sa.update(table).values(is_reached=table.c.is_root))
    while sum(_reach(works, collection) for collection in filled):
        pass
    unreached = [
        sa.delete(table).where(sa.not_(table.c.is_reached), sa.not_(table.c.in_use)) for table in tables
    ]
    return sum(works.connection.execute(statement).rowcount for statement in unreached)


def _reach(works: WorkSet, collection: str) -> int:
    work = works[collection]
    row = work.row("reached")
    edges = [edge for edge in works.rulebook.spreading_into(collection) if edge.leader in works]
    led = sa.or_(sa.false(), *(_leader_inside(works, edge, row, is_reached=True) for edge in edges))
    reach = sa.update(work.table).values(is_reached=True)
    return _change(works, work, reach, row, sa.and_(sa.not_(work.table.c.is_reached), led))


def _change(
    works: WorkSet, work: Work, statement: Any, row: FromClause, condition: ColumnElement[bool]
) -> int:
    """Carry out ``statement`` on rows that are not in use; returns how many it changed."""
    rows = statement.where(work.is_row(row), sa.not_(work.table.c.in_use), condition)
    return int(works.connection.execute(rows).rowcount)


def _into(works: WorkSet, collection: str, *kinds: EdgeKind) -> list[Edge]:
    return [edge for edge in works.rulebook.spreading_into(collection) if edge.kind in kinds]


def _leader_inside(
    works: WorkSet, edge: Edge, follower: FromClause, *, is_reached: bool = False
) -> ColumnElement[bool]:
    """A row that goes leads along ``edge`` to ``follower``."""
    if edge.leader not in works:
        return sa.false()
    leading = works[edge.leader]
    leader = leading.row("leader_inside")
    table = leading.table.alias("leading")
    conditions = [
        leading.is_row(leader, table),
        sa.not_(table.c.in_use),
        leads(works.rulebook, edge, leader, follower),
    ]
    if is_reached:
        conditions.append(table.c.is_reached)
    return sa.exists(sa.select(sa.literal(1)).select_from(table).where(*conditions).correlate(follower))


def _leader_outside(works: WorkSet, edge: Edge, follower: FromClause) -> ColumnElement[bool]:
    """A row that stays leads along ``edge`` to ``follower``."""
    leader = relation(works.rulebook.live, edge.leader, "leader_outside")
    conditions = [leads(works.rulebook, edge, leader, follower)]
    if edge.leader in works:
        leading = works[edge.leader]
        table = leading.table.alias("leading")
        goes = (
            sa.select(sa.literal(1))
            .select_from(table)
            .where(leading.is_row(leader, table), sa.not_(table.c.in_use))
        )
        conditions.append(sa.not_(sa.exists(goes.correlate(leader))))
    return sa.exists(sa.select(sa.literal(1)).select_from(leader).where(*conditions).correlate(follower))


def leads(rulebook: Rulebook, edge: Edge, leader: FromClause, follower: FromClause) -> ColumnElement[bool]:
    """``leader`` leads along ``edge`` to ``follower``; a row does not lead to itself."""
    holder, target = (leader, follower) if edge.leads_from_holder else (follower, leader)
    condition = refers(edge, rulebook.live, holder, target)
    if not edge.is_self:
        return condition
    keys = [name for name, _ in rulebook.key(edge.leader)]
    return sa.and_(condition, sa.not_(sa.and_(*(leader.c[name] == follower.c[name] for name in keys))))
