"""Parts that stand in a place and that the register does not know, since it was restored from an older backup.

They are read, and entered again: the part with its manifest, the keys of owners that stand beside its documents, a line
of the index for each document that can be opened. Nothing else may be written before that, or an owner would get
another key than the one that seals what is there.
"""

from __future__ import annotations

import logging
from itertools import groupby
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.archive import parts
from lifecycle.archive.beside import WRAPPING, read_keys
from lifecycle.archive.checking import compare_with_manifest, first_whole
from lifecycle.archive.envelope import YearKeys
from lifecycle.archive.manifest import Manifest, number_of_manifest
from lifecycle.archive.places import Places
from lifecycle.archive.restoring import enter_documents
from lifecycle.archive.storage import NotThere
from lifecycle.errors import CheckFailed, LifecycleError
from lifecycle.ledger.book import append
from lifecycle.planning.archived import archive_record
from lifecycle.store.engine import reading, without_nested_loops

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.archive.storage import Location
    from lifecycle.runs.company import Company

logger = logging.getLogger(__name__)


def enter_found(company: Company, archive: str, *, as_of: datetime) -> list[str]:
    """Enter every part of an archive that can be read and is not in the register; their folders.

    One that cannot be read stays as it is, and is logged; ``lifecycle archive verify`` names its objects.

    Raises:
        StorageError: a location cannot be reached.
        StoreError: somebody else writes to this archive.
    """
    if not _unknown(company, archive):
        return []
    with parts.only_writer(company.engine, archive):
        return enter_found_as_writer(company, archive, as_of=as_of)


def enter_found_as_writer(company: Company, archive: str, *, as_of: datetime) -> list[str]:
    """The same, for the only writer.

    Raises:
        StorageError: a location cannot be reached.
    """
    entered: list[str] = []
    unknown = _unknown(company, archive)
    dead = [one for one in unknown if not YearKeys.of_part(company.keys, one).are_usable()]
    for manifest in dead:
        _condemn(company, manifest, as_of)
    others = (one for one in unknown if one not in dead)
    for _, of_year in groupby(others, key=lambda manifest: manifest.year_end):
        readable = list(_readable(company, of_year))
        with company.engine.begin() as connection:
            found = _Found(company, connection, as_of)
            for manifest, place in readable:
                found.enter_keys(manifest, place)
            entered += [manifest.folder for manifest, place in readable if found.enter(manifest, place)]
    return entered


def archives_of(company: Company, *, as_of: datetime) -> list[str]:
    """The archives of the policy in force, and others that the register has."""
    with reading(company.engine) as connection:
        return sorted({*company.rulebook(as_of).archives, *parts.names(connection)})


def _unknown(company: Company, archive: str) -> list[Manifest]:
    """The manifests that stand in some place and that the register does not know, in order."""
    with reading(company.engine) as connection:
        known = {part.folder: part for part in parts.parts_of(connection, archive)}
    found: dict[str, Manifest] = {}
    for place in Places.of(company).locations:
        for name in place.sizes(archive):
            folder = name.rpartition("/")[0]
            part = known.get(folder)
            if number_of_manifest(name) is None or folder in found or (part and not part.is_unfinished):
                continue
            manifest = _manifest(place, name)
            if manifest and manifest.folder == folder and not _is_to_be_sealed(part, manifest):
                found[folder] = manifest
    return sorted(found.values(), key=lambda one: (one.year_end, one.number))


def _is_to_be_sealed(part: parts.Part | None, manifest: Manifest) -> bool:
    """Whether a manifest is that of a part that was verified: the next build, or one that runs, seals it."""
    return part is not None and (part.state, part.sha256) == ("verified", manifest.sha256)


def _condemn(company: Company, manifest: Manifest, as_of: datetime) -> None:
    """Enter a part whose keys are destroyed: nobody can read what a place still has of it, and it is to go."""
    with company.engine.begin() as connection:
        entry = append(connection, "archive_written", manifest.entry(reason="found_destroyed"), as_of=as_of)
        parts.move(connection, parts.enter(connection, manifest, entry.sequence), "condemned")
    logger.info("%s was not in the register; its keys are destroyed, its objects follow", manifest.folder)


def _manifest(place: Location, name: str) -> Manifest | None:
    try:
        return Manifest.from_text(place.read(name).decode())
    except (NotThere, ValueError):
        return None


def _readable(company: Company, manifests: Iterator[Manifest]) -> Iterator[tuple[Manifest, Location]]:
    """Those that some place has whole, and whose objects hold what they say."""
    for manifest in manifests:
        problem = ""
        place = first_whole(Places.of(company).locations, manifest)
        if YearKeys.of_part(company.keys, manifest).of_objects not in company.keys.names():
            problem = "the keyring has no key for it"
        elif place is None:
            problem = "no place has all of its objects as they were written"
        else:
            problem = "; ".join(compare_with_manifest(company, manifest, place))
        if problem or place is None:
            logger.warning("%s is not in the register, and cannot be entered: %s", manifest.folder, problem)
        else:
            yield manifest, place


class _Found:
    """Enters parts of one financial year, in one transaction.

    Attributes:
        names: of the keys that the keyring has.
        wrapping: by folder, the numbers of those that wrap keys of owners.
    """

    def __init__(self, company: Company, connection: Connection, as_of: datetime) -> None:
        self.company = company
        self.connection = connection
        self.as_of = as_of
        self.names = set(company.keys.names())
        self.wrapping: dict[str, set[int]] = {}

    def enter_keys(self, manifest: Manifest, place: Location) -> None:
        """Enter the keys of owners that are wrapped by what the keyring has."""
        keys = YearKeys.of_part(self.company.keys, manifest)
        wrapping = self.wrapping.setdefault(manifest.folder, set())
        for table in read_keys(place, manifest.owner_keys, keys):
            lines = [tuple(row.values()) for row in table.to_pylist()]
            keys.enter(self.connection, [one for one in lines if keys.of_owners(one[1]) in self.names])
            wrapping |= set(table[WRAPPING].to_pylist())
        if wrapping and not manifest.objects:  # it has all that there were when they were wrapped anew
            keys.forget_before(self.connection, min(wrapping))

    def enter(self, manifest: Manifest, place: Location) -> bool:
        """Enter a part and its documents; whether that could be done."""
        try:
            with self.connection.begin_nested():
                self._require_keys(manifest)
                body = manifest.entry(reason="found")
                entry = append(self.connection, "archive_written", body, as_of=self.as_of)
                part = parts.enter(self.connection, manifest, entry.sequence)
                rulebook = self.company.rulebook(self.as_of)
                for number, _ in enumerate(manifest.objects):
                    enter_documents(self.company, self.connection, part, number, place, rulebook)
                _find_newest(self.connection, part)
        except LifecycleError as error:
            logger.warning("%s is not in the register, and cannot be entered: %s", manifest.folder, error)
            return False
        logger.info("%s was not in the register, and is entered again", manifest.folder)
        return True

    def _require_keys(self, manifest: Manifest) -> None:
        """Only of owners whose key was destroyed nothing can be opened.

        Raises:
            CheckFailed: the keyring does not have all that it had.
        """
        keys = YearKeys.of_part(self.company.keys, manifest)
        newest = keys.newest_wrapping(self.connection)
        needed = [keys.of_owners(number) for number in self.wrapping[manifest.folder] if number >= newest]
        missing = [name for name in sorted(needed) if name not in self.names]
        if missing:
            raise CheckFailed(
                f"the keyring does not have {missing[0]}",
                place=manifest.folder,
                next_step="restore the newest copy of the keyring",
            )


def _find_newest(connection: Connection, part: parts.Part) -> None:
    """Let the last record of each document of a part be its newest."""
    record, one = archive_record, archive_record.alias("one")
    here = sa.select(one.c["key"]).where(one.c.part_id == part.part_id)
    every = archive_record.alias("every")
    last = (
        sa.select(every.c["key"], sa.func.max(every.c.revision).label("revision"))
        .where(every.c.archive == part.archive, every.c["key"].in_(here))
        .group_by(every.c["key"])
        .subquery("last")
    )
    with without_nested_loops(connection):
        connection.execute(
            sa.update(record)
            .values(is_newest=record.c.revision == last.c.revision)
            .where(record.c.archive == part.archive, record.c["key"] == last.c["key"])
        )
