"""Ending a plan: its keys are emptied, and what it did, or that it was refused, becomes an entry of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.ledger.book import append, append_all

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Connection

    from lifecycle.plan import Plan
    from lifecycle.planning.items import StoredPlan

_EXECUTED = sa.text("""
    -- A plan that has not ended and has nothing left to do.
    UPDATE lifecycle.plan SET state = 'executed', ended_at = clock_timestamp()
    WHERE plan_id = :plan_id AND state IN ('planned', 'executing')
      AND NOT EXISTS (SELECT FROM lifecycle.plan_batch AS batch
                      WHERE batch.plan_id = :plan_id AND batch.state = 'pending')
    RETURNING plan_id
""")
_ABANDONED = sa.text("""
    UPDATE lifecycle.plan SET state = 'abandoned', ended_at = clock_timestamp()
    WHERE plan_id = :plan_id AND state IN ('planned', 'executing')
    RETURNING plan_id
""")
_DEFERRED = sa.text("""
    -- Waits for a batch that is being carried out at this moment.
    UPDATE lifecycle.plan_batch SET state = 'deferred', reason = :reason, ended_at = clock_timestamp()
    WHERE plan_id = :plan_id AND state = 'pending'
""")
_ENDED = sa.text("""
    SELECT state, (SELECT min(reason) FROM lifecycle.plan_batch AS batch
                   WHERE batch.plan_id = plan.plan_id AND batch.reason = ANY (:reasons)) AS reason
    FROM lifecycle.plan WHERE digest = :digest AND state IN ('executed', 'abandoned')
""")
ABANDONED_BECAUSE = {
    "refused": "because a person refused it",
    "check_failed": "because its check failed",
    "superseded": "because a later run planned anew",
}
"""Why a plan is abandoned, by the word that says so in the ledger."""
_EMPTIED = (
    sa.text("UPDATE lifecycle.plan_item SET keys = NULL WHERE plan_id = :plan_id AND keys IS NOT NULL"),
    sa.text("UPDATE lifecycle.plan_reliance SET keys = NULL WHERE plan_id = :plan_id"),
)
_DONE = sa.text("""
    SELECT collection, action, sum(row_count)::bigint AS rows FROM lifecycle.journal
    WHERE plan_id = :plan_id GROUP BY collection, action ORDER BY collection, action
""")


def end_plan(
    connection: Connection, stored: StoredPlan, *, as_of: datetime, passed: bool | None = None
) -> bool:
    """End a plan that has no pending batch, in one transaction with its ledger entry; False if it had ended.

    The entry counts what the journal says was done, not what was planned.

    Args:
        connection: in the caller's transaction.
        stored: the plan.
        as_of: the moment of the run.
        passed: whether the check after it passed, for an entry of its own; None where nobody checked.
    """
    bound = {"plan_id": stored.plan_id}
    if connection.scalar(_EXECUTED, bound) is None:
        return False
    for emptied in _EMPTIED:
        connection.execute(emptied, bound)
    body = {**_about(stored.plan), "collections": _done(connection, stored), "kept": _kept(stored.plan)}
    entries = [("plan_executed", body)]
    if passed is not None:
        entries.append(("plan_verified", {"plan": stored.plan.digest, "check": "after", "passed": passed}))
    append_all(connection, entries, as_of=as_of)
    return True


def abandon_plan(connection: Connection, stored: StoredPlan, *, reason: str, as_of: datetime) -> bool:
    """End a plan that shall not be carried out (any further), with its ledger entry; False if it had ended.

    Batches that were done stay done, and the entry counts them.

    Args:
        connection: in the caller's transaction.
        stored: the plan.
        reason: one word: ``refused`` by a person, ``check_failed``, or ``superseded`` by a later run's plan.
        as_of: the moment of the run.
    """
    bound = {"plan_id": stored.plan_id}
    connection.execute(_DEFERRED, {**bound, "reason": reason})
    if connection.scalar(_ABANDONED, bound) is None:
        return False
    for emptied in _EMPTIED:
        connection.execute(emptied, bound)
    body = {**_about(stored.plan), "reason": reason, "collections": _done(connection, stored)}
    append(connection, "plan_refused", body, as_of=as_of)
    return True


def how_ended(connection: Connection, digest: str) -> str | None:
    """How the plan of this digest has ended, in words; None where it has not, or there is none."""
    found = connection.execute(_ENDED, {"digest": digest, "reasons": list(ABANDONED_BECAUSE)}).one_or_none()
    if found is None:
        return None
    if found.state == "executed":
        return "it was carried out"
    return f"it was abandoned, {ABANDONED_BECAUSE.get(found.reason, 'and nothing more is done by it')}"


def _about(plan: Plan) -> dict[str, Any]:
    return {
        "plan": plan.digest,
        "rule": plan.rule,
        "commitments": list(plan.commitments),
        "policy_version": plan.policy_version,
    }


def _done(connection: Connection, stored: StoredPlan) -> list[dict[str, Any]]:
    rows = connection.execute(_DONE, {"plan_id": stored.plan_id})
    return [{"collection": row.collection, "action": row.action, "rows": row.rows} for row in rows]


def _kept(plan: Plan) -> list[dict[str, Any]]:
    return [
        {"collection": kept.collection, "reason": kept.reason, "rows": kept.rows, **_until(kept.until)}
        for kept in plan.kept
    ]


def _until(day: date | None) -> dict[str, date]:
    return {} if day is None else {"until": day}
