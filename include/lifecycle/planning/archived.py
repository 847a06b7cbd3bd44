"""What the tables hold of a document, told by a digest for each of its collections.

Of its own row, and of all rows that belong to it, in whatever order. The database computes it, when a document is
written into an archive and again when it is asked whether that has it as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by, array

from lifecycle.store.relations import climb, refers, relation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, FromClause

    from lifecycle.policy.archives import ResolvedArchive
    from lifecycle.policy.rulebook import Rulebook

archive_record = sa.table(
    "archive_record",
    sa.column("archive", sa.Text),
    sa.column("key", sa.ARRAY(sa.Text)),
    sa.column("revision", sa.SmallInteger),
    sa.column("is_newest", sa.Boolean),
    sa.column("number", sa.Text),
    sa.column("owner", sa.Text),
    sa.column("digest", sa.LargeBinary),
    sa.column("part_id", sa.Integer),
    sa.column("object", sa.SmallInteger),
    sa.column("row_group", sa.SmallInteger),
    sa.column("place", sa.Integer),
    schema="lifecycle",
)


def document_key(rulebook: Rulebook, archive: ResolvedArchive, document: FromClause) -> ColumnElement[Any]:
    """The primary key of a document, column by column as text."""
    return array([sa.cast(document.c[name], sa.Text) for name, _ in rulebook.key(archive.documents)])


def document_digest(rulebook: Rulebook, archive: ResolvedArchive, document: FromClause) -> ColumnElement[Any]:
    """What the tables hold of a document: 32 bytes for each of the archive's collections, in their order."""
    digest: ColumnElement[Any] = _row_digest(document, archive.columns[archive.documents])
    for collection in archive.children:
        digest = digest.op("||")(_digest_of_children(rulebook, archive, collection, document))
    return digest


def _digest_of_children(
    rulebook: Rulebook, archive: ResolvedArchive, collection: str, document: FromClause
) -> ColumnElement[Any]:
    """Of all rows of a collection that belong to a document, in the order of their own digests."""
    child = relation(rulebook.live, collection, "child")
    *below, last = archive.paths[collection]
    joined, end = climb(rulebook.live, child, tuple(below), "child_up")
    digest = _row_digest(child, archive.columns[collection])
    nothing = sa.cast(sa.literal_column("''"), sa.LargeBinary)
    together = sa.func.string_agg(digest, aggregate_order_by(nothing, digest))
    return (
        sa.select(sa.func.sha256(sa.func.coalesce(together, nothing)))
        .select_from(joined)
        .where(refers(last, rulebook.live, end, document))
        .correlate(document)
        .scalar_subquery()
    )


def _row_digest(row: FromClause, columns: Iterable[str]) -> ColumnElement[Any]:
    """Of the columns of a row, as PostgreSQL writes them; no two rows that differ are written alike."""
    text = sa.cast(sa.func.row(*(row.c[name] for name in columns)), sa.Text)
    return sa.func.sha256(sa.func.convert_to(text, sa.literal_column("'UTF8'")))
