"""Drives the engine's archive, and reads what there is of it: index, keys, parts, places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.archive import building, expiring, verifying
from lifecycle.archive.fetching import fetch
from simulation.books.written import INVOICE, NOT_WRITTEN
from simulation.engine import OPERATOR
from simulation.history import Build, Expire, LookAfter
from simulation.tables import columns_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lifecycle.archive.verifying import Finding
    from simulation.books.written import Content
    from simulation.engine import Engine
    from simulation.history import Keeping
    from simulation.tables import Key

ARCHIVE = "billing"
Line = tuple["Key", int, str, date]
"""Of the index: key, revision, number, last day of the financial year."""

_INDEX = sa.text("""
    SELECT (record.key::text[])[1]::bigint, record.revision::int, record.number, part.year_end
    FROM lifecycle.archive_record AS record JOIN lifecycle.archive_part AS part USING (part_id)
""")
_PARTS = sa.text("SELECT year_end, generation, number FROM lifecycle.archive_part WHERE manifest IS NOT NULL")


@dataclass(frozen=True, kw_only=True)
class Remains:
    """What there is of each financial year, besides the index.

    Attributes:
        keys: year and generation of each key.
        parts: year and generation of each part whose manifest the database has.
        places: years that have a folder with something in it.
    """

    keys: frozenset[tuple[date, int]]
    parts: frozenset[tuple[date, int]]
    places: frozenset[date]


class Keeper:
    """Whoever sees to the archive."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.known_wrong: set[str] = set()
        """Folders of parts that are not there any more, and that the database knows since it was restored."""
        self.forgotten: set[str] = set()
        """Folders of parts that the database does not know since then."""

    def do(self, event: Keeping) -> None:
        """What a DAG does."""
        company = self.engine.company
        if isinstance(event, Build):
            for year in building.years(company, ARCHIVE, as_of=event.at):
                list(building.build(company, ARCHIVE, year, as_of=event.at))
        elif isinstance(event, Expire):
            expiring.expire(company, as_of=event.at, approved_by=OPERATOR)
            self.forgotten.clear()

    def look_after(self, event: LookAfter) -> list[Finding]:
        """What is not as it was written, but for what a restore has made so."""
        found = verifying.verify(self.engine.company, ARCHIVE, as_of=event.at).findings
        wrong = [one for one in found if not any(one.name.startswith(folder) for folder in self.known_wrong)]
        entered = {one.name for one in wrong if one.what == verifying.FORGOTTEN and one.repaired}
        expected = entered & self.forgotten
        self.forgotten.clear()
        return [one for one in wrong if one.name not in expected]

    def restored(self) -> None:
        """A backup was restored: see what the places have beyond it, and what it has beyond them."""
        known = {f"{ARCHIVE}/{year}/{number:04}" for year, _, number in self._rows(_PARTS)}
        there = {str(path.parent.relative_to(self.engine.archive)) for path in self._files()}
        self.known_wrong, self.forgotten = known - there, there - known

    def index(self) -> set[Line]:
        """Every document and revision that the archive can find."""
        return {(key, revision, number, year) for key, revision, number, year in self._rows(_INDEX)}

    def fetched(self, number: str) -> dict[int, Content]:
        """What the archive gives by number: by revision, as the model would write it."""
        return {one.revision: _content(one.to_json()) for one in fetch(self.engine.company, ARCHIVE, number)}

    def remains(self) -> Remains:
        """What there is of each year."""
        names = [name.split(".") for name in self.engine.company.keys.names() if name.startswith("archive.")]
        return Remains(
            keys=frozenset((date.fromisoformat(name[2]), int(name[3])) for name in names),
            parts=frozenset((year, generation) for year, generation, _ in self._rows(_PARTS)),
            places=frozenset(date.fromisoformat(path.parent.parent.name) for path in self._files()),
        )

    def _files(self) -> Iterator[Any]:
        return (path for path in self.engine.archive.rglob("*") if path.is_file())

    def _rows(self, query: sa.TextClause) -> list[Any]:
        with self.engine.connections.connect() as connection:
            return list(connection.execute(query))


def _content(document: Mapping[str, Any]) -> Content:
    rows = [(INVOICE, document["document"])]
    rows += [(table, row) for table, some in document["rows"].items() for row in some]
    return frozenset((table, *_texts(table, row)) for table, row in rows)


def _texts(table: str, row: Mapping[str, Any]) -> Iterator[str | None]:
    """Columns of a row as PostgreSQL writes them."""
    for column in columns_of(table):
        value = None if column in NOT_WRITTEN.get(table, ()) else row[column]
        yield None if value is None else str(value)
