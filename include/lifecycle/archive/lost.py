"""Parts that the register does not know, since the database was restored from a backup that is older than they are.

Nothing relies on them: what they hold stands in the tables again, or in parts that the register knows, and is written
anew. ``verify`` names them as long as the law asks for their year; then they go, with the keys that only they had.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from lifecycle.archive import parts
from lifecycle.archive.destroying import destroy_keys
from lifecycle.archive.envelope import generations_of
from lifecycle.archive.manifest import folder_of
from lifecycle.archive.places import Places
from lifecycle.errors import StorageError
from lifecycle.store.engine import reading
from lifecycle.timelimits import is_over

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lifecycle.archive.parts import Part
    from lifecycle.runs.company import Company


def discard_lost(company: Company, *, as_of: datetime) -> None:
    """Remove lost parts of years that are over from every place, and their keys.

    Raises:
        StorageError: a location cannot be reached.
    """
    rulebook = company.rulebook(as_of)
    for archive in rulebook.archives.values():
        is_past = partial(is_over, keep=archive.clock.keep, as_of=as_of, zone=rulebook.policy.zone)
        folders = set(_folders(company, archive.name))
        generations = generations_of(company.keys, archive.name)
        known = _known(company, archive.name)  # asked last: what is being written meanwhile is among them
        for year_end, generation in sorted(generations - {(one.year_end, one.generation) for one in known}):
            if is_past(year_end):
                destroy_keys(company, archive.name, year_end, generation, as_of=as_of)
        for year_end, folder in sorted(folders - {(one.year_end, one.folder) for one in known}):
            if is_past(year_end):
                with suppress(StorageError):  # locked: nobody can read it, and the next run tries again
                    Places.of(company).clear(folder)


def _folders(company: Company, archive: str) -> Iterator[tuple[date, str]]:
    """The parts that there are anywhere: last day of the year, and folder."""
    for place in Places.of(company).locations:
        for name in place.sizes(archive):
            with suppress(ValueError):  # what no part is called is told by verify
                _, year, number, _ = name.split("/")
                year_end = date.fromisoformat(year)
                yield year_end, folder_of(archive, year_end, int(number))


def _known(company: Company, archive: str) -> list[Part]:
    """The parts of which there may be something."""
    with reading(company.engine) as connection:
        return [part for part in parts.parts_of(connection, archive) if part.state != "destroyed"]
