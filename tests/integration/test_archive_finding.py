"""After a restore: parts that the register does not know are read, and entered as they were."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.archive import building, expiring, finding, rewrapping, rewriting
from lifecycle.archive.fetching import fetch
from lifecycle.archive.verifying import verify
from lifecycle.errors import NotFound, StorageError
from lifecycle.retention.sweep import sweep
from support.backups import back_up, restore
from support.books import IN_AUGUST, NAME, amend_policy, create_books, flip, hold, release_all, write_books
from support.companies import ledger_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("A7", "G1")

OVER = datetime(2032, 6, 30, 21, 0, tzinfo=UTC)
YEAR_END = date(2025, 6, 30)
YEAR, NEXT_YEAR = "books/2025-06-30", "books/2026-06-30"
NUMBERS = ("B-0001", "B-0002", "B-0004", "B-0005", "B-0006")


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    return create_books(database, tmp_path)


def index(database: Database) -> list[tuple[Any, ...]]:
    """Every line of it, with the folder of its part."""
    rows = database.execute(
        "SELECT key, revision, is_newest, record.number, owner, belongs_to, encode(digest, 'hex'), year_end,"
        " part.number, object, row_group, place"
        " FROM lifecycle.archive_record AS record JOIN lifecycle.archive_part AS part USING (part_id)"
        " ORDER BY key, revision"
    )
    return [tuple(row) for row in rows]


def told(company: Company) -> dict[str, list[Any]]:
    """All that can be fetched."""
    found = {}
    for number in NUMBERS:
        try:
            found[number] = [one.to_json() for one in fetch(company, NAME, number)]
        except NotFound:
            continue
    return found


def with_two_records(database: Database, company: Company) -> None:
    """A document that was paid after it was written."""
    write_books(company)
    database.execute("INSERT INTO trade.receipt VALUES (9, 'B', 1, 7, NULL, NULL)")
    write_books(company)


def of_verify(company: Company) -> None:
    verify(company, NAME, as_of=IN_AUGUST)


def of_build(company: Company) -> None:
    assert write_books(company) == []


def of_expiry(company: Company) -> None:
    expiring.expire(company, as_of=IN_AUGUST)


def of_rewriting(company: Company) -> None:
    rewriting.rewrite(company, NAME, date(2026, 6, 30), as_of=IN_AUGUST)


@pytest.mark.parametrize("run", [of_verify, of_build, of_expiry])
def test_whoever_comes_first_enters_what_is_not_known(
    company: Company, database: Database, tmp_path: Path, run: Callable[[Company], None]
):
    backup = back_up(database, tmp_path / "backup")
    with_two_records(database, company)
    before, documents = index(database), told(company)
    assert len(before) == 6
    restore(database, backup, "trade")
    database.execute("INSERT INTO trade.receipt VALUES (9, 'B', 1, 7, NULL, NULL)")
    run(company)
    assert index(database) == before
    assert told(company) == documents
    assert write_books(company) == []
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()


def test_a_year_is_written_anew_only_after_what_is_not_known_was_entered(
    company: Company, database: Database, tmp_path: Path
):
    backup = back_up(database, tmp_path / "backup")
    write_books(company)
    documents = told(company)
    restore(database, backup, "trade")
    of_rewriting(company)
    assert told(company) == documents


def test_verify_tells_what_it_has_entered_and_the_ledger_does(
    company: Company, database: Database, tmp_path: Path
):
    backup = back_up(database, tmp_path / "backup")
    write_books(company)
    restore(database, backup, "trade")
    verified = verify(company, NAME, as_of=IN_AUGUST)
    assert [str(one) for one in verified.findings] == [
        f"{YEAR}/0001 was not in the register, repaired",
        f"{NEXT_YEAR}/0001 was not in the register, repaired",
    ]
    verified.require_whole()
    entered = [body for kind, body in ledger_of(database) if kind == "archive_written"]
    assert [(body["part"], body["rows"], body["reason"]) for body in entered] == [
        (1, 4, "found"),
        (1, 1, "found"),
    ]


def test_the_tables_let_go_of_what_was_entered_as_of_what_was_written(
    company: Company, database: Database, tmp_path: Path
):
    backup = back_up(database, tmp_path / "backup")
    write_books(company)
    restore(database, backup, "trade")
    database.execute("UPDATE trade.bill SET total = total + 1 WHERE serial = 'B'")
    of_expiry(company)
    sweep(company, "bills_in_the_tables", as_of=IN_AUGUST)
    assert {row.serial for row in database.execute("SELECT serial FROM trade.bill")} == {"B", "D"}


def test_what_was_carried_after_the_backup_can_still_be_fetched_and_goes_when_the_hold_ends(
    company: Company, database: Database, tmp_path: Path
):
    """The keys of all else of the year are destroyed, and the register has every document under them."""
    write_books(company)
    hold(company, "trade.bill:B,1")
    backup = back_up(database, tmp_path / "backup")
    expiring.expire(company, as_of=OVER)
    documents = told(company)
    assert list(documents) == ["B-0004", "B-0006"]
    restore(database, backup, "trade")
    database.execute("TRUNCATE trade.bill, trade.item, trade.discount, trade.receipt")
    expired = expiring.expire(company, as_of=OVER)
    assert (expired.carried, expired.destroyed.parts) == ((), [f"{YEAR}/0001"])
    assert told(company) == documents
    assert verify(company, NAME, as_of=OVER).findings == ()
    release_all(company, OVER)
    expiring.expire(company, as_of=OVER)
    assert list(told(company)) == ["B-0006"]


def test_what_was_written_anew_after_the_backup_can_still_be_fetched(
    company: Company, database: Database, tmp_path: Path
):
    write_books(company)
    backup = back_up(database, tmp_path / "backup")
    company = amend_policy(company, tmp_path, "buyer, remark, extra]", "buyer, extra]")
    rewriting.rewrite(company, NAME, YEAR_END, as_of=IN_AUGUST)
    expiring.expire(company, as_of=IN_AUGUST)
    documents = told(company)
    restore(database, backup, "trade")
    expiring.expire(company, as_of=IN_AUGUST)
    assert told(company) == documents
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()


def test_where_one_owners_key_went_after_the_backup_all_others_can_still_be_read(
    company: Company, database: Database, tmp_path: Path
):
    write_books(company)
    backup = back_up(database, tmp_path / "backup")
    company = amend_policy(company, tmp_path, "buyer, remark, extra]", "buyer, extra]")
    rewriting.rewrite(company, NAME, YEAR_END, owner="1", as_of=IN_AUGUST)
    before, documents = index(database), told(company)
    restore(database, backup, "trade")
    expiring.expire(company, as_of=IN_AUGUST)
    assert index(database) == before
    assert told(company) == documents
    assert [(row.generation, row.owner, row.wrapping) for row in keys_of_year(database)] == [
        (1, "2", 2), (1, "document C,1", 2), (2, "1", 1),
    ]  # fmt: skip
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()


def keys_of_year(database: Database) -> list[Any]:
    return database.execute(
        "SELECT generation, owner, wrapping FROM lifecycle.archive_key WHERE year_end = '2025-06-30'"
        " ORDER BY generation, owner"
    )


@pytest.mark.parametrize("stage", ["before it is written", "before the key is destroyed"])
def test_an_interrupted_wrapping_goes_on(company: Company, database: Database, monkeypatch, stage):
    """What wrapped the key of an owner who was forgotten is destroyed by the next run, the others kept before."""
    write_books(company)
    module, name = {
        "before it is written": (rewrapping, "write_anew"),
        "before the key is destroyed": (rewrapping, "destroy_keys"),
    }[stage]

    def refuse(*_: Any, **__: Any) -> None:
        raise StorageError("the storage refuses: it is full", place="one", next_step="make room")

    monkeypatch.setattr(module, name, refuse)
    with pytest.raises(StorageError):
        rewriting.rewrite(company, NAME, YEAR_END, owner="1", as_of=IN_AUGUST)
    assert "archive.books.2025-06-30.1.owners.1" in company.keys.names()
    monkeypatch.undo()
    expiring.expire(company, as_of=IN_AUGUST)
    assert "archive.books.2025-06-30.1.owners.1" not in company.keys.names()
    forget_what_was_written(database)
    assert verify(company, NAME, as_of=IN_AUGUST).restored
    assert list(told(company)) == list(NUMBERS)


def forget_what_was_written(database: Database) -> None:
    for table in ("archive_record", "archive_key", "archive_part"):
        database.execute(f"DELETE FROM lifecycle.{table}")


def test_what_is_damaged_in_one_place_is_entered_and_repaired(
    company: Company, database: Database, tmp_path: Path
):
    write_books(company)
    before = index(database)
    forget_what_was_written(database)
    flip(tmp_path / "one" / YEAR / "0001/0000.parquet")
    found = verify(company, NAME, as_of=IN_AUGUST).findings
    assert {(one.what, one.repaired) for one in found} == {("forgotten", True), ("changed", True)}
    assert index(database) == before


@pytest.mark.parametrize("name", ["0000.parquet", "keys.parquet", "manifest.json"])
def test_what_is_damaged_everywhere_is_not_entered_but_named_and_left(
    company: Company, database: Database, tmp_path: Path, name
):
    write_books(company)
    forget_what_was_written(database)
    for place in ("one", "two"):
        flip(tmp_path / place / YEAR / "0001" / name)
    found = verify(company, NAME, as_of=IN_AUGUST).findings
    assert {(one.what, one.name) for one in found} == {
        ("forgotten", f"{NEXT_YEAR}/0001"),
        *(("extra", f"{YEAR}/0001/{one}") for one in ("0000.parquet", "keys.parquet", "manifest.json")),
    }
    assert [one.folder for one in write_books(company)] == [f"{YEAR}/0002"]
    assert list(told(company)) == list(NUMBERS)
    expiring.expire(company, as_of=OVER)
    assert list(told(company)) == ["B-0006"]
    assert not (tmp_path / "one" / YEAR).exists() or not any((tmp_path / "one" / YEAR).rglob("*.*"))


def test_a_keyring_that_is_older_than_the_archive_enters_nothing_and_destroys_nothing(
    company: Company, database: Database, tmp_path: Path
):
    """Without the key that wraps those of owners no document could be opened: as if nothing were held."""
    write_books(company)
    forget_what_was_written(database)
    for path in (tmp_path / "keyring").glob("archive.books.*.owners.1*"):
        shutil.move(path, tmp_path / path.name)
    expiring.expire(company, as_of=IN_AUGUST)
    assert index(database) == []
    for path in tmp_path.glob("archive.books.*.owners.1*"):
        shutil.move(path, tmp_path / "keyring" / path.name)
    verify(company, NAME, as_of=IN_AUGUST).require_whole()
    assert list(told(company)) == list(NUMBERS)


def test_a_part_that_names_the_objects_of_another_is_none(company: Company, tmp_path: Path):
    """Otherwise its documents would stand in two parts, and go with either."""
    write_books(company)
    for place in ("one", "two"):
        text = (tmp_path / place / YEAR / "0001/manifest.json").read_text()
        other = tmp_path / place / YEAR / "0009/manifest.json"
        other.parent.mkdir()
        other.write_text(text.replace('"number":1,', '"number":9,', 1))
        assert other.read_text() != text
    assert finding.enter_found(company, NAME, as_of=IN_AUGUST) == []
    found = verify(company, NAME, as_of=IN_AUGUST).findings
    assert {(one.what, one.name) for one in found} == {("extra", f"{YEAR}/0009/manifest.json")}


def test_what_nobody_can_read_any_more_is_entered_as_what_is_to_go(
    company: Company, database: Database, tmp_path: Path
):
    """A bucket that locks has it still, though its keys were destroyed."""
    write_books(company)
    for place in ("one", "two"):
        shutil.copytree(tmp_path / place / YEAR, tmp_path / "locked" / place)
    of_all(company)
    expiring.expire(company, as_of=IN_AUGUST)
    for place in ("one", "two"):
        shutil.copytree(tmp_path / "locked" / place / "0001", tmp_path / place / YEAR / "0001")
    documents = told(company)
    forget_what_was_written(database)
    expired = expiring.expire(company, as_of=IN_AUGUST)
    assert expired.destroyed.parts == [f"{YEAR}/0001"]
    assert told(company) == documents
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()


def of_all(company: Company) -> None:
    rewriting.rewrite(company, NAME, YEAR_END, as_of=IN_AUGUST)


def test_a_part_that_somebody_has_put_elsewhere_is_none(company: Company, tmp_path: Path):
    write_books(company)
    for place in ("one", "two"):
        shutil.copytree(tmp_path / place / YEAR / "0001", tmp_path / place / YEAR / "0007")
    assert finding.enter_found(company, NAME, as_of=IN_AUGUST) == []
    assert {one.what for one in verify(company, NAME, as_of=IN_AUGUST).findings} == {"extra"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"policy_version":"2020-01-01"', '"policy_version":"x"'),
        ('"retain_until":"2033-06-30"', '"retain_until":"2001-06-30"'),
        ('"generation":1', '"generation":0'),
        ('"documents":1,"key"', '"documents":-1,"key"'),
        ('"objects":[', '"objects":[7,'),
        ('"totals":{"EUR"', '"totals":[7],"other":{"EUR"'),
        ("{", "["),
    ],
)
def test_what_is_no_manifest_stops_nothing(
    company: Company, database: Database, tmp_path: Path, before: str, after: str
):
    """Somebody may have put it there; nobody can read what is beside it."""
    write_books(company)
    forget_what_was_written(database)
    for name in company.keys.names():
        if ".2026-06-30." in name:
            company.keys.destroy(name)
    for place in ("one", "two"):
        manifest = tmp_path / place / NEXT_YEAR / "0001/manifest.json"
        text = manifest.read_text()
        manifest.chmod(0o600)
        manifest.write_text(text.replace(before, after, 1))
        assert manifest.read_text() != text
    assert finding.enter_found(company, NAME, as_of=IN_AUGUST) == [f"{YEAR}/0001"]
    expiring.expire(company, as_of=IN_AUGUST)
    found = verify(company, NAME, as_of=IN_AUGUST).findings
    assert {one.name.rpartition("/")[0] for one in found} == {f"{NEXT_YEAR}/0001"}


def test_what_the_register_knows_as_begun_is_entered_in_its_place(
    company: Company, database: Database, tmp_path: Path, monkeypatch
):
    """The backup was made while it was written."""
    write_books(company)
    backup = tmp_path / "backup"
    check = building.check

    def check_later(*arguments: Any) -> Any:
        back_up(database, backup)
        return check(*arguments)

    database.execute("INSERT INTO trade.receipt VALUES (9, 'B', 1, 7, NULL, NULL)")
    monkeypatch.setattr(building, "check", check_later)
    write_books(company)
    monkeypatch.undo()
    before = index(database)
    restore(database, backup, "trade")
    assert verify(company, NAME, as_of=IN_AUGUST).parts == 3
    assert index(database) == before


def test_under_a_policy_with_other_columns_it_is_entered_and_written_again(
    company: Company, database: Database, tmp_path: Path
):
    """What the tables had of it cannot be told: they keep it until it is written again."""
    write_books(company)
    forget_what_was_written(database)
    company = amend_policy(company, tmp_path, "buyer, remark, extra]", "buyer, extra]")
    verify(company, NAME, as_of=IN_AUGUST).require_whole()
    assert list(told(company)) == list(NUMBERS)
    assert [(one.folder, one.revisions) for one in write_books(company)] == [
        (f"{YEAR}/0002", 4),
        (f"{NEXT_YEAR}/0002", 1),
    ]


def test_a_document_that_does_not_fit_is_left_where_it_is(
    company: Company, database: Database, tmp_path: Path
):
    """A part whose objects do not hold what its manifest says is not entered."""
    write_books(company)
    forget_what_was_written(database)
    for place in ("one", "two"):
        manifest = tmp_path / place / NEXT_YEAR / "0001/manifest.json"
        text = manifest.read_text()
        manifest.chmod(0o600)
        manifest.write_text(text.replace('"rows":"1"', '"rows":"2"', 1))
        assert manifest.read_text() != text
    assert finding.enter_found(company, NAME, as_of=IN_AUGUST) == [f"{YEAR}/0001"]
