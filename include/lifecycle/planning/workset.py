"""The work set: temporary tables that hold the rows a plan is about, and nothing else.

One table per collection: the key (``key_0`` …), the ``ordinal`` of the row that led to it (batches are ranges
of ordinals), whether the row is due by itself (``is_root``), and, where it stays all the same, why
(``kept``, ``source``, ``until``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.store.relations import NamedType, refers, relation

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, FromClause

    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True)
class Work:
    """The temporary table of one collection."""

    rulebook: Rulebook
    collection: str
    number: int

    @cached_property
    def keys(self) -> dict[str, str]:
        """Key column of the collection to column of this table."""
        return {name: f"key_{number}" for number, (name, _) in enumerate(self.rulebook.key(self.collection))}

    @cached_property
    def table(self) -> sa.Table:
        """The table, primary key included."""
        types = [kind for _, kind in self.rulebook.key(self.collection)]
        return sa.Table(
            f"work_{self.number}",
            sa.MetaData(),
            *(
                sa.Column(name, NamedType(kind), primary_key=True)
                for name, kind in zip(self.keys.values(), types, strict=True)
            ),
            sa.Column("ordinal", sa.BigInteger, nullable=False),
            sa.Column("is_root", sa.Boolean, nullable=False, server_default=sa.false()),
            sa.Column("kept", sa.Text),
            sa.Column("source", sa.Text),
            sa.Column("until", sa.Date),
            prefixes=["TEMPORARY"],
            postgresql_on_commit="DROP",
        )

    @property
    def key_columns(self) -> list[sa.Column[Any]]:
        """This table's key columns, in key order."""
        return [self.table.c[name] for name in self.keys.values()]

    def row(self, alias: str) -> FromClause:
        """The live relation of the collection."""
        return relation(self.rulebook.live, self.collection, alias)

    def row_keys(self, row: FromClause) -> list[ColumnElement[Any]]:
        """The key columns of a live relation, in key order."""
        return [row.c[name] for name in self.keys]

    def is_row(self, row: FromClause, table: FromClause | None = None) -> ColumnElement[bool]:
        """``row`` of the live relation is the row of the (aliased) work table."""
        clause = self.table if table is None else table
        return sa.and_(*(row.c[name] == clause.c[here] for name, here in self.keys.items()))


class WorkSet:
    """The work tables of one plan, on one connection, inside one transaction."""

    def __init__(self, connection: Connection, rulebook: Rulebook, collections: tuple[str, ...]) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.works = {
            name: Work(rulebook=rulebook, collection=name, number=number)
            for number, name in enumerate(collections)
        }
        for work in self.works.values():
            work.table.create(connection)

    def __getitem__(self, collection: str) -> Work:
        return self.works[collection]

    def __contains__(self, collection: str) -> bool:
        return collection in self.works

    def add_roots(self, collection: str, due: sa.Select[Any]) -> int:
        """Add due rows, numbered in key order after those that are there; returns how many are new.

        Args:
            collection: theirs.
            due: selects their keys.
        """
        work = self[collection]
        keys = due.subquery("root")
        order = [keys.c[name] for name in work.keys]
        number = sa.func.row_number().over(order_by=order) + self.highest_ordinal()
        names = [*work.keys.values(), "ordinal", "is_root"]
        insert = postgresql.insert(work.table).from_select(names, sa.select(*order, number, sa.true()))
        return self._insert_counted(insert.on_conflict_do_nothing())

    def spread(self, collection: str) -> int:
        """Add the rows of ``collection`` that go along with rows already there; returns how many changed.

        A row that several lead to takes the highest ordinal: it goes with the last of them.
        """
        edges = [edge for edge in self.rulebook.spreading_into(collection) if edge.leader in self]
        return sum(self._spread_along(edge) for edge in edges)

    def analyze(self, collection: str) -> None:
        """Tell the planner how many rows there are."""
        self.connection.exec_driver_sql(f"ANALYZE {self[collection].table.name}")

    def _spread_along(self, edge: Edge) -> int:
        leading, following = self[edge.leader], self[edge.follower]
        leader, follower = leading.row("leader"), following.row("follower")
        holder, target = (leader, follower) if edge.leads_from_holder else (follower, leader)
        keys = following.row_keys(follower)
        joined = leading.is_row(leader), refers(edge, self.rulebook.live, holder, target)
        if edge.leads_from_holder:  # several rows may lead to one: it waits for the last
            rows = sa.select(*keys, sa.func.max(leading.table.c.ordinal)).where(*joined).group_by(*keys)
        else:
            rows = sa.select(*keys, leading.table.c.ordinal).where(*joined)
        if not edge.keeps_alive:
            return self._insert(following, rows)
        others = [
            other
            for other in self.rulebook.spreading_into(edge.follower)
            if other.keeps_alive and not (other is edge and not edge.leads_from_holder)
        ]
        return self._insert(
            following, rows.where(*(self._no_leader_stays(other, follower) for other in others))
        )

    def _no_leader_stays(self, edge: Edge, follower: FromClause) -> ColumnElement[bool]:
        """No row that leads to ``follower`` along ``edge`` is outside the work set (the last owner rule)."""
        leader = relation(self.rulebook.live, edge.leader, "other_leader")
        holder, target = (leader, follower) if edge.leads_from_holder else (follower, leader)
        conditions = [refers(edge, self.rulebook.live, holder, target)]
        if edge.is_self:
            keys = self.rulebook.key(edge.leader)
            conditions.append(sa.not_(sa.and_(*(leader.c[name] == follower.c[name] for name, _ in keys))))
        if edge.leader in self:
            leading = self[edge.leader]
            gone = leading.table.alias("gone")
            conditions.append(
                sa.not_(
                    sa.exists(
                        sa.select(sa.literal(1))
                        .select_from(gone)
                        .where(leading.is_row(leader, gone))
                        .correlate(leader)
                    )
                )
            )
        return sa.not_(
            sa.exists(sa.select(sa.literal(1)).select_from(leader).where(*conditions).correlate(follower))
        )

    def _insert(self, work: Work, rows: sa.Select[Any]) -> int:
        names = [*work.keys.values(), "ordinal"]
        insert = postgresql.insert(work.table).from_select(names, rows)
        later = insert.on_conflict_do_update(
            index_elements=list(work.keys.values()),
            set_={"ordinal": insert.excluded.ordinal},
            where=work.table.c.ordinal < insert.excluded.ordinal,
        )
        return self._insert_counted(later)

    def _insert_counted(self, insert: Any) -> int:
        """Insert, and count the rows: SQLAlchemy forgets the count of an INSERT unless told to keep it."""
        return self.connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount

    def highest_ordinal(self) -> int:
        """The highest ordinal in use, 0 where there is none."""
        highest = [
            sa.select(sa.func.max(work.table.c.ordinal).label("ordinal")) for work in self.works.values()
        ]
        found = self.connection.scalar(sa.select(sa.func.max(sa.union_all(*highest).subquery().c.ordinal)))
        return int(found or 0)
