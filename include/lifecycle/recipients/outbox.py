"""Queuing notices with the change that they tell of, and what people see and do about them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from lifecycle.errors import PromiseBroken, UsageError
from lifecycle.ledger.book import append
from lifecycle.operators import require_name
from lifecycle.recipients.claims import envelope_of
from lifecycle.recipients.notice import Envelope, content, seal, unseal
from lifecycle.recipients.tables import OPEN, State, outbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.model import Policy
    from lifecycle.recipients.audience import Addressee, Audience
    from lifecycle.recipients.notice import Matter

BY_HAND_WITHIN = timedelta(days=14)
"""A person has as long to tell a recipient as a programme has unless the policy says otherwise."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_LISTED = [column for column in outbox.c if column.name not in ("body", "lease")]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A notice as anybody may see it.

    Attributes:
        outcome: of the last attempt, in one word; None before the first.
        acknowledgement: reference that the recipient gave.
    """

    envelope: Envelope
    state: State
    queued_at: datetime
    deadline: datetime
    next_attempt: datetime
    attempts: int
    outcome: str | None
    acknowledgement: str | None
    ended_at: datetime | None
    settled_by: str | None
    settled_reason: str | None

    def to_json(self) -> dict[str, Any]:
        """Without what it says."""
        moments = {
            name: getattr(self, name) for name in ("queued_at", "deadline", "next_attempt", "ended_at")
        }
        return {
            "notice": str(self.envelope.notice_id),
            "recipient": self.envelope.recipient,
            "kind": str(self.envelope.kind),
            "request": str(self.envelope.request),
            "state": str(self.state),
            **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
            "attempts": self.attempts,
            "outcome": self.outcome,
            "acknowledgement": self.acknowledgement,
            "settled_by": self.settled_by,
            "settled_reason": self.settled_reason,
        }


def queue(
    connection: Connection,
    keys: KeyProvider,
    policy: Policy,
    audience: Audience,
    matter: Matter,
    *,
    as_of: datetime,
) -> tuple[UUID, ...]:
    """Queue a notice to everybody who is to be told, in the transaction that makes the change.

    Where that is rolled back, nobody is told. A recipient without an address gets one too, for a person to deliver.

    Returns:
        The numbers of the notices, in the order of the audience.

    Raises:
        UsageError: nothing says whom it is about.
    """
    queued = [(uuid4(), addressee) for addressee in audience.addressees]
    for _, addressee in queued:
        if not matter.identities and not addressee.disclosures:
            raise UsageError(
                "a notice has to say whom it is about",
                place=f"recipient {addressee.recipient}",
                next_step="give the identities by which the subject is found",
            )
    if queued:
        rows = [_row(keys, policy, number, addressee, matter, as_of) for number, addressee in queued]
        connection.execute(sa.insert(outbox), rows)
    return tuple(number for number, _ in queued)


def _row(
    keys: KeyProvider, policy: Policy, number: UUID, addressee: Addressee, matter: Matter, as_of: datetime
) -> dict[str, Any]:
    envelope = Envelope(
        notice_id=number, recipient=addressee.recipient, kind=matter.kind, request=matter.request
    )
    body = content(envelope, addressee, matter, controller=policy.controller.name, as_of=as_of)
    return {
        "notice_id": number,
        "recipient": envelope.recipient,
        "kind": envelope.kind,
        "request": envelope.request,
        "body": seal(keys, envelope, body),
        "state": State.BY_HAND if addressee.is_by_hand else State.PENDING,
        "queued_at": as_of,
        "deadline": as_of + time_to_tell(policy, addressee.recipient),
        "next_attempt": as_of,
    }


def time_to_tell(policy: Policy, recipient: str) -> timedelta:
    """How long after a change its recipient is to know, before somebody has to look into it."""
    stated = policy.recipients.get(recipient)
    notify = stated.notify if stated else None
    return timedelta(days=notify.within) if notify else BY_HAND_WITHIN


def listing(
    connection: Connection, *, all_of_them: bool = False, request: UUID | None = None
) -> tuple[Notice, ...]:
    """Notices that a recipient may not know yet, oldest first; all on demand, or those of one request."""
    conditions: list[ColumnElement[bool]] = []
    if not all_of_them:
        conditions.append(outbox.c.state.in_(OPEN))
    if request:
        conditions.append(outbox.c.request == request)
    query = sa.select(*_LISTED).where(*conditions).order_by(outbox.c.position)
    return tuple(
        Notice(
            envelope=envelope_of(row),
            state=State(row.state),
            queued_at=row.queued_at,
            deadline=row.deadline,
            next_attempt=row.next_attempt,
            attempts=row.attempts,
            outcome=row.outcome,
            acknowledgement=row.acknowledgement,
            ended_at=row.ended_at,
            settled_by=row.settled_by,
            settled_reason=row.settled_reason,
        )
        for row in connection.execute(query)
    )


def dead_count(connection: Connection) -> int:
    """How many notices were given up and wait for a person."""
    dead = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.state == State.DEAD)
    return int(connection.scalar(dead) or 0)


def require_none_dead(connection: Connection) -> None:
    """Check that no recipient was given up.

    Raises:
        PromiseBroken: some were; names how many.
    """
    if count := dead_count(connection):
        raise PromiseBroken(
            f"{count} notices were given up: their recipients may not know",
            place="outbox",
            next_step="see lifecycle outbox list; resend them, or tell the recipient otherwise and settle them",
        )


def resend(
    connection: Connection,
    keys: KeyProvider,
    policy: Policy,
    notice_id: UUID,
    *,
    reason: str,
    by: str,
    as_of: datetime,
) -> None:
    """Deliver a dead notice again, from now on, under the number that it had.

    Raises:
        UsageError: it is not dead, its recipient has no address, the reason is no word, nobody does it.
    """
    found = _find(connection, notice_id, (State.DEAD,))
    recipient = policy.recipients.get(found.recipient)
    if recipient is None or recipient.notify is None:
        raise UsageError(
            "the policy in force names no address of its recipient",
            place=str(notice_id),
            next_step="tell the recipient otherwise, and settle it",
        )
    values = {
        "state": State.PENDING,
        "attempts": 0,
        "next_attempt": as_of,
        "deadline": as_of + time_to_tell(policy, found.recipient),
        "ended_at": None,
    }
    _change(connection, notice_id, values)
    _account(connection, keys, "notice_resent", found, reason=reason, by=by, as_of=as_of)


def settle(
    connection: Connection, keys: KeyProvider, notice_id: UUID, *, reason: str, by: str, as_of: datetime
) -> None:
    """End a notice by hand, and forget what it says: the recipient was told otherwise, or need not know.

    Raises:
        UsageError: it is over, the reason is no word, nobody does it.
    """
    found = _find(connection, notice_id, OPEN)
    values = {
        "state": State.SETTLED,
        "body": None,
        "lease": None,
        "leased_until": None,
        "ended_at": as_of,
        "settled_by": by,
        "settled_reason": reason,
    }
    _require_words(reason, by)
    _change(connection, notice_id, values)
    _account(connection, keys, "notice_settled", found, reason=reason, by=by, as_of=as_of)


def open_notice(
    connection: Connection, keys: KeyProvider, notice_id: UUID, *, reason: str, by: str, as_of: datetime
) -> bytes:
    """What a notice says, for somebody who has to tell its recipient by hand; the ledger knows who looked.

    Raises:
        UsageError: it is over, the keyring cannot open it, the reason is no word, nobody does it.
    """
    found = _find(connection, notice_id, OPEN)
    sealed = connection.scalar(sa.select(outbox.c.body).where(outbox.c.notice_id == notice_id))
    body = unseal(keys, found, sealed or b"")
    _account(connection, keys, "notice_opened", found, reason=reason, by=by, as_of=as_of)
    return body


def _find(connection: Connection, notice_id: UUID, states: Sequence[State]) -> Envelope:
    """A notice in one of some states, locked until the transaction ends."""
    query = sa.select(*_LISTED).where(outbox.c.notice_id == notice_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None or row.state not in states:
        raise UsageError(
            "there is no such notice" if row is None else f"it is {row.state}",
            place=str(notice_id),
            next_step=f"name one that is {_either(states)}, as lifecycle outbox list prints it",
        )
    return envelope_of(row)


def _either(states: Iterable[State]) -> str:
    return " or ".join(str(state) for state in states)


def _change(connection: Connection, notice_id: UUID, values: dict[str, Any]) -> None:
    connection.execute(sa.update(outbox).where(outbox.c.notice_id == notice_id).values(**values))


def _account(
    connection: Connection,
    keys: KeyProvider,
    kind: str,
    envelope: Envelope,
    *,
    reason: str,
    by: str,
    as_of: datetime,
) -> None:
    """Enter in the ledger what somebody did about a notice, and why; who, by fingerprint."""
    _require_words(reason, by)
    entry = {**envelope.fields, "reason": reason, "by": keys.fingerprint("operator", by)}
    append(connection, kind, entry, as_of=as_of)


def _require_words(reason: str, by: str) -> None:
    if not _WORD.fullmatch(reason):
        raise UsageError(
            "the reason goes into the ledger and is one word: letters, digits, _ and -, at most 64",
            place="reason",
            next_step="for example told-by-letter, or the number of a case as case-2031",
        )
    require_name(by)
