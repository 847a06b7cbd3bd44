"""Documents whose time is over are destroyed with their keys, all but what is held, and nothing else."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.archive import anew, building, destroying, expiring, parts
from lifecycle.archive.fetching import fetch
from lifecycle.archive.verifying import verify
from lifecycle.errors import ApprovalRequired, CheckFailed, NotFound, StorageError, StoreError, UsageError
from lifecycle.runs import plans
from support.books import IN_AUGUST, NAME, amend_policy, create_books, flip, hold, release_all, write_books
from support.companies import ledger_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("A7", "G1")

LAST_DAY = datetime(2032, 6, 30, 20, 59, tzinfo=UTC)
"""In Tallinn it is 23:59 of the last day on which the law asks for the year to June 2025."""
OVER = datetime(2032, 6, 30, 21, 0, tzinfo=UTC)
YEAR, NEXT_YEAR = "books/2025-06-30", "books/2026-06-30"


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    company = create_books(database, tmp_path)
    write_books(company)
    return company


def without_tables(database: Database) -> None:
    """The tables have let go of what the archive has."""
    database.execute("TRUNCATE trade.bill, trade.item, trade.discount, trade.receipt")


def there(
    company: Company, numbers: Sequence[str] = ("B-0001", "B-0002", "B-0004", "B-0005", "B-0006")
) -> list[str]:
    """The documents that can be fetched."""
    found = []
    for number in numbers:
        try:
            fetch(company, NAME, number)
        except NotFound:
            continue
        found.append(number)
    return found


def refuse(*_: Any, **__: Any) -> None:
    raise StorageError("the storage refuses: it is full", place="one", next_step="make room")


def objects(tmp_path: Path, year: str) -> list[str]:
    """What stands in either place of a year."""
    return sorted(
        path.relative_to(tmp_path).as_posix()
        for place in ("one", "two")
        for path in (tmp_path / place / year).rglob("*")
        if path.is_file()
    )


def test_nothing_goes_before_the_last_day_is_over(company: Company, tmp_path: Path):
    expired = expiring.expire(company, as_of=LAST_DAY)
    assert (expired.first.digest, expired.destroyed.to_json()) == (
        None,
        {"parts": [], "keys": 0, "locked": []},
    )
    assert there(company) == ["B-0001", "B-0002", "B-0004", "B-0005", "B-0006"]
    assert len(objects(tmp_path, YEAR)) == 6


def test_then_documents_keys_and_objects_go_and_the_next_year_stays(
    company: Company, database: Database, tmp_path: Path
):
    without_tables(database)
    keys = set(company.keys.names())
    expired = expiring.expire(company, as_of=OVER)
    assert expired.first.plan.counts() == {"trade.bill": {"destroy": 4}}
    assert expired.destroyed.to_json() == {"parts": [f"{YEAR}/0001"], "keys": 2, "locked": []}
    assert there(company) == ["B-0006"]
    assert objects(tmp_path, YEAR) == []
    assert len(objects(tmp_path, NEXT_YEAR)) == 6
    assert keys - set(company.keys.names()) == {
        "archive.books.2025-06-30.1.objects",
        "archive.books.2025-06-30.1.owners.1",
    }
    (part,) = database.execute(
        "SELECT * FROM lifecycle.archive_part WHERE year_end = '2025-06-30' AND number = 1"
    )
    assert (part.state, part.manifest, len(part.sha256)) == ("destroyed", None, 64)
    assert {row.year_end.year for row in database.execute("SELECT year_end FROM lifecycle.archive_key")} == {
        2026
    }
    assert verify(company, NAME, as_of=OVER).findings == ()


def test_the_ledger_says_what_went_and_that_its_keys_did(company: Company, database: Database):
    expiring.expire(company, as_of=OVER)
    told = [(kind, body) for kind, body in ledger_of(database) if kind != "archive_verified"][3:]
    assert [kind for kind, _ in told] == [
        "plan_executed", "plan_verified", "key_destroyed", "key_destroyed", "archive_destroyed",
    ]  # fmt: skip
    assert told[0][1]["collections"] == [{"collection": "trade.bill", "action": "destroy", "rows": 4}]
    assert told[0][1]["commitments"] == ["C1"]
    assert (told[4][1]["year_end"], told[4][1]["part"], told[4][1]["rows"]) == ("2025-06-30", 1, 4)


def test_a_second_run_finds_nothing_to_do(company: Company):
    expiring.expire(company, as_of=OVER)
    assert expiring.expire(company, as_of=OVER).first.digest is None


HELD = {
    "by key": ["trade.bill:B,1"],
    "by a row that belongs to it": ["trade.receipt:9"],
}


@pytest.mark.parametrize("kind", ["hold", "restriction"])
@pytest.mark.parametrize("targets", HELD.values(), ids=HELD.keys())
def test_what_is_held_is_carried_and_all_else_goes(
    company: Company, database: Database, tmp_path: Path, targets, kind
):
    database.execute("INSERT INTO trade.receipt VALUES (9, 'B', 1, 7, NULL, NULL)")
    write_books(company)
    before = [one.to_json() for one in fetch(company, NAME, "B-0004")]
    hold(company, *targets, kind=kind)
    expired = expiring.expire(company, as_of=OVER)
    assert expired.carried == (f"{YEAR}/0003", f"{YEAR}/0004")
    assert there(company) == ["B-0004", "B-0006"]
    assert [one.to_json() for one in fetch(company, NAME, "B-0004")] == before
    assert {name.split("/")[3] for name in objects(tmp_path, YEAR)} == {"0003", "0004"}
    assert [(kept.reason, kept.rows) for kept in expired.first.plan.kept] == [(kind, 2)]
    assert verify(company, NAME, as_of=OVER).findings == ()
    names = [name for name in company.keys.names() if ".2025-06-30." in name]
    assert names == ["archive.books.2025-06-30.2.objects", "archive.books.2025-06-30.2.owners.1"]


def test_what_was_held_goes_when_the_hold_is_released(company: Company, database: Database, tmp_path: Path):
    hold(company, "trade.bill:B,1")
    without_tables(database)
    expiring.expire(company, as_of=OVER)
    assert expiring.expire(company, as_of=OVER).carried == ()
    release_all(company, OVER)
    expired = expiring.expire(company, as_of=OVER)
    assert expired.destroyed.parts == [f"{YEAR}/0002"]
    assert there(company) == ["B-0006"]
    assert objects(tmp_path, YEAR) == []


def test_of_two_that_were_held_one_goes_and_one_stays(company: Company, database: Database):
    hold(company, "trade.bill:B,1", until=2033)
    hold(company, "trade.bill:C,1")
    without_tables(database)
    expiring.expire(company, as_of=OVER)
    assert there(company) == ["B-0004", "B-0005", "B-0006"]
    expiring.expire(company, as_of=OVER.replace(year=2034))
    assert there(company) == ["B-0005"]


def test_a_hold_may_name_what_only_the_archive_has(company: Company, database: Database):
    without_tables(database)
    hold(company, "trade.bill:B,01")
    with pytest.raises(UsageError):
        hold(company, "trade.bill:Z,1")
    expiring.expire(company, as_of=OVER)
    assert there(company) == ["B-0004", "B-0006"]


@pytest.mark.parametrize("collection", ["trade.bill", "trade.receipt"])
def test_a_hold_on_all_keeps_all(company: Company, database: Database, collection):
    without_tables(database)
    hold(company, collection)
    expired = expiring.expire(company, as_of=OVER)
    assert (expired.first.digest, expired.carried) == (None, ())
    assert len(there(company)) == 5


def test_what_belongs_to_a_held_owner_is_held(company: Company, database: Database, tmp_path: Path):
    to_client = "trade.bill.client_no: {access: {redact: [reader]}}"
    company = amend_policy(company, tmp_path, to_client, "trade.bill.client_no: owner")
    without_tables(database)
    hold(company, "trade.client:1")
    expiring.expire(company, as_of=OVER)
    assert there(company) == ["B-0001", "B-0002", "B-0006"]


def test_a_hold_on_whoever_a_document_belongs_to_now_keeps_it(
    company: Company, database: Database, tmp_path: Path
):
    """It was another client's when it was first written, whose key seals it."""
    company = amend_policy(company, tmp_path, "client_no: {access: {redact: [reader]}}", "client_no: owner")
    database.execute(
        "UPDATE trade.bill SET client_no = 2, total = total + 1 WHERE serial = 'A' AND copy_no = 1"
    )
    write_books(company)
    without_tables(database)
    hold(company, "trade.client:2")
    expiring.expire(company, as_of=OVER)
    assert there(company) == ["B-0001", "B-0004", "B-0006"]


def test_a_hold_on_all_owners_keeps_what_belonged_to_one_who_is_gone(
    company: Company, database: Database, tmp_path: Path
):
    company = amend_policy(company, tmp_path, "client_no: {access: {redact: [reader]}}", "client_no: owner")
    without_tables(database)
    database.execute("DELETE FROM trade.client")
    hold(company, "trade.client")
    assert expiring.expire(company, as_of=OVER).first.digest is None


def test_of_an_archive_that_the_policy_does_not_have_any_hold_keeps_all(
    company: Company, database: Database, tmp_path: Path
):
    hold(company, "trade.client:1")
    text = (tmp_path / "policies/2020-01-01/policy.yaml").read_text()
    company = amend_policy(company, tmp_path, text[text.index("archives:") : text.index("edges:")], "")
    without_tables(database)
    expired = expiring.expire(company, as_of=OVER)
    assert (expired.first.digest, [kept.rows for kept in expired.first.plan.kept]) == (None, [4])
    assert len(there(company)) == 5
    release_all(company, OVER)
    assert expiring.expire(company, as_of=OVER).destroyed.parts == [f"{YEAR}/0001"]


def test_where_the_policy_moves_the_end_of_the_year_nothing_goes_before_the_new_end(
    company: Company, tmp_path: Path
):
    company = amend_policy(company, tmp_path, 'year_ends: "06-30"', 'year_ends: "12-31"')
    assert expiring.expire(company, as_of=OVER).first.digest is None
    assert expiring.expire(company, as_of=OVER.replace(month=12, day=31, hour=21)).first.digest is None
    assert expiring.expire(company, as_of=OVER.replace(month=12, day=31, hour=22)).destroyed.parts == [
        f"{YEAR}/0001"
    ]


def test_beyond_the_guard_a_person_approves_exactly_this_plan(company: Company, tmp_path: Path):
    company = amend_policy(company, tmp_path, "default: {rows: 100}", "default: {rows: 3}")
    with pytest.raises(ApprovalRequired, match="4 rows would go, more than 3"):
        expiring.expire(company, as_of=OVER)
    assert len(there(company)) == 5
    digest = expiring.plan(company, as_of=OVER).digest
    plans.approve_plan(company, digest, approved_by="Olivia", as_of=OVER)
    expiring.expire(company, as_of=OVER)
    assert there(company) == ["B-0006"]


def test_what_is_held_after_it_was_planned_is_not_destroyed(company: Company):
    planned = expiring.plan(company, as_of=OVER)
    hold(company, "trade.bill:B,1")
    outcome = expiring.carry_out(company, planned.digest)
    assert list(outcome.deferred.values()) == ["trade.bill: 3 of 4 rows were still as planned"]
    assert len(there(company)) == 5


def test_what_was_written_after_it_was_planned_is_not_destroyed(company: Company, database: Database):
    planned = expiring.plan(company, as_of=OVER)
    database.execute("INSERT INTO trade.receipt VALUES (9, 'B', 1, 7, NULL, NULL)")
    (year,) = [one for one in building.years(company, NAME, as_of=IN_AUGUST) if one.ends.year == 2025]
    list(building.build(company, NAME, year, as_of=IN_AUGUST))
    assert list(expiring.carry_out(company, planned.digest).deferred.values()) == [
        "trade.bill: 0 of 4 rows were still as planned"
    ]
    assert len(there(company)) == 5


def test_an_interrupted_destruction_goes_on(company: Company, tmp_path: Path, monkeypatch):
    destroy = destroying._destroy_objects
    monkeypatch.setattr(destroying, "_destroy_objects", refuse)
    with pytest.raises(StorageError):
        expiring.expire(company, as_of=OVER)
    assert there(company) == ["B-0006"]
    assert len(objects(tmp_path, YEAR)) == 6
    monkeypatch.setattr(destroying, "_destroy_objects", destroy)
    assert expiring.expire(company, as_of=OVER).destroyed.parts == [f"{YEAR}/0001"]
    assert objects(tmp_path, YEAR) == []


def test_an_interrupted_carrying_goes_on(company: Company, database: Database, monkeypatch):
    hold(company, "trade.bill:B,1")
    check_objects = anew.check_objects
    monkeypatch.setattr(anew, "check_objects", refuse)
    with pytest.raises(StorageError):
        expiring.expire(company, as_of=OVER)
    assert len(there(company)) == 5
    monkeypatch.setattr(anew, "check_objects", check_objects)
    assert expiring.expire(company, as_of=OVER).carried == (f"{YEAR}/0002",)
    assert there(company) == ["B-0004", "B-0006"]
    del database


def test_what_was_carried_half_goes_with_its_keys_when_the_hold_is_released(
    company: Company, database: Database, tmp_path: Path, monkeypatch
):
    hold(company, "trade.bill:B,1")
    monkeypatch.setattr(anew, "check_objects", refuse)
    with pytest.raises(StorageError):
        expiring.expire(company, as_of=OVER)
    assert any("0002" in name for name in objects(tmp_path, YEAR))
    release_all(company, OVER)
    expiring.expire(company, as_of=OVER)
    assert there(company) == ["B-0006"]
    assert objects(tmp_path, YEAR) == []
    assert not [name for name in company.keys.names() if ".2025-06-30." in name]
    assert {row.year_end.year for row in database.execute("SELECT year_end FROM lifecycle.archive_key")} == {
        2026
    }


def test_a_policy_that_asks_for_longer_keeps_longer(company: Company, tmp_path: Path):
    company = amend_policy(company, tmp_path, "keep: P7Y", "keep: P8Y")
    assert expiring.expire(company, as_of=OVER).first.digest is None


def test_of_an_archive_that_the_policy_does_not_have_any_more_the_parts_say_when(
    company: Company, tmp_path: Path
):
    text = (tmp_path / "policies/2020-01-01/policy.yaml").read_text()
    company = amend_policy(company, tmp_path, text[text.index("archives:") : text.index("edges:")], "")
    assert expiring.expire(company, as_of=LAST_DAY).first.digest is None
    assert expiring.expire(company, as_of=OVER).destroyed.parts == [f"{YEAR}/0001"]


def test_a_held_document_that_cannot_be_read_keeps_its_year_and_no_other(
    company: Company, database: Database, tmp_path: Path
):
    hold(company, "trade.bill:B,1")
    without_tables(database)
    for place in ("one", "two"):
        flip(tmp_path / place / YEAR / "0001/0000.parquet")
    with pytest.raises(CheckFailed, match=f"documents of {YEAR}/1 past their time"):
        expiring.expire(company, as_of=OVER.replace(year=2033))
    assert objects(tmp_path, NEXT_YEAR) == []
    assert len(objects(tmp_path, YEAR)) == 6


def test_what_another_run_has_finished_meanwhile_is_not_discarded(company: Company, tmp_path: Path):
    """It was listed as unfinished before the other run carried the held document into it."""
    (year,) = [one for one in building.years(company, NAME, as_of=IN_AUGUST) if one.ends.year == 2025]
    assert building.write(company, NAME, year, as_of=IN_AUGUST) is None  # leaves a part that has nothing
    (stale,) = unfinished(company)
    hold(company, "trade.bill:B,1")
    assert expiring.expire(company, as_of=OVER).carried == (stale.folder,)
    with pytest.raises(StoreError):
        destroying._discard(company, stale, OVER)
    assert there(company) == ["B-0004", "B-0006"]
    assert len(objects(tmp_path, YEAR)) == 6


def unfinished(company: Company) -> list[parts.Part]:
    with company.engine.connect() as connection:
        found = parts.parts_of(connection, NAME, states=parts.UNFINISHED)
    return [one for one in found if one.year_end.year == 2025]


def test_a_document_whose_day_was_corrected_goes_with_each_of_its_years(company: Company, database: Database):
    """It was written for the later year first; what was written for the earlier one goes first."""
    moving = "UPDATE trade.bill SET issued_at = '{}-15', total = total + 1 WHERE serial = 'D'"
    database.execute(moving.format("2025-06"))
    write_books(company)
    assert [one.year_end.year for one in fetch(company, NAME, "B-0006")] == [2025, 2026]
    expiring.expire(company, as_of=OVER)
    assert [one.year_end.year for one in fetch(company, NAME, "B-0006")] == [2026]
    database.execute(moving.format("2025-07"))
    write_books(company, OVER)
    assert [one.revision for one in fetch(company, NAME, "B-0006")] == [1, 0]


# --- after a backup was restored


def test_keys_and_objects_that_a_backup_brings_back_go_again(company: Company, tmp_path: Path):
    shutil.copytree(tmp_path / "keyring", tmp_path / "copy")
    shutil.copytree(tmp_path / "one" / YEAR, tmp_path / "objects")
    expiring.expire(company, as_of=OVER)
    shutil.rmtree(tmp_path / "keyring")
    shutil.copytree(tmp_path / "copy", tmp_path / "keyring")
    shutil.copytree(tmp_path / "objects", tmp_path / "one" / YEAR)
    assert expiring.expire(company, as_of=OVER).destroyed.keys == 2
    assert objects(tmp_path, YEAR) == []
    assert not [name for name in company.keys.names() if ".2025-06-30." in name]
