"""Who is to be told of rows that are erased, corrected or restricted: by the log of disclosures, and by the policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.store.relations import NamedType, refers, relation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy import Connection, FromClause, Select

    from lifecycle.datamap.model import CollectionName
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.model import Disclosures, Policy
    from lifecycle.policy.rulebook import Rulebook

Key = tuple[str, ...]
"""A row's primary key as text, column by column."""


@dataclass(frozen=True, kw_only=True)
class Disclosure:
    """A line of the company's log of what went to whom.

    Attributes:
        recipient: whom it names.
        collection: of the row that it refers to.
        reference: the line's own key, column by column.
        disclosed_at: when, as the log has it; None where it does not say.
    """

    recipient: str
    collection: CollectionName
    reference: Key
    disclosed_at: date | None


@dataclass(frozen=True, kw_only=True)
class Addressee:
    """Somebody who is to be told.

    Attributes:
        recipient: name in the policy.
        collections: what it was given of the rows, or may have been.
        disclosures: lines of the log that say so.
        is_by_hand: whether a person has to tell it: the policy names no address.
    """

    recipient: str
    collections: tuple[CollectionName, ...]
    disclosures: tuple[Disclosure, ...]
    is_by_hand: bool


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Everybody who is to be told.

    Attributes:
        addressees: in the order of the policy.
        unknown: lines of the log whose recipient the policy does not have; a person has to find out who it is.
    """

    addressees: tuple[Addressee, ...]
    unknown: tuple[Disclosure, ...]


def find_audience(
    connection: Connection, rulebook: Rulebook, rows: Mapping[CollectionName, Sequence[Key]]
) -> Audience:
    """Who is to be told of these rows.

    Asked while they are still there, in the transaction that changes them: lines of the log may go with them.

    Args:
        connection: as the engine.
        rulebook: knows the recipients, the log and what it refers to.
        rows: keys by collection.
    """
    concerned = [name for name, keys in rows.items() if keys]
    edges = [edge for edge in _log_edges(rulebook) if edge.target in concerned]
    disclosures = tuple(
        found for edge in edges for found in _disclosed(connection, rulebook, edge, rows[edge.target])
    )
    return audience(rulebook.policy, concerned, disclosures, {edge.target for edge in edges})


def heard_of(rulebook: Rulebook) -> frozenset[CollectionName]:
    """Collections of which recipients are given rows, or that the log refers to; nobody is told of others."""
    given = {name for recipient in rulebook.policy.recipients.values() for name in recipient.receives}
    return frozenset(given | {edge.target for edge in _log_edges(rulebook)})


def audience(
    policy: Policy,
    concerned: Collection[CollectionName],
    disclosures: Sequence[Disclosure],
    logged: Collection[CollectionName],
) -> Audience:
    """Who is to be told, from what the log says.

    Args:
        policy: says who receives what, and of whom the log is complete.
        concerned: collections whose rows change.
        disclosures: lines of the log that refer to one of the rows.
        logged: collections that the log refers to.
    """
    complete = policy.disclosures.complete_for if policy.disclosures else ()
    addressees = []
    for name, recipient in policy.recipients.items():
        own = tuple(line for line in disclosures if line.recipient == name)
        unlogged = [one for one in concerned if not (name in complete and one in logged)]
        told = {line.collection for line in own} | {one for one in unlogged if one in recipient.receives}
        if told:
            addressees.append(
                Addressee(
                    recipient=name,
                    collections=tuple(sorted(told)),
                    disclosures=own,
                    is_by_hand=recipient.notify is None,
                )
            )
    unknown = tuple(line for line in disclosures if line.recipient not in policy.recipients)
    return Audience(addressees=tuple(addressees), unknown=unknown)


def _log_edges(rulebook: Rulebook) -> tuple[Edge, ...]:
    log = rulebook.policy.disclosures
    return rulebook.edges_from(log.collection) if log else ()


def _disclosed(
    connection: Connection, rulebook: Rulebook, edge: Edge, keys: Sequence[Key]
) -> Iterator[Disclosure]:
    log = rulebook.policy.disclosures
    if log is None:
        return
    for row in connection.execute(_lines(rulebook, log, edge, keys)):
        recipient, disclosed_at, *reference = row
        yield Disclosure(
            recipient=recipient or "",
            collection=edge.target,
            reference=tuple(reference),
            disclosed_at=disclosed_at,
        )


def _lines(rulebook: Rulebook, log: Disclosures, edge: Edge, keys: Sequence[Key]) -> Select[Any]:
    """Lines of the log that refer to one of the rows along an edge: recipient, moment, the line's key as text."""
    key = rulebook.key(edge.target)
    given = _given(key, keys)
    row = relation(rulebook.live, edge.target, "changed_row")
    line = relation(rulebook.live, log.collection, "log_line")
    is_given = sa.and_(*(row.c[name] == given.c[name] for name, _ in key))
    own_key = [line.c[name] for name, _ in rulebook.key(log.collection)]
    columns = [sa.cast(line.c[log.recipient], sa.Text), line.c[log.disclosed_at]]
    return (
        sa.select(*columns, *(sa.cast(column, sa.Text) for column in own_key))
        .select_from(given.join(row, is_given).join(line, refers(edge, rulebook.live, line, row)))
        .order_by(*own_key)
    )


def _given(key: Iterable[tuple[str, str]], keys: Sequence[Key]) -> FromClause:
    """The keys as a relation, one array of each column; a key that is given twice is one."""
    distinct = tuple(dict.fromkeys(keys))
    columns = []
    for number, (name, kind) in enumerate(key):
        values = sa.bindparam(None, [one[number] for one in distinct], sa.ARRAY(sa.Text))
        columns.append(sa.func.unnest(sa.cast(values, sa.ARRAY(NamedType(kind)))).label(name))
    return sa.select(*columns).subquery("given")
