"""What a planning step hands on, whatever the plan is for, and what earlier runs have left behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lifecycle.planning.items import find_left_behind
from lifecycle.runs.plans import abandon, is_made_under

if TYPE_CHECKING:
    from datetime import datetime

    from lifecycle.plan import Plan
    from lifecycle.runs.company import Company


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


def abandon_left_behind(company: Company, rule: str, as_of: datetime) -> None:
    """End what no run may take up again: plans a whole interval older than this run, or of another policy."""
    rulebook = company.rulebook(as_of)
    latest = as_of - timedelta(days=rulebook.policy.policy.run_every)
    with company.engine.connect() as connection:
        earlier = find_left_behind(connection, rule, as_of)
    left = [one for one in earlier if one.plan.as_of <= latest or not is_made_under(one.plan, rulebook)]
    for stored in left:
        abandon(company, stored, reason="superseded", as_of=as_of)
