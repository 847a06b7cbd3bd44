"""What is done with a stored plan, whatever it was made for: checked, approved or refused, carried out, ended.

Only digests, counts and names travel between the steps. A step that is run again does not do anything twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.errors import CheckFailed, PlanOutdated, UsageError
from lifecycle.execute.door import Door, Outcome
from lifecycle.execute.ending import abandon_plan, end_plan
from lifecycle.execute.guard import approve, require_approval
from lifecycle.planning.items import StoredPlan, load_plan
from lifecycle.planning.planner import ground_of
from lifecycle.quality.after import check_after as quality_after
from lifecycle.quality.plans import check_plan as quality_of_plan
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from lifecycle.execute.door import Before, Handler
    from lifecycle.identity.mentions import Masking
    from lifecycle.plan import Action, Plan
    from lifecycle.planning.grounds import Ground
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.quality.suite import Checked
    from lifecycle.runs.company import Company

    Grounds = Callable[[Rulebook, Plan], Ground]


def check_plan(company: Company, digest: str, *, grounds: Grounds = ground_of) -> Checked:
    """A stored plan makes sense; one that does not is abandoned.

    Args:
        company: opened.
        digest: of the plan.
        grounds: tells why its rows are due; as a rule says, unless somebody knows otherwise.

    Raises:
        UsageError: there is no plan of this digest.
        CheckFailed: what is wrong with it.
    """
    stored = _stored(company, digest)
    try:
        rulebook = _rulebook(company, stored.plan)
        ground = grounds(rulebook, stored.plan)
        return quality_of_plan(company.engine, rulebook, stored, digest, ground)
    except CheckFailed:
        abandon(company, stored, reason="check_failed", as_of=stored.plan.as_of)
        raise


def approve_plan(company: Company, digest: str, *, approved_by: str, as_of: datetime) -> None:
    """Record a person's approval of exactly this plan of a rule.

    Raises:
        UsageError: no such plan waits, or it is a request's: more than this belongs to the approval of one.
    """
    plan = _stored(company, digest).plan
    if plan.request is not None:
        raise UsageError(
            "this is the plan of a subject's request",
            place=f"plan {digest}",
            next_step=f"look at it, and approve it, by lifecycle request plan {plan.request}",
        )
    with company.engine.begin() as connection:
        approve(connection, digest, approved_by=approved_by, keys=company.keys, as_of=as_of)


def refuse_plan(company: Company, digest: str, *, as_of: datetime) -> None:
    """Record that a person refused this plan: it is abandoned, and the next run plans anew.

    Raises:
        UsageError: there is no plan of this digest.
    """
    abandon(company, _stored(company, digest), reason="refused", as_of=as_of)


def moment_of(company: Company, digest: str) -> datetime:
    """The moment that a stored plan was made for.

    Raises:
        UsageError: there is no plan of this digest.
    """
    return _stored(company, digest).plan.as_of


def request_of(company: Company, digest: str) -> tuple[UUID, datetime]:
    """The request that a stored plan carries out, and the moment that it was made for.

    Raises:
        UsageError: there is no plan of this digest, or it carries out a rule.
    """
    plan = _stored(company, digest).plan
    if plan.request is None:
        raise UsageError(
            "this is no plan of a request",
            place=f"plan {digest}",
            next_step=f"carry it out with: lifecycle apply {digest}",
        )
    return plan.request, plan.as_of


def carry_out(
    company: Company,
    digest: str,
    *,
    progress: Callable[[int, int], None] | None = None,
    grounds: Grounds = ground_of,
    mask: Masking | None = None,
    before: Before | None = None,
    handlers: Mapping[Action, Handler] | None = None,
) -> Outcome:
    """Carry out a stored plan; :func:`check_after` ends it. Safe to repeat: what was done stays done.

    Args:
        company: opened.
        digest: of the plan.
        progress: called with (batches ended, batches in all) after each.
        grounds: tells why its rows are due; as a rule says, unless somebody knows otherwise.
        mask: whose mentions are replaced, where the plan masks any.
        before: called in the transaction of each batch, while its rows are there still.
        handlers: deal with rows where the door does not know how.

    Raises:
        UsageError: there is no plan of this digest.
        PlanOutdated: the policy was changed since; the plan is abandoned.
        ApprovalRequired: it passes the guard and nobody approved it.
        LifecycleError: a batch would have done something that was not planned.
    """
    stored = _stored(company, digest)
    try:
        rulebook = _rulebook(company, stored.plan)
    except PlanOutdated:
        abandon(company, stored, reason="check_failed", as_of=stored.plan.as_of)
        raise
    with company.engine.begin() as connection:
        require_approval(connection, stored.plan, rulebook.policy.guard(stored.plan.rule))
    ground = grounds(rulebook, stored.plan)
    door = Door(
        company.engine, rulebook, stored, ground, progress, mask=mask, before=before, handlers=handlers
    )
    return door.carry_out()


def check_after(company: Company, digest: str) -> Checked:
    """Check what a plan that was carried out left behind, and end it: what was done is proven either way.

    Raises:
        UsageError: there is no plan of this digest.
        CheckFailed: what is wrong.
    """
    stored = _stored(company, digest)
    try:
        checked = quality_after(company.engine, company.rulebook(stored.plan.as_of), stored)
    except CheckFailed:
        _end(company, stored, passed=False)
        raise
    _end(company, stored, passed=True)
    return checked


def end_unchecked(company: Company, digest: str) -> None:
    """End a plan that was carried out, without the check after it: for benchmarks and simulations.

    Raises:
        UsageError: there is no plan of this digest.
    """
    _end(company, _stored(company, digest), passed=None)


def abandon(company: Company, stored: StoredPlan, *, reason: str, as_of: datetime) -> None:
    """End a plan that shall not be carried out, with its ledger entry; nothing where it has ended."""
    with company.engine.begin() as connection:
        abandon_plan(connection, stored, reason=reason, as_of=as_of)


def is_made_under(plan: Plan, rulebook: Rulebook) -> bool:
    """Whether a plan was made under the policy that a rulebook resolves."""
    return plan.policy_digest == rulebook.digest


def _end(company: Company, stored: StoredPlan, *, passed: bool | None) -> None:
    with company.engine.begin() as connection:
        end_plan(connection, stored, as_of=stored.plan.as_of, passed=passed)


def _rulebook(company: Company, plan: Plan) -> Rulebook:
    """The rulebook that a plan was made under.

    Raises:
        PlanOutdated: another policy counts for its moment now, by which its rows may have to stay.
    """
    rulebook = company.rulebook(plan.as_of)
    if not is_made_under(plan, rulebook):
        raise PlanOutdated(
            "the policy was changed since this plan was made",
            place=f"plan {plan.digest}",
            next_step="nothing more is done by it; plan anew, by the policy that counts now",
        )
    return rulebook


def _stored(company: Company, digest: str) -> StoredPlan:
    with reading(company.engine) as connection:
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
