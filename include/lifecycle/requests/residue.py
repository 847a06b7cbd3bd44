"""The independent search: every column that may name a subject, asked one by one, without any plan or work set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.planning.changes import holds_something
from lifecycle.requests.ground import IsRemainder, NamesSubject
from lifecycle.store.prepared import prepared
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import CompoundSelect, Connection

    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom


def residue(connection: Connection, rulebook: Rulebook, whom: Whom, request_id: UUID) -> dict[str, int]:
    """Rows that name the subject although nothing says that they stay, by collection.

    What may stay is what the policy keeps from requests, what it empties and is empty, and what the request remembers
    as left for a while.
    """
    names, left = NamesSubject(rulebook, whom), IsRemainder(rulebook, request_id)
    counting = prepared(rulebook, ("residue", names.signature), lambda: _counting(rulebook, names, left))
    found = counting.rows(connection, {**names.bound, **left.bound}) if counting else ()
    return {one.collection: one.rows for one in found if one.rows}


def _counting(rulebook: Rulebook, names: NamesSubject, left: IsRemainder) -> CompoundSelect[Any] | None:
    """Counts such rows of every collection, one by one; None where no collection is asked."""
    counts = []
    for collection in rulebook.datamap.collections:
        if collection in rulebook.erasure.keeps or collection not in rulebook.live:
            continue
        row = relation(rulebook.live, collection, "residue")
        conditions = [names.is_due(collection, row), sa.not_(left.is_due(collection, row))]
        columns = rulebook.erasure.redaction.redacts.get(collection, ())
        if columns:
            conditions.append(holds_something(rulebook, collection, row, columns))
        name = sa.literal(collection, sa.Text).label("collection")
        counts.append(sa.select(name, sa.func.count().label("rows")).select_from(row).where(*conditions))
    return sa.union_all(*counts) if counts else None
