"""Erased subjects who came back: by an import, or with a restored backup. Found by keyed fingerprints alone."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.identity.forms import identify_stored
from lifecycle.identity.recognition import Recognised
from lifecycle.plan import Action
from lifecycle.requests.ground import tenant_key
from lifecycle.requests.mentions import maskings, texts_of, written_rules
from lifecycle.requests.subject import DOMAIN, at_tenant
from lifecycle.requests.tables import request_remainder, suppression
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.identity.forms import Identifier
    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.rulebook import Rulebook

RETURNED = "returned"
"""Why a row is left to be erased: its subject was erased before."""
_CHUNK = 10_000


def erased_subjects(connection: Connection) -> dict[str, UUID]:
    """Every subject who was erased, by fingerprint, and by which request."""
    rows = connection.execute(sa.select(suppression.c.fingerprint, suppression.c.request_id))
    return {row.fingerprint: row.request_id for row in rows}


class Returning:
    """Looks for erased subjects in a company's rows: in what names them, and in what others wrote of them.

    Every row of a collection is read, since a fingerprint says nothing of what it was taken over.

    Args:
        connection: reads and flags.
        rulebook: of the policy in force.
        keys: take the fingerprints.
        erased: who is looked for: fingerprints, and the requests by which they were erased.
    """

    def __init__(
        self, connection: Connection, rulebook: Rulebook, keys: KeyProvider, erased: Mapping[str, UUID]
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.keys = keys
        self.erased = erased
        self.mentioned = _Mentioned(self)

    def flag(self, collections: Iterable[str]) -> dict[UUID, int]:
        """Leave the rows of erased subjects in these collections to be erased; returns how many, by request."""
        counts: dict[UUID, int] = defaultdict(int)
        for collection in dict.fromkeys(collections) if self.erased else ():
            for request_id, key, action in self._found(collection):
                counts[request_id] += self._flag(request_id, collection, key, action)
        return {request_id: count for request_id, count in counts.items() if count}

    def request_of(self, fingerprint: str, of_tenants: Mapping[str, list[str] | None]) -> UUID | None:
        """The request by which a subject was erased, everywhere or as content of a row's organisation."""
        if fingerprint in self.erased:
            return self.erased[fingerprint]
        copies = (at_tenant(fingerprint, tenant, key, self.keys) for tenant, key in of_tenants.items() if key)
        return next((self.erased[copy] for copy in copies if copy in self.erased), None)

    def _found(self, collection: str) -> Iterator[tuple[UUID, tuple[str, ...], Action]]:
        """Request, key and what is to be done, of each row of an erased subject."""
        reading = _Reading(self.rulebook, collection)
        action = _action(self.rulebook, collection)
        masks = maskings(self.rulebook, collection, self.mentioned.mask) if reading.texts else []
        for row in self.connection.execute(reading.query, execution_options={"yield_per": _CHUNK}):
            key, values, of_tenants, texts = reading.split(row)
            named = (self.request_of(one, of_tenants) for one in self._fingerprints(reading, key, values))
            request_id = next(filter(None, named), None) if action else None
            if request_id and action:
                yield request_id, key, action
            else:
                for one in self.mentioned.requests(texts, masks, of_tenants):
                    yield one, key, Action.MASK

    def _fingerprints(
        self, reading: _Reading, key: tuple[str, ...], values: Iterable[str | None]
    ) -> Iterator[str]:
        """By the row's own key, and by each identity that stands on it."""
        yield self.keys.fingerprint(DOMAIN, f"{reading.collection}\0{json.dumps(key)}")
        for kind, value in zip(reading.kinds, values, strict=True):
            named = value and identify_stored(kind, value, self.rulebook.policy.identity_rule(kind))
            if named:
                yield self.keys.fingerprint(DOMAIN, named.fingerprint_text)

    def _flag(self, request_id: UUID, collection: str, key: tuple[str, ...], action: Action) -> int:
        row = {
            "request_id": request_id,
            "collection": collection,
            "key": list(key),
            "reason": RETURNED,
            "source": collection,
            "action": action.value,
        }
        insert = postgresql.insert(request_remainder).values(row).on_conflict_do_nothing()
        return int(self.connection.execute(insert.execution_options(preserve_rowcount=True)).rowcount)


class _Reading:
    """What is read of each row of a collection: key, identities, organisations whose content it is, texts."""

    def __init__(self, rulebook: Rulebook, collection: str) -> None:
        row = relation(rulebook.live, collection, "returned_row")
        identities = [
            (column.name, identity.kind)
            for column, identity in rulebook.datamap.identities(collection)
            if not identity.path
        ]
        organisations = {
            tenant: tenant_key(rulebook, collection, row, tenant) for tenant in sorted(rulebook.tenants)
        }
        self.collection = collection
        self.keys = [name for name, _ in rulebook.key(collection)]
        self.kinds = [kind for _, kind in identities]
        self.tenants = [tenant for tenant, key in organisations.items() if key is not None]
        is_text = collection in rulebook.erasure.masking.roots
        self.texts = texts_of(rulebook, collection, row) if is_text else []
        self.query = sa.select(
            *(sa.cast(row.c[name], sa.Text) for name in self.keys),
            *(sa.cast(row.c[name], sa.Text) for name, _ in identities),
            *(organisations[tenant] for tenant in self.tenants),
            *self.texts,
        )

    def split(self, row: Sequence[Any]) -> tuple[tuple[str, ...], list[Any], dict[str, Any], list[Any]]:
        """A row that was read, as key, identities, organisations and texts."""
        values = iter(row)
        key = tuple(islice(values, len(self.keys)))
        identities = list(islice(values, len(self.kinds)))
        of_tenants = dict(zip(self.tenants, islice(values, len(self.tenants)), strict=True))
        return key, identities, of_tenants, list(values)


class _Mentioned:
    """Whom the texts of a row mention, of all who were erased."""

    def __init__(self, returning: Returning) -> None:
        self.returning = returning
        self.mask = Recognised(rules=written_rules(returning.rulebook), is_known=self._is_known)
        self._found: set[UUID] = set()
        self._of_tenants: Mapping[str, list[str] | None] = {}

    def requests(
        self,
        texts: Iterable[str | None],
        masks: Iterable[Callable[[str], str]],
        of_tenants: Mapping[str, list[str] | None],
    ) -> list[UUID]:
        """The requests by which they were erased."""
        self._found, self._of_tenants = set(), of_tenants
        for text, mask in zip(texts, masks, strict=True):
            if text:
                mask(text)
        return sorted(self._found)

    def _is_known(self, one: Identifier) -> bool:
        returning = self.returning
        fingerprint = returning.keys.fingerprint(DOMAIN, one.fingerprint_text)
        request_id = returning.request_of(fingerprint, self._of_tenants)
        if request_id:
            self._found.add(request_id)
        return request_id is not None


def _action(rulebook: Rulebook, collection: str) -> Action | None:
    """What an erasure does to rows of a collection that name its subject."""
    if collection in rulebook.erasure.deletion.roots:
        return Action.DELETE
    return Action.REDACT if collection in rulebook.erasure.redaction.roots else None
