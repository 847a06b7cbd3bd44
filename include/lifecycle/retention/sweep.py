"""One run of one rule from end to end: check, plan, check, guard, carry out, check.

And again for what had changed meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.errors import PlanOutdated
from lifecycle.execute.collateral import Tally
from lifecycle.retention.steps import check_evidence, check_kept, done, plan
from lifecycle.runs.agreement import check_before
from lifecycle.runs.plans import approve_plan, carry_out, check_after, check_plan, end_unchecked

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lifecycle.execute.door import Outcome
    from lifecycle.runs.company import Company
    from lifecycle.runs.planned import Planned

ROUNDS = 3
"""Plans made in one run where rows change while they are carried out; what is left then waits for the next run."""


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a run of one rule did.

    Attributes:
        first: the first plan, which names what was due and what was kept.
        rows: rows changed, by collection and what happened to them.
        left: batches that were still deferred at the end.
        left_because: why, each reason once.
    """

    rule: str
    first: Planned
    rows: Tally
    left: int
    left_because: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Counts only."""
        return {
            **self.first.to_json(),
            "done": self.rows.to_json(),
            "left": self.left,
            "left_because": list(self.left_because),
        }


def sweep(
    company: Company,
    rule: str,
    *,
    as_of: datetime,
    approved_by: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    checks: bool = True,
) -> Swept:
    """Keep one promise as of a moment.

    Args:
        company: opened.
        rule: name of a rule of the policy in force.
        as_of: the moment of the run.
        approved_by: the person who approves whatever the guard would stop; None lets it stop.
        progress: called with (batches ended, batches in all).
        checks: False leaves the checks between the steps out, for benchmarks and simulations of decades.

    Raises:
        CheckFailed: the database, a plan or what it left behind is not as promised.
        PlanOutdated: rows changed again and again between plan and check.
        ApprovalRequired: the plan passes the guard and nobody approves it.
    """
    if checks:
        check_before(company, as_of=as_of)
        check_evidence(company, rule, as_of=as_of)
    first = planned = plan(company, rule, as_of=as_of)
    rows = Tally()
    deferred: dict[int, str] = {}
    for rounds_left in reversed(range(ROUNDS)):
        if planned.digest is None:
            deferred = {}
            break
        try:
            outcome = _carry_out(company, planned, approved_by=approved_by, progress=progress, checks=checks)
        except PlanOutdated:
            if not rounds_left:
                raise
        else:
            rows.update(outcome.rows)
            deferred = outcome.deferred
            if not (deferred and rounds_left):
                break
        planned = plan(company, rule, as_of=as_of)
    if checks:
        check_kept(company, rule, as_of=as_of)
    because = tuple(sorted(set(deferred.values())))
    return Swept(rule=rule, first=first, rows=rows, left=len(deferred), left_because=because)


def finish(company: Company, rule: str, *, as_of: datetime) -> dict[str, Any]:
    """Sweep what had changed since a plan of this run was made, and tell what the run did to the rule's rows.

    Returns:
        The rule, what its run did by collection and action, what stays although it is due and why, and how
        many batches are left to the next run.

    Raises:
        CheckFailed: something is left past its limit, or is not as promised.
        ApprovalRequired: what is left would need another approval.
    """
    swept = sweep(company, rule, as_of=as_of)
    told = swept.first.to_json()
    return {
        **{name: told[name] for name in ("rule", "as_of", "policy_version", "commitments", "kept")},
        "done": done(company, rule, as_of=as_of),
        "left": swept.left,
    }


def _carry_out(
    company: Company,
    planned: Planned,
    *,
    approved_by: str | None,
    progress: Callable[[int, int], None] | None,
    checks: bool,
) -> Outcome:
    """One round: check the plan, let it be approved, carry it out, check what it left, end it."""
    digest = planned.digest or ""
    if checks:
        check_plan(company, digest)
    if planned.excesses and approved_by:
        approve_plan(company, digest, approved_by=approved_by, as_of=planned.plan.as_of)
    outcome = carry_out(company, digest, progress=progress)
    if checks:
        check_after(company, digest)
    else:
        end_unchecked(company, digest)
    return outcome
