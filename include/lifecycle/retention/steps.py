"""The steps of a retention run. A DAG task is one call of one of them; the command line calls the same.

Between the steps only digests, counts and names travel. A step that is run again does not do anything twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.errors import CheckFailed, PlanOutdated, UsageError
from lifecycle.execute.door import Door, Outcome
from lifecycle.execute.ending import abandon_plan, end_plan
from lifecycle.execute.guard import approve, excesses, require_approval
from lifecycle.holds.subjects import forget_ended
from lifecycle.ledger.book import tree_size
from lifecycle.ledger.checkpoints import checkpoint, newest_checkpoint
from lifecycle.planning.items import StoredPlan, find_left_behind, load_plan
from lifecycle.planning.planner import ground_of, make_plan
from lifecycle.policy.check import check as check_policy
from lifecycle.policy.findings import Severity
from lifecycle.quality.after import check_after as quality_after
from lifecycle.quality.after import check_overdue
from lifecycle.quality.before import check_freshness, check_schema
from lifecycle.quality.plans import check_plan as quality_of_plan
from lifecycle.retention.adoption import adopt

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lifecycle.ledger.notes import Checkpoint
    from lifecycle.plan import Plan
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.quality.suite import Checked
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
            "commitments": list(self.plan.commitments),
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


def check_before(company: Company, *, as_of: datetime) -> Checked:
    """The database is as the map describes it, and nothing in the policy in force stands in the way of a run.

    Raises:
        CheckFailed: it is not, or something does; nothing may be decided.
        PolicyError: the policy in force cannot be resolved.
    """
    checked = check_schema(company.engine, company.datamap)
    _require_agreement(company, company.rulebook(as_of), as_of)
    return checked


def check_evidence(company: Company, rule: str, *, as_of: datetime) -> Checked:
    """The evidence that a rule stands on is fresh.

    Raises:
        CheckFailed: it is not; nothing may be decided by this rule.
    """
    return check_freshness(company.engine, company.rulebook(as_of), rule, as_of=as_of)


def plan(company: Company, rule: str, *, as_of: datetime) -> Planned:
    """Plan a rule; the plan is stored where it does anything.

    Plans of the rule that an earlier run left behind, waiting or half done, are abandoned, and those made under
    a policy that was changed since: this one decides anew on what they had left. Who the subjects of holds were
    that have ended is forgotten. The first run under a policy enters it in the ledger.
    """
    rulebook = company.rulebook(as_of)
    _abandon_left_behind(company, rule, as_of)
    with company.engine.begin() as connection:
        forget_ended(connection, as_of=as_of)
    stored = make_plan(company.engine, rulebook, rule, as_of=as_of)
    with company.engine.begin() as connection:  # when a run has decided by it, and not merely tried to
        adopt(connection, company.version(as_of), as_of=as_of)
    return Planned(
        plan=stored.plan,
        digest=None if stored.plan_id is None else stored.plan.digest,
        excesses=excesses(stored.plan, rulebook.policy.guard(rule)),
    )


def check_plan(company: Company, digest: str) -> Checked:
    """A stored plan makes sense; one that does not is abandoned.

    Raises:
        UsageError: there is no plan of this digest.
        CheckFailed: what is wrong with it.
    """
    stored = _stored(company, digest)
    try:
        return quality_of_plan(company.engine, _rulebook(company, stored.plan), stored, digest)
    except CheckFailed:
        _abandon(company, stored, reason="check_failed", as_of=stored.plan.as_of)
        raise


def approve_plan(company: Company, digest: str, *, approved_by: str, as_of: datetime) -> None:
    """Record a person's approval of exactly this plan.

    Raises:
        UsageError: no such plan waits.
    """
    with company.engine.begin() as connection:
        approve(connection, digest, approved_by=approved_by, keys=company.keys, as_of=as_of)


def refuse_plan(company: Company, digest: str, *, as_of: datetime) -> None:
    """Record that a person refused this plan: it is abandoned, and the next run plans anew.

    Raises:
        UsageError: there is no plan of this digest.
    """
    _abandon(company, _stored(company, digest), reason="refused", as_of=as_of)


def moment_of(company: Company, digest: str) -> datetime:
    """The moment that a stored plan was made for.

    Raises:
        UsageError: there is no plan of this digest.
    """
    return _stored(company, digest).plan.as_of


def carry_out(
    company: Company, digest: str, *, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Carry out a stored plan; :func:`check_after` ends it. Safe to repeat: what was done stays done.

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
        _abandon(company, stored, reason="check_failed", as_of=stored.plan.as_of)
        raise
    with company.engine.begin() as connection:
        require_approval(connection, stored.plan, rulebook.policy.guard(stored.plan.rule))
    ground = ground_of(rulebook, stored.plan)
    return Door(company.engine, rulebook, stored, ground, progress).carry_out()


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


def check_kept(company: Company, rule: str, *, as_of: datetime) -> Checked:
    """The promise is kept: nothing is left past its limit.

    Raises:
        CheckFailed: how much is.
    """
    return check_overdue(company.engine, company.rulebook(as_of), rule, as_of=as_of)


def done(company: Company, rule: str, *, as_of: datetime) -> list[dict[str, Any]]:
    """What the journal says was done by the plans of a rule and moment: rows by collection and action."""
    query = sa.text("""
        SELECT journal.collection, journal.action, sum(journal.row_count)::bigint AS rows
        FROM lifecycle.plan JOIN lifecycle.journal USING (plan_id)
        WHERE plan.rule = :rule AND plan.as_of = :as_of
        GROUP BY journal.collection, journal.action ORDER BY journal.collection, journal.action
    """)
    with company.engine.connect() as connection:
        rows = connection.execute(query, {"rule": rule, "as_of": as_of})
        return [{"collection": row.collection, "action": row.action, "rows": row.rows} for row in rows]


def sign_ledger(company: Company, *, as_of: datetime) -> Checkpoint:
    """Sign the ledger as it stands.

    Raises:
        PromiseBroken: it does not continue its newest checkpoint.
    """
    with company.engine.begin() as connection:
        return checkpoint(connection, company.keys, as_of=as_of)


def sign_what_is_new(company: Company, *, as_of: datetime) -> Checkpoint | None:
    """Sign the ledger where entries were added since it was signed last.

    Raises:
        PromiseBroken: it does not continue its newest checkpoint.
    """
    with company.engine.begin() as connection:
        newest = newest_checkpoint(connection)
        if tree_size(connection) == (newest.tree_size if newest else 0):
            return None
        return checkpoint(connection, company.keys, as_of=as_of)


def _require_agreement(company: Company, rulebook: Rulebook, as_of: datetime) -> None:
    """Policy, data map and live schema have no error that ``lifecycle check`` would find."""
    version = company.version(as_of)
    found = check_policy(version, company.datamap, rulebook.live, schedules=company.schedules)
    errors = [f"{one.place}: {one.message}" for one in found if one.severity is Severity.ERROR]
    if errors:
        raise CheckFailed(
            f"policy, data map and database disagree: {'; '.join(errors)}",
            place=str(version.file.path),
            next_step="see lifecycle check for what to do; nothing is deleted before",
        )


def _end(company: Company, stored: StoredPlan, *, passed: bool | None) -> None:
    with company.engine.begin() as connection:
        end_plan(connection, stored, as_of=stored.plan.as_of, passed=passed)


def _abandon(company: Company, stored: StoredPlan, *, reason: str, as_of: datetime) -> None:
    with company.engine.begin() as connection:
        abandon_plan(connection, stored, reason=reason, as_of=as_of)


def _abandon_left_behind(company: Company, rule: str, as_of: datetime) -> None:
    """End what no run may take up again: plans a whole interval older than this run, or of another policy."""
    rulebook = company.rulebook(as_of)
    latest = as_of - timedelta(days=rulebook.policy.policy.run_every)
    with company.engine.connect() as connection:
        earlier = find_left_behind(connection, rule, as_of)
    left = [one for one in earlier if one.plan.as_of <= latest or not _is_made_under(one.plan, rulebook)]
    for stored in left:
        _abandon(company, stored, reason="superseded", as_of=as_of)


def _rulebook(company: Company, plan: Plan) -> Rulebook:
    """The rulebook that a plan was made under.

    Raises:
        PlanOutdated: another policy counts for its moment now, by which its rows may have to stay.
    """
    rulebook = company.rulebook(plan.as_of)
    if not _is_made_under(plan, rulebook):
        raise PlanOutdated(
            "the policy was changed since this plan was made",
            place=f"plan {plan.digest}",
            next_step="nothing more is done by it; plan anew, by the policy that counts now",
        )
    return rulebook


def _is_made_under(plan: Plan, rulebook: Rulebook) -> bool:
    return plan.policy_digest == rulebook.digest


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
