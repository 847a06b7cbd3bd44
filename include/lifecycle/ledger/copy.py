"""The ledger's copy outside the database: after a restore it knows what the backup does not.

One file for each ledger, a line for each entry: the bytes that were hashed. It holds no more than the ledger does, and
nothing is decided by it but whether the database has lost entries, and which.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

import sqlalchemy as sa

from lifecycle.errors import PromiseBroken, StoreError
from lifecycle.ledger.book import payload_at, tree_size
from lifecycle.ledger.entries import Entry
from lifecycle.ledger.tables import ENTRY
from lifecycle.store.file_lock import exclusive_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

_LONGEST_LINE = 1 << 20
_CHUNK = 10_000


class LedgerCopy:
    """The copies of ledgers in one folder.

    Args:
        folder: made when the first entry is copied.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def extend(self, connection: Connection) -> int:
        """Copy the entries that are not in the copy yet; returns how many.

        Call it when they are committed: a copy may not know more than the ledger does.

        Raises:
            StoreError: the folder cannot be written to.
            PromiseBroken: the ledger has not got what its copy has.
        """
        path = self._path(connection)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with exclusive_lock(path.with_suffix(".lock")), path.open("ab+") as file:
                return self._extend(connection, file)
        except OSError as error:
            raise StoreError(
                f"the ledger's copy cannot be written: {error.strerror or type(error).__name__}",
                place=str(path),
                next_step="let LIFECYCLE_LEDGER_COPY name a folder on another disk that this user may write to",
            ) from None

    def require_continued(self, connection: Connection) -> None:
        """Refuse to go on with a ledger that lacks entries which were there before.

        Raises:
            PromiseBroken: it lacks some, or has others in their place.
        """
        last = self._last(connection)
        if last is not None:
            _require_there(connection, last)

    def require_same(self, connection: Connection) -> None:
        """Compare every entry of the copy with the one that the ledger has in its place.

        Raises:
            StoreError: the copy cannot be read.
            PromiseBroken: it lacks some, or has others in their place.
        """
        path = self._path(connection)
        try:
            self._require_same(connection, path)
        except OSError as error:
            raise StoreError(
                f"the ledger's copy cannot be read: {error.strerror or type(error).__name__}",
                place=str(path),
                next_step="let LIFECYCLE_LEDGER_COPY name the folder of the copy, and this user read it",
            ) from None

    def _require_same(self, connection: Connection, path: Path) -> None:
        if not path.exists():
            return
        size = path.stat().st_size  # what is copied by now is committed; the next statement sees it
        payloads = sa.select(ENTRY.c.payload).order_by(ENTRY.c.sequence)
        with (
            path.open("rb") as file,
            connection.execute(payloads, execution_options={"yield_per": _CHUNK}) as entries,
        ):
            for line in _whole_lines(file, size):
                entry = entries.fetchone()
                if entry is None or line != entry.payload:
                    _require_there(connection, Entry.from_payload(line))

    def missing(self, connection: Connection) -> list[bytes]:
        """The entries that the copy has and the database does not, in order.

        Raises:
            PromiseBroken: the two have different entries at the same place.
        """
        path, size = self._path(connection), tree_size(connection)
        if not path.exists():
            return []
        with path.open("rb") as file:
            lines = [line.rstrip(b"\n") for line in file if line.endswith(b"\n")]
        if size:
            _require_there(connection, Entry.from_payload(lines[min(size, len(lines)) - 1]))
        return lines[size:]

    def _extend(self, connection: Connection, file: BinaryIO) -> int:
        last = _last_entry(file)
        if last is not None:
            _require_there(connection, last)
        start = 0 if last is None else last.sequence + 1
        newer = sa.select(ENTRY.c.payload).where(ENTRY.c.sequence >= start).order_by(ENTRY.c.sequence)
        rows = connection.scalars(newer, execution_options={"yield_per": _CHUNK})
        copied = 0
        for payload in rows:
            file.write(payload + b"\n")
            copied += 1
        file.flush()
        os.fsync(file.fileno())
        return copied

    def _last(self, connection: Connection) -> Entry | None:
        path = self._path(connection)
        if not path.exists():
            return None
        with path.open("rb") as file:
            return _last_entry(file)

    def _path(self, connection: Connection) -> Path:
        ledger_id = connection.scalar(sa.text("SELECT ledger_id FROM lifecycle.ledger_identity"))
        return self.folder / f"{ledger_id}.jsonl"


def _whole_lines(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The entries in so many bytes; none that a crash cut short."""
    while file.tell() < size:
        line = file.readline()
        if line.endswith(b"\n"):
            yield line.rstrip(b"\n")


def _last_entry(file: BinaryIO) -> Entry | None:
    """The last entry of a copy; a line that a crash cut short is taken away where the file may be written."""
    lines = _tail(file)
    return Entry.from_payload(lines[lines.rfind(b"\n", 0, -1) + 1 : -1]) if lines else None


def _tail(file: BinaryIO) -> bytes:
    """What the file ends with, as far as its lines are whole: the last of them at least."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LONGEST_LINE))
    end = file.read()
    whole = end[: end.rfind(b"\n") + 1]
    if len(whole) < len(end) and file.writable():
        file.truncate(size - len(end) + len(whole))
    return whole


def _require_there(connection: Connection, copied: Entry) -> None:
    """The database has, at its place, the entry that the copy has."""
    payload = payload_at(connection, copied.sequence)
    if payload is None:
        raise PromiseBroken(
            f"The ledger ends before entry {copied.sequence}, which it had: the database was restored from a backup.",
            place="lifecycle.ledger_entry",
            next_step="Do again what was done since the backup: lifecycle replay",
        )
    if payload != copied.payload:
        raise PromiseBroken(
            f"The ledger's entry {copied.sequence} is not what it was: the ledger was changed, or went another way.",
            place="lifecycle.ledger_entry",
            next_step="Run lifecycle ledger verify; do not replay over it, ask who changed the database.",
        )
