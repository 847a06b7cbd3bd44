"""The people of the sample companies: consistent, skewed, and reachable nowhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from support.samples import AS_OF, COMPANIES, REFERENCE, populate

TALLINN = ZoneInfo("Europe/Tallinn")
ADDRESS = r"""@([^\s",;()<>\\]*[^\s",.;()<>\\])"""
RESERVED_DOMAIN = r"(^|\.)(example|test|example\.com)$"


@pytest.fixture(scope="module")
def database(database_server):
    """A crowd of sixty and ten days of telemetry."""
    with database_server.database(migrated=False) as fresh:
        populate(fresh.url, REFERENCE, customers=60, days=10)
        yield fresh


def _values(database, query: str) -> list:
    return [row[0] for row in database.execute(query)]


@pytest.mark.parametrize("company", COMPANIES, ids=str)
def test_no_address_could_belong_to_anybody(company, database_server):
    """RFC 2606: every address found in any text or JSON lies under a reserved domain."""
    with database_server.database(migrated=False) as fresh:
        tables = populate(fresh.url, company)
        for table in tables:
            strangers = fresh.execute(
                f"SELECT DISTINCT domain[1] FROM {table} AS t,"
                " regexp_matches(t::text, :address, 'g') AS domain WHERE domain[1] !~ :reserved LIMIT 3",
                {"address": ADDRESS, "reserved": RESERVED_DOMAIN},
            )
            assert strangers == [], table


def test_ip_addresses_are_routed_nowhere(database):
    """RFC 2544 and RFC 3849."""
    strangers = _values(
        database,
        "SELECT ip_address FROM website.page_view WHERE NOT ip_address <<= '198.18.0.0/15'"
        " AND NOT ip_address <<= '2001:db8::/32'",
    )
    assert strangers == []


def test_nothing_happened_after_the_history_ends(database):
    columns = database.execute("""
        SELECT table_schema || '.' || table_name AS table, column_name AS column
        FROM information_schema.columns
        WHERE table_schema IN ('app', 'website') AND data_type IN ('timestamp with time zone', 'date')
          AND table_name !~ '_[0-9]{8}$'
    """)
    ahead = {
        (row.table, row.column)
        for row in columns
        if _values(
            database, f"SELECT EXISTS (SELECT FROM {row.table} WHERE {row.column} > '{AS_OF.isoformat()}')"
        )[0]
    }
    assert ahead == {("app.contract", "ended_at"), ("app.invoice", "due_on")}


def test_every_visitor_was_last_seen_when_it_did_something_last(database):
    early = _values(
        database,
        """
        SELECT count(*) FROM website.visitor JOIN (
            SELECT visitor_id, occurred_at FROM website.page_view
            UNION ALL SELECT visitor_id, occurred_at FROM website.interaction
        ) AS event ON visitor_id = visitor.id
        WHERE occurred_at NOT BETWEEN first_seen_at AND last_seen_at
        """,
    )
    assert early == [0]


def test_telemetry_covers_the_days_that_were_asked_for(database):
    days = _values(
        database,
        "SELECT DISTINCT (occurred_at AT TIME ZONE 'Europe/Tallinn')::date FROM website.page_view ORDER BY 1",
    )
    today = AS_OF.astimezone(TALLINN).date()
    assert days[-1] == today
    assert days[:1] == [today - timedelta(days=len(days) - 1)]
    assert len(days) in (10, 11)


def test_managers_and_authors_belong_to_the_same_customer(database):
    """A5: nothing of one customer refers to another's."""
    foreign = _values(
        database,
        """
        SELECT person.id
        FROM app.person JOIN app.person AS manager ON manager.id = person.manager_person_id
        WHERE manager.customer_id <> person.customer_id
        UNION ALL
        SELECT note.id FROM app.note JOIN app.person ON person.id = person_id
        JOIN app.contact ON contact.id = author_contact_id WHERE contact.customer_id <> person.customer_id
        """,
    )
    assert foreign == []
    assert _values(database, "SELECT count(*) FROM app.person WHERE manager_person_id IS NOT NULL")[0] > 100


def test_invoices_add_up_and_are_paid_in_full(database):
    wrong = _values(
        database,
        """
        SELECT invoice.id FROM app.invoice JOIN app.invoice_line ON invoice_id = invoice.id
        GROUP BY invoice.id HAVING sum(invoice_line.net) <> invoice.net
        UNION ALL
        SELECT invoice.id FROM app.invoice JOIN app.payment ON invoice_id = invoice.id WHERE amount <> gross
        """,
    )
    assert wrong == []


def test_renewals_continue_without_a_gap(database):
    gaps = _values(
        database,
        """
        SELECT contract.id
        FROM app.contract JOIN app.contract AS renewed ON renewed.id = contract.renews_contract_id
        WHERE renewed.customer_id <> contract.customer_id OR renewed.ended_at <> contract.starts_at
        """,
    )
    assert gaps == []


def test_a_few_customers_hold_most_people_and_a_few_visitors_most_views(database):
    sizes = _values(database, "SELECT count(*) FROM app.person GROUP BY customer_id ORDER BY 1 DESC")
    assert sum(sizes[:8]) > sum(sizes[8:]) / 2
    views = _values(database, "SELECT count(*) FROM website.page_view GROUP BY visitor_id ORDER BY 1 DESC")
    assert sum(views[: len(views) // 10]) > sum(views) / 3


def test_some_of_everything_is_overdue_and_some_is_not(database):
    """What the first run of a retention rule finds: something to do, and something to leave."""
    for table, column, years in [
        ("website.enquiry", "submitted_at", 3),
        ("website.marketing_subscription", "created_at", 3),
        ("app.contract", "ended_at", 1),
        ("app.contract", "ended_at", 3),
    ]:
        limit = AS_OF.replace(year=AS_OF.year - years).isoformat()
        overdue = dict(database.execute(f"SELECT {column} < '{limit}', count(*) FROM {table} GROUP BY 1"))
        assert overdue[True] >= 5, table
        assert overdue[False] >= 5, table


def test_cookie_choices_differ_and_change(database):
    choices = dict(database.execute("SELECT analytical, count(*) FROM website.cookie_choice GROUP BY 1"))
    assert min(choices.values()) > 20
    assert max(_values(database, "SELECT count(*) FROM website.cookie_choice GROUP BY visitor_id")) == 2


def test_consent_is_given_before_it_is_withdrawn(database):
    orders = _values(
        database,
        """
        SELECT DISTINCT string_agg(event, ' ' ORDER BY occurred_at, id)
        FROM website.marketing_consent GROUP BY subscription_id
        """,
    )
    assert set(orders) == {"given", "given withdrawn", "given withdrawn given"}


@pytest.mark.parametrize(
    "as_of",
    [
        "2024-02-29T00:00+02:00",
        "2025-03-30T00:00+02:00",
        "2025-10-26T03:30+02:00",
        "2025-01-01T00:00+00:00",
        "2023-12-31T23:59:59.999999+02:00",
        "2104-02-28T12:00+02:00",
    ],
)
@pytest.mark.parametrize("company", COMPANIES, ids=str)
def test_a_history_may_end_at_any_instant(company, as_of, empty_database):
    rows = populate(empty_database.url, company, customers=2, days=1, as_of=datetime.fromisoformat(as_of))
    assert all(rows.values())
