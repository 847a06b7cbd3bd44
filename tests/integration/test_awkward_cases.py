"""The reference company's awkward cases are there at any size."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from lifecycle.policy.load import read_policy
from support.samples import AS_OF, PROJECT, REFERENCE, populate

TALLINN = ZoneInfo("Europe/Tallinn")
ENDS = "SELECT ended_at FROM app.contract WHERE ended_at IS NOT NULL"


@pytest.fixture(scope="module")
def database(database_server):
    """Nobody but the awkward cases."""
    with database_server.database(migrated=False) as fresh:
        populate(fresh.url, REFERENCE, customers=0, days=1)
        yield fresh


def _values(database, query: str) -> list:
    return [row[0] for row in database.execute(query)]


def _local(instant: datetime) -> datetime:
    return instant.astimezone(TALLINN)


def test_a_customer_has_a_live_and_an_ended_contract(database):
    rows = database.execute(
        "SELECT id, renews_contract_id, ended_at FROM app.contract WHERE customer_id = 1 ORDER BY id"
    )
    assert [(row.renews_contract_id, row.ended_at is None) for row in rows] == [(None, False), (None, True)]


def test_a_contract_ends_on_29_february(database):
    ends = [_local(end) for end in _values(database, ENDS)]
    assert datetime(2024, 2, 29, 17, tzinfo=TALLINN) in ends


def test_contracts_end_at_midnight_before_each_change_of_the_clock(database):
    """The day that starts there has 23 hours in spring and 25 in autumn."""
    ends = [_local(end) for end in _values(database, ENDS)]
    lengths = {
        ((end + timedelta(days=1)).astimezone(UTC) - end.astimezone(UTC)) / timedelta(hours=1)
        for end in ends
        if (end.hour, end.minute, end.second) == (0, 0, 0)
    }
    assert {23, 25} <= lengths


def test_a_contract_ends_in_the_hour_that_comes_twice(database):
    (end,) = _values(database, "SELECT ended_at FROM app.contract WHERE customer_id = 5")
    assert (_local(end).hour, _local(end).minute, _local(end).fold) == (3, 30, 1)


def test_a_customer_never_signed(database):
    assert _values(
        database, "SELECT id FROM app.customer WHERE id NOT IN (SELECT customer_id FROM app.contract)"
    ) == [6]


def test_contracts_are_renewed_in_a_chain_up_to_a_live_one(database):
    rows = database.execute(
        "SELECT id, renews_contract_id, ended_at FROM app.contract WHERE customer_id = 7 ORDER BY id"
    )
    assert [row.renews_contract_id for row in rows] == [None, rows[0].id, rows[1].id]
    assert [row.ended_at is None for row in rows] == [False, False, True]


def test_contracts_are_reinstated_and_stay_or_end_again(database):
    rows = database.execute(
        "SELECT customer_id, ended_at IS NULL AS live FROM app.contract WHERE reinstated_at IS NOT NULL"
    )
    assert {tuple(row) for row in rows} == {(8, True), (9, False)}


def test_a_contract_under_notice_ends_ahead(database):
    ahead = database.execute(
        "SELECT customer_id, ended_at > :as_of FROM app.contract WHERE ended_at > :as_of", {"as_of": AS_OF}
    )
    assert [tuple(row) for row in ahead] == [(10, True)]


def test_a_customer_left_more_than_ten_years_ago_and_was_billed(database):
    issued = _values(database, "SELECT max(issued_on) FROM app.invoice WHERE customer_id = 12")
    assert issued[0].year < AS_OF.year - 10


def test_contracts_end_a_year_and_three_years_ago_to_the_day(database):
    ends = {_local(end).date() for end in _values(database, ENDS)}
    today = AS_OF.astimezone(TALLINN).date()
    last_year = today.replace(year=today.year - 1)
    assert {last_year, last_year + timedelta(days=1), today.replace(year=today.year - 3)} <= ends


def test_one_address_is_known_to_several_customers(database):
    shared = database.execute("""
        SELECT lower(email), count(DISTINCT customer_id), count(DISTINCT email)
        FROM app.contact GROUP BY 1 HAVING count(*) > 1
    """)
    assert [tuple(row) for row in shared] == [("mari.maasikas@shared.example", 3, 2)]
    persons = database.execute(
        "SELECT lower(work_email) FROM app.person GROUP BY 1 HAVING count(DISTINCT customer_id) > 1"
    )
    assert [row[0] for row in persons] == ["kadri.tamm@pohjala.example"]


def test_one_subject_is_contact_person_enquirer_and_subscriber(database):
    for table, column in [
        ("app.contact", "email"),
        ("app.person", "work_email"),
        ("website.enquiry", "email"),
        ("website.marketing_subscription", "email"),
        ("app.invoice", "contact_email"),
    ]:
        found = _values(
            database, f"SELECT count(*) FROM {table} WHERE lower({column}) = 'kadri.tamm@pohjala.example'"
        )
        assert found[0] > 0, table


def test_addresses_are_in_unicode_and_carry_a_plus(database):
    for condition in (r"email ~ '[^\x01-\x7f].*@'", r"email ~ '@.*[^\x01-\x7f]'", "email LIKE '%+%@%'"):
        assert _values(database, f"SELECT email FROM app.contact WHERE {condition}"), condition
    assert _values(database, "SELECT work_email FROM app.person WHERE work_email LIKE '%+%'")


def test_phones_are_missing(database):
    for table in ("app.contact", "app.person", "website.enquiry"):
        known = dict(database.execute(f"SELECT phone IS NULL, count(*) FROM {table} GROUP BY 1"))
        assert known[True], table
        assert known[False], table


def test_a_note_mentions_the_address_of_somebody_else(database):
    others = database.execute("""
        SELECT note.id FROM app.note JOIN app.person ON person.id = person_id
        JOIN app.contact ON body LIKE '%' || email || '%' AND email <> work_email
    """)
    assert others


def test_two_enquirers_share_one_browser(database):
    shared = (
        "SELECT count(DISTINCT email) FROM website.enquiry WHERE visitor_id IS NOT NULL GROUP BY visitor_id"
    )
    assert max(_values(database, shared)) == 2


def test_page_views_lie_on_the_edges_of_a_day(database):
    instants = _values(database, "SELECT occurred_at FROM website.page_view")
    assert {time(0), time.max} <= {_local(instant).time() for instant in instants}


def test_credit_notes_take_back_an_invoice(database):
    notes = database.execute("""
        SELECT note.gross + invoice.gross AS rest FROM app.invoice AS note
        JOIN app.invoice ON invoice.id = note.credited_invoice_id WHERE note.gross < 0
    """)
    assert [row.rest for row in notes] == [0] * len(notes)
    assert len(notes) >= 3


def test_the_ten_years_of_an_invoice_end_before_those_of_its_credit_note(database):
    """A7: the invoice falls due while what refers to it must stay, and the reference can be cut."""
    years = database.execute("""
        SELECT extract(year FROM invoice.issued_on)::int, extract(year FROM note.issued_on)::int
        FROM app.invoice AS note JOIN app.invoice ON invoice.id = note.credited_invoice_id
        WHERE note.customer_id = 18
    """)
    assert (AS_OF.year - 11, AS_OF.year - 10) in years
    with database.connect().connect() as connection:  # rolled back
        cut = text("UPDATE app.invoice SET credited_invoice_id = NULL WHERE customer_id = 18 AND gross < 0")
        assert connection.execute(cut).rowcount == len(years)


def test_every_disclosure_names_a_recipient_of_the_policy(database):
    """G3: what went to whom can be followed up."""
    policy = read_policy(PROJECT / "include/policies/2025-02-19/policy.yaml").policy
    recipients = set(_values(database, "SELECT DISTINCT recipient FROM app.disclosure"))
    assert {"mail_and_chat"} < recipients <= set(policy.recipients)
