"""Ledgers to test with: entries, rows as the database holds them, and keys."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lifecycle.ledger.book import append
from lifecycle.ledger.checkpoints import checkpoint
from lifecycle.ledger.entries import checked_body, seal
from lifecycle.ledger.merkle import Builder
from lifecycle.ledger.notes import DEFAULT_ORIGIN, TreeHead, sign
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from lifecycle.keys import KeyProvider, SigningKey
    from lifecycle.ledger.entries import Entry
    from lifecycle.ledger.notes import Checkpoint
    from support.databases import Database

START = datetime(2026, 3, 1, tzinfo=UTC)

LIFT_PROTECTION = """
    ALTER TABLE lifecycle.ledger_entry DISABLE TRIGGER ALL;
    ALTER TABLE lifecycle.ledger_checkpoint DISABLE TRIGGER ALL;
    ALTER TABLE lifecycle.ledger_entry DROP CONSTRAINT ledger_entry_is_hashed,
        DROP CONSTRAINT ledger_entry_completes_its_nodes, DROP CONSTRAINT ledger_entry_names_its_place,
        DROP CONSTRAINT ledger_entry_pkey;
    ALTER TABLE lifecycle.ledger_entry ALTER sequence DROP NOT NULL, ALTER payload DROP NOT NULL;
"""
"""What the tables' owner does before changing the ledger."""


def digest(text: object) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()


def body(number: int) -> dict[str, Any]:
    """What an executed plan writes."""
    return {
        "plan": digest(f"plan {number // 10}"),
        "rows": number,
        "collections": [{"collection": "shop.visit", "action": "delete", "rows": 1000 + number}],
    }


def rows_of(count: int) -> list[tuple[int, bytes, bytes]]:
    """The rows of a ledger with so many entries: sequence, node hashes, payload."""
    payloads = [
        seal(number, "plan_executed", checked_body("plan_executed", body(number)), START)
        for number in range(count)
    ]
    hashes = Builder().extend(payloads)
    return list(zip(range(count), hashes, payloads, strict=True))


def checkpoint_over(rows: list[tuple[int, bytes, bytes]], key: SigningKey, number: int = 1) -> Checkpoint:
    """A checkpoint over these rows."""
    builder = Builder()
    builder.extend([payload for _, _, payload in rows])
    head = TreeHead(
        origin=DEFAULT_ORIGIN,
        tree_size=len(rows),
        root_hash=builder.root(),
        as_of=START + timedelta(days=number),
    )
    return sign(head, key, number=number)


def fill(database: Database, count: int) -> list[Entry]:
    """Append so many entries as the engine, each in a transaction of its own."""
    engine = database.connect(Role.ENGINE)
    entries = []
    with engine.connect() as connection:
        for number in range(count):
            with connection.begin():
                entries.append(append(connection, "plan_executed", body(number), as_of=START))
    return entries


def sign_ledger(database: Database, keys: KeyProvider, day: int = 1, **named: Any) -> Checkpoint:
    """Sign the database's ledger as the engine."""
    with database.connect(Role.ENGINE).begin() as connection:
        return checkpoint(connection, keys, as_of=START + timedelta(days=day), **named)
