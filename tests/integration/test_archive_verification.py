"""An archive is looked after: whatever is not as it was written is found, named, and put back where that can be."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.exc import DBAPIError

from lifecycle.archive import building, expiring, parts, verifying
from lifecycle.archive.fetching import fetch
from lifecycle.archive.places import Places
from lifecycle.archive.storage import Folder, Location
from lifecycle.archive.verifying import verify
from lifecycle.errors import CheckFailed, PromiseBroken, StorageError
from lifecycle.store.engine import connect
from lifecycle.store.roles import Role
from support.books import IN_AUGUST, NAME, amend_policy, create_books, flip, write_books

if TYPE_CHECKING:
    from pathlib import Path

    from lifecycle.archive.parts import Part
    from lifecycle.archive.verifying import Verified
    from lifecycle.runs.company import Company
    from support.databases import Database

pytestmark = pytest.mark.commitment("A7", "G1")

OBJECT = "books/2025-06-30/0001/0000.parquet"
MANIFEST = "books/2025-06-30/0001/manifest.json"


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    company = create_books(database, tmp_path)
    write_books(company)
    return company


def found(company: Company) -> dict[str, tuple[str, bool]]:
    """What verification finds, by object, and whether it was put back."""
    verified = verify(company, NAME, as_of=IN_AUGUST)
    return {
        f"{one.place.rsplit('/', 1)[-1]}/{one.name}": (one.what, one.repaired) for one in verified.findings
    }


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    """Leave the first half of a file."""
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(content[: len(content) // 2])


def test_an_archive_that_is_whole_is_told_so(company: Company):
    verified = verify(company, NAME, as_of=IN_AUGUST)
    assert (verified.parts, verified.objects, verified.findings) == (2, 8, ())
    verified.require_whole()


@pytest.mark.parametrize(
    ("damage", "what"),
    [(flip, "changed"), (cut, "changed"), (remove, "missing")],
    ids=["flip", "cut", "remove"],
)
@pytest.mark.parametrize("name", [OBJECT, MANIFEST])
@pytest.mark.parametrize("place", ["one", "two"])
def test_damage_in_one_place_is_mended_from_the_other(
    company: Company, tmp_path: Path, damage, what, name, place
):
    path = tmp_path / place / name
    before = path.read_bytes()
    damage(path)
    assert found(company) == {f"{place}/{name}": (what, True)}
    assert path.read_bytes() == before
    assert found(company) == {}


def test_what_is_damaged_everywhere_is_named_and_stays_broken(company: Company, tmp_path: Path):
    for place in ("one", "two"):
        flip(tmp_path / place / OBJECT)
    verified = verify(company, NAME, as_of=IN_AUGUST)
    assert [one.repaired for one in verified.findings] == [False, False]
    with pytest.raises(PromiseBroken, match=r"0000\.parquet at .*one was changed"):
        verified.require_whole()


def test_a_manifest_that_is_missing_everywhere_is_written_again(company: Company, tmp_path: Path):
    """The database has it, too."""
    for place in ("one", "two"):
        remove(tmp_path / place / MANIFEST)
    assert found(company) == {f"{place}/{MANIFEST}": ("missing", True) for place in ("one", "two")}


def test_what_belongs_to_no_part_is_named(company: Company, tmp_path: Path):
    stray = tmp_path / "two/books/2025-06-30/0001/0001.parquet"
    stray.write_bytes(b"stray")
    assert found(company) == {"two/books/2025-06-30/0001/0001.parquet": ("extra", False)}


def test_manifests_that_were_swapped_are_found_and_put_right(company: Company, tmp_path: Path):
    one, other = tmp_path / "one" / MANIFEST, tmp_path / "one/books/2026-06-30/0001/manifest.json"
    first, second = one.read_bytes(), other.read_bytes()
    for path, content in ((one, second), (other, first)):
        path.chmod(0o600)
        path.write_bytes(content)
    assert set(found(company).values()) == {("changed", True)}
    assert (one.read_bytes(), other.read_bytes()) == (first, second)


def test_a_part_that_was_exchanged_with_its_manifest_is_told_by_the_ledger(
    company: Company, database: Database
):
    """Whoever may write to the control schema cannot write into the ledger's past."""
    database.execute(
        'UPDATE lifecycle.archive_part SET manifest = replace(manifest, \'"total":"1.000"\', \'"total":"2.000"\')'
    )
    database.execute(
        "UPDATE lifecycle.archive_part SET sha256 = encode(sha256(convert_to(manifest, 'UTF8')), 'hex')"
    )
    verified = verify(company, NAME, as_of=IN_AUGUST)
    assert ("unlike_ledger", "books/2025-06-30/0001") in {(one.what, one.name) for one in verified.findings}
    with pytest.raises(PromiseBroken, match="not what the ledger says was written"):
        verified.require_whole()


def test_a_key_that_is_lost_is_found_without_anybody_asking_for_a_document(
    company: Company, database: Database
):
    database.execute("DELETE FROM lifecycle.archive_key")
    verified = verify(company, NAME, as_of=IN_AUGUST)
    assert {one.what for one in verified.findings} == {"unreadable"}


def test_a_document_is_fetched_from_whichever_place_has_it(company: Company, tmp_path: Path):
    flip(tmp_path / "one" / OBJECT)
    assert fetch(company, NAME, "B-0001")[0].values["serial"] == "A"
    remove(tmp_path / "one" / OBJECT)
    assert fetch(company, NAME, "B-0001")[0].values["serial"] == "A"
    flip(tmp_path / "two" / OBJECT)
    with pytest.raises(CheckFailed, match="is not what was written"):
        fetch(company, NAME, "B-0001")


def test_the_ledger_says_what_was_found(company: Company, database: Database, tmp_path: Path):
    remove(tmp_path / "two" / OBJECT)
    verify(company, NAME, as_of=IN_AUGUST)
    (entry,) = database.execute(
        "SELECT convert_from(payload, 'UTF8')::jsonb -> 'body' AS body FROM lifecycle.ledger_entry"
        " ORDER BY sequence DESC LIMIT 1"
    )
    assert entry.body == {"archive": "books", "passed": True, "repaired": 1, "rows": 8}


def test_a_part_that_is_being_written_is_no_stray(company: Company, database: Database):
    database.execute("UPDATE trade.bill SET total = 9 WHERE serial = 'B'")
    (year, _) = building.years(company, NAME, as_of=IN_AUGUST)
    assert building.write(company, NAME, year, as_of=IN_AUGUST)
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()
    with company.engine.connect() as connection:
        assert len(parts.parts_of(connection, NAME, states=("drafted",))) == 1


def test_what_is_given_up_while_it_is_verified_is_not_put_back(company: Company, tmp_path: Path, monkeypatch):
    """Its time is over, and an expiry that has come to the first place goes on when the second can be reached."""
    look_at = verifying._Verification.look_at

    def clear_one(location: Folder, folder: str) -> None:
        if location.root.name == "two":
            raise StorageError("the storage refuses", place="two", next_step="see that it can be reached")
        Location.clear(location, folder)

    def expire_first(verification: Any, part: Part) -> bool:
        with monkeypatch.context() as meanwhile, suppress(StorageError):
            meanwhile.setattr(Folder, "clear", clear_one)
            expiring.expire(company, as_of=IN_AUGUST.replace(year=2032))
        return look_at(verification, part)

    monkeypatch.setattr(verifying._Verification, "look_at", expire_first)
    verified = verify(company, NAME, as_of=IN_AUGUST)
    assert [one for one in verified.findings if one.name.startswith("books/2025-06-30")] == []
    assert not (tmp_path / "one" / OBJECT).exists()
    assert (tmp_path / "two" / OBJECT).exists()


def test_nobody_condemns_a_part_while_it_is_mended(
    company: Company, database: Database, tmp_path: Path, monkeypatch
):
    put_back, tried = Places.put_back, []

    def and_try(places: Places, *what: Any) -> None:
        with pytest.raises(DBAPIError, match="could not obtain lock"):
            database.execute("SELECT FROM lifecycle.archive_part WHERE number = 1 FOR NO KEY UPDATE NOWAIT")
        tried.append(what)
        put_back(places, *what)

    monkeypatch.setattr(Places, "put_back", and_try)
    remove(tmp_path / "one" / OBJECT)
    assert found(company) == {f"one/{OBJECT}": ("missing", True)}
    assert len(tried) == 1


def test_a_part_that_somebody_holds_is_told_and_the_others_are_looked_at(
    company: Company, database: Database, tmp_path: Path
):
    company = replace(
        company, engine=connect(database.url, role=Role.ENGINE, lock_timeout=timedelta(seconds=1))
    )
    remove(tmp_path / "one" / OBJECT)
    with database.connect().begin() as connection:
        connection.exec_driver_sql("UPDATE lifecycle.archive_part SET lost_at = NULL")
        (finding,) = verify(company, NAME, as_of=IN_AUGUST).findings
    assert (finding.what, finding.repaired) == ("missing", False)
    assert "lock" in finding.more


@pytest.mark.usefixtures("company")
def test_objects_are_read_only_files(tmp_path: Path):
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*.parquet")} == {"0o444"}


# --- a sample, restored


def months(company: Company) -> list[Verified]:
    """What is found in two months after another, in which each of the two objects has its turn."""
    return [verify(company, NAME, as_of=IN_AUGUST.replace(month=month)) for month in (9, 10)]


def test_each_object_is_restored_in_its_turn(company: Company):
    assert [(one.restored, one.findings) for one in months(company)] in (
        [(4, ()), (1, ())],
        [(1, ()), (4, ())],
    )


def test_what_was_written_again_is_compared_with_what_it_was_then(company: Company, database: Database):
    database.execute("UPDATE trade.bill SET total = total + 1")
    write_books(company)
    found = [verify(company, NAME, as_of=IN_AUGUST.replace(month=month)) for month in (9, 10, 11, 12)]
    assert sorted(one.restored for one in found) == [1, 1, 4, 4]
    assert [one.findings for one in found] == [(), (), (), ()]


def test_a_document_that_comes_back_as_another_is_named(company: Company, database: Database):
    database.execute("UPDATE lifecycle.archive_record SET digest = sha256('') WHERE number = 'B-0004'")
    (finding,) = [finding for one in months(company) for finding in one.findings]
    assert str(finding) == (
        "books/2025-06-30/0001/0000.parquet cannot be restored as it was"
        " (1 documents restored are others than were written)"
    )


def test_an_index_that_names_a_place_where_nothing_stands_is_a_finding(company: Company, database: Database):
    database.execute("UPDATE lifecycle.archive_record SET place = 100000 WHERE number = 'B-0004'")
    found = [finding for one in months(company) for finding in one.findings]
    assert {one.name.rsplit("/", 1)[0] for one in found} == {"books/2025-06-30/0001"}
    assert "is not what was written" in str(found[0])


def test_nothing_of_the_sample_stays_in_the_database(company: Company, database: Database):
    months(company)
    left = database.execute("SELECT FROM pg_class WHERE relname LIKE 'restored%'")
    assert left == []


def test_where_the_policy_has_other_columns_now_totals_are_compared(company: Company, tmp_path: Path):
    company = amend_policy(company, tmp_path, "buyer, remark, extra]", "buyer, extra]")
    assert [one.findings for one in months(company)] == [(), ()]
