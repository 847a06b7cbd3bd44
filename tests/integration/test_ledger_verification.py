"""What somebody with every right does to the ledger is found, and named to the entry.

One ledger serves all tests: each tampers in a transaction of its own, verifies inside it, and rolls back.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from lifecycle.errors import StoreError, UsageError
from lifecycle.keys import FileKeyring, SigningKey
from lifecycle.ledger.book import append
from lifecycle.ledger.checkpoints import all_checkpoints, checkpoint
from lifecycle.ledger.merkle import Builder
from lifecycle.ledger.notes import Checkpoint, read_note
from lifecycle.ledger.verdict import Fault, Verdict
from lifecycle.ledger.verification import verify
from lifecycle.store.engine import run_script
from lifecycle.store.roles import Role
from support.ledgers import LIFT_PROTECTION, START, body, digest, fill, sign_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy

    from support.databases import Database

STRANGER = SigningKey.from_private_bytes("stranger", b"9" * 32).public_key


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> FileKeyring:
    return FileKeyring(tmp_path_factory.mktemp("keys") / "keyring", environment={})


@pytest.fixture(scope="module")
def ledger(module_database: Database, keys: FileKeyring) -> Database:
    """Ten entries; checkpoints over six and over all."""
    fill(module_database, 6)
    sign_ledger(module_database, keys)
    with module_database.connect(Role.ENGINE).begin() as connection:
        for number in range(4):
            append(connection, "plan_refused", {"plan": digest(number), "reason": "guard"}, as_of=START)
    sign_ledger(module_database, keys, day=2)
    return module_database


@pytest.fixture
def owner(ledger: Database) -> Iterator[sqlalchemy.Connection]:
    """The owner's connection, every protection lifted, nothing of it committed."""
    with ledger.connect().connect() as connection:
        run_script(connection, LIFT_PROTECTION)
        yield connection
        connection.rollback()


def found(verdict: Verdict) -> list[tuple[Fault, int | None, int | None, int | None]]:
    return [(finding.fault, finding.first, finding.last, finding.checkpoint) for finding in verdict.findings]


def test_a_sound_ledger_is_called_sound_and_its_cover_is_told(ledger, keys):
    steps: list[tuple[int, int]] = []
    with ledger.connect(Role.ENGINE).connect() as connection:
        append(connection, "plan_executed", body(10), as_of=START)
        verdict = verify(
            connection, keys.public_keys(), progress=lambda done, total: steps.append((done, total))
        )
    assert verdict.sound
    assert (verdict.entries, verdict.covered, verdict.checkpoints) == (11, 10, 2)
    assert steps[-1] == (11, 11)
    assert json.loads(json.dumps(verdict.to_json()))["sound"] is True


@pytest.mark.parametrize("rows", [1, 3, 7, 10])
def test_rows_come_a_few_at_a_time_wherever_checkpoints_end(ledger, keys, monkeypatch, rows):
    """However many there are, no more than these are in memory."""
    monkeypatch.setattr("lifecycle.ledger.verification.ROWS_AT_A_TIME", rows)
    done: list[int] = []
    with ledger.connect(Role.AUDITOR).connect() as connection:
        verdict = verify(connection, keys.public_keys(), progress=lambda count, _: done.append(count))
    assert verdict.covered == 10
    assert done == [*range(rows, 10, rows), 10]


def test_an_empty_ledger_is_sound(database):
    with database.connect(Role.AUDITOR).connect() as connection:
        verdict = verify(connection, [STRANGER])
    assert (verdict.sound, verdict.entries, verdict.covered) == (True, 0, 0)


def test_checkpoints_of_a_key_nobody_trusts_cover_nothing(ledger):
    with ledger.connect(Role.AUDITOR).connect() as connection:
        verdict = verify(connection, [STRANGER])
    assert found(verdict) == [(Fault.CHECKPOINT, None, None, 1), (Fault.CHECKPOINT, None, None, 2)]
    assert verdict.covered == 0


def test_without_a_trusted_key_nothing_is_verified(ledger):
    with (
        ledger.connect(Role.AUDITOR).connect() as connection,
        pytest.raises(UsageError, match="trusted public key"),
    ):
        verify(connection, [])


def test_a_ledger_that_is_not_there_is_said_so(empty_database):
    with (
        empty_database.connect().connect() as connection,
        pytest.raises(StoreError, match="does not exist"),
    ):
        verify(connection, [STRANGER])


def test_entries_that_may_not_be_read_are_said_so(ledger):
    with ledger.connect().connect() as connection:
        run_script(
            connection,
            """GRANT USAGE ON SCHEMA lifecycle TO data_team;
            GRANT SELECT ON lifecycle.ledger_checkpoint TO data_team;
            GRANT SELECT (sequence) ON lifecycle.ledger_entry TO data_team;
            SET LOCAL ROLE data_team""",
        )
        with pytest.raises(StoreError, match="permission denied"):
            verify(connection, [STRANGER])


ENTRY_OF = """convert_to('{"as_of":"2026-03-01T00:00:00Z","body":{},"kind":"x","sequence":%d}', 'UTF8')"""
FAR_AWAY = 4 * 10**18

TAMPERINGS = {
    "changed payload": (
        """UPDATE lifecycle.ledger_entry SET payload = overlay(payload PLACING '2027' FROM 11 FOR 4)
        WHERE sequence = 4""",
        [(Fault.CHANGED, 4, 4, None)],
    ),
    "changed payloads side by side": (
        """UPDATE lifecycle.ledger_entry SET payload = overlay(payload PLACING '2027' FROM 11 FOR 4)
        WHERE sequence BETWEEN 3 AND 6""",
        [(Fault.CHANGED, 3, 6, None)],
    ),
    "removed payload": (
        "UPDATE lifecycle.ledger_entry SET payload = NULL WHERE sequence = 5",
        [(Fault.CHANGED, 5, 5, None)],
    ),
    "changed hash": (
        """UPDATE lifecycle.ledger_entry SET node_hashes = sha256('x') || substring(node_hashes FROM 33)
        WHERE sequence = 7""",
        [(Fault.CHANGED, 7, 7, None)],
    ),
    "changed hash of a subtree": (
        """UPDATE lifecycle.ledger_entry SET node_hashes = overlay(node_hashes PLACING sha256('x') FROM 65)
        WHERE sequence = 3""",
        [(Fault.REWRITTEN, 0, 3, None)],
    ),
    "changed entry with its hash": (
        """UPDATE lifecycle.ledger_entry
        SET payload = 'x', node_hashes = sha256('\\x0078') || substring(node_hashes FROM 33)
        WHERE sequence = 7""",
        [(Fault.REWRITTEN, 6, 7, None)],
    ),
    "deleted row": (
        "DELETE FROM lifecycle.ledger_entry WHERE sequence = 3",
        [(Fault.MISSING, 3, 3, None)],
    ),
    "swapped rows": (
        "UPDATE lifecycle.ledger_entry SET sequence = 7 - sequence WHERE sequence IN (2, 5)",
        [(Fault.MOVED, 2, 2, None), (Fault.MOVED, 5, 5, None)],
    ),
    "row twice": (
        "INSERT INTO lifecycle.ledger_entry SELECT * FROM lifecycle.ledger_entry WHERE sequence = 6",
        [(Fault.INSERTED, 6, 6, None)],
    ),
    "row without a place": (
        """INSERT INTO lifecycle.ledger_entry
        SELECT NULL, node_hashes, payload FROM lifecycle.ledger_entry WHERE sequence = 6""",
        [(Fault.INSERTED, -1, -1, None)],
    ),
    "row far away": (
        f"""INSERT INTO lifecycle.ledger_entry
        SELECT {FAR_AWAY}, sha256('\\x00'::bytea || entry), entry FROM {ENTRY_OF % FAR_AWAY} AS entry""",
        [(Fault.MISSING, 10, FAR_AWAY - 1, None)],
    ),
    "forged tail": (
        f"INSERT INTO lifecycle.ledger_entry SELECT 10, sha256('x'), {ENTRY_OF % 10}",
        [(Fault.CHANGED, 10, 10, None)],
    ),
    "truncated tail": (
        "DELETE FROM lifecycle.ledger_entry WHERE sequence >= 8",
        [(Fault.MISSING, 8, 9, 2)],
    ),
    "everything removed": ("TRUNCATE lifecycle.ledger_entry", [(Fault.MISSING, 0, 9, 2)]),
    "forged root": (
        "UPDATE lifecycle.ledger_checkpoint SET root_hash = sha256('x') WHERE number = 2",
        [(Fault.CHECKPOINT, None, None, 2)],
    ),
    "forged size": (
        "UPDATE lifecycle.ledger_checkpoint SET tree_size = 9 WHERE number = 2",
        [(Fault.CHECKPOINT, None, None, 2)],
    ),
    "forged time": (
        "UPDATE lifecycle.ledger_checkpoint SET as_of = '2020-01-01' WHERE number = 1",
        [(Fault.CHECKPOINT, None, None, 1)],
    ),
    "forged signature": (
        "UPDATE lifecycle.ledger_checkpoint SET signature = sha512('x') WHERE number = 1",
        [(Fault.CHECKPOINT, None, None, 1)],
    ),
    "another key": (
        "UPDATE lifecycle.ledger_checkpoint SET public_key = sha256('x') WHERE number = 1",
        [(Fault.CHECKPOINT, None, None, 1)],
    ),
    "removed checkpoint": (
        "DELETE FROM lifecycle.ledger_checkpoint WHERE number = 1",
        [(Fault.CHECKPOINT, None, None, 2)],
    ),
    "swapped checkpoints": (
        """UPDATE lifecycle.ledger_checkpoint SET number = number + 10;
        UPDATE lifecycle.ledger_checkpoint SET number = 13 - number""",
        [(Fault.CHECKPOINT, None, None, 2)],
    ),
}


@pytest.mark.parametrize(("statements", "expected"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_what_was_done_is_found_and_named(owner, keys, statements, expected):
    run_script(owner, statements)
    assert found(verify(owner, keys.public_keys())) == expected


def test_findings_say_where_in_one_sentence(owner, keys):
    run_script(
        owner,
        """UPDATE lifecycle.ledger_entry SET payload = 'x' WHERE sequence IN (2, 5, 6);
        UPDATE lifecycle.ledger_checkpoint SET signature = sha512('x') WHERE number = 1""",
    )
    sentences = [finding.sentence.partition(":")[0] for finding in verify(owner, keys.public_keys()).findings]
    assert sentences == ["Checkpoint 1", "Entry 2", "Entries 5 to 6"]


def test_a_ledger_rewritten_with_all_its_hashes_contradicts_its_checkpoint(owner, keys):
    rewrite(owner, {7: b'"kind":"plan_later"'})
    assert found(verify(owner, keys.public_keys())) == [(Fault.REWRITTEN, 6, 9, 2)]


def test_a_tail_removed_with_its_checkpoint_is_missed_by_whoever_kept_the_note(owner, keys):
    kept = read_note(all_checkpoints(owner)[1].note, keys.public_keys())
    run_script(
        owner,
        """DELETE FROM lifecycle.ledger_entry WHERE sequence >= 6;
        DELETE FROM lifecycle.ledger_checkpoint WHERE number = 2""",
    )
    assert verify(owner, keys.public_keys()).sound
    verdict = verify(owner, keys.public_keys(), kept_elsewhere=[required(kept)])
    assert found(verdict) == [(Fault.MISSING, 6, 9, None)]
    assert "kept elsewhere" in verdict.findings[0].message


def test_a_history_signed_anew_with_the_stolen_key_contradicts_a_note_kept_elsewhere(owner, keys):
    kept = read_note(all_checkpoints(owner)[0].note, keys.public_keys())
    rewrite(owner, {2: b'"kind":"plan_later"'})
    run_script(owner, "TRUNCATE lifecycle.ledger_checkpoint")
    checkpoint(owner, keys, as_of=START)
    assert verify(owner, keys.public_keys()).sound
    verdict = verify(owner, keys.public_keys(), kept_elsewhere=[required(kept)])
    assert found(verdict) == [(Fault.REWRITTEN, 0, 5, None)]


def test_a_ledger_that_is_wrong_everywhere_is_told_in_bounds(owner, keys):
    run_script(
        owner,
        """TRUNCATE lifecycle.ledger_entry;
        INSERT INTO lifecycle.ledger_entry SELECT place, '', '' FROM generate_series(2, 800, 2) AS place""",
    )
    verdict = verify(owner, keys.public_keys())
    assert (len(verdict.findings), verdict.findings_left_out) == (100, 700)


def rewrite(owner: sqlalchemy.Connection, kinds: dict[int, bytes]) -> None:
    """Give these entries another kind, and every row the hashes that agree with that."""
    rows = owner.execute(text("SELECT payload FROM lifecycle.ledger_entry ORDER BY sequence"))
    payloads = [row.payload for row in rows]
    for sequence, kind in kinds.items():
        before, _, after = payloads[sequence].partition(b'"kind":"')
        payloads[sequence] = before + kind + after[after.index(b'"') + 1 :]
    for sequence, hashes in enumerate(Builder().extend(payloads)):
        owner.execute(
            text(
                "UPDATE lifecycle.ledger_entry SET payload = :new, node_hashes = :tree WHERE sequence = :at"
            ),
            {"new": payloads[sequence], "tree": hashes, "at": sequence},
        )


def required(note: Checkpoint | None) -> Checkpoint:
    assert note is not None
    return note
