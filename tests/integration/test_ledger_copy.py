"""The ledger's copy outside the database notices a restore, and knows what was lost by it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lifecycle.errors import PromiseBroken
from lifecycle.ledger.book import append
from lifecycle.ledger.copy import LedgerCopy
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

AS_OF = datetime(2026, 3, 10, 3, tzinfo=UTC)


def write(database: Database, copy: LedgerCopy, *reasons: str) -> None:
    """Entries, and the copy of them."""
    engine = database.connect(Role.ENGINE)
    for reason in reasons:
        with engine.begin() as connection:
            append(connection, "plan_refused", {"plan": "0" * 64, "reason": reason}, as_of=AS_OF)
    with engine.connect() as connection:
        copy.extend(connection)


def lose(database: Database, sequence: int) -> None:
    """What a restore from a backup does to the newest entries."""
    database.script(f"""
        ALTER TABLE lifecycle.ledger_entry DISABLE TRIGGER USER;
        DELETE FROM lifecycle.ledger_entry WHERE sequence >= {sequence};
        ALTER TABLE lifecycle.ledger_entry ENABLE ALWAYS TRIGGER append_only;
        ALTER TABLE lifecycle.ledger_entry ENABLE ALWAYS TRIGGER next_entry;
    """)


@pytest.fixture
def copy(tmp_path: Path) -> LedgerCopy:
    return LedgerCopy(tmp_path / "copy")


def test_entries_are_copied_once_and_in_order(database: Database, copy: LedgerCopy):
    write(database, copy, "one", "two")
    write(database, copy, "three")
    write(database, copy)
    (file,) = copy.folder.glob("*.jsonl")
    stored = database.execute("SELECT payload FROM lifecycle.ledger_entry ORDER BY sequence")
    assert file.read_bytes() == b"".join(bytes(row.payload) + b"\n" for row in stored)


def test_a_line_that_a_crash_cut_short_is_written_again(database: Database, copy: LedgerCopy):
    write(database, copy, "one", "two")
    (file,) = copy.folder.glob("*.jsonl")
    whole = file.read_bytes()
    file.write_bytes(whole[:-7])
    write(database, copy)
    assert file.read_bytes() == whole


def test_a_restored_database_is_noticed_and_what_it_lost_is_known(database: Database, copy: LedgerCopy):
    write(database, copy, "one", "two", "three")
    lose(database, 1)
    with database.connect(Role.ENGINE).connect() as connection:
        with pytest.raises(PromiseBroken, match="restored from a backup"):
            copy.require_continued(connection)
        assert [b'"two"' in line or b'"three"' in line for line in copy.missing(connection)] == [True, True]


def test_a_ledger_that_went_another_way_is_noticed(database: Database, copy: LedgerCopy):
    write(database, copy, "one", "two")
    lose(database, 1)
    with database.connect(Role.ENGINE).begin() as connection:
        append(connection, "plan_refused", {"plan": "0" * 64, "reason": "other"}, as_of=AS_OF)
    with pytest.raises(PromiseBroken, match="went another way"):
        write(database, copy)
    with (
        database.connect(Role.ENGINE).connect() as connection,
        pytest.raises(PromiseBroken, match="another way"),
    ):
        copy.missing(connection)


def test_every_entry_is_compared_with_its_copy(database: Database, copy: LedgerCopy):
    write(database, copy, "one", "two", "three")
    with database.connect(Role.ENGINE).connect() as connection:
        copy.require_same(connection)
    (file,) = copy.folder.glob("*.jsonl")
    whole = file.read_bytes()
    file.write_bytes(whole[:-7])
    with database.connect(Role.ENGINE).connect() as connection:
        copy.require_same(connection)  # a line that a crash cut short says nothing
    file.write_bytes(whole.replace(b'"two"', b'"ten"'))
    with database.connect(Role.ENGINE).connect() as connection:
        copy.require_continued(connection)
        with pytest.raises(PromiseBroken, match="entry 1 is not what it was"):
            copy.require_same(connection)
    file.write_bytes(whole)
    lose(database, 1)
    with (
        database.connect(Role.ENGINE).connect() as connection,
        pytest.raises(PromiseBroken, match="ends before entry 1"),
    ):
        copy.require_same(connection)
