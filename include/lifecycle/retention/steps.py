"""The steps of a retention run. A DAG task is one call of one of them; the command line calls the same.

Between the steps only digests, counts and names travel. A step that is run again does not do anything twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.errors import UsageError
from lifecycle.execute.door import Door, Outcome
from lifecycle.execute.ending import end_plan
from lifecycle.execute.guard import approve, excesses, require_approval
from lifecycle.planning.items import StoredPlan, load_plan
from lifecycle.planning.planner import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lifecycle.plan import Plan
    from lifecycle.retention.company import Company


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What the planning step hands on.

    Attributes:
        digest: of the stored plan; None where nothing is to be done.
        excesses: in which ways it passes the policy's guard.
    """

    plan: Plan
    digest: str | None
    excesses: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Digest, counts and reasons; no keys, no personal data."""
        return {
            "rule": self.plan.rule,
            "as_of": self.plan.as_of.isoformat(),
            "policy_version": self.plan.policy_version,
            "digest": self.digest,
            "counts": self.plan.counts(),
            "kept": [
                {
                    "collection": kept.collection,
                    "reason": kept.reason,
                    "until": kept.until.isoformat() if kept.until else None,
                    "rows": kept.rows,
                }
                for kept in self.plan.kept
            ],
            "needs_approval": list(self.excesses),
        }


def plan(company: Company, rule: str, *, as_of: datetime) -> Planned:
    """Plan a rule; the plan is stored where it does anything."""
    rulebook = company.rulebook(as_of)
    stored = make_plan(company.engine, rulebook, rule, as_of=as_of)
    return Planned(
        plan=stored.plan,
        digest=None if stored.plan_id is None else stored.plan.digest,
        excesses=excesses(stored.plan, rulebook.policy.guard(rule)),
    )


def approve_plan(company: Company, digest: str, *, approved_by: str, as_of: datetime) -> None:
    """Record a person's approval of exactly this plan.

    Raises:
        UsageError: no such plan waits.
    """
    with company.engine.begin() as connection:
        approve(connection, digest, approved_by=approved_by, keys=company.keys, as_of=as_of)


def carry_out(
    company: Company, digest: str, *, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Carry out a stored plan and end it. Safe to repeat: what was done stays done.

    Raises:
        UsageError: there is no plan of this digest.
        ApprovalRequired: it passes the guard and nobody approved it.
        LifecycleError: a batch would have done something that was not planned.
    """
    stored = _stored(company, digest)
    rulebook = company.rulebook(stored.plan.as_of)
    with company.engine.begin() as connection:
        require_approval(connection, stored.plan, rulebook.policy.guard(stored.plan.rule))
    outcome = Door(company.engine, rulebook, stored, progress).carry_out()
    with company.engine.begin() as connection:
        end_plan(connection, stored, as_of=stored.plan.as_of)
    return outcome


def _stored(company: Company, digest: str) -> StoredPlan:
    with company.engine.connect() as connection:
        stored = load_plan(connection, digest)
    if stored is None:
        raise UsageError(
            "there is no plan of this digest", place=digest, next_step="make one with lifecycle plan"
        )
    if stored.plan.digest != digest:
        raise UsageError(
            "the stored plan does not have the digest it is filed under", place=digest, next_step="plan anew"
        )
    return stored
