"""Erased subjects who came back: by an import, or with a restored backup. Found by keyed fingerprints alone."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.identity.forms import identify_stored
from lifecycle.requests.ground import tenant_key
from lifecycle.requests.subject import DOMAIN, at_tenant
from lifecycle.requests.tables import request_remainder, suppression
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from sqlalchemy import Connection

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
    """Looks for erased subjects in a company's rows.

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

    def flag(self, collections: Iterable[str]) -> dict[UUID, int]:
        """Leave the rows of erased subjects in these collections to be erased; returns how many, by request."""
        counts: dict[UUID, int] = defaultdict(int)
        for collection in collections if self.erased else ():
            for request_id, key in self._found(collection):
                counts[request_id] += self._flag(request_id, collection, key)
        return {request_id: count for request_id, count in counts.items() if count}

    def _found(self, collection: str) -> Iterator[tuple[UUID, tuple[str, ...]]]:
        row = relation(self.rulebook.live, collection, "returned_row")
        names = [name for name, _ in self.rulebook.key(collection)]
        identities = [
            (column.name, identity.kind)
            for column, identity in self.rulebook.datamap.identities(collection)
            if not identity.path
        ]
        columns = [sa.cast(row.c[name], sa.Text) for name in (*names, *(name for name, _ in identities))]
        tenants = self._tenants(collection, row)
        query = sa.select(*columns, *tenants.values())
        for found in self.connection.execute(query, execution_options={"yield_per": _CHUNK}):
            key, values = tuple(found[: len(names)]), found[len(names) : len(columns)]
            of_tenants: dict[str, Any] = dict(zip(tenants, found[len(columns) :], strict=True))
            for fingerprint in self._fingerprints(collection, key, identities, values):
                request_id = self._erased(fingerprint, of_tenants)
                if request_id:
                    yield request_id, key
                    break

    def _tenants(self, collection: str, row: Any) -> dict[str, Any]:
        """What gives the key of the organisation whose content a row is, by collection of organisations."""
        keys = {
            tenant: tenant_key(self.rulebook, collection, row, tenant)
            for tenant in sorted(self.rulebook.tenants)
        }
        return {tenant: key for tenant, key in keys.items() if key is not None}

    def _erased(self, fingerprint: str, of_tenants: Mapping[str, list[str] | None]) -> UUID | None:
        """The request by which a subject was erased, everywhere or as content of the row's organisation."""
        if fingerprint in self.erased:
            return self.erased[fingerprint]
        copies = (at_tenant(fingerprint, tenant, key, self.keys) for tenant, key in of_tenants.items() if key)
        return next((self.erased[copy] for copy in copies if copy in self.erased), None)

    def _fingerprints(
        self,
        collection: str,
        key: tuple[str, ...],
        identities: list[tuple[str, str]],
        values: Iterable[str | None],
    ) -> Iterator[str]:
        """By the row's own key, and by each identity that stands on it."""
        yield self.keys.fingerprint(DOMAIN, f"{collection}\0{json.dumps(key)}")
        for (_, kind), value in zip(identities, values, strict=True):
            named = value and identify_stored(kind, value, self.rulebook.policy.identity_rule(kind))
            if named:
                yield self.keys.fingerprint(DOMAIN, named.fingerprint_text)

    def _flag(self, request_id: UUID, collection: str, key: tuple[str, ...]) -> int:
        row = {
            "request_id": request_id,
            "collection": collection,
            "key": list(key),
            "reason": RETURNED,
            "source": collection,
        }
        insert = postgresql.insert(request_remainder).values(row).on_conflict_do_nothing()
        return int(self.connection.execute(insert.execution_options(preserve_rowcount=True)).rowcount)
