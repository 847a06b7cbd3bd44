"""One document out of the archive: found by the index, read from one group of rows, opened with its owner's key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.archive.envelope import YearKeys
from lifecycle.archive.layout import OWNER, SEALED, Layout
from lifecycle.archive.manifest import Manifest
from lifecycle.archive.objects import reading_object
from lifecycle.archive.places import Places
from lifecycle.archive.sealing import Sealer
from lifecycle.archive.tables import archive_part
from lifecycle.errors import CheckFailed, NotFound, StorageError
from lifecycle.planning.archived import archive_record
from lifecycle.store.engine import reading
from lifecycle.store.prepared import Prepared, bound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    import pyarrow as pa

    from lifecycle.archive.objects import Written
    from lifecycle.archive.storage import Location
    from lifecycle.runs.company import Company

Row = dict[str, Any]
"""Column to value; what is sealed is text, as PostgreSQL writes it."""

_RECORDS = Prepared(
    sa.select(
        archive_record.c.revision,
        archive_record.c.object,
        archive_record.c.row_group,
        archive_record.c.place,
        archive_part.c.as_of,
        archive_part.c.manifest,
    )
    .join(archive_part, archive_part.c.part_id == archive_record.c.part_id)
    .where(
        archive_record.c.archive == bound("archive", sa.Text),
        archive_record.c.number == bound("number", sa.Text),
        archive_part.c.state == "written",
    )
    .order_by(archive_record.c.revision.desc())
)


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document as the archive has it.

    Attributes:
        revision: 0 as it was first written, counted up each time that it had changed.
        written_as_of: the moment whose state of the tables this is.
        retain_until: last day on which the law asks for it.
        values: of its own row, those of the rows that it referred to as ``reference.column``.
        rows: by collection, of those that belong to it.
    """

    archive: str
    number: str
    revision: int
    year_end: date
    written_as_of: datetime
    retain_until: date
    values: Row
    rows: Mapping[str, Sequence[Row]]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready: money as text, so that no reader makes fractions of it."""
        return {
            "archive": self.archive,
            "number": self.number,
            "revision": self.revision,
            "year_end": self.year_end.isoformat(),
            "written_as_of": self.written_as_of.isoformat(),
            "retain_until": self.retain_until.isoformat(),
            "document": _json_ready(self.values),
            "rows": {name: [_json_ready(row) for row in rows] for name, rows in self.rows.items()},
        }


def fetch(company: Company, archive: str, number: str) -> list[Document]:
    """A document, its newest state first.

    Raises:
        NotFound: the archive has none of this number.
        CheckFailed: no place has it as it was written.
        StorageError: no place can be read.
    """
    with reading(company.engine) as connection:
        found = _RECORDS.rows(connection, {"archive": archive, "number": number})
        if not found:
            raise NotFound(
                "the archive has no document of this number",
                place=archive,
                next_step="see the number; what was written is listed by lifecycle archive list",
            )
        return [_Reader(company, connection, Manifest.from_text(row.manifest)).read(row) for row in found]


class _Reader:
    """Reads documents of one part."""

    def __init__(self, company: Company, connection: sa.Connection, manifest: Manifest) -> None:
        self.connection = connection
        self.manifest = manifest
        self.keys = YearKeys.of_part(company.keys, manifest)
        self.places = Places.of(company)

    def read(self, record: Any) -> Document:
        """The document of a record."""
        written = self.manifest.objects[record.object]
        table, layout = self._from_anywhere(written, record.row_group)
        document = table.slice(record.place, 1)
        ((values, rows),) = opened(self.connection, self.keys, document, layout)
        return Document(
            archive=self.manifest.archive,
            number=str(values[layout.number]),
            revision=record.revision,
            year_end=self.manifest.year_end,
            written_as_of=record.as_of,
            retain_until=self.manifest.retain_until,
            values=values,
            rows=rows,
        )

    def _from_anywhere(self, written: Written, group: int) -> tuple[pa.Table, Layout]:
        """A group of rows from the first place that has it as it was written."""
        *others, last = self.places.locations
        for place in others:
            try:
                return self._from(place, written, group)
            except (CheckFailed, StorageError):
                continue
        return self._from(last, written, group)

    def _from(self, place: Location, written: Written, group: int) -> tuple[pa.Table, Layout]:
        key = self.keys.object_key(written.name, written.key)
        with place.opened(written.name) as file, reading_object(file, written.name, key) as parquet:
            return parquet.read_row_group(group, use_threads=False), Layout.from_schema(parquet.schema_arrow)


def opened(
    connection: sa.Connection, keys: YearKeys, documents: pa.Table, layout: Layout
) -> list[tuple[Row, dict[str, list[Row]]]]:
    """Documents as rows: what stands in columns of its own, and what was sealed, put together again.

    Args:
        connection: has the keys of owners.
        keys: of the documents' part.
        documents: as they stand in an object.
        layout: of the object.

    Raises:
        CheckFailed: one was changed, or the key of its owner is not there any more.
    """
    unsealed = _unsealed(connection, keys, documents, layout)
    own = [name for name, _ in layout.documents.readable]
    sealed = [name for name, _ in (*layout.documents.sealed, *layout.beside)]
    found = []
    for row, (values, *children) in zip(documents.to_pylist(), unsealed, strict=True):
        rows = {
            part.collection: [
                one | dict(zip((name for name, _ in part.sealed), texts, strict=True))
                for one, texts in zip(row[part.collection], of_them, strict=True)
            ]
            for part, of_them in zip(layout.children, children, strict=True)
        }
        found.append(({name: row[name] for name in own} | dict(zip(sealed, values, strict=True)), rows))
    return found


def _unsealed(connection: sa.Connection, keys: YearKeys, documents: pa.Table, layout: Layout) -> list[Any]:
    of_owners = keys.owner_keys(connection, list(dict.fromkeys(documents[OWNER].to_pylist())))
    found = Sealer(keys, of_owners).open(documents, layout.key, documents[SEALED].to_pylist())
    if None in found:
        raise CheckFailed(
            "the key of a document's owner was destroyed",
            place=f"archive {keys.archive}, year to {keys.year_end}",
            next_step="what it protected is gone for good; the ledger says when and why",
        )
    return found


def _json_ready(row: Row) -> dict[str, Any]:
    return {
        name: value if value is None or isinstance(value, bool | int | str) else str(value)
        for name, value in row.items()
    }
