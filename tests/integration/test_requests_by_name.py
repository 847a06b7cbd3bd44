"""Who is named by name and employer is nobody before an operator says whose the rows are that have both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lifecycle.errors import ApprovalRequired, UsageError
from lifecycle.holds.targets import Subject, Target
from lifecycle.requests import register, steps
from lifecycle.requests.candidates import answer_for, candidates, told_candidates
from lifecycle.requests.naming import MOST_CANDIDATES, subject_by
from lifecycle.requests.receipt import issue
from lifecycle.requests.subject import Source, open_each
from lifecycle.runs.signing import sign_ledger
from support.asking import erase, verified
from support.subjects import AS_OF, MARI, create_people, open_people, rows_of

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from lifecycle.requests.candidates import Candidate
    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R7", "A10", "W4")

NAME = "Mari Tamm; Puu AS"
NAMESAKE = "m.tamm@else.test"
ANOTHER_MARI = """
INSERT INTO website.enquiry (id, kind, first_name, last_name, email, phone, employer, submitted_at)
VALUES (300, 'demo', 'Mari', 'TAMM', 'm.tamm@else.test', '+372 5123 4567', 'Puu AS', '2026-03-02 10:00+00');
INSERT INTO app.invoice (id, number, customer_id, issued_on, due_on, currency, net, vat, gross, buyer_name,
                         buyer_street, buyer_city, buyer_postal_code, buyer_country, contact_name)
VALUES (300, 'A-300', 1, '2026-02-28', '2026-03-14', 'EUR', 100, 24, 124, 'PUU AS', 'Pikk 1', 'Tallinn', '10123', 'EE',
        'Tamm, Mari');
"""
"""Another person of the same name and employer, and a row that does not say whose it is."""


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    return open_people(database, tmp_path / "keyring")


def opened(company: Company, *named: tuple[str, str], tenant: Target | None = None) -> UUID:
    return verified(company, *(subject_by(*one) for one in named), tenant=tenant)


def found(company: Company, request_id: UUID) -> tuple[Candidate, ...]:
    """The candidates, after an attempt to plan that waits for an answer."""
    with pytest.raises(ApprovalRequired, match="an operator has to say"):
        steps.plan(company, request_id, as_of=AS_OF)
    with company.engine.connect() as connection:
        waiting = candidates(connection, company.rulebook(AS_OF), request_id, company.keys)
        assert told_candidates(connection, request_id) == waiting
    return waiting


def answer(company: Company, request_id: UUID, *numbers: int, is_subjects: bool = True) -> None:
    with company.engine.begin() as connection:
        for number in numbers:
            answer_for(connection, request_id, number, is_subjects=is_subjects, by="Op", as_of=AS_OF)


def counts(waiting: tuple[Candidate, ...]) -> list[tuple[str, dict, dict]]:
    return [(one.kind, dict(one.rows), dict(one.named)) for one in waiting]


OF_MARI = {"app.contact": 1, "app.invoice": 1, "app.person": 2, "website.chat": 1, "website.enquiry": 1,
           "website.marketing_subscription": 1}  # fmt: skip
MARI_BY_NAME = ("email", OF_MARI, {"app.contact": 1, "app.invoice": 1, "website.enquiry": 1})
NAMESAKE_BY_NAME = ("email", {"website.enquiry": 1}, {"website.enquiry": 1})
ROW_BY_NAME = ("app.invoice", {"app.invoice": 1}, {"app.invoice": 1})


def test_two_people_of_one_name_are_two_candidates_and_a_row_that_names_nobody_is_a_third(
    database: Database, company: Company
):
    database.script(ANOTHER_MARI)
    before = rows_of(database)
    waiting = found(company, opened(company, ("name", NAME)))
    assert sorted(counts(waiting), key=str) == sorted([MARI_BY_NAME, NAMESAKE_BY_NAME, ROW_BY_NAME], key=str)
    assert "tamm" not in json.dumps([one.to_json() for one in waiting]).lower()
    assert rows_of(database) == before


def test_what_is_confirmed_leads_on_and_what_is_declined_stays(database: Database, company: Company):
    """As if the subject had been named by the address, the browser that visited included."""
    database.script(ANOTHER_MARI)
    before = rows_of(database)
    request_id = opened(company, ("name", NAME))
    numbers = {(one.kind, one.rows.get("app.person", 0)): one.number for one in found(company, request_id)}
    answer(company, request_id, numbers["email", 2])
    assert [one.number for one in found(company, request_id)] == sorted(
        set(numbers.values()) - {numbers["email", 2]}
    )
    answer(company, request_id, numbers["email", 0], numbers["app.invoice", 0], is_subjects=False)
    erase(company, request_id)
    after = rows_of(database)
    gone = {row for row in before if row not in after}
    assert {name for name, _ in gone} == {
        "website.visitor", "website.cookie_choice", "website.interaction", "website.page_view", "website.enquiry",
        "website.message", "website.chat", "website.marketing_subscription", "website.marketing_consent",
        "app.contact", "app.person", "app.note", "app.activity", "app.disclosure",
    }  # fmt: skip
    assert ("website.enquiry", "300") in after
    assert after["app.invoice", "300"] == before["app.invoice", "300"]
    assert after["app.invoice", "100"] != before["app.invoice", "100"]


def test_a_row_that_names_nobody_is_the_subjects_when_it_is_confirmed(database: Database, company: Company):
    database.script(ANOTHER_MARI)
    request_id = opened(company, ("name", NAME))
    row, *others = sorted(found(company, request_id), key=lambda one: one.kind)
    answer(company, request_id, row.number)
    answer(company, request_id, *(one.number for one in others), is_subjects=False)
    erase(company, request_id)
    emptied = database.execute("SELECT id FROM app.invoice WHERE contact_name IS NULL")
    assert [one.id for one in emptied] == [300]


@pytest.mark.parametrize(
    "given",
    [
        "mari tamm; puu as",
        "TAMM, MARI; AS Puu",
        "Tamm Mari;Puu, AS",
        "  Mari   Tamm ;  Puu AS ",
        "\uff2d\uff41\uff52\uff49 Tamm; Puu AS",  # as wide as an ideograph
        "Mari-Tamm; “Puu” AS",
    ],
)
def test_a_name_is_found_in_any_case_order_and_form_of_letters(company: Company, given: str):
    assert counts(found(company, opened(company, ("name", given)))) == [MARI_BY_NAME]


@pytest.mark.parametrize(
    "given", ["Mari Tamm; Kivi OÜ", "Mari Tammik; Puu AS", "Mar Tamm; Puu AS", "Mari; Puu AS"]
)
def test_nothing_is_held_of_another_name_or_employer(database: Database, company: Company, given: str):
    before = rows_of(database)
    request_id = opened(company, ("name", given))
    assert erase(company, request_id)["kept"] == []
    assert rows_of(database) == before
    sign_ledger(company, as_of=AS_OF)
    with company.engine.connect() as connection:
        assert issue(connection, request_id)["body"]["done"] == []


@pytest.mark.parametrize(
    "given", ["Mari Tamm", "Mari Tamm;", "; Puu AS", " ; ", "Mari\nTamm; Puu AS", "-; -"]
)
def test_a_name_without_an_employer_is_refused_and_not_repeated(company: Company, given: str):
    with pytest.raises(UsageError) as refused:
        opened(company, ("name", given))
    assert "Tamm" not in str(refused.value)


def test_a_policy_that_does_not_say_where_names_stand_takes_none(
    company: Company, monkeypatch: pytest.MonkeyPatch
):
    rulebook = company.rulebook(AS_OF)
    monkeypatch.setitem(rulebook.__dict__, "names", {})
    with (
        company.engine.begin() as connection,
        pytest.raises(UsageError, match="does not say in which columns"),
    ):
        subject_by("name", NAME).found(connection, rulebook)


@pytest.mark.commitment("A5")
def test_a_customers_request_by_name_sees_only_its_own_rows(company: Company):
    request_id = opened(company, ("name", "Mari Tamm; Kivi AS"), tenant=Target.parse("app.customer:2"))
    assert counts(found(company, request_id)) == [("email", {"app.person": 1}, {"app.person": 1})]
    elsewhere = opened(company, ("name", "Mari Tamm; Kivi AS"), tenant=Target.parse("app.customer:3"))
    assert steps.plan(company, elsewhere, as_of=AS_OF).digest is None


def test_rows_that_are_known_to_be_the_subjects_are_not_asked_about(company: Company):
    request_id = opened(company, ("email", MARI), ("name", NAME))
    assert steps.plan(company, request_id, as_of=AS_OF).digest is not None


def test_the_same_name_in_another_spelling_is_the_same_request(company: Company):
    assert opened(company, ("name", NAME)) == opened(company, ("name", "TAMM, mari;  Puu AS"))
    assert opened(company, ("name", NAME)) != opened(company, ("name", NAME), ("email", MARI))


def test_the_name_is_sealed_until_the_request_is_closed_and_is_no_fingerprint_of_anybody(
    database: Database, company: Company
):
    request_id = opened(company, ("name", "Nobody Hereabouts; Nowhere AS"))
    (stored,) = database.execute("SELECT kind, source, sealed FROM lifecycle.request_identity")
    assert (stored.kind, stored.source) == ("name", "named")
    assert b"hereabouts" not in bytes(stored.sealed).lower()
    erase(company, request_id)
    assert database.execute("SELECT sealed FROM lifecycle.request_identity")[0].sealed is None
    assert database.execute("SELECT 1 FROM lifecycle.suppression") == []
    ((done,),) = database.execute("SELECT body FROM lifecycle.ledger WHERE kind = 'request_done'")
    assert done["subjects"] == []
    sign_ledger(company, as_of=AS_OF)
    with company.engine.connect() as connection:
        told = json.dumps([issue(connection, request_id), register.events(connection, request_id)])
    assert "hereabouts" not in told.lower()


def test_a_name_that_leads_to_everybody_is_refused(database: Database, company: Company):
    database.execute(
        "INSERT INTO website.enquiry (id, kind, first_name, last_name, email, employer, submitted_at)"
        " SELECT 1000 + n, 'demo', 'Mari', 'Tamm', n || '@else.test', 'Puu AS', '2026-03-02 10:00+00'"
        " FROM generate_series(1, :many) AS n",
        {"many": MOST_CANDIDATES},
    )
    with pytest.raises(UsageError, match=f"more than {MOST_CANDIDATES} identities"):
        steps.plan(company, opened(company, ("name", NAME)), as_of=AS_OF)


def test_what_is_found_later_is_kept_beside_what_was_found_twice(database: Database, company: Company):
    """A candidate that is found again takes no number; the next one has one of its own."""
    request_id = opened(company, ("name", NAME))
    for number in range(3):
        found(company, request_id)
        database.execute(
            "INSERT INTO website.enquiry (id, kind, first_name, last_name, email, employer, submitted_at)"
            " VALUES (1000 + :number, 'demo', 'Mari', 'Tamm', :email, 'Puu AS', '2026-03-02 10:00+00')",
            {"number": number, "email": f"m{number}@else.test"},
        )
    assert len(found(company, request_id)) == 4


def test_whom_a_name_leads_to_is_opened_as_what_it_is(database: Database, company: Company):
    database.script(ANOTHER_MARI)
    request_id = opened(company, ("name", NAME))
    found(company, request_id)
    with company.engine.connect() as connection:
        known = open_each(
            connection, company.rulebook(AS_OF), request_id, company.keys, sources=[Source.CANDIDATE]
        )
    assert {type(one).__name__ for one in known.values()} == {"Identifier", "Row"}
    assert not any(word in repr(known) for word in ("tamm", NAMESAKE, "300"))


def test_a_hold_is_placed_by_no_name(company: Company):
    with pytest.raises(UsageError, match="no such kind of identity"):
        Subject(identity="name", value=NAME).identifier(company.rulebook(AS_OF))
