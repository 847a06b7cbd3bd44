"""Ending a plan: its keys are emptied, and what it did becomes an entry of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.ledger.book import append

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Connection

    from lifecycle.planning.items import StoredPlan


def end_plan(connection: Connection, stored: StoredPlan, *, as_of: datetime) -> bool:
    """End a plan that has no pending batch, in one transaction with its ledger entry; False if it had ended.

    The entry counts what the journal says was done, not what was planned. Earlier plans of the rule that were
    not carried out to their end are abandoned: this one decided about the same rows, later.
    """
    ended = connection.scalar(
        sa.text(
            "UPDATE lifecycle.plan SET state = 'executed', ended_at = clock_timestamp()"
            " WHERE plan_id = :plan_id AND state IN ('planned', 'executing')"
            " AND NOT EXISTS (SELECT FROM lifecycle.plan_batch AS batch"
            " WHERE batch.plan_id = :plan_id AND batch.state = 'pending')"
            " RETURNING plan_id"
        ),
        {"plan_id": stored.plan_id},
    )
    if ended is None:
        return False
    abandoned = connection.scalars(
        sa.text(
            "UPDATE lifecycle.plan SET state = 'abandoned', ended_at = clock_timestamp()"
            " WHERE rule = :rule AND as_of < :as_of AND state IN ('planned', 'executing') RETURNING plan_id"
        ),
        {"rule": stored.plan.rule, "as_of": stored.plan.as_of},
    ).all()
    connection.execute(
        sa.text(
            "UPDATE lifecycle.plan_item SET keys = NULL WHERE plan_id = ANY(:plan_ids) AND keys IS NOT NULL"
        ),
        {"plan_ids": [stored.plan_id, *abandoned]},
    )
    append(connection, "plan_executed", _body(connection, stored), as_of=as_of)
    return True


def _body(connection: Connection, stored: StoredPlan) -> dict[str, Any]:
    done = connection.execute(
        sa.text(
            "SELECT collection, action, sum(row_count)::bigint AS rows FROM lifecycle.journal"
            " WHERE plan_id = :plan_id GROUP BY collection, action ORDER BY collection, action"
        ),
        {"plan_id": stored.plan_id},
    )
    plan = stored.plan
    return {
        "plan": plan.digest,
        "rule": plan.rule,
        "commitments": list(plan.commitments),
        "policy_version": plan.policy_version,
        "collections": [
            {"collection": row.collection, "action": row.action, "rows": row.rows} for row in done
        ],
        "kept": [
            {"collection": kept.collection, "reason": kept.reason, "rows": kept.rows, **_until(kept.until)}
            for kept in plan.kept
        ],
    }


def _until(day: date | None) -> dict[str, date]:
    return {} if day is None else {"until": day}
