"""After a deletion: nothing refers to what is gone, nothing else went, and nothing is left past its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.plan import Action
from lifecycle.planning.items import plan_item, planned_rows
from lifecycle.planning.planner import overdue
from lifecycle.policy.model import EdgeKind
from lifecycle.quality.suite import Checked, Count, validate
from lifecycle.store.engine import reading
from lifecycle.store.relations import refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from lifecycle.planning.items import StoredPlan
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook

_UNLIKE_JOURNAL = sa.text("""
    -- Items of done batches that the journal does not have with the same rows, and journal lines without such an item.
    SELECT count(*)
    FROM (SELECT item.batch, item.position, item.collection, item.action, item.row_count
          FROM lifecycle.plan_item AS item JOIN lifecycle.plan_batch AS batch USING (plan_id, batch)
          WHERE plan_id = :plan_id AND batch.state = 'done') AS done
    FULL JOIN (SELECT batch, position, collection, action, row_count
               FROM lifecycle.journal WHERE plan_id = :plan_id) AS journal
        USING (batch, position, collection, action, row_count)
    WHERE num_nulls(done, journal) > 0
""")
_PENDING = sa.text("SELECT count(*) FROM lifecycle.plan_batch WHERE plan_id = :plan_id AND state = 'pending'")


def check_after(engine: Engine, rulebook: Rulebook, stored: StoredPlan) -> Checked:
    """A plan that was carried out did all that it says and nothing else, and left no row that refers to nothing.

    Asked before the plan's keys are emptied. References that the database enforces itself are not asked about,
    nor can those be that do not name the primary key; the deleting statement has asked about them.

    Raises:
        CheckFailed: names what is wrong, with counts.
    """
    bound = {"plan_id": stored.plan_id}
    with reading(engine) as connection:
        counts = [
            Count(name="batches not carried out", value=int(connection.scalar(_PENDING, bound) or 0)),
            Count(
                name="items that the journal does not confirm",
                value=int(connection.scalar(_UNLIKE_JOURNAL, bound) or 0),
            ),
            *_orphans(connection, rulebook, stored),
        ]
    return validate(
        "after",
        counts,
        place=f"plan {stored.plan.digest}",
        next_step="see the plan's journal and what else writes to these tables",
    )


def check_overdue(engine: Engine, rulebook: Rulebook, rule: str, *, as_of: datetime) -> Checked:
    """No row is left whose limit has passed, but for those held, kept by law or needed by one that stays.

    Raises:
        CheckFailed: names each collection with the number of rows that should be gone.
    """
    counts = [
        Count(name=f"rows of {collection} past their limit", value=rows)
        for collection, rows in overdue(engine, rulebook, rule, as_of=as_of).items()
    ]
    return validate(
        "overdue",
        counts,
        place=rule,
        next_step="the application may hold these rows; run it again, and see lifecycle plan for what is due",
    )


def _orphans(connection: Connection, rulebook: Rulebook, stored: StoredPlan) -> Iterator[Count]:
    deleted = dict.fromkeys(item.collection for item in stored.plan.items if item.action is Action.DELETE)
    for collection in deleted:
        key = {name for name, _ in rulebook.key(collection)}
        for edge in rulebook.edges_into(collection):
            by_key = set(edge.target_columns) <= key
            if by_key and not edge.refuses and edge.kind is not EdgeKind.NONE:
                yield Count(
                    name=f"rows whose {edge.name} refers to a deleted row",
                    value=_still_referring(connection, rulebook, stored, edge),
                )


def _still_referring(connection: Connection, rulebook: Rulebook, stored: StoredPlan, edge: Edge) -> int:
    """Rows that refer along ``edge`` to a row that the plan deleted and that nobody has created again."""
    done = sa.text("SELECT batch FROM lifecycle.plan_batch WHERE plan_id = :plan_id AND state = 'done'")
    batches = set(connection.scalars(done, {"plan_id": stored.plan_id}))
    gone = planned_rows(
        rulebook,
        edge.target,
        plan_item.c.plan_id == stored.plan_id,
        plan_item.c.action == Action.DELETE.value,
        plan_item.c.batch.in_(batches),
    )
    holder = relation(rulebook.live, edge.holder, "holder")
    there = relation(rulebook.live, edge.target, "there")
    is_back = sa.exists(
        sa.select(sa.literal(1))
        .select_from(there)
        .where(refers(edge, rulebook.live, holder, there))
        .correlate(holder)
    )
    referring = (
        sa.select(sa.func.count())
        .select_from(holder.join(gone, refers(edge, rulebook.live, holder, gone)))
        .where(sa.not_(is_back))
    )
    return int(connection.scalar(referring) or 0)
