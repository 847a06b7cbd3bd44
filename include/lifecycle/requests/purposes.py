"""Which purposes a request is to end, and what an operator decided where an objection is weighed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.errors import UsageError
from lifecycle.policy.stopping import ENDING, endable, is_weighed
from lifecycle.requests.tables import request_purpose

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.policy.model import Policy, RequestKind


class Decision(StrEnum):
    """What becomes of an objection that is weighed (GDPR Art. 21(1))."""

    STOP = "stop"
    COMPELLING_GROUNDS = "compelling_grounds"
    """There are compelling legitimate grounds to go on, and they override."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A purpose that a request is to end.

    Attributes:
        decision: None where nobody has decided, or nobody has to.
    """

    purpose: str
    decision: Decision | None


def checked_purposes(policy: Policy, kind: RequestKind, given: Iterable[str]) -> tuple[str, ...]:
    """The purposes that are meant: those given, or all that such a request can end.

    Raises:
        UsageError: one cannot be ended so, or this kind of request ends none.
    """
    given, known = tuple(dict.fromkeys(given)), endable(policy, kind)
    if kind not in ENDING:
        if given:
            raise UsageError(
                f"a request for {kind} ends no purpose", place="purpose", next_step="leave the purpose out"
            )
        return ()
    if unknown := [one for one in given if one not in known]:
        raise UsageError(
            f"{len(unknown)} of these cannot be ended by a request for {kind}",
            place="purpose",
            next_step=f"name one of {', '.join(known) or 'none: no purpose can'}, or none for all of them",
        )
    return tuple(one for one in known if one in given) or known


def keep_purposes(connection: Connection, request_id: UUID, purposes: Sequence[str]) -> None:
    """Store which purposes a request is to end."""
    if purposes:
        rows = [{"request_id": request_id, "purpose": one} for one in purposes]
        connection.execute(sa.insert(request_purpose), rows)


def purposes_of(connection: Connection, request_id: UUID) -> tuple[Ending, ...]:
    """Which purposes a request is to end, and what was decided."""
    rows = connection.execute(
        sa.select(request_purpose.c.purpose, request_purpose.c.decision)
        .where(request_purpose.c.request_id == request_id)
        .order_by(request_purpose.c.purpose)
    )
    return tuple(
        Ending(purpose=row.purpose, decision=Decision(row.decision) if row.decision else None) for row in rows
    )


def undecided(policy: Policy, kind: RequestKind, endings: Iterable[Ending]) -> tuple[str, ...]:
    """The purposes that somebody has to weigh first."""
    return tuple(
        one.purpose
        for one in endings
        if one.purpose in policy.purposes and is_weighed(policy, kind, one.purpose) and one.decision is None
    )
