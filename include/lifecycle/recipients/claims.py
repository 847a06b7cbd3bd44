"""Which worker delivers what, and what became of it: each a short transaction, none open while a recipient is asked.

A worker leases notices under a token of its own. Killed, it leaves them to the next one once the lease is over, with
the attempt counted, since the recipient may have been told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from lifecycle.ledger.book import append_all
from lifecycle.recipients.notice import Envelope
from lifecycle.recipients.tables import Kind, State, outbox

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import CTE, Connection, CursorResult, Row, Select

LEASE = timedelta(minutes=5)
"""Longer than an exchange may last."""
EXPIRED = "expired"
"""Outcome of a notice whose deadline passed."""

_ENVELOPE = (outbox.c.notice_id, outbox.c.recipient, outbox.c.kind, outbox.c.request)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A notice that this worker delivers now.

    Attributes:
        sealed: what is to be told.
        token: of the lease.
        attempts: this one included.
        deadline: when the notice is given up.
    """

    envelope: Envelope
    sealed: bytes = field(repr=False)
    token: UUID
    attempts: int
    deadline: datetime


def envelope_of(row: Row[Any]) -> Envelope:
    """The envelope of a row of the outbox."""
    return Envelope(
        notice_id=row.notice_id, recipient=row.recipient, kind=Kind(row.kind), request=row.request
    )


def recipients_due(connection: Connection, *, as_of: datetime) -> frozenset[str]:
    """Recipients that have something to be told by now."""
    due = (
        sa.select(outbox.c.recipient)
        .distinct()
        .where(outbox.c.state == State.PENDING, outbox.c.next_attempt <= as_of)
    )
    return frozenset(connection.scalars(due))


def claim(
    connection: Connection, recipients: Iterable[str], *, most: int, as_of: datetime
) -> tuple[Claim, ...]:
    """Lease notices that are due and that no other worker has; of one request to one recipient, in their order."""
    token = uuid4()
    chosen = _locked(_due(recipients, most, as_of))
    leased = (
        sa.update(outbox)
        .where(outbox.c.notice_id == chosen.c.notice_id)
        .values(lease=token, leased_until=as_of + LEASE, attempts=outbox.c.attempts + 1)
        .returning(*_ENVELOPE, outbox.c.body, outbox.c.attempts, outbox.c.deadline)
    )
    return tuple(
        Claim(
            envelope=envelope_of(row),
            sealed=row.body,
            token=token,
            attempts=row.attempts,
            deadline=row.deadline,
        )
        for row in connection.execute(leased)
    )


def _due(recipients: Iterable[str], most: int, as_of: datetime) -> Select[Any]:
    earlier = outbox.alias("earlier")
    is_in_its_turn = ~sa.exists().where(
        earlier.c.recipient == outbox.c.recipient,
        earlier.c.request == outbox.c.request,
        earlier.c.state == State.PENDING,
        earlier.c.position < outbox.c.position,
    )
    is_free = sa.or_(outbox.c.lease.is_(None), outbox.c.leased_until <= as_of)
    return (
        sa.select(outbox.c.notice_id)
        .where(
            outbox.c.state == State.PENDING,
            outbox.c.next_attempt <= as_of,
            outbox.c.deadline > as_of,
            outbox.c.recipient.in_(tuple(recipients)),
            is_free,
            is_in_its_turn,
        )
        .order_by(outbox.c.next_attempt, outbox.c.position)
        .limit(most)
    )


def _locked(rows: Select[Any]) -> CTE:
    """The rows that no other worker is changing at the moment, chosen and locked once, however they are joined."""
    return rows.with_for_update(skip_locked=True).cte("chosen").prefix_with("MATERIALIZED")


def acknowledge(
    connection: Connection, done: Claim, *, outcome: str, reference: str | None, as_of: datetime
) -> bool:
    """The recipient knows: forget what it was told.

    Whoever holds the lease by now: an acknowledgement that came late is one.

    Returns:
        Whether it was still to be delivered.
    """
    changed = connection.execute(
        sa.update(outbox)
        .where(outbox.c.notice_id == done.envelope.notice_id, outbox.c.state == State.PENDING)
        .values(
            state=State.ACKNOWLEDGED,
            body=None,
            lease=None,
            leased_until=None,
            outcome=outcome,
            acknowledgement=reference,
            ended_at=as_of,
        )
    )
    if changed.rowcount:
        told = {**done.envelope.fields, "attempts": done.attempts}
        append_all(connection, [("recipient_told", told)], as_of=as_of)
    return bool(changed.rowcount)


def put_back(connection: Connection, failed: Claim, *, outcome: str, next_attempt: datetime) -> bool:
    """Try again later; False where another worker has taken over meanwhile."""
    return bool(_of_lease(connection, failed, {"outcome": outcome, "next_attempt": next_attempt}).rowcount)


def give_up(connection: Connection, failed: Claim, *, outcome: str, as_of: datetime) -> bool:
    """Try no more, until a person sees to it; False where another worker has taken over meanwhile."""
    values = {"state": State.DEAD, "outcome": outcome, "ended_at": as_of}
    changed = bool(_of_lease(connection, failed, values).rowcount)
    if changed:
        dead = {**failed.envelope.fields, "attempts": failed.attempts, "outcome": outcome}
        append_all(connection, [("recipient_not_told", dead)], as_of=as_of)
    return changed


def _of_lease(connection: Connection, leased: Claim, values: dict[str, Any]) -> CursorResult[Any]:
    return connection.execute(
        sa.update(outbox)
        .where(outbox.c.notice_id == leased.envelope.notice_id, outbox.c.lease == leased.token)
        .values(lease=None, leased_until=None, **values)
    )


def expire(connection: Connection, *, as_of: datetime) -> int:
    """Give up notices whose deadline has passed, those that a person should have delivered too; how many."""
    overdue = _locked(
        sa.select(outbox.c.notice_id).where(
            outbox.c.state.in_((State.PENDING, State.BY_HAND)),
            outbox.c.deadline <= as_of,
            sa.or_(outbox.c.lease.is_(None), outbox.c.leased_until <= as_of),
        )
    )
    given_up = connection.execute(
        sa.update(outbox)
        .where(outbox.c.notice_id == overdue.c.notice_id)
        .values(state=State.DEAD, lease=None, leased_until=None, outcome=EXPIRED, ended_at=as_of)
        .returning(*_ENVELOPE, outbox.c.attempts)
    ).all()
    entries = [
        (
            "recipient_not_told",
            {**envelope_of(row).fields, "attempts": row.attempts, "outcome": EXPIRED},
        )
        for row in given_up
    ]
    append_all(connection, entries, as_of=as_of)
    return len(entries)
