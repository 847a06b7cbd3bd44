"""The guard: past the policy's limits a plan waits for a person."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.errors import ApprovalRequired, UsageError
from lifecycle.ledger.book import append
from lifecycle.plan import Action

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.plan import Plan
    from lifecycle.policy.model import Guard

GONE = {Action.DELETE, Action.DROP_PARTITION}


def excesses(plan: Plan, guard: Guard) -> tuple[str, ...]:
    """In which ways a plan passes its guard, in words without personal data; () where it does not."""
    found = []
    if guard.rows is not None and plan.gone() > guard.rows:
        found.append(f"{plan.gone()} rows would go, more than {guard.rows}")
    if guard.share is not None:
        for collection, stored in plan.stored.items():
            gone = sum(
                item.rows for item in plan.items if item.collection == collection and item.action in GONE
            )
            if gone > guard.share * Decimal(max(stored, gone, 1)):
                share = Decimal(100) * gone / Decimal(max(stored, gone, 1))
                found.append(f"{share:.1f}% of {collection} would go, more than {guard.share * 100:.1f}%")
    return tuple(found)


def approve(
    connection: Connection, digest: str, *, approved_by: str, keys: KeyProvider, as_of: datetime
) -> None:
    """Record that a person approved the plan of this digest; the ledger names the person by fingerprint.

    Raises:
        UsageError: no plan of this digest waits.
    """
    found = connection.execute(
        sa.text(
            "UPDATE lifecycle.plan SET approved_by = :approved_by, approved_at = :as_of"
            " WHERE digest = :digest AND state IN ('planned', 'executing') AND approved_by IS NULL RETURNING plan_id"
        ),
        {"approved_by": approved_by, "as_of": as_of, "digest": digest},
    ).one_or_none()
    if found is None:
        raise UsageError(
            "no plan of this digest waits for approval",
            place=digest,
            next_step="see lifecycle plan for the digest",
        )
    body = {"plan": digest, "approved_by": keys.fingerprint("operator", approved_by)}
    append(connection, "plan_approved", body, as_of=as_of)


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
            next_step=f"look at it, then approve exactly this plan: lifecycle apply {plan.digest} --approve --by NAME",
        )
