"""The DAGs that give subjects what is held: by a real answer over Airflow's API, fetched once, and never in Airflow."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pyzipper

from lifecycle.policy.model import RequestKind
from lifecycle.requests import packages, register
from lifecycle.requests.copies import procedures
from lifecycle.store.roles import Role
from support.asking import answer, by_email, verified
from support.leaks import leaks_in_control_schema
from support.subjects import AS_OF, MARI, rows_of

if TYPE_CHECKING:
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.airflow import Airflow
    from support.databases import Database

pytestmark = pytest.mark.commitment("R2", "R9", "G1")

DAGS = {
    RequestKind.ACCESS: "subject_access",
    RequestKind.PORTABILITY: "subject_portability",
    RequestKind.INFORMATION: "subject_information",
}
PAGE = "/lifecycle/requests"
WORDS = (MARI, "mari.tamm", "00000000-0000-4000-8000-000000000100", "prefers to be called", "51234567")
"""What must not stand in Airflow: identifiers, and what the rows say."""


def run(airflow: Airflow, kind: RequestKind, request_id: UUID, **options: Any) -> Any:
    return airflow.run(DAGS[kind], AS_OF, given={"request_id": str(request_id)}, **options)


def opened(archive: bytes, passphrase: str) -> dict[str, bytes]:
    with pyzipper.AESZipFile(io.BytesIO(archive)) as found:
        assert all(one.wz_aes_strength == 3 for one in found.infolist())  # 3 is AES-256
        found.setpassword(passphrase.encode())
        return {name: found.read(name) for name in found.namelist()}


def test_a_copy_is_approved_in_airflow_and_fetched_once_on_the_page(
    airflow_alone: Airflow, people: Company, database: Database, capfd, caplog
):
    before, asked = rows_of(database), []
    request_id = verified(people, kind=RequestKind.ACCESS)
    found = run(airflow_alone, RequestKind.ACCESS, request_id, ask=airflow_alone.replying("Approve", asked))
    assert found.state == "success"
    (question,) = asked
    assert "| app.person | disclose | 3 |" in question.body
    assert "can be fetched once" in question.body
    page, here = airflow_alone.api(), f"{PAGE}/{request_id}"
    fetched, shown = page.post(f"{here}/package", json={}), page.post(f"{here}/passphrase", json={})
    assert (fetched.headers["content-type"], fetched.headers["cache-control"]) == (
        "application/zip",
        "no-store",
    )
    files = opened(fetched.content, shown.json()["passphrase"])
    assert MARI in files["copy.html"].decode()
    assert json.loads(files["copy.json"])["request"] == str(request_id)
    assert page.post(f"{here}/package", json={}).status_code == 400
    assert page.post(f"{here}/passphrase", json={}).status_code == 400
    told = [(one["what"], one["by"]) for one in page.get(here).json()["events"][-2:]]
    assert told == [
        ("package_fetched", airflow_alone.operator),
        ("passphrase_shown", airflow_alone.operator),
    ]
    captured = capfd.readouterr()
    assert airflow_alone.leaks(WORDS, captured.out, captured.err, caplog.text) == {}
    assert leaks_in_control_schema(WORDS, database) == {}
    assert rows_of(database) == before


def test_what_the_page_handed_out_is_in_the_ledger_after_the_next_day(
    airflow_alone: Airflow, people: Company, database: Database
):
    request_id = verified(people, kind=RequestKind.ACCESS)
    answer(people, request_id, AS_OF)
    with database.connect(Role.INTAKE).begin() as connection:
        packages.fetch(connection, request_id, people.keys, by="Olivia", as_of=AS_OF)
        packages.show_passphrase(connection, request_id, people.keys, by="Olivia", as_of=AS_OF)
    day = airflow_alone.run("request_remainders", AS_OF + timedelta(days=1))
    assert day.results["enter_handed_out"] == 2
    entries = database.execute(
        "SELECT kind, body FROM lifecycle.ledger WHERE kind IN ('package_fetched', 'passphrase_shown') ORDER BY kind"
    )
    assert [tuple(one) for one in entries] == [
        ("package_fetched", {"request": str(request_id)}),
        ("passphrase_shown", {"request": str(request_id)}),
    ]


def test_a_run_that_fails_while_it_reads_the_rows_leaves_nothing_of_them(
    airflow_alone: Airflow, people: Company, database: Database, monkeypatch, capfd, caplog
):
    failures = [ValueError(f"{MARI} prefers to be called"), KeyError("51234567")]

    def fail_first(*arguments: Any, **named: Any) -> bytes:
        if failures:
            raise failures.pop() from ValueError(MARI)
        return archive_of(*arguments, **named)

    archive_of = procedures.encrypted
    monkeypatch.setattr(procedures, "encrypted", fail_first)
    request_id = verified(people, kind=RequestKind.ACCESS)
    found = run(airflow_alone, RequestKind.ACCESS, request_id, ask=airflow_alone.replying("Approve", []))
    assert (found.state, found.tries["execute"]) == ("success", 3)
    captured = capfd.readouterr()
    assert "ValueError at test_subject_copies.py" in captured.out + captured.err + caplog.text
    assert airflow_alone.leaks(WORDS, captured.out, captured.err, caplog.text) == {}
    assert leaks_in_control_schema(WORDS, database) == {}


def test_a_form_fetches_the_archive_and_shows_the_passphrase(airflow_alone: Airflow, people: Company):
    request_id = verified(people, kind=RequestKind.ACCESS)
    answer(people, request_id, datetime.now(UTC))
    airflow_alone.register()
    page, html = airflow_alone.api(), {"Accept": "text/html"}
    shown = page.get(f"{PAGE}/{request_id}", headers=html).text
    assert "Fetch the archive" in shown
    assert page.get(f"{PAGE}/{request_id}/package", headers=html).status_code == 404
    form = {"token": shown.partition('name="token" value="')[2].partition('"')[0]}
    archive = page.post(f"{PAGE}/{request_id}/package", data=form).content
    passphrase = page.post(f"{PAGE}/{request_id}/passphrase", data=form, headers=html).text
    words = [part.partition("</code>")[0] for part in passphrase.split("<code>")[1:]]
    assert "copy.json" in opened(archive, words[-1])
    shown = page.get(f"{PAGE}/{request_id}", headers=html).text
    assert "Fetch the archive" not in shown
    assert "Show the passphrase" not in shown


@pytest.mark.commitment("R3")
def test_what_can_be_taken_along_is_put_together_by_a_run_of_its_own(airflow_alone: Airflow, people: Company):
    request_id = verified(people, kind=RequestKind.PORTABILITY)
    found = run(airflow_alone, RequestKind.PORTABILITY, request_id, ask=airflow_alone.replying("Approve", []))
    assert found.state == "success"
    assert {one["action"] for one in found.results["receipt"]["done"]} == {"disclose"}
    now = datetime.now(UTC)
    with people.engine.begin() as connection:
        archive = packages.fetch(connection, request_id, people.keys, by="Op", as_of=now)
        passphrase = packages.show_passphrase(connection, request_id, people.keys, by="Op", as_of=now)
    assert "datapackage.json" in opened(archive, passphrase)


@pytest.mark.commitment("R1")
def test_information_is_given_without_a_question(airflow_alone: Airflow, people: Company):
    request_id = verified(people, kind=RequestKind.INFORMATION)
    found = run(airflow_alone, RequestKind.INFORMATION, request_id)
    assert found.state == "success"
    assert "approval" in found.having("skipped")
    page = airflow_alone.api()
    assert "Your rights" in page.get("/lifecycle/notice", headers={"Accept": "text/html"}).text
    assert page.get("/lifecycle/notice").json()["format"] == "lifecycle notice 1"


def test_of_an_unknown_subject_nothing_is_put_together(airflow_alone: Airflow, people: Company):
    request_id = verified(people, by_email("nobody@example.test"), kind=RequestKind.ACCESS)
    found = run(airflow_alone, RequestKind.ACCESS, request_id)
    assert found.state == "success"
    assert (found.results["receipt"]["done"], found.results["receipt"]["kept"]) == ([], [])
    answer = airflow_alone.api().post(f"{PAGE}/{request_id}/package", json={})
    assert (answer.status_code, "nothing was put together" in answer.text) == (400, True)


def test_a_refused_request_for_a_copy_discloses_nothing(
    airflow_alone: Airflow, people: Company, database: Database
):
    request_id = verified(people, kind=RequestKind.ACCESS)
    found = run(
        airflow_alone,
        RequestKind.ACCESS,
        request_id,
        ask=lambda question: airflow_alone.answer(question, "Refuse the request", reason="excessive"),
    )
    assert found.state == "success"
    assert database.execute("SELECT FROM lifecycle.request_package") == []


def test_a_package_that_nobody_fetched_is_destroyed_when_its_time_is_over(
    airflow_alone: Airflow, people: Company, database: Database
):
    request_id = verified(people, kind=RequestKind.ACCESS)
    answer(people, request_id, AS_OF)
    last = airflow_alone.run("request_remainders", AS_OF + timedelta(days=14))
    assert last.results["destroy_packages"] == []
    over = airflow_alone.run("request_remainders", AS_OF + timedelta(days=15))
    assert over.results["destroy_packages"] == [str(request_id)]
    (left,) = database.execute("SELECT archive, passphrase FROM lifecycle.request_package")
    assert (left.archive, left.passphrase) == (None, None)
    with people.engine.connect() as connection:
        assert register.events(connection, request_id)[-1]["what"] == "package_expired"
