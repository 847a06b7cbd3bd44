"""What of an archive is destroyed together: the parts of a year whose documents are sealed under the same keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.archive import parts
from lifecycle.archive.held import held_documents
from lifecycle.archive.manifest import year_of
from lifecycle.holds import register
from lifecycle.plan import Kept
from lifecycle.planning.archived import archive_record
from lifecycle.timelimits import financial_year_end, is_over, local_day

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Connection

    from lifecycle.archive.parts import Part
    from lifecycle.holds.cover import Cover
    from lifecycle.policy.rulebook import Rulebook


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The written parts of a year whose documents are sealed under the same keys.

    Attributes:
        parts: in the order in which they were written.
        records: how many lines the index has of their documents.
    """

    archive: str
    year_end: date
    number: int
    parts: tuple[Part, ...]
    records: int

    @property
    def name(self) -> str:
        """As items of plans call it: ``archive/year/generation``."""
        return f"{year_of(self.archive, self.year_end)}/{self.number}"

    @property
    def collection(self) -> str:
        """That of its documents."""
        return str(self.parts[-1].read_manifest().layout["parts"][0]["collection"])

    @property
    def part_ids(self) -> list[int]:
        """The numbers of its parts in the register."""
        return [part.part_id for part in self.parts]

    @property
    def sha256(self) -> str:
        """Over what the register has of it: a plan counts for exactly this."""
        digests = [f"{part.number} {part.sha256}" for part in self.parts]
        return sha256("\n".join([self.name, str(self.records), *digests]).encode()).hexdigest()


def generations(connection: Connection) -> list[Generation]:
    """Everything that is written, of every archive, year by year."""
    lines = sa.select(archive_record.c.part_id, sa.func.count()).group_by(archive_record.c.part_id)
    counts = {part_id: count for part_id, count in connection.execute(lines)}  # noqa: C416 - rows are no pairs
    return [
        _generation(archive, year_end, number, tuple(some), counts)
        for archive in parts.names(connection)
        for (year_end, number), some in groupby(
            sorted(
                parts.parts_of(connection, archive, states=("written",)),
                key=lambda part: (part.year_end, part.generation, part.number),
            ),
            key=lambda part: (part.year_end, part.generation),
        )
    ]


def over(connection: Connection, rulebook: Rulebook, as_of: datetime) -> list[Generation]:
    """Those of years that the law does not ask for any more, and those of which everything was written anew."""
    return [
        one
        for one in generations(connection)
        if not one.records or all(is_over_for(rulebook, part, as_of) for part in one.parts)
    ]


def held_lines(connection: Connection, cover: Cover, generation: Generation) -> list[Kept]:
    """The documents of a generation that are held, by reason: lines of the index.

    Of an archive that the policy in force does not have nobody can say what belongs to its documents: any hold or
    restriction keeps all of them.
    """
    archive = cover.rulebook.archives.get(generation.archive)
    if archive is None:
        return _kept_by_any(connection, cover, generation)
    held = held_documents(cover, archive)
    if held is None:
        return []
    reason = (held.c.kind, held.c.hold_id, held.c.last_day)
    query = (
        sa.select(*reason, sa.func.count().label("rows"))
        .select_from(archive_record.join(held, held.c["key"] == archive_record.c["key"]))
        .where(
            archive_record.c.archive == generation.archive,
            archive_record.c.part_id.in_(generation.part_ids),
        )
        .group_by(*reason)
        .order_by(*reason)
    )
    return [
        Kept(
            collection=generation.collection,
            reason=row.kind,
            source=row.hold_id,
            until=row.last_day,
            rows=row.rows,
        )
        for row in connection.execute(query)
    ]


def _kept_by_any(connection: Connection, cover: Cover, generation: Generation) -> list[Kept]:
    active = register.listing(connection, as_of=cover.as_of)
    if not active or not generation.records:
        return []
    longest = max(active, key=lambda one: one.until)
    until = local_day(longest.until - timedelta(microseconds=1), cover.rulebook.policy.zone)
    return [
        Kept(
            collection=generation.collection,
            reason=longest.kind,
            source=str(longest.hold_id),
            until=until,
            rows=generation.records,
        )
    ]


def _generation(
    archive: str, year_end: date, number: int, some: tuple[Part, ...], counts: dict[int, int]
) -> Generation:
    records = sum(counts.get(part.part_id, 0) for part in some)
    return Generation(archive=archive, year_end=year_end, number=number, parts=some, records=records)


def is_over_for(rulebook: Rulebook, part: Part, as_of: datetime) -> bool:
    """Whether the law does not ask for a part any more.

    One of an archive that the policy in force does not have goes by what it says itself.
    """
    zone = rulebook.policy.zone
    archive = rulebook.archives.get(part.archive)
    if archive is None:
        return part.retain_until < local_day(as_of, zone)
    ends = financial_year_end(
        part.year_end, archive.clock.anchor.year_ends
    )  # which the policy may have moved
    return is_over(ends, archive.clock.keep, as_of=as_of, zone=zone)
