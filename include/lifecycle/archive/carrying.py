"""Documents written anew, under the next generation of their year's keys: what is held when the year is over.

All else of the year can then be destroyed with its keys. Each part is carried by a part of its own, which has only what
was chosen of it; it is read again and compared before the index says that its documents stand there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa

from lifecycle.archive import parts, totals
from lifecycle.archive.anew import write_anew
from lifecycle.archive.beside import new_keys
from lifecycle.archive.checking import first_intact
from lifecycle.archive.documents import LeftOut
from lifecycle.archive.envelope import YearKeys
from lifecycle.archive.layout import OWNER, ROWS_PER_GROUP, SEALED, Layout
from lifecycle.archive.manifest import object_of
from lifecycle.archive.objects import Written, new_object, reading_object
from lifecycle.archive.places import Places
from lifecycle.archive.sealing import Sealer
from lifecycle.archive.trimming import Trimming
from lifecycle.errors import CheckFailed
from lifecycle.planning.archived import archive_record
from lifecycle.store.engine import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Connection

    from lifecycle.archive.beside import KeysWriter
    from lifecycle.archive.manifest import Manifest
    from lifecycle.archive.parts import Part
    from lifecycle.runs.company import Company


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a document stands: the number of its object, and its row in that."""

    key: str
    revision: int
    object: int
    row: int

    def values(self) -> dict[str, Any]:
        """As they are bound to say so in the index."""
        return {
            "old_key": self.key,
            "old_revision": self.revision,
            "new_object": self.object,
            "new_row_group": self.row // ROWS_PER_GROUP,
            "new_place": self.row % ROWS_PER_GROUP,
        }


def carry(
    company: Company,
    part: Part,
    chosen: ColumnElement[bool],
    generation: int,
    *,
    as_of: datetime,
    reason: str,
    wanted: Layout | None = None,
    require: Callable[[Connection], None] = lambda _connection: None,
) -> Manifest | None:
    """Write some documents of a part anew, and let the index say so; None where it has none of them.

    Args:
        company: opened.
        part: of the register, written.
        chosen: which, on the lines of the index.
        generation: of the keys under which it is written.
        as_of: the moment of the run.
        reason: why, one word for the ledger.
        wanted: what is left out of them is what this has not.
        require: raises what speaks against it, while no hold is placed or released.

    Raises:
        CheckFailed: a document cannot be read, or is not the same when it is read again.
        StorageError: a location refuses.
        StoreError: somebody else writes to this archive.
    """
    with parts.only_writer(company.engine, part.archive):
        places = _places_of(company, part, chosen)
        if not places:
            return None
        carrier = _Carrier(company, part, generation, wanted)
        return write_anew(
            company,
            part,
            generation,
            lambda new: carrier.write(new, places),
            as_of=as_of,
            reason=reason,
            require=require,
            note=carrier.note,
        )


def usable_generation(company: Company, archive: str, year_end: date) -> int:
    """The first generation of a year's keys that was never used, or destroyed."""
    with reading(company.engine) as connection:
        number = parts.next_generation(connection, archive, year_end)
    while not YearKeys(company.keys, archive, year_end, number).are_usable():
        number += 1
    return number


class _Carrier:
    """Writes documents of one part into another.

    Attributes:
        moved: where each of them stands then.
    """

    def __init__(self, company: Company, source: Part, generation: int, wanted: Layout | None) -> None:
        self.company = company
        self.wanted = wanted
        self.source = source.read_manifest()
        self.places = Places.of(company)
        self.old_keys = YearKeys.of_part(company.keys, self.source)
        self.new_keys = YearKeys(company.keys, source.archive, source.year_end, generation)
        self.layout: Mapping[str, Any] = {}
        self.moved: list[_Place] = []
        self.totals = totals.Totals()
        self.revisions = 0

    def write(self, target: Part, places: Sequence[_Place]) -> Manifest:
        """Write the documents that stand in some places into a new part; its manifest."""
        by_object = enumerate(groupby(places, key=lambda place: place.object))
        with new_keys(self.new_keys, target.folder, self.places.locations) as keys:
            objects = [
                self._carry_object(
                    object_of(target.folder, number), number, self.source.objects[old], list(some), keys
                )
                for number, (old, some) in by_object
            ]
        return replace(
            self.source,
            number=target.number,
            generation=target.generation,
            layout=self.layout or self.source.layout,
            objects=tuple(objects),
            owner_keys=keys.written,
            revisions=self.revisions,
            totals=self.totals,
            series=(),
            left_out=LeftOut(),
        )

    def note(self, connection: Connection, target: Part) -> None:
        """Let the index say that the documents stand in the new part."""
        connection.execute(_moving(target), [place.values() for place in self.moved])

    def _carry_object(
        self, name: str, number: int, written: Written, chosen: Sequence[_Place], keys: KeysWriter
    ) -> Written:
        documents, source = self._read(written, [place.row for place in chosen])
        trimming = Trimming(source, self.wanted)
        table, layout = self._sealed_anew(documents, trimming, keys), trimming.layout
        key, wrapped = self.new_keys.new_object_key(name)
        with new_object(self.places.locations, name, layout.schema, key) as (writer, file):
            writer.write(table)
        self.totals += totals.of_objects(trimming.table(documents), layout)
        self.layout = layout.document()
        self.revisions += sum(place.revision > 0 for place in chosen)
        self.moved += [replace(place, object=number, row=row) for row, place in enumerate(chosen)]
        return Written(name=name, size=file.size, sha256=file.sha256, documents=writer.documents, key=wrapped)

    def _read(self, written: Written, rows: Sequence[int]) -> tuple[pa.Table, Layout]:
        """Some rows of an object, from the first place that has it as it was written."""
        place = first_intact(self.places.locations, written)
        if place is None:
            raise CheckFailed(
                "no place has this object as it was written",
                place=written.name,
                next_step="restore it from a backup of the storage: documents in it have to stay",
            )
        key = self.old_keys.object_key(written.name, written.key)
        with place.opened(written.name) as file, reading_object(file, written.name, key) as parquet:
            table = parquet.read().take(pa.array(rows, pa.int64()))
            return table, Layout.from_schema(parquet.schema_arrow)

    def _sealed_anew(self, table: pa.Table, trimming: Trimming, keys: KeysWriter) -> pa.Table:
        layout = trimming.source
        owners = dict.fromkeys(table[OWNER].to_pylist())
        with self.company.engine.begin() as connection:
            old = self.old_keys.owner_keys(connection, owners)
            new = self.new_keys.make_owner_keys(connection, owners)
        texts = Sealer(self.old_keys, old).texts(table, layout.key, table[SEALED].to_pylist())
        known = [trimming.text(text) for text in texts if text is not None]
        if len(known) != len(texts):
            raise CheckFailed(
                "what is sealed of a document cannot be opened: its owner's key is not there",
                place=self.source.folder,
                next_step="restore lifecycle.archive_key from a backup of the database",
            )
        keys.add(new.values())
        sealed = Sealer(self.new_keys, {one.owner: one.key for one in new.values()}).seal(
            table, layout.key, known
        )
        column = layout.schema.get_field_index(SEALED)
        anew = table.set_column(column, layout.schema.field(column), pa.array(sealed, pa.binary()))
        return trimming.table(anew)


def _places_of(company: Company, part: Part, chosen: ColumnElement[bool]) -> list[_Place]:
    """Where the chosen documents of a part stand, in order, all their revisions."""
    record = archive_record
    query = (
        sa.select(record.c["key"], record.c.revision, record.c.object, record.c.row_group, record.c.place)
        .where(record.c.part_id == part.part_id, chosen)
        .order_by(record.c.object, record.c.row_group, record.c.place)
    )
    with company.engine.connect() as connection:
        return [
            _Place(
                key=row.key,
                revision=row.revision,
                object=row.object,
                row=row.row_group * ROWS_PER_GROUP + row.place,
            )
            for row in connection.execute(query)
        ]


def _moving(part: Part) -> sa.Update:
    record = archive_record
    return (
        sa.update(record)
        .values(
            part_id=part.part_id,
            object=sa.bindparam("new_object"),
            row_group=sa.bindparam("new_row_group"),
            place=sa.bindparam("new_place"),
        )
        .where(
            record.c.archive == part.archive,
            record.c["key"] == sa.bindparam("old_key", type_=sa.Text),
            record.c.revision == sa.bindparam("old_revision"),
        )
    )
