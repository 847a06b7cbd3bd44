"""How things stand: which plans wait, which deletions come, which holds end soon, how far the ledger is signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.errors import PromiseBroken
from lifecycle.execute.guard import excesses
from lifecycle.holds.register import Hold, listing
from lifecycle.ledger.book import tree_size
from lifecycle.ledger.checkpoints import newest_checkpoint
from lifecycle.planning.items import find_unended

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.plan import Plan
    from lifecycle.planning.items import Unended
    from lifecycle.runs.company import Company

_NOTICED = sa.text("""
    SELECT rule, planned_on, last_day, count(*)::bigint AS rows FROM lifecycle.notice
    WHERE cancelled_at IS NULL AND done_at IS NULL GROUP BY rule, planned_on, last_day ORDER BY planned_on, rule
""")


@dataclass(frozen=True, kw_only=True)
class WaitingPlan:
    """A plan that has not ended.

    Attributes:
        digest: by which it is approved and carried out.
        state: ``planned``, or ``executing`` where it was begun.
        rows: that it does something to.
        waits_for: why a person has to approve it; () where nobody has to, or somebody has.
        request: of a subject, that it carries out; None for a plan of a rule.
    """

    digest: str
    rule: str
    as_of: datetime
    state: str
    rows: int
    waits_for: tuple[str, ...]
    request: UUID | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **vars(self),
            "as_of": self.as_of.isoformat(),
            "waits_for": list(self.waits_for),
            "request": str(self.request) if self.request else None,
        }


@dataclass(frozen=True, kw_only=True)
class ComingDeletion:
    """Deletions that were noticed for one day, and how many rows they are noticed on."""

    rule: str
    planned_on: date
    last_day: date
    rows: int

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **vars(self),
            "planned_on": self.planned_on.isoformat(),
            "last_day": self.last_day.isoformat(),
        }


@dataclass(frozen=True, kw_only=True)
class Status:
    """How things stand at a moment.

    Attributes:
        broken: why nothing is done before something else: the database was restored from a backup, or its ledger was
            changed; None where all is well.
        plans: those that can still be carried out or were begun, oldest first.
        coming: deletions that were noticed, soonest first.
        ending: holds and restrictions in force that end within the days that were asked for.
        entries: of the ledger.
        signed: of these, how many the newest checkpoint covers.
    """

    plans: tuple[WaitingPlan, ...]
    coming: tuple[ComingDeletion, ...]
    ending: tuple[Hold, ...]
    entries: int
    signed: int
    broken: PromiseBroken | None = None

    def to_json(self) -> dict[str, Any]:
        """Counts, days and digests; no keys, no personal data."""
        return {
            "broken": self.broken.message if self.broken else None,
            "plans": [one.to_json() for one in self.plans],
            "coming": [one.to_json() for one in self.coming],
            "holds_ending": [one.to_json() for one in self.ending],
            "ledger": {"entries": self.entries, "signed": self.signed},
        }


def status(company: Company, *, as_of: datetime, within: timedelta) -> Status:
    """How things stand at ``as_of``; holds that end ``within`` a time from then are named."""
    with company.engine.connect() as connection:
        newest = newest_checkpoint(connection)
        return Status(
            plans=tuple(
                _waiting(company, one)
                for one in find_unended(connection)
                if one.state == "executing" or one.plan.request or _is_recent(company, one.plan, as_of)
            ),
            coming=_coming(connection),
            ending=tuple(one for one in listing(connection, as_of=as_of) if one.until <= as_of + within),
            entries=tree_size(connection),
            signed=newest.tree_size if newest else 0,
            broken=_broken(company),
        )


def _broken(company: Company) -> PromiseBroken | None:
    try:
        company.require_continued()
    except PromiseBroken as error:
        return error
    return None


def _is_recent(company: Company, plan: Plan, as_of: datetime) -> bool:
    """Whether no run has come since: the next one ends plans of rules that nothing was done of."""
    return as_of - plan.as_of < timedelta(days=company.version(as_of).policy.policy.run_every)


def _waiting(company: Company, found: Unended) -> WaitingPlan:
    plan = found.plan
    guard = company.version(plan.as_of).policy.guard(plan.rule)
    return WaitingPlan(
        digest=plan.digest,
        rule=plan.rule,
        as_of=plan.as_of,
        state=found.state,
        rows=sum(item.rows for item in plan.items) if plan.request else plan.gone() + plan.emptied(),
        waits_for=() if found.is_approved else excesses(plan, guard),
        request=plan.request,
    )


def _coming(connection: Connection) -> tuple[ComingDeletion, ...]:
    return tuple(ComingDeletion(**row._mapping) for row in connection.execute(_NOTICED))  # noqa: SLF001 - public in SQLAlchemy
