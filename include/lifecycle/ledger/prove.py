"""Making proofs from the stored tree: a few rows each, however long the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.errors import PromiseBroken, UsageError
from lifecycle.ledger import book
from lifecycle.ledger.book import read_entry, read_nodes
from lifecycle.ledger.checkpoints import checkpoint_of_size, newest_checkpoint
from lifecycle.ledger.merkle import consistency_path, inclusion_path
from lifecycle.ledger.proofs import ConsistencyProof, InclusionProof

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from lifecycle.ledger.merkle import Span
    from lifecycle.ledger.notes import Checkpoint


def prove(connection: Connection, sequence: int, tree_size: int | None = None) -> InclusionProof:
    """Prove that an entry stands in the ledger.

    Args:
        connection: to the database of the ledger.
        sequence: the entry's.
        tree_size: of the checkpoint to prove it against; None for the newest.

    Raises:
        UsageError: there is no such entry, or no such checkpoint covers it.
        PromiseBroken: the stored tree does not lead to the checkpoint's root.
    """
    _require_entry(connection, sequence)
    checkpoint = (
        newest_checkpoint(connection, covering=sequence + 1)
        if tree_size is None
        else checkpoint_of_size(connection, tree_size)
    )
    if checkpoint is None or sequence >= checkpoint.tree_size:
        raise _no_checkpoint(f"covers entry {sequence}" + (f" at size {tree_size}" if tree_size else ""))
    entry = read_entry(connection, sequence)
    path = _hashes(connection, inclusion_path(sequence, checkpoint.tree_size))
    proof = InclusionProof(entry=entry, path=path, checkpoint=checkpoint) if entry else None
    if proof is None or not proof.holds():
        raise _broken(checkpoint)
    return proof


def prove_consistency(connection: Connection, first: int, second: int | None = None) -> ConsistencyProof:
    """Prove that the ledger only grew between two checkpoints.

    Args:
        connection: to the database of the ledger.
        first: ``tree_size`` of the earlier checkpoint.
        second: ``tree_size`` of the later one; None for the newest.

    Raises:
        UsageError: there is no checkpoint of such a size, or the second is the smaller.
        PromiseBroken: the stored tree does not lead to the checkpoints' roots.
    """
    earlier = _required(connection, first)
    later = newest_checkpoint(connection) if second is None else _required(connection, second)
    if later is None or later.tree_size < first:
        raise _no_checkpoint(f"covers {first} entries or more")
    path = _hashes(connection, consistency_path(first, later.tree_size))
    proof = ConsistencyProof(first=earlier, second=later, path=path)
    if not proof.holds():
        raise _broken(later)
    return proof


def _require_entry(connection: Connection, sequence: int) -> None:
    entries = book.tree_size(connection)
    if not 0 <= sequence < entries:
        has = f"its {entries} entries have the numbers 0 to {entries - 1}" if entries else "it is empty"
        raise UsageError(
            f"The ledger has no entry {sequence}: {has}.",
            place="lifecycle.ledger_entry",
            next_step="See lifecycle ledger list for the numbers.",
        )


def _required(connection: Connection, tree_size: int) -> Checkpoint:
    checkpoint = checkpoint_of_size(connection, tree_size)
    if checkpoint is None:
        raise _no_checkpoint(f"covers exactly {tree_size} entries")
    return checkpoint


def _hashes(connection: Connection, spans: Iterable[Span]) -> tuple[bytes, ...]:
    wanted = tuple(spans)
    hashes = read_nodes(connection, [node for span in wanted for node in span.nodes()])
    return tuple(span.hash(hashes) for span in wanted)


def _no_checkpoint(what: str) -> UsageError:
    return UsageError(
        f"No checkpoint {what}.",
        place="lifecycle.ledger_checkpoint",
        next_step="Run lifecycle ledger checkpoint, or name the size of an existing one.",
    )


def _broken(checkpoint: Checkpoint) -> PromiseBroken:
    return PromiseBroken(
        "The stored ledger does not lead to the root that was signed: one of the two was changed.",
        place=f"checkpoint {checkpoint.number}",
        next_step="Run lifecycle ledger verify to see what is wrong.",
    )
