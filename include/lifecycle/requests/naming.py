"""Subjects who are named by their name and employer: several may have both, so an operator says whose the rows are.

Rows that have the name become candidates, each by the first identity that stands on it: what stands on rows of two
persons is two candidates. A row without any is a candidate by itself. None counts before somebody has confirmed it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.errors import ApprovalRequired, UsageError
from lifecycle.holds.targets import Subject, Target
from lifecycle.identity.forms import Identifier, identify_stored
from lifecycle.identity.names import NAME, PersonName
from lifecycle.requests.ground import NamesSubject, belongs_to
from lifecycle.requests.subject import Source, open_whom
from lifecycle.requests.tables import request_identity
from lifecycle.store.names import has_name
from lifecycle.store.relations import climb, relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from sqlalchemy import ColumnElement, Connection, FromClause

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom

MOST_CANDIDATES = 100
"""A name that leads to more is no name of a person, or the policy points to the wrong columns."""


@dataclass(frozen=True, kw_only=True)
class NamedSubject:
    """A subject by name and employer.

    Attributes:
        value: ``name; employer``; never shown.
    """

    value: str = field(repr=False)

    def found(self, _connection: Connection, rulebook: Rulebook) -> PersonName:
        """The name, if the policy says where names stand.

        Raises:
            UsageError: it does not, or this is no name with an employer.
        """
        if not rulebook.names:
            raise UsageError(
                "the policy does not say in which columns names stand",
                place=f"subject by {NAME}",
                next_step="name the subject by an identity, or state names in the policy",
            )
        return PersonName.parse(self.value)


def subject_by(kind: str, value: str) -> Subject | NamedSubject:
    """A subject by an identity of a kind, or by name and employer."""
    return NamedSubject(value=value) if kind == NAME else Subject(identity=kind, value=value)


def under_the_name(
    connection: Connection, rulebook: Rulebook, request_id: UUID, keys: KeyProvider, known: Whom
) -> tuple[Identifier | Target, ...]:
    """What stands on rows that have the name of a request's subject, and are not known to be the subject's.

    Raises:
        UsageError: there is too much of it for a person to look at.
    """
    names = open_whom(connection, rulebook, request_id, keys, sources=[Source.NAMED]).names
    found: dict[Identifier | Target, None] = {}
    for collection in rulebook.names if names else ():
        for one in _candidates_of(connection, rulebook, collection, replace(known, names=names)):
            found[one] = None
            if len(found) > MOST_CANDIDATES:
                raise UsageError(
                    f"more than {MOST_CANDIDATES} identities stand on rows of this name and employer",
                    place=f"request {request_id}",
                    next_step="refuse it, and take one that names the subject by an identity",
                )
    return tuple(found)


def rows_of_name(
    connection: Connection, rulebook: Rulebook, alone: Whom, names: Iterable[PersonName]
) -> dict[str, int]:
    """How many of a candidate's rows have the name, by collection."""
    names, counts = tuple(names), {}
    for collection in rulebook.names if names else ():
        row, joined, is_named = _named(rulebook, collection, names)
        is_candidates = NamesSubject(rulebook, alone).is_due(collection, row)
        query = sa.select(sa.func.count()).select_from(joined).where(is_named, is_candidates)
        counts[collection] = int(connection.scalar(query) or 0)
    return {name: rows for name, rows in counts.items() if rows}


def require_answers(connection: Connection, request_id: UUID) -> None:
    """Nothing is done for a subject who is named by name while it is not said which rows are meant.

    Raises:
        ApprovalRequired: a candidate of such a request waits.
    """
    sources = connection.scalars(
        sa.select(request_identity.c.source).where(request_identity.c.request_id == request_id)
    ).all()
    if {Source.NAMED.value, Source.CANDIDATE.value} <= set(sources):
        raise ApprovalRequired(
            "rows have the name and the employer; an operator has to say which of them are the subject's",
            place=f"request {request_id}",
            next_step="look at its candidates, confirm or decline each, and start it again",
        )


def _candidates_of(
    connection: Connection, rulebook: Rulebook, collection: str, whom: Whom
) -> Iterator[Identifier | Target]:
    row, joined, is_named = _named(rulebook, collection, whom.names)
    is_known = NamesSubject(rulebook, whom).is_due(collection, row)
    conditions = [is_named, is_known.is_not(sa.true())]
    if whom.tenant:
        conditions.append(belongs_to(rulebook, collection, row, whom.tenant))
    identities = _identities(rulebook, collection)
    names = [name for name, _ in rulebook.key(collection)]
    columns = [sa.cast(row.c[name], sa.Text) for name in (*names, *(name for name, _ in identities))]
    query = sa.select(*columns).select_from(joined).where(*conditions).order_by(*columns)
    for found in connection.execute(query):
        key, values = tuple(found[: len(names)]), found[len(names) :]
        stands = (
            identify_stored(kind, value, rulebook.policy.identity_rule(kind))
            for (_, kind), value in zip(identities, values, strict=True)
            if value
        )
        yield next(filter(None, stands), Target(collection=collection, key=key))


def _named(
    rulebook: Rulebook, collection: str, names: Iterable[PersonName]
) -> tuple[FromClause, FromClause, ColumnElement[bool]]:
    """Rows of a collection, joined to where the employer stands; whether one has any of the names."""
    stated = rulebook.names[collection]
    row = relation(rulebook.live, collection, "named_row")
    joined, end = climb(rulebook.live, row, stated.path, "employer")
    conditions = [
        sa.and_(has_name(row, stated.columns, one.person), has_name(end, (stated.employer,), one.employer))
        for one in names
    ]
    return row, joined, sa.or_(sa.false(), *conditions)


def _identities(rulebook: Rulebook, collection: str) -> list[tuple[str, str]]:
    """Columns with an identity that says whose a row is, and its kind: in the order in which the policy has the kinds.

    What leads on says nothing of whose a row is: two people may use one browser.
    """
    stated = rulebook.policy.identities
    order = {kind: number for number, kind in enumerate(stated)}
    found = [
        (column.name, identity.kind)
        for column, identity in rulebook.datamap.identities(collection)
        if not identity.path and not (identity.kind in stated and stated[identity.kind].leads_on)
    ]
    return sorted(found, key=lambda one: order.get(one[1], len(order)))
