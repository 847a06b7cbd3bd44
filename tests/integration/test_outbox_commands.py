"""The outbox on the command line: what waits, what was given up, what a person does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from lifecycle.keys import FileKeyring, PublicKey
from lifecycle.recipients import outbox
from lifecycle.recipients.audience import Addressee, Audience
from lifecycle.recipients.signing import SIGNING_KEY
from support import recipient as behaving
from support.commands import CommandLine
from support.companies import AS_OF, CANARY, agency_settings, ledger_of
from support.handovers import EMAIL, MATTER, create_handovers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.runs.company import Company
    from support.databases import Database
    from support.recipient import Recipient

pytestmark = pytest.mark.commitment("G3")

BROKEN, MISUSED = 1, 2
BY = ("--by", "olivia")


@pytest.fixture(autouse=True)
def company(database: Database, tmp_path) -> Company:
    return create_handovers(database, tmp_path)


@pytest.fixture(autouse=True)
def printer(monkeypatch) -> Iterator[Recipient]:
    with behaving.recipient() as server:
        monkeypatch.setenv("PRINTER_URL", server.url)
        yield server


@pytest.fixture
def lifecycle(database, monkeypatch, capsys, caplog, tmp_path) -> CommandLine:
    """Commands of the company, whose printer has an address."""
    settings = agency_settings(database, tmp_path, tmp_path / "policies")
    settings["DATAMAP_DIR"] = tmp_path / "datamap"
    return CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)


@pytest.fixture
def number(company) -> str:
    """Of a notice to the printer."""
    return queued(company, "printer")


def queued(company, name: str) -> str:
    addressee = Addressee(
        recipient=name, collections=("agency.person",), disclosures=(), is_by_hand=name == "courier"
    )
    told = Audience(addressees=(addressee,), unknown=())
    policy = company.version(AS_OF).policy
    with company.engine.begin() as connection:
        (number,) = outbox.queue(connection, company.keys, policy, told, MATTER, as_of=AS_OF)
    return str(number)


def test_what_waits_is_listed_and_what_is_acknowledged_only_on_demand(lifecycle, number):
    said = lifecycle("outbox", "list")
    assert (said.code, said.out.split()[:3]) == (0, [number, "pending", "printer"])
    assert f"erasure for {MATTER.request}  0 attempts, none yet, until 2026-03-24 03:00" in said.out
    delivered = lifecycle("outbox", "deliver")
    assert (delivered.code, delivered.out) == (0, "1 acknowledged, 0 to be tried again, 0 given up\n")
    assert lifecycle("outbox", "list").out == "there are none\n"
    (listed,) = lifecycle("outbox", "list", "--all", "--json").document
    assert {name: listed[name] for name in ("notice", "state", "attempts", "acknowledgement", "outcome")} == {
        "notice": number,
        "state": "acknowledged",
        "attempts": 1,
        "acknowledgement": "ref-1",
        "outcome": "status_200",
    }
    assert lifecycle("ledger", "verify").code == 0


def test_notices_of_one_request_are_listed_alone(lifecycle, number):
    request = str(MATTER.request)
    assert [
        one["notice"] for one in lifecycle("outbox", "list", "--request", request, "--json").document
    ] == [number]
    assert lifecycle("outbox", "list", "--request", str(uuid4()), "--json").document == []


def test_a_dead_notice_breaks_the_promise_until_a_person_has_seen_to_it(lifecycle, printer, number, database):
    printer.behave(behaving.answers(410), behaving.answers(410), behaving.acknowledges())
    delivered = lifecycle("outbox", "deliver", "--json")
    assert (delivered.code, delivered.document["dead"]) == (BROKEN, 1)
    assert "1 notices were given up" in delivered.err
    assert lifecycle("outbox", "list").code == BROKEN
    assert lifecycle("outbox", "resend", number, "--reason", "new-address", *BY).code == 0
    assert lifecycle("outbox", "list").code == 0
    assert lifecycle("outbox", "deliver").code == BROKEN
    assert lifecycle("outbox", "settle", number, "--reason", "told-by-letter", *BY).code == 0
    assert (lifecycle("outbox", "list").code, lifecycle("outbox", "deliver").code) == (0, 0)
    assert lifecycle("outbox", "resend", number, "--reason", "again", *BY).code == MISUSED
    assert [kind for kind, _ in ledger_of(database)] == [
        "recipient_not_told", "notice_resent", "recipient_not_told", "notice_settled",
    ]  # fmt: skip
    assert lifecycle("ledger", "verify").code == 0


def test_what_a_notice_says_is_shown_to_a_person_who_is_remembered(lifecycle, company, database):
    number = queued(company, "courier")
    shown = lifecycle("outbox", "show", number, "--reason", "telephone", *BY, "--json")
    assert shown.document["identities"] == [{"kind": "email", "value": EMAIL}]
    assert CANARY not in shown.log.lower() + shown.err.lower()
    ((kind, body),) = ledger_of(database)
    assert (kind, body["notice"], body["reason"]) == ("notice_opened", number, "telephone")
    assert EMAIL in lifecycle("outbox", "show", number, "--reason", "telephone", *BY).out


def test_a_recipient_without_an_address_is_bad_configuration_after_the_others_were_told(
    lifecycle, company, number, printer
):
    assert number
    queued(company, "cloud")
    said = lifecycle("outbox", "deliver")
    assert (said.code, len(printer.received)) == (MISUSED, 1)
    assert "1 acknowledged" in said.out
    assert "cloud: CLOUD_URL is not set" in said.err


@pytest.mark.parametrize("command", ["resend", "settle", "show"])
def test_a_notice_that_does_not_exist_is_named(lifecycle, command):
    number = str(uuid4())
    refused = lifecycle("outbox", command, number, "--reason", "why", *BY)
    assert (refused.code, refused.out) == (MISUSED, "")
    assert f"{number}: there is no such notice" in refused.err


def test_nothing_that_is_said_names_anybody(lifecycle, printer, number):
    printer.behave(behaving.answers(500), behaving.answers(404))
    said = [lifecycle("--verbose", "outbox", command) for command in ("deliver", "list")]
    said.append(lifecycle("outbox", "settle", number, "--reason", "told", *BY))
    assert not any(CANARY in one.everything.lower() for one in said)
    assert not any(printer.url in one.everything for one in said)


def test_the_key_that_recipients_check_signatures_with_is_printed(lifecycle, tmp_path):
    printed = PublicKey.from_pem(lifecycle("outbox", "key").out)
    assert printed == FileKeyring(tmp_path / "keyring", environment={}).signing_key(SIGNING_KEY).public_key
    assert lifecycle("outbox", "key", "--json").document["key_id"] == printed.key_id
