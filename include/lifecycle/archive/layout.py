"""How documents stand in an object: a Parquet file that says itself what its columns mean.

A row is a document as it was when it was written: its key, number, day and money in columns of their own, the rows
that belong to it as lists, and everything else of all of them sealed, as one JSON text, with the key of its owner.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.policy.archives import ResolvedArchive
    from lifecycle.policy.rulebook import Rulebook

FORMAT = 1
"""Of objects and manifests; a reader refuses a later one."""
OWNER, REVISION, SEALED = "lifecycle.owner", "lifecycle.revision", "lifecycle.sealed"
"""Columns that no collection has."""
ABOUT = b"lifecycle.archive"
"""Under which the file's own metadata says what its columns mean."""
ROWS_PER_GROUP = 500
"""Documents that are read together when one is fetched."""
GROUPS_PER_OBJECT = 40
DOCUMENTS_PER_OBJECT = ROWS_PER_GROUP * GROUPS_PER_OBJECT

_ARROW = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    "timestamp without time zone": pa.timestamp("us"),
}


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of one collection's rows.

    Attributes:
        readable: name and type of columns of their own.
        sealed: name and PostgreSQL type of those in the sealed text, in its order.
    """

    collection: str
    readable: tuple[tuple[str, str], ...]
    sealed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What the columns of an object mean.

    Attributes:
        documents: the documents' own columns.
        children: those of the rows that belong to them.
        key: the columns of the documents' primary key.
        number: the column of their number; ``issued`` and ``currency`` likewise.
        totals: columns of money by collection.
        beside: columns of rows that documents refer to, named ``reference.column``, sealed after the documents' own.
        schema: of the Parquet file.
    """

    archive: str
    documents: Columns
    children: tuple[Columns, ...]
    key: tuple[str, ...]
    number: str
    issued: str
    currency: str
    totals: Mapping[str, tuple[str, ...]]
    beside: tuple[tuple[str, str], ...]
    schema: pa.Schema

    @property
    def parts(self) -> tuple[Columns, ...]:
        """The documents' own, then those of what belongs to them."""
        return (self.documents, *self.children)

    @classmethod
    def of(cls, rulebook: Rulebook, archive: ResolvedArchive, year_end: date) -> Layout:
        """The layout of an archive under a policy, for one financial year."""
        parts = [_columns(rulebook, archive, collection) for collection in archive.paths]
        fields = [_field(rulebook, part.collection, name) for part in parts[:1] for name, _ in part.readable]
        fields += [
            pa.field(OWNER, pa.string(), nullable=False),
            pa.field(REVISION, pa.int16(), nullable=False),
        ]
        for part in parts[1:]:
            row = pa.struct([_field(rulebook, part.collection, name) for name, _ in part.readable])
            fields.append(
                pa.field(part.collection, pa.list_(pa.field("row", row, nullable=False)), nullable=False)
            )
        fields.append(pa.field(SEALED, pa.binary(), nullable=False))
        layout = cls(
            archive=archive.name,
            documents=parts[0],
            children=tuple(parts[1:]),
            key=tuple(name for name, _ in rulebook.key(archive.documents)),
            number=archive.archive.number,
            issued=archive.issued,
            currency=archive.archive.currency,
            totals={name: archive.archive.totals.get(name, ()) for name in archive.paths},
            beside=_beside(rulebook, archive),
            schema=pa.schema(fields),
        )
        return layout.described(year_end)

    def described(self, year_end: date) -> Layout:
        """The same, its schema saying so of the documents of a financial year."""
        about = json.dumps({**self.document(), "year_end": year_end.isoformat()}, separators=(",", ":"))
        return replace(self, schema=self.schema.with_metadata({ABOUT: about.encode()}))

    @property
    def year_end(self) -> date:
        """Last day of the financial year that its schema names."""
        return date.fromisoformat(json.loads(self.schema.metadata[ABOUT])["year_end"])

    def document(self) -> dict[str, Any]:
        """What the columns mean, as JSON-ready values."""
        return {
            "format": FORMAT,
            "archive": self.archive,
            "parts": [
                {"collection": one.collection, "readable": list(one.readable), "sealed": list(one.sealed)}
                for one in self.parts
            ],
            "key": list(self.key),
            "number": self.number,
            "issued": self.issued,
            "currency": self.currency,
            "totals": {name: list(columns) for name, columns in self.totals.items()},
            "beside": list(self.beside),
        }

    @classmethod
    def from_schema(cls, schema: pa.Schema) -> Layout:
        """The layout that a file says it has.

        Raises:
            ValueError: it says none, or a later format.
        """
        about = json.loads((schema.metadata or {}).get(ABOUT, b"{}"))
        if about.get("format") != FORMAT:
            raise ValueError("no layout that is known here")
        first, *rest = (
            Columns(
                collection=one["collection"],
                readable=tuple((name, kind) for name, kind in one["readable"]),
                sealed=tuple((name, kind) for name, kind in one["sealed"]),
            )
            for one in about["parts"]
        )
        return cls(
            archive=about["archive"],
            documents=first,
            children=tuple(rest),
            key=tuple(about["key"]),
            number=about["number"],
            issued=about["issued"],
            currency=about["currency"],
            totals={name: tuple(columns) for name, columns in about["totals"].items()},
            beside=tuple((name, kind) for name, kind in about["beside"]),
            schema=schema,
        )


def _columns(rulebook: Rulebook, archive: ResolvedArchive, collection: str) -> Columns:
    live = rulebook.live[collection].columns
    return Columns(
        collection=collection,
        readable=tuple((name, live[name].type) for name in archive.readable[collection]),
        sealed=tuple((name, live[name].type) for name in archive.sealed(collection)),
    )


def _beside(rulebook: Rulebook, archive: ResolvedArchive) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{one.edge.name.rsplit('.', 1)[1]}.{name}", rulebook.live[one.edge.target].columns[name].type)
        for one in archive.beside
        for name in one.columns
    )


def _field(rulebook: Rulebook, collection: str, name: str) -> pa.Field:
    return pa.field(name, arrow_type(rulebook.live[collection].columns[name]))


def arrow_type(column: LiveColumn) -> pa.DataType:
    """The type of a readable column in an object."""
    if column.base_type == "numeric":
        precision, scale = column.decimals or (0, 0)
        return pa.decimal128(precision, scale)
    return _ARROW.get(column.base_type, pa.string())
