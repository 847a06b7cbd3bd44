"""Destroying documents of archives: in the door's transaction for good as far as anybody can tell, then the rest.

The transaction takes their lines out of the index and the wrapped keys of their owners out of the database, and
condemns the parts. The keyring and the storage cannot be part of it: what is condemned loses its keys, then its
objects, and what is interrupted goes on with the next run. Digest and dates of a part remain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.archive import parts
from lifecycle.archive.envelope import YearKeys
from lifecycle.archive.generations import generations, held_lines, is_over_for
from lifecycle.archive.places import Places, lock_of
from lifecycle.archive.tables import archive_key
from lifecycle.errors import StorageError
from lifecycle.keys.provider import DestroyedKey, Purpose
from lifecycle.ledger.book import append
from lifecycle.planning.archived import archive_record
from lifecycle.store.engine import reading, without_nested_loops

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from sqlalchemy import Connection, FromClause

    from lifecycle.archive.generations import Generation
    from lifecycle.archive.parts import Part
    from lifecycle.holds.cover import Cover
    from lifecycle.plan import Item
    from lifecycle.runs.company import Company


@dataclass(kw_only=True)
class Destroyed:
    """What became of condemned parts.

    Attributes:
        parts: folders of those that are gone altogether.
        keys: how many keys were destroyed.
        locked: folders of those whose keys are gone, and whose objects nobody can remove yet.
    """

    parts: list[str]
    keys: int
    locked: list[str]

    def to_json(self) -> dict[str, Any]:
        """Names and counts."""
        return {"parts": self.parts, "keys": self.keys, "locked": self.locked}


def condemn(connection: Connection, item: Item, _planned: FromClause, cover: Cover) -> int:
    """Let the index forget the documents of an item's generation; how many lines were as planned.

    Nothing where the register has anything else than when it was planned, or where anything of it is held now.
    """
    generation = next((one for one in generations(connection) if one.name == item.partition), None)
    if generation is None or generation.sha256 != item.sha256:
        return 0
    held = sum(kept.rows for kept in held_lines(connection, cover, generation))
    if held:
        return generation.records - held
    _let_older_be_newest(connection, generation)
    records = connection.execute(
        sa.delete(archive_record).where(archive_record.c.part_id.in_(generation.part_ids))
    )
    forget_keys(connection, generation.archive, generation.year_end, generation.number)
    for part in generation.parts:
        parts.move(connection, part, "condemned")
    return int(records.rowcount)


def _let_older_be_newest(connection: Connection, generation: Generation) -> None:
    """Of a document whose day was corrected an older record may stand in a later year: it is the newest then."""
    older, going, newest = archive_record.alias("older"), archive_record.alias("going"), archive_record
    losing = sa.select(going.c["key"]).where(going.c.part_id.in_(generation.part_ids), going.c.is_newest)
    last = (
        sa.select(older.c["key"], sa.func.max(older.c.revision).label("revision"))
        .where(
            older.c.archive == generation.archive,
            older.c.part_id.not_in(generation.part_ids),
            older.c["key"].in_(losing),
        )
        .group_by(older.c["key"])
        .subquery("last")
    )
    with without_nested_loops(connection):
        connection.execute(
            sa.update(newest)
            .values(is_newest=True)
            .where(
                newest.c.archive == generation.archive,
                newest.c["key"] == last.c["key"],
                newest.c.revision == last.c.revision,
            )
        )


def discard_unfinished(company: Company, *, as_of: datetime) -> None:
    """Remove what was begun to be written of years that are over and did not get through, with keys that only it had.

    Raises:
        StorageError: a location refuses.
        StoreError: somebody else writes to an archive.
    """
    rulebook = company.rulebook(as_of)
    with reading(company.engine) as connection:
        unfinished = [
            part
            for name in parts.names(connection)
            for part in parts.parts_of(connection, name, states=parts.UNFINISHED)
            if is_over_for(rulebook, part, as_of)
        ]
    for part in unfinished:
        with parts.only_writer(company.engine, part.archive):
            with reading(company.engine) as connection:
                now = parts.part_of(connection, part.part_id)
            if now.state in parts.UNFINISHED and _is_ours(company, now):
                _discard(company, now, as_of)


def _is_ours(company: Company, part: Part) -> bool:
    """Whether what stands in a part's folder is what the register says, and not of a time that it has forgotten."""
    places = Places.of(company)
    if part.number not in places.numbers(part.archive, part.year_end):
        return True
    return part.sha256 is not None and places.has_manifest(part.folder, part.sha256)


def _discard(company: Company, part: Part, as_of: datetime) -> None:
    with company.engine.begin() as connection:
        parts.forget(connection, part)
        of_year = parts.parts_of(connection, part.archive, year_end=part.year_end)
        others = {one.generation for one in of_year if one.state not in parts.UNFINISHED}
        if part.generation not in others:
            forget_keys(connection, part.archive, part.year_end, part.generation)
    Places.of(company).clear(part.folder)
    if part.generation not in others:
        keys = YearKeys(company.keys, part.archive, part.year_end, part.generation)
        destroy_keys(company, keys.names(), as_of=as_of)


def destroy_condemned(company: Company, *, as_of: datetime) -> Destroyed:
    """Destroy the keys and objects of all parts that are condemned, as far as it was not done before.

    Raises:
        StorageError: a location refuses; what is left is tried again by the next run.
    """
    found = Destroyed(parts=[], keys=0, locked=[])
    with reading(company.engine) as connection:
        condemned = [
            part
            for name in parts.names(connection)
            for part in parts.parts_of(connection, name, states=("condemned",))
        ]
    for archive, year_end, number in dict.fromkeys(
        (part.archive, part.year_end, part.generation) for part in condemned
    ):
        names = YearKeys(company.keys, archive, year_end, number).names()
        found.keys += destroy_keys(company, names, as_of=as_of)
    refused: StorageError | None = None
    for part in condemned:
        try:
            _destroy_objects(company, part, found, as_of)
        except StorageError as error:
            refused = error
    if refused:
        raise refused
    return found


def destroy_keys(company: Company, names: Iterable[str], *, as_of: datetime) -> int:
    """Destroy keys of the keyring, each with its entry in the ledger first; how many there were."""
    found = list(names)
    for name in found:
        key_id = company.keys.create(name, Purpose.SECRET)
        body = DestroyedKey(name=name, purpose=Purpose.SECRET, key_id=key_id).to_json()
        with company.engine.begin() as connection:
            append(connection, "key_destroyed", body, as_of=as_of)
        company.keys.destroy(name)
    return len(found)


def forget_keys(connection: Connection, archive: str, year_end: date, generation: int) -> None:
    """Forget the wrapped keys of owners of a generation, in the caller's transaction."""
    connection.execute(
        sa.delete(archive_key).where(
            archive_key.c.archive == archive,
            archive_key.c.year_end == year_end,
            archive_key.c.generation == generation,
        )
    )


def _destroy_objects(company: Company, part: Part, found: Destroyed, as_of: datetime) -> None:
    """Remove what a part has in every place, and note that it is gone; nothing where it is locked for a while."""
    places, manifest = Places.of(company), part.read_manifest()
    lock = lock_of(manifest, as_of=as_of, zone=company.version(as_of).policy.zone)
    try:
        places.clear(part.folder)
    except StorageError:
        if lock is None:
            raise
        found.locked.append(part.folder)
        return
    body = {
        "archive": part.archive,
        "year_end": part.year_end,
        "part": part.number,
        "digest": part.sha256,
        "rows": part.documents,
        "retain_until": part.retain_until,
    }
    with company.engine.begin() as connection:
        entry = append(connection, "archive_destroyed", body, as_of=as_of)
        parts.move(connection, part, "destroyed", manifest=None, entry=entry.sequence, ended_at=as_of)
    found.parts.append(part.folder)
