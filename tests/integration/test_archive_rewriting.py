"""What should never have been written is left out when documents are written anew, and nobody can read it any more."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from lifecycle.archive import anew, building, envelope, expiring, rewriting
from lifecycle.archive.fetching import fetch
from lifecycle.archive.manifest import Manifest
from lifecycle.archive.objects import reading_object
from lifecycle.archive.places import Places
from lifecycle.archive.verifying import verify
from lifecycle.errors import StoreError, UsageError
from lifecycle.retention.sweep import sweep
from support.books import IN_AUGUST, NAME, amend_policy, create_books, hold, write_books
from support.companies import ledger_of

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("A2", "A7", "G1")

YEAR_END = date(2025, 6, 30)
NUMBERS = ("B-0001", "B-0002", "B-0004", "B-0005")
WRONG = {
    "a sealed column of the document": ("buyer, remark, extra]", "buyer, extra]"),
    "a readable column of the document": ("issued_at, due_on, currency", "issued_at, currency"),
    "a readable column of money": ("trade.receipt: [paid, payer]", "trade.receipt: [payer]"),
    "a sealed column of a row that belongs to it": ("trade.receipt: [paid, payer]", "trade.receipt: [paid]"),
    "a column beside it": ("also: {trade.bill.client_no: [name]}", "also: {}"),
}
LESS = {
    "a readable column of the document": ("trade.bill: [due_on, is_credit]", "trade.bill: [is_credit]"),
    "a readable column of money": (", trade.receipt: [paid]}", "}"),
}
"""What else has to be said less of, where such a column goes."""


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    company = create_books(database, tmp_path)
    write_books(company)
    return company


def told(company: Company, number: str) -> dict:
    (document,) = fetch(company, NAME, number)
    return document.to_json()


def without(document: dict, what: str) -> dict:
    """A document as it is when that is left out."""
    names = {
        "a sealed column of the document": "remark",
        "a readable column of the document": "due_on",
        "a readable column of money": "paid",
        "a sealed column of a row that belongs to it": "payer",
        "a column beside it": "client_no.name",
    }
    name = names[what]
    own = {key: value for key, value in document["document"].items() if key != name}
    rows = {
        collection: [{key: value for key, value in row.items() if key != name} for row in found]
        for collection, found in document["rows"].items()
    }
    return {**document, "document": own, "rows": rows}


@pytest.mark.parametrize("what", WRONG)
def test_a_column_that_the_law_does_not_need_is_left_out_and_all_else_stays(
    company: Company, tmp_path: Path, what
):
    before = {number: told(company, number) for number in NUMBERS}
    company = amend_policy(company, tmp_path, *WRONG[what])
    if what in LESS:
        company = amend_policy(company, tmp_path, *LESS[what])
    rewriting.rewrite(company, NAME, YEAR_END, as_of=IN_AUGUST)
    assert {number: told(company, number) for number in NUMBERS} == {
        number: without(document, what) for number, document in before.items()
    }
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()


def test_of_a_year_that_was_rewritten_the_old_keys_and_objects_go(company: Company, tmp_path: Path):
    company = amend_policy(company, tmp_path, *WRONG["a sealed column of the document"])
    rewriting.rewrite(company, NAME, YEAR_END, as_of=IN_AUGUST)
    expired = expiring.expire(company, as_of=IN_AUGUST)
    assert expired.destroyed.parts == ["books/2025-06-30/0001"]
    assert [name for name in company.keys.names() if "2025-06-30" in name] == [
        "archive.books.2025-06-30.2.objects", "archive.books.2025-06-30.2.owners.1",
    ]  # fmt: skip
    assert told(company, "B-0001")["document"]["buyer"] == 'Canary "One", OÜ'
    assert told(company, "B-0006")["year_end"] == "2026-06-30"
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()


def test_what_was_rewritten_is_not_written_again_and_may_go_from_the_tables(
    company: Company, database: Database, tmp_path: Path
):
    company = amend_policy(company, tmp_path, *WRONG["a sealed column of the document"])
    rewriting.rewrite(company, NAME, YEAR_END, as_of=IN_AUGUST)
    assert [manifest.folder for manifest in write_books(company)] == ["books/2026-06-30/0002"]
    sweep(company, "bills_in_the_tables", as_of=IN_AUGUST)
    assert [row.serial for row in database.execute("SELECT serial FROM trade.bill")] == ["D"]


def test_of_one_owner_only_that_owners_key_goes(company: Company, database: Database, tmp_path: Path):
    keys_before = stored_keys(database)
    manifest = manifest_of(database, 1)
    before = {number: told(company, number) for number in NUMBERS}
    company = amend_policy(company, tmp_path, *WRONG["a sealed column of the document"])
    rewriting.rewrite(company, NAME, YEAR_END, owner="1", as_of=IN_AUGUST)
    assert told(company, "B-0001") == without(before["B-0001"], "a sealed column of the document")
    assert told(company, "B-0004") == before["B-0004"]
    assert "archive.books.2025-06-30.1.owners.1" not in company.keys.names()
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()
    assert expiring.expire(company, as_of=IN_AUGUST).first.digest is None
    restore_keys(database, keys_before)
    year = envelope.YearKeys.of_part(company.keys, manifest)
    with company.engine.connect() as connection, pytest.raises(UsageError, match="was destroyed"):
        year.owner_keys(connection, ["1"])


def test_the_object_stays_readable_for_the_others(company: Company, database: Database):
    manifest = manifest_of(database, 1)
    rewriting.rewrite(company, NAME, YEAR_END, owner="1", as_of=IN_AUGUST)
    (written,) = manifest.objects
    year = envelope.YearKeys.of_part(company.keys, manifest)
    place = Places.of(company).locations[0]
    key = year.object_key(written.name, written.key)
    with place.opened(written.name) as file, reading_object(file, written.name, key) as parquet:
        assert parquet.read().num_rows == 4


def test_the_ledger_says_what_was_written_anew_and_which_key_went(company: Company, database: Database):
    rewriting.rewrite(company, NAME, YEAR_END, owner="1", as_of=IN_AUGUST)
    (written, _, destroyed) = ledger_of(database)[-3:]
    assert (written[0], written[1]["reason"], written[1]["rows"]) == ("archive_written", "rewritten", 2)
    assert (destroyed[0], destroyed[1]["key"]) == ("key_destroyed", "archive.books.2025-06-30.1.owners.1")


def test_a_year_or_owner_that_is_not_there_is_refused(company: Company):
    for year, owner in ((date(2019, 6, 30), None), (YEAR_END, "nobody")):
        with pytest.raises(UsageError, match="the archive has nothing of this"):
            rewriting.rewrite(company, NAME, year, owner=owner, as_of=IN_AUGUST)


def test_what_is_written_of_the_owner_meanwhile_keeps_the_key(
    company: Company, database: Database, monkeypatch
):
    """A late document of theirs is sealed under the old key while the others are written anew: it is, too."""
    carry, late = rewriting.carry, []

    def carry_late(*arguments, **options):
        manifest = carry(*arguments, **options)
        if not late:
            late.append(True)
            database.execute(
                "INSERT INTO trade.bill VALUES (2, 'E', 1, 'B-0007', '2025-05-01', NULL, 'EUR', 1, false, 'x')"
            )
            write_books(company)
        return manifest

    monkeypatch.setattr(rewriting, "carry", carry_late)
    rewriting.rewrite(company, NAME, YEAR_END, owner="2", as_of=IN_AUGUST)
    assert told(company, "B-0007")["document"]["buyer"] == "x"
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()


def test_a_key_under_which_somebody_has_begun_to_write_is_not_destroyed(company: Company, database: Database):
    database.execute(
        "INSERT INTO trade.bill VALUES (2, 'E', 1, 'B-0007', '2025-05-01', NULL, 'EUR', 1, false, 'x')"
    )
    carried = rewriting.rewrite(company, NAME, YEAR_END, owner="1", as_of=IN_AUGUST)
    assert carried
    (year,) = [one for one in building.years(company, NAME, as_of=IN_AUGUST) if one.ends == YEAR_END]
    part = building.write(company, NAME, year, as_of=IN_AUGUST)
    keys = envelope.YearKeys(company.keys, NAME, YEAR_END, part.generation)
    with pytest.raises(StoreError, match="somebody writes documents of this owner"):
        rewriting._forget_owners(company, keys, ["2"], IN_AUGUST)


def test_what_was_somebody_elses_when_it_was_written_is_rewritten_with_theirs(
    company: Company, database: Database, tmp_path: Path
):
    database.execute("UPDATE trade.bill SET client_no = 2, total = total + 1 WHERE number = 'B-0001'")
    write_books(company)
    company = amend_policy(company, tmp_path, *WRONG["a sealed column of the document"])
    rewriting.rewrite(company, NAME, YEAR_END, owner="2", as_of=IN_AUGUST)
    for number in ("B-0001", "B-0002", "B-0004"):
        assert "remark" not in fetch(company, NAME, number)[0].values
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()


def test_what_is_held_while_it_is_written_anew_stays_as_it_is(company: Company, monkeypatch):
    check_objects = anew.check_objects

    def held_meanwhile(*arguments):
        hold(company, "trade.bill:B,1")
        return check_objects(*arguments)

    before = {number: told(company, number) for number in NUMBERS}
    monkeypatch.setattr(anew, "check_objects", held_meanwhile)
    with pytest.raises(UsageError, match="1 documents of this year are held or restricted"):
        rewriting.rewrite(company, NAME, YEAR_END, as_of=IN_AUGUST)
    monkeypatch.undo()
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()
    assert {number: told(company, number) for number in NUMBERS} == before


@pytest.mark.parametrize("kind", ["hold", "restriction"])
def test_what_is_held_stays_as_it_is(company: Company, kind):
    hold(company, "trade.bill:B,1", kind=kind)
    before = told(company, "B-0004")
    for owner in ("2", None):
        with pytest.raises(UsageError, match="1 documents of this year are held or restricted"):
            rewriting.rewrite(company, NAME, YEAR_END, owner=owner, as_of=IN_AUGUST)
    assert told(company, "B-0004") == before


def manifest_of(database: Database, number: int) -> Manifest:
    (row,) = database.execute(
        "SELECT manifest FROM lifecycle.archive_part WHERE year_end = '2025-06-30' AND number = :number",
        {"number": number},
    )
    return Manifest.from_text(row.manifest)


def stored_keys(database: Database) -> list:
    return database.execute(
        "SELECT * FROM lifecycle.archive_key WHERE year_end = '2025-06-30' AND generation = 1"
    )


def restore_keys(database: Database, rows: list) -> None:
    """As a backup of the database would bring them back."""
    database.execute("DELETE FROM lifecycle.archive_key WHERE year_end = '2025-06-30' AND generation = 1")
    for row in rows:
        database.execute(
            "INSERT INTO lifecycle.archive_key (archive, year_end, owner, wrapping, wrapped, generation)"
            " VALUES (:archive, :year_end, :owner, :wrapping, :wrapped, :generation)",
            dict(row._mapping),
        )
