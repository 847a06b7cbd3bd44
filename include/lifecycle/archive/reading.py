"""Documents that were picked, read from the tables some thousand at a time, in the form in which they are written."""

from __future__ import annotations

from contextlib import closing
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from lifecycle.archive.ahead import ahead
from lifecycle.archive.documents import BELONGS_TO, NUMBER, ORDINAL
from lifecycle.archive.layout import OWNER, REVISION, SEALED, arrow_type
from lifecycle.archive.texts import json_lists, row_texts
from lifecycle.errors import CheckFailed
from lifecycle.planning.archived import document_key, key_order
from lifecycle.store.copying import read_rows
from lifecycle.store.relations import refers, relation

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from sqlalchemy import ColumnElement, FromClause, Select

    from lifecycle.archive.documents import Documents
    from lifecycle.archive.layout import Columns, Layout
    from lifecycle.store.copying import Rows

DOCUMENTS_AT_ONCE = 2_500
"""Held in memory together, with all that belongs to them."""
_BY_INDEX = sa.text("SET LOCAL random_page_cost = 1")
"""Where pages of an index are thought dear, each batch scans the tables, and all of them together their square."""
COMPARED = 100
"""Documents of each part whose digests are compared with PostgreSQL's."""
KEY, TEXT = "lifecycle.key", "lifecycle.text"
"""The key of a document as the index has it, and the text of a row of which a digest is made."""


class Batch:
    """Some documents in a row.

    Attributes:
        documents: their readable columns, with what the index says of them; which in order each is; what is to be
            sealed, as a list in JSON; the text of which a digest is made.
        children: by collection, the same of the rows that belong to them, in the order of the documents and their keys.
    """

    def __init__(self, documents: pa.Table, children: dict[str, pa.Table]) -> None:
        self.documents = documents
        self.children = children

    def starts(self, collection: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Where the rows of each document begin among those of all, and at last where they end."""
        ordinals = self.children[collection][ORDINAL].to_numpy()
        found = np.searchsorted(ordinals, self.documents[ORDINAL].to_numpy(), side="left")
        return np.append(found, len(ordinals))

    def sealed_texts(self) -> list[bytes]:
        """What is to be sealed of each document: its own values, then by collection the values of each row, as JSON."""
        parts: list[Any] = ["[", self.documents[SEALED].combine_chunks()]
        for collection in self.children:
            parts += [",[", self._joined(collection, SEALED, ","), "]"]
        together = pc.binary_join_element_wise(*parts, "]", "")
        texts: list[bytes] = together.cast(pa.binary()).to_pylist()
        return texts

    def digests(self) -> list[bytes]:
        """What :func:`lifecycle.planning.archived.document_digest` says of each document, made of the same texts."""
        texts = [self.documents[TEXT].combine_chunks()]
        texts += [self._joined(collection, TEXT, "") for collection in self.children]
        columns = [[sha256(text).digest() for text in one.cast(pa.binary()).to_pylist()] for one in texts]
        return [b"".join(one) for one in zip(*columns, strict=True)]

    def _joined(self, collection: str, column: str, separator: str) -> pa.Array:
        """The texts of all rows of each document, one behind the other."""
        starts = pa.array(self.starts(collection), pa.int32())
        texts = self.children[collection][column].combine_chunks()
        return pc.binary_join(pa.ListArray.from_arrays(starts, texts), separator)


def read_batches(documents: Documents, layout: Layout, count: int) -> Generator[Batch]:
    """Every document that was picked, in order, with what belongs to it.

    Args:
        documents: of which some were picked, in a transaction that goes on.
        layout: of the objects that they are written to.
        count: how many were picked.

    Raises:
        CheckFailed: digests made here are not PostgreSQL's, or a value is none that a column can hold.
        StoreError: the database refuses.
    """
    reader = _Reader(documents, layout)
    documents.connection.execute(_BY_INDEX)
    wanted = documents.first_digests(COMPARED)
    with closing(ahead(reader.rows(count))) as received:
        for rows in received:
            batch = reader.batch(rows)
            if wanted:
                _require_same(batch.digests()[: len(wanted)], wanted, documents.archive.name)
                wanted = []
            yield batch


def _require_same(digests: list[bytes], wanted: list[bytes], archive: str) -> None:
    """Or PostgreSQL would take every document for one that was changed, and it would be written again and again."""
    if digests != wanted:
        raise CheckFailed(
            "this PostgreSQL writes the texts of rows otherwise than they are put together here",
            place=f"archive {archive}",
            next_step="nothing was written; report it with the server's version and lc_ctype",
        )


class _Reader:
    """Reads documents by their place in the order in which they are written."""

    def __init__(self, documents: Documents, layout: Layout) -> None:
        self.documents = documents
        self.layout = layout
        self.live = documents.rulebook.live

    def rows(self, count: int) -> Generator[dict[str, Rows]]:
        """By collection, the rows of some thousand documents after another."""
        connection, picked, own = self.documents.connection, self.documents.picked, self.layout.documents
        for first in range(0, count, DOCUMENTS_AT_ONCE):
            place = picked.c[ORDINAL]
            within = sa.and_(place >= first, place < min(first + DOCUMENTS_AT_ONCE, count))
            queries = {own.collection: self._of_documents(picked, within)}
            for one in self.layout.children:
                queries[one.collection] = self._of_children(one, picked, within)
            yield {name: read_rows(connection, query, place=name) for name, query in queries.items()}

    def batch(self, rows: Mapping[str, Rows]) -> Batch:
        """Some documents, of the rows that were read of them."""
        own = self.layout.documents
        further = {
            OWNER: pa.string(), REVISION: pa.int16(), BELONGS_TO: pa.string(), NUMBER: pa.string(), KEY: pa.string(),
        }  # fmt: skip
        table = self._table(own, rows[own.collection], further, dict(self.layout.beside))
        children = {
            columns.collection: self._table(columns, rows[columns.collection])
            for columns in self.layout.children
        }
        return Batch(table, children)

    def _archived(self, columns: Columns) -> tuple[str, ...]:
        """The columns that count in a digest."""
        return self.documents.archive.columns[columns.collection]

    def _table(
        self,
        columns: Columns,
        rows: Rows,
        further: Mapping[str, pa.DataType] = MappingProxyType({}),
        beside: Mapping[str, str] = MappingProxyType({}),
    ) -> pa.Table:
        """Rows of a collection: in columns of their own, sealed, and as the text of which a digest is made."""
        live = self.live[columns.collection].columns
        kinds = {name: live[name].base_type for name in self._archived(columns)}
        readable = {name: arrow_type(live[name]) for name, _ in columns.readable}
        table = rows.table({ORDINAL: pa.int32(), **readable, **further})
        texts = rows.table(dict.fromkeys((*kinds, *beside), pa.string()))
        sealed = {**{name: kinds[name] for name, _ in columns.sealed}, **beside}
        return table.append_column(SEALED, json_lists(texts, sealed)).append_column(
            TEXT, row_texts(texts, kinds)
        )

    def _of_documents(self, picked: FromClause, within: ColumnElement[bool]) -> Select[Any]:
        own = self.layout.documents
        document = relation(self.live, own.collection, "document")
        joined = self.documents.with_picked(document, own.collection)
        beside: list[ColumnElement[Any]] = []
        for number, one in enumerate(self.documents.archive.beside):
            other = relation(self.live, one.edge.target, f"beside_{number}")
            joined = joined.outerjoin(other, refers(one.edge, self.live, document, other))
            beside += [other.c[name] for name in one.columns]
        key = document_key(self.documents.rulebook, self.documents.archive, picked)
        return (
            sa.select(
                picked.c[ORDINAL],
                *(picked.c[name] for name in (OWNER, REVISION, BELONGS_TO, NUMBER)),
                key.label(KEY),
                *(document.c[name] for name in self._archived(own)),
                *(one.label(name) for one, (name, _) in zip(beside, self.layout.beside, strict=True)),
            )
            .select_from(joined)
            .where(within)
            .order_by(picked.c[ORDINAL])
        )

    def _of_children(self, columns: Columns, picked: FromClause, within: ColumnElement[bool]) -> Select[Any]:
        child = relation(self.live, columns.collection, "child")
        joined = self.documents.with_picked(child, columns.collection)
        keys = key_order(child, self.documents.rulebook.key(columns.collection))
        return (
            sa.select(picked.c[ORDINAL], *(child.c[name] for name in self._archived(columns)))
            .select_from(joined)
            .where(within)
            .order_by(picked.c[ORDINAL], *keys)
        )
