"""Who is to be told follows from the log of disclosures and from what recipients receive, as the policy says."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from lifecycle.datamap.load import load_datamap
from lifecycle.policy.load import read_policy
from lifecycle.policy.rulebook import resolve
from lifecycle.recipients.audience import Audience, Disclosure, audience, find_audience
from lifecycle.settings import PROJECT
from lifecycle.store.inspect import inspect
from support.companies import AS_OF
from support.handovers import LOG, create_handovers

if TYPE_CHECKING:
    from support.databases import Database

pytestmark = pytest.mark.commitment("G3")


@pytest.fixture
def told(database: Database, tmp_path):
    """Whom rows of the agency make one tell: recipient, what of it, lines of the log; and lines of unknown ones."""
    company = create_handovers(database, tmp_path)

    def ask(**rows: list[int]) -> tuple[dict[str, tuple], list[str]]:
        keys = {f"agency.{name}": [(str(number),) for number in numbers] for name, numbers in rows.items()}
        with company.engine.connect() as connection:
            found = find_audience(connection, company.rulebook(AS_OF), keys)
        return described(found)

    return ask


def described(found: Audience) -> tuple[dict[str, tuple], list[str]]:
    addressees = {
        one.recipient: (one.collections, [",".join(line.reference) for line in one.disclosures])
        for one in found.addressees
    }
    return addressees, [",".join(line.reference) for line in found.unknown]


PERSON = ("agency.person",)
CLOUD = {"cloud": (PERSON, [])}
"""It receives persons, and of its disclosures there is no complete log."""


def test_a_recipient_is_told_of_what_a_line_of_the_log_names(told):
    assert told(person=[101]) == ({"printer": (PERSON, ["1", "2"]), **CLOUD}, [])
    assert told(person=[102]) == ({"courier": (PERSON, ["3"]), **CLOUD}, [])
    assert told(person=[101, 102, 101]) == (
        {"printer": (PERSON, ["1", "2"]), "courier": (PERSON, ["3"]), **CLOUD},
        [],
    )


def test_one_of_whom_every_disclosure_is_logged_is_not_told_what_it_never_got(told):
    assert told(person=[201]) == (CLOUD, [])


def test_what_the_log_does_not_refer_to_is_told_to_whoever_receives_it(told):
    assert told(note=[2011]) == ({"printer": (("agency.note",), [])}, [])
    assert told(person=[101], note=[1011]) == (
        {"printer": (("agency.note", "agency.person"), ["1", "2"]), **CLOUD},
        [],
    )


def test_a_line_of_the_log_counts_for_what_a_recipient_is_not_said_to_receive(told):
    assert told(customer=[2]) == ({"printer": (("agency.customer",), ["4"])}, [])


def test_lines_that_name_nobody_the_policy_knows_are_left_to_a_person(told):
    assert told(person=[103]) == (CLOUD, ["5", "6"])


@pytest.mark.parametrize("rows", [{}, {"person": []}, {"invoice": [1]}])
def test_nobody_is_told_of_nothing(told, rows):
    assert told(**rows) == ({}, [])


def test_a_row_that_is_not_there_any_more_was_logged_for_nobody(told):
    assert told(person=[999]) == (CLOUD, [])


def test_keys_of_several_columns_find_their_rows(database, tmp_path):
    company = create_handovers(database, tmp_path)
    with company.engine.connect() as connection:
        found = find_audience(
            connection, company.rulebook(AS_OF), {"agency.visit": [("2026-03-05 10:00+02", "3")]}
        )
    assert described(found) == ({"cloud": (("agency.visit",), [])}, [])


def test_who_has_no_address_is_told_by_a_person(database, tmp_path):
    company = create_handovers(database, tmp_path)
    with company.engine.connect() as connection:
        found = find_audience(
            connection, company.rulebook(AS_OF), {"agency.person": [("101",), ("102",), ("103",)]}
        )
    assert {one.recipient: one.is_by_hand for one in found.addressees} == {
        "printer": False,
        "courier": True,
        "cloud": False,
    }
    assert found.addressees[0].disclosures[0] == Disclosure(
        recipient="printer",
        collection="agency.person",
        reference=("1",),
        disclosed_at=datetime.fromisoformat("2026-01-01T12:00+02:00"),
    )


def test_without_a_log_everybody_is_told_who_receives_the_collection(database, tmp_path):
    company = create_handovers(database, tmp_path, (LOG, ""))
    with company.engine.connect() as connection:
        found = find_audience(connection, company.rulebook(AS_OF), {"agency.person": [("201",)]})
    assert [one.recipient for one in found.addressees] == ["printer", "courier", "cloud"]
    assert audience(company.version(AS_OF).policy, ["agency.person"], (), ()) == found


def test_ten_thousand_rows_are_asked_for_by_one_statement_for_each_reference(database, tmp_path):
    company = create_handovers(database, tmp_path)
    rulebook, rows = company.rulebook(AS_OF), [(str(number),) for number in range(10_000)]
    statements = []
    with company.engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *said: statements.append(said[2]))
        find_audience(connection, rulebook, {"agency.person": rows, "agency.customer": rows})
    assert len(statements) == 2


def test_the_reference_company_can_tell_whom_it_named_to_whom(database):
    """Its log refers to persons, contacts, subscriptions and enquiries; each line leads to a recipient."""
    database.script((PROJECT / "include/sample/schema.sql").read_text(encoding="utf-8"))
    datamap = load_datamap(PROJECT / "include/datamap")
    version = read_policy(PROJECT / "include/policies/2025-02-19/policy.yaml")
    with database.connect().connect() as connection:
        rulebook = resolve(version, datamap, inspect(connection, datamap.schemas))
        found = find_audience(connection, rulebook, {"app.person": [("1",)], "website.enquiry": [("1",)]})
    assert {one.recipient: one.is_by_hand for one in found.addressees} == {
        "mail_and_chat": False,
        "cloud": True,
    }
