"""The index of what is being written: a line for each document, inserted while the next are read and sealed."""

from __future__ import annotations

import io
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from lifecycle.archive.documents import BELONGS_TO, NUMBER, ORDINAL
from lifecycle.archive.layout import DOCUMENTS_PER_OBJECT, OWNER, REVISION, ROWS_PER_GROUP
from lifecycle.archive.reading import KEY
from lifecycle.planning.archived import archive_record
from lifecycle.store.engine import let_idle
from lifecycle.store.failures import without_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from lifecycle.archive.parts import Part
    from lifecycle.archive.reading import Batch

_NAMES = tuple(column.name for column in archive_record.c)
_COPY = f"COPY {archive_record} ({', '.join(_NAMES)}) FROM STDIN (FORMAT csv)"
_OPTIONS = csv.WriteOptions(include_header=False, quoting_style="all_valid")


class IndexWriter:
    """Inserts the lines of a part, some thousand at a time, in a thread of its own."""

    def __init__(self, connection: Connection, part: Part, pool: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._part = part
        self._pool = pool
        self._inserted: Future[None] | None = None

    def add(self, batch: Batch) -> None:
        """Insert the lines of documents, after those before.

        Raises:
            StoreError: the database has refused those before.
        """
        self.finish()
        self._inserted = self._pool.submit(self._insert, batch)

    def finish(self) -> None:
        """Wait until all are inserted.

        Raises:
            StoreError: the database refuses.
        """
        if self._inserted is not None:
            self._inserted.result()

    def _insert(self, batch: Batch) -> None:
        sink = io.BytesIO()
        csv.write_csv(_lines(batch, self._part), sink, _OPTIONS)
        driver: Any = self._connection.connection.driver_connection

        def copy_in() -> None:
            with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(sink.getbuffer())

        without_values(copy_in, place=str(archive_record))


@contextmanager
def new_index(engine: Engine, part: Part) -> Iterator[IndexWriter]:
    """Insert the lines of a part in one transaction; nothing relies on them before the part is written.

    Raises:
        StoreError: the database refuses.
    """
    with engine.begin() as connection, ThreadPoolExecutor(max_workers=1) as pool:
        let_idle(connection)
        writer = IndexWriter(connection, part, pool)
        yield writer
        writer.finish()


def _lines(batch: Batch, part: Part) -> pa.Table:
    """Where each document stands; a revision takes the place of the one before when the part is sealed."""
    documents = batch.documents
    place, revision = documents[ORDINAL].to_numpy(), documents[REVISION].to_numpy()
    within = place % DOCUMENTS_PER_OBJECT
    columns: dict[str, Any] = {
        "archive": pa.repeat(part.archive, len(place)),
        "key": documents[KEY],
        "revision": revision,
        "is_newest": revision == 0,
        "number": documents[NUMBER],
        "owner": documents[OWNER],
        "belongs_to": documents[BELONGS_TO],
        "digest": _in_hex(batch.digests()),
        "part_id": np.full(len(place), part.part_id),
        "object": place // DOCUMENTS_PER_OBJECT,
        "row_group": within // ROWS_PER_GROUP,
        "place": within % ROWS_PER_GROUP,
    }
    return pa.table([columns[name] for name in _NAMES], names=list(_NAMES))


def _in_hex(digests: list[bytes]) -> pa.Array:
    """As PostgreSQL reads bytes; all are of one length."""
    whole = pa.py_buffer(b"".join(digests).hex().encode())
    width = 2 * len(digests[0])
    offsets = pa.array(np.arange(len(digests) + 1) * width, pa.int32())
    texts = pa.StringArray.from_buffers(len(digests), offsets.buffers()[1], whole)
    return pc.binary_join_element_wise("\\x", texts, "")
