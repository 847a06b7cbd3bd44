"""Documents that an archive holds as they stand in the tables: the tables need not keep them any more.

What the tables hold of a document is told by a digest for each of its collections: of its own row, and of all rows
that belong to it, in whatever order. It is made of the texts of rows as PostgreSQL writes them: by whoever writes a
document, and by the database when it is asked about, so that what was changed in between is not taken for written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by, array

from lifecycle.datamap.texts import TEXTS
from lifecycle.store.relations import climb, refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.policy.archives import ResolvedArchive
    from lifecycle.policy.rulebook import Rulebook

archive_record = sa.table(
    "archive_record",
    sa.column("archive", sa.Text),
    sa.column("key", sa.Text),
    sa.column("revision", sa.SmallInteger),
    sa.column("is_newest", sa.Boolean),
    sa.column("number", sa.Text),
    sa.column("owner", sa.Text),
    sa.column("belongs_to", sa.Text),
    sa.column("digest", sa.LargeBinary),
    sa.column("part_id", sa.Integer),
    sa.column("object", sa.SmallInteger),
    sa.column("row_group", sa.SmallInteger),
    sa.column("place", sa.Integer),
    schema="lifecycle",
)

_part = sa.table(
    "archive_part", sa.column("part_id"), sa.column("state"), sa.column("lost_at"), schema="lifecycle"
)
RELIED_ON = sa.select(_part.c.part_id).where(_part.c.state == "written", _part.c.lost_at.is_(None))
"""Parts that were verified, are in their place, and were not found lost since."""


def is_archived(rulebook: Rulebook, duty: str, collection: str, row: FromClause) -> ColumnElement[bool]:
    """Whether an archive that fulfils a duty has the document of a row as it stands in the tables.

    Args:
        rulebook: of the policy in force.
        duty: its name.
        collection: of the row.
        row: any relation that has its columns.
    """
    found = [
        _is_archived(rulebook, archive, collection, row)
        for archive in rulebook.archives.values()
        if archive.duty.name == duty and collection in archive.paths
    ]
    return sa.or_(*found) if found else sa.false()


def document_key(rulebook: Rulebook, archive: ResolvedArchive, document: FromClause) -> ColumnElement[Any]:
    """The primary key of a document as the index has it."""
    return key_text(
        array([sa.cast(document.c[name], sa.Text) for name, _ in rulebook.key(archive.documents)])
    )


def key_text(key: ColumnElement[Any]) -> ColumnElement[Any]:
    """A primary key, column by column as text, written as one text, which an index compares byte by byte."""
    return sa.cast(key, sa.Text).collate("C")


def document_digest(rulebook: Rulebook, archive: ResolvedArchive, document: FromClause) -> ColumnElement[Any]:
    """What the tables hold of a document: 32 bytes for each of the archive's collections, in their order."""
    digest: ColumnElement[Any] = digest_of_row(document, archive.columns[archive.documents])
    for collection in archive.children:
        digest = digest.op("||")(_digest_of_children(rulebook, archive, collection, document))
    return digest


def _is_archived(
    rulebook: Rulebook, archive: ResolvedArchive, collection: str, row: FromClause
) -> ColumnElement[bool]:
    path = archive.paths[collection]
    if not path:
        return _has_record(rulebook, archive, row)
    first, *rest = path
    start = relation(rulebook.live, first.target, "archived")
    joined, document = climb(rulebook.live, start, tuple(rest), "archived_up")
    return sa.exists(
        sa.select(sa.literal(1))
        .select_from(joined)
        .where(refers(first, rulebook.live, row, start), _has_record(rulebook, archive, document))
        .correlate(row)
    )


def _has_record(rulebook: Rulebook, archive: ResolvedArchive, document: FromClause) -> ColumnElement[bool]:
    """The newest record of a document has the digest that the tables have now."""
    record = archive_record.alias("newest_record")
    return sa.exists(
        sa.select(sa.literal(1))
        .select_from(record)
        .where(
            record.c.archive == archive.name,
            record.c.part_id.in_(RELIED_ON),
            record.c.key == document_key(rulebook, archive, document),
            record.c.is_newest,
            record.c.digest == document_digest(rulebook, archive, document),
        )
        .correlate(document)
    )


def key_order(row: FromClause, key: Iterable[tuple[str, str]]) -> list[ColumnElement[Any]]:
    """By what rows are ordered whose texts are digested together: their key, bytewise where it is text."""
    return [row.c[name].collate("C") if kind in TEXTS else row.c[name] for name, kind in key]


def as_written(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A value as its type writes it, empty where there is none; a cast would take blanks from ``character(n)``."""
    return sa.func.concat(column)


def row_text(row: FromClause, columns: Iterable[str]) -> ColumnElement[Any]:
    """Columns of a row as PostgreSQL writes them, of which a digest is made."""
    return sa.cast(sa.func.row(*(row.c[name] for name in columns)), sa.Text)


def digest_of_row(row: FromClause, columns: Iterable[str]) -> ColumnElement[Any]:
    """Of the columns of a row, as PostgreSQL writes them; no two rows that differ are written alike."""
    return _sha256(row_text(row, columns))


def digest_of_rows(
    row: FromClause,
    key: Iterable[tuple[str, str]],
    columns: Iterable[str],
    joined: FromClause,
    condition: ColumnElement[bool],
    document: FromClause,
) -> ColumnElement[Any]:
    """Of all rows of one collection that belong to a document, in the order of their keys.

    Args:
        row: of the collection.
        key: name and type of each column of its key.
        columns: of it, that count.
        joined: what it is selected from, itself or with what leads up to the document.
        condition: it belongs to the document.
        document: of the query around it.
    """
    nothing: ColumnElement[str] = sa.literal_column("''")
    in_order = aggregate_order_by(nothing, *key_order(row, key))
    together = sa.func.string_agg(row_text(row, columns), in_order)
    return (
        sa.select(_sha256(sa.func.coalesce(together, nothing)))
        .select_from(joined)
        .where(condition)
        .correlate(document)
        .scalar_subquery()
    )


def _sha256(text: ColumnElement[Any]) -> ColumnElement[Any]:
    return sa.func.sha256(sa.func.convert_to(text, sa.literal_column("'UTF8'")))


def _digest_of_children(
    rulebook: Rulebook, archive: ResolvedArchive, collection: str, document: FromClause
) -> ColumnElement[Any]:
    """Of all rows of a collection that belong to a document."""
    child = relation(rulebook.live, collection, "child")
    *below, last = archive.paths[collection]
    joined, end = climb(rulebook.live, child, tuple(below), "child_up")
    is_its = refers(last, rulebook.live, end, document)
    key, columns = rulebook.key(collection), archive.columns[collection]
    return digest_of_rows(child, key, columns, joined, is_its, document)
