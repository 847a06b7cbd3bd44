"""What operators do with requests, as tests need it done: taken, verified, erased step by step, proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.holds.targets import Subject
from lifecycle.policy.model import RequestKind
from lifecycle.requests import answering, register, steps
from lifecycle.requests.answering import Approval, propose
from lifecycle.requests.asked import NOTHING_MORE
from lifecycle.requests.receipt import issue
from lifecycle.runs import plans
from lifecycle.runs.signing import sign_ledger
from support.subjects import AS_OF, MARI

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from lifecycle.requests.asked import Asked
    from lifecycle.runs.company import Company

BY = "Op"
"""The operator."""


def by_email(address: str = MARI) -> Subject:
    """Whoever has an address."""
    return Subject(identity="email", value=address)


def taken(
    company: Company,
    *named: Any,
    kind: RequestKind = RequestKind.ERASURE,
    by: str = BY,
    as_of: datetime = AS_OF,
    tenant: Any = None,
    asked: Asked = NOTHING_MORE,
) -> UUID:
    """A request that nobody has verified; about Mari, unless it says about whom."""
    with company.engine.begin() as connection:
        return register.open_request(
            connection,
            company.rulebook(as_of),
            company.keys,
            named or (by_email(),),
            kind=kind,
            opened_by=by,
            as_of=as_of,
            tenant=tenant,
            asked=asked,
        )


def verified(company: Company, *named: Any, as_of: datetime = AS_OF, **options: Any) -> UUID:
    """A request of which somebody has verified who asks; otherwise as :func:`taken`."""
    request_id = taken(company, *named, as_of=as_of, **options)
    with company.engine.begin() as connection:
        if register.get(connection, request_id).state is register.State.RECEIVED:
            register.verify(connection, request_id, verified_by=BY, how="callback", as_of=as_of)
    return request_id


def erase(company: Company, request_id: UUID) -> dict[str, Any]:
    """Every step of an erasure, one after another."""
    planned = steps.plan(company, request_id, as_of=AS_OF)
    if planned.digest:
        steps.check_plan(company, planned.digest)
        steps.approve_plan(company, request_id, planned.digest, approved_by=BY, as_of=AS_OF)
        steps.carry_out(company, planned.digest)
        plans.check_after(company, planned.digest)
    return steps.close(company, request_id, as_of=AS_OF)


def answer(company: Company, request_id: UUID, as_of: datetime = AS_OF) -> dict[str, Any]:
    """Answer a request, whatever it asks for: the operator looks at the plan, and approves it."""
    digest = propose(company, request_id, as_of=as_of).digest
    approval = Approval(digest=digest, by=BY) if digest else None
    return answering.answer(company, request_id, as_of=as_of, approval=approval)


def receipt_of(company: Company, request_id: UUID) -> dict[str, Any]:
    """What the receipt of a request says that has ended."""
    sign_ledger(company, as_of=AS_OF)
    with company.engine.connect() as connection:
        body: dict[str, Any] = issue(connection, request_id)["body"]
        return body
