"""The work set: temporary tables that hold the rows a plan is about, and nothing else.

One table per collection: the key (``key_0`` …), the ``ordinal`` of the row that led to it (batches are ranges
of ordinals), whether the row is due by itself (``is_root``), whether it would go but for a row that stays and uses
it (``in_use``), and, where it stays, why (``kept``, ``source``, ``until``, the ``duties`` that keep it).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.store.relations import NamedType, relation

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, FromClause

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
            sa.Column("is_reached", sa.Boolean, nullable=False, server_default=sa.true()),
            sa.Column("in_use", sa.Boolean, nullable=False, server_default=sa.false()),
            sa.Column("kept", sa.Text),
            sa.Column("source", sa.Text),
            sa.Column("until", sa.Date),
            sa.Column("duties", sa.ARRAY(sa.Text), nullable=False, server_default="{}"),
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

    def add_roots(self, collection: str, due: sa.Select[Any]) -> None:
        """Add due rows, numbered in key order after those that are there.

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
        self.connection.execute(
            insert.on_conflict_do_update(index_elements=list(work.keys.values()), set_={"is_root": sa.true()})
        )

    def add_followers(self, collection: str, rows: sa.Select[Any]) -> int:
        """Add rows with their ordinals; a row that is there takes the higher one. Returns how many changed.

        Args:
            collection: theirs.
            rows: selects each row once: its key, then the ordinal.
        """
        work = self[collection]
        insert = postgresql.insert(work.table).from_select([*work.keys.values(), "ordinal"], rows)
        later = insert.on_conflict_do_update(
            index_elements=list(work.keys.values()),
            set_={"ordinal": insert.excluded.ordinal},
            where=work.table.c.ordinal < insert.excluded.ordinal,
        )
        # SQLAlchemy forgets how many rows an INSERT changed unless it is told to keep the count.
        return self.connection.execute(later, execution_options={"preserve_rowcount": True}).rowcount

    def analyze(self, collection: str) -> None:
        """Tell the planner how many rows there are."""
        self.connection.exec_driver_sql(f"ANALYZE {self[collection].table.name}")

    def highest_ordinal(self) -> int:
        """The highest ordinal in use, 0 where there is none."""
        highest = [
            sa.select(sa.func.max(work.table.c.ordinal).label("ordinal")) for work in self.works.values()
        ]
        found = self.connection.scalar(sa.select(sa.func.max(sa.union_all(*highest).subquery().c.ordinal)))
        return int(found or 0)
