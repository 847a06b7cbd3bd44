"""The work set: temporary tables that hold the rows a plan is about, and nothing else.

One table per collection: the key (``key_0`` …), the columns by which the row belongs to others (``link_0`` …),
the ``ordinal`` of the row that led to it (batches are ranges
of ordinals), whether the row is due by itself (``is_root``), and, where it stays all the same, why
(``kept``, ``source``, ``until``). A table is created when its first row is looked for: on most days most rules
have nothing to do, and then nothing is created.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.store.relations import NamedType, comparable, refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement, Connection, FromClause

    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True)
class Work:
    """The temporary table of one collection.

    Attributes:
        is_keyed: whether it needs a primary key: a row may be reached in several ways.
    """

    rulebook: Rulebook
    collection: str
    number: int
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
            f"work_{self.number}",
            *(sa.column(name, NamedType(kind)) for name, kind in self.types.items()),
            sa.column("ordinal", sa.BigInteger),
            sa.column("is_root", sa.Boolean),
            sa.column("kept", sa.Text),
            sa.column("source", sa.Text),
            sa.column("until", sa.Date),
        )

    @property
    def definition(self) -> str:
        """The statement that creates it; with a primary key where a row may be reached more than once."""
        columns = [f"{name} {kind}" for name, kind in self.types.items()]
        columns += ["ordinal bigint NOT NULL", "is_root boolean NOT NULL DEFAULT false"]
        columns += ["kept text", "source text", "until date"]
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
        works: of every collection that may be reached, whether rows of it were found or not.
        kept: collections of which rows were marked as kept.
    """

    def __init__(
        self,
        connection: Connection,
        rulebook: Rulebook,
        collections: tuple[str, ...],
        roots: Iterable[str],
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        roots = set(roots)
        self.works = {
            name: Work(
                rulebook=rulebook,
                collection=name,
                number=number,
                is_keyed=_may_be_reached_twice(rulebook, name, roots),
            )
            for number, name in enumerate(collections)
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

    def add_roots(self, collection: str, due: sa.Select[Any]) -> int:
        """Add due rows, numbered in key order after those that are there; returns how many are new.

        Args:
            collection: theirs.
            due: selects their keys.
        """
        if not self._finds_any(due):
            return 0
        work = self[collection]
        keys = due.subquery("root")
        order = [keys.c[name] for name in work.keys]
        number = sa.func.row_number().over(order_by=order) + self.highest_ordinal()
        names = [*work.keys.values(), "ordinal", "is_root"]
        insert = postgresql.insert(work.table).from_select(names, sa.select(*order, number, sa.true()))
        return self._add(work, insert.on_conflict_do_nothing())

    def spread(self, collection: str) -> int:
        """Add the rows of ``collection`` that go along with rows already there; returns how many changed.

        A row that several lead to takes the highest ordinal: it goes with the last of them.
        """
        edges = [edge for edge in self.rulebook.spreading_into(collection) if edge.leader in self]
        return sum(self._spread_along(edge) for edge in edges)

    def analyze(self, collection: str) -> None:
        """Tell the planner how many rows there are."""
        if collection not in self:
            return
        self.connection.exec_driver_sql(f"ANALYZE {self[collection].table.name}")

    def _spread_along(self, edge: Edge) -> int:
        leading, following = self[edge.leader], self[edge.follower]
        leader, follower = leading.row("leader"), following.row("follower")
        holder, target = (leader, follower) if edge.leads_from_holder else (follower, leader)
        keys = [*following.row_keys(follower), *(follower.c[name] for name in following.links)]
        ordinal = leading.table.c.ordinal
        if edge.leads_from_holder:  # several rows may lead to one: it waits for the last
            joined = [leading.is_row(leader), refers(edge, self.rulebook.live, holder, target)]
            rows = sa.select(*keys, sa.func.max(ordinal)).where(*joined).group_by(*keys)
        elif self._refers_to_key(edge):  # the leading row itself need not be read
            same = [follower.c[here] == leading.table.c[leading.keys[there]] for here, there in edge.pairs]
            rows = sa.select(*keys, ordinal).where(*same)
        else:
            joined = [leading.is_row(leader), refers(edge, self.rulebook.live, holder, target)]
            rows = sa.select(*keys, ordinal).where(*joined)
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

    def _refers_to_key(self, edge: Edge) -> bool:
        """Whether the edge refers to its target's primary key, in types that compare as they are."""
        holder, target = self.rulebook.live[edge.holder].columns, self.rulebook.live[edge.target].columns
        return set(edge.target_columns) == set(self[edge.target].keys) and all(
            comparable(holder[here].type, target[there].type) for here, there in edge.pairs
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

    def _finds_any(self, rows: sa.Select[Any]) -> bool:
        """Whether a selection has a row: asked first, because on most days nothing is due.

        Materialized, so that the database plans it as it will plan the insertion, and not for a quick first row
        that it then looks for in vain.
        """
        found = rows.cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
        return bool(self.connection.scalar(sa.select(sa.exists(sa.select(found)))))

    def _add(self, work: Work, insert: postgresql.Insert) -> int:
        if work.collection not in self._created:
            self.connection.exec_driver_sql(work.definition)
            self._created.add(work.collection)
        counted = insert.execution_options(
            preserve_rowcount=True
        )  # SQLAlchemy forgets the count of an INSERT
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


def _may_be_reached_twice(rulebook: Rulebook, collection: str, roots: set[str]) -> bool:
    """Whether a row can come into the work set in more than one way."""
    edges = rulebook.spreading_into(collection)
    is_simple = len(edges) == 1 and not edges[0].is_self
    return collection in roots or not is_simple
