"""Delivering what is due: lease, ask the recipient, note what it said; again until nothing is due."""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from random import SystemRandom
from time import monotonic
from typing import TYPE_CHECKING, Any

from lifecycle.errors import UsageError
from lifecycle.recipients import claims
from lifecycle.recipients.addresses import address_of
from lifecycle.recipients.answers import Answer, Meaning, Pace, asked_wait, reference_in
from lifecycle.recipients.exchange import Patience, exchange_all, trusted
from lifecycle.recipients.notice import personal_values, unseal
from lifecycle.recipients.signing import SIGNING_KEY, Message, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from ssl import SSLContext

    from sqlalchemy import Connection, Engine

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.model import Policy
    from lifecycle.recipients.claims import Claim

logger = logging.getLogger(__name__)

AT_ONCE = 8
"""Notices that a worker delivers at the same time."""
UNREADABLE = "unreadable"
"""Outcome of a notice that no key of the keyring opens."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What a run came to.

    Attributes:
        acknowledged: notices that recipients know now.
        again: attempts after which there will be another.
        dead: notices that were given up.
        unreachable: recipients that have no usable address, and why.
        unreadable: of the attempts, those at a notice that could not be opened.
    """

    acknowledged: int
    again: int
    dead: int
    unreachable: Mapping[str, str]
    unreadable: int

    def to_json(self) -> dict[str, Any]:
        """Counts, and recipients by name."""
        return {
            "acknowledged": self.acknowledged,
            "again": self.again,
            "dead": self.dead,
            "unreachable": dict(self.unreachable),
            "unreadable": self.unreadable,
        }


def require_delivered(unreachable: Mapping[str, str], unreadable: int) -> None:
    """Complain of what a person has to set right, once everything else was done.

    Args:
        unreachable: recipients without a usable address, and why, as :class:`Delivery` has them.
        unreadable: attempts at notices that could not be opened.

    Raises:
        UsageError: there are any.
    """
    if unreachable:
        raise UsageError(
            "; ".join(f"{name}: {why}" for name, why in unreachable.items()),
            place="recipients that cannot be told",
            next_step="set the variables that the policy names; their notices wait until then",
        )
    if unreadable:
        raise UsageError(
            "a notice cannot be opened: another key sealed it, or it was changed",
            place="outbox",
            next_step="point LIFECYCLE_KEYRING to the keyring that it was queued with",
        )


@dataclass(frozen=True, kw_only=True)
class Courier:
    """How notices are delivered.

    Attributes:
        environment: holds the addresses.
        pace: how often is tried.
        patience: how long a recipient may take.
        jitter: from 0 to 1, anew for each wait.
    """

    engine: Engine
    keys: KeyProvider
    policy: Policy
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    pace: Pace = field(default_factory=Pace)
    patience: Patience = field(default_factory=Patience)
    jitter: Callable[[], float] = SystemRandom().random


_Attempt = tuple[Meaning, str]
"""What becomes of a notice by an attempt, and what the attempt came to in a word."""


def deliver_due(courier: Courier, *, as_of: datetime, most: int = 10_000) -> Delivery:
    """Deliver every notice that is due, and give up those whose deadline has passed.

    A recipient that is out or busy is left alone for the rest of the run, so that it holds up no other. Several
    workers may do so at once. Each notice goes out at least once; one that is repeated has the same number
    in ``Idempotency-Key``.

    Args:
        courier: whose notices, where to, and how.
        as_of: now; the time that the run itself takes is added to it.
        most: notices after which the run ends.
    """
    started = monotonic()

    def now() -> datetime:
        return as_of + timedelta(seconds=monotonic() - started)

    attempts: list[_Attempt] = []
    with courier.engine.connect() as connection:
        with connection.begin():
            expired = claims.expire(connection, as_of=as_of)
            addresses, unreachable = _addresses(courier, claims.recipients_due(connection, as_of=as_of))
        trust, willing = trusted() if addresses else None, set(addresses)
        while trust and willing and len(attempts) < most:
            with connection.begin():
                claimed = claims.claim(connection, willing, most=AT_ONCE, as_of=now())
            if not claimed:
                break
            for one, answer, personal in _ask(courier, claimed, addresses, trust, now()):
                with connection.begin():
                    attempts.append(_note(connection, courier, one, answer, personal, as_of=now()))
                if answer.wants_rest:
                    willing.discard(one.envelope.recipient)
    meanings = Counter(meaning for meaning, _ in attempts)
    return Delivery(
        acknowledged=meanings[Meaning.ACKNOWLEDGED],
        again=meanings[Meaning.AGAIN],
        dead=meanings[Meaning.NEVER] + expired,
        unreachable=unreachable,
        unreadable=sum(outcome == UNREADABLE for _, outcome in attempts),
    )


def _addresses(courier: Courier, recipients: frozenset[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Where each recipient is reached, and why some are not."""
    addresses: dict[str, str] = {}
    unreachable: dict[str, str] = {}
    for recipient in sorted(recipients):
        try:
            addresses[recipient] = address_of(courier.policy, recipient, courier.environment)
        except UsageError as error:
            logger.error("%s", error)  # noqa: TRY400 - it says all there is to say; a trace would add nothing
            unreachable[recipient] = error.message
    return addresses, unreachable


def _ask(
    courier: Courier,
    claimed: tuple[Claim, ...],
    addresses: Mapping[str, str],
    trust: SSLContext,
    created: datetime,
) -> list[tuple[Claim, Answer, tuple[str, ...]]]:
    """Deliver what was leased, all at the same time: what each recipient said, and what it may not repeat."""
    bodies = [(one, _opened(courier, one)) for one in claimed]
    opened = [(one, body) for one, body in bodies if body is not None]
    messages = [_message(courier, one, body, addresses, created) for one, body in opened]
    answers = exchange_all(messages, courier.patience, trust)
    unread = Answer(outcome=UNREADABLE)
    return [
        *((one, answer, personal_values(body)) for (one, body), answer in zip(opened, answers, strict=True)),
        *((one, unread, ()) for one, body in bodies if body is None),
    ]


def _opened(courier: Courier, claimed: Claim) -> bytes | None:
    try:
        return unseal(courier.keys, claimed.envelope, claimed.sealed)
    except UsageError as error:
        logger.error("%s", error)  # noqa: TRY400 - it says all there is to say; a trace would add nothing
        return None


def _message(
    courier: Courier, claimed: Claim, body: bytes, addresses: Mapping[str, str], created: datetime
) -> Message:
    message = Message(
        url=addresses[claimed.envelope.recipient],
        content=body,
        headers={
            "Content-Type": "application/json",
            "Idempotency-Key": f'"{claimed.envelope.notice_id}"',
            "User-Agent": "lifecycle",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        },
    )
    sign(message, courier.keys.signing_key(SIGNING_KEY), created=created)
    return message


def _note(
    connection: Connection,
    courier: Courier,
    claimed: Claim,
    answer: Answer,
    personal: tuple[str, ...],
    *,
    as_of: datetime,
) -> _Attempt:
    """Write down what became of a notice."""
    meaning = answer.meaning
    if meaning is Meaning.AGAIN and claimed.attempts >= courier.pace.attempts:
        meaning = Meaning.NEVER
    outcome = answer.outcome
    if meaning is Meaning.ACKNOWLEDGED:
        reference = reference_in(answer.content, personal)
        claims.acknowledge(connection, claimed, outcome=outcome, reference=reference, as_of=as_of)
    elif meaning is Meaning.NEVER:
        claims.give_up(connection, claimed, outcome=outcome, as_of=as_of)
    else:
        asked = asked_wait(answer.retry_after, as_of=as_of)
        wait = max(courier.pace.wait(claimed.attempts, courier.jitter()), asked)
        claims.put_back(connection, claimed, outcome=outcome, next_attempt=as_of + wait)
    logger.info("notice %s: %s, %s", claimed.envelope.notice_id, meaning, outcome)
    return meaning, outcome
