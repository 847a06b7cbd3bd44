"""Verifying the whole ledger: every entry, the tree over them, every checkpoint.

Everything is recomputed from the entries' bytes. Rows stream through in their order, so the memory needed
does not depend on how many there are; as long as all agrees, hashes are compared a thousand at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import psycopg
from sqlalchemy.exc import DBAPIError

from lifecycle.errors import UsageError
from lifecycle.ledger.book import tree_size
from lifecycle.ledger.checkpoints import all_checkpoints
from lifecycle.ledger.examination import Claims, Examination, stated_sequence
from lifecycle.ledger.merkle import Builder
from lifecycle.ledger.verdict import Fault, Finding, Findings, Verdict
from lifecycle.store.failures import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from lifecycle.keys import PublicKey
    from lifecycle.ledger.notes import Checkpoint

    Row = tuple[int, bytes, bytes]

ROWS_AT_A_TIME = 1_000

# Nothing is null unless somebody removed a constraint; then it shall be found, not stumbled over.
_ROWS = """
    SELECT coalesce(sequence, -1), coalesce(node_hashes, ''), coalesce(payload, '')
    FROM lifecycle.ledger_entry ORDER BY ledger_entry.sequence
"""


def verify(
    connection: Connection,
    trusted: Iterable[PublicKey],
    *,
    kept_elsewhere: Iterable[Checkpoint] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Verify the ledger from its first byte to its last signature.

    Whoever may write to the database can also remove the newest entries together with the checkpoints over
    them. Only a checkpoint kept elsewhere shows that.

    Args:
        connection: as ``auditor`` or anyone who may read the ledger.
        trusted: the ledger's public keys, from its owner and not from the database.
        kept_elsewhere: checkpoints from earlier that the database cannot have changed.
        progress: called with the number of rows done and the number there are.

    Raises:
        UsageError: no key is trusted, so nothing could be verified.
        StoreError: the ledger cannot be read.
    """
    keys = tuple(trusted)
    if not keys:
        raise UsageError(
            "Nothing can be verified without a trusted public key.",
            next_step="Get the ledger's public key from its owner.",
        )
    findings, kept = Findings(), list(kept_elsewhere)
    stored, total = _overview(connection)
    _require_order(stored, findings)
    walk = Walk(Claims(_signed([*stored, *kept], keys, findings), findings), findings)
    for rows in stream_rows(connection):
        walk.take(rows)
        if progress:
            progress(walk.rows, total)
    return walk.finish(checkpoints=len(stored) + len(kept))


class Walk:
    """Goes through the rows the quick way, and from the first disagreement on with care."""

    def __init__(self, claims: Claims, findings: Findings) -> None:
        self.rows = 0
        self._tree = Builder()
        self._claims = claims
        self._findings = findings
        self._examination: Examination | None = None
        self._settle()

    def take(self, rows: Sequence[Row]) -> None:
        """Judge the next rows, by sequence."""
        self.rows += len(rows)
        rest = rows
        while rest and self._examination is None:
            upcoming = self._claims.next_size()
            room = len(rest) if upcoming is None else upcoming - self._tree.size
            rest = rest[room:] if self._agrees(rest[:room]) else rest
        if self._examination:
            for row in rest:
                self._examination.take(*row)

    def finish(self, *, checkpoints: int) -> Verdict:
        """The verdict after the last row."""
        size = self._examination.size if self._examination else self._tree.size
        self._claims.end(size)
        roots = self._examination.roots() if self._examination else (self._tree.root(),)
        return Verdict(
            entries=self.rows,
            root_hash=roots[-1].hex() if roots else None,
            checkpoints=checkpoints,
            covered=self._claims.covered,
            findings=tuple(self._findings.kept),
            findings_left_out=self._findings.left_out,
        )

    def _agrees(self, rows: Sequence[Row]) -> bool:
        """Grow the tree by these rows; if anything disagrees, leave it and begin the examination instead."""
        before = self._tree.copy()
        sequences, node_hashes, payloads = zip(*rows, strict=True)
        in_order = sequences == tuple(range(before.size, before.size + len(rows)))
        # No hash above the last row tells its place yet, so its own bytes must.
        in_order = in_order and stated_sequence(payloads[-1]) == sequences[-1]
        if not in_order or self._tree.extend(payloads) != list(node_hashes):
            self._examination = Examination(before, self._claims, self._findings)
            return False
        self._settle()
        return True

    def _settle(self) -> None:
        if self._claims.next_size() == self._tree.size:
            self._claims.settle(self._tree.size, (self._tree.root(),))


def _overview(connection: Connection) -> tuple[list[Checkpoint], int]:
    """The checkpoints, and how many entries there are; read first, so that no checkpoint is ahead of them."""
    try:
        return all_checkpoints(connection), tree_size(connection)
    except DBAPIError as error:
        raise describe(error, place="lifecycle.ledger_checkpoint") from error


def stream_rows(connection: Connection) -> Iterator[list[Row]]:
    """All rows by sequence, through a cursor on the server."""
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    try:
        with driver.cursor("ledger_entries", binary=True) as cursor:
            cursor.execute(_ROWS)
            while rows := cursor.fetchmany(ROWS_AT_A_TIME):
                yield rows
    except psycopg.Error as error:
        raise describe(error, place="lifecycle.ledger_entry") from error


def _require_order(checkpoints: Iterable[Checkpoint], findings: Findings) -> None:
    """Note where a checkpoint was removed, or claims less than one before it."""
    number, size = 0, 0
    for one in checkpoints:
        if one.number != number + 1:
            findings.add(_about(one, "The checkpoint before this one is missing."))
        if one.tree_size < size:
            findings.add(_about(one, "This checkpoint covers fewer entries than the one before."))
        number, size = one.number or 0, one.tree_size


def _signed(
    checkpoints: Iterable[Checkpoint], trusted: tuple[PublicKey, ...], findings: Findings
) -> list[Checkpoint]:
    """Those that a trusted key signed; the others are noted."""
    good = []
    for one in checkpoints:
        if one.is_signed_by(trusted):
            good.append(one)
        else:
            findings.add(_about(one, "No trusted key signed this checkpoint as it stands."))
    return good


def _about(checkpoint: Checkpoint, message: str) -> Finding:
    return Finding(fault=Fault.CHECKPOINT, checkpoint=checkpoint.number, message=message)
