"""The guard: past the policy's limits a plan waits for a person."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.errors import ApprovalRequired, UsageError
from lifecycle.execute.ending import how_ended
from lifecycle.ledger.book import append
from lifecycle.operators import require_name
from lifecycle.plan import GONE, Action

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.plan import Plan
    from lifecycle.policy.model import Guard

LOST = GONE | {Action.REDACT, Action.MASK}
"""What cannot be undone: a row that was emptied is as good as gone."""


def excesses(plan: Plan, guard: Guard) -> tuple[str, ...]:
    """In which ways a plan passes its guard, in words without personal data; () where it does not."""
    found = ["a person approves what is done on request"] if plan.request else []
    gone, emptied = plan.gone(), plan.emptied()
    if guard.rows is not None and gone + emptied > guard.rows:
        found.append(f"{gone} rows would go{_and_be_emptied(emptied)}, more than {guard.rows}")
    if guard.share is not None:
        for collection, stored in plan.stored.items():
            items = [item for item in plan.items if item.collection == collection and item.action in LOST]
            lost = sum(item.rows for item in items)
            is_any_emptied = any(item.action in {Action.REDACT, Action.MASK} for item in items)
            if lost > guard.share * Decimal(max(stored, lost, 1)):
                share = Decimal(100) * lost / Decimal(max(stored, lost, 1))
                end = "would go or be emptied" if is_any_emptied else "would go"
                found.append(f"{share:.1f}% of {collection} {end}, more than {guard.share * 100:.1f}%")
    return tuple(found)


def _and_be_emptied(rows: int) -> str:
    return f" and {rows} be emptied" if rows else ""


def approve(
    connection: Connection, digest: str, *, approved_by: str, keys: KeyProvider, as_of: datetime
) -> None:
    """Record that a person approved the plan of this digest; the ledger names the person by fingerprint.

    Raises:
        UsageError: no plan of this digest waits, or nobody approves it.
    """
    require_name(approved_by)
    found = connection.execute(
        sa.text(
            "UPDATE lifecycle.plan SET approved_by = :approved_by, approved_at = :as_of"
            " WHERE digest = :digest AND state IN ('planned', 'executing') AND approved_by IS NULL RETURNING plan_id"
        ),
        {"approved_by": approved_by, "as_of": as_of, "digest": digest},
    ).one_or_none()
    if found is None:
        raise _not_waiting(connection, digest)
    body = {"plan": digest, "approved_by": keys.fingerprint("operator", approved_by)}
    append(connection, "plan_approved", body, as_of=as_of)


def _not_waiting(connection: Connection, digest: str) -> UsageError:
    """Why a plan does not wait for an approval."""
    query = sa.text("SELECT request_id FROM lifecycle.plan WHERE digest = :digest")
    found = connection.execute(query, {"digest": digest}).one_or_none()
    if found is None:
        return UsageError(
            "there is no plan of this digest", place=digest, next_step="make one with lifecycle plan"
        )
    number = found.request_id
    if ended := how_ended(connection, digest):
        looking = f"lifecycle request plan {number}" if number else "lifecycle plan"
        return UsageError(
            f"this plan has ended: {ended}", place=digest, next_step=f"see {looking} for what is due now"
        )
    return UsageError(
        "this plan was approved already",
        place=digest,
        next_step=f"carry it out: lifecycle {f'request run {number}' if number else f'apply {digest}'}",
    )


def require_approval(connection: Connection, plan: Plan, guard: Guard) -> None:
    """Let a plan pass that stays within its guard, or that a person has approved.

    Raises:
        ApprovalRequired: it does not, and nobody has.
    """
    found = excesses(plan, guard)
    if not found:
        return
    approved = connection.scalar(
        sa.text("SELECT approved_by IS NOT NULL FROM lifecycle.plan WHERE digest = :digest"),
        {"digest": plan.digest},
    )
    if not approved:
        raise ApprovalRequired(
            f"the plan of {plan.rule} waits for a person: {'; '.join(found)}",
            place=f"plan {plan.digest}",
            next_step=_how_to_approve(plan),
        )


def _how_to_approve(plan: Plan) -> str:
    if plan.request is None:
        return (
            f"look at it, then approve exactly this plan: lifecycle apply {plan.digest} --approve --by NAME"
        )
    return (
        f"look at it: lifecycle request plan {plan.request}; then approve exactly this plan:"
        f" lifecycle request run {plan.request} --approve {plan.digest} --by NAME"
    )
