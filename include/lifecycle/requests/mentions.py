"""Free text that mentions a subject: read once, masked in place (W2).

While a request is open its subject is known, and rows that may mention it are found through full-text indexes. Later,
when a text had to wait or came back, whatever a text mentions is compared with the fingerprints that are left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from lifecycle.identity.folding import NormalForm
from lifecycle.identity.mentions import Mentions
from lifecycle.identity.recognition import Recognised
from lifecycle.plan import Action
from lifecycle.requests.ground import IsRemainder, belongs_to, tenant_key
from lifecycle.requests.subject import DOMAIN, at_tenant
from lifecycle.requests.tables import request_remainder, suppression
from lifecycle.store.mentions import DOCUMENTS, may_mention, mention_values
from lifecycle.store.prepared import prepared
from lifecycle.store.relations import NamedType, relation

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.identity.forms import Identifier, IdentityRule
    from lifecycle.keys.provider import KeyProvider
    from lifecycle.planning.workset import Work, WorkSet
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.subject import Whom


class Masking(Protocol):
    """What puts something else where a text mentions somebody."""

    def masked(self, text: str) -> str:
        """The text without the mentions; the same text where there are none."""

    def masked_json_text(self, text: str) -> str:
        """The same of the text of a JSON document."""


class Mentioning:
    """Rows are due because their free text mentioned the subject when it was read.

    Args:
        rulebook: of the policy in force.
        keys: of these rows, as text, by collection.
    """

    def __init__(self, rulebook: Rulebook, keys: Mapping[str, list[tuple[str, ...]]]) -> None:
        self.rulebook = rulebook
        self.keys = keys

    @property
    def signature(self) -> Hashable:
        """There is one way to list them."""
        return "mentions_subject"

    @property
    def bound(self) -> dict[str, Any]:
        """The keys that were found, column by column."""
        return {name: values for collection in self.keys for name, values in self._arrays(collection).items()}

    def due(self, work: Work) -> Select[Any]:
        """Rows that mention the subject."""
        row, found = work.row("due_row"), self._found(work.collection)
        same = [row.c[name] == found.c[name] for name in work.keys]
        return sa.select(*work.row_keys(row)).select_from(row.join(found, sa.and_(*same)))

    def is_due(self, collection: str, row: FromClause) -> ColumnElement[bool]:
        """Whether a row mentioned the subject when it was read."""
        found = self._found(collection)
        same = [row.c[name] == found.c[name] for name, _ in self.rulebook.key(collection)]
        return sa.exists(sa.select(sa.literal(1)).select_from(found).where(*same).correlate(row))

    def witnesses(self, _works: WorkSet, _work: Work) -> Iterator[tuple[str, Select[Any]]]:
        """None: a text says by itself whom it mentions."""
        return iter(())

    def _found(self, collection: str) -> FromClause:
        """The keys that were found, as rows."""
        columns = self.rulebook.key(collection)
        arrays = [
            sa.cast(sa.bindparam(name, values, sa.ARRAY(sa.Text)), sa.ARRAY(NamedType(kind)))
            for (name, values), (_, kind) in zip(self._arrays(collection).items(), columns, strict=True)
        ]
        rows = sa.func.unnest(*arrays).table_valued(
            *(sa.column(name) for name, _ in columns), name="mentioning"
        )
        return rows.render_derived()

    def _arrays(self, collection: str) -> dict[str, list[str]]:
        """The keys of a collection, a parameter for each column."""
        table = list(self.keys).index(collection)
        return {
            f"mentioning_{table}_{part}": [key[part] for key in self.keys[collection]]
            for part, _ in enumerate(self.rulebook.key(collection))
        }


def mentions_subject(connection: Connection, rulebook: Rulebook, whom: Whom) -> Mentioning:
    """Rows that mention somebody who is known: the database finds those that may, and their texts say whether they do.

    Args:
        connection: sees the state of the database that is planned on.
        rulebook: of the policy in force.
        whom: whom the request is about.
    """
    mask = Mentions(identifiers=whom.written)
    keys: dict[str, list[tuple[str, ...]]] = {
        collection: mentioning(connection, rulebook, whom, mask, collection, names) if whom.written else []
        for collection, names in rulebook.erasure.masking.redacts.items()
    }
    return Mentioning(rulebook, keys)


def mentions_remainder(
    connection: Connection, rulebook: Rulebook, request_id: UUID, mask: Masking
) -> Mentioning:
    """Rows that could not be masked when the request was answered, or came back, and mention its subject still.

    Args:
        connection: sees the state of the database that is planned on.
        rulebook: of the policy in force.
        request_id: the request's number.
        mask: knows its subject by fingerprint.
    """
    left = IsRemainder(rulebook, request_id, Action.MASK)

    keys = {}
    for collection in rulebook.erasure.masking.roots:
        width, masks = len(rulebook.key(collection)), maskings(rulebook, collection, mask)
        row = relation(rulebook.live, collection, "text_row")
        columns: list[Any] = [sa.cast(row.c[name], sa.Text) for name, _ in rulebook.key(collection)]
        query = sa.select(*columns, *texts_of(rulebook, collection, row))
        keys[collection] = [
            tuple(found[:width])
            for found in connection.execute(query.where(left.is_due(collection, row)))
            if any(text and one(text) != text for text, one in zip(found[width:], masks, strict=True))
        ]
    return Mentioning(rulebook, keys)


def texts_of(rulebook: Rulebook, collection: str, row: FromClause) -> list[ColumnElement[Any]]:
    """The free text of a collection's rows, column by column."""
    return [sa.cast(row.c[name], sa.Text).label(f"text_{name}") for name in _texts(rulebook, collection)]


def maskings(rulebook: Rulebook, collection: str, mask: Masking) -> list[Callable[[str], str]]:
    """What masks each of :func:`texts_of`."""
    live = rulebook.live[collection].columns
    return [
        mask.masked_json_text if live[name].base_type in DOCUMENTS else mask.masked
        for name in _texts(rulebook, collection)
    ]


def written_rules(rulebook: Rulebook) -> dict[str, IdentityRule]:
    """How kinds of identity are compared by which people write of somebody."""
    kinds = {
        identity.kind
        for collection in rulebook.datamap.collections
        for _, identity in rulebook.datamap.identities(collection)
    }
    rules = {kind: rulebook.policy.identity_rule(kind) for kind in sorted(kinds)}
    return {kind: rule for kind, rule in rules.items() if rule.form is not NormalForm.EXACT}


def known_by_fingerprint(
    connection: Connection, rulebook: Rulebook, request_id: UUID, keys: KeyProvider
) -> Recognised:
    """What masks the subject of a request that was answered, of whom fingerprints alone are left."""
    known = set(
        connection.scalars(sa.select(suppression.c.fingerprint).where(suppression.c.request_id == request_id))
    )
    tenants = _organisations(connection, rulebook, request_id) if known else ()

    def is_known(one: Identifier) -> bool:
        fingerprint = keys.fingerprint(DOMAIN, one.fingerprint_text)
        copies = (at_tenant(fingerprint, tenant, key, keys) for tenant, key in tenants)
        return fingerprint in known or any(copy in known for copy in copies)

    return Recognised(rules=written_rules(rulebook), is_known=is_known)


def _organisations(
    connection: Connection, rulebook: Rulebook, request_id: UUID
) -> list[tuple[str, tuple[str, ...]]]:
    """The organisations whose content the rows are that a request left to be masked: one, where it was about one."""
    left = IsRemainder(rulebook, request_id, Action.MASK)
    waiting = connection.scalars(
        sa.select(request_remainder.c.collection)
        .distinct()
        .where(request_remainder.c.request_id == request_id, request_remainder.c.action == Action.MASK.value)
    ).all()
    found = []
    for collection in waiting:
        row = relation(rulebook.live, collection, "left_row")
        for tenant in sorted(rulebook.tenants):
            key = tenant_key(rulebook, collection, row, tenant)
            if key is not None:
                of_left = sa.select(key).distinct().select_from(row).where(left.is_due(collection, row))
                owners = connection.scalars(of_left)
                found += [(tenant, tuple(owner)) for owner in owners if owner]
    return found


def _texts(rulebook: Rulebook, collection: str) -> tuple[str, ...]:
    return rulebook.erasure.masking.redacts[collection]


def mentioning(
    connection: Connection,
    rulebook: Rulebook,
    whom: Whom,
    mask: Masking,
    collection: str,
    names: Sequence[str],
) -> list[tuple[str, ...]]:
    """Keys, as text, of the rows of a collection of which masking changes one of the named columns."""
    values = dict(mention_values(whom.written))
    key = (
        "mentioning",
        collection,
        tuple(names),
        tuple(values),
        whom.tenant.collection if whom.tenant else None,
    )
    made = prepared(rulebook, key, lambda: _may_mention(rulebook, whom, collection, names))
    if whom.tenant:
        values |= {f"tenant_{part}": text for part, text in enumerate(whom.tenant.key)}
    width = len(rulebook.key(collection))
    live = rulebook.live[collection].columns
    masks = [mask.masked_json_text if live[name].base_type in DOCUMENTS else mask.masked for name in names]
    return [
        tuple(found[:width])
        for found in (made.rows(connection, values) if made else ())
        if any(text and masked(text) != text for text, masked in zip(found[width:], masks, strict=True))
    ]


def _may_mention(rulebook: Rulebook, whom: Whom, collection: str, names: Sequence[str]) -> Select[Any]:
    """Key and texts, as text, of the rows of a collection that may mention the subject."""
    row = relation(rulebook.live, collection, "text_row")
    live = rulebook.live[collection].columns
    keys = [sa.cast(row.c[name], sa.Text) for name, _ in rulebook.key(collection)]
    texts = [sa.cast(row.c[name], sa.Text).label(f"text_{name}") for name in names]
    columns: list[Any] = [*keys, *texts]
    query = sa.select(*columns).where(sa.or_(*(may_mention(row, live[name], whom.written) for name in names)))
    if whom.tenant:
        query = query.where(belongs_to(rulebook, collection, row, whom.tenant))
    return query
