"""On which due rows the batches of a plan rely, although these stay or go in another batch.

A row that goes along goes because the rows that it belongs to are due; one that is emptied, since a duty keeps the
rest of it, is emptied because they are. Those that go in the same batch are asked once more before it is carried out.
So must be the others: a customer who is due and held stays, and goes on to be asked whether the contacts who go along
still should.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import aggregate_order_by, array

from lifecycle.plan import Relied
from lifecycle.planning.changes import batch_of
from lifecycle.planning.collect import leads
from lifecycle.store.relations import NamedType, definitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.planning.changes import Change
    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.edges import Edge

plan_reliance = sa.table(
    "plan_reliance",
    sa.column("plan_id", sa.BigInteger),
    sa.column("batch", sa.Integer),
    sa.column("collection", sa.Text),
    sa.column("keys", sa.ARRAY(sa.Text)),
    schema="lifecycle",
)
"""The rows that batches of stored plans rely on."""


class Reliance:
    """The rows that the batches of one plan rely on, in temporary tables beside the work set.

    Args:
        works: complete, its batches settled.
        roots_per_batch: how many ordinals make a batch.
        along: what is done to rows that are not due by themselves.
        was_settled: whether rows were moved to other batches than those of the rows that lead to them.
    """

    def __init__(
        self,
        works: WorkSet,
        roots_per_batch: int,
        along: Sequence[Change],
        *,
        was_settled: bool,
    ) -> None:
        self.works = works
        self.roots_per_batch = roots_per_batch
        self.along = along
        self.was_settled = was_settled
        self.tables: dict[str, sa.TableClause] = {}
        self._find()

    def read(self) -> tuple[Relied, ...]:
        """What the plan says of them: how many rows by batch and collection, and a digest over their keys."""
        return tuple(
            Relied(
                batch=row.batch,
                collection=name,
                rows=row.rows,
                sha256=sha256("\n".join(row.keys).encode()).hexdigest(),
            )
            for name in self._rooted()
            for row in self.works.connection.execute(self._grouped(name).order_by("batch"))
        )

    def store(self, plan_id: int) -> None:
        """Store them with a plan."""
        for name in self._rooted():
            found = self._grouped(name).subquery("found")
            rows = sa.select(sa.literal(plan_id), found.c.batch, sa.literal(name), found.c["keys"])
            names = ["plan_id", "batch", "collection", "keys"]
            self.works.connection.execute(sa.insert(plan_reliance).from_select(names, rows))

    def _rooted(self) -> list[str]:
        return [name for name in self.works.scope.roots if name in self.tables]

    def _grouped(self, collection: str) -> sa.Select[Any]:
        table = self.tables[collection]
        keys = [table.c[name] for name in self.works[collection].keys.values()]
        arrays = [sa.cast(sa.func.array_agg(aggregate_order_by(key, *keys)), sa.Text) for key in keys]
        return (
            sa.select(table.c.batch, array(arrays).label("keys"), sa.func.count().label("rows"))
            .where(table.c.is_root)
            .group_by(table.c.batch)
        )

    def _find(self) -> None:
        """Those that lead to what goes along; then, where such a row goes along itself, those that lead to it."""
        edges = [
            edge
            for edge in self.works.rulebook.edges
            if edge.spreads and edge.leader in self.works and edge.follower in self.works
        ]
        changed = {
            edge.leader
            for edge in edges
            for change in self.along
            if change.collection == edge.follower
            and self._may_go_apart(edge)
            and self._add(edge, self._going_along(change))
        }
        while changed:
            changed = {
                edge.leader
                for edge in edges
                if edge.follower in changed and self._add(edge, self._relied_along(edge.follower))
            }

    def _may_go_apart(self, edge: Edge) -> bool:
        """Whether a row that goes may be in another batch than one that leads to it along ``edge``, which may stay."""
        is_only_way = len(self.works.rulebook.spreading_into(edge.follower)) == 1
        is_together = is_only_way and edge.is_to_key and not edge.leads_from_holder and not self.was_settled
        return edge.leader in self.works.kept or not is_together

    def _going_along(self, change: Change) -> FromClause:
        rows = change.rows.subquery("changed")
        keys = [rows.c[name] for name in self.works[change.collection].keys.values()]
        batch = batch_of(rows.c.ordinal, self.roots_per_batch).label("batch")
        return sa.select(*keys, batch).subquery("following")

    def _relied_along(self, collection: str) -> FromClause:
        table = self.tables[collection]
        keys = [table.c[name] for name in self.works[collection].keys.values()]
        return sa.select(*keys, table.c.batch).where(sa.not_(table.c.is_root)).subquery("following")

    def _add(self, edge: Edge, following: FromClause) -> int:
        """Add the rows that lead along ``edge`` to given ones and do not go in their batch; returns how many."""
        works, leading, followers = self.works, self.works[edge.leader], self.works[edge.follower]
        leader, follower = leading.row("relied_leader"), followers.row("relied_follower")
        goes_with_it = sa.and_(
            leading.table.c.kept.is_(None),
            batch_of(leading.table.c.ordinal, self.roots_per_batch) == following.c.batch,
        )
        rows = (
            sa.select(*leading.key_columns, following.c.batch, leading.table.c.is_root)
            .where(
                leading.is_row(leader),
                followers.is_row(follower, following),
                leads(works.rulebook, edge, leader, follower),
                sa.not_(leading.table.c.in_use),
                sa.not_(goes_with_it),
            )
            .distinct()
        )
        table = self._table(leading)
        insert = postgresql.insert(table).from_select([column.name for column in table.c], rows)
        counted = insert.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        return int(works.connection.execute(counted).rowcount)

    def _table(self, work: Work) -> sa.TableClause:
        if work.collection not in self.tables:
            types = {name: work.types[name] for name in work.keys.values()}
            types |= {"batch": "integer", "is_root": "boolean"}
            table = sa.table(
                f"{work.name}_relied", *(sa.column(name, NamedType(kind)) for name, kind in types.items())
            )
            columns = ", ".join(definitions(types))
            key = ", ".join([*work.keys.values(), "batch"])
            self.works.connection.exec_driver_sql(
                f"CREATE TEMPORARY TABLE {table.name} ({columns}, PRIMARY KEY ({key})) ON COMMIT DROP"
            )
            self.tables[work.collection] = table
        return self.tables[work.collection]


def relied_rows(
    collection: str,
    keys: Iterable[tuple[str, str]],
    plan_id: ColumnElement[int],
    batch: ColumnElement[int],
) -> FromClause:
    """The stored rows of a collection that a batch relies on, by the names of the key's columns.

    Args:
        collection: theirs.
        keys: name and type of each column of its key.
        plan_id: the plan's number.
        batch: the batch's.
    """
    columns = [
        sa.func.unnest(sa.cast(plan_reliance.c["keys"][number], sa.ARRAY(NamedType(kind)))).label(name)
        for number, (name, kind) in enumerate(keys, start=1)
    ]
    return (
        sa.select(*columns)
        .where(
            plan_reliance.c.plan_id == plan_id,
            plan_reliance.c.batch == batch,
            plan_reliance.c.collection == collection,
        )
        .subquery("relied")
    )
