"""A restore from a backup, from the moment it is noticed until everything that it took away was done again.

The ledger's lost entries are put back first, since whatever is done writes into the ledger. Until the erasures among
them were done again, nothing goes on but what an operator needs before: placing holds that the backup does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.errors import PromiseBroken
from lifecycle.ledger.book import restore, tree_size

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.ledger.copy import LedgerCopy

_FINISHED = sa.text("""
    SELECT first_entry, entries, put_back_at FROM lifecycle.restoration
    WHERE replayed_at IS NOT NULL ORDER BY restoration_id
""")
_UNFINISHED = sa.text(
    "SELECT first_entry, entries, put_back_at FROM lifecycle.restoration WHERE replayed_at IS NULL"
)
_BEGIN = sa.text("""
    INSERT INTO lifecycle.restoration (first_entry, entries, put_back_at) VALUES (:first, :entries, :as_of)
    ON CONFLICT DO NOTHING
""")
_FINISH = sa.text("UPDATE lifecycle.restoration SET replayed_at = :as_of WHERE replayed_at IS NULL")


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """A restore of which something is to be done again.

    Attributes:
        first_entry: the first entry of the ledger that the backup did not have.
        entries: how many it did not have.
        put_back_at: when these were put back; None where none was lost.
    """

    first_entry: int
    entries: int
    put_back_at: datetime | None = None


def put_back(connection: Connection, copy: LedgerCopy | None, *, as_of: datetime) -> int:
    """Put the ledger's lost entries back, in the caller's transaction; returns how many there were.

    Raises:
        PromiseBroken: the ledger and its copy have different entries at one place.
    """
    lost = copy.missing(connection) if copy else []
    first = tree_size(connection)
    entries = restore(connection, lost)
    if entries:
        connection.execute(_BEGIN, {"first": first, "entries": entries, "as_of": as_of})
    return entries


def unfinished(connection: Connection) -> Restoration | None:
    """The restore of which something is to be done again."""
    found = connection.execute(_UNFINISHED).one_or_none()
    return Restoration(**found._asdict()) if found else None


def finished(connection: Connection) -> tuple[Restoration, ...]:
    """Restores of which everything was done again that can be without a person, oldest first."""
    rows = connection.execute(_FINISHED)
    return tuple(Restoration(**row._asdict()) for row in rows)


def finish(connection: Connection, *, as_of: datetime) -> None:
    """Everything was done again."""
    connection.execute(_FINISH, {"as_of": as_of})


def require_finished(connection: Connection) -> None:
    """Refuse to go on while erasures that a backup does not know are not done again.

    Raises:
        PromiseBroken: some are not.
    """
    if unfinished(connection):
        raise PromiseBroken(
            "The database was restored from a backup, and what was erased since is not erased again yet.",
            place="lifecycle.restoration",
            next_step="Place lost holds again, then go on with lifecycle replay or the DAG restore_replay.",
        )
