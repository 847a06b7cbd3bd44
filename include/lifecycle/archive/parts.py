"""The register of parts: what is being written, what was, and what is gone."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from lifecycle.archive.manifest import Manifest, folder_of
from lifecycle.archive.tables import archive_key, archive_part
from lifecycle.errors import StoreError, UsageError
from lifecycle.planning.archived import archive_record
from lifecycle.store.engine import let_idle

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from sqlalchemy import Connection, Engine

_LOCK = 0x6172636869  # "archi": with the hash of the archive's name, one writer at a time
UNFINISHED = ("writing", "drafted", "verified")
"""States of a part on which nothing may rely yet."""
GONE = ("condemned", "destroyed")
"""States of a part that nobody can read any more."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A line of the register.

    Attributes:
        generation: of the keys of its year, under which it is written.
        state: ``writing``, ``drafted``, ``verified``, ``written``, ``condemned`` or ``destroyed``.
        sha256: of the manifest; None while it is written.
        manifest: its text; None before it was drafted and when it is destroyed.
        entry: of the ledger, which says that it was written; None before.
    """

    part_id: int
    archive: str
    year_end: date
    number: int
    generation: int
    state: str
    as_of: datetime
    retain_until: date
    documents: int | None
    sha256: str | None
    manifest: str | None
    entry: int | None

    @property
    def is_unfinished(self) -> bool:
        """Whether nothing may rely on it yet."""
        return self.state in UNFINISHED

    @property
    def folder(self) -> str:
        """Where its objects are."""
        return folder_of(self.archive, self.year_end, self.number)

    def read_manifest(self) -> Manifest:
        """Its manifest, as the database has it."""
        return Manifest.from_text(self.manifest or "")


@contextmanager
def only_writer(engine: Engine, archive: str) -> Iterator[None]:
    """Nobody else writes to an archive while this lasts.

    Raises:
        StoreError: somebody does.
    """
    with engine.connect() as connection, connection.begin():
        let_idle(connection)
        taken = sa.func.pg_try_advisory_xact_lock(
            sa.cast(sa.literal(_LOCK & 0x7FFFFFFF), sa.Integer), sa.func.hashtext(archive)
        )
        if not connection.scalar(sa.select(taken)):
            raise StoreError(
                "somebody else writes to this archive at this moment",
                place=f"archive {archive}",
                next_step="run it again when that has ended",
            )
        yield


def parts_of(
    connection: Connection, archive: str, *, year_end: date | None = None, states: tuple[str, ...] = ()
) -> list[Part]:
    """The parts of an archive, year by year, in the order in which they were written."""
    columns = [archive_part.c[name] for name in Part.__dataclass_fields__]
    query = sa.select(*columns).where(archive_part.c.archive == archive)
    if year_end:
        query = query.where(archive_part.c.year_end == year_end)
    if states:
        query = query.where(archive_part.c.state.in_(states))
    rows = connection.execute(query.order_by(archive_part.c.year_end, archive_part.c.number)).mappings()
    return [Part(**row) for row in rows]


def part_of(connection: Connection, part_id: int) -> Part:
    """One part.

    Raises:
        UsageError: there is none of this number.
    """
    columns = [archive_part.c[name] for name in Part.__dataclass_fields__]
    query = sa.select(*columns).where(archive_part.c.part_id == part_id)
    found = connection.execute(query).mappings().one_or_none()
    if found is None:
        raise UsageError("there is no such part", place=str(part_id), next_step="see lifecycle archive list")
    return Part(**found)


def begin(
    connection: Connection,
    archive: str,
    year_end: date,
    *,
    taken: Collection[int] = (),
    **about: Any,
) -> Part:
    """A part to be written: a new one, or one that was begun and did not get through, or had nothing to hold.

    Args:
        connection: in the caller's transaction.
        archive: its name.
        year_end: last day of the financial year.
        taken: numbers of parts that have a manifest in some place. One of them may be the work of a run that was
            interrupted, or of one that the register has forgotten since it was restored from a backup: it stays.
        about: its other columns, ``generation`` too.
    """
    begun = parts_of(connection, archive, year_end=year_end, states=UNFINISHED)
    unfinished = next((one for one in begun if one.number not in taken), None)
    if unfinished:
        forget(connection, unfinished, **about)
        return part_of(connection, unfinished.part_id)
    last = sa.select(sa.func.coalesce(sa.func.max(archive_part.c.number), 0)).where(
        archive_part.c.archive == archive, archive_part.c.year_end == year_end
    )
    number = max(int(connection.scalar(last) or 0), *taken, 0) + 1
    part_id = connection.scalar(
        sa.insert(archive_part)
        .values(archive=archive, year_end=year_end, number=number, **about)
        .returning(archive_part.c.part_id)
    )
    return part_of(connection, int(part_id or 0))


def enter(connection: Connection, manifest: Manifest, entry: int) -> Part:
    """Enter a part that was found in a place, instead of whatever was begun under its number.

    Args:
        connection: in the caller's transaction.
        manifest: its.
        entry: of the ledger, which says that it was found.
    """
    begun = parts_of(connection, manifest.archive, year_end=manifest.year_end, states=UNFINISHED)
    for unfinished in begun:
        if unfinished.number == manifest.number:
            forget(connection, unfinished)
    values = {
        "generation": manifest.generation,
        "state": "written",
        "as_of": manifest.as_of,
        "policy_version": date.fromisoformat(manifest.policy_version),
        "retain_until": manifest.retain_until,
        "documents": manifest.documents,
        "manifest": manifest.text(),
        "sha256": manifest.sha256,
        "entry": entry,
    }
    entered = insert(archive_part).values(
        archive=manifest.archive, year_end=manifest.year_end, number=manifest.number, **values
    )
    part_id = connection.scalar(
        entered.on_conflict_do_update(
            index_elements=["archive", "year_end", "number"], set_=values
        ).returning(archive_part.c.part_id)
    )
    return part_of(connection, int(part_id or 0))


def forget(connection: Connection, unfinished: Part, **about: Any) -> None:
    """Note that nothing was written of an unfinished part, whatever was.

    Raises:
        StoreError: somebody else has finished it meanwhile.
    """
    values = {"state": "writing", "documents": None, "manifest": None, "sha256": None, **about}
    _set(connection, unfinished, unfinished.state, **values)
    connection.execute(sa.delete(archive_record).where(archive_record.c.part_id == unfinished.part_id))


def names(connection: Connection) -> list[str]:
    """The archives of which there are parts, whatever the policy has."""
    query = sa.select(archive_part.c.archive).distinct().order_by(archive_part.c.archive)
    return list(connection.scalars(query))


def next_generation(connection: Connection, archive: str, year_end: date) -> int:
    """The first generation of a year's keys that nothing in the database ever had."""
    highest = (
        connection.scalar(
            sa.select(sa.func.max(table.c.generation)).where(
                table.c.archive == archive, table.c.year_end == year_end
            )
        )
        for table in (archive_part, archive_key)
    )
    return max(int(one or 0) for one in highest) + 1


def generation_of(connection: Connection, archive: str, year_end: date) -> int:
    """The generation of a year's keys under which documents are written now: the last that was not destroyed."""
    newest = (
        sa.select(archive_part.c.generation, archive_part.c.state)
        .where(archive_part.c.archive == archive, archive_part.c.year_end == year_end)
        .order_by(archive_part.c.generation.desc(), archive_part.c.part_id)
        .limit(1)
    )
    found = connection.execute(newest).one_or_none()
    if found is None:
        return 1
    return int(found.generation) + (found.state in GONE)


def note_lost(connection: Connection, part: Part, moment: datetime | None) -> None:
    """Note when it was first found that something of a part is lost, or that it is not."""
    is_noted = archive_part.c.lost_at.is_not(None)
    connection.execute(
        sa.update(archive_part)
        .values(lost_at=moment)
        .where(archive_part.c.part_id == part.part_id, is_noted if moment is None else sa.not_(is_noted))
    )


def draft(connection: Connection, part: Part, manifest: Manifest) -> None:
    """Note that all of a part was written, and what."""
    _set(
        connection,
        part,
        "writing",
        state="drafted",
        documents=manifest.documents,
        manifest=manifest.text(),
        sha256=manifest.sha256,
    )


def stays_written(connection: Connection, part: Part) -> bool:
    """Whether a part is still relied on; nobody condemns it before the caller's transaction has ended."""
    row = sa.select(archive_part.c.part_id).where(
        archive_part.c.part_id == part.part_id, archive_part.c.state == "written"
    )
    return connection.scalar(row.with_for_update(read=True)) is not None


def move(connection: Connection, part: Part, state: str, **values: Any) -> None:
    """Note that a part has got further.

    Raises:
        StoreError: somebody else has moved it meanwhile.
    """
    _set(connection, part, part.state, state=state, **values)


def _set(connection: Connection, part: Part, before: str, **values: Any) -> None:
    changed = connection.execute(
        sa.update(archive_part)
        .values(**values)
        .where(archive_part.c.part_id == part.part_id, archive_part.c.state == before)
    )
    if changed.rowcount != 1:
        raise StoreError(
            "somebody else sees to this part at this moment",
            place=part.folder,
            next_step="run it again; lifecycle archive list tells what was done",
        )


def require_no_later(connection: Connection, archive: str, as_of: datetime) -> None:
    """Refuse to write for a moment before one that was written for: the clock is wrong, or the moment.

    Raises:
        UsageError: it is.
    """
    newest = connection.scalar(
        sa.select(sa.func.max(archive_part.c.as_of)).where(
            archive_part.c.archive == archive, archive_part.c.state.not_in(UNFINISHED)
        )
    )
    if newest is not None and as_of < newest:
        raise UsageError(
            f"it was written already as of {newest:%Y-%m-%d %H:%M}, which is later",
            place=f"archive {archive} as of {as_of:%Y-%m-%d %H:%M}",
            next_step="see that the clock of this machine is right; a run for now writes all that there is",
        )
