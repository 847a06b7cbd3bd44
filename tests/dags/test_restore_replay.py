"""The DAG that brings a restored database up to date, after a real restore from a backup made before an erasure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lifecycle.holds import register as holds
from lifecycle.holds.targets import Target
from lifecycle.policy.model import RequestKind
from lifecycle.runs.company import Company
from lifecycle.runs.signing import sign_ledger
from lifecycle.settings import Settings
from support.asking import answer, by_email, verified
from support.backups import back_up, restore
from support.leaks import leaks_in_control_schema
from support.subjects import AS_OF, MARI, rows_of

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from support.airflow import Airflow
    from support.databases import Database

pytestmark = pytest.mark.commitment("R7", "A8", "G1")

NAME = "restore_replay"
SINCE = AS_OF + timedelta(hours=1)
OTHERS = (
    "contract_termination_deletion",
    "customer_data_retention",
    "recipient_notification",
    "website_retention",
)
LATER = AS_OF + timedelta(days=2)
GIVEN = {"since": SINCE.isoformat()}


@pytest.fixture
def company(people) -> Company:
    """The company as the tasks open it: with a copy of its ledger."""
    assert people
    return Company.open(Settings.from_environment())


def erase(company: Company, email: str) -> None:
    request_id = verified(company, by_email(email))
    answer(company, request_id, AS_OF)
    sign_ledger(company, as_of=AS_OF)


def hold(company: Company) -> UUID:
    with company.engine.begin() as connection:
        return holds.place(
            connection, company.rulebook(AS_OF), [Target.parse("app.person:101")], kind="hold",
            reason="litigation", placed_by="Counsel", until=AS_OF + timedelta(days=9000), as_of=AS_OF,
        )  # fmt: skip


def after_a_restore(company: Company, database: Database, folder: Path, *, held: bool = False) -> dict:
    """Erase, and lose it; returns the rows as they were when it was erased."""
    copy = verified(company, by_email("jaan.kask@example.test"), kind=RequestKind.ACCESS)
    answer(company, copy, AS_OF)
    sign_ledger(company, as_of=AS_OF)
    backup = back_up(database, folder / "backup")
    if held:
        hold(company)
    erase(company, MARI)
    rows = rows_of(database)
    company.engine.dispose()
    restore(database, backup)
    assert rows_of(database) != rows
    return rows


def test_whoever_was_erased_since_the_backup_is_erased_again(
    airflow_alone: Airflow, company, database, tmp_path
):
    erased, asked = after_a_restore(company, database, tmp_path), []
    first = airflow_alone.run("request_remainders", LATER)
    assert first.state == "failed", "nothing else goes on"
    found = airflow_alone.run(NAME, LATER, given=GIVEN, ask=airflow_alone.replying("Approve", asked))
    assert found.state == "success"
    (question,) = asked
    assert "whom 1 requests erased" in question.subject
    assert "| erasures | 1 |" in question.body
    assert "| copies destroyed; who has not fetched asks again | 1 |" in question.body
    assert found.results["summary"]["packages"] == 1
    assert found.results["summary"]["rows"] > 0
    assert found.results["summary"]["to_do"] == []
    assert rows_of(database) == erased
    assert not airflow_alone.traces(MARI)
    assert not leaks_in_control_schema([MARI], database)
    second = airflow_alone.run("request_remainders", LATER + timedelta(minutes=1))
    assert second.state == "success"


def test_an_operator_places_lost_holds_again_before_approving(
    airflow_alone: Airflow, company, database, tmp_path
):
    erased = after_a_restore(company, database, tmp_path, held=True)

    def place_and_approve(question) -> None:
        assert "| place | hold |" in question.body
        assert "litigation" in question.body
        company.require_whole_ledger()
        hold(company)
        airflow_alone.answer(question, "Approve")

    found = airflow_alone.run(NAME, LATER, given=GIVEN, ask=place_and_approve)
    assert found.state == "success"
    (left,) = found.results["summary"]["to_do"]
    assert (left["kind"], left["to_do"], left["reason"]) == ("hold", "place", "litigation")
    assert rows_of(database) == erased
    assert ("app.person", "101") in erased


def test_nothing_is_erased_and_nothing_goes_on_where_an_operator_refuses(
    airflow_alone: Airflow, company, database, tmp_path
):
    after_a_restore(company, database, tmp_path)
    before = rows_of(database)
    found = airflow_alone.run(NAME, LATER, given=GIVEN, ask=airflow_alone.replying("Reject", []))
    assert (found.state, "approval" in found.having("failed")) == ("failed", True)
    assert rows_of(database) == before
    entries = database.execute("SELECT count(*) AS entries FROM lifecycle.ledger_entry")
    for other in OTHERS:
        run = airflow_alone.run(other, LATER)
        done = run.having("success") - {"settled"}
        assert (other, run.state, [one for one in done if "." not in one]) == (other, "failed", [])
    assert database.execute("SELECT count(*) AS entries FROM lifecycle.ledger_entry") == entries
    again = airflow_alone.run(
        NAME, LATER + timedelta(minutes=1), given=GIVEN, ask=airflow_alone.replying("Approve", [])
    )
    assert again.state == "success"


@pytest.mark.usefixtures("company")
def test_nobody_is_asked_where_nothing_was_lost(airflow_alone: Airflow, database):
    before = rows_of(database)
    found = airflow_alone.run(NAME, LATER, given=GIVEN)
    assert found.state == "success"
    assert (found.results["summary"]["requests"], found.results["summary"]["rows"]) == (0, 0)
    assert rows_of(database) == before


@pytest.mark.usefixtures("company")
def test_it_is_started_with_a_moment_and_nothing_else(airflow_alone: Airflow):
    airflow_alone.register()
    for given in (
        {"since": "somebody@example.test"},
        {"since": "yesterday"},
        {"since": "2026-03-10T03:00"},
        {},
    ):
        answer = airflow_alone.api().post(
            f"/api/v2/dags/{NAME}/dagRuns", json={"conf": given, "logical_date": None}
        )
        assert answer.status_code == 400


@pytest.mark.usefixtures("company")
def test_a_moment_that_has_not_come_or_is_none_fails_before_anything_is_opened(airflow_alone: Airflow):
    for number, since in enumerate(("2999-01-01T00:00:00Z", "2026-02-30T00:00:00Z")):
        found = airflow_alone.run(NAME, LATER + timedelta(minutes=number), given={"since": since})
        assert (found.having("failed"), found.tries["check_before"]) == ({"check_before"}, 1)
