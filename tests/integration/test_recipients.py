"""Recipients are told until they acknowledge it, whatever they answer and whoever is killed meanwhile."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from lifecycle.errors import PromiseBroken, UsageError
from lifecycle.keys.keyring import FileKeyring
from lifecycle.recipients import claims, outbox
from lifecycle.recipients.answers import Pace
from lifecycle.recipients.audience import Addressee, Audience
from lifecycle.recipients.delivery import AT_ONCE, Courier, deliver_due, require_delivered
from lifecycle.recipients.exchange import Patience
from lifecycle.recipients.signing import SIGNING_KEY
from lifecycle.recipients.tables import Kind
from support import recipient as behaving
from support.companies import AS_OF, CANARY, ledger_of
from support.handovers import EMAIL, MATTER, create_handovers
from support.processes import run_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.recipients.delivery import Delivery
    from lifecycle.runs.company import Company
    from support.databases import Database
    from support.recipient import Recipient

pytestmark = pytest.mark.commitment("G3")

MINUTE = timedelta(minutes=1)
LATER = claims.LEASE + MINUTE
IN_TIME = timedelta(days=14)


def audience_of(*recipients: str) -> Audience:
    """Recipients that received persons, and no log about it."""
    return Audience(
        addressees=tuple(
            Addressee(
                recipient=one,
                collections=("agency.person",),
                disclosures=(),
                is_by_hand=one == "courier",
            )
            for one in recipients
        ),
        unknown=(),
    )


PRINTER = audience_of("printer")


@pytest.fixture
def company(database: Database, tmp_path) -> Company:
    return create_handovers(database, tmp_path)


@pytest.fixture
def printer() -> Iterator[Recipient]:
    with behaving.recipient() as server:
        yield server


@pytest.fixture
def courier(company: Company, printer: Recipient) -> Courier:
    """A worker that knows where the printer is, and tries again after a minute or more."""
    return Courier(
        engine=company.engine,
        keys=company.keys,
        policy=company.version(AS_OF).policy,
        environment={"PRINTER_URL": printer.url},
        pace=Pace(first=MINUTE, longest=timedelta(hours=1), attempts=4),
        jitter=lambda: 1.0,
    )


def hasty(courier: Courier) -> Courier:
    """One that waits hardly at all for an answer."""
    return replace(courier, patience=Patience(connect=1, answer=0.4, content=0.3))


def enqueue(courier: Courier, audience: Audience = PRINTER, matter=MATTER, as_of=AS_OF) -> str:
    """Queue a notice to each, as the change is committed that it tells of; the number of the first."""
    with courier.engine.begin() as connection:
        (number, *_) = outbox.queue(connection, courier.keys, courier.policy, audience, matter, as_of=as_of)
    return str(number)


def state_of(database: Database, recipient: str = "printer"):
    (row,) = database.execute(
        "SELECT state, attempts, outcome, acknowledgement, body IS NULL AS is_forgotten, next_attempt, lease"
        " FROM lifecycle.outbox WHERE recipient = :recipient",
        {"recipient": recipient},
    )
    return row


def counted(delivery: Delivery) -> tuple[int, int, int]:
    return delivery.acknowledged, delivery.again, delivery.dead


def kinds_of(database: Database) -> list[str]:
    return [kind for kind, _ in ledger_of(database)]


# --- a recipient that answers


def test_a_notice_reaches_its_recipient_and_is_forgotten(courier, printer, database):
    number = enqueue(courier)
    assert counted(deliver_due(courier, as_of=AS_OF)) == (1, 0, 0)
    (received,) = printer.received
    assert received.key == number
    assert received.headers["content-type"] == "application/json"
    assert received.document == {
        "format": 1,
        "notice": number,
        "kind": "erasure",
        "request": str(MATTER.request),
        "controller": "An agency",
        "decided_at": AS_OF.isoformat(),
        "identities": [{"kind": "email", "value": EMAIL}],
        "collections": ["agency.person"],
        "disclosures": [],
    }
    row = state_of(database)
    assert (row.state, row.attempts, row.outcome) == ("acknowledged", 1, "status_200")
    assert (row.acknowledgement, row.is_forgotten, row.lease) == ("ref-1", True, None)
    told = {
        "notice": number,
        "recipient": "printer",
        "notice_kind": "erasure",
        "request": str(MATTER.request),
    }
    assert ledger_of(database) == [("recipient_told", {**told, "attempts": 1})]
    assert counted(deliver_due(courier, as_of=AS_OF + LATER)) == (0, 0, 0)
    assert len(printer.received) == 1


def test_a_notice_is_signed_over_what_it_says_and_where_it_goes(courier, printer):
    enqueue(courier)
    deliver_due(courier, as_of=AS_OF)
    (received,) = printer.received
    key = courier.keys.signing_key(SIGNING_KEY).public_key
    assert received.is_signed_by(key)
    assert f'keyid="{key.key_id}"' in received.headers["signature-input"]
    for changed in (
        replace(received, content=received.content + b" "),
        replace(received, target=received.target + "&more"),
        replace(received, headers={**received.headers, "idempotency-key": f'"{uuid4()}"'}),
    ):
        assert not changed.is_signed_by(key)
    assert not received.is_signed_by(courier.keys.signing_key("another").public_key)


def test_a_change_that_is_rolled_back_tells_nobody(courier, printer, database):
    with courier.engine.connect() as connection:
        outbox.queue(connection, courier.keys, courier.policy, PRINTER, MATTER, as_of=AS_OF)
        connection.rollback()
    assert counted(deliver_due(courier, as_of=AS_OF)) == (0, 0, 0)
    assert printer.received == database.execute("SELECT * FROM lifecycle.outbox") == []


@pytest.mark.parametrize("reference", [EMAIL, "canary.1.1", "not one"])
def test_an_acknowledgement_counts_and_its_reference_only_where_it_names_nobody(
    courier, printer, database, reference
):
    enqueue(courier)
    printer.behave(behaving.acknowledges(reference))
    assert counted(deliver_due(courier, as_of=AS_OF)) == (1, 0, 0)
    assert state_of(database).acknowledgement is None


@pytest.mark.parametrize(
    "behaviour", [behaving.answers_twice, behaving.acknowledges_without_end, behaving.answers(204)]
)
def test_an_acknowledgement_is_one_whatever_comes_after_it(courier, printer, database, behaviour):
    enqueue(courier)
    printer.behave(behaviour)
    assert counted(deliver_due(hasty(courier), as_of=AS_OF)) == (1, 0, 0)
    assert state_of(database).state == "acknowledged"


def test_no_more_of_an_answer_is_read_than_is_useful(courier, printer, database):
    enqueue(courier)
    sent = []

    def floods(_, handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(160):
            handler.wfile.write(b" " * 65_536)
            sent.append(65_536)

    printer.behave(floods)
    assert counted(deliver_due(courier, as_of=AS_OF)) == (1, 0, 0)
    assert state_of(database).acknowledgement is None
    assert sum(sent) < 10_000_000


def test_what_follows_an_acknowledgement_slowly_is_not_waited_for(courier, printer):
    enqueue(courier)
    sent = []

    def drips(one, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        while len(sent) < 100 and not one.released.wait(0.05):
            handler.wfile.write(b" ")
            sent.append(1)

    printer.behave(drips)
    assert counted(deliver_due(hasty(courier), as_of=AS_OF)) == (1, 0, 0)
    assert len(sent) < 100


# --- a recipient that does not


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (behaving.answers(500), "status_500"),
        (behaving.answers(503), "status_503"),
        (behaving.answers(408), "status_408"),
        (behaving.answers(425), "status_425"),
        (behaving.answers(429), "status_429"),
        (behaving.hangs, "timeout"),
        (behaving.trickles, "timeout"),
        (behaving.resets, "broken"),
        (behaving.no_http, "broken"),
    ],
)
def test_what_may_pass_is_tried_again_under_the_same_number(courier, printer, database, behaviour, outcome):
    number = enqueue(courier)
    printer.behave(behaviour, behaviour, behaving.acknowledges())
    at, worker = AS_OF, hasty(courier) if outcome == "timeout" else courier
    for attempt in (1, 2):
        assert counted(deliver_due(worker, as_of=at)) == (0, 1, 0)
        row = state_of(database)
        assert (row.state, row.attempts, row.outcome, row.lease) == ("pending", attempt, outcome, None)
        assert not row.is_forgotten
        assert row.next_attempt - at >= MINUTE * attempt
        assert counted(deliver_due(courier, as_of=row.next_attempt - MINUTE)) == (0, 0, 0)
        at = row.next_attempt
    assert counted(deliver_due(courier, as_of=at)) == (1, 0, 0)
    assert printer.keys == [number] * 3
    assert kinds_of(database) == ["recipient_told"]


def test_a_recipient_that_nobody_answers_for_is_tried_again(courier, database):
    enqueue(courier)
    with behaving.recipient() as gone:
        nowhere = replace(courier, environment={"PRINTER_URL": gone.url})
    assert counted(deliver_due(nowhere, as_of=AS_OF)) == (0, 1, 0)
    assert state_of(database).outcome == "unreachable"


def test_a_recipient_is_left_alone_as_long_as_it_asks_for(courier, printer, database):
    enqueue(courier)
    printer.behave(behaving.answers(429, Retry_After="7200"))
    deliver_due(courier, as_of=AS_OF)
    assert state_of(database).next_attempt - AS_OF >= timedelta(hours=2)


@pytest.mark.parametrize("status", [400, 404, 302, 307])
def test_what_trying_again_does_not_mend_waits_for_a_person_at_once(courier, printer, database, status):
    number = enqueue(courier)
    printer.behave(behaving.answers(status, Location="/elsewhere"))
    assert counted(deliver_due(courier, as_of=AS_OF)) == (0, 0, 1)
    row = state_of(database)
    assert (row.state, row.outcome, row.is_forgotten) == ("dead", f"status_{status}", False)
    assert len(printer.received) == 1
    ((kind, body),) = ledger_of(database)
    assert (kind, body["notice"], body["outcome"]) == ("recipient_not_told", number, f"status_{status}")
    with (
        courier.engine.connect() as connection,
        pytest.raises(PromiseBroken, match="1 notices were given up"),
    ):
        outbox.require_none_dead(connection)


def test_after_the_last_attempt_a_notice_waits_for_a_person(courier, printer, database):
    enqueue(courier)
    printer.behave(behaving.answers(500))
    at = AS_OF
    for _ in range(3):
        assert counted(deliver_due(courier, as_of=at)) == (0, 1, 0)
        at = state_of(database).next_attempt
    assert counted(deliver_due(courier, as_of=at)) == (0, 0, 1)
    assert (state_of(database).state, state_of(database).attempts) == ("dead", 4)
    assert counted(deliver_due(courier, as_of=at + IN_TIME)) == (0, 0, 0)
    assert len(printer.received) == 4


def test_after_its_deadline_a_notice_waits_for_a_person_and_is_not_delivered(courier, printer, database):
    enqueue(courier)
    assert counted(deliver_due(replace(courier, environment={}), as_of=AS_OF)) == (0, 0, 0)
    assert counted(deliver_due(courier, as_of=AS_OF + IN_TIME)) == (0, 0, 1)
    assert (state_of(database).state, state_of(database).outcome) == ("dead", "expired")
    assert printer.received == []
    assert kinds_of(database) == ["recipient_not_told"]


@pytest.mark.parametrize("behaviour", [behaving.hangs, behaving.answers(429), behaving.answers(503)])
def test_a_recipient_that_is_out_or_busy_holds_up_no_other_and_loses_no_attempts(
    courier, printer, database, behaviour
):
    printer.behave(behaviour)
    for _ in range(20):
        enqueue(courier, matter=replace(MATTER, request=uuid4()))
    with behaving.recipient() as cloud:
        enqueue(courier, audience_of("cloud"))
        there = {**courier.environment, "CLOUD_URL": cloud.url}
        both = replace(courier, environment=there, patience=Patience(answer=1))
        assert counted(deliver_due(both, as_of=AS_OF)) == (1, AT_ONCE, 0)
    assert len(printer.received) == AT_ONCE
    assert database.execute("SELECT sum(attempts) FROM lifecycle.outbox WHERE state = 'pending'") == [
        (AT_ONCE,)
    ]


# --- where recipients are


@pytest.mark.parametrize("address", ["", "http://recipient.example/notices?secret=s3cret"])
def test_a_recipient_without_a_safe_address_is_named_and_stops_no_other(courier, database, address, caplog):
    enqueue(courier, audience_of("cloud", "printer"))
    there = {**courier.environment, "CLOUD_URL": address}
    delivery = deliver_due(replace(courier, environment=there), as_of=AS_OF)
    assert (counted(delivery), list(delivery.unreachable)) == ((1, 0, 0), ["cloud"])
    with pytest.raises(UsageError, match="cloud: CLOUD_URL") as refused:
        require_delivered(delivery.unreachable, delivery.unreadable)
    assert "s3cret" not in str(refused.value) + caplog.text
    assert (state_of(database, "cloud").state, state_of(database, "cloud").attempts) == ("pending", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_needs_no_encryption_and_no_proxy(courier, printer, monkeypatch, host):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    enqueue(courier)
    address = printer.url.replace("127.0.0.1", host)
    delivery = deliver_due(replace(courier, environment={"PRINTER_URL": address}), as_of=AS_OF)
    assert counted(delivery) == (1, 0, 0)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(courier, database, tmp_path, monkeypatch):
    certificate = behaving.self_signed(tmp_path / "server.pem")
    with behaving.recipient(certificate) as elsewhere:
        there = replace(courier, environment={"PRINTER_URL": elsewhere.url})
        enqueue(courier)
        assert counted(deliver_due(there, as_of=AS_OF)) == (0, 1, 0)
        assert (state_of(database).outcome, elsewhere.received) == ("untrusted", [])
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert counted(deliver_due(there, as_of=AS_OF + LATER)) == (1, 0, 0)


# --- several workers, and such as are killed


_DELIVER = """
import sys
from datetime import datetime
from pathlib import Path
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.recipients.delivery import Courier, deliver_due
from lifecycle.store.engine import connect
from lifecycle.store.roles import Role
url, folder, address, as_of = sys.argv[1:]
folder = Path(folder)
deliver_due(
    Courier(
        engine=connect(url, role=Role.ENGINE), keys=FileKeyring(folder / "keyring", environment={}),
        policy=load_policies(folder / "policies")[0].policy, environment={"PRINTER_URL": address},
    ),
    as_of=datetime.fromisoformat(as_of),
)
"""


def test_a_worker_that_is_killed_after_the_recipient_heard_it_repeats_itself_under_the_same_number(
    courier, printer, database, tmp_path
):
    number = enqueue(courier)
    printer.behave(behaving.hangs, behaving.acknowledges())
    arguments = (database.url, str(tmp_path), printer.url, AS_OF.isoformat())
    run_until(printer.arrived.is_set, _DELIVER, *arguments, output=tmp_path / "said")
    assert (state_of(database).state, state_of(database).attempts) == ("pending", 1)
    assert counted(deliver_due(courier, as_of=AS_OF)) == (0, 0, 0), "its lease has not ended"
    assert counted(deliver_due(courier, as_of=AS_OF + LATER)) == (1, 0, 0)
    assert printer.keys == [number] * 2
    assert [body["attempts"] for _, body in ledger_of(database)] == [2]


def test_no_transaction_is_open_while_a_recipient_is_asked(courier, printer, database):
    enqueue(courier)
    seen = []

    def looks(one, handler):
        seen.extend(
            database.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL"
            )
        )
        behaving.acknowledges()(one, handler)

    printer.behave(looks)
    assert counted(deliver_due(courier, as_of=AS_OF)) == (1, 0, 0)
    assert seen == []


def test_workers_at_the_same_time_tell_each_recipient_once(courier, printer, database):
    numbers = {enqueue(courier, matter=replace(MATTER, request=uuid4())) for _ in range(40)}
    with ThreadPoolExecutor(3) as workers:
        runs = [workers.submit(deliver_due, courier, as_of=AS_OF) for _ in range(3)]
    assert sum(run.result().acknowledged for run in runs) == 40
    assert sorted(printer.keys) == sorted(numbers)
    assert len(ledger_of(database)) == 40


def test_an_acknowledgement_counts_that_comes_after_another_worker_has_taken_over(courier, printer, database):
    enqueue(courier)
    printer.behave(behaving.answers_late, behaving.hangs)
    with ThreadPoolExecutor(1) as worker:
        first = worker.submit(deliver_due, courier, as_of=AS_OF)
        assert printer.arrived.wait(10)
        with courier.engine.begin() as connection:
            (second,) = claims.claim(connection, ["printer"], most=1, as_of=AS_OF + LATER)
        printer.released.set()
        assert counted(first.result()) == (1, 0, 0)
    with courier.engine.begin() as connection:
        assert not claims.put_back(connection, second, outcome="timeout", next_attempt=AS_OF)
        assert not claims.give_up(connection, second, outcome="timeout", as_of=AS_OF)
        assert not claims.acknowledge(connection, second, outcome="ok", reference=None, as_of=AS_OF)
    assert (state_of(database).state, kinds_of(database)) == ("acknowledged", ["recipient_told"])


def test_a_worker_that_comes_too_late_changes_nothing_that_another_has_taken_over(courier, database):
    enqueue(courier)
    with courier.engine.begin() as connection:
        (first,) = claims.claim(connection, ["printer"], most=1, as_of=AS_OF)
        (second,) = claims.claim(connection, ["printer"], most=1, as_of=AS_OF + LATER)
        assert not claims.give_up(connection, first, outcome="timeout", as_of=AS_OF)
        assert not claims.put_back(connection, first, outcome="timeout", next_attempt=AS_OF)
    row = state_of(database)
    assert (row.state, row.lease, row.attempts) == ("pending", second.token, 2)


def test_a_notice_that_is_on_its_way_is_not_given_up_at_its_deadline(courier, database):
    enqueue(courier)
    almost = AS_OF + IN_TIME - MINUTE
    with courier.engine.begin() as connection:
        (leased,) = claims.claim(connection, ["printer"], most=1, as_of=almost)
        assert claims.expire(connection, as_of=AS_OF + IN_TIME) == 0
        assert claims.acknowledge(connection, leased, outcome="ok", reference=None, as_of=AS_OF + IN_TIME)
    assert state_of(database).state == "acknowledged"


def test_notices_of_one_request_reach_a_recipient_in_their_order(courier, printer):
    kinds = (Kind.RESTRICTION, Kind.RESTRICTION_LIFTED)
    for kind in kinds:
        enqueue(courier, matter=replace(MATTER, kind=kind))
    printer.behave(behaving.answers(503), behaving.acknowledges())
    assert counted(deliver_due(courier, as_of=AS_OF)) == (0, 1, 0)
    assert counted(deliver_due(courier, as_of=AS_OF + LATER)) == (2, 0, 0)
    assert [one.document["kind"] for one in printer.received] == ["restriction", *kinds]


# --- what people do


def test_a_dead_notice_is_resent_under_its_number_with_new_time(courier, printer, database):
    number = enqueue(courier)
    printer.behave(behaving.answers(404), behaving.acknowledges())
    deliver_due(courier, as_of=AS_OF)
    at = AS_OF + timedelta(days=30)
    with courier.engine.begin() as connection:
        outbox.resend(
            connection,
            courier.keys,
            courier.policy,
            UUID(number),
            reason="new-address",
            by="olivia",
            as_of=at,
        )
    assert counted(deliver_due(courier, as_of=at)) == (1, 0, 0)
    assert printer.keys == [number] * 2
    assert kinds_of(database) == ["recipient_not_told", "notice_resent", "recipient_told"]
    _, resent = ledger_of(database)[1]
    assert (resent["reason"], resent["by"]) == ("new-address", courier.keys.fingerprint("operator", "olivia"))


def test_a_notice_that_is_settled_by_hand_is_forgotten(courier, printer, database):
    number = enqueue(courier)
    printer.behave(behaving.answers(404))
    deliver_due(courier, as_of=AS_OF)
    with courier.engine.begin() as connection:
        outbox.settle(
            connection, courier.keys, UUID(number), reason="told-by-letter", by="olivia", as_of=AS_OF
        )
    assert (state_of(database).state, state_of(database).is_forgotten) == ("settled", True)
    with courier.engine.connect() as connection:
        outbox.require_none_dead(connection)
        assert outbox.listing(connection) == ()
        (settled,) = outbox.listing(connection, all_of_them=True)
    assert (settled.settled_by, settled.settled_reason) == ("olivia", "told-by-letter")
    kind, body = ledger_of(database)[-1]
    assert (kind, body["reason"]) == ("notice_settled", "told-by-letter")
    assert "olivia" not in str(body)


@pytest.mark.parametrize("act", ["resend", "settle", "open_notice"])
@pytest.mark.parametrize(
    ("reason", "by"),
    [("", "olivia"), (f"told {EMAIL}", "olivia"), ("told-by-letter", " "), ("told-by-letter", "x\ny")],
)
def test_who_sees_to_a_notice_says_why_in_a_word(courier, printer, database, act, reason, by):
    number = enqueue(courier)
    printer.behave(behaving.answers(404))
    deliver_due(courier, as_of=AS_OF)
    policy = [courier.policy] if act == "resend" else []
    told_why = pytest.raises(UsageError, match=r"is one word|has to be known who|one line of characters")
    with told_why as refused, courier.engine.begin() as connection:
        getattr(outbox, act)(
            connection, courier.keys, *policy, UUID(number), reason=reason, by=by, as_of=AS_OF
        )
    assert CANARY not in str(refused.value)
    assert (state_of(database).state, kinds_of(database)) == ("dead", ["recipient_not_told"])


def test_what_is_over_is_over(courier):
    number = UUID(enqueue(courier))
    deliver_due(courier, as_of=AS_OF)
    told = {"reason": "again", "by": "olivia", "as_of": AS_OF}
    with courier.engine.begin() as connection:
        for wanted in (number, uuid4()):
            with pytest.raises(UsageError, match=r"it is acknowledged|there is no such notice"):
                outbox.resend(connection, courier.keys, courier.policy, wanted, **told)
            with pytest.raises(UsageError):
                outbox.settle(connection, courier.keys, wanted, **told)
            with pytest.raises(UsageError):
                outbox.open_notice(connection, courier.keys, wanted, **told)


def test_a_recipient_without_an_address_is_told_by_a_person_in_time_or_counts_as_given_up(courier, database):
    number = UUID(enqueue(courier, audience_of("courier")))
    assert counted(deliver_due(courier, as_of=AS_OF)) == (0, 0, 0)
    assert state_of(database, "courier").state == "by_hand"
    with courier.engine.begin() as connection:
        said = outbox.open_notice(
            connection, courier.keys, number, reason="telephone", by="olivia", as_of=AS_OF
        )
    assert json.loads(said)["identities"] == [{"kind": "email", "value": EMAIL}]
    assert kinds_of(database) == ["notice_opened"]
    assert counted(deliver_due(courier, as_of=AS_OF + IN_TIME)) == (0, 0, 1)
    assert state_of(database, "courier").state == "dead"
    told = {"reason": "again", "by": "olivia", "as_of": AS_OF}
    with courier.engine.begin() as connection:
        with pytest.raises(UsageError, match="names no address"):
            outbox.resend(connection, courier.keys, courier.policy, number, **told)
        outbox.settle(connection, courier.keys, number, **told)


def test_a_notice_that_says_about_nobody_is_not_queued(courier, database):
    with pytest.raises(UsageError, match="whom it is about"):
        enqueue(courier, matter=replace(MATTER, identities=()))
    assert database.execute("SELECT * FROM lifecycle.outbox") == []


# --- whom it is about


def test_a_notice_cannot_be_read_with_another_key_nor_given_to_another_recipient(
    courier, printer, database, tmp_path
):
    enqueue(courier, audience_of("printer", "courier"))
    stranger = replace(courier, keys=FileKeyring(tmp_path / "other", environment={}))
    delivery = deliver_due(stranger, as_of=AS_OF)
    assert (counted(delivery), delivery.unreadable, printer.received) == ((0, 1, 0), 1, [])
    with pytest.raises(UsageError, match="cannot be opened"):
        require_delivered(delivery.unreachable, delivery.unreadable)
    swap = "SELECT body FROM lifecycle.outbox WHERE recipient = 'courier'"
    database.execute(f"UPDATE lifecycle.outbox SET body = ({swap}) WHERE recipient = 'printer'")
    assert deliver_due(courier, as_of=AS_OF + LATER).unreadable == 1
    assert printer.received == []


def test_identifiers_stand_in_the_sealed_body_alone(courier, printer, database, caplog):
    """In no table of the control schema, no log of any library, however much is logged, and no error."""
    caplog.set_level(logging.DEBUG)
    echo = behaving.answers(404, json.dumps({"reference": EMAIL}).encode(), X_Echo=EMAIL)
    printer.behave(behaving.answers(500, b"x", X_Echo=EMAIL), behaving.acknowledges(EMAIL), echo)
    corrections = {"agency.person.phone": "+372canary"}
    for kind in Kind:
        enqueue(courier, matter=replace(MATTER, kind=kind, request=uuid4(), corrections=corrections))
    deliver_due(courier, as_of=AS_OF)
    deliver_due(courier, as_of=AS_OF + LATER)
    assert any(CANARY in one.content.decode() for one in printer.received)
    tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'lifecycle'")
    for (table,) in tables:
        rows = database.execute(f"SELECT row_to_json(one)::text FROM lifecycle.{table} AS one")
        assert not any(CANARY in text.lower() for (text,) in rows), table
    hexadecimal = CANARY.encode().hex()
    bodies = database.execute("SELECT encode(body, 'hex') FROM lifecycle.outbox WHERE body IS NOT NULL")
    assert bodies
    assert not any(hexadecimal in body for (body,) in bodies)
    assert CANARY not in caplog.text.lower()
    assert CANARY not in repr((courier, MATTER)).lower()


def test_what_is_forgotten_stays_in_no_statistics(database):
    (row,) = database.execute(
        "SELECT attstattarget FROM pg_attribute"
        " WHERE attrelid = 'lifecycle.outbox'::regclass AND attname = 'body'"
    )
    assert row == (0,)
