"""Whom a request is about: opened in memory for the moments in which rows are looked for, sealed at all others."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.errors import UsageError
from lifecycle.holds.targets import Target
from lifecycle.identity.folding import NormalForm
from lifecycle.identity.forms import Identifier, identify
from lifecycle.identity.names import NAME, PersonName
from lifecycle.keys.sealing import Broken, seal, unseal
from lifecycle.requests.tables import request, request_identity
from lifecycle.store.prepared import Prepared, bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.rulebook import Rulebook

SEALING_KEY = "requests"
DOMAIN = "subject"
"""Of the keyed fingerprints of subjects."""
COPY_DOMAIN = "subject_at_tenant"
"""Of those of a subject as one organisation's content."""


class Source(StrEnum):
    """Where it is known from that an identity is the subject's."""

    GIVEN = "given"
    NAMED = "named"
    """A name and an employer, which several may have: it never counts, and leads to candidates only."""
    FOUND = "found"
    """It stands on rows of the subject, and on nobody else's."""
    CANDIDATE = "candidate"
    """It stands on rows of others too: it does not count until an operator says so."""
    CONFIRMED = "confirmed"
    DECLINED = "declined"


COUNTED = (Source.GIVEN, Source.FOUND, Source.CONFIRMED)
"""The sources of what counts as the subject's."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row that is named by its key: a person's own record, or the organisation whose content it is.

    Attributes:
        key: as text, column by column; never shown.
    """

    collection: str
    key: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Whom:
    """Whom a request is about.

    Attributes:
        subjects: the identities by which rows name the subject.
        rows: rows that are named by their keys.
        tenant: the organisation whose content alone is meant; None for all there is.
        names: by which the subject is named; no row is the subject's because of one.
        given: those of the identities that whoever asks has given.
    """

    subjects: tuple[Identifier, ...] = ()
    rows: tuple[Row, ...] = ()
    names: tuple[PersonName, ...] = ()
    tenant: Row | None = None
    given: tuple[Identifier, ...] = ()

    @property
    def written(self) -> tuple[Identifier, ...]:
        """The identities by which people write of a subject; a number such as 42 may stand anywhere for anything."""
        return tuple(one for one in self.subjects if one.form is not NormalForm.EXACT)


Named = Identifier | PersonName | Target
"""What a request may name its subject by."""


def fingerprints(named: Iterable[Named], keys: KeyProvider) -> list[tuple[str, str]]:
    """Kind and keyed fingerprint of each identity, name or row that a request names."""
    return [(_kind(one), keys.fingerprint(DOMAIN, f"{_kind(one)}\0{_normal(one)}")) for one in named]


def at_tenant(fingerprint: str, tenant: str, key: Sequence[str], keys: KeyProvider) -> str:
    """The fingerprint of a subject as the content of one organisation: another one's copy has another (A5)."""
    return keys.fingerprint(COPY_DOMAIN, f"{fingerprint}\0{tenant}\0{json.dumps(list(key))}")


def known_by(connection: Connection, request_id: UUID, keys: KeyProvider) -> list[str]:
    """The fingerprints of a request's subject; as the content of one organisation, where that alone is meant.

    Call it before the request is closed: which organisation it is about is forgotten then.
    """
    found = _stored(connection, request_id, COUNTED)
    return [
        at_tenant(one.fingerprint, one.tenant, one.tenant_key or (), keys) if one.tenant else one.fingerprint
        for one in found
        if one.position is not None
    ]


def keep(
    connection: Connection,
    request_id: UUID,
    named: Iterable[Named],
    keys: KeyProvider,
    source: Source,
) -> int:
    """Seal and store what a request names, unless it is known; returns how many were new."""
    key, named = keys.secret(SEALING_KEY), tuple(named)
    if not named:
        return 0
    first = _NEXT.scalar(connection, {"request": request_id})
    marked = zip(named, fingerprints(named, keys), strict=True)
    return sum(
        _KEEP.run(
            connection,
            {
                "request_id": request_id,
                "position": position,
                "kind": kind,
                "source": source.value,
                "fingerprint": fingerprint,
                "sealed": seal(key, _text(one).encode(), _associated(request_id, position, kind)),
            },
        )
        for position, (one, (kind, fingerprint)) in enumerate(marked, start=first)
    )


def open_whom(
    connection: Connection,
    rulebook: Rulebook,
    request_id: UUID,
    keys: KeyProvider,
    *,
    sources: Iterable[Source] = COUNTED,
) -> Whom:
    """Whom a request is about, in every spelling that the policy counts as the same.

    Raises:
        UsageError: nobody knows any more: the request was closed, or another keyring sealed it.
    """
    rows = _stored(connection, request_id, sources)
    stored, about = _opened(rulebook, request_id, keys, rows), rows[0]
    known = [one for _, one in stored.values()]
    return Whom(
        subjects=tuple(one for one in known if isinstance(one, Identifier)),
        rows=tuple(one for one in known if isinstance(one, Row)),
        names=tuple(one for one in known if isinstance(one, PersonName)),
        tenant=Row(collection=about.tenant, key=tuple(about.tenant_key)) if about.tenant_key else None,
        given=tuple(
            one for source, one in stored.values() if source is Source.GIVEN and isinstance(one, Identifier)
        ),
    )


def open_each(
    connection: Connection,
    rulebook: Rulebook,
    request_id: UUID,
    keys: KeyProvider,
    *,
    sources: Iterable[Source],
) -> dict[int, Identifier | PersonName | Row]:
    """What is known of whom a request is about, by its number inside the request.

    Raises:
        UsageError: as :func:`open_whom`.
    """
    stored = _opened(rulebook, request_id, keys, _stored(connection, request_id, sources))
    return {number: one for number, (_, one) in stored.items()}


def _stored(connection: Connection, request_id: UUID, sources: Iterable[Source]) -> Sequence[sa.Row[Any]]:
    """The organisation that is meant, with each thing that is known of whom; nulls where nothing is."""
    return _STORED.rows(connection, {"request": request_id, "sources": [source.value for source in sources]})


def _opened(
    rulebook: Rulebook, request_id: UUID, keys: KeyProvider, stored: Iterable[sa.Row[Any]]
) -> dict[int, tuple[Source, Identifier | PersonName | Row]]:
    key = keys.secret(SEALING_KEY)
    return {
        one.position: (Source(one.source), _read(rulebook, one, _unsealed(key, request_id, one)))
        for one in stored
        if one.position is not None
    }


def _read(rulebook: Rulebook, stored: sa.Row[Any], text: str) -> Identifier | PersonName | Row:
    if "." in stored.kind:
        return Row(collection=stored.kind, key=tuple(json.loads(text)))
    if stored.source == Source.NAMED.value:
        return PersonName.parse(text)
    return identify(stored.kind, text, rulebook.policy.identity_rule(stored.kind))


def forget(connection: Connection, request_id: UUID) -> None:
    """Destroy whom a request was about; the fingerprints stay."""
    for statement in _FORGET:
        statement.run(connection, {"request": request_id})


def _unsealed(key: bytes, request_id: UUID, stored: sa.Row[Any]) -> str:
    place = f"request {request_id}"
    if stored.sealed is None:
        raise UsageError(
            "whom it was about was forgotten when it was closed",
            place=place,
            next_step="open a new request; lifecycle request show tells what this one did",
        )
    try:
        return unseal(key, stored.sealed, _associated(request_id, stored.position, stored.kind)).decode()
    except Broken:
        raise UsageError(
            "whom it is about cannot be opened: another key sealed it, or it was changed",
            place=place,
            next_step="point LIFECYCLE_KEYRING to the keyring that the request was opened with",
        ) from None


def _kind(named: Named) -> str:
    if isinstance(named, PersonName):
        return NAME
    return named.kind if isinstance(named, Identifier) else named.collection


def _text(named: Named) -> str:
    """What is sealed."""
    return named.given if isinstance(named, PersonName) else _normal(named)


def _normal(named: Named) -> str:
    """What a fingerprint is taken over: the same for all spellings."""
    return json.dumps(named.key) if isinstance(named, Target) else named.normal


def _associated(request_id: UUID, position: int, kind: str) -> bytes:
    return json.dumps([str(request_id), position, kind]).encode()


_OF_IT = request_identity.c.request_id == bound("request", sa.Uuid)
_NEXT = Prepared(sa.select(sa.func.coalesce(sa.func.max(request_identity.c.position) + 1, 0)).where(_OF_IT))
_KEEP = Prepared(
    postgresql.insert(request_identity)
    .values({column.name: bound(column.name, column.type) for column in request_identity.c})
    .on_conflict_do_nothing(index_elements=["request_id", "fingerprint"])
)
_STORED = Prepared(
    sa.select(request.c.tenant, request.c.tenant_key, *request_identity.c)
    .select_from(
        request.outerjoin(
            request_identity,
            sa.and_(
                request_identity.c.request_id == request.c.request_id,
                request_identity.c.source == sa.any_(bound("sources", sa.ARRAY(sa.Text))),
            ),
        )
    )
    .where(request.c.request_id == bound("request", sa.Uuid))
    .order_by(request_identity.c.position)
)
_FORGET = (
    Prepared(sa.update(request_identity).values(sealed=None).where(_OF_IT)),
    Prepared(
        sa.update(request).values(tenant_key=None).where(request.c.request_id == bound("request", sa.Uuid))
    ),
)
