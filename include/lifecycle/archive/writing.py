"""The objects of a part: documents as they come from the tables, sealed and written, some thousand at a time."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import pyarrow as pa

from lifecycle.archive.layout import DOCUMENTS_PER_OBJECT, OWNER, SEALED
from lifecycle.archive.manifest import object_of
from lifecycle.archive.objects import Written, new_object
from lifecycle.archive.reading import DOCUMENTS_AT_ONCE, read_batches
from lifecycle.archive.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

    from lifecycle.archive.documents import Documents
    from lifecycle.archive.envelope import YearKeys
    from lifecycle.archive.layout import Layout
    from lifecycle.archive.reading import Batch
    from lifecycle.archive.storage import Location

BATCHES_PER_OBJECT = DOCUMENTS_PER_OBJECT // DOCUMENTS_AT_ONCE


class PartWriter:
    """Writes the objects of one part.

    Args:
        locations: where to, all at once.
        folder: of the part.
        layout: of its objects.
        keys: of its financial year.
        connection: on which new keys of owners are noted.
    """

    def __init__(
        self,
        locations: Sequence[Location],
        folder: str,
        layout: Layout,
        keys: YearKeys,
        connection: Connection,
    ) -> None:
        self.locations = locations
        self.folder = folder
        self.layout = layout
        self.keys = keys
        self.connection = connection

    def write(
        self, documents: Documents, count: int, progress: Callable[[int, int], None]
    ) -> tuple[Written, ...]:
        """Write all documents that were picked.

        Args:
            documents: of which ``count`` were picked.
            count: how many.
            progress: called with (documents written, documents in all).

        Raises:
            StorageError: a location refuses.
        """
        found: list[Written] = []
        batches = enumerate(read_batches(documents, self.layout, count))
        for number, some in groupby(batches, key=lambda one: one[0] // BATCHES_PER_OBJECT):
            found.append(self._write_object(number, (batch for _, batch in some)))
            progress(sum(one.documents for one in found), count)
        return tuple(found)

    def _write_object(self, number: int, batches: Iterable[Batch]) -> Written:
        name = object_of(self.folder, number)
        key, wrapped = self.keys.new_object_key(name)
        with new_object(self.locations, name, self.layout.schema, key) as (writer, file):
            for batch in batches:
                writer.write(self._sealed(batch))
        return Written(name=name, size=file.size, sha256=file.sha256, documents=writer.documents, key=wrapped)

    def _sealed(self, batch: Batch) -> pa.Table:
        """Documents in the form in which they stand in an object."""
        table = batch.documents
        owners = dict.fromkeys(table[OWNER].to_pylist())
        sealer = Sealer(self.keys, self.keys.make_owner_keys(self.connection, owners))
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
