"""Signing the state of the ledger, and never two states that contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Connection, insert, select

from lifecycle.errors import PromiseBroken, UsageError
from lifecycle.keys import PublicKey
from lifecycle.ledger.book import current_tree, hold, read_nodes
from lifecycle.ledger.merkle import consistency_holds, consistency_path
from lifecycle.ledger.notes import DEFAULT_ORIGIN, Checkpoint, TreeHead, sign
from lifecycle.ledger.tables import CHECKPOINT
from lifecycle.store.prepared import Prepared, bound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lifecycle.keys import KeyProvider

SIGNING_KEY = "ledger-signing"


def checkpoint(
    connection: Connection,
    keys: KeyProvider,
    *,
    as_of: datetime,
    origin: str = DEFAULT_ORIGIN,
    key_name: str = SIGNING_KEY,
) -> Checkpoint:
    """Sign the ledger as it stands, in the caller's transaction.

    Run again for the same state and time it returns the checkpoint that is there.

    Args:
        connection: as ``lifecycle_engine``.
        keys: holds the signing key, and the public half of the key that signed the newest checkpoint.
        as_of: the time of the run, an aware datetime.
        origin: names the ledger; the same for all its checkpoints.
        key_name: the signing key; a new name begins a new key, whose first checkpoint continues the last
            of the old key.

    Raises:
        PromiseBroken: the ledger does not continue its newest checkpoint; nothing is signed.
        UsageError: the newest checkpoint was signed for another origin or by a key the provider never had.
    """
    hold(connection)
    tree = current_tree(connection)
    newest = newest_checkpoint(connection)
    head = TreeHead(origin=origin, tree_size=tree.size, root_hash=tree.root(), as_of=as_of)
    if newest:
        _require_continuation(connection, newest, head, keys.public_keys())
        if newest.text == head.text:
            return newest
    previous = newest.number if newest else None
    signed = sign(head, keys.signing_key(key_name), number=(previous or 0) + 1)
    row = {**vars(signed), "public_key": signed.public_key.raw}
    connection.execute(insert(CHECKPOINT), row)
    return signed


def newest_checkpoint(connection: Connection, *, covering: int = 0) -> Checkpoint | None:
    """The newest checkpoint over at least so many entries, None if there is none."""
    return _one(_NEWEST.rows(connection, {"entries": covering}))


def checkpoint_of_size(connection: Connection, tree_size: int) -> Checkpoint | None:
    """The newest checkpoint over exactly so many entries, None if there is none."""
    return _one(_OF_SIZE.rows(connection, {"entries": tree_size}))


def all_checkpoints(connection: Connection) -> list[Checkpoint]:
    """All checkpoints by number."""
    return [_from_row(row) for row in connection.execute(select(CHECKPOINT).order_by(CHECKPOINT.c.number))]


def _require_continuation(
    connection: Connection, newest: Checkpoint, head: TreeHead, trusted: Sequence[PublicKey]
) -> None:
    if newest.origin != head.origin:
        raise UsageError(
            "The ledger's checkpoints have another origin.",
            place=f"checkpoint {newest.number}",
            next_step=f"Use the origin {newest.origin}.",
        )
    if newest.public_key not in trusted:
        raise UsageError(
            "The newest checkpoint was signed by a key that this keyring never held.",
            place=f"checkpoint {newest.number}",
            next_step="Point LIFECYCLE_KEYRING to the keyring of this ledger, or restore it from its backup.",
        )
    if not newest.is_signed_by(trusted) or not _continues(connection, newest, head):
        raise PromiseBroken(
            "The ledger does not continue its newest checkpoint: one of the two was changed.",
            place=f"checkpoint {newest.number}",
            next_step="Run lifecycle ledger verify to see what is wrong; nothing was signed.",
        )


def _continues(connection: Connection, newest: Checkpoint, head: TreeHead) -> bool:
    if newest.tree_size > head.tree_size:
        return False
    spans = consistency_path(newest.tree_size, head.tree_size)
    hashes = read_nodes(connection, [node for span in spans for node in span.nodes()])
    path = [span.hash(hashes) for span in spans]
    return consistency_holds(newest.tree_size, head.tree_size, path, newest.root_hash, head.root_hash)


def _newest(condition: ColumnElement[bool]) -> Prepared:
    return Prepared(select(CHECKPOINT).where(condition).order_by(CHECKPOINT.c.number.desc()).limit(1))


_NEWEST = _newest(CHECKPOINT.c.tree_size >= bound("entries", BigInteger))
_OF_SIZE = _newest(CHECKPOINT.c.tree_size == bound("entries", BigInteger))


def _one(rows: Sequence[Any]) -> Checkpoint | None:
    return _from_row(rows[0]) if rows else None


def _from_row(row: Any) -> Checkpoint:
    columns = {**row._mapping, "public_key": PublicKey(raw=row.public_key)}  # noqa: SLF001 - public in SQLAlchemy
    return Checkpoint(**columns)
