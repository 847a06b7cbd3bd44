"""The DAGs of archives: year by year written, read again and sealed; looked after; what is lost is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lifecycle.archive.fetching import fetch
from support.books import IN_AUGUST, NAME, create_books, flip
from support.companies import ledger_of

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.airflow import Airflow
    from support.databases import Database

pytestmark = pytest.mark.commitment("A7", "G1")

BUILD, VERIFY = "billing_archive", "billing_archive_verify"
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


def test_airflow_knows_nothing_of_what_is_archived(airflow_alone: Airflow, company, database):
    airflow_alone.run(BUILD, IN_AUGUST)
    database.execute("UPDATE trade.item SET amount = 'NaN' WHERE serial = 'A'")
    assert airflow_alone.run(BUILD, IN_AUGUST).state == "failed"
    airflow_alone.run(VERIFY, IN_AUGUST)
    for canary in ("anary", "B-0001"):
        assert airflow_alone.traces(canary) == []
    del company
