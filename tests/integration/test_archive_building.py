"""Documents are written once their month is over, read again, and only then relied on."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from sqlalchemy import event

from lifecycle.archive import building, parts, reading
from lifecycle.archive.beside import new_keys, read_keys
from lifecycle.archive.envelope import OwnerKey, YearKeys
from lifecycle.archive.fetching import fetch
from lifecycle.archive.places import Places
from lifecycle.errors import CheckFailed, NotFound, StorageError, StoreError, UsageError
from lifecycle.store import engine
from lifecycle.store.roles import Role
from support.books import IN_AUGUST, NAME, create_books, flip, write_books

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.archive.manifest import Manifest
    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("A7", "G1")

AWKWARD = (
    "", " ", "\n", "\r\n", "\t", "\r", "\\", "\\.", "\\N", "NULL", "'", '"', '""', ",", "(,)", "{}", "ﬀ", "e\u0301",
    "\u2028", "\u00a0", "\ufeff", "\U0001f600", "\x01", "\x1f", '["a",null]', "true", "1e5", "x" * 20_000,
)  # fmt: skip
"""Texts that a format may take for something else."""
OWNER = "a canary who owns bills"


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    return create_books(database, tmp_path)


def numbers(manifests: list[Manifest]) -> dict[str, int]:
    return {one.folder: one.documents for one in manifests}


def test_years_are_written_whose_months_are_over(company: Company):
    assert numbers(write_books(company)) == {"books/2025-06-30/0001": 4, "books/2026-06-30/0001": 1}


def test_a_month_is_written_when_it_is_over_for_as_long_as_the_policy_asks(company: Company):
    assert numbers(write_books(company, datetime(2025, 8, 10, 20, 59, tzinfo=UTC))) == {
        "books/2025-06-30/0001": 4
    }
    assert numbers(write_books(company, datetime(2025, 8, 10, 21, 0, tzinfo=UTC))) == {
        "books/2026-06-30/0001": 1
    }


def test_what_was_written_is_not_written_again(company: Company):
    write_books(company)
    assert write_books(company) == []


def test_texts_of_all_kinds_are_known_again_and_come_back(company: Company, database: Database):
    """What is hashed while it is read is what PostgreSQL computes when it is asked again."""
    for number, text in enumerate(AWKWARD):
        values = {"number": f"X-{number}", "text": text, "key": f"{text}{number}"}
        database.execute(
            "INSERT INTO trade.bill VALUES (1, :key, 1, :number, '2025-01-01', NULL, 'EUR', 1, false, :text, :text)",
            values,
        )
        database.execute(
            "INSERT INTO trade.item VALUES (gen_random_uuid(), :key, 1, :text, 1),"
            " (gen_random_uuid(), :key, 1, 'another', NULL)",
            values,
        )
    write_books(company)
    assert write_books(company) == []
    for number, text in enumerate(AWKWARD):
        (document,) = fetch(company, NAME, f"X-{number}")
        assert (document.values["buyer"], document.values["serial"]) == (text, f"{text}{number}")
        assert sorted(row["what"] for row in document.rows["trade.item"]) == sorted([text, "another"])


def test_what_the_database_refuses_is_told_without_values(company: Company, database: Database):
    """The index and the keys are copied in by the driver itself, whose errors quote the row."""
    write_books(company)
    database.execute("UPDATE lifecycle.archive_record SET is_newest = false")
    with pytest.raises(StoreError) as refused:
        write_books(company)
    assert "B-0001" not in told_by(refused.value)
    assert "{A,1}" not in told_by(refused.value)
    year, twice = YearKeys(company.keys, NAME, date(2025, 6, 30), 1), [OwnerKey(OWNER, b"", 1, b"x")] * 2
    with company.engine.begin() as connection, pytest.raises(StoreError) as refused:
        year._insert(connection, twice)
    assert OWNER not in told_by(refused.value)


def told_by(error: BaseException) -> str:
    """All that a traceback would print."""
    return "".join(traceback.format_exception(error))


def test_where_postgresql_writes_rows_otherwise_nothing_is_written(
    company: Company, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(reading, "row_texts", lambda values, _kinds: pa.repeat("()", values.num_rows))
    with pytest.raises(CheckFailed, match="writes the texts of rows otherwise"):
        write_books(company)
    assert not [path for path in tmp_path.rglob("*.parquet") if path.parent.parent.name.startswith("20")]


def test_a_place_may_take_longer_than_a_transaction_may_idle(
    company: Company, database: Database, monkeypatch
):
    monkeypatch.setattr(engine, "IDLE_TIMEOUT", timedelta(seconds=2))
    company = replace(company, engine=engine.connect(database.url, role=Role.ENGINE))
    year = building.years(company, NAME, as_of=IN_AUGUST)[0]
    assert building.write(company, NAME, year, as_of=IN_AUGUST, progress=lambda *_: time.sleep(3)) is not None


def test_a_currency_is_added_up_as_it_is_written(company: Company, database: Database):
    database.execute("ALTER TABLE trade.bill ALTER currency TYPE character(4)")
    (manifest, *_) = write_books(company)
    assert {currency for currency, *_ in manifest.totals} == {"EUR ", "USD "}


def test_the_keys_of_an_owner_who_has_no_name_are_kept_too(company: Company):
    keys, place = YearKeys(company.keys, NAME, date(2025, 6, 30), 1), Places.of(company).locations[0]
    with new_keys(keys, "books/2025-06-30/0001", [place]) as writer:
        for some in (["", "a"], ["a", "b"]):
            writer.add(OwnerKey(owner, b"", 1, b"x") for owner in some)
    table = pa.concat_tables(read_keys(place, writer.written, keys))
    assert table["owner"].to_pylist() == ["", "a", "b"]


def test_a_document_comes_back_as_it_was(company: Company):
    write_books(company)
    (document,) = fetch(company, NAME, "B-0001")
    assert document.values == {
        "serial": "A", "copy_no": 1, "number": "B-0001",
        "issued_at": datetime(2024, 6, 30, 21, 30, tzinfo=UTC),
        "due_on": date(2024, 7, 15), "currency": "EUR", "total": Decimal("100.005"), "is_credit": False,
        "buyer": 'Canary "One", OÜ', "remark": "line\nbreak", "extra": '{"a": [1, "ü"]}',
        "client_no.name": "Canary One",
    }  # fmt: skip
    items = {row["what"]: row for row in document.rows["trade.item"]}
    assert items["Canary chair, red"]["amount"] == Decimal("60.000")
    assert [row["percent"] for row in document.rows["trade.discount"]] == [10]
    assert [(row["paid"], row["payer"]) for row in document.rows["trade.receipt"]] == [
        (Decimal("50.000"), "Canary Payer"), (Decimal("50.005"), None),
    ]  # fmt: skip
    assert document.retain_until == date(2032, 6, 30)
    (credit,) = fetch(company, NAME, "B-0002")
    assert (credit.values["total"], credit.values["buyer"], credit.values["remark"]) == (
        Decimal("-100.005"),
        "",
        None,
    )


def test_nothing_that_the_law_does_not_need_is_written(company: Company):
    write_books(company)
    (document,) = fetch(company, NAME, "B-0001")
    assert "reader" not in document.values


def test_nothing_in_the_archive_can_be_read_without_keys(company: Company, tmp_path: Path):
    write_books(company)
    files = [path for place in ("one", "two") for path in (tmp_path / place).rglob("*") if path.is_file()]
    assert len(files) == 2 * (2 * 3)
    for path in files:
        content = path.read_bytes()
        assert b"anary" not in content
        assert path.suffix == ".json" or b"B-000" not in content


def test_totals_are_those_of_the_tables_by_currency(company: Company):
    (old, _) = write_books(company)
    assert old.totals.to_json() == {
        "EUR": {
            "trade.bill": {"rows": "3", "total": "1.000"},
            "trade.discount": {"rows": "1"},
            "trade.item": {"amount": "100.005", "rows": "3"},
            "trade.receipt": {"paid": "100.005", "rows": "2"},
        },
        "USD": {"trade.bill": {"rows": "1", "total": "7.000"}},
    }
    assert [(one.prefix, one.first, one.last, one.missing) for one in old.series] == [("B-", 1, 5, 1)]


def test_a_document_that_changed_is_written_again_and_its_history_kept(company: Company, database: Database):
    write_books(company)
    database.execute("INSERT INTO trade.receipt VALUES (3, 'A', 2, -100.005, 'Canary Payer')")
    (again,) = write_books(company)
    assert (again.documents, again.revisions) == (1, 1)
    newest, first = fetch(company, NAME, "B-0002")
    assert (newest.revision, len(newest.rows["trade.receipt"])) == (1, 1)
    assert (first.revision, len(first.rows["trade.receipt"])) == (0, 0)


def test_what_is_outdated_is_joined_by_hash_whatever_statistics_say(company: Company, database: Database):
    """They say that the index is empty where they were made while it was being filled."""
    write_books(company)
    filling = company.engine.connect()
    with filling.begin():
        filling.exec_driver_sql(
            "INSERT INTO lifecycle.archive_record SELECT archive, '{' || n || '}', 0, true, 'X-' || n, owner, digest,"
            " part_id, 0, 0, 0, owner FROM lifecycle.archive_record, generate_series(1, 5000) AS n"
            " WHERE number = 'B-0001'"
        )
        database.execute("DELETE FROM lifecycle.archive_record WHERE number LIKE 'B-%'")
        database.execute("ANALYZE lifecycle.archive_record")
    filling.close()
    part = building.of_number(company, 1)
    compiled = building.outdating(part).compile(dialect=company.engine.dialect)
    with company.engine.begin() as connection, engine.without_nested_loops(connection):
        lines = connection.exec_driver_sql(f"EXPLAIN {compiled}", compiled.params).scalars()
        explained = "\n".join(lines)
    assert "Nested Loop" not in explained
    assert "SubPlan" not in explained


def test_nothing_is_looped_over_while_revised_documents_are_outdated(company: Company, database: Database):
    write_books(company)
    database.execute("UPDATE trade.bill SET total = total + 1")
    settings: list[str] = []

    def look(connection, _cursor, statement, *_):
        if statement.startswith("UPDATE lifecycle.archive_record SET is_newest"):
            settings.append(connection.exec_driver_sql("SHOW enable_nestloop").scalar_one())

    event.listen(company.engine, "before_cursor_execute", look)
    assert sum(one.revisions for one in write_books(company)) > 0
    assert set(settings) == {"off"}


def test_what_the_archive_does_not_have_may_change_without_a_new_record(company: Company, database: Database):
    write_books(company)
    database.execute("UPDATE trade.bill SET reader = NULL, client_no = NULL")
    assert write_books(company) == []


def test_one_state_of_the_tables_is_written(company: Company, database: Database):
    """What changes while it is written is written by the next run."""
    (year, _) = building.years(company, NAME, as_of=IN_AUGUST)

    def change(_done: int, _all: int) -> None:
        database.execute("UPDATE trade.bill SET total = 8.000 WHERE serial = 'B'")
        database.execute("INSERT INTO trade.item VALUES (gen_random_uuid(), 'B', 1, 'Late', 1.000)")

    part = building.write(company, NAME, year, as_of=IN_AUGUST, progress=change)
    building.check(company, part)
    building.seal(company, building.of_number(company, part.part_id))
    (document,) = fetch(company, NAME, "B-0004")
    assert (document.values["total"], document.rows["trade.item"]) == (Decimal("7.000"), [])
    assert numbers(write_books(company)) == {"books/2025-06-30/0002": 1, "books/2026-06-30/0001": 1}


def test_documents_of_one_number_are_left_out_and_told(company: Company, database: Database):
    database.execute("UPDATE trade.bill SET number = 'B-0001' WHERE serial = 'B'")
    database.execute("UPDATE trade.bill SET number = NULL WHERE serial = 'C'")
    (old, _) = write_books(company)
    assert (old.documents, old.left_out.to_json()) == (1, {"of_one_number": 2, "unnumbered": 1})


def test_a_number_that_the_archive_has_is_not_given_again(company: Company, database: Database):
    write_books(company)
    database.execute(
        "INSERT INTO trade.bill (serial, copy_no, number, issued_at, currency, total)"
        " VALUES ('E', 1, 'B-0001', '2025-07-02', 'EUR', 3)"
    )
    assert write_books(company) == []
    assert len(fetch(company, NAME, "B-0001")) == 1


def test_what_the_law_does_not_ask_for_any_more_is_not_written(company: Company):
    years = building.years(company, NAME, as_of=datetime(2032, 7, 1, 1, tzinfo=UTC))
    assert [year.ends for year in years] == [date(2026, 6, 30)]


def test_an_amount_that_is_none_is_named_and_nothing_is_relied_on(company: Company, database: Database):
    database.execute("UPDATE trade.item SET amount = 'NaN' WHERE serial = 'A'")
    with pytest.raises(CheckFailed, match=r"trade\.item: a value cannot be written"):
        write_books(company)
    assert not database.execute("SELECT FROM lifecycle.archive_record")


def test_nobody_writes_for_a_moment_before_the_last(company: Company):
    write_books(company)
    with pytest.raises(UsageError, match="as of 2025-08-11 01:00, which is later"):
        write_books(company, datetime(2025, 7, 11, 1, tzinfo=UTC))


def test_what_is_half_written_is_no_part_and_is_begun_anew(company: Company, tmp_path: Path, monkeypatch):
    """The second place is full when the first object is finished."""
    from lifecycle.archive.storage import Folder

    finish = Folder._finish

    def full(self, name, file):
        if self.url.endswith("two"):
            raise OSError(28, "No space left on device")
        finish(self, name, file)

    monkeypatch.setattr(Folder, "_finish", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_books(company)
    assert not list(tmp_path.rglob("manifest.json"))
    with pytest.raises(NotFound):
        fetch(company, NAME, "B-0001")
    monkeypatch.undo()
    assert numbers(write_books(company)) == {"books/2025-06-30/0001": 4, "books/2026-06-30/0001": 1}
    assert len(list((tmp_path / "one").rglob("*.parquet"))) == 2 * 2


def test_what_was_changed_before_it_was_checked_is_not_relied_on(company: Company, tmp_path: Path):
    (year, _) = building.years(company, NAME, as_of=IN_AUGUST)
    part = building.write(company, NAME, year, as_of=IN_AUGUST)
    flip(tmp_path / "two/books/2025-06-30/0001/0000.parquet")
    with pytest.raises(CheckFailed, match=r"0000\.parquet at .*two unlike what was written: 1, at most 0"):
        building.check(company, part)
    with pytest.raises(CheckFailed, match="this part is drafted, not verified"):
        building.seal(company, part)
    assert numbers(write_books(company)) == {"books/2025-06-30/0001": 4, "books/2026-06-30/0001": 1}


def test_a_run_that_was_stopped_between_the_steps_is_begun_anew(company: Company, database: Database):
    (year, _) = building.years(company, NAME, as_of=IN_AUGUST)
    part = building.write(company, NAME, year, as_of=IN_AUGUST)
    building.check(company, part)
    assert numbers(write_books(company)) == {"books/2025-06-30/0001": 4, "books/2026-06-30/0001": 1}
    assert [row.count for row in database.execute("SELECT count(*) FROM lifecycle.archive_record")] == [5]


def test_a_document_of_somebody_else_does_not_open(company: Company, database: Database):
    """What is sealed is bound to its document, its owner and its year."""
    write_books(company)
    database.execute("UPDATE lifecycle.archive_key SET owner = 'x' WHERE owner = '1'")
    with pytest.raises(CheckFailed, match="the key of a document's owner was destroyed"):
        fetch(company, NAME, "B-0001")
    database.execute("UPDATE lifecycle.archive_key SET wrapped = wrapped || '\\x00'")
    with pytest.raises(CheckFailed, match="the key of an owner is not what was written"):
        fetch(company, NAME, "B-0004")


def test_the_ledger_says_what_was_written(company: Company, database: Database):
    (old, _) = write_books(company)
    with company.engine.connect() as connection:
        (part, _) = parts.parts_of(connection, NAME, states=("written",))
    (entry,) = database.execute(
        "SELECT convert_from(payload, 'UTF8') AS text FROM lifecycle.ledger_entry WHERE sequence = :entry",
        {"entry": part.entry},
    )
    assert old.sha256 in entry.text
