"""The ledger signed, as a run leaves it, and copied out of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.ledger.book import tree_size
from lifecycle.ledger.checkpoints import checkpoint, newest_checkpoint

if TYPE_CHECKING:
    from datetime import datetime

    from lifecycle.ledger.notes import Checkpoint
    from lifecycle.runs.company import Company


def sign_ledger(company: Company, *, as_of: datetime) -> Checkpoint:
    """Sign the ledger as it stands.

    Raises:
        PromiseBroken: it does not continue its newest checkpoint, or lacks entries that its copy has.
        StoreError: its copy cannot be written.
    """
    with company.engine.begin() as connection:
        if company.ledger_copy:
            company.ledger_copy.require_continued(connection)
        signed = checkpoint(connection, company.keys, as_of=as_of)
    if company.ledger_copy:
        with company.engine.begin() as connection:
            company.ledger_copy.extend(connection)
    return signed


def sign_what_is_new(company: Company, *, as_of: datetime) -> Checkpoint | None:
    """Sign the ledger where entries were added since it was signed last.

    Raises:
        PromiseBroken: it does not continue its newest checkpoint, or lacks entries that its copy has.
        StoreError: its copy cannot be written.
    """
    with company.engine.connect() as connection:
        newest = newest_checkpoint(connection)
        if tree_size(connection) == (newest.tree_size if newest else 0):
            return None
    return sign_ledger(company, as_of=as_of)
