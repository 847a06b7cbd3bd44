"""What the rows of a subject say besides what the request names, as counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lifecycle.holds.targets import Subject
from lifecycle.requests import steps
from support.asking import by_email, verified
from support.subjects import AS_OF, create_people, open_people

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("R7")

OFFICE = "office@share.test"


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    create_people(database)
    database.execute(
        "INSERT INTO app.contact (id, customer_id, first_name, last_name, email, phone, created_at) VALUES"
        " (901, 1, 'Ann', 'Aas', :office, '+372 5331 0011', :at), (902, 2, 'Bob', 'Berg', :office, NULL, :at)",
        {"office": OFFICE, "at": AS_OF},
    )
    database.execute(
        "INSERT INTO website.enquiry (kind, first_name, last_name, email, employer, submitted_at)"
        " VALUES ('contact', 'BERG', ' bob ', :office, 'Puu AS', :at)",
        {"office": OFFICE.upper(), "at": AS_OF},
    )
    return open_people(database, tmp_path / "keyring")


def besides(company: Company, *named: Subject) -> dict:
    found: dict = steps.plan(company, verified(company, *named), as_of=AS_OF).to_json()["besides"]
    return found


def test_two_people_behind_one_address_are_told_apart(company: Company):
    found = besides(company, by_email(OFFICE))
    assert sorted(found["names"], key=len) == [{"app.contact": 1}, {"app.contact": 1, "website.enquiry": 1}]
    assert found["identities"] == {"phone_number": {"app.contact": 1}}


def test_one_person_has_one_name_in_any_order(company: Company, database: Database):
    database.execute("DELETE FROM app.contact WHERE id = 901")
    assert besides(company, by_email(OFFICE)) == {"names": [], "identities": {}}


def test_an_identity_that_is_named_is_not_told(company: Company):
    phone = Subject(identity="phone_number", value="+37253310011")
    assert besides(company, by_email(OFFICE), phone)["identities"] == {}


def test_no_name_and_no_identity_is_told(company: Company):
    told = str(besides(company, by_email(OFFICE))).lower()
    assert not [word for word in ("ann", "aas", "bob", "berg", "office", "5331") if word in told]
