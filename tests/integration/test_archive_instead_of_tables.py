"""A rule deletes what an archive has as it stands in the tables, and nothing that it has not."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from lifecycle.archive.verifying import verify
from lifecycle.execute.door import Door
from lifecycle.planning.planner import ground_of, make_plan
from lifecycle.retention.sweep import sweep
from lifecycle.store.roles import Role
from support.books import IN_AUGUST, amend_policy, create_books, hold, write_books

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("A7")

RULE = "bills_in_the_tables"
OF_A = [("trade.bill", "A1"), ("trade.bill", "A2"), ("trade.discount", "1"), ("trade.item", "A1"), ("trade.item", "A1"),
        ("trade.item", "A2"), ("trade.receipt", "A1"), ("trade.receipt", "A1")]  # fmt: skip


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    return create_books(database, tmp_path)


def keep_rule(company: Company):
    return sweep(company, RULE, as_of=IN_AUGUST, approved_by="Olivia")


def bills(database: Database) -> list[str]:
    """What is left of bills."""
    return [
        row.bill for row in database.execute("SELECT serial || copy_no AS bill FROM trade.bill ORDER BY bill")
    ]


def test_nothing_goes_that_was_not_written(company: Company, database: Database):
    swept = keep_rule(company)
    assert bills(database) == ["A1", "A2", "B1", "C1", "D1"]
    kept = {(one.collection, one.reason, one.source, one.until, one.rows) for one in swept.first.plan.kept}
    assert ("trade.bill", "statutory", "books", date(2032, 6, 30), 4) in kept


def test_what_was_written_goes_with_all_that_belongs_to_it(company: Company, database: Database):
    write_books(company)
    keep_rule(company)
    assert bills(database) == ["D1"]
    for table, rows in (("item", 1), ("discount", 0), ("receipt", 0), ("client", 2)):
        assert len(database.execute(f"SELECT FROM trade.{table}")) == rows


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trade.bill SET total = total + 0.001 WHERE serial = 'A' AND copy_no = 1",
        "UPDATE trade.bill SET buyer = NULL WHERE serial = 'A' AND copy_no = 1",
        "UPDATE trade.item SET what = 'Stool' WHERE serial = 'A' AND copy_no = 1 AND amount = 60",
        "DELETE FROM trade.receipt WHERE id = 2",
        "INSERT INTO trade.receipt VALUES (9, 'A', 1, 0, NULL)",
        "UPDATE trade.discount SET percent = 11",
    ],
)
def test_a_document_that_changed_since_stays_until_it_is_written_again(
    company: Company, database: Database, change
):
    write_books(company)
    database.execute(change)
    keep_rule(company)
    assert bills(database) == ["A1", "D1"]
    assert len(database.execute("SELECT FROM trade.item WHERE serial = 'A'")) == 2
    write_books(company)
    keep_rule(company)
    assert bills(database) == ["D1"]


def test_what_the_archive_does_not_hold_may_be_emptied_before(company: Company, database: Database):
    write_books(company)
    database.execute("UPDATE trade.bill SET reader = NULL, client_no = NULL")
    keep_rule(company)
    assert bills(database) == ["D1"]


def test_a_part_that_is_not_sealed_stands_for_nothing(company: Company, database: Database):
    write_books(company)
    database.execute(
        "UPDATE lifecycle.archive_part SET state = 'verified', entry = NULL WHERE state = 'written'"
    )
    keep_rule(company)
    assert bills(database) == ["A1", "A2", "B1", "C1", "D1"]


def test_what_is_held_stays_in_the_tables_though_it_was_written(company: Company, database: Database):
    write_books(company)
    hold(company, "trade.bill:B,1", until=2026)
    keep_rule(company)
    assert bills(database) == ["B1", "D1"]


def test_a_document_of_which_one_row_is_held_stays_whole(company: Company, database: Database):
    write_books(company)
    hold(company, "trade.receipt:2", until=2026)
    swept = keep_rule(company)
    assert bills(database) == ["A1", "D1"]
    for table, rows in (("item", 3), ("discount", 1), ("receipt", 2)):
        assert len(database.execute(f"SELECT FROM trade.{table}")) == rows
    kept = {(one.collection, one.reason, one.until, one.rows) for one in swept.first.plan.kept}
    until = date(2026, 8, 11)
    assert kept == {
        ("trade.bill", "needed", until, 1),
        ("trade.discount", "needed", until, 1),
        ("trade.item", "needed", until, 2),
        ("trade.receipt", "hold", until, 1),
        ("trade.receipt", "needed", until, 1),
    }
    assert write_books(company) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trade.bill SET total = 8 WHERE serial = 'B'",
        "INSERT INTO trade.receipt VALUES (9, 'B', 1, 7, NULL)",
    ],
)
def test_a_document_that_changes_after_it_was_planned_is_not_deleted(
    company: Company, database: Database, change
):
    write_books(company)
    rulebook = company.rulebook(IN_AUGUST)
    stored = make_plan(company.engine, rulebook, RULE, as_of=IN_AUGUST, batch_rows=1)
    database.execute(change)
    door = Door(database.connect(Role.ENGINE), rulebook, stored, ground_of(rulebook, stored.plan))
    (why,) = door.carry_out().deferred.values()
    assert why == "trade.bill: 1 of 1 rows are kept by books now"
    assert bills(database) == ["B1", "D1"]


def test_a_document_goes_in_one_batch_though_a_row_of_it_goes_with_another_client(
    company: Company, database: Database, tmp_path: Path
):
    """Client 1 has paid a bill of client 2: the receipt goes with client 1, and so must the bill."""
    company = amend_policy(company, tmp_path, "payer_no: {access: cut}", "payer_no: owner")
    company = amend_policy(company, tmp_path, "client_no: {access: {redact: [reader]}}", "client_no: owner")
    database.execute("UPDATE trade.receipt SET payer_no = 1")
    database.execute("INSERT INTO trade.receipt VALUES (9, 'B', 1, 7, NULL, 1)")
    database.execute("ALTER TABLE trade.receipt ALTER payer_no SET NOT NULL")
    as_of = IN_AUGUST.replace(year=2030)
    write_books(company, as_of)
    stored = make_plan(company.engine, company.rulebook(as_of), "clients", as_of=as_of, batch_rows=1)
    batches = database.execute(
        "SELECT item.batch, rows.serial || rows.copy_no AS bill FROM lifecycle.plan_item AS item,"
        " unnest((item.keys[1])::text[], (item.keys[2])::text[]) AS rows (serial, copy_no)"
        " WHERE item.collection = 'trade.bill'"
    )
    assert {row.bill: row.batch for row in batches} == {"A1": 0, "A2": 0, "B1": 0, "D1": 1}
    rulebook = company.rulebook(as_of)
    outcome = Door(
        database.connect(Role.ENGINE), rulebook, stored, ground_of(rulebook, stored.plan)
    ).carry_out()
    assert not outcome.deferred
    assert bills(database) == ["C1"]


def test_what_is_lost_of_the_archive_stays_in_the_tables_and_is_written_again(
    company: Company, database: Database, tmp_path: Path
):
    write_books(company)
    for place in ("one", "two"):
        (tmp_path / place / "books/2025-06-30/0001/0000.parquet").unlink()
    assert not verify(company, "books", as_of=IN_AUGUST).findings[0].repaired
    keep_rule(company)
    assert len(bills(database)) == 5
    assert [one.folder for one in write_books(company)] == ["books/2025-06-30/0002"]
    keep_rule(company)
    assert bills(database) == ["D1"]
