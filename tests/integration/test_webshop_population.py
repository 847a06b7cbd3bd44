"""What the web shop holds that the reference company does not."""

from __future__ import annotations

import pytest

from support.samples import WEBSHOP, populate


@pytest.fixture(scope="module")
def database(database_server):
    """Fifteen accounts and the awkward ones, seventy days of clicks."""
    with database_server.database(migrated=False) as fresh:
        populate(fresh.url, WEBSHOP, days=70)
        yield fresh


def test_addresses_of_the_web_shop_are_shared(database):
    users = database.execute("""
        SELECT count(DISTINCT account.account_no) AS accounts, count(DISTINCT purchase_no) AS purchases
        FROM shop.address
        LEFT JOIN shop.account ON home_address_id = address_id
        LEFT JOIN shop.purchase ON ship_address_id = address_id
        WHERE address_id = 1
    """)[0]
    assert users.accounts >= 2
    assert users.purchases >= 3


def test_every_ticket_of_the_web_shop_refers_to_an_account_by_its_number_as_text(database):
    tickets = database.execute("""
        SELECT account_ref IS NULL AS unknown, bool_and(account_no IS NOT NULL) AS found
        FROM crm.ticket LEFT JOIN shop.account ON account_no::text = account_ref GROUP BY 1 ORDER BY 1
    """)
    assert [tuple(row) for row in tickets] == [(False, True), (True, False)]


def test_clicks_of_the_web_shop_lie_in_their_months(database):
    months = database.execute("SELECT DISTINCT tableoid::regclass::text FROM shop.click ORDER BY 1")
    assert [month[0] for month in months] == [f"shop.click_2025_{month:02}" for month in (9, 10, 11)]
