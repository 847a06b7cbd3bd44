"""Writing entries, and reading what the tree is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, any_, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError

from lifecycle.errors import PromiseBroken, StoreError
from lifecycle.ledger.entries import Entry, checked_body, seal
from lifecycle.ledger.merkle import HASH_BYTES, Builder, Node, Span
from lifecycle.ledger.tables import ENTRY
from lifecycle.store.prepared import Prepared, bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

_LOCK = 0x6C65646765720001  # "ledger", 1: one writer at a time in a database
_HOLD = Prepared(select(func.pg_advisory_xact_lock(_LOCK)))
_SIZE = Prepared(select(func.coalesce(func.max(ENTRY.c.sequence) + 1, 0)))
_NODES = Prepared(
    select(ENTRY.c.sequence, ENTRY.c.node_hashes).where(
        ENTRY.c.sequence == any_(bound("sequences", ARRAY(BigInteger)))
    )
)
_PAYLOAD = Prepared(select(ENTRY.c.payload).where(ENTRY.c.sequence == bound("sequence", BigInteger)))


def append(connection: Connection, kind: str, body: Mapping[str, Any], *, as_of: datetime) -> Entry:
    """Add an entry to the ledger, in the caller's transaction.

    Whoever appends holds the ledger until the transaction ends, so that sequences have no gaps: append last,
    commit soon. The work does not grow with the ledger.

    Args:
        connection: as ``lifecycle_engine``, at READ COMMITTED.
        kind: one of ``entries.KINDS``.
        body: fields of ``entries.FIELDS``.
        as_of: when it was done, an aware datetime.

    Raises:
        UsageError: the entry may not stand in the ledger.
        PromiseBroken: the ledger lacks rows that it needs to grow.
        StoreError: the transaction has an older view of the ledger than its newest entry.
    """
    (entry,) = append_all(connection, [(kind, body)], as_of=as_of)
    return entry


def append_all(
    connection: Connection, entries: Iterable[tuple[str, Mapping[str, Any]]], *, as_of: datetime
) -> list[Entry]:
    """Add entries to the ledger in this order, each a kind and a body; otherwise as :func:`append`."""
    checked = [(kind, checked_body(kind, body)) for kind, body in entries]
    if not checked:
        return []
    hold(connection)
    builder = current_tree(connection)
    written = [
        Entry.from_payload(seal(sequence, kind, body, as_of))
        for sequence, (kind, body) in enumerate(checked, start=builder.size)
    ]
    hashes = builder.extend([entry.payload for entry in written])
    rows = [
        {"sequence": entry.sequence, "node_hashes": node_hashes, "payload": entry.payload}
        for entry, node_hashes in zip(written, hashes, strict=True)
    ]
    try:
        connection.execute(insert(ENTRY), rows)
    except IntegrityError as error:
        raise StoreError(
            f"Entry {written[0].sequence} was written by another transaction, which this one does not see.",
            place="lifecycle.ledger_entry",
            next_step="Append in a transaction at READ COMMITTED, and run it again.",
        ) from error
    return written


def restore(connection: Connection, payloads: Sequence[bytes]) -> int:
    """Put entries back that the ledger had, in the caller's transaction; returns how many.

    Args:
        connection: as ``lifecycle_engine``, at READ COMMITTED.
        payloads: the bytes of the entries that follow those which are there, in order.

    Raises:
        PromiseBroken: they do not follow.
    """
    if not payloads:
        return 0
    hold(connection)
    builder = current_tree(connection)
    entries = [_entry(builder.size + number, payload) for number, payload in enumerate(payloads)]
    if [entry.sequence for entry in entries] != list(range(builder.size, builder.size + len(entries))):
        raise PromiseBroken(
            f"The entries to be put back do not follow entry {builder.size - 1}.",
            place="lifecycle.ledger_entry",
            next_step="Run lifecycle ledger verify to see what is wrong; nothing was put back.",
        )
    hashes = builder.extend(list(payloads))
    rows = [
        {"sequence": entry.sequence, "node_hashes": node_hashes, "payload": entry.payload}
        for entry, node_hashes in zip(entries, hashes, strict=True)
    ]
    connection.execute(insert(ENTRY), rows)
    return len(rows)


def hold(connection: Connection) -> None:
    """Be the only one who writes to the ledger until the transaction ends; waits for ``lock_timeout``."""
    _HOLD.rows(connection, {})


def current_tree(connection: Connection) -> Builder:
    """The tree over all entries, ready to grow."""
    size = tree_size(connection)
    return Builder(size, read_nodes(connection, Span(0, size).nodes()))


def tree_size(connection: Connection) -> int:
    """How many entries the ledger has."""
    return int(_SIZE.scalar(connection, {}))


def read_nodes(connection: Connection, nodes: Iterable[Node]) -> dict[Node, bytes]:
    """The hashes of these nodes, as stored with the entries that completed them.

    Raises:
        PromiseBroken: an entry is missing, or lacks a hash.
    """
    wanted = list(nodes)
    rows = _NODES.rows(connection, {"sequences": sorted({node.last for node in wanted})})
    stored = {row.sequence: row.node_hashes for row in rows}
    hashes = {node: _hash_at(stored.get(node.last, b""), node.level) for node in wanted}
    if broken := sorted(node.last for node, found in hashes.items() if len(found) != HASH_BYTES):
        raise PromiseBroken(
            f"The ledger's entry {broken[0]} is missing or damaged.",
            place="lifecycle.ledger_entry",
            next_step="Run lifecycle ledger verify to see all that is wrong.",
        )
    return hashes


def read_entry(connection: Connection, sequence: int) -> Entry | None:
    """The entry at this place, None if there is none.

    Raises:
        PromiseBroken: what stands there is no entry.
    """
    payload = payload_at(connection, sequence)
    return None if payload is None else _entry(sequence, payload)


def payload_at(connection: Connection, sequence: int) -> bytes | None:
    """What stands at this place, None if nothing does."""
    found: bytes | None = _PAYLOAD.scalar(connection, {"sequence": sequence})
    return found


def read_newest(connection: Connection, count: int) -> list[Entry]:
    """The newest entries, at most so many, oldest first.

    Raises:
        PromiseBroken: what stands at one of the places is no entry.
    """
    newest = select(ENTRY.c.sequence, ENTRY.c.payload).order_by(ENTRY.c.sequence.desc()).limit(count)
    return [_entry(row.sequence, row.payload) for row in reversed(connection.execute(newest).all())]


def _entry(sequence: int, payload: bytes) -> Entry:
    try:
        return Entry.from_payload(payload)
    except ValueError:
        raise PromiseBroken(
            f"The ledger's entry {sequence} is damaged.",
            place="lifecycle.ledger_entry",
            next_step="Run lifecycle ledger verify to see all that is wrong.",
        ) from None


def _hash_at(node_hashes: bytes, level: int) -> bytes:
    return node_hashes[level * HASH_BYTES : (level + 1) * HASH_BYTES]
