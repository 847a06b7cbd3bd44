"""A request from its plan to its end, for whoever sits at a terminal: shown first, then approved by its digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.errors import ApprovalRequired
from lifecycle.operators import require_name
from lifecycle.planning.items import find_open_of_request
from lifecycle.requests import steps
from lifecycle.requests.candidates import told_candidates
from lifecycle.requests.proposal import describe
from lifecycle.requests.register import events, get, note
from lifecycle.runs import plans
from lifecycle.runs.agreement import check_before
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.requests.proposal import Proposal
    from lifecycle.requests.steps import Planned
    from lifecycle.runs.company import Company

SHOWN = "plan_shown"
"""Somebody was shown a plan, and the candidates that it leaves out."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Somebody approves the plan of one digest, and no other.

    Attributes:
        digest: as the plan was shown under.
        by: the operator.
    """

    digest: str
    by: str


def propose(company: Company, request_id: UUID, *, as_of: datetime) -> Proposal:
    """Plan what a request asks for, check the plan, and show it; nothing of it is done.

    Raises:
        UsageError: there is no such request, nobody has verified who asks, or it is closed.
        ApprovalRequired: an operator has to say something before it can be planned.
        CheckFailed: database, map and policy disagree, or the plan makes no sense.
    """
    planned = _planned(company, request_id, as_of=as_of)
    found = describe(company, request_id, planned)
    numbers = [one.number for one in found.candidates]
    with company.engine.begin() as connection:
        note(connection, request_id, SHOWN, as_of=as_of, plan=found.digest, candidates=numbers)
    return found


def answer(
    company: Company,
    request_id: UUID,
    *,
    as_of: datetime,
    approval: Approval | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Every step of a request, one after another.

    Args:
        company: opened.
        request_id: the request's number.
        as_of: the moment of the run.
        approval: of what is planned; None where nobody approves now, or somebody has.
        progress: called with (batches ended, batches in all) after each.

    Raises:
        ApprovalRequired: nobody approved the plan, or it is another than the one that is approved.
        LifecycleError: a step failed; run again, it goes on.
    """
    if approval:
        _require_waiting(company, request_id, approval)
    planned = _planned(company, request_id, as_of=as_of)
    if approval:
        _approve(company, request_id, planned, approval, as_of=as_of)
    if planned.digest:
        steps.carry_out(company, planned.digest, progress=progress)
        plans.check_after(company, planned.digest)
    return steps.close(company, request_id, as_of=as_of)


def _planned(company: Company, request_id: UUID, *, as_of: datetime) -> Planned:
    """Plan and check. What the register alone refuses is refused before anything else is looked at.

    Raises:
        PromiseBroken: the database was restored from a backup, and not everything was done again yet.
    """
    company.require_continued()
    with reading(company.engine) as connection:
        steps.require_verified(get(connection, request_id))
    check_before(company, as_of=as_of)
    planned = steps.plan(company, request_id, as_of=as_of)
    if planned.digest:
        steps.check_plan(company, planned.digest)
    return planned


def _require_waiting(company: Company, request_id: UUID, approval: Approval) -> None:
    """The plan that is approved waits, or somebody has approved it before.

    Raises:
        UsageError: there is no such request, it is not so far, or nobody approves.
        ApprovalRequired: another plan waits, or none.
    """
    require_name(approval.by)
    with reading(company.engine) as connection:
        steps.require_verified(get(connection, request_id))
        stored = find_open_of_request(connection, request_id)
        _require_same(connection, request_id, stored.plan.digest if stored else None, approval)


def _approve(
    company: Company, request_id: UUID, planned: Planned, approval: Approval, *, as_of: datetime
) -> None:
    """Record the approval of exactly the plan that was shown, unless somebody has approved it.

    Raises:
        ApprovalRequired: another plan was made meanwhile, or it leaves out what nobody was shown.
    """
    with reading(company.engine) as connection:
        _require_same(connection, request_id, planned.digest, approval)
        if steps.is_approved(connection, approval.digest):
            return
        _require_shown(connection, request_id, approval)
    steps.approve_plan(company, request_id, approval.digest, approved_by=approval.by, as_of=as_of)


def _require_same(connection: Connection, request_id: UUID, waiting: str | None, approval: Approval) -> None:
    """The plan that waits is the one that is approved; where none waits, it was approved and carried out before.

    Raises:
        ApprovalRequired: it is not.
    """
    if waiting == approval.digest or (
        waiting is None and steps.is_approved(connection, approval.digest, request_id)
    ):
        return
    raise ApprovalRequired(
        f"not this plan waits for approval but {waiting}" if waiting else "no plan waits for approval",
        place=f"request {request_id}",
        next_step=f"look at what is to be done: lifecycle request plan {request_id}",
    )


def _require_shown(connection: Connection, request_id: UUID, approval: Approval) -> None:
    """Whatever the plan leaves out since nobody has answered for it was shown with the plan.

    Raises:
        ApprovalRequired: something was not.
    """
    shown = {
        number
        for event in events(connection, request_id)
        if event["what"] == SHOWN and event["plan"] == approval.digest
        for number in event["candidates"]
    }
    unseen = [one.number for one in told_candidates(connection, request_id) if one.number not in shown]
    if unseen:
        raise ApprovalRequired(
            f"it leaves out what may be the subject's and was not shown: candidate {', '.join(map(str, unseen))}",
            place=f"request {request_id}",
            next_step=f"look at it: lifecycle request plan {request_id}",
        )
