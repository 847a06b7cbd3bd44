"""Recipients are told of what was erased, once they can be reached, and by nobody else's doing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.recipients.answers import Pace
from lifecycle.recipients.audience import Addressee, Audience, find_audience
from lifecycle.recipients.delivery import Courier, deliver_due
from lifecycle.recipients.exchange import Patience
from lifecycle.recipients.outbox import queue
from lifecycle.recipients.signing import SIGNING_KEY
from support import recipient as behaving
from support.companies import AS_OF, ledger_of
from support.handovers import EMAIL, MATTER, create_handovers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.retention.company import Company
    from support.databases import Database
    from support.recipient import Recipient

pytestmark = pytest.mark.commitment("G3")

PRINTER = Audience(
    addressees=(
        Addressee(recipient="printer", collections=("agency.person",), disclosures=(), is_by_hand=False),
    ),
    unknown=(),
)
HOUR = timedelta(hours=1)


@pytest.fixture
def company(database: Database, tmp_path) -> Company:
    return create_handovers(database, tmp_path)


@pytest.fixture
def printer() -> Iterator[Recipient]:
    with behaving.recipient() as server:
        yield server


@pytest.fixture
def courier(company: Company, printer: Recipient) -> Courier:
    """A worker that knows where the printer is, waits hardly at all for it, and tries again after a minute or more."""
    return Courier(
        engine=company.engine,
        keys=company.keys,
        policy=company.version(AS_OF).policy,
        environment={behaving.VARIABLE: printer.url},
        patience=Patience(connect=1, answer=0.4, content=0.3),
        pace=Pace(first=timedelta(minutes=1), longest=timedelta(hours=1), attempts=5),
        jitter=lambda: 1.0,
    )


def enqueue(courier: Courier, audience: Audience = PRINTER, matter=MATTER, as_of=AS_OF) -> str:
    with courier.engine.begin() as connection:
        (number, *_) = queue(connection, courier.keys, courier.policy, audience, matter, as_of=as_of)
    return str(number)


def state_of(database: Database):
    (row,) = database.execute(
        "SELECT state, attempts, outcome, acknowledgement, body IS NULL AS is_forgotten, next_attempt"
        " FROM lifecycle.outbox"
    )
    return row


def test_a_notice_reaches_its_recipient_signed_and_is_forgotten(courier, printer, database):
    number = enqueue(courier)
    delivery = deliver_due(courier, as_of=AS_OF)
    assert (delivery.acknowledged, delivery.again, delivery.dead) == (1, 0, 0)
    (received,) = printer.received
    assert received.key == number
    assert received.document["identities"] == [{"kind": "email", "value": EMAIL}]
    assert received.is_signed_by(courier.keys.signing_key(SIGNING_KEY).public_key)
    row = state_of(database)
    assert (row.state, row.attempts, row.acknowledgement, row.is_forgotten) == (
        "acknowledged", 1, "ref-1", True,
    )  # fmt: skip
    assert ledger_of(database) == [
        (
            "recipient_told",
            {
                "notice": number,
                "recipient": "printer",
                "notice_kind": "erasure",
                "request": str(MATTER.request),
                "attempts": 1,
            },
        )
    ]
