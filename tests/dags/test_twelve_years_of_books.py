"""Twelve years of an archive, run by run: written, looked after, fetched, spoiled, mended, held, and gone in time.

Each September the application has written bills in the financial year that ended in June, the tables let go of what the
archive has, and the three DAGs run. At the end nothing is older than promised: in tables, archive, keys or index.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.archive.fetching import fetch
from lifecycle.errors import NotFound
from lifecycle.retention.sweep import sweep
from support.books import NAME, create_books, flip, hold, release_all

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.airflow import Airflow
    from support.databases import Database

pytestmark = pytest.mark.commitment("A2", "A7", "A8", "G1")

YEARS = range(2012, 2025)
"""Financial years by the year in which they end; the first was over in June 2022."""
KEEP = 10
SPOILED, AMENDED, HELD, RELEASED = 2014, 2016, 2019, 2024
_BILLS = """
    INSERT INTO trade.bill (client_no, serial, copy_no, number, issued_at, currency, total, buyer)
    SELECT 1 + number % 2, 'Y{year}', number, '{year}-' || number, CAST('{year}-0' || number || '-15' AS timestamptz),
           'EUR', number * 10.005, 'Canary {year}'
    FROM generate_series(1, 4) AS number;
    INSERT INTO trade.item SELECT gen_random_uuid(), serial, copy_no, 'Chair', total FROM trade.bill
    WHERE serial = 'Y{year}';
    INSERT INTO trade.receipt (id, serial, copy_no, paid)
    SELECT {year} * 10 + copy_no, serial, copy_no, total FROM trade.bill WHERE serial = 'Y{year}' AND copy_no < 4
"""


@pytest.fixture
def company(database: Database, tmp_path: Path, monkeypatch) -> Company:
    """The company since 2010, without bills, as tasks find it through the environment."""
    company = create_books(
        database, tmp_path, since=date(2010, 1, 1), changes=[("keep: P7Y", f"keep: P{KEEP}Y")]
    )
    database.execute("TRUNCATE trade.bill, trade.item, trade.discount, trade.receipt")
    folders = {"POLICY_DIR": "policies", "DATAMAP_DIR": "datamap", "KEYRING": "keyring", "STATE_DIR": "state",
               "ARCHIVE": "one", "ARCHIVE_SECOND": "two"}  # fmt: skip
    for name, folder in folders.items():
        monkeypatch.setenv(f"LIFECYCLE_{name}", str(tmp_path / folder))
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", database.url)
    return company


def test_twelve_years(airflow_alone: Airflow, company: Company, database: Database, tmp_path: Path):
    remembered: dict[str, Any] = {}
    for year in YEARS:
        as_of = datetime(year, 9, 20, 2, tzinfo=UTC)
        write_bills(database, year)
        if year == AMENDED:
            database.execute(
                "INSERT INTO trade.receipt (id, serial, copy_no, paid) VALUES (1, 'Y2016', 4, 5)"
            )
        succeed(airflow_alone, "billing_archive", as_of)
        remembered[f"{year}-1"] = fetch(company, NAME, f"{year}-1")[0].to_json()
        if year == AMENDED:
            pay_late(database, airflow_alone, as_of, company)
        sweep(company, "bills_in_the_tables", as_of=as_of)
        assert bills(database) == []
        if year == SPOILED:
            flip(tmp_path / "one/books/2013-06-30/0001/0000.parquet")
        succeed(airflow_alone, "billing_archive_verify", as_of)
        if year == HELD:
            hold(company, "trade.bill:Y2012,1", as_of=as_of)
        if year == RELEASED:
            release_all(company, as_of)
        succeed(airflow_alone, "billing_archive_expiry", as_of)
        assert there(company, remembered) == expected(year), year
    nothing_is_older(company, database, tmp_path)


def succeed(airflow: Airflow, name: str, as_of: datetime) -> None:
    assert airflow.run(name, as_of).state == "success", (name, as_of)


def write_bills(database: Database, year: int) -> None:
    database.script(_BILLS.format(year=year))


def pay_late(database: Database, airflow: Airflow, as_of: datetime, company: Company) -> None:
    """Paid after it was written: the tables keep it until that is written, too."""
    database.execute("UPDATE trade.receipt SET paid = 10 WHERE id = 1")
    sweep(company, "bills_in_the_tables", as_of=as_of)
    assert bills(database) == ["2016-4"]
    succeed(airflow, "billing_archive", as_of)
    assert [one.revision for one in fetch(company, NAME, "2016-4")] == [1, 0]


def bills(database: Database) -> list[str]:
    return [row.number for row in database.execute("SELECT number FROM trade.bill ORDER BY number")]


def there(company: Company, remembered: dict[str, Any]) -> list[str]:
    """What can be fetched, all of it as it was when it was written."""
    found = []
    for number, document in remembered.items():
        try:
            fetched = fetch(company, NAME, number)[0].to_json()
        except NotFound:
            continue
        assert fetched == document
        found.append(number)
    return found


def expected(year: int) -> list[str]:
    """By September ten years are over of the financial year that ended ten years ago in June."""
    held = ["2012-1"] if year in range(2012 + KEEP, RELEASED) else []
    return held + [f"{one}-1" for one in YEARS if year - KEEP < one <= year]


def nothing_is_older(company: Company, database: Database, tmp_path: Path) -> None:
    oldest = date(YEARS[-1] - KEEP + 1, 6, 30)
    assert bills(database) == []
    for told_by in ("archive_record JOIN lifecycle.archive_part USING (part_id)", "archive_key"):
        (one,) = database.execute(f"SELECT min(year_end) AS year_end FROM lifecycle.{told_by}")
        assert one.year_end == oldest
    keys = [name for name in company.keys.names() if name.startswith("archive.")]
    assert min(name.split(".")[2] for name in keys) == str(oldest)
    for place in ("one", "two"):
        assert min(path.name for path in (tmp_path / place / NAME).iterdir()) == str(oldest)
    known = "SELECT FROM lifecycle.archive_part WHERE year_end < :oldest AND manifest IS NOT NULL"
    assert database.execute(known, {"oldest": oldest}) == []
