"""The ledger on PostgreSQL: appended to by several at once, signed, and proven entry by entry."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from lifecycle.errors import PromiseBroken, StoreError, UsageError
from lifecycle.keys import FileKeyring
from lifecycle.ledger.book import append
from lifecycle.ledger.checkpoints import all_checkpoints
from lifecycle.ledger.merkle import Builder
from lifecycle.ledger.notes import read_note
from lifecycle.ledger.proofs import verify_proof
from lifecycle.ledger.prove import prove, prove_consistency
from lifecycle.ledger.verification import verify
from lifecycle.store.roles import Role
from support.ledgers import LIFT_PROTECTION, START, body, fill, sign_ledger

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database


@pytest.fixture
def keys(tmp_path: Path) -> FileKeyring:
    return FileKeyring(tmp_path / "keyring", environment={})


def is_sound(database: Database, keys: FileKeyring) -> bool:
    trusted = keys.public_keys() or [keys.signing_key("any").public_key]
    with database.connect(Role.AUDITOR).connect() as connection:
        return verify(connection, trusted).sound


def test_entries_are_numbered_from_zero_and_kept_as_they_were_hashed(database):
    entries = fill(database, 5)
    rows = database.execute("SELECT sequence, payload, node_hashes FROM lifecycle.ledger_entry ORDER BY 1")
    assert [row.sequence for row in rows] == [0, 1, 2, 3, 4]
    assert [row.payload for row in rows] == [entry.payload for entry in entries]
    assert [row.node_hashes for row in rows] == Builder().extend([entry.payload for entry in entries])


def test_the_view_shows_entries_unpacked(database):
    entry = fill(database, 1)[0]
    (row,) = database.execute("SELECT * FROM lifecycle.ledger")
    assert (row.sequence, row.kind, row.as_of, row.body) == (0, entry.kind, START, entry.body)
    assert row.leaf_hash == entry.leaf_hash.hex()


def test_an_append_goes_with_its_transaction(database, keys):
    fill(database, 2)
    with database.connect(Role.ENGINE).connect() as connection:
        append(connection, "plan_executed", body(2), as_of=START)
        connection.rollback()
        append(connection, "plan_executed", body(3), as_of=START)
        connection.commit()
    assert database.execute("SELECT max(sequence) FROM lifecycle.ledger_entry")[0][0] == 2
    assert is_sound(database, keys)


def test_an_entry_that_may_not_stand_there_leaves_the_ledger_free(database):
    with database.connect(Role.ENGINE).begin() as connection:
        with pytest.raises(UsageError):
            append(connection, "plan_executed", {**body(0), "reason": "mari@example.ee"}, as_of=START)
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert connection.scalar(text(held)) == 0


def test_many_writers_at_once_leave_no_gap_and_no_fork(database, keys):
    def write(worker: int) -> None:
        with database.connect(Role.ENGINE).connect() as connection:
            for number in range(15):
                with connection.begin() as transaction:
                    append(connection, "plan_executed", body(worker * 100 + number), as_of=START)
                    if number % 5 == 4:
                        transaction.rollback()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    sequences = [row[0] for row in database.execute("SELECT sequence FROM lifecycle.ledger_entry ORDER BY 1")]
    assert sequences == list(range(48))
    assert is_sound(database, keys)


def test_a_transaction_with_an_older_view_fails_instead_of_forking(database):
    fill(database, 1)
    engine = database.connect(Role.ENGINE)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(text("SELECT count(*) FROM lifecycle.ledger_entry"))
        with engine.begin() as other:
            append(other, "plan_executed", body(1), as_of=START)
        with pytest.raises(StoreError, match="does not see"):
            append(connection, "plan_executed", body(2), as_of=START)


def test_a_checkpoint_signs_the_ledger_as_it_stands(database, keys):
    entries = fill(database, 7)
    made = sign_ledger(database, keys)
    tree = Builder()
    tree.extend([entry.payload for entry in entries])
    assert (made.number, made.tree_size, made.root_hash) == (1, 7, tree.root())
    assert read_note(made.note, keys.public_keys()) is not None
    with database.connect(Role.AUDITOR).connect() as connection:
        assert all_checkpoints(connection) == [made]


def test_signing_again_for_the_same_state_and_time_changes_nothing(database, keys):
    fill(database, 3)
    assert sign_ledger(database, keys) == sign_ledger(database, keys)
    assert sign_ledger(database, keys, day=2).number == 2


def test_an_empty_ledger_can_be_signed_and_continued(database, keys):
    assert sign_ledger(database, keys).tree_size == 0
    fill(database, 3)
    assert sign_ledger(database, keys, day=2).tree_size == 3
    assert is_sound(database, keys)


def test_a_backfilled_checkpoint_may_be_of_an_earlier_day(database, keys):
    fill(database, 2)
    sign_ledger(database, keys, day=5)
    fill(database, 1)
    assert sign_ledger(database, keys, day=2).number == 2
    assert is_sound(database, keys)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM lifecycle.ledger_entry WHERE sequence = 4",
        "UPDATE lifecycle.ledger_entry SET node_hashes = sha256('x') WHERE sequence = 4",
        "UPDATE lifecycle.ledger_checkpoint SET root_hash = sha256('x')",
        "UPDATE lifecycle.ledger_checkpoint SET tree_size = 6",
        "UPDATE lifecycle.ledger_checkpoint SET signature = sha512('x')",
    ],
)
def test_nothing_is_signed_that_contradicts_the_newest_checkpoint(database, keys, statement):
    fill(database, 5)
    sign_ledger(database, keys)
    database.script(LIFT_PROTECTION + statement)
    with pytest.raises(PromiseBroken, match=r"continue|missing"):
        sign_ledger(database, keys, day=2)
    assert len(database.execute("SELECT FROM lifecycle.ledger_checkpoint")) == 1


def test_a_keyring_that_never_held_the_last_key_signs_nothing(database, keys, tmp_path):
    fill(database, 2)
    sign_ledger(database, keys)
    stranger = FileKeyring(tmp_path / "another", environment={})
    with pytest.raises(UsageError, match="never held"):
        sign_ledger(database, stranger, day=2)


def test_a_new_signing_key_continues_the_old_one_which_may_be_destroyed(database, keys):
    fill(database, 2)
    sign_ledger(database, keys)
    keys.destroy("ledger-signing")
    fill(database, 2)
    assert sign_ledger(database, keys, day=2, key_name="ledger-signing-2").number == 2
    assert is_sound(database, keys)


def test_another_origin_is_refused(database, keys):
    sign_ledger(database, keys)
    with pytest.raises(UsageError, match="origin"):
        sign_ledger(database, keys, day=2, origin="example.com/other")


def test_every_entry_is_proven_against_every_checkpoint_over_it(database, keys):
    entries = []
    for day in range(1, 4):
        entries += fill(database, 4)
        sign_ledger(database, keys, day=day)
    with database.connect(Role.AUDITOR).connect() as connection:
        for size in (4, 8, 12, None):
            for sequence in range(size or 12):
                document = json.loads(json.dumps(prove(connection, sequence, size).to_json()))
                verdict = verify_proof(document, keys.public_keys())
                assert verdict.holds
                assert verdict.entry is not None
                assert verdict.entry.payload == entries[sequence].payload
                assert verdict.checkpoints[0].tree_size == (size or 12)


def test_growth_between_any_two_checkpoints_is_proven(database, keys):
    for day in range(1, 4):
        fill(database, 3)
        sign_ledger(database, keys, day=day)
    with database.connect(Role.AUDITOR).connect() as connection:
        for first, second in ((3, 3), (3, 6), (3, 9), (6, 9), (6, None)):
            document = json.loads(json.dumps(prove_consistency(connection, first, second).to_json()))
            assert verify_proof(document, keys.public_keys()).holds


def test_what_was_never_written_cannot_be_proven(database, keys):
    with database.connect(Role.AUDITOR).connect() as connection:
        with pytest.raises(UsageError, match="no entry 0: it is empty"):
            prove(connection, 0)
        fill(database, 3)
        sign_ledger(database, keys)
        for sequence in (-1, 3, 10**30):
            with pytest.raises(
                UsageError, match=f"no entry {sequence}: its 3 entries have the numbers 0 to 2"
            ):
                prove(connection, sequence)


def test_what_no_checkpoint_covers_cannot_be_proven_yet(database, keys):
    fill(database, 3)
    sign_ledger(database, keys)
    fill(database, 1)
    with database.connect(Role.AUDITOR).connect() as connection:
        for sequence, size in ((3, None), (0, 2), (3, 3)):
            with pytest.raises(UsageError, match="No checkpoint covers entry"):
                prove(connection, sequence, size)
        for first, second in ((2, None), (3, 2), (3, 4)):
            with pytest.raises(UsageError, match="No checkpoint covers"):
                prove_consistency(connection, first, second)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lifecycle.ledger_entry SET payload = overlay(payload PLACING '2027' FROM 11 FOR 4)",
        "UPDATE lifecycle.ledger_entry SET payload = 'x'",
        "UPDATE lifecycle.ledger_entry SET node_hashes = sha256('x') || substring(node_hashes FROM 33)",
        "DELETE FROM lifecycle.ledger_entry WHERE sequence = 3",
        "DELETE FROM lifecycle.ledger_entry WHERE sequence = 7",
    ],
)
def test_no_proof_is_made_from_a_changed_ledger(database, keys, statement):
    fill(database, 5)
    sign_ledger(database, keys)
    fill(database, 5)
    sign_ledger(database, keys, day=2)
    database.script(LIFT_PROTECTION + statement)
    with database.connect(Role.AUDITOR).connect() as connection, pytest.raises(PromiseBroken):
        prove(connection, 3)


def test_no_proof_of_growth_is_made_from_a_changed_ledger(database, keys):
    fill(database, 5)
    sign_ledger(database, keys)
    fill(database, 5)
    sign_ledger(database, keys, day=2)
    database.script(
        LIFT_PROTECTION + "UPDATE lifecycle.ledger_entry SET node_hashes = sha256('x') WHERE sequence = 4"
    )
    with database.connect(Role.AUDITOR).connect() as connection, pytest.raises(PromiseBroken):
        prove_consistency(connection, 5, 10)
