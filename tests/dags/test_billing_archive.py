"""The DAGs of archives: year by year written, read again and sealed; looked after; what is lost is named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from lifecycle.archive.fetching import fetch
from support.books import IN_AUGUST, NAME, amend_policy, create_books, flip, hold, release_all
from support.companies import ledger_of

if TYPE_CHECKING:
    from demonstration.local_airflow import Question
    from lifecycle.runs.company import Company
    from support.airflow import Airflow
    from support.databases import Database

pytestmark = pytest.mark.commitment("A7", "G1")

BUILD, VERIFY, EXPIRE = "billing_archive", "billing_archive_verify", "billing_archive_expiry"
NEXT_AUGUST = IN_AUGUST.replace(year=2026)
OBJECT = "books/2025-06-30/0001/0000.parquet"


@pytest.fixture
def company(database: Database, tmp_path: Path, monkeypatch) -> Company:
    """The company, which tasks find through the environment."""
    company = create_books(database, tmp_path)
    folders = {"POLICY_DIR": "policies", "DATAMAP_DIR": "datamap", "KEYRING": "keyring", "STATE_DIR": "state",
               "ARCHIVE": "one", "ARCHIVE_SECOND": "two"}  # fmt: skip
    for name, folder in folders.items():
        monkeypatch.setenv(f"LIFECYCLE_{name}", str(tmp_path / folder))
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", database.url)
    return company


def shorten(company: Company, *changes: tuple[str, str]) -> None:
    """The policy asks for a year only, so that something is over today."""
    for before, after in (("keep: P7Y", "keep: P1Y"), *changes):
        amend_policy(company, company_folder(company), before, after)


def company_folder(company: Company) -> Path:
    return Path(company.archive_urls[0]).parent


def there(company: Company) -> list[str]:
    """The documents that the index has."""
    query = sa.text("SELECT DISTINCT number FROM lifecycle.archive_record ORDER BY number")
    with company.engine.connect() as connection:
        return list(connection.scalars(query))


def kinds_of(database: Database) -> list[str]:
    return [kind for kind, _ in ledger_of(database)]


def test_a_run_writes_what_is_over_and_a_second_one_nothing(airflow_alone: Airflow, company, database):
    run = airflow_alone.run(BUILD, IN_AUGUST)
    assert run.state == "success"
    assert [one["year_end"] for one in run.results["years"]] == ["2025-06-30", "2026-06-30"]
    assert len(fetch(company, NAME, "B-0001")) == 1
    assert kinds_of(database) == ["policy_adopted", "archive_written", "archive_written"]
    again = airflow_alone.run(BUILD, IN_AUGUST)
    assert again.state == "success"
    assert kinds_of(database) == ["policy_adopted", "archive_written", "archive_written"]


def test_a_run_fails_where_a_place_is_lost_and_goes_on_when_it_is_back(
    airflow_alone: Airflow, company, tmp_path: Path, monkeypatch
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("LIFECYCLE_ARCHIVE_SECOND", str(tmp_path / "file"))
    run = airflow_alone.run(BUILD, IN_AUGUST)
    assert run.state == "failed"
    assert not list(tmp_path.rglob("manifest.json"))
    monkeypatch.setenv("LIFECYCLE_ARCHIVE_SECOND", str(tmp_path / "two"))
    assert airflow_alone.run(BUILD, IN_AUGUST).state == "success"
    assert len(fetch(company, NAME, "B-0006")) == 1


def test_the_archive_is_looked_after_mended_and_what_is_lost_fails_the_run(
    airflow_alone: Airflow, company, database, tmp_path: Path
):
    airflow_alone.run(BUILD, IN_AUGUST)
    (tmp_path / "two" / OBJECT).unlink()
    assert airflow_alone.run(VERIFY, IN_AUGUST).state == "success"
    assert (tmp_path / "two" / OBJECT).exists()
    for place in ("one", "two"):
        flip(tmp_path / place / OBJECT)
    run = airflow_alone.run(VERIFY, IN_AUGUST)
    assert (run.state, run.having("failed")) == ("failed", {"verify"})
    assert kinds_of(database)[-2:] == ["archive_verified", "archive_verified"]
    del company


def test_what_is_over_is_destroyed_and_what_is_held_goes_at_once_when_it_is_released(
    airflow_alone: Airflow, company, database
):
    airflow_alone.run(BUILD, IN_AUGUST)
    hold(company, "trade.bill:B,1")
    shorten(company)
    run = airflow_alone.run(EXPIRE, NEXT_AUGUST)
    assert run.state == "success"
    assert run.results["expiry.keep_held"] == ["books/2025-06-30/0002"]
    assert run.results["expiry.destroy"]["destroyed"]["parts"] == ["books/2025-06-30/0001"]
    assert there(company) == ["B-0004", "B-0006"]
    again = airflow_alone.run(EXPIRE, NEXT_AUGUST)
    assert (again.state, again.having("skipped") >= {"expiry.check_plan", "expiry.execute"}) == (
        "success",
        True,
    )
    release_all(company, NEXT_AUGUST)
    assert airflow_alone.run(EXPIRE, NEXT_AUGUST).state == "success"
    assert there(company) == ["B-0006"]
    del database


def test_beyond_the_guard_a_person_decides_about_exactly_this_plan(airflow_alone: Airflow, company):
    airflow_alone.run(BUILD, IN_AUGUST)
    shorten(company, ("default: {rows: 100}", "default: {rows: 3}"))
    asked: list[Question] = []
    refused = airflow_alone.run(EXPIRE, NEXT_AUGUST, ask=airflow_alone.replying("Reject", asked))
    assert (refused.state, refused.having("failed")) == ("failed", {"expiry.approval"})
    assert len(there(company)) == 5
    approved = airflow_alone.run(EXPIRE, NEXT_AUGUST, ask=airflow_alone.replying("Approve", asked))
    assert approved.state == "success"
    assert there(company) == ["B-0006"]
    assert "| trade.bill | destroy | 4 |" in asked[0].body


def test_airflow_knows_nothing_of_what_is_archived(airflow_alone: Airflow, company, database):
    airflow_alone.run(BUILD, IN_AUGUST)
    database.execute("UPDATE trade.item SET amount = 'NaN' WHERE serial = 'A'")
    assert airflow_alone.run(BUILD, IN_AUGUST).state == "failed"
    airflow_alone.run(VERIFY, IN_AUGUST)
    for canary in ("anary", "B-0001"):
        assert airflow_alone.traces(canary) == []
    del company
