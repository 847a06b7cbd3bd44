"""Erasure on request: what names the subject goes, what belongs to others stays to the byte."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import sqlalchemy as sa

from lifecycle.errors import ApprovalRequired, UsageError
from lifecycle.holds import register as holds
from lifecycle.holds.targets import Subject, Target, UnseenTarget
from lifecycle.requests import answering, register, steps
from lifecycle.requests.ground import IsRemainder
from lifecycle.requests.receipt import issue, verify_receipt
from lifecycle.runs import plans
from lifecycle.runs.signing import sign_ledger
from lifecycle.store.relations import relation
from support.asking import by_email, erase, receipt_of, taken, verified
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R7", "A10")


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring")


VISITOR = "00000000-0000-4000-8000-000000000100"
OF_MARI = {
    ("website.visitor", VISITOR), ("website.cookie_choice", "100"), ("website.interaction", "100"),
    ("website.page_view", "100"), ("website.page_view", "101"),
    ("website.enquiry", "100"), ("website.message", "100"), ("website.message", "101"), ("website.chat", "100"),
    ("website.marketing_subscription", "100"), ("website.marketing_consent", "100"),
    ("app.contact", "100"), ("app.person", "100"), ("app.person", "101"),
    ("app.note", "100"), ("app.note", "101"), ("app.activity", "100"),
    ("app.disclosure", "100"), ("app.disclosure", "101"),
}  # fmt: skip
"""Rows of the subject alone."""
OF_OTHERS = {("app.person", "202"), ("app.note", "200"), ("app.invoice", "100")}
"""Rows that concern the subject and are not the subject's: links are cut, columns emptied."""


def gone(before: dict, after: dict) -> set[tuple[str, str]]:
    return {row for row in before if row not in after}


def changed(before: dict, after: dict) -> set[tuple[str, str]]:
    return {row for row in after if after[row] != before[row]}


@pytest.mark.commitment("W4")
def test_a_subject_is_erased_everywhere_and_nobody_else_is_touched(database: Database, company: Company):
    before = rows_of(database)
    erase(company, verified(company))
    after = rows_of(database)
    assert gone(before, after) == OF_MARI
    assert changed(before, after) == OF_OTHERS
    emptied = database.execute("SELECT contact_name, contact_email, gross FROM app.invoice WHERE id = 100")
    assert [tuple(row) for row in emptied] == [(None, None, 124)]


def test_a_request_that_is_done_forgets_whom_it_was_about(database: Database, company: Company):
    request_id = verified(company)
    assert b"mari" not in database.execute("SELECT sealed FROM lifecycle.request_identity")[0].sealed
    erase(company, request_id)
    kept = database.execute(
        "SELECT kind, sealed, fingerprint FROM lifecycle.request_identity ORDER BY position"
    )
    assert [(row.kind, row.sealed) for row in kept] == [("email", None), ("visitor_id", None)]
    known = database.execute("SELECT fingerprint FROM lifecycle.suppression")
    assert {row.fingerprint for row in known} == {row.fingerprint for row in kept}
    with pytest.raises(UsageError, match="it is done already"):
        steps.plan(company, request_id, as_of=AS_OF)


def test_who_asks_is_verified_before_anything_is_looked_up(company: Company):
    request_id = taken(company)
    with pytest.raises(UsageError, match="nobody has verified"):
        steps.plan(company, request_id, as_of=AS_OF)


def test_nothing_is_erased_that_no_person_approved(database: Database, company: Company):
    before = rows_of(database)
    planned = steps.plan(company, verified(company), as_of=AS_OF)
    with pytest.raises(ApprovalRequired, match="a person approves what is done on request"):
        steps.carry_out(company, planned.digest)
    assert rows_of(database) == before


def test_the_same_request_twice_is_one_request_and_one_plan(company: Company):
    first = verified(company)
    again = taken(company, by_email(MARI.upper()), by="Other")
    assert again == first
    digests = {steps.plan(company, first, as_of=AS_OF).digest for _ in range(2)}
    assert len(digests) == 1


def test_an_unknown_subject_is_answered_and_nothing_is_done(database: Database, company: Company):
    before = rows_of(database)
    closed = erase(company, verified(company, Subject(identity="email", value="nobody@example.test")))
    assert closed["kept"] == []
    assert rows_of(database) == before


def test_one_request_after_another_is_checked_by_its_own_counts(database: Database, company: Company):
    """The second has a link to be cut and one contact more; the first is checked by a statement that is kept."""
    database.execute("UPDATE app.note SET author_contact_id = NULL")
    database.execute("DELETE FROM app.disclosure")
    database.execute("DELETE FROM app.contact")
    database.execute(
        "INSERT INTO app.contact (id, customer_id, first_name, last_name, email, created_at) VALUES"
        " (300, 1, 'Ene', 'Kask', 'once@example.test', now()), (301, 2, 'Aare', 'Lepp', 'twice@example.test', now()),"
        " (302, 3, 'Aare', 'Lepp', 'twice@example.test', now())"
    )
    database.execute("UPDATE app.note SET author_contact_id = 301 WHERE id = 200")
    for email in ("once@example.test", "twice@example.test"):
        erase(company, verified(company, Subject(identity="email", value=email)))
    assert not database.execute("SELECT FROM app.contact")


def test_what_was_left_may_be_asked_about_twice_in_one_statement(company: Company):
    """As where some rows of a collection go and others are only relied on."""
    rulebook = company.rulebook(AS_OF)
    ground = IsRemainder(rulebook, uuid4())
    rows = [relation(rulebook.live, "app.person", name) for name in ("one", "other")]
    counts = [
        sa.select(sa.func.count()).select_from(row).where(ground.is_due("app.person", row)) for row in rows
    ]
    with company.engine.connect() as connection:
        found = connection.execute(sa.select(*(one.scalar_subquery() for one in counts))).one()
    assert tuple(found) == (0, 0)


@pytest.mark.commitment("W4")
def test_a_browser_that_two_people_used_is_left_to_an_operator(database: Database, company: Company):
    database.execute("UPDATE website.enquiry SET visitor_id = :visitor WHERE id = 200", {"visitor": VISITOR})
    before = rows_of(database)
    request_id = verified(company)
    erase(company, request_id)
    of_the_visit = {row for row in OF_MARI if row[0] in {
        "website.visitor", "website.cookie_choice", "website.interaction", "website.page_view"}}  # fmt: skip
    assert gone(before, rows_of(database)) == OF_MARI - of_the_visit
    sources = database.execute("SELECT kind, source FROM lifecycle.request_identity ORDER BY position")
    assert [tuple(row) for row in sources] == [("email", "given"), ("visitor_id", "candidate")]


@pytest.mark.commitment("A5")
def test_a_customers_request_reaches_only_its_own_copy(database: Database, company: Company):
    before = rows_of(database)
    request_id = verified(company, tenant=Target.parse("app.customer:2"))
    erase(company, request_id)
    after = rows_of(database)
    assert gone(before, after) == {
        ("app.person", "100"), ("app.note", "100"), ("app.activity", "100"), ("app.disclosure", "100"),
    }  # fmt: skip
    assert changed(before, after) == set()


def test_what_a_hold_keeps_goes_when_it_is_released_without_a_new_request(
    database: Database, company: Company
):
    with company.engine.begin() as connection:
        hold = holds.place(
            connection, company.rulebook(AS_OF), [Target.parse("app.person:101")], kind="hold",
            reason="litigation", placed_by="Counsel", until=AS_OF + timedelta(days=90), as_of=AS_OF,
        )  # fmt: skip
    before = rows_of(database)
    request_id = verified(company)
    closed = erase(company, request_id)
    kept = {("app.person", "101"), ("app.note", "101")}
    assert gone(before, rows_of(database)) == OF_MARI - kept
    assert {one["collection"] for one in closed["kept"] if one["reason"] == "hold"} == {
        "app.person",
        "app.note",
    }
    assert steps.resume(company, request_id, as_of=AS_OF + timedelta(days=1)) is None
    with company.engine.begin() as connection:
        holds.release(connection, hold, released_by="Counsel", as_of=AS_OF + timedelta(days=2))
    assert steps.resume(company, request_id, as_of=AS_OF + timedelta(days=2)) is not None
    after = rows_of(database)
    assert gone(before, after) == OF_MARI
    assert changed(before, after) == OF_OTHERS
    assert database.execute("SELECT count(*) AS rows FROM lifecycle.request_remainder")[0].rows == 0


def test_a_customers_whole_content_goes_and_the_books_stay(database: Database, company: Company):
    before = rows_of(database)
    request_id = verified(company, Target.parse("app.customer:1"))
    closed = erase(company, request_id)
    after = rows_of(database)
    assert {name for name, _ in gone(before, after)} == {"app.customer", "app.contact", "app.contract"}
    assert changed(before, after) == {
        ("app.invoice", "100"),
        ("app.invoice", "200"),
        ("app.note", "101"),
        ("app.note", "200"),
    }
    assert BOOKS.items() <= told(closed["kept"]).items()


def test_the_receipt_names_the_books_that_stay_without_the_name(company: Company):
    """The invoice that was addressed to her, and what belongs to it; the payer's name is the bank's (A7)."""
    request_id = verified(company)
    planned = steps.plan(company, request_id, as_of=AS_OF)
    closed = erase(company, request_id)
    invoices = {name: rows for name, rows in told(closed["kept"]).items() if name.startswith("app.")}
    assert invoices == {
        "app.invoice": ("statutory", 1), "app.invoice_line": ("statutory", 1), "app.payment": ("statutory", 1),
    }  # fmt: skip
    assert told(planned.to_json()["kept"]) == told(closed["kept"])
    assert told(receipt_of(company, request_id)["kept"]) == told(closed["kept"])
    assert {one["until"] for one in closed["kept"]} == {"2036-12-31"}


def told(kept: list[dict]) -> dict[str, tuple[str, int]]:
    return {one["collection"]: (one["reason"], one["rows"]) for one in kept}


BOOKS = {
    "app.invoice": ("statutory", 2), "app.invoice_line": ("statutory", 2), "app.payment": ("statutory", 1),
}  # fmt: skip


def test_a_receipt_proves_itself_and_names_nobody(company: Company):
    request_id = verified(company)
    erase(company, request_id)
    sign_ledger(company, as_of=AS_OF)
    with company.engine.connect() as connection:
        receipt = issue(connection, request_id)
    trusted = company.keys.public_keys()
    assert verify_receipt(receipt, trusted).holds
    assert receipt["body"]["done"][0] == {"collection": "app.activity", "action": "delete", "rows": 1}
    assert "mari" not in json.dumps(receipt).lower()
    receipt["body"]["kept"].append({"collection": "app.person", "rows": 1})
    assert not verify_receipt(receipt, trusted).holds


@pytest.mark.commitment("W2")
def test_what_others_wrote_of_the_subject_is_masked_and_the_rest_of_it_stays(
    database: Database, company: Company
):
    database.execute(
        "UPDATE app.note SET body = 'Ask Mari.Tamm@example.test or +372 51 234 567.' WHERE id = 200"
    )
    detail = '{"to": ["mari.tamm@example.test", "anu.lepp@example.test"], "share": 0.123456789012345678901}'
    database.execute(
        "UPDATE app.activity SET detail = CAST(:detail AS jsonb) WHERE id = 200", {"detail": detail}
    )
    copied = (
        """UPDATE website.interaction SET detail = '{"text": "to Mari.Tamm@example.test"}' WHERE id = 200"""
    )
    database.execute(copied)
    before = rows_of(database)
    named = [
        Subject(identity="email", value=MARI),
        Subject(identity="phone_number", value="+37251234567"),
    ]
    request_id = verified(company, *named)
    erase(company, request_id)
    after = rows_of(database)
    assert gone(before, after) == OF_MARI
    assert changed(before, after) == OF_OTHERS | {("app.activity", "200"), ("website.interaction", "200")}
    left = database.execute("SELECT detail->>'text' AS left FROM website.interaction WHERE id = 200")
    assert left[0].left == "to [erased]"
    assert database.execute("SELECT body FROM app.note WHERE id = 200")[0].body == "Ask [erased] or [erased]."
    written = database.execute("SELECT detail::text AS detail FROM app.activity WHERE id = 200")[0].detail
    assert written == detail.replace(MARI, "[erased]").replace('{"to"', '{"to"')


@pytest.mark.commitment("G3")
def test_whoever_was_given_the_data_is_told_in_the_same_transaction(database: Database, company: Company):
    request_id = verified(company)
    planned = steps.plan(company, request_id, as_of=AS_OF)
    steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    database.execute(
        "ALTER TABLE app.person ADD CONSTRAINT stuck CHECK (manager_person_id IS NOT NULL) NOT VALID"
    )
    steps.carry_out(company, planned.digest)
    assert database.execute("SELECT count(*) AS rows FROM lifecycle.outbox")[0].rows == 0
    database.execute("ALTER TABLE app.person DROP CONSTRAINT stuck")
    plans.check_after(company, planned.digest)
    erase(company, request_id)
    told = database.execute("SELECT recipient, state FROM lifecycle.outbox WHERE request = :request ORDER BY 1",
                            {"request": request_id})  # fmt: skip
    assert ("language_model", "pending") in {tuple(row) for row in told}
    sign_ledger(company, as_of=AS_OF)
    with company.engine.connect() as connection:
        receipt = issue(connection, request_id)
    assert [one["recipient"] for one in receipt["body"]["recipients"]] == [row.recipient for row in told]


@pytest.mark.parametrize("text", ["app.person:999999", "app.customer:999999"])
def test_a_row_that_is_not_there_is_an_error_and_not_an_answer(company: Company, text: str):
    request_id = verified(company, UnseenTarget.parse(text))
    with pytest.raises(UsageError, match="no row has this key"):
        steps.plan(company, request_id, as_of=AS_OF)


def test_a_row_that_was_erased_does_not_keep_its_request_from_being_closed(company: Company):
    request_id = verified(company, UnseenTarget.parse("app.person:0100"))
    planned = steps.plan(company, request_id, as_of=AS_OF)
    steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    steps.carry_out(company, planned.digest)
    plans.check_after(company, planned.digest)
    answering.answer(company, request_id, as_of=AS_OF)
    with company.engine.connect() as connection:
        assert register.get(connection, request_id).state is register.State.DONE


@pytest.mark.parametrize("text", ["app.person:x", "app.person:", "app.nothing:1", "app.person:1,2"])
def test_a_key_that_no_row_could_have_is_refused_at_once(company: Company, text: str):
    with pytest.raises(UsageError):
        verified(company, UnseenTarget.parse(text))


def test_a_request_that_was_approved_stays_so_when_it_is_planned_again(company: Company):
    request_id = verified(company)
    planned = steps.plan(company, request_id, as_of=AS_OF)
    steps.approve_plan(company, request_id, planned.digest, approved_by="Op", as_of=AS_OF)
    assert steps.plan(company, request_id, as_of=AS_OF).digest == planned.digest
    with company.engine.connect() as connection:
        assert register.get(connection, request_id).state is register.State.APPROVED
