"""Folders and buckets: what was written is there as a whole, is not written over, and goes only when it may."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lifecycle.archive import expiring
from lifecycle.archive.bucket import Bucket
from lifecycle.archive.fetching import fetch
from lifecycle.archive.storage import AlreadyThere, NotThere, location
from lifecycle.archive.verifying import verify
from lifecycle.errors import NotFound, StorageError, UsageError
from support.books import IN_AUGUST, NAME, amend_policy, create_books, write_books
from support.buckets import LOCKED, REGION, UNLOCKED, buckets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lifecycle.archive.storage import Location
    from support.databases import Database

pytestmark = pytest.mark.commitment("A7", "G1")

OBJECT = "books/2025-06-30/0001/0000.parquet"
NEXT_YEAR = datetime.now(UTC) + timedelta(days=365)


@pytest.fixture(scope="module", autouse=True)
def service() -> Iterator[None]:
    with buckets():
        yield


@pytest.fixture(params=["folder", LOCKED, UNLOCKED])
def place(request, tmp_path: Path) -> Location:
    """Each kind of place, empty."""
    url = str(tmp_path / "place") if request.param == "folder" else f"{request.param}/{tmp_path.name}"
    return location(url)


def put(place: Location, name: str, content: bytes) -> None:
    with place.create(name) as file:
        file.write(content)


def test_what_was_written_can_be_read_wherever_in_it(place: Location):
    content = os.urandom(6_000_000)
    put(place, "a/one", content)
    assert place.read("a/one") == content
    with place.opened("a/one") as file:
        file.seek(5_500_000)
        assert file.read(10) == content[5_500_000:5_500_010]


def test_objects_are_listed_below_a_path_with_their_sizes(place: Location):
    assert place.sizes() == {}
    put(place, "a/b/one", b"1")
    put(place, "a/two", b"22")
    put(place, "c", b"333")
    assert place.sizes() == {"a/b/one": 1, "a/two": 2, "c": 3}
    assert place.sizes("a") == {"a/b/one": 1, "a/two": 2}


def test_nothing_is_written_over(place: Location):
    put(place, "one", b"first")
    with pytest.raises(AlreadyThere):
        put(place, "one", b"second")
    assert place.read("one") == b"first"


def test_two_who_write_the_same_at_once_do_not_both(place: Location):
    with pytest.raises(AlreadyThere), place.create("one") as slow:
        slow.write(put(place, "one", b"fast") or b"slow")
    assert place.read("one") == b"fast"


def test_what_fails_halfway_is_not_there(place: Location):
    with pytest.raises(KeyError), place.create("one") as file:
        file.write({b"half": b"half"}[b"whole"])
    assert place.sizes() == {}
    put(place, "one", b"whole")
    assert place.read("one") == b"whole"


def test_what_is_not_there_is_said_so(place: Location):
    with pytest.raises(NotThere):
        place.read("one")
    place.delete("one")


def test_what_may_go_goes_for_good(place: Location):
    put(place, "one", b"1")
    place.delete("one")
    assert place.sizes() == {}
    put(place, "one", b"2")
    assert place.read("one") == b"2"


def test_what_is_retained_cannot_be_removed_from_a_bucket_that_locks():
    place = location(f"{LOCKED}/retained")
    put(place, "one", b"1")
    place.retain("one", NEXT_YEAR)
    with pytest.raises(StorageError):
        place.delete("one")
    assert place.read("one") == b"1"


def test_a_bucket_that_does_not_lock_is_written_to_all_the_same():
    place = location(f"{UNLOCKED}/retained")
    put(place, "one", b"1")
    place.retain("one", NEXT_YEAR)
    assert place.read("one") == b"1"


def test_a_file_that_is_retained_is_read_only(tmp_path: Path):
    place = location(str(tmp_path))
    put(place, "one", b"1")
    (tmp_path / "one").chmod(0o644)
    place.retain("one", NEXT_YEAR)
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o444


def test_a_bucket_that_is_not_there_is_named():
    with pytest.raises(StorageError, match="s3://nowhere/x"):
        location("s3://nowhere/x").sizes()
    with pytest.raises(StorageError, match="s3://nowhere/x/one"):
        put(location("s3://nowhere/x"), "one", b"1")


def test_a_service_that_cannot_be_reached_is_named(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError, match="s3://locked/books: the storage refuses: EndpointConnectionError"):
        location("s3://locked/books").sizes()


def test_no_other_service_is_guessed_at():
    with pytest.raises(UsageError, match="ftp is no storage"):
        location("ftp://host/path")


def test_an_archive_in_a_locked_bucket_beside_a_folder(database: Database, tmp_path: Path):
    """The same objects in both; the bucket refuses to give one up, and the folder is mended from it."""
    bucket = f"{LOCKED}/archive"
    company = create_books(database, tmp_path, places=(str(tmp_path / "one"), bucket))
    write_books(
        company,
    )
    assert fetch(company, NAME, "B-0001")[0].values["serial"] == "A"
    assert location(bucket).sizes() == location(str(tmp_path / "one")).sizes()
    with pytest.raises(StorageError):
        location(bucket).delete(OBJECT)
    (tmp_path / "one" / OBJECT).unlink()
    (finding,) = verify(company, NAME, as_of=IN_AUGUST).findings
    assert (finding.what, finding.repaired) == ("missing", True)
    assert fetch(company, NAME, "B-0001")[0].values["serial"] == "A"


def test_what_somebody_put_over_a_locked_object_is_removed_again(database: Database, tmp_path: Path):
    import boto3

    company = create_books(database, tmp_path, places=("s3://locked/over", str(tmp_path / "one")))
    write_books(company)
    boto3.client("s3").put_object(Bucket="locked", Key=f"over/{OBJECT}", Body=b"something else")
    (finding,) = verify(company, NAME, as_of=IN_AUGUST).findings
    assert (finding.what, finding.place, finding.repaired) == ("changed", "s3://locked/over", True)
    assert verify(company, NAME, as_of=IN_AUGUST).findings == ()


def test_objects_are_locked_until_their_time_is_over(database: Database, tmp_path: Path):
    import boto3

    company = create_books(database, tmp_path, places=("s3://locked/dates",))
    write_books(company)
    told = boto3.client("s3").head_object(Bucket="locked", Key=f"dates/{OBJECT}")
    assert told["ObjectLockMode"] == "COMPLIANCE"
    assert told["ObjectLockRetainUntilDate"] == datetime(2032, 6, 30, 21, tzinfo=UTC)


def test_what_is_over_leaves_no_version_in_a_bucket(database: Database, tmp_path: Path):
    import boto3

    company = create_books(database, tmp_path, places=("s3://unlocked/over",))
    write_books(company)
    expiring.expire(company, as_of=IN_AUGUST.replace(year=2032))
    left = boto3.client("s3").list_object_versions(Bucket="unlocked", Prefix="over/books/2025-06-30")
    assert (left.get("Versions", []), left.get("DeleteMarkers", [])) == ([], [])


def test_what_somebody_removed_from_a_bucket_goes_with_all_its_versions(database: Database, tmp_path: Path):
    """Nothing lists an object any more whose newest version is the mark that it was removed."""
    import boto3

    company, files = create_books(database, tmp_path, places=("s3://versioned/books",)), boto3.client("s3")
    files.create_bucket(Bucket="versioned", CreateBucketConfiguration={"LocationConstraint": REGION})
    files.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    write_books(company)
    files.delete_object(Bucket="versioned", Key=f"books/{OBJECT}")
    expiring.expire(company, as_of=IN_AUGUST.replace(year=2032))
    left = files.list_object_versions(Bucket="versioned", Prefix="books/books/2025-06-30")
    assert (left.get("Versions", []), left.get("DeleteMarkers", [])) == ([], [])


def test_a_service_that_knows_no_versions_is_written_to_and_emptied(
    database: Database, tmp_path: Path, monkeypatch
):
    from botocore.exceptions import ClientError

    def refuse(*_: Any) -> None:
        raise OSError from ClientError({"Error": {"Code": "NotImplemented"}}, "ListObjectVersions")

    monkeypatch.setattr(Bucket, "_all_versions", refuse)
    company = create_books(database, tmp_path, places=("s3://unlocked/none",))
    write_books(company)
    assert OBJECT in location("s3://unlocked/none").sizes()
    expiring.expire(company, as_of=IN_AUGUST.replace(year=2032))
    assert location("s3://unlocked/none").sizes("books/2025-06-30") == {}


def test_what_a_bucket_keeps_locked_nobody_can_read_and_it_is_tried_again(database: Database, tmp_path: Path):
    """The policy asks for less than it did when the objects were locked."""
    company = create_books(database, tmp_path, places=("s3://locked/less",))
    write_books(company)
    company = amend_policy(company, tmp_path, "keep: P7Y", "keep: P1Y")
    in_a_year = IN_AUGUST.replace(year=2026)
    for keys in (2, 0):
        destroyed = expiring.expire(company, as_of=in_a_year).destroyed
        assert destroyed.to_json() == {"parts": [], "keys": keys, "locked": ["books/2025-06-30/0001"]}
    with pytest.raises(NotFound):
        fetch(company, NAME, "B-0001")
    assert OBJECT in location("s3://locked/less").sizes()
    assert verify(company, NAME, as_of=in_a_year).findings == ()
