"""Items of a plan in the store: written from selections of keys, read back as values, found again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by, array

from lifecycle.plan import Action, Item, Plan
from lifecycle.planning.changes import batch_of
from lifecycle.store.relations import NamedType

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement, Connection, FromClause

    from lifecycle.planning.changes import Change
    from lifecycle.planning.in_memory import Made
    from lifecycle.planning.partitions import Partition
    from lifecycle.policy.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True)
class StoredPlan:
    """A plan and its number in the store; None where it does nothing and is not stored."""

    plan_id: int | None
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class Unended:
    """A stored plan that has not ended: ``planned`` or ``executing``."""

    plan: Plan
    state: str
    is_approved: bool


_work_item = sa.Table(
    "work_item",
    sa.MetaData(),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("collection", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("columns", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("edge", sa.Text),
    sa.Column("partition", sa.Text),
    sa.Column("upper_bound", sa.DateTime(timezone=True)),
    sa.Column("is_root", sa.Boolean, nullable=False),
    sa.Column("links", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("keys", sa.ARRAY(sa.Text)),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
_ITEM_COLUMNS = [column.name for column in _work_item.columns]


plan_item = sa.table(
    "plan_item",
    *(sa.column(column.name, column.type) for column in _work_item.columns),
    sa.column("plan_id", sa.BigInteger),
    schema="lifecycle",
)
"""The items of stored plans, keys included."""


def planned_rows(
    rulebook: Rulebook, collection: str, *conditions: ColumnElement[bool], links: tuple[str, ...] = ()
) -> FromClause:
    """The rows of stored items of one collection: key columns by name, link columns as ``link_<name>``.

    Args:
        rulebook: knows the key and the types.
        collection: of all the items that are chosen.
        conditions: choose the items, on :data:`plan_item`.
        links: the items' own, where they are wanted.
    """
    types = rulebook.live[collection].columns
    names = [name for name, _ in rulebook.key(collection)]
    labels = [*((name, name) for name in names), *((name, f"link_{name}") for name in links)]
    columns = [
        sa.func.unnest(sa.cast(plan_item.c["keys"][number], sa.ARRAY(NamedType(types[name].type)))).label(
            label
        )
        for number, (name, label) in enumerate(labels, start=1)
    ]
    return sa.select(*columns).where(plan_item.c.collection == collection, *conditions).subquery("planned")


_STORED_BATCHES = sa.text(
    "INSERT INTO lifecycle.plan_batch (plan_id, batch) SELECT :plan_id, unnest(CAST(:batches AS integer[]))"
)
_OPEN_PLAN = sa.text(
    "SELECT plan_id, document FROM lifecycle.plan"
    " WHERE rule = :rule AND as_of = :as_of AND request_id IS NULL AND state IN ('planned', 'executing')"
    " ORDER BY plan_id DESC LIMIT 1"
)
_OPEN_PLAN_OF_REQUEST = sa.text(
    "SELECT plan_id, document FROM lifecycle.plan"
    " WHERE request_id = :request AND state IN ('planned', 'executing') ORDER BY plan_id DESC LIMIT 1"
)


class ItemWriter:
    """Collects the items of one plan in a temporary table, batch by batch, in the order of their adding."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.position = 0
        self.partitions = 0
        self.is_created = False

    def add(self, change: Change, roots_per_batch: int) -> int:
        """Write a change as one item per batch, after the batches of dropped partitions; returns how many."""
        rows = change.rows.subquery("changed")
        keys = [column for column in rows.c if str(column.name).startswith("key_")]
        links = [column for column in rows.c if str(column.name).startswith("link_")]
        batch = (batch_of(rows.c.ordinal, roots_per_batch) + self.partitions).label("batch")
        arrays = [
            sa.cast(sa.func.array_agg(aggregate_order_by(column, *keys)), sa.Text)
            for column in (*keys, *links)
        ]
        grouped = sa.select(batch, array(arrays).label("keys"), sa.func.count().label("rows")).group_by(batch)
        found = grouped.subquery("grouped")
        digest = sa.func.sha256(
            sa.func.convert_to(sa.func.array_to_string(found.c["keys"], "\n"), sa.literal_column("'UTF8'"))
        )
        self._next_position()
        written: int = self.connection.execute(
            sa.insert(_work_item).from_select(
                _ITEM_COLUMNS,
                sa.select(
                    found.c.batch,
                    sa.literal(self.position),
                    sa.literal(change.collection),
                    sa.literal(change.action.value),
                    sa.cast(list(change.columns), sa.ARRAY(sa.Text)),
                    sa.literal(change.edge, sa.Text),
                    sa.null(),
                    sa.null(),
                    sa.literal(change.is_root),
                    sa.cast(list(change.links), sa.ARRAY(sa.Text)),
                    found.c["keys"],
                    found.c.rows,
                    sa.func.encode(digest, sa.literal_column("'hex'")),
                ),
            ),
            execution_options={"preserve_rowcount": True},
        ).rowcount
        if not written:
            self.position -= 1
        return written

    def add_partition(self, collection: str, partition: Partition) -> None:
        """Write the drop of a partition, a batch of its own."""
        if partition.upper is None:
            raise AssertionError("a partition without an upper bound is never old enough")
        described = f"{partition.name}\n{partition.upper.isoformat()}"
        self._next_position()
        self.connection.execute(
            sa.insert(_work_item).values(
                batch=self.partitions,
                position=self.position,
                collection=collection,
                action=Action.DROP_PARTITION.value,
                columns=[],
                partition=partition.name,
                upper_bound=partition.upper,
                is_root=True,
                links=[],
                row_count=partition.row_estimate,
                sha256=sha256(described.encode()).hexdigest(),
            )
        )
        self.partitions += 1

    def _next_position(self) -> None:
        if not self.is_created:
            _work_item.create(self.connection, checkfirst=False)
            self.is_created = True
        self.position += 1

    def store(self, plan_id: int) -> None:
        """Store them with a plan."""
        batches = sa.text("SELECT DISTINCT batch FROM pg_temp.work_item")
        numbers = self.connection.scalars(batches).all()
        self.connection.execute(_STORED_BATCHES, {"plan_id": plan_id, "batches": numbers})
        names = ", ".join(_ITEM_COLUMNS)
        self.connection.execute(
            sa.text(
                f"INSERT INTO lifecycle.plan_item (plan_id, {names})"
                f" SELECT :plan_id, {names} FROM pg_temp.work_item"
            ),
            {"plan_id": plan_id},
        )

    def read(self) -> tuple[Item, ...]:
        """The items, without their keys."""
        if not self.is_created:
            return ()
        rows = self.connection.execute(
            sa.select(
                *(column for column in _work_item.columns if column.name not in {"keys", "upper_bound"})
            ).order_by(_work_item.c.batch, _work_item.c.position)
        )
        return tuple(
            Item(
                batch=row.batch,
                position=row.position,
                collection=row.collection,
                action=Action(row.action),
                rows=row.row_count,
                sha256=row.sha256,
                columns=tuple(row.columns),
                edge=row.edge,
                partition=row.partition,
                is_root=row.is_root,
            )
            for row in rows
        )


class ItemList:
    """The items of one plan of a single batch, in memory, in the order of their adding."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.made: list[Made] = []

    def read(self) -> tuple[Item, ...]:
        """The items, without their keys."""
        return tuple(
            Item(
                batch=0,
                position=position,
                collection=one.collection,
                action=one.action,
                rows=len(one.rows),
                sha256=sha256("\n".join(one.arrays).encode()).hexdigest(),
                columns=one.columns,
                edge=one.edge,
                is_root=one.is_root,
            )
            for position, one in enumerate(self.made, start=1)
        )

    def store(self, plan_id: int) -> None:
        """Store them with a plan."""
        self.connection.execute(_STORED_BATCHES, {"plan_id": plan_id, "batches": [0]})
        self.connection.execute(
            sa.insert(plan_item),
            [
                {
                    "plan_id": plan_id,
                    "batch": 0,
                    "position": item.position,
                    "collection": item.collection,
                    "action": item.action.value,
                    "columns": list(item.columns),
                    "edge": item.edge,
                    "is_root": item.is_root,
                    "links": list(one.links),
                    "keys": one.arrays,
                    "row_count": item.rows,
                    "sha256": item.sha256,
                }
                for item, one in zip(self.read(), self.made, strict=True)
            ],
        )


class WholeItems:
    """Items that are done as a whole and name no rows, a batch each.

    Args:
        connection: on which they are stored.
        items: each with a digest over what it is about.
    """

    def __init__(self, connection: Connection, items: Sequence[Item]) -> None:
        self.connection = connection
        self.items = items

    def read(self) -> tuple[Item, ...]:
        """They."""
        return tuple(self.items)

    def store(self, plan_id: int) -> None:
        """Store them with a plan."""
        batches = [item.batch for item in self.items]
        self.connection.execute(_STORED_BATCHES, {"plan_id": plan_id, "batches": batches})
        self.connection.execute(
            sa.insert(plan_item),
            [
                {
                    "plan_id": plan_id,
                    "batch": item.batch,
                    "position": item.position,
                    "collection": item.collection,
                    "action": item.action.value,
                    "columns": list(item.columns),
                    "partition": item.partition,
                    "is_root": item.is_root,
                    "links": [],
                    "row_count": item.rows,
                    "sha256": item.sha256,
                }
                for item in self.items
            ],
        )


def store_plan(connection: Connection, plan: Plan, items: ItemWriter | ItemList | WholeItems) -> int:
    """Store a plan with its items; returns its number."""
    plan_id = connection.scalar(
        sa.text(
            "INSERT INTO lifecycle.plan (digest, rule, request_id, policy_version, as_of, document)"
            " VALUES (:digest, :rule, :request, CAST(:version AS date), :as_of, CAST(:document AS jsonb))"
            " RETURNING plan_id"
        ),
        {
            "digest": plan.digest,
            "rule": plan.rule,
            "request": plan.request,
            "version": plan.policy_version,
            "as_of": plan.as_of,
            "document": plan.canonical(),
        },
    )
    items.store(int(plan_id))
    return int(plan_id)


def find_open(connection: Connection, rule: str, as_of: datetime) -> StoredPlan | None:
    """The plan of a rule and moment that has not ended, if there is one."""
    row = connection.execute(_OPEN_PLAN, {"rule": rule, "as_of": as_of}).one_or_none()
    return _stored(row) if row else None


def find_open_of_request(connection: Connection, request: UUID) -> StoredPlan | None:
    """The plan of a request that has not ended, if there is one."""
    row = connection.execute(_OPEN_PLAN_OF_REQUEST, {"request": request}).one_or_none()
    return _stored(row) if row else None


def find_left_behind(connection: Connection, rule: str, until: datetime) -> tuple[StoredPlan, ...]:
    """Plans of a rule made for ``until`` or an earlier moment that have not ended, oldest first."""
    rows = connection.execute(
        sa.text(
            "SELECT plan_id, document FROM lifecycle.plan"
            " WHERE rule = :rule AND as_of <= :until AND request_id IS NULL AND state IN ('planned', 'executing')"
            " ORDER BY plan_id"
        ),
        {"rule": rule, "until": until},
    )
    return tuple(_stored(row) for row in rows)


def find_unended(connection: Connection) -> tuple[Unended, ...]:
    """Plans that have not ended, oldest first; those of rules that no later plan of their rule has replaced."""
    rows = connection.execute(
        sa.text("""
            SELECT plan_id, document, state, approved_by IS NOT NULL AS is_approved
            FROM lifecycle.plan
            WHERE state = 'executing'
               OR state = 'planned' AND (request_id IS NOT NULL OR NOT EXISTS (
                   SELECT FROM lifecycle.plan AS later
                   WHERE later.rule = plan.rule AND later.request_id IS NULL AND later.plan_id > plan.plan_id
                     AND later.state <> 'abandoned'))
            ORDER BY plan_id
        """)
    )
    return tuple(
        Unended(plan=_stored(row).plan, state=row.state, is_approved=row.is_approved) for row in rows
    )


def count_plans(connection: Connection, rule: str, as_of: datetime, request: UUID | None = None) -> int:
    """How many plans of a rule and moment, or of a request and moment, were ever stored."""
    query = sa.text(
        "SELECT count(*) FROM lifecycle.plan"
        " WHERE rule = :rule AND as_of = :as_of AND request_id IS NOT DISTINCT FROM CAST(:request AS uuid)"
    )
    return int(connection.scalar(query, {"rule": rule, "as_of": as_of, "request": request}) or 0)


def load_plan(connection: Connection, digest: str) -> StoredPlan | None:
    """The plan of a digest, if it is stored."""
    row = connection.execute(
        sa.text("SELECT plan_id, document FROM lifecycle.plan WHERE digest = :digest"), {"digest": digest}
    ).one_or_none()
    return _stored(row) if row else None


def load_plan_of(connection: Connection, plan_id: int) -> Plan:
    """The plan of a number, as it is stored."""
    query = sa.text("SELECT plan_id, document FROM lifecycle.plan WHERE plan_id = :plan_id")
    return _stored(connection.execute(query, {"plan_id": plan_id}).one()).plan


def _stored(row: Any) -> StoredPlan:
    document = row.document if isinstance(row.document, dict) else json.loads(row.document)
    return StoredPlan(plan_id=row.plan_id, plan=Plan.from_document(document))
