"""Copies on request: everything that is held on a subject, and nothing of anybody else."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pyzipper

from lifecycle.errors import ApprovalRequired, CheckFailed, UsageError
from lifecycle.holds import register as holds
from lifecycle.holds.targets import Subject, Target
from lifecycle.identity.others import SOMEBODY_ELSE, WITHHELD
from lifecycle.policy.model import RequestKind
from lifecycle.requests import answering, packages, register, steps
from lifecycle.requests.naming import NamedSubject
from lifecycle.runs import plans
from support.asking import answer, receipt_of, verified
from support.leaks import leaks_in_control_schema
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R2")

OTHERS = ("jaan", "kask", "anu", "lepp", "peeter", "saar")


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring")


def opened(
    company: Company,
    *named: Subject | Target,
    kind: RequestKind = RequestKind.ACCESS,
    tenant: Target | None = None,
) -> UUID:
    """A verified request."""
    return verified(company, *named, kind=kind, tenant=tenant)


def answered(company: Company, request_id: UUID) -> dict[str, bytes]:
    """The files that the subject of a request finds in the archive."""
    answer(company, request_id)
    with company.engine.begin() as connection:
        archive = packages.fetch(connection, request_id, company.keys, by="Op", as_of=AS_OF)
        passphrase = packages.show_passphrase(connection, request_id, company.keys, by="Op", as_of=AS_OF)
    with pyzipper.AESZipFile(io.BytesIO(archive)) as opened_archive:
        opened_archive.setpassword(passphrase.encode())
        return {name: opened_archive.read(name) for name in opened_archive.namelist()}


def copied(company: Company, *named: Subject | Target, tenant: Target | None = None) -> dict[str, Any]:
    """The copy that a subject is given on access."""
    return json.loads(answered(company, opened(company, *named, tenant=tenant))["copy.json"])


def rows_in(copy: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows of a copy by collection and number, of those that show one."""
    return {
        (one["collection"], str(row["values"]["id"])): row
        for one in copy["collections"]
        for row in one["rows"]
    }


OF_MARI = {
    ("website.visitor", "00000000-0000-4000-8000-000000000100"), ("website.cookie_choice", "100"),
    ("website.interaction", "100"), ("website.page_view", "100"), ("website.page_view", "101"),
    ("website.enquiry", "100"), ("website.message", "100"), ("website.message", "101"), ("website.chat", "100"),
    ("website.marketing_subscription", "100"), ("website.marketing_consent", "100"),
    ("app.contact", "100"), ("app.person", "100"), ("app.person", "101"),
    ("app.note", "100"), ("app.note", "101"), ("app.activity", "100"),
    ("app.disclosure", "100"), ("app.disclosure", "101"), ("app.invoice", "100"),
    ("app.invoice_line", "100"), ("app.payment", "100"),
}  # fmt: skip
"""Rows that name her or belong to those."""


@pytest.mark.commitment("W4")
def test_everything_that_is_held_on_a_subject_is_in_the_copy(database: Database, company: Company):
    before = rows_of(database)
    copy = copied(company)
    own = {row for row, shown in rows_in(copy).items() if shown["relation"] in {"names", "belongs"}}
    assert own == OF_MARI
    person = rows_in(copy)["app.person", "100"]["values"]
    assert (person["work_email"], person["phone"]) == ("MARI.TAMM@example.test", "51234567")
    assert rows_of(database) == before


def test_what_is_others_and_concerns_the_subject_is_shown_without_them(company: Company):
    copy = copied(company)
    shown = [
        (one["collection"], row)
        for one in copy["collections"]
        for row in one["rows"]
        if row["relation"] == "concerns"
    ]
    assert {(name, row["by"]) for name, row in shown} == {
        ("app.person", "app.person.manager_person_id"),
        ("app.note", "app.note.author_contact_id"),
    }
    (report,) = (row["values"] for name, row in shown if name == "app.person")
    assert report["manager_person_id"] == 101
    assert (report["last_name"], report["work_email"]) == (SOMEBODY_ELSE, SOMEBODY_ELSE)
    (note,) = (row["values"] for name, row in shown if name == "app.note")
    assert (note["author_contact_id"], note["person_id"]) == (100, SOMEBODY_ELSE)


def test_nobody_else_stands_in_a_copy(database: Database, company: Company):
    database.execute(
        "UPDATE app.note SET body = 'Ask jaan.kask@example.test or +372 5555 1234, not mari.tamm@example.test'"
        " WHERE id IN (100, 200)"
    )
    files = answered(company, opened(company))
    for content in files.values():
        assert not [name for name in OTHERS if name in content.decode().lower()]
        assert b"5555 1234" not in content
    note = rows_in(json.loads(files["copy.json"]))["app.note", "100"]["values"]
    assert note["body"] == f"Ask {SOMEBODY_ELSE} or {SOMEBODY_ELSE}, not mari.tamm@example.test"


PAID_BY_OTHERS = """
    INSERT INTO app.payment VALUES
        (101, 100, '2026-02-11', 1, 'Peeter Maksja', 'EE382200221020145685'),
        (102, 100, '2026-02-12', 2, 'TAMM, Mari', 'EE471000001020145685'),
        (103, 100, '2026-02-13', 3, NULL, 'EE607700771001735865'),
        (104, 100, '2026-02-14', 4, 'Mari Maksja', 'EE907700771002602740')
"""


def test_whoever_paid_the_subjects_invoice_is_not_in_the_copy(database: Database, company: Company):
    database.execute(PAID_BY_OTHERS)
    files = answered(company, opened(company))
    rows = rows_in(json.loads(files["copy.json"]))
    paid = {
        number: (row["values"]["payer_name"], row["values"]["payer_iban"])
        for (name, number), row in rows.items()
        if name == "app.payment"
    }
    assert paid == {
        "100": (WITHHELD, WITHHELD),
        "101": (WITHHELD, WITHHELD),
        "102": ("TAMM, Mari", "EE471000001020145685"),
        "103": (None, WITHHELD),
        "104": (WITHHELD, WITHHELD),
    }
    others = rows["app.payment", "101"]["values"]
    assert (others["amount"], others["paid_on"]) == ("1.00", "2026-02-11")
    for content in files.values():
        assert b"EE382200221020145685" not in content
        assert b"Maksja" not in content


OTHERS_CHAT = """
    INSERT INTO website.chat VALUES
        (101, NULL, 100, 'tiina.tiinasson@example.test', '2026-03-04 10:00+00', '2026-03-04 10:05+00',
         '[{"at": "2026-03-04T10:00:00Z", "from": "visitor", "text": "I am Tiina Tiinasson, my salary is 4321"}]'),
        (102, NULL, NULL, 'tiina.tiinasson@example.test', '2026-03-04 10:00+00', '2026-03-04 10:05+00',
         '[{"at": "2026-03-04T10:00:00Z", "from": "visitor", "text": "mari.tamm@example.test earns less than 4321"}]')
"""


@pytest.mark.parametrize("kind", [RequestKind.ACCESS, RequestKind.PORTABILITY])
def test_what_somebody_else_wrote_under_a_name_of_their_own_is_withheld(
    database: Database, company: Company, kind: RequestKind
):
    database.execute(OTHERS_CHAT)
    files = answered(company, opened(company, kind=kind))
    shown = b"".join(files.values())
    assert b"4321" not in shown
    assert b"iinasson" not in shown
    assert b'"text": "Hello"' in shown
    assert b"I should like to see it." in shown
    if kind is RequestKind.ACCESS:
        rows = rows_in(json.loads(files["copy.json"]))
        assert [rows["website.chat", number]["relation"] for number in ("101", "102")] == [
            "concerns",
            "mentions",
        ]
        assert {rows["website.chat", number]["values"]["transcript"] for number in ("101", "102")} == {
            WITHHELD
        }


def test_a_copy_and_its_receipt_say_how_much_is_withheld(database: Database, company: Company):
    database.execute(PAID_BY_OTHERS)
    database.execute(OTHERS_CHAT)
    request_id = opened(company)
    files = answered(company, request_id)
    copy = json.loads(files["copy.json"])
    marked = [
        value for row in rows_in(copy).values() for value in row["values"].values() if value == WITHHELD
    ]
    assert (copy["withheld"], len(marked)) == (9, 9)
    assert "9 values are withheld." in files["copy.html"].decode()
    assert receipt_of(company, request_id)["package"]["withheld"] == 9


def test_a_text_that_mentions_the_subject_is_shown(database: Database, company: Company):
    database.execute(
        "UPDATE app.activity SET detail = jsonb_build_object('text', 'met mari.tamm@example.test and x@example.test')"
        " WHERE id = 200"
    )
    copy = copied(company)
    (row,) = (row for one in copy["collections"] for row in one["rows"] if row["relation"] == "mentions")
    assert row["values"]["detail"] == {"text": f"met mari.tamm@example.test and {SOMEBODY_ELSE}"}
    assert row["values"]["person_id"] == SOMEBODY_ELSE


@pytest.mark.commitment("R9")
def test_a_copy_says_what_the_law_wants_told(company: Company):
    copy = copied(company)
    enquiry = next(one for one in copy["collections"] if one["collection"] == "website.enquiry")
    assert [one["basis"] for one in enquiry["purposes"]] == ["contract"]
    assert [one["origin"] for one in enquiry["sources"]] == ["subject"]
    person = next(one for one in copy["collections"] if one["collection"] == "app.person")
    assert [one["origin"] for one in person["sources"]] == ["others"]
    assert copy["controller"]["name"] == "Sera Leads OÜ"
    assert "AKI" in copy["rights"][-1]["meaning"]
    assert {"access", "erasure", "complaint"} <= {one["right"] for one in copy["rights"]}


@pytest.mark.commitment("G3")
def test_a_copy_says_who_was_given_what_and_when(company: Company):
    recipients = {one["recipient"]: one for one in copied(company)["recipients"]}
    assert recipients["language_model"]["disclosed"] == [
        {"collection": "app.person", "at": "2026-02-01T10:00:00+00:00"}
    ]
    assert recipients["language_model"]["safeguard"].startswith("Standard contractual clauses")
    assert recipients["machine_translation"]["disclosed"] == []
    assert "fraud_prevention" not in recipients


def test_a_copy_says_how_long_each_row_is_kept(company: Company):
    with company.engine.begin() as connection:
        holds.place(
            connection, company.rulebook(AS_OF), [Target.parse("app.person:101")], kind="hold",
            reason="litigation", placed_by="Counsel", until=AS_OF + timedelta(days=20), as_of=AS_OF,
        )  # fmt: skip
        holds.place(
            connection, company.rulebook(AS_OF), [Target.parse("app.person:100")], kind="restriction",
            reason="accuracy", placed_by="Op", until=AS_OF + timedelta(days=20), as_of=AS_OF,
        )  # fmt: skip
    rows = rows_in(copied(company))

    def said(collection: str, number: str) -> dict[str, str]:
        return {name: value for name, value in rows[collection, number]["kept"].items() if value}

    assert said("website.enquiry", "100") == {
        "deleted_by": "2029-03-02", "rule": "enquiries_three_years",
    }  # fmt: skip
    assert said("website.message", "101")["deleted_by"] == "2029-03-02"
    assert said("website.page_view", "100")["deleted_by"] == "2026-04-08"
    assert said("app.invoice", "100")["kept_until"] == "2036-12-31"
    assert said("app.person", "101") == {
        "rule": "persons_after_contract", "held": "hold", "held_until": "2026-03-30",
    }  # fmt: skip
    assert said("app.person", "100")["held"] == "restriction"


def test_a_copy_of_what_one_organisation_holds_shows_no_other(company: Company):
    rows = rows_in(copied(company, tenant=Target.parse("app.customer:2")))
    assert set(rows) == {
        ("app.person", "100"), ("app.note", "100"), ("app.activity", "100"), ("app.disclosure", "100"),
    }  # fmt: skip


def test_an_organisation_that_asks_for_its_content_is_shown_whom_it_holds(company: Company):
    rows = rows_in(copied(company, Target.parse("app.customer:2")))
    assert rows["app.person", "201"]["values"]["work_email"] == "anu.lepp@example.test"
    assert ("app.person", "202") not in rows


def test_the_page_shows_markup_as_text(database: Database, company: Company):
    database.execute("UPDATE app.note SET body = '<script>alert(1)</script>{{ 7*7 }}' WHERE id = 100")
    page = answered(company, opened(company))["copy.html"].decode()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in page


def test_of_whom_nothing_is_held_there_is_a_receipt_and_no_package(company: Company):
    request_id = opened(company, Subject(identity="email", value="nobody@example.test"))
    answering.answer(company, request_id, as_of=AS_OF)
    with company.engine.begin() as connection:
        found = register.get(connection, request_id)
        assert found.state is register.State.DONE
        with pytest.raises(UsageError, match="nothing was put together"):
            packages.fetch(connection, request_id, company.keys, by="Op", as_of=AS_OF)


def test_nothing_is_disclosed_that_no_person_approved(database: Database, company: Company):
    request_id = opened(company)
    planned = steps.plan(company, request_id, as_of=AS_OF)
    assert planned.plan.counts()["app.person"] == {"disclose": 3}
    with pytest.raises(ApprovalRequired):
        steps.carry_out(company, planned.digest)
    assert database.execute("SELECT FROM lifecycle.request_package") == []


def test_a_row_that_went_since_it_was_planned_leaves_the_request_open(database: Database, company: Company):
    request_id = opened(company)
    planned = steps.plan(company, request_id, as_of=AS_OF)
    steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    database.execute("DELETE FROM website.interaction WHERE id = 100")
    with pytest.raises(CheckFailed, match="were not disclosed"):
        answering.answer(company, request_id, as_of=AS_OF)
    assert database.execute("SELECT FROM lifecycle.request_package") == []
    assert "copy.json" in answered(company, request_id)


def test_a_request_that_failed_before_its_end_is_not_disclosed_twice(database: Database, company: Company):
    request_id = opened(company)
    planned = steps.plan(company, request_id, as_of=AS_OF)
    steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    steps.carry_out(company, planned.digest)
    made = database.execute("SELECT sha256 FROM lifecycle.request_package")
    assert "copy.json" in answered(company, request_id)
    assert database.execute("SELECT sha256 FROM lifecycle.request_package") == made


def test_what_came_after_the_copy_was_made_is_in_another(database: Database, company: Company):
    database.execute("DELETE FROM website.chat WHERE id = 100")
    request_id = opened(company)
    planned = steps.plan(company, request_id, as_of=AS_OF)
    steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    steps.carry_out(company, planned.digest)
    plans.check_after(company, planned.digest)
    database.execute(
        "INSERT INTO website.chat VALUES (100, NULL, NULL, 'mari.tamm@example.test', '2026-03-09 10:00+00',"
        " '2026-03-09 10:05+00', '[]')"
    )
    with pytest.raises(CheckFailed, match=r"some of website\.chat"):
        steps.close(company, request_id, as_of=AS_OF)
    assert ("website.chat", "100") in rows_in(json.loads(answered(company, request_id)["copy.json"]))


def test_a_package_leaves_no_trace_of_whom_it_is_about(database: Database, company: Company):
    request_id = opened(company)
    answer(company, request_id, AS_OF)
    words = (MARI, "mari.tamm", "51234567", "Prefers to be called")
    assert leaks_in_control_schema(words, database) == {}


@pytest.mark.commitment("R3")
def test_what_was_provided_on_consent_or_contract_can_be_taken_along(company: Company):
    files = answered(company, opened(company, kind=RequestKind.PORTABILITY))
    package = json.loads(files["datapackage.json"])
    assert {one["path"] for one in package["resources"]} == {name for name in files if name.endswith(".csv")}
    assert {one["path"] for one in package["resources"]} == {
        f"data/website.{name}.csv"
        for name in ("enquiry", "message", "chat", "marketing_subscription", "marketing_consent")
    }
    (row,) = csv.DictReader(io.StringIO(files["data/website.enquiry.csv"].decode()))
    assert (row["email"], row["phone"]) == ("Mari.Tamm@example.test", "+372 5123 4567")
    (same,) = json.loads(files["data/website.enquiry.json"])
    assert same["first_name"] == row["first_name"] == "Mari"
    enquiry = next(one for one in package["resources"] if one["path"] == "data/website.enquiry.csv")
    types = {one["name"]: one["type"] for one in enquiry["schema"]["fields"]}
    assert (types["id"], types["submitted_at"], types["email"]) == ("integer", "datetime", "string")
    assert set(row) == set(types)


@pytest.mark.commitment("R1")
def test_for_information_nobody_looks_what_else_the_subject_is_known_by(database: Database, company: Company):
    sources = "SELECT kind, source FROM lifecycle.request_identity ORDER BY kind"
    named = NamedSubject(value="Mari Tamm; Puu AS")
    for request_id in (
        opened(company, kind=RequestKind.INFORMATION),
        opened(company, named, kind=RequestKind.INFORMATION),
    ):
        answer(company, request_id)
    assert [tuple(row) for row in database.execute(sources)] == [("email", "given"), ("name", "named")]
    steps.plan(company, opened(company), as_of=AS_OF)
    assert ("visitor_id", "found") in [tuple(row) for row in database.execute(sources)]


@pytest.mark.commitment("R1")
def test_information_is_the_notice_and_no_row_is_looked_at(company: Company):
    request_id = opened(company, kind=RequestKind.INFORMATION)
    assert steps.plan(company, request_id, as_of=AS_OF).digest is None
    answering.answer(company, request_id, as_of=AS_OF)
    with company.engine.connect() as connection:
        assert register.get(connection, request_id).state is register.State.DONE
