"""Objections that are weighed: an operator decides, before anything is planned, and the receipt says what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.errors import UsageError
from lifecycle.operators import require_name
from lifecycle.requests.purposes import purposes_of, undecided
from lifecycle.requests.register import get, note
from lifecycle.requests.tables import request_purpose

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.policy.model import Policy
    from lifecycle.requests.purposes import Decision


def waiting(connection: Connection, policy: Policy, request_id: UUID) -> tuple[str, ...]:
    """The purposes of an open request that somebody has to weigh first.

    Raises:
        UsageError: there is no such request.
    """
    found = get(connection, request_id)
    return undecided(policy, found.kind, purposes_of(connection, request_id)) if found.is_open else ()


def weigh(
    connection: Connection,
    policy: Policy,
    request_id: UUID,
    *,
    decision: Decision,
    by: str,
    as_of: datetime,
) -> tuple[str, ...]:
    """Record what an operator decided of an objection; returns of which purposes. The receipt names it.

    Raises:
        UsageError: no such request is open, nothing of it is weighed or waits for a decision, or nobody decides.
    """
    require_name(by)
    purposes = waiting(connection, policy, request_id)
    if not purposes:
        raise UsageError(
            "nothing of it waits to be weighed",
            place=f"request {request_id}",
            next_step="see lifecycle request show",
        )
    connection.execute(
        sa.update(request_purpose)
        .values(decision=decision.value, decided_by=by, decided_at=as_of)
        .where(request_purpose.c.request_id == request_id, request_purpose.c.purpose.in_(purposes))
    )
    note(
        connection,
        request_id,
        "weighed",
        by_whom=by,
        as_of=as_of,
        decision=decision.value,
        purposes=list(purposes),
    )
    return purposes
