"""Documents that were picked, read from the tables some thousand at a time, in the form in which they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array

from lifecycle.archive.copying import read_rows
from lifecycle.archive.documents import ORDINAL
from lifecycle.archive.layout import OWNER, REVISION, SEALED, arrow_type
from lifecycle.store.relations import climb, refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, FromClause, Select

    from lifecycle.archive.documents import Documents
    from lifecycle.archive.layout import Columns, Layout
    from lifecycle.policy.edges import Edge

DOCUMENTS_AT_ONCE = 10_000
"""Held in memory together, with all that belongs to them."""


class Batch:
    """Some documents in a row.

    Attributes:
        documents: their readable columns, with owner and revision; which in order each is; what is to be sealed, as
            a list in JSON.
        children: by collection, the same of the rows that belong to them, in the order of the documents.
    """

    def __init__(self, documents: pa.Table, children: dict[str, pa.Table]) -> None:
        self.documents = documents
        self.children = children

    def starts(self, collection: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Where the rows of each document begin among those of all, and at last where they end."""
        ordinals = self.children[collection][ORDINAL].to_numpy()
        found = np.searchsorted(ordinals, self.documents[ORDINAL].to_numpy(), side="left")
        return np.append(found, len(ordinals))

    def sealed_texts(self) -> list[str]:
        """What is to be sealed of each document: its own values, then by collection the values of each row, as JSON."""
        texts = [[text] for text in self.documents[SEALED].to_pylist()]
        for collection, rows in self.children.items():
            values, starts = rows[SEALED].to_pylist(), self.starts(collection).tolist()
            for number, parts in enumerate(texts):
                parts.append(f"[{','.join(values[starts[number] : starts[number + 1]])}]")
        return [f"[{','.join(parts)}]" for parts in texts]


def read_batches(documents: Documents, layout: Layout, count: int) -> Iterator[Batch]:
    """Every document that was picked, in order, with what belongs to it.

    Args:
        documents: of which some were picked, in a transaction that goes on.
        layout: of the objects that they are written to.
        count: how many were picked.
    """
    reader = _Reader(documents, layout)
    for first in range(0, count, DOCUMENTS_AT_ONCE):
        yield reader.read(first, min(first + DOCUMENTS_AT_ONCE, count))


class _Reader:
    """Reads documents by their place in the order in which they are written."""

    def __init__(self, documents: Documents, layout: Layout) -> None:
        self.documents = documents
        self.layout = layout
        self.live = documents.rulebook.live

    def read(self, first: int, end: int) -> Batch:
        """Those from a place up to another."""
        picked = self.documents.picked
        within = sa.and_(picked.c[ORDINAL] >= first, picked.c[ORDINAL] < end)
        own = self.layout.documents
        further = {OWNER: pa.string(), REVISION: pa.int16()}
        table = self._rows(own, self._of_documents(picked, within), further)
        children = {
            columns.collection: self._rows(columns, self._of_children(columns, picked, within), {})
            for columns in self.layout.children
        }
        return Batch(table, children)

    def _is_to_picked(self, edge: Edge) -> bool:
        """Whether a reference is to the key of documents, by which they were picked."""
        return set(edge.target_columns) <= {name for name, _ in self.documents.keys}

    def _rows(self, columns: Columns, query: Select[Any], further: dict[str, pa.DataType]) -> pa.Table:
        live = self.live[columns.collection].columns
        readable = {name: arrow_type(live[name]) for name, _ in columns.readable}
        types = {ORDINAL: pa.int32(), **readable, **further, SEALED: pa.string()}
        return read_rows(self.documents.connection, query, types, place=columns.collection)

    def _of_documents(self, picked: FromClause, within: ColumnElement[bool]) -> Select[Any]:
        own = self.layout.documents
        document = relation(self.live, own.collection, "document")
        joined = picked.join(document, self.documents.is_picked(document, picked))
        beside: list[ColumnElement[Any]] = []
        for number, one in enumerate(self.documents.archive.beside):
            other = relation(self.live, one.edge.target, f"beside_{number}")
            joined = joined.outerjoin(other, refers(one.edge, self.live, document, other))
            beside += [other.c[name] for name in one.columns]
        sealed = [*(document.c[name] for name, _ in own.sealed), *beside]
        return (
            sa.select(
                picked.c[ORDINAL],
                *(document.c[name] for name, _ in own.readable),
                picked.c[OWNER],
                picked.c[REVISION],
                _as_json(sealed),
            )
            .select_from(joined)
            .where(within)
            .order_by(picked.c[ORDINAL])
        )

    def _of_children(self, columns: Columns, picked: FromClause, within: ColumnElement[bool]) -> Select[Any]:
        child = relation(self.live, columns.collection, "child")
        path = self.documents.archive.paths[columns.collection]
        if self._is_to_picked(path[-1]):  # then the documents' own table need not be read again
            joined, end = climb(self.live, child, path[:-1], "child_up")
            joined = joined.join(picked, refers(path[-1], self.live, end, picked))
        else:
            joined, end = climb(self.live, child, path, "child_up")
            joined = joined.join(picked, self.documents.is_picked(end, picked))
        keys = [child.c[name] for name, _ in self.documents.rulebook.key(columns.collection)]
        return (
            sa.select(
                picked.c[ORDINAL],
                *(child.c[name] for name, _ in columns.readable),
                _as_json([child.c[name] for name, _ in columns.sealed]),
            )
            .select_from(joined)
            .where(within)
            .order_by(picked.c[ORDINAL], *keys)
        )


def _as_json(values: list[ColumnElement[Any]]) -> ColumnElement[Any]:
    """Values as PostgreSQL writes them, as a list of texts and nulls in JSON."""
    texts: ColumnElement[Any] = array([sa.cast(value, sa.Text) for value in values], type_=sa.Text)
    return sa.cast(sa.func.array_to_json(sa.cast(texts, sa.ARRAY(sa.Text))), sa.Text)
