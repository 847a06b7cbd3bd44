"""A subject's own rows: those that name the subject, and those that belong to them and to nobody else.

A deletion would take the same along, but for what an organisation holds as its content: a customer's people are not
the customer's own rows in the sense of a person's rights.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.planning.part import Part
from lifecycle.policy.model import EdgeKind
from lifecycle.policy.rulebook import Scope, collections_of, deletion_order, spread
from lifecycle.requests.ground import NamesSubject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from lifecycle.policy.edges import Edge
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.listed import Key
    from lifecycle.requests.subject import Whom

_OWN = {EdgeKind.OWNER, EdgeKind.SHARED}
"""The edges along which rows are somebody's own."""


class _Found(Part):
    """Rows that are looked for and left as they are: whatever keeps them from deletion does not matter."""

    def mark_kept(self) -> None:
        """Nothing is marked."""


def named_rows(
    connection: Connection, rulebook: Rulebook, whom: Whom, *, as_of: datetime, name: str = "named"
) -> Mapping[str, tuple[Key, ...]]:
    """Keys of the rows that name a subject, by collection."""
    return _rows(connection, rulebook, whom, (), as_of=as_of, name=name)


def belongings(
    connection: Connection, rulebook: Rulebook, whom: Whom, *, as_of: datetime, name: str = "own"
) -> Mapping[str, tuple[Key, ...]]:
    """Keys of a subject's own rows, by collection; of one organisation's content where that alone is meant.

    Args:
        connection: in a transaction that sees one state of the database.
        rulebook: of the policy in force.
        whom: the subject, opened.
        as_of: the moment of the run.
        name: begins the names of the temporary tables; of two in one transaction each has another.
    """
    edges = [
        edge for edge in rulebook.edges if edge.kind in _OWN and own_columns(rulebook, edge.leader) is None
    ]
    return _rows(connection, rulebook, whom, edges, as_of=as_of, name=name)


def own_columns(rulebook: Rulebook, collection: str) -> tuple[str, ...] | None:
    """Which columns of a row that names a subject are about the subject; None for all of them.

    Where an erasure leaves the row and empties columns, the rest is somebody else's, such as whom an invoice is for.
    """
    if collection in rulebook.erasure.keeps:
        return ()
    return rulebook.erasure.redaction.redacts.get(collection)


def _rows(
    connection: Connection,
    rulebook: Rulebook,
    whom: Whom,
    edges: Iterable[Edge],
    *,
    as_of: datetime,
    name: str,
) -> dict[str, tuple[Key, ...]]:
    own = replace(rulebook, edges=tuple(edges))
    part = _Found(connection, own, _scope(own, whom), NamesSubject(rulebook, whom), as_of=as_of, name=name)
    part.find()
    found = {}
    for work in part.works:
        columns = [sa.cast(column, sa.Text) for column in work.key_columns]
        rows = connection.execute(sa.select(*columns).order_by(*columns))
        found[work.collection] = tuple(tuple(row) for row in rows)
    return {collection: keys for collection, keys in found.items() if keys}


def _scope(rulebook: Rulebook, whom: Whom) -> Scope:
    """From the collections whose rows may name the subject, along whatever edges the rulebook has."""
    by_key = {row.collection for row in whom.rows}
    kinds = {one.kind for one in whom.subjects}
    roots = tuple(
        collection
        for collection in rulebook.datamap.collections
        if collection in rulebook.live and rulebook.key(collection)
        if collection in by_key
        or any(identity.kind in kinds for _, identity in rulebook.datamap.identities(collection))
    )
    keyed = [edge for edge in rulebook.edges if rulebook.key(edge.follower)]
    strands = spread(roots, keyed)
    closure = collections_of(strands)
    return Scope(
        roots=roots,
        strands=strands,
        deletion_order=deletion_order(closure, keyed),
        takes_along=bool(rulebook.edges),
    )
