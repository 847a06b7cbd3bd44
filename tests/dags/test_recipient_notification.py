"""The DAG that tells recipients: it delivers, signs, fails where a person is needed, and knows nothing of subjects."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from lifecycle.recipients import outbox
from lifecycle.recipients.audience import Addressee, Audience
from support import recipient as behaving
from support.companies import CANARY, ledger_of
from support.handovers import EMAIL, MATTER, create_handovers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.airflow import Airflow
    from support.databases import Database
    from support.recipient import Recipient

pytestmark = pytest.mark.commitment("G3", "G1")

NAME = "recipient_notification"


@pytest.fixture
def printer(monkeypatch) -> Iterator[Recipient]:
    with behaving.recipient() as server:
        monkeypatch.setenv("PRINTER_URL", server.url)
        yield server


@pytest.fixture
def queue(database: Database, tmp_path: Path, monkeypatch):
    """Queues a notice to a recipient of the agency, which tasks find through the environment."""
    company = create_handovers(database, tmp_path)
    folders = {"POLICY_DIR": "policies", "DATAMAP_DIR": "datamap", "KEYRING": "keyring", "STATE_DIR": "state"}
    for name, folder in folders.items():
        monkeypatch.setenv(f"LIFECYCLE_{name}", str(tmp_path / folder))
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", database.url)
    now = datetime.now(UTC)

    def enqueue(name: str) -> str:
        addressee = Addressee(recipient=name, collections=(), disclosures=(), is_by_hand=False)
        told = Audience(addressees=(addressee,), unknown=())
        policy = company.version(now).policy
        matter = replace(MATTER, request=uuid4())
        with company.engine.begin() as connection:
            (number,) = outbox.queue(connection, company.keys, policy, told, matter, as_of=now)
        return str(number)

    return enqueue


def kinds_of(database: Database) -> list[str]:
    return [kind for kind, _ in ledger_of(database)]


def test_a_run_tells_recipients_and_signs_that_it_did(airflow_alone: Airflow, queue, printer, database):
    number = queue("printer")
    run = airflow_alone.run(NAME, datetime.now(UTC))
    assert run.state == "success"
    assert run.results["deliver_notices"] == {
        "acknowledged": 1, "again": 0, "dead": 0, "unreachable": {}, "unreadable": 0,
    }  # fmt: skip
    assert printer.keys == [number]
    assert kinds_of(database) == ["recipient_told"]
    assert run.results["sign_what_is_new"]["entries"] == 1
    second = airflow_alone.run(NAME, datetime.now(UTC))
    assert (second.state, second.having("skipped"), len(printer.received)) == (
        "success", {"sign_what_is_new"}, 1,
    )  # fmt: skip


def test_a_run_fails_while_a_recipient_is_given_up_and_signs_all_the_same(
    airflow_alone: Airflow, queue, printer, database
):
    number = queue("printer")
    printer.behave(behaving.answers(410))
    for signed in ({"sign_what_is_new"}, set()):
        run = airflow_alone.run(NAME, datetime.now(UTC))
        assert (run.state, run.having("failed"), run.tries["check_outbox"]) == ("failed", {"check_outbox"}, 1)
        assert run.having("success") == {"deliver_notices"} | signed
    assert (printer.keys, kinds_of(database)) == ([number], ["recipient_not_told"])


def test_a_recipient_that_cannot_be_told_fails_the_run_after_the_others_were(
    airflow_alone: Airflow, queue, printer
):
    queue("cloud")
    queue("printer")
    run = airflow_alone.run(NAME, datetime.now(UTC))
    assert (run.state, run.having("failed")) == ("failed", {"check_outbox"})
    assert run.results["deliver_notices"]["unreachable"] == {"cloud": "CLOUD_URL is not set"}
    assert len(printer.received) == 1


def test_airflow_knows_nothing_of_whom_a_notice_is_about(airflow_alone: Airflow, queue, printer):
    for behaviour in (
        behaving.answers(500, EMAIL.encode(), X_Echo=EMAIL),
        behaving.answers(404, EMAIL.encode()),
    ):
        printer.behave(behaviour)
        queue("printer")
        airflow_alone.run(NAME, datetime.now(UTC))
    printer.behave(behaving.acknowledges(EMAIL))
    queue("printer")
    airflow_alone.run(NAME, datetime.now(UTC))
    assert len(printer.received) == 3
    assert airflow_alone.traces(CANARY) == []
    assert airflow_alone.traces(printer.url) == []
