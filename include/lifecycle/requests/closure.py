"""What else a subject is known by: identities that stand on rows of the subject and lead on to other rows (W4).

A visitor's cookie on an enquiry leads to what the visitor did. Where it stands on an enquiry of somebody else too, two
people used one browser, and nothing is merged: an operator is shown how many rows there are, and says whose they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.identity.forms import Identifier, identify
from lifecycle.requests.ground import NamesSubject
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom


@dataclass(frozen=True, kw_only=True)
class Closure:
    """Everything a subject is known by.

    Attributes:
        whom: what was given, and what was found with it.
        found: what was found and is the subject's alone.
        shared: what was found and stands on rows of others too.
    """

    whom: Whom
    found: tuple[Identifier, ...]
    shared: tuple[Identifier, ...]


def closure(connection: Connection, rulebook: Rulebook, whom: Whom) -> Closure:
    """Follow the identities that lead on, until nothing new is found."""
    found: dict[Identifier, None] = {}
    shared: dict[Identifier, None] = {}
    pending = True
    while pending:
        known = {*whom.subjects, *shared}
        new = [one for one in _on_rows_of(connection, rulebook, whom) if one not in known]
        for one in dict.fromkeys(new):
            (shared if _is_somebody_elses(connection, rulebook, whom, one) else found)[one] = None
        pending = any(one in found for one in new)
        whom = replace(whom, subjects=tuple(dict.fromkeys((*whom.subjects, *found))))
    return Closure(whom=whom, found=tuple(found), shared=tuple(shared))


def rows_with(connection: Connection, rulebook: Rulebook, alone: Whom) -> dict[str, int]:
    """How many rows have an identity, or are named by their keys, by collection: what an operator is shown."""
    names, counts = NamesSubject(rulebook, alone), {}
    having = (name for one in alone.subjects for name in _having(rulebook, one.kind))
    for collection in dict.fromkeys((*having, *(row.collection for row in alone.rows))):
        row = relation(rulebook.live, collection, "counted")
        query = sa.select(sa.func.count()).select_from(row).where(names.is_due(collection, row))
        counts[collection] = int(connection.scalar(query) or 0)
    return {name: rows for name, rows in counts.items() if rows}


def _leading(rulebook: Rulebook) -> list[str]:
    return [kind for kind, stated in rulebook.policy.identities.items() if stated.leads_on]


def _having(rulebook: Rulebook, kind: str) -> list[str]:
    return [
        name
        for name in rulebook.datamap.collections
        if any(identity.kind == kind for _, identity in rulebook.datamap.identities(name))
    ]


def _on_rows_of(connection: Connection, rulebook: Rulebook, whom: Whom) -> Iterator[Identifier]:
    """The identities that lead on, of the rows that name the subject."""
    names = NamesSubject(rulebook, whom)
    for kind in _leading(rulebook):
        for collection in _having(rulebook, kind):
            row = relation(rulebook.live, collection, "leading")
            for column, identity in rulebook.datamap.identities(collection):
                if identity.kind == kind and not identity.path:
                    value = sa.cast(row.c[column.name], sa.Text)
                    query = (
                        sa.select(value).distinct().where(value.is_not(None), names.is_due(collection, row))
                    )
                    for text in connection.scalars(query):
                        yield identify(kind, text, rulebook.policy.identity_rule(kind))


def _is_somebody_elses(connection: Connection, rulebook: Rulebook, whom: Whom, one: Identifier) -> bool:
    """Whether a row has the identity and says, by one of another kind, that it is about somebody else."""
    names = NamesSubject(rulebook, whom)
    alone = NamesSubject(rulebook, replace(whom, subjects=(one,), rows=(), tenant=None), "alone")
    leading = _leading(rulebook)
    for collection in _having(rulebook, one.kind):
        row = relation(rulebook.live, collection, "other")
        said: list[Any] = [
            row.c[column.name].is_not(None)
            for column, identity in rulebook.datamap.identities(collection)
            if identity.kind not in leading and not identity.path
        ]
        if not said:
            continue
        conditions = (
            alone.is_due(collection, row),
            sa.or_(*said),
            names.is_due(collection, row).is_not(sa.true()),
        )
        others = sa.exists(sa.select(sa.literal(1)).select_from(row).where(*conditions))
        if connection.scalar(sa.select(others)):
            return True
    return False
