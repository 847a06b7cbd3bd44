"""A part that is made of what stands in the archive already: begun, written, read again, and relied on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.archive import parts
from lifecycle.archive.checking import check_objects
from lifecycle.archive.places import Places, lock_of
from lifecycle.holds.cover import unchanging_holds
from lifecycle.ledger.book import append

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.archive.manifest import Manifest
    from lifecycle.archive.parts import Part
    from lifecycle.runs.company import Company


def write_anew(
    company: Company,
    like: Part,
    generation: int,
    write: Callable[[Part], Manifest],
    *,
    as_of: datetime,
    reason: str,
    require: Callable[[Connection], None] = lambda _connection: None,
    note: Callable[[Connection, Part], None] = lambda _connection, _part: None,
) -> Manifest:
    """Write a part that has the dates of another, for the only writer.

    Args:
        company: opened.
        like: the other.
        generation: of the keys under which it is written.
        write: writes its objects.
        as_of: the moment of the run.
        reason: why, one word for the ledger.
        require: raises what speaks against it, while no hold is placed or released; nothing relies on it then.
        note: what else is to be known of it, in the transaction from which on it is relied on.

    Raises:
        CheckFailed: it is not the same when it is read again.
        StorageError: a location refuses.
    """
    places = Places.of(company)
    with company.engine.begin() as connection:
        part = parts.begin(
            connection,
            like.archive,
            like.year_end,
            taken=places.numbers(like.archive, like.year_end),
            generation=generation,
            as_of=like.as_of,
            policy_version=company.version(like.as_of).policy.policy.last_updated,
            retain_until=like.retain_until,
        )
    places.clear(part.folder)
    manifest = write(part)
    with company.engine.begin() as connection:
        parts.draft(connection, part, manifest)
    check_objects(company, manifest, places)
    zone = company.version(as_of).policy.zone
    with company.engine.connect() as connection, unchanging_holds(connection):
        with connection.begin():
            require(connection)
        places.put_in_place(manifest, lock_of(manifest, as_of=as_of, zone=zone))
        with connection.begin():
            drafted = parts.part_of(connection, part.part_id)
            note(connection, drafted)
            entry = append(connection, "archive_written", manifest.entry(reason=reason), as_of=as_of)
            parts.move(connection, drafted, "written", entry=entry.sequence)
    return manifest
