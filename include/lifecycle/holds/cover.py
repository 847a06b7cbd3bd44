"""Which rows active holds and restrictions cover, as SQL.

Asked from the side of the holds, which are few: the rows they name, then the rows that belong to those, along
the edges by which a deletion would spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.policy.rulebook import spread
from lifecycle.store.relations import NamedType, refers, relation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import CTE, ColumnElement, Connection, FromClause, Select

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


def held_collections(connection: Connection, rulebook: Rulebook, as_of: datetime) -> frozenset[str]:
    """Collections of which holds and restrictions may cover rows at ``as_of``.

    Those that they name, and those whose rows may belong to rows of these; of no other need anybody ask.
    """
    named = sa.select(hold_row.c.collection).distinct().join(hold, hold.c.hold_id == hold_row.c.hold_id)
    return frozenset(spread(connection.scalars(named.where(is_active(as_of))), rulebook.edges)[0])


def held(rulebook: Rulebook, collection: str, as_of: datetime) -> CTE:
    """A common table expression of the covered rows of ``collection``.

    Columns: ``key_0``, ``key_1`` …, then ``hold_id``, ``kind`` (hold or restriction) and ``until``. A row that
    several holds cover stands there several times.
    """
    leaders = _leaders(rulebook, collection)
    order, _ = spread(leaders, [edge for edge in rulebook.edges if edge.leader in leaders])
    ctes: dict[str, CTE] = {}
    for name in order:
        if name in leaders:
            ctes[name] = _held(rulebook, name, as_of, ctes)
    return ctes[collection]


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


def _held(rulebook: Rulebook, collection: str, as_of: datetime, leaders: Mapping[str, CTE]) -> CTE:
    edges = [edge for edge in rulebook.spreading_into(collection) if edge.is_self or edge.leader in leaders]
    branches = [
        _named(rulebook, collection, as_of),
        _whole(rulebook, collection, as_of),
        *(_belonging(rulebook, edge, leaders[edge.leader]) for edge in edges if not edge.is_self),
    ]
    base = sa.union(*branches)
    name = "held_" + collection.replace(".", "_")
    own = [edge for edge in edges if edge.is_self]
    if not own:
        return base.cte(name)
    recursive = base.cte(name, recursive=True)
    return recursive.union(*(_belonging(rulebook, edge, recursive) for edge in own))


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
    follower = relation(rulebook.live, edge.follower, "follower")
    leader = relation(rulebook.live, edge.leader, "leader")
    holder, target = (leader, follower) if edge.leads_from_holder else (follower, leader)
    same = [
        leader.c[name] == leaders.c[f"key_{number}"]
        for number, (name, _) in enumerate(rulebook.key(edge.leader))
    ]
    return sa.select(
        *_keys(rulebook, edge.follower, follower), *(leaders.c[name] for name in _ABOUT_THE_HOLD)
    ).where(*same, refers(edge, rulebook.live, holder, target))


def _keys(rulebook: Rulebook, collection: str, row: FromClause) -> list[ColumnElement[Any]]:
    return [row.c[name].label(f"key_{number}") for number, (name, _) in enumerate(rulebook.key(collection))]
