"""What released tables say of the columns that they are divided by: read from a folder of files, and from nothing else.

Whoever tests has no access to the company's rows. A folder of released files may be copied to any machine.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from lifecycle.analytics import files
from lifecycle.analytics.bounding import EVENTS, PERSONS
from lifecycle.analytics.released import shape_told, table_name
from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from lifecycle.datamap.model import DataMap
    from lifecycle.policy.load import PolicyVersion
    from lifecycle.policy.release_form import Release

Cell = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Margin:
    """A released table, added up over its periods.

    Attributes:
        table: its name in the schema ``analytics``.
        by: the dimensions that divide it.
        first_days: of the periods that were read, in order.
        numbers: by the name of a number, what each cell shows of it; nothing below or equal to nought is in it. Where
            a number of persons or events is empty, that of contributors stands for it: it is at least as large.
    """

    table: str
    by: tuple[str, ...]
    first_days: tuple[date, ...]
    numbers: Mapping[str, Mapping[Cell, int]]

    @property
    def shows_anything(self) -> bool:
        """Whether a cell of any period came above its threshold."""
        return any(self.numbers.values())

    def grouped(self, number: str, dimension: str, given: Iterable[str]) -> dict[Cell, Counter[str]]:
        """What is shown of each value of a dimension, by the values of others that the table has as well."""
        others = [self.by.index(name) for name in given if name in self.by]
        place = self.by.index(dimension)
        found: dict[Cell, Counter[str]] = defaultdict(Counter)
        for cell, shown in self.numbers.get(number, {}).items():
            found[tuple(cell[other] for other in others)][cell[place]] += shown
        return dict(found)

    def line(self) -> str:
        """Which one it is, for whoever seeds."""
        first, last = self.first_days[0], self.first_days[-1]
        return f"like {self.table}, {len(self.first_days)} periods from {first} to {last}"


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """What a population is made like.

    Attributes:
        version: the policy, which says of which columns the tables were made.
        datamap: describes those columns.
        margins: by release, its tables for one feed.
    """

    version: PolicyVersion
    datamap: DataMap
    margins: Mapping[str, tuple[Margin, ...]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """What was read, for whoever seeds."""
        return [margin.line() for margins in self.margins.values() for margin in margins]


def read_likeness(
    folder: Path, version: PolicyVersion, datamap: DataMap, *, feed: str | None = None
) -> Likeness:
    """Read a folder of released files (``LIFECYCLE_RELEASES``, or a copy of it).

    Args:
        folder: has ``<table>/first_day=<day>/data.parquet`` and ``dictionary.json``.
        version: of the policy; files of tables that it does not state are left alone.
        datamap: the company's.
        feed: whose tables count; where none is named, those with the least noise that are there, of each release.

    Raises:
        UsageError: the policy states no releases or no such feed, the folder has no files of them, one is damaged or
            was made by another policy, or none shows a cell.
    """
    releases = version.policy.releases
    if not releases:
        raise UsageError(
            "this policy has no releases, so that nothing can be like one",
            place=version.place(),
            next_step="set LIFECYCLE_POLICY_DIR to the policy by which it was released, or leave --like-release out",
        )
    _require_feed(releases, feed)
    found = {name: _read_release(folder, name, one, feed) for name, one in releases.items()}
    if not any(found.values()):
        raise UsageError(
            f"has no files of {', '.join(releases)}" + (f" for {feed}" if feed else ""),
            place=str(folder),
            next_step="name the folder of released files (LIFECYCLE_RELEASES), or a copy of it",
        )
    if not any(margin.shows_anything for margins in found.values() for margin in margins):
        raise UsageError(
            "has files of which none shows a cell: too few people were in any",
            place=str(folder),
            next_step="wait for periods with more of them, or leave --like-release out",
        )
    return Likeness(
        version=version, datamap=datamap, margins={name: one for name, one in found.items() if one}
    )


def _require_feed(releases: Mapping[str, Release], feed: str | None) -> None:
    feeds = dict.fromkeys(name for release in releases.values() for name in release.feeds)
    if feed is not None and feed not in feeds:
        raise UsageError(
            f"{feed} is no feed of this policy", place="--feed", next_step=f"name one of {', '.join(feeds)}"
        )


def _read_release(folder: Path, name: str, release: Release, feed: str | None) -> tuple[Margin, ...]:
    """The tables of the first feed of which anything is there, least noise first."""
    quietest = sorted(release.feeds, key=lambda one: -release.feeds[one].rho)
    for one in [feed] if feed else quietest:
        if one in release.feeds:
            margins = [_read_table(folder, name, release, table, one) for table in release.tables]
            if any(margins):
                return tuple(margin for margin in margins if margin)
    return ()


def _read_table(folder: Path, name: str, release: Release, table: str, feed: str) -> Margin | None:
    """All periods of one table; None where there is none."""
    by, of_feed = release.tables[table].by, table_name(table, feed)
    first_days = files.periods(folder, of_feed)
    totals: dict[str, Counter[Cell]] = defaultdict(Counter)
    for first_day in first_days:
        place = str(files.folder_of(folder, of_feed, first_day))
        says = files.says(folder, of_feed, first_day)
        rows = files.rows(folder, of_feed, first_day)
        if says is None or rows is None:
            _refuse_damaged(place)
        _require_same(says, name, by, place)
        _add(totals, says, rows, by, place)
    numbers = {number: +cells for number, cells in totals.items()}
    return Margin(table=of_feed, by=by, first_days=tuple(first_days), numbers=numbers) if first_days else None


def _require_same(says: Mapping[str, Any], name: str, by: tuple[str, ...], place: str) -> None:
    """What the file says that it is divided by is what the policy says."""
    told = says.get("dimensions")
    if not isinstance(told, dict):
        _refuse_damaged(place)
    if set(told) != set(by):
        raise UsageError(
            f"is divided by {', '.join(sorted(told))}, and by {', '.join(sorted(by))} in the policy's {name}",
            place=place,
            next_step="set LIFECYCLE_POLICY_DIR and LIFECYCLE_DATAMAP_DIR to those by which it was released",
        )


def _add(
    totals: dict[str, Counter[Cell]],
    says: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
    by: tuple[str, ...],
    place: str,
) -> None:
    try:
        contributors = next(iter(shape_told(says).numbers))
        for row in rows:
            cell = tuple(_text(row[name]) for name in by)
            for number in dict.fromkeys((contributors, PERSONS, EVENTS)):
                totals[number][cell] += max(int(row[contributors] if row[number] is None else row[number]), 0)
    except (KeyError, TypeError, ValueError, OverflowError, StopIteration):
        _refuse_damaged(place)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _refuse_damaged(place: str) -> NoReturn:
    raise UsageError(
        "is incomplete or damaged",
        place=place,
        next_step="copy the folder again; lifecycle release verify writes such files anew where they were released",
    ) from None
