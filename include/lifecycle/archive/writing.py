"""The objects of a part: documents as they come from the tables, sealed and written, some thousand at a time."""

from __future__ import annotations

from contextlib import closing
from itertools import groupby
from typing import TYPE_CHECKING

import pyarrow as pa

from lifecycle.archive.ahead import ahead
from lifecycle.archive.beside import new_keys
from lifecycle.archive.documents import NUMBER
from lifecycle.archive.indexing import new_index
from lifecycle.archive.layout import DOCUMENTS_PER_OBJECT, OWNER, SEALED
from lifecycle.archive.manifest import object_of
from lifecycle.archive.numbering import Numbers
from lifecycle.archive.objects import Written, new_object
from lifecycle.archive.places import Places
from lifecycle.archive.reading import DOCUMENTS_AT_ONCE, read_batches
from lifecycle.archive.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lifecycle.archive.beside import KeysWriter
    from lifecycle.archive.documents import Documents
    from lifecycle.archive.envelope import YearKeys
    from lifecycle.archive.indexing import IndexWriter
    from lifecycle.archive.layout import Layout
    from lifecycle.archive.parts import Part
    from lifecycle.archive.reading import Batch
    from lifecycle.runs.company import Company

BATCHES_PER_OBJECT = DOCUMENTS_PER_OBJECT // DOCUMENTS_AT_ONCE


class PartWriter:
    """Writes the objects of one part, and the lines of its index.

    Args:
        company: opened.
        part: of the register, begun.
        layout: of its objects.
        keys: of its financial year.

    Attributes:
        numbers: of the documents that were written.
    """

    def __init__(self, company: Company, part: Part, layout: Layout, keys: YearKeys) -> None:
        self.engine = company.engine
        self.locations = Places.of(company).locations
        self.part = part
        self.layout = layout
        self.keys = keys
        self.numbers = Numbers()

    def write(
        self, documents: Documents, count: int, progress: Callable[[int, int], None]
    ) -> tuple[tuple[Written, ...], Written]:
        """Write all documents that were picked; their objects, and that of their owners' keys.

        Args:
            documents: of which ``count`` were picked.
            count: how many.
            progress: called with (documents written, documents in all).

        Raises:
            StorageError: a location refuses.
            StoreError: the database does.
        """
        found: list[Written] = []
        with (
            new_index(self.engine, self.part) as index,
            new_keys(self.keys, self.part.folder, self.locations) as keys,
            closing(ahead(read_batches(documents, self.layout, count))) as batches,
        ):
            for number, some in groupby(enumerate(batches), key=lambda one: one[0] // BATCHES_PER_OBJECT):
                found.append(self._write_object(number, (batch for _, batch in some), index, keys))
                progress(sum(one.documents for one in found), count)
                pa.default_memory_pool().release_unused()
        return tuple(found), keys.written

    def _write_object(
        self, number: int, batches: Iterable[Batch], index: IndexWriter, keys: KeysWriter
    ) -> Written:
        name = object_of(self.part.folder, number)
        key, wrapped = self.keys.new_object_key(name)
        with new_object(self.locations, name, self.layout.schema, key) as (writer, file):
            for batch in batches:
                index.add(batch)
                self.numbers.add(batch.documents[NUMBER])
                writer.write(self._sealed(batch, keys))
        return Written(name=name, size=file.size, sha256=file.sha256, documents=writer.documents, key=wrapped)

    def _sealed(self, batch: Batch, keys: KeysWriter) -> pa.Table:
        """Documents in the form in which they stand in an object."""
        table = batch.documents
        owners = dict.fromkeys(table[OWNER].to_pylist())
        with self.engine.begin() as connection:
            of_owners = self.keys.make_owner_keys(connection, owners)
        keys.add(of_owners.values())
        sealer = Sealer(self.keys, {one.owner: one.key for one in of_owners.values()})
        sealed = sealer.seal(table, self.layout.key, batch.sealed_texts())
        columns: dict[str, pa.Array | pa.ChunkedArray] = {}
        for field in self.layout.schema:
            if field.name == SEALED:
                columns[SEALED] = pa.array(sealed, type=field.type)
            elif field.name in batch.children:
                columns[field.name] = _lists(batch, field)
            else:
                columns[field.name] = table[field.name]
        return pa.table(columns, schema=self.layout.schema)


def _lists(batch: Batch, field: pa.Field) -> pa.Array:
    """The rows that belong to each document, as a list."""
    rows = batch.children[field.name].combine_chunks()
    row_type = field.type.value_type
    arrays = [rows[one.name].combine_chunks() for one in row_type]
    values = pa.StructArray.from_arrays(arrays, fields=list(row_type))
    return pa.ListArray.from_arrays(pa.array(batch.starts(field.name), pa.int32()), values, type=field.type)
