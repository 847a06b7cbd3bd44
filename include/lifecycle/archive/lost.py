"""What nothing refers to any more: keys and objects that a backup has brought back, or that a run did not come to.

A database that was restored from a backup does not know parts that were written since. Those that can be read are
entered again (:mod:`lifecycle.archive.finding`); the others are named by ``verify`` as long as the law asks for their
year, and then go, with the keys that only they had. A keyring or a place that was restored has what was destroyed; it
is destroyed again.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

from lifecycle.archive import parts
from lifecycle.archive.destroying import destroy_keys, forget_keys
from lifecycle.archive.envelope import YearKeys, names_of_year, years_of
from lifecycle.archive.finding import archives_of
from lifecycle.archive.manifest import year_of
from lifecycle.archive.places import Places
from lifecycle.archive.rewrapping import destroy_wrapping
from lifecycle.errors import StorageError
from lifecycle.store.engine import reading
from lifecycle.timelimits import financial_year_end, is_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from lifecycle.archive.parts import Part
    from lifecycle.runs.company import Company

_NOTHING = {"writing", "destroyed"}
"""States of parts of which there is nothing."""


def clear_lost(company: Company, *, as_of: datetime) -> int:
    """Destroy keys and objects that nothing refers to, of years that are over or destroyed; how many keys there were.

    A year of which the register has a part that can be read, or is still to be destroyed, is left as it is: after a
    restore something of it may be held, and stand where the register does not know of.

    Raises:
        StorageError: a location cannot be reached.
    """
    keys = 0
    for archive in archives_of(company, as_of=as_of):
        for year_end in sorted(_years(company, archive)):
            with reading(company.engine) as connection:
                of_year = parts.parts_of(connection, archive, year_end=year_end)
            states = {part.state for part in of_year}
            if states <= _NOTHING and ("destroyed" in states or _is_past(company, archive, year_end, as_of)):
                keys += _clear_year(company, archive, year_end, as_of)
            else:
                keys += _clear_generations(company, of_year, as_of)
                keys += _clear_wrapping(company, of_year, as_of)
    return keys


def _years(company: Company, archive: str) -> set[date]:
    """The years of which the register, the keyring or a place has anything."""
    with reading(company.engine) as connection:
        known = {part.year_end for part in parts.parts_of(connection, archive)}
    return known | years_of(company.keys, archive) | set(_in_places(company, archive))


def _in_places(company: Company, archive: str) -> Iterator[date]:
    for place in Places.of(company).locations:
        for name in place.sizes(archive):
            with suppress(ValueError):  # what no year is called is told by verify
                yield date.fromisoformat(name.removeprefix(f"{archive}/").split("/")[0])


def _is_past(company: Company, archive: str, year_end: date, as_of: datetime) -> bool:
    rulebook = company.rulebook(as_of)
    stated = rulebook.archives.get(archive)
    if stated is None:
        return False
    ends = financial_year_end(year_end, stated.clock.anchor.year_ends)
    return is_over(ends, stated.clock.keep, as_of=as_of, zone=rulebook.policy.zone)


def _clear_year(company: Company, archive: str, year_end: date, as_of: datetime) -> int:
    """Destroy the keys first: nobody can read what a place that locks does not give up yet."""
    generations = {int(name.split(".")[3]) for name in names_of_year(company.keys, archive, year_end)}
    keys = destroy_keys(company, names_of_year(company.keys, archive, year_end), as_of=as_of)
    with company.engine.begin() as connection:
        for generation in generations:
            forget_keys(connection, archive, year_end, generation)
    with suppress(StorageError):
        Places.of(company).clear(year_of(archive, year_end))
    return keys


def _clear_generations(company: Company, of_year: Sequence[Part], as_of: datetime) -> int:
    """Destroy the keys of generations of which every part is destroyed."""
    gone = {part.generation for part in of_year if part.state == "destroyed"}
    gone -= {part.generation for part in of_year if part.state != "destroyed"}
    return sum(
        destroy_keys(
            company,
            YearKeys(company.keys, of_year[0].archive, of_year[0].year_end, generation).names(),
            as_of=as_of,
        )
        for generation in sorted(gone)
    )


def _clear_wrapping(company: Company, of_year: Sequence[Part], as_of: datetime) -> int:
    """Destroy what wrapped the keys of owners before they were wrapped anew, where a run did not come to it."""
    destroyed = 0
    for generation in sorted({part.generation for part in of_year if part.state == "written"}):
        keys = YearKeys(company.keys, of_year[0].archive, of_year[0].year_end, generation)
        with reading(company.engine) as connection:
            outdated = keys.outdated_wrapping(connection)
        if outdated:
            with parts.only_writer(company.engine, keys.archive):
                destroyed += destroy_wrapping(company, keys, outdated, as_of=as_of)
    return destroyed
