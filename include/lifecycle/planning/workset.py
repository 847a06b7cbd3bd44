"""The work set: temporary tables that hold the rows a plan is about, and nothing else.

One table per collection: the key (``key_0`` …), the columns by which the row belongs to others (``link_0`` …),
the ``ordinal`` of the row that led to it (batches are ranges of ordinals), whether the row is due by itself
(``is_root``), whether it would go but for a row that stays and uses it (``in_use``), and, where it stays, why
(``kept``, ``source``, ``until``, the ``duties`` that keep it). A table is created when its first row is found: on
most days most rules have nothing to do, and then nothing is created.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.store.relations import NamedType, definitions, relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import ColumnElement, Connection, FromClause

    from lifecycle.policy.rulebook import Rulebook, Scope


@dataclass(frozen=True, kw_only=True)
class Work:
    """The temporary table of one collection.

    Attributes:
        name: of the table.
        is_keyed: whether it needs a primary key: a row may be reached in several ways.
    """

    rulebook: Rulebook
    collection: str
    name: str
    is_keyed: bool = True

    @cached_property
    def keys(self) -> dict[str, str]:
        """Key column of the collection to column of this table."""
        return {name: f"key_{number}" for number, (name, _) in enumerate(self.rulebook.key(self.collection))}

    @cached_property
    def links(self) -> dict[str, str]:
        """Columns by which rows of the collection belong to others, to column of this table."""
        edges = [edge for edge in self.rulebook.spreading_into(self.collection) if not edge.leads_from_holder]
        names = dict.fromkeys(column for edge in edges for column in edge.columns)
        return {name: f"link_{number}" for number, name in enumerate(names)}

    @cached_property
    def types(self) -> dict[str, str]:
        """Key and link columns of this table with their types."""
        live = self.rulebook.live[self.collection].columns
        return {here: live[name].type for name, here in (*self.keys.items(), *self.links.items())}

    @cached_property
    def table(self) -> sa.TableClause:
        """The table: the same for every plan of a rule, so that its statements are compiled once."""
        return sa.table(
            self.name,
            *(sa.column(name, NamedType(kind)) for name, kind in self.types.items()),
            sa.column("ordinal", sa.BigInteger),
            sa.column("is_root", sa.Boolean),
            sa.column("is_reached", sa.Boolean),
            sa.column("in_use", sa.Boolean),
            sa.column("kept", sa.Text),
            sa.column("source", sa.Text),
            sa.column("until", sa.Date),
            sa.column("duties", sa.ARRAY(sa.Text)),
        )

    @property
    def definition(self) -> str:
        """The statement that creates it; with a primary key where a row may be reached more than once."""
        columns = definitions(self.types)
        columns += ["ordinal bigint NOT NULL", "is_root boolean NOT NULL DEFAULT false"]
        columns += ["is_reached boolean NOT NULL DEFAULT true", "in_use boolean NOT NULL DEFAULT false"]
        columns += ["kept text", "source text", "until date", "duties text[] NOT NULL DEFAULT '{}'"]
        if self.is_keyed:
            columns.append(f"PRIMARY KEY ({', '.join(self.keys.values())})")
        return f"CREATE TEMPORARY TABLE {self.table.name} ({', '.join(columns)}) ON COMMIT DROP"

    @property
    def key_columns(self) -> list[sa.ColumnClause[Any]]:
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
    """The work tables of one plan, on one connection, inside one transaction.

    Attributes:
        scope: which collections may be reached, and how.
        name: begins the names of its tables; two work sets of one transaction have two.
        works: of each of them, whether rows of it were found or not.
        kept: collections of which rows were marked as kept.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        scope: Scope,
        name: str = "work",
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.scope = scope
        self.name = name
        again = _reached_again(rulebook, scope)
        self.works = {
            collection: Work(
                rulebook=rulebook,
                collection=collection,
                name=f"{name}_{number}",
                is_keyed=collection in again,
            )
            for number, collection in enumerate(scope.closure)
        }
        self.kept: set[str] = set()
        self._created: set[str] = set()
        self._filled: set[str] = set()

    def __getitem__(self, collection: str) -> Work:
        return self.works[collection]

    def __contains__(self, collection: str) -> bool:
        """Whether any row of the collection is in the work set."""
        return collection in self._filled

    def __iter__(self) -> Iterator[Work]:
        """The tables that have rows, leaders first."""
        return (work for work in self.works.values() if work.collection in self)

    def add_roots(self, collection: str, due: sa.Select[Any]) -> None:
        """Add due rows, numbered in key order after those that are there.

        Args:
            collection: theirs.
            due: selects their keys; there is one.
        """
        work = self[collection]
        keys = due.subquery("root")
        order = [keys.c[name] for name in work.keys]
        number = sa.func.row_number().over(order_by=order) + self.highest_ordinal()
        names = [*work.keys.values(), "ordinal", "is_root"]
        insert = postgresql.insert(work.table).from_select(names, sa.select(*order, number, sa.true()))
        if work.is_keyed:
            insert = insert.on_conflict_do_update(
                index_elements=list(work.keys.values()), set_={"is_root": sa.true()}
            )
        self._add(work, insert)

    def add_followers(self, collection: str, rows: sa.Select[Any]) -> int:
        """Add rows with their ordinals; a row that is there takes the higher one. Returns how many changed.

        Args:
            collection: theirs.
            rows: selects each row once: its key, its link columns, then the ordinal.
        """
        work = self[collection]
        names = [*work.keys.values(), *work.links.values(), "ordinal"]
        insert = postgresql.insert(work.table).from_select(names, rows)
        if not work.is_keyed:
            return self._add(work, insert)
        later = insert.on_conflict_do_update(
            index_elements=list(work.keys.values()),
            set_={"ordinal": insert.excluded.ordinal},
            where=work.table.c.ordinal < insert.excluded.ordinal,
        )
        return self._add(work, later)

    def analyze(self, collection: str) -> None:
        """Tell the planner how many rows there are."""
        if collection in self:
            self.connection.exec_driver_sql(f"ANALYZE {self[collection].table.name}")

    def with_rows(self, due: Mapping[str, sa.Select[Any]]) -> dict[str, sa.Select[Any]]:
        """The selections that have a row, by collection: asked first, because on most days nothing is due.

        Materialized, so that the database plans them as it will plan the insertion, and not for a quick first row
        that it then looks for in vain.
        """
        asked = []
        for number, (collection, rows) in enumerate(due.items()):
            found = rows.cte(f"found_{number}").prefix_with("MATERIALIZED", dialect="postgresql")
            is_any = sa.exists(sa.select(found))
            asked.append(sa.select(sa.literal(collection, sa.Text).label("collection")).where(is_any))
        if not asked:
            return {}
        there = set(self.connection.scalars(sa.union_all(*asked)))
        return {collection: rows for collection, rows in due.items() if collection in there}

    def _add(self, work: Work, insert: postgresql.Insert) -> int:
        if work.collection not in self._created:
            self.connection.exec_driver_sql(work.definition)
            self._created.add(work.collection)
        # SQLAlchemy forgets how many rows an INSERT changed unless it is told to keep the count.
        counted = insert.execution_options(preserve_rowcount=True)
        added = self.connection.execute(counted).rowcount
        if added:
            self._filled.add(work.collection)
        return added

    def mark(self, work: Work, update: sa.Update) -> int:
        """Mark rows as kept; returns how many."""
        marked = self.connection.execute(update).rowcount
        if marked:
            self.kept.add(work.collection)
        return marked

    def any_goes(self) -> bool:
        """Whether any row of the work set is not kept."""
        if not self.kept:
            return any(True for _ in self)
        going = [sa.exists(sa.select(work.table).where(work.table.c.kept.is_(None))) for work in self]
        return bool(self.connection.scalar(sa.select(sa.or_(*going))))

    def highest_ordinal(self) -> int:
        """The highest ordinal in use, 0 where there is none."""
        highest = [sa.select(sa.func.max(work.table.c.ordinal).label("ordinal")) for work in self]
        if not highest:
            return 0
        found = self.connection.scalar(sa.select(sa.func.max(sa.union_all(*highest).subquery().c.ordinal)))
        return int(found or 0)


def _reached_again(rulebook: Rulebook, scope: Scope) -> set[str]:
    """Collections of which a row can come into the work set in more than one way."""
    circles = {name for strand in scope.strands if strand.is_cyclic for name in strand.collections}
    joining = {name for name in scope.closure if len(rulebook.spreading_into(name)) > 1}
    return {*scope.roots, *circles, *joining}
