"""Writing a part: from one state of the tables into objects, read again and compared, and only then relied on.

Three steps, each of which can be repeated. :func:`write` leaves a draft: objects, and a manifest that only the database
has. :func:`check` reads them again and compares them with the tables. :func:`seal` puts the manifest in its place, lets
nobody change or remove what it names, and says so in the ledger: from then on the tables need not keep what it holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.archive import parts, totals
from lifecycle.archive.checking import check_objects
from lifecycle.archive.documents import Documents
from lifecycle.archive.envelope import YearKeys
from lifecycle.archive.finding import enter_found_as_writer
from lifecycle.archive.layout import REVISION, Layout
from lifecycle.archive.manifest import Manifest
from lifecycle.archive.places import Places, lock_of
from lifecycle.archive.writing import PartWriter
from lifecycle.errors import CheckFailed, UsageError
from lifecycle.ledger.book import append
from lifecycle.planning.archived import archive_record
from lifecycle.planning.clocks import last_day_of
from lifecycle.planning.planner import one_state
from lifecycle.quality.suite import load_ahead
from lifecycle.runs.adoption import adopt
from lifecycle.store.engine import let_idle, reading, without_nested_loops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.archive.documents import Year
    from lifecycle.archive.parts import Part
    from lifecycle.policy.archives import ResolvedArchive
    from lifecycle.quality.suite import Checked
    from lifecycle.runs.company import Company

    Progress = Callable[[int, int], None]


def archive_of(company: Company, name: str, *, as_of: datetime) -> ResolvedArchive:
    """An archive of the policy in force.

    Raises:
        UsageError: it has none of this name.
    """
    archives = company.rulebook(as_of).archives
    if name not in archives:
        raise UsageError(
            "the policy has no such archive",
            place=name,
            next_step=f"one of {', '.join(archives)}" if archives else "state it under archives",
        )
    return archives[name]


def years(company: Company, name: str, *, as_of: datetime) -> list[Year]:
    """The financial years of which the tables have documents whose month is over, oldest first."""
    archive = archive_of(company, name, as_of=as_of)
    with one_state(company.engine) as connection:
        return Documents(connection, company.rulebook(as_of), archive, as_of).years()


def write(
    company: Company, name: str, year: Year, *, as_of: datetime, progress: Progress = lambda _done, _all: None
) -> Part | None:
    """Write the documents of a year that are not in the archive as the tables have them; None where all are.

    At most :data:`~lifecycle.archive.documents.MOST` at once: call it again until nothing is left. A part that was
    verified and not sealed, since that was interrupted, is handed on as it is.

    Raises:
        StorageError: a location refuses; nothing relies on what was written until then.
        StoreError: somebody else writes to this archive.
        UsageError: something was written for a later moment.
    """
    return _write_some(company, name, year, as_of, progress)[0]


def build(
    company: Company, name: str, year: Year, *, as_of: datetime, progress: Progress = lambda _done, _all: None
) -> Iterator[Manifest]:
    """Write, check and seal the documents of a year, part by part, until nothing is left.

    Raises:
        CheckFailed: a part is not what the tables had; nothing relies on it.
        StorageError: a location refuses.
        StoreError: somebody else writes to this archive.
        UsageError: something was written for a later moment.
    """
    is_all = False
    while not is_all:
        part, is_all = _write_some(company, name, year, as_of, progress, is_checked_next=True)
        if part:
            check(company, part)
            yield seal(company, of_number(company, part.part_id))


def of_number(company: Company, part_id: int) -> Part:
    """A part as the register has it now.

    Raises:
        UsageError: there is none of this number.
    """
    with reading(company.engine) as connection:
        return parts.part_of(connection, part_id)


def check(company: Company, part: Part) -> Checked:
    """Read what was written again, everywhere, and compare it with what the tables had.

    Raises:
        CheckFailed: names what differs; the next :func:`write` begins the part anew.
    """
    manifest = part.read_manifest()
    checked = check_objects(company, manifest, Places.of(company))
    if part.state == "drafted":
        with company.engine.begin() as connection:
            parts.move(connection, part, "verified")
    return checked


def seal(company: Company, part: Part) -> Manifest:
    """Put the manifest in its place; from now on the part is relied on.

    Raises:
        CheckFailed: it was not checked.
        StorageError: a location refuses.
    """
    manifest = part.read_manifest()
    if part.state == "written":
        return manifest
    if part.state != "verified":
        raise CheckFailed(
            f"this part is {part.state}, not verified",
            place=part.folder,
            next_step="run lifecycle archive build, which begins it anew",
        )
    lock = lock_of(manifest, as_of=part.as_of, zone=company.version(part.as_of).policy.zone)
    Places.of(company).put_in_place(manifest, lock)
    with company.engine.begin() as connection:
        if manifest.revisions:
            with without_nested_loops(connection):
                connection.execute(outdating(part))
        adopt(connection, company.version(part.as_of), as_of=part.as_of)
        entry = append(connection, "archive_written", manifest.entry(), as_of=part.as_of)
        parts.move(connection, part, "written", entry=entry.sequence)
    return manifest


def outdating(part: Part) -> sa.Update:
    """Let the records of a part be the newest of their documents."""
    revised_record = archive_record.alias("revised")
    revised = sa.select(revised_record.c.key).where(
        revised_record.c.part_id == part.part_id, revised_record.c.revision > 0
    )
    of_them = sa.and_(archive_record.c.archive == part.archive, archive_record.c.key.in_(revised))
    is_here = archive_record.c.part_id == part.part_id
    return sa.update(archive_record).values(is_newest=is_here).where(of_them)


def _write_some(
    company: Company,
    name: str,
    year: Year,
    as_of: datetime,
    progress: Progress,
    *,
    is_checked_next: bool = False,
) -> tuple[Part | None, bool]:
    """What :func:`write` writes, and whether that was all that there is."""
    archive, rulebook, places = (
        archive_of(company, name, as_of=as_of),
        company.rulebook(as_of),
        Places.of(company),
    )
    with parts.only_writer(company.engine, name):
        enter_found_as_writer(company, name, as_of=as_of)
        with company.engine.begin() as connection:
            if verified := parts.parts_of(connection, name, year_end=year.ends, states=("verified",)):
                return verified[0], False
            parts.require_no_later(connection, name, as_of)
            part = parts.begin(
                connection,
                name,
                year.ends,
                taken=places.numbers(name, year.ends),
                generation=_generation(company, connection, name, year),
                as_of=as_of,
                policy_version=rulebook.policy.policy.last_updated,
                retain_until=last_day_of(archive.clock, year.ends),
            )
        places.clear(part.folder)
        with one_state(company.engine) as connection:
            let_idle(connection)
            documents = Documents(connection, rulebook, archive, as_of)
            count = documents.pick(year)
            if count:
                if is_checked_next:
                    load_ahead()
                manifest = _write(company, documents, year, part, count, progress)
                parts.draft(connection, part, manifest)
    return (of_number(company, part.part_id) if count else None), not documents.has_more


def _write(
    company: Company,
    documents: Documents,
    year: Year,
    part: Part,
    count: int,
    progress: Progress,
) -> Manifest:
    """Write the objects of what was picked."""
    rulebook, archive = documents.rulebook, documents.archive
    layout = Layout.of(rulebook, archive, year.ends)
    keys = YearKeys(company.keys, archive.name, year.ends, part.generation)
    # before anything is written: later these would go over every line of it in the index
    revisions, left_out = _revisions(documents), documents.left_out(year)
    summed = totals.of_tables(documents, layout)
    writer = PartWriter(company, part, layout, keys)
    objects, owner_keys = writer.write(documents, count, progress)
    return Manifest(
        archive=archive.name,
        year_end=year.ends,
        number=part.number,
        generation=part.generation,
        as_of=part.as_of,
        policy_version=rulebook.policy.version,
        policy_digest=rulebook.digest,
        retain_until=part.retain_until,
        layout=layout.document(),
        objects=objects,
        owner_keys=owner_keys,
        revisions=revisions,
        totals=summed,
        series=writer.numbers.series(),
        left_out=left_out,
    )


def _generation(company: Company, connection: Connection, name: str, year: Year) -> int:
    """The generation of a year's keys under which documents are written now.

    One whose keys were destroyed is passed over, though a database that was restored from a backup does not know it.
    """
    number = parts.generation_of(connection, name, year.ends)
    while not YearKeys(company.keys, name, year.ends, number).are_usable():
        number += 1
    return number


def _revisions(documents: Documents) -> int:
    picked = documents.picked
    query = sa.select(sa.func.count()).select_from(picked).where(picked.c[REVISION] > 0)
    return int(documents.connection.scalar(query) or 0)
