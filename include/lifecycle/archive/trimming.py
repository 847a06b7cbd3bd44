"""Documents without what the policy does not ask for any more: columns that should never have been written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from lifecycle.archive.layout import Columns, Layout


class Trimming:
    """Takes out of documents what one layout has and another has not.

    Args:
        source: of the documents as they stand.
        wanted: of documents as they are written now; None where nothing is to be taken out.
    """

    def __init__(self, source: Layout, wanted: Layout | None) -> None:
        self.source = source
        self.layout = source if wanted is None else _trimmed(source, wanted)

    def table(self, documents: pa.Table) -> pa.Table:
        """The columns of documents that stay."""
        columns = [
            _rows(documents[field.name], field) if pa.types.is_list(field.type) else documents[field.name]
            for field in self.layout.schema
        ]
        return pa.table(columns, schema=self.layout.schema)

    def text(self, sealed: bytes) -> bytes:
        """The values of one sealed text that stay."""
        if self.layout is self.source:
            return sealed
        own, *children = json.loads(sealed)
        of_children = dict(zip((one.collection for one in self.source.children), children, strict=True))
        kept: list[Any] = [_values(own, _sealed(self.source), _sealed(self.layout))]
        for before, after in self._children():
            names = [name for name, _ in before.sealed]
            wanted = [name for name, _ in after.sealed]
            kept.append([_values(row, names, wanted) for row in of_children[after.collection]])
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()

    def _children(self) -> Iterable[tuple[Columns, Columns]]:
        before = {one.collection: one for one in self.source.children}
        return ((before[one.collection], one) for one in self.layout.children)


def _sealed(layout: Layout) -> list[str]:
    """Names of the values at the head of a sealed text."""
    return [*(name for name, _ in layout.documents.sealed), *(name for name, _ in layout.beside)]


def _values(values: list[Any], names: list[str], wanted: list[str]) -> list[Any]:
    found = dict(zip(names, values, strict=True))
    return [found[name] for name in wanted]


def _trimmed(source: Layout, wanted: Layout) -> Layout:
    """What both have, and of the documents' own whatever they are told by."""
    told_by = {*source.key, source.number, source.issued, source.currency}
    kept = {
        one.collection: {name for name, _ in (*one.readable, *one.sealed)}
        for one in (wanted.documents, *wanted.children)
    }
    kept[source.documents.collection] |= told_by
    documents = _only(source.documents, kept[source.documents.collection])
    children = tuple(_only(one, kept[one.collection]) for one in source.children if one.collection in kept)
    beside = {name for name, _ in wanted.beside}
    readable = {one.collection: {name for name, _ in one.readable} for one in (documents, *children)}
    layout = replace(
        source,
        documents=documents,
        children=children,
        totals={
            collection: tuple(name for name in columns if name in readable[collection])
            for collection, columns in source.totals.items()
            if collection in readable
        },
        beside=tuple(one for one in source.beside if one[0] in beside),
        schema=pa.schema(_fields(source.schema, source, readable)),
    )
    return layout.described(source.year_end)


def _only(columns: Columns, names: Collection[str]) -> Columns:
    return replace(
        columns,
        readable=tuple(one for one in columns.readable if one[0] in names),
        sealed=tuple(one for one in columns.sealed if one[0] in names),
    )


def _fields(schema: pa.Schema, source: Layout, readable: dict[str, set[str]]) -> Iterable[pa.Field]:
    own = {name for name, _ in source.documents.readable}
    children = {one.collection for one in source.children}
    for field in schema:
        if field.name in children:
            if field.name in readable:
                row = pa.struct([one for one in field.type.value_type if one.name in readable[field.name]])
                yield field.with_type(pa.list_(pa.field("row", row, nullable=False)))
        elif field.name not in own or field.name in readable[source.documents.collection]:
            yield field


def _rows(column: pa.ChunkedArray, field: pa.Field) -> pa.Array:
    """Lists of rows with fewer columns."""
    lists = column.combine_chunks()
    ends = np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False))
    starts = pa.array(np.concatenate(([0], ends)), pa.int32())
    rows, row_type = pc.list_flatten(lists), field.type.value_type
    arrays = [pc.struct_field(rows, one.name) for one in row_type]
    values = pa.StructArray.from_arrays(arrays, fields=list(row_type))
    return pa.ListArray.from_arrays(starts, values, type=field.type)
