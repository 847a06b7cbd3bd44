"""Ending a plan: its keys are emptied, and what it did becomes an entry of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.ledger.book import append
from lifecycle.planning.items import StoredPlan, find_overtaken

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Connection

OVERTAKEN = "a later plan decides about these rows"


def end_plan(connection: Connection, stored: StoredPlan, *, as_of: datetime) -> bool:
    """End a plan that has no pending batch, in one transaction with its ledger entry; False if it had ended.

    The entry counts what the journal says was done, not what was planned. Earlier plans of the rule that were
    not carried out to their end are ended with it: this one decided about the same rows, later.
    """
    if not _close(connection, stored, "executed"):
        return False
    for overtaken in find_overtaken(connection, stored):
        _overtake(connection, overtaken, as_of=as_of)
    append(connection, "plan_executed", _body(stored, _done(connection, stored)), as_of=as_of)
    return True


def _overtake(connection: Connection, stored: StoredPlan, *, as_of: datetime) -> None:
    """End a plan that will not go on; what it had done stands in the ledger all the same."""
    connection.execute(
        sa.text(
            "UPDATE lifecycle.plan_batch SET state = 'deferred', reason = :reason, ended_at = clock_timestamp()"
            " WHERE plan_id = :plan_id AND state = 'pending'"
        ),
        {"plan_id": stored.plan_id, "reason": OVERTAKEN},
    )
    done = _done(connection, stored)
    if _close(connection, stored, "executed" if done else "abandoned") and done:
        append(connection, "plan_executed", _body(stored, done), as_of=as_of)


def _close(connection: Connection, stored: StoredPlan, state: str) -> bool:
    """Give a plan its last state and empty its keys; False where a batch is pending or it had ended."""
    closed = connection.scalar(
        sa.text(
            "UPDATE lifecycle.plan SET state = :state, ended_at = clock_timestamp()"
            " WHERE plan_id = :plan_id AND state IN ('planned', 'executing')"
            " AND NOT EXISTS (SELECT FROM lifecycle.plan_batch AS batch"
            " WHERE batch.plan_id = :plan_id AND batch.state = 'pending')"
            " RETURNING plan_id"
        ),
        {"plan_id": stored.plan_id, "state": state},
    )
    if closed is None:
        return False
    connection.execute(
        sa.text("UPDATE lifecycle.plan_item SET keys = NULL WHERE plan_id = :plan_id AND keys IS NOT NULL"),
        {"plan_id": stored.plan_id},
    )
    return True


def _done(connection: Connection, stored: StoredPlan) -> list[dict[str, Any]]:
    """What the journal says the plan did, by collection and action."""
    rows = connection.execute(
        sa.text(
            "SELECT collection, action, sum(row_count)::bigint AS rows FROM lifecycle.journal"
            " WHERE plan_id = :plan_id GROUP BY collection, action ORDER BY collection, action"
        ),
        {"plan_id": stored.plan_id},
    )
    return [{"collection": row.collection, "action": row.action, "rows": row.rows} for row in rows]


def _body(stored: StoredPlan, done: list[dict[str, Any]]) -> dict[str, Any]:
    plan = stored.plan
    return {
        "plan": plan.digest,
        "rule": plan.rule,
        "commitments": list(plan.commitments),
        "policy_version": plan.policy_version,
        "collections": done,
        "kept": [
            {"collection": kept.collection, "reason": kept.reason, "rows": kept.rows, **_until(kept.until)}
            for kept in plan.kept
        ],
    }


def _until(day: date | None) -> dict[str, date]:
    return {} if day is None else {"until": day}
