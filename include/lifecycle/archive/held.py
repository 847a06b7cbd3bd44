"""Documents of an archive that holds and restrictions cover, whether the tables have them still or not.

A hold names a document by key, all of its collection, or something that the document belongs to. That is known of one
that only the archive has by its key, owner and collection; of one that the tables have by all that leads to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from lifecycle.holds.tables import ABOUT, hold, hold_row, is_active
from lifecycle.planning.archived import archive_record, document_key, key_text
from lifecycle.store.relations import climb, relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import CTE, ColumnElement, FromClause, Select, Subquery

    from lifecycle.holds.cover import Cover
    from lifecycle.policy.archives import ResolvedArchive
    from lifecycle.policy.edges import Edge


def held_documents(cover: Cover, archive: ResolvedArchive) -> Subquery | None:
    """The documents that are held, each once, with the hold that counts; None where nothing can be.

    Columns: ``key`` (as the index has it), ``kind``, ``hold_id`` as text, ``last_day``. A hold comes before a
    restriction, then the one that lasts longest.

    Args:
        cover: of the moment that counts.
        archive: of the policy that it asks by.
    """
    branches = list(_branches(cover, archive))
    if not branches:
        return None
    found = sa.union_all(*branches).subquery("found")
    last_moment = found.c.until - sa.literal_column("interval '1 microsecond'")
    day = sa.cast(sa.func.timezone(str(cover.rulebook.policy.zone), last_moment), sa.Date).label("last_day")
    hold_id = sa.cast(found.c.hold_id, sa.Text).label("hold_id")
    return (
        sa.select(found.c["key"], found.c.kind, hold_id, day)
        .ext(distinct_on(found.c["key"]))
        .order_by(found.c["key"], found.c.kind, found.c.until.desc(), found.c.hold_id)
        .subquery("held_document")
    )


def _branches(cover: Cover, archive: ResolvedArchive) -> Iterator[Select[Any]]:
    if archive.documents in cover.by_key:
        yield _named(cover, archive)
    if cover.whole & archive.paths.keys():
        yield _of_whole(cover, archive, sorted(archive.paths))
    yield from _of_owners(cover, archive)
    for collection in archive.paths:
        if collection in cover:
            yield _in_tables(cover, archive, collection)


def _named(cover: Cover, archive: ResolvedArchive) -> Select[Any]:
    """Documents that a hold names by key."""
    return (
        sa.select(key_text(hold_row.c["key"]).label("key"), *(hold.c[name] for name in ABOUT))
        .select_from(hold_row.join(hold, hold.c.hold_id == hold_row.c.hold_id))
        .where(
            is_active(cover.as_of),
            hold_row.c.collection == archive.documents,
            sa.func.cardinality(hold_row.c["key"]) > 0,
        )
    )


def _of_whole(cover: Cover, archive: ResolvedArchive, collections: list[str]) -> Select[Any]:
    """All documents, where a hold names all of a collection."""
    names_all = sa.and_(hold_row.c.collection.in_(collections), sa.func.cardinality(hold_row.c["key"]) == 0)
    return (
        sa.select(archive_record.c["key"], *(hold.c[name] for name in ABOUT))
        .select_from(
            archive_record.join(hold_row, names_all).join(hold, hold.c.hold_id == hold_row.c.hold_id)
        )
        .where(is_active(cover.as_of), archive_record.c.archive == archive.name)
    )


def _of_owners(cover: Cover, archive: ResolvedArchive) -> Iterator[Select[Any]]:
    """Documents whose owner is covered, where what belongs to an owner is covered with it."""
    rulebook = cover.rulebook
    for edge in rulebook.edges_from(archive.documents):
        if edge.spreads and edge.columns == (archive.archive.owner,):
            if edge.target in cover:
                yield _of_covered_owners(cover, archive, edge)
            if edge.target in cover.whole:
                yield _of_whole(cover, archive, [edge.target])


def _of_covered_owners(cover: Cover, archive: ResolvedArchive, edge: Edge) -> Select[Any]:
    """Of an owner now, or when the document was first written."""
    covered = cover.rows(edge.target)
    owner = relation(cover.rulebook.live, edge.target, "owner")
    name = sa.cast(owner.c[edge.target_columns[0]], sa.Text)
    is_it = sa.or_(archive_record.c.owner == name, archive_record.c.belongs_to == name)
    joined = archive_record.join(owner, is_it).join(covered, _is_covered(cover, edge.target, owner, covered))
    return (
        sa.select(archive_record.c["key"], *(covered.c[name] for name in ABOUT))
        .select_from(joined)
        .where(archive_record.c.archive == archive.name)
    )


def _in_tables(cover: Cover, archive: ResolvedArchive, collection: str) -> Select[Any]:
    """Documents that the tables have, of which a row is covered."""
    rulebook, covered = cover.rulebook, cover.rows(collection)
    row = relation(rulebook.live, collection, "covered_row")
    joined, document = climb(rulebook.live, row, archive.paths[collection], "covered_up")
    key = document_key(rulebook, archive, document).label("key")
    return sa.select(key, *(covered.c[name] for name in ABOUT)).select_from(
        joined.join(covered, _is_covered(cover, collection, row, covered))
    )


def _is_covered(cover: Cover, collection: str, row: FromClause, covered: CTE) -> ColumnElement[bool]:
    keys = cover.rulebook.key(collection)
    return sa.and_(*(row.c[name] == covered.c[f"key_{number}"] for number, (name, _) in enumerate(keys)))
