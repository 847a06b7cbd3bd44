"""What should never have been written into an archive: documents written anew without it, and its keys destroyed.

The policy says what the law needs. A column that is no longer among it is left out when documents are written anew,
and what they were cannot be read by anybody after that, also where storage refuses to delete it. All documents of a
year go to the next generation of its keys, and the one before is destroyed as everything that is over; or those of one
owner do, and only the key of that owner is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.archive import parts
from lifecycle.archive.building import archive_of
from lifecycle.archive.carrying import carry
from lifecycle.archive.envelope import YearKeys
from lifecycle.archive.layout import Layout
from lifecycle.errors import UsageError
from lifecycle.ledger.book import append
from lifecycle.planning.archived import archive_record
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from lifecycle.archive.manifest import Manifest
    from lifecycle.archive.parts import Part
    from lifecycle.runs.company import Company


def rewrite(
    company: Company, name: str, year_end: date, *, owner: str | None = None, as_of: datetime
) -> list[Manifest]:
    """Write documents of a year anew, with what the policy asks for now and nothing else; the new parts.

    Args:
        company: opened.
        name: of the archive.
        year_end: last day of the financial year.
        owner: whose documents, as the tables' column of owners has it; None for all.
        as_of: the moment of the run.

    Raises:
        UsageError: there is no such archive, or nothing of this year or owner in it.
        CheckFailed: a document cannot be read, or is not the same when it is read again.
        StorageError: a location refuses.
        StoreError: somebody else writes to this archive.
    """
    wanted = Layout.of(company.rulebook(as_of), archive_of(company, name, as_of=as_of), year_end)
    with reading(company.engine) as connection:
        before = parts.parts_of(connection, name, year_end=year_end, states=("written",))
        number = parts.next_generation(connection, name, year_end)
    chosen = sa.true() if owner is None else archive_record.c.owner == owner
    carried = (
        carry(company, part, chosen, number, as_of=as_of, reason="rewritten", wanted=wanted)
        for part in before
    )
    written = [manifest for manifest in carried if manifest]
    if not written:
        raise UsageError(
            "the archive has nothing of this owner in this year"
            if owner
            else "the archive has nothing of this year",
            place=f"archive {name}, year to {year_end}",
            next_step="see lifecycle archive list for what there is",
        )
    if owner is not None:
        _forget_owner(company, before, owner, as_of)
    return written


def _forget_owner(company: Company, before: Iterable[Part], owner: str, as_of: datetime) -> None:
    """Destroy the key of an owner in all generations that documents were in before."""
    for generation in sorted({(part.archive, part.year_end, part.generation) for part in before}):
        keys = YearKeys(company.keys, *generation)
        with parts.only_writer(company.engine, keys.archive), company.engine.begin() as connection:
            keys.forget(connection, owner)
        for name in keys.unused_names(company.engine):
            destroyed = company.keys.destroy(name)
            with company.engine.begin() as connection:
                append(connection, "key_destroyed", destroyed.to_json(), as_of=as_of)
