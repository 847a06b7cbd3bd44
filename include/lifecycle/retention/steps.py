"""The steps of a retention run. A DAG task is one call of one of them; the command line calls the same.

Between the steps only digests, counts and names travel. A step that is run again does not do anything twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.execute.guard import excesses
from lifecycle.holds.subjects import forget_ended
from lifecycle.planning.planner import make_plan
from lifecycle.quality.after import check_overdue
from lifecycle.quality.before import check_freshness
from lifecycle.runs.adoption import adopt
from lifecycle.runs.planned import Planned, abandon_left_behind

if TYPE_CHECKING:
    from datetime import datetime

    from lifecycle.quality.suite import Checked
    from lifecycle.runs.company import Company


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
    abandon_left_behind(company, rule, as_of)
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
