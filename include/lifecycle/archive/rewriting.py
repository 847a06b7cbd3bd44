"""What should never have been written into an archive: documents written anew without it, and its keys destroyed.

The policy says what the law needs. A column that is no longer among it is left out when documents are written anew,
and what they were cannot be read by anybody after that, also where storage refuses to delete it. All documents of a
year go to the next generation of its keys, and the one before is destroyed as everything that is over; or those of one
owner do, and only the key of that owner is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.archive import parts
from lifecycle.archive.building import archive_of
from lifecycle.archive.carrying import carry, usable_generation
from lifecycle.archive.checking import first_intact
from lifecycle.archive.envelope import YearKeys
from lifecycle.archive.finding import enter_found
from lifecycle.archive.generations import generations, held_lines
from lifecycle.archive.layout import Layout
from lifecycle.archive.places import Places
from lifecycle.archive.restoring import restate
from lifecycle.archive.rewrapping import destroy_wrapping
from lifecycle.archive.tables import archive_part
from lifecycle.errors import StoreError, UsageError
from lifecycle.holds.cover import Cover
from lifecycle.planning.archived import archive_record
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Connection

    from lifecycle.archive.manifest import Manifest
    from lifecycle.archive.parts import Part
    from lifecycle.policy.rulebook import Rulebook
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
        UsageError: there is no such archive, nothing of this year or owner in it, or something of the year is held.
        CheckFailed: a document cannot be read, or is not the same when it is read again.
        StorageError: a location refuses.
        StoreError: somebody else writes to this archive.
    """
    wanted = Layout.of(company.rulebook(as_of), archive_of(company, name, as_of=as_of), year_end)
    enter_found(company, name, as_of=as_of)
    require = partial(_require_nothing_held, company.rulebook(as_of), name, year_end, as_of)
    with reading(company.engine) as connection:
        require(connection)
    number = usable_generation(company, name, year_end)
    sealed_for = _sealed_for(company, name, owner)
    chosen = sa.true() if owner is None else archive_record.c.owner.in_(sealed_for)
    written: list[Manifest] = []
    while before := _parts_having(company, name, year_end, number, chosen):
        for part in before:  # and again, where somebody has written meanwhile
            manifest = carry(
                company, part, chosen, number, as_of=as_of, reason="rewritten", wanted=wanted, require=require
            )
            written += [manifest] if manifest else []
    if not written:
        raise UsageError(
            "the archive has nothing of this owner in this year"
            if owner
            else "the archive has nothing of this year",
            place=f"archive {name}, year to {year_end}",
            next_step="see lifecycle archive list for what there is",
        )
    for manifest in written:
        _restate(company, manifest, as_of)
    for generation in range(1, number) if owner is not None else ():
        _forget_owners(company, YearKeys(company.keys, name, year_end, generation), sealed_for, as_of)
    return written


def _require_nothing_held(
    rulebook: Rulebook, name: str, year_end: date, as_of: datetime, connection: Connection
) -> None:
    """What a hold or restriction covers stays as it is, with columns that should not have been written, too."""
    cover = Cover(connection, rulebook, as_of)
    cover.require_nothing_lost()
    held = sum(
        kept.rows
        for one in generations(connection)
        if (one.archive, one.year_end) == (name, year_end)
        for kept in held_lines(connection, cover, one)
    )
    if held:
        raise UsageError(
            f"{held} documents of this year are held or restricted, and stay as they are until that ends",
            place=f"archive {name}, year to {year_end}",
            next_step="see lifecycle hold list; write them anew when it has ended or was released",
        )


def _sealed_for(company: Company, name: str, owner: str | None) -> list[str]:
    """Whose keys seal the documents of an owner: of one that was somebody else's when it was first written, theirs."""
    record = archive_record
    is_its = sa.or_(record.c.owner == owner, record.c.belongs_to == owner)
    with reading(company.engine) as connection:
        query = sa.select(record.c.owner).where(record.c.archive == name, is_its).distinct()
        return list(connection.scalars(query.order_by(record.c.owner)))


def _parts_having(
    company: Company, name: str, year_end: date, number: int, chosen: ColumnElement[bool]
) -> list[Part]:
    """The parts of generations before one that have chosen documents."""
    with reading(company.engine) as connection:
        lines = sa.select(archive_record.c.part_id).where(archive_record.c.archive == name, chosen).distinct()
        having = set(connection.scalars(lines))
        found = parts.parts_of(connection, name, year_end=year_end, states=("written",))
    return [part for part in found if part.generation < number and part.part_id in having]


def _restate(company: Company, manifest: Manifest, as_of: datetime) -> None:
    """Let the index know what was written anew, so that it is not taken for changed in the tables."""
    with reading(company.engine) as connection:
        of_year = parts.parts_of(
            connection, manifest.archive, year_end=manifest.year_end, states=("written",)
        )
    (part,) = (one for one in of_year if one.number == manifest.number)
    for number, one in enumerate(manifest.objects):
        place = first_intact(Places.of(company).locations, one)
        if place is not None:
            restate(company, part, number, place, company.rulebook(as_of))


def _forget_owners(company: Company, keys: YearKeys, owners: list[str], as_of: datetime) -> None:
    """Destroy the keys of owners in a generation of which all their documents were written anew.

    Raises:
        StoreError: somebody has begun to write one of theirs meanwhile.
    """
    with parts.only_writer(company.engine, keys.archive):
        with company.engine.begin() as connection:
            before = keys.wrapping(connection)
            if _has_sealed(connection, keys, owners):
                raise StoreError(
                    "somebody writes documents of this owner at this moment",
                    place=f"archive {keys.archive}, year to {keys.year_end}",
                    next_step="all that was there is written anew; run it again when that has ended",
                )
            keys.forget(connection, owners)
            outdated = before - keys.wrapping(connection)
        destroy_wrapping(company, keys, outdated, as_of=as_of)


def _has_sealed(connection: Connection, keys: YearKeys, owners: list[str]) -> bool:
    """Whether a document stands under the key of an owner, or is about to."""
    part, record = archive_part, archive_record
    found = (
        sa.select(record.c.part_id)
        .join(part, part.c.part_id == record.c.part_id)
        .where(
            part.c.archive == keys.archive,
            part.c.year_end == keys.year_end,
            part.c.generation == keys.generation,
            record.c.owner.in_(owners),
        )
    )
    return connection.execute(found.limit(1)).first() is not None
