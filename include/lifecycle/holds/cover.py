"""Which rows active holds and restrictions cover, as SQL.

Asked from the side of the holds, which are few: the rows they name, then the rows that belong to those, along
the edges by which a deletion would spread.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from lifecycle.policy.rulebook import collections_of, spread
from lifecycle.store.relations import NamedType, refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy import CTE, ColumnElement, Connection, FromClause, Select, Subquery

    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook

LOCK = 0x6C696665686F6C64  # "lifehold"
"""Advisory lock: a deleting transaction shares it, placing a hold takes it alone; neither misses the other."""

hold = sa.table(
    "hold",
    sa.column("hold_id", sa.Uuid),
    sa.column("kind", sa.Text),
    sa.column("reason", sa.Text),
    sa.column("placed_by", sa.Text),
    sa.column("placed_at", sa.DateTime(timezone=True)),
    sa.column("until", sa.DateTime(timezone=True)),
    sa.column("released_by", sa.Text),
    sa.column("released_at", sa.DateTime(timezone=True)),
    schema="lifecycle",
)
hold_row = sa.table(
    "hold_row",
    sa.column("hold_id", sa.Uuid),
    sa.column("collection", sa.Text),
    sa.column("key", sa.ARRAY(sa.Text)),
    schema="lifecycle",
)
_ABOUT_THE_HOLD = ("hold_id", "kind", "until")


def is_active(as_of: datetime) -> ColumnElement[bool]:
    """A hold counts at ``as_of``: not released, and not past its end."""
    return sa.and_(hold.c.released_at.is_(None), hold.c.until > as_of)


def any_active(connection: Connection, as_of: datetime) -> bool:
    """Whether any hold or restriction counts at ``as_of``."""
    return bool(connection.scalar(sa.select(sa.exists(sa.select(hold).where(is_active(as_of))))))


@contextmanager
def unchanging_holds(connection: Connection) -> Iterator[None]:
    """No hold is placed or released while this lasts.

    To be entered before a transaction that sees one state of the database, because that state must not be older
    than the holds that count.
    """
    with connection.begin():
        connection.execute(sa.select(sa.func.pg_advisory_lock_shared(LOCK)))
    try:
        yield
    finally:
        if not connection.invalidated:
            with connection.begin():
                connection.execute(sa.select(sa.func.pg_advisory_unlock_shared(LOCK)))


def held_collections(connection: Connection, rulebook: Rulebook, as_of: datetime) -> frozenset[str]:
    """Collections of which holds and restrictions may cover rows at ``as_of``.

    Those that they name, and those whose rows may belong to rows of these; of no other need anybody ask.
    """
    named = sa.select(hold_row.c.collection).distinct().join(hold, hold.c.hold_id == hold_row.c.hold_id)
    strands = spread(connection.scalars(named.where(is_active(as_of))), rulebook.edges)
    return frozenset(collections_of(strands))


def holds_any_row(connection: Connection, rulebook: Rulebook, collection: str, as_of: datetime) -> bool:
    """Whether any row of a collection is covered; asks the collection only where a hold may cover some of it."""
    if collection not in held_collections(connection, rulebook, as_of):
        return False
    cover = held(rulebook, collection, as_of)
    return bool(connection.scalar(sa.select(sa.exists(sa.select(cover)))))


def held(rulebook: Rulebook, collection: str, as_of: datetime) -> CTE:
    """A common table expression of the covered rows of ``collection``.

    Columns: ``key_0``, ``key_1`` …, then ``hold_id``, ``kind`` (hold or restriction) and ``until``. A row that
    several holds cover stands there several times.
    """
    leaders = _leaders(rulebook, collection)
    covered: dict[str, CTE] = {}
    for strand in spread(leaders, [edge for edge in rulebook.edges if edge.follower in leaders]):
        if strand.is_cyclic:
            covered |= _held_in_circles(rulebook, strand.collections, as_of, covered)
        else:
            (name,) = strand.collections
            branches = sa.union(*_directly(rulebook, name, as_of, covered))
            covered[name] = branches.cte("held_" + name.replace(".", "_"))
    return covered[collection]


def strongest(cover: CTE, zone: ZoneInfo) -> Subquery:
    """The reason that counts for each covered row: a hold before a restriction, then the one that lasts longest.

    Columns: the key, ``kind``, ``hold_id`` as text, and ``last_day``, in ``zone``.
    """
    keys = [column for column in cover.c if str(column.name).startswith("key_")]
    last_moment = cover.c.until - sa.literal_column("interval '1 microsecond'")
    day = sa.cast(sa.func.timezone(str(zone), last_moment), sa.Date).label("last_day")
    hold_id = sa.cast(cover.c.hold_id, sa.Text).label("hold_id")
    return (
        sa.select(*keys, cover.c.kind, hold_id, day)
        .ext(distinct_on(*keys))
        .order_by(*keys, cover.c.kind, cover.c.until.desc(), cover.c.hold_id)
        .subquery("strongest")
    )


def is_covered(cte: CTE, row: FromClause, keys: Mapping[str, str]) -> ColumnElement[bool]:
    """Whether ``row`` is among the covered rows.

    Args:
        cte: of :func:`held`.
        row: any clause that has the key.
        keys: column of ``row`` to key column of the expression.
    """
    same = [row.c[here] == cte.c[there] for here, there in keys.items()]
    return sa.exists(sa.select(sa.literal(1)).select_from(cte).where(*same).correlate(row))


def _leaders(rulebook: Rulebook, collection: str) -> set[str]:
    """``collection`` and every collection whose rows its rows may belong to."""
    found: set[str] = set()
    pending = [collection]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [edge.leader for edge in rulebook.spreading_into(name)]
    return found


def _directly(
    rulebook: Rulebook, collection: str, as_of: datetime, leaders: Mapping[str, CTE]
) -> list[Select[Any]]:
    """Rows that a hold names, and those that belong to rows of ``leaders``."""
    return [
        _named(rulebook, collection, as_of),
        _whole(rulebook, collection, as_of),
        *(
            _belonging(rulebook, edge, leaders[edge.leader])
            for edge in rulebook.spreading_into(collection)
            if edge.leader in leaders
        ),
    ]


def _held_in_circles(
    rulebook: Rulebook, collections: tuple[str, ...], as_of: datetime, leaders: Mapping[str, CTE]
) -> dict[str, CTE]:
    """Covered rows of collections that lead to each other, found in one recursion.

    Its rows have the key columns of every one of the collections; ``home`` says which of them counts.
    """
    inside = [
        edge for name in collections for edge in rulebook.spreading_into(name) if edge.leader in collections
    ]
    base = [
        _at_home(rulebook, collections, home, branch.subquery("branch"))
        for home in collections
        for branch in _directly(rulebook, home, as_of, leaders)
    ]
    named = sa.union(*base).subquery("named")
    circle = sa.select(*named.c).cte("circle_" + collections[0].replace(".", "_"), recursive=True)
    steps = [
        _at_home(rulebook, collections, edge.follower, _step(rulebook, collections, edge, circle))
        for edge in inside
    ]
    step = sa.union_all(*steps).lateral("step")
    circle = circle.union(sa.select(*step.c).select_from(circle.join(step, sa.true())))
    return {name: _of_home(rulebook, collections, name, circle) for name in collections}


def _step(rulebook: Rulebook, collections: tuple[str, ...], edge: Edge, circle: CTE) -> Subquery:
    """Rows that belong along ``edge`` to the row of the recursion at hand."""
    number = collections.index(edge.leader)
    keys = [circle.c[f"key_{number}_{part}"] for part, _ in enumerate(rulebook.key(edge.leader))]
    of_the_leader = circle.c.home == edge.leader
    about = [circle.c[name] for name in _ABOUT_THE_HOLD]
    return _followers(rulebook, edge, keys, about).where(of_the_leader).correlate(circle).subquery("branch")


def _at_home(rulebook: Rulebook, collections: tuple[str, ...], home: str, rows: Subquery) -> Select[Any]:
    """``rows`` of the collection ``home`` as rows of the recursion: the keys of the others are null."""
    keys = [
        (rows.c[f"key_{part}"] if name == home else sa.cast(sa.null(), NamedType(kind))).label(
            f"key_{number}_{part}"
        )
        for number, name in enumerate(collections)
        for part, (_, kind) in enumerate(rulebook.key(name))
    ]
    return sa.select(
        sa.literal(home, sa.Text).label("home"), *keys, *(rows.c[name] for name in _ABOUT_THE_HOLD)
    )


def _of_home(rulebook: Rulebook, collections: tuple[str, ...], home: str, circle: CTE) -> CTE:
    number = collections.index(home)
    keys = [
        circle.c[f"key_{number}_{part}"].label(f"key_{part}") for part, _ in enumerate(rulebook.key(home))
    ]
    about = [circle.c[name] for name in _ABOUT_THE_HOLD]
    return sa.select(*keys, *about).where(circle.c.home == home).cte("held_" + home.replace(".", "_"))


def _named(rulebook: Rulebook, collection: str, as_of: datetime) -> Select[Any]:
    """Rows that a hold names by key.

    Materialized, so that no key of another collection, of another type, ever meets the cast.
    """
    columns = [
        sa.cast(hold_row.c.key[number + 1], NamedType(kind)).label(f"key_{number}")
        for number, (_, kind) in enumerate(rulebook.key(collection))
    ]
    named = (
        sa.select(*columns, *(hold.c[name] for name in _ABOUT_THE_HOLD))
        .select_from(hold_row.join(hold, hold.c.hold_id == hold_row.c.hold_id))
        .where(is_active(as_of), hold_row.c.collection == collection, sa.func.cardinality(hold_row.c.key) > 0)
        .cte("named_" + collection.replace(".", "_"))
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return sa.select(*named.c)


def _whole(rulebook: Rulebook, collection: str, as_of: datetime) -> Select[Any]:
    """Every row, where a hold names the whole collection."""
    row = relation(rulebook.live, collection, "whole")
    names_it = sa.and_(hold_row.c.collection == collection, sa.func.cardinality(hold_row.c.key) == 0)
    return (
        sa.select(*_keys(rulebook, collection, row), *(hold.c[name] for name in _ABOUT_THE_HOLD))
        .select_from(row.join(hold_row, names_it).join(hold, hold.c.hold_id == hold_row.c.hold_id))
        .where(is_active(as_of))
    )


def _belonging(rulebook: Rulebook, edge: Edge, leaders: FromClause) -> Select[Any]:
    """Rows that belong, along ``edge``, to covered rows of its leader."""
    keys = [leaders.c[f"key_{part}"] for part, _ in enumerate(rulebook.key(edge.leader))]
    return _followers(rulebook, edge, keys, [leaders.c[name] for name in _ABOUT_THE_HOLD])


def _followers(
    rulebook: Rulebook,
    edge: Edge,
    leader_keys: Sequence[ColumnElement[Any]],
    about: Sequence[ColumnElement[Any]],
) -> Select[Any]:
    """Rows that belong, along ``edge``, to the rows of these keys."""
    follower = relation(rulebook.live, edge.follower, "follower")
    leader = relation(rulebook.live, edge.leader, "leader")
    holder, target = (leader, follower) if edge.leads_from_holder else (follower, leader)
    same = [
        leader.c[name] == key for (name, _), key in zip(rulebook.key(edge.leader), leader_keys, strict=True)
    ]
    joined = follower.join(leader, refers(edge, rulebook.live, holder, target))
    return sa.select(*_keys(rulebook, edge.follower, follower), *about).select_from(joined).where(*same)


def _keys(rulebook: Rulebook, collection: str, row: FromClause) -> list[ColumnElement[Any]]:
    return [row.c[name].label(f"key_{number}") for number, (name, _) in enumerate(rulebook.key(collection))]
