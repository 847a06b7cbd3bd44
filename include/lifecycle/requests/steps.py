"""The steps of a request of any kind. A DAG task is one call of one of them; the command line calls the same.

What differs between kinds is a :class:`~lifecycle.requests.procedure.Procedure`. Between the steps only the request's
number, digests and counts travel. A step that is run again does not do anything twice. Whom a request is about is
opened inside a step and forgotten when the request is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.errors import PlanOutdated, UsageError
from lifecycle.execute.ending import abandon_plan
from lifecycle.execute.guard import approve
from lifecycle.holds.targets import Target
from lifecycle.operators import require_name
from lifecycle.plan import WHEREVER_RESTRICTED as WRITING
from lifecycle.planning.items import find_open_of_request
from lifecycle.planning.planner import one_state
from lifecycle.requests import ending
from lifecycle.requests.at_once import first_wins
from lifecycle.requests.besides import Besides, said_besides
from lifecycle.requests.books import books_of, together
from lifecycle.requests.candidates import tell_candidates
from lifecycle.requests.closure import closure
from lifecycle.requests.erasure import make_plan, of_remainder
from lifecycle.requests.ground import IsRemainder, require_content
from lifecycle.requests.naming import require_answers, under_the_name
from lifecycle.requests.procedure import Case
from lifecycle.requests.procedures import PROCEDURES
from lifecycle.requests.register import State, events, get, move, note
from lifecycle.requests.returning import Returning, erased_subjects
from lifecycle.requests.subject import Source, Whom, keep, open_whom
from lifecycle.requests.tables import request_remainder
from lifecycle.runs import plans
from lifecycle.runs.adoption import adopt
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.execute.door import Outcome
    from lifecycle.plan import Kept, Plan
    from lifecycle.planning.grounds import Ground
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.quality.suite import Checked
    from lifecycle.requests.register import Request
    from lifecycle.runs.company import Company


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What planning hands on.

    Attributes:
        digest: of the stored plan; None where nothing is to be done.
        books: rows that it only changes, and what belongs to them, as far as the law keeps them.
        besides: what the subject's rows say that the request does not.
    """

    plan: Plan
    digest: str | None
    books: tuple[Kept, ...] = ()
    besides: Besides | None = None

    @property
    def kept(self) -> tuple[Kept, ...]:
        """What stays, the books included."""
        return together((*self.plan.kept, *self.books))

    def to_json(self) -> dict[str, Any]:
        """Counts and reasons; no keys, no personal data."""
        return {
            "request": str(self.plan.request),
            "digest": self.digest,
            "policy_version": self.plan.policy_version,
            "counts": self.plan.counts(),
            "columns": written_columns(self.plan),
            "kept": kept_to_json(self.kept),
            "besides": (self.besides or Besides()).to_json(),
        }


def written_columns(plan: Plan) -> dict[str, list[str]]:
    """The columns that get a value, by collection."""
    found: dict[str, dict[str, None]] = {}
    for item in plan.items:
        if item.action in WRITING:
            found.setdefault(item.collection, {}).update(dict.fromkeys(item.columns))
    return {collection: sorted(columns) for collection, columns in sorted(found.items())}


def kept_to_json(kept: tuple[Kept, ...]) -> list[dict[str, Any]]:
    """What stays, why, and until when."""
    return [
        {
            "collection": one.collection,
            "reason": one.reason,
            "source": one.source,
            "until": one.until.isoformat() if one.until else None,
            "rows": one.rows,
        }
        for one in kept
    ]


def require_verified(found: Request) -> None:
    """Refuse to work on a request that nobody has verified, or that has ended.

    Raises:
        UsageError: it is not so far, or too far.
    """
    if found.state is State.RECEIVED:
        raise UsageError(
            "nobody has verified that who asks may ask",
            place=f"request {found.request_id}",
            next_step="verify it first: lifecycle request verify",
        )
    if not found.is_open:
        raise UsageError(
            f"it is {found.state} already",
            place=f"request {found.request_id}",
            next_step="see lifecycle request show",
        )


def plan(company: Company, request_id: UUID, *, as_of: datetime) -> Planned:
    """Plan what a request asks for.

    Raises:
        UsageError: there is no such request, nobody has verified who asks, or it is closed.
        ApprovalRequired: an operator has to say first which rows of the subject's name are the subject's.
        StoreError: somebody else plans it at this moment.
    """
    with first_wins(request_id), company.engine.begin() as connection:
        found = get(connection, request_id)
        require_verified(found)
        procedure = PROCEDURES[found.kind]
        if procedure.looks_at_rows:
            _look_up(connection, company, request_id, as_of=as_of)
        _abandon_outdated(company, request_id, as_of=as_of)
        case = _case(connection, company, found, as_of=as_of)
        besides = said_besides(connection, case.rulebook, case.whom) if procedure.looks_at_rows else None
    with reading(company.engine) as connection:
        require_answers(connection, request_id)
    stored = make_plan(company.engine, request_id, partial(procedure.find, case=case))
    books = books_of(company.engine, case.rulebook, stored, as_of=as_of)
    with company.engine.begin() as connection:
        adopt(connection, company.version(as_of), as_of=as_of)
        if stored.plan_id is not None and not is_approved(connection, stored.plan.digest):
            move(connection, request_id, State.PLANNED)
            stays = kept_to_json(books)
            note(connection, request_id, "planned", as_of=as_of, plan=stored.plan.digest, stays=stays)
    digest = None if stored.plan_id is None else stored.plan.digest
    return Planned(plan=stored.plan, digest=digest, books=books, besides=besides)


def check_plan(company: Company, digest: str) -> Checked:
    """The plan of a request makes sense; one that does not is abandoned.

    Raises:
        UsageError: there is no plan of this digest.
        CheckFailed: what is wrong with it.
    """
    return plans.check_plan(company, digest, grounds=partial(_ground, company))


def is_approved(connection: Connection, digest: str, request_id: UUID | None = None) -> bool:
    """Whether somebody approved the plan of this digest, and it is of this request where one is named."""
    query = sa.text(
        "SELECT approved_by IS NOT NULL FROM lifecycle.plan"
        " WHERE digest = :digest AND request_id = coalesce(CAST(:request AS uuid), request_id)"
    )
    return bool(connection.scalar(query, {"digest": digest, "request": request_id}))


def approve_plan(
    company: Company, request_id: UUID, digest: str, *, approved_by: str, as_of: datetime
) -> None:
    """Record that an operator approved exactly this plan of a request.

    Raises:
        UsageError: no such plan waits.
        PlanOutdated: it leaves out what an operator has said since to be the subject's.
    """
    with company.engine.begin() as connection:
        if _is_confirmed_since(connection, request_id):
            raise PlanOutdated(
                "the plan leaves out what was said to be the subject's since it was made",
                place=f"plan {digest}",
                next_step="nothing is done by it; plan anew",
            )
        approve(connection, digest, approved_by=approved_by, keys=company.keys, as_of=as_of)
        move(connection, request_id, State.APPROVED)
        note(connection, request_id, "approved", by_whom=approved_by, as_of=as_of, plan=digest)


def carry_out(
    company: Company, digest: str, *, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Carry out the plan of a request. Safe to repeat: what was done stays done.

    Raises:
        UsageError: there is no plan of this digest.
        ApprovalRequired: nobody approved it.
        PlanOutdated: the policy was changed since.
        LifecycleError: a batch would have done something that was not planned.
    """
    return _carried_out(company, digest, progress=progress)


def close(
    company: Company, request_id: UUID, *, as_of: datetime, closed_at: datetime | None = None
) -> dict[str, Any]:
    """Look once more, without the plan, whether everything was done, and close the request where it was.

    Whom the request was about is forgotten.

    Args:
        company: opened.
        request_id: the request's number.
        as_of: the moment by which it is decided what may stay.
        closed_at: when it is answered; ``as_of`` unless somebody thought about it in between.

    Raises:
        CheckFailed: something was not done: it has to be planned again.
        StoreError: somebody else closes it at this moment.
    """
    with first_wins(request_id), one_state(company.engine) as connection:
        found = get(connection, request_id)
        require_verified(found)
        case, answered_at = _case(connection, company, found, as_of=as_of), closed_at or as_of
        settled = PROCEDURES[found.kind].settle(connection, case, answered_at=answered_at)
        ending.finish(connection, case.rulebook.policy, found, settled, company.keys, as_of=answered_at)
    return {"request": str(request_id), "kept": kept_to_json(settled.kept)}


def resume(
    company: Company, request_id: UUID, *, as_of: datetime, approved_by: str | None = None
) -> Outcome | None:
    """Erase what an erasure had to leave, as far as nothing keeps it any more; None where there is nothing to do.

    It was approved with the request, unless somebody else approves it now. Where nothing could be done then, since
    nothing was there or all was held, there was no plan to approve; whoever verified the request said that it may go.

    Raises:
        UsageError: there is no such request, or nobody approved a plan of it.
        CheckFailed: the plan makes no sense, or what it left behind does not.
    """
    rulebook = company.rulebook(as_of)
    find = partial(of_remainder, rulebook=rulebook, request_id=request_id, keys=company.keys, as_of=as_of)
    stored = make_plan(company.engine, request_id, find)
    outcome = None
    if stored.plan_id is not None:
        digest = stored.plan.digest
        with company.engine.begin() as connection:
            if not is_approved(connection, digest):
                _approve_again(connection, company, request_id, digest, approved_by=approved_by, as_of=as_of)
        plans.check_plan(company, digest, grounds=partial(_ground, company))
        outcome = _carried_out(company, digest)
        plans.check_after(company, digest)
    with one_state(company.engine) as connection:
        erasure = find(connection)
        connection.execute(sa.delete(request_remainder).where(request_remainder.c.request_id == request_id))
        left = erasure.keep_remainder(request_id)
        if stored.plan_id is not None:
            note(connection, request_id, "resumed", as_of=as_of, plan=stored.plan.digest, left=left)
    return outcome


def refuse(company: Company, request_id: UUID, *, reason: str, refused_by: str, as_of: datetime) -> None:
    """Refuse a request; a plan of it that waits is abandoned.

    Raises:
        UsageError: no such request is open, or the reason is no word.
    """
    with company.engine.begin() as connection:
        policy = company.version(as_of).policy
        stored = find_open_of_request(connection, request_id)
        if stored:  # waits for what is being done at this moment, so that the receipt has it
            abandon_plan(connection, stored, reason="refused", as_of=as_of)
        ending.refuse(connection, policy, request_id, reason=reason, refused_by=refused_by, as_of=as_of)


def flag_returned(company: Company, *, as_of: datetime) -> dict[UUID, int]:
    """Leave to be erased what brings erased subjects back; returns how many rows, by request.

    Only where the policy says so: somebody who writes again of his own accord is welcome.
    """
    rulebook = company.rulebook(as_of)
    with company.engine.begin() as connection:
        erased = erased_subjects(connection)
        flagged = Returning(connection, rulebook, company.keys, erased).flag(rulebook.policy.suppression)
        for request_id, rows in flagged.items():
            note(connection, request_id, "returned", as_of=as_of, rows=rows)
    return flagged


def plan_anew(company: Company, request_id: UUID, *, by: str, as_of: datetime) -> None:
    """Give up the plan of a request that waits, so that the next one sees what was said or changed meanwhile.

    Raises:
        UsageError: nobody gives it up.
    """
    require_name(by)
    with company.engine.begin() as connection:
        stored = find_open_of_request(connection, request_id)
        note(connection, request_id, "to_be_planned_anew", by_whom=by, as_of=as_of)
    if stored:
        plans.abandon(company, stored, reason="superseded", as_of=as_of)


def unfinished(connection: Connection) -> list[UUID]:
    """Requests of which rows are left to be erased later."""
    return list(
        connection.scalars(
            sa.select(request_remainder.c.request_id).distinct().order_by(request_remainder.c.request_id)
        )
    )


def _carried_out(
    company: Company, digest: str, *, progress: Callable[[int, int], None] | None = None
) -> Outcome:
    """Carry out a plan as the procedure of its request does."""
    request_id, as_of = plans.request_of(company, digest)
    with reading(company.engine) as connection:
        found = get(connection, request_id)
        case = _case(connection, company, found, as_of=as_of)
    procedure = PROCEDURES[found.kind]
    handling = procedure.handling(case)
    ground = procedure.ground(case) if found.is_open else IsRemainder(case.rulebook, request_id)
    return plans.carry_out(
        company,
        digest,
        progress=progress,
        grounds=lambda _rulebook, _plan: ground,
        mask=handling.mask,
        before=handling.before,
        handlers=handling.handlers,
    )


def _case(connection: Connection, company: Company, found: Request, *, as_of: datetime) -> Case:
    """A request as its procedure works on it; whom it is about is known as long as it is open."""
    rulebook = company.rulebook(as_of)
    whom = open_whom(connection, rulebook, found.request_id, company.keys) if found.is_open else Whom()
    return Case(company=company, request_id=found.request_id, rulebook=rulebook, whom=whom, as_of=as_of)


def _ground(company: Company, rulebook: Rulebook, plan: Plan) -> Ground:
    """Why the rows of a request's plan are due: as its procedure says, or they were left when it was closed."""
    if plan.request is None:
        raise UsageError(
            "this is no plan of a request",
            place=f"plan {plan.digest}",
            next_step=f"carry it out with: lifecycle apply {plan.digest}",
        )
    with reading(company.engine) as connection:
        found = get(connection, plan.request)
        if found.is_open:
            return PROCEDURES[found.kind].ground(_case(connection, company, found, as_of=plan.as_of))
    return IsRemainder(rulebook, plan.request)


def _look_up(connection: Connection, company: Company, request_id: UUID, *, as_of: datetime) -> None:
    """Find what else a subject is known by, and keep it: what is the subject's, and what an operator has to say of."""
    rulebook = company.rulebook(as_of)
    whom = open_whom(connection, rulebook, request_id, company.keys)
    _require_rows(connection, company, request_id, whom, as_of=as_of)
    known = closure(connection, rulebook, whom)
    keep(connection, request_id, known.found, company.keys, Source.FOUND)
    named = under_the_name(connection, rulebook, request_id, company.keys, known.whom)
    if keep(connection, request_id, (*known.shared, *named), company.keys, Source.CANDIDATE):
        tell_candidates(connection, rulebook, request_id, company.keys, as_of=as_of)


def _require_rows(
    connection: Connection, company: Company, request_id: UUID, whom: Whom, *, as_of: datetime
) -> None:
    """The rows that a request names by key are there, and are the organisation's where one organisation is meant.

    Asked when it is planned for the first time: a later plan may follow one that erased them. What is another
    organisation's is not there for whoever asks for this one (A5).

    Raises:
        UsageError: one is not.
    """
    named = (*([whom.tenant] if whom.tenant else []), *whom.rows)
    if not named or any(event["what"] == "planned" for event in events(connection, request_id)):
        return
    rulebook = company.rulebook(as_of)
    try:
        for row in named:
            Target(collection=row.collection, key=row.key).found(connection, rulebook)
            if whom.tenant:
                require_content(connection, rulebook, row, whom.tenant)
    except UsageError:
        with company.engine.begin() as other:
            note(other, request_id, "row_not_found", as_of=as_of)
        raise


def _abandon_outdated(company: Company, request_id: UUID, *, as_of: datetime) -> None:
    """End a plan of the request that was made under another policy, or that waits and leaves out what was confirmed."""
    with reading(company.engine) as connection:
        stored = find_open_of_request(connection, request_id)
        if stored is None:
            return
        is_behind = _is_confirmed_since(connection, request_id) and not is_approved(
            connection, stored.plan.digest
        )
    if is_behind or not plans.is_made_under(stored.plan, company.rulebook(as_of)):
        plans.abandon(company, stored, reason="superseded", as_of=as_of)


def _is_confirmed_since(connection: Connection, request_id: UUID) -> bool:
    """Whether an operator said, after the request was planned, that something more is the subject's."""
    said = {"planned", f"candidate_{Source.CONFIRMED.value}"}
    found = [event["what"] for event in events(connection, request_id) if event["what"] in said]
    return bool(found) and found[-1] != "planned"


def _approve_again(
    connection: Connection,
    company: Company,
    request_id: UUID,
    digest: str,
    *,
    approved_by: str | None,
    as_of: datetime,
) -> None:
    approver = (
        approved_by
        or connection.scalar(
            sa.text(
                "SELECT approved_by FROM lifecycle.plan WHERE request_id = :request AND approved_by IS NOT NULL"
                " ORDER BY plan_id LIMIT 1"
            ),
            {"request": request_id},
        )
        # Where nothing was there, or all had to stay, there was no plan to approve: who verified it wanted this.
        or get(connection, request_id).verified_by
    )
    if approver is None:
        raise UsageError(
            "nobody verified it, or approved a plan of it",
            place=f"request {request_id}",
            next_step="open a new request",
        )
    approve(connection, digest, approved_by=approver, keys=company.keys, as_of=as_of)
