"""Whom a request is about: opened in memory for the moments in which rows are looked for, sealed at all others."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lifecycle.errors import UsageError
from lifecycle.identity.folding import NormalForm
from lifecycle.identity.forms import Identifier, identify
from lifecycle.keys.sealing import Broken, seal, unseal
from lifecycle.requests.tables import request, request_identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.holds.targets import Target
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
        given: those of the identities that whoever asks has given.
    """

    subjects: tuple[Identifier, ...] = ()
    rows: tuple[Row, ...] = ()
    tenant: Row | None = None
    given: tuple[Identifier, ...] = ()

    @property
    def written(self) -> tuple[Identifier, ...]:
        """The identities by which people write of a subject; a number such as 42 may stand anywhere for anything."""
        return tuple(one for one in self.subjects if one.form is not NormalForm.EXACT)


def fingerprints(named: Iterable[Identifier | Target], keys: KeyProvider) -> list[tuple[str, str]]:
    """Kind and keyed fingerprint of each identity or row that a request names."""
    return [(_kind(one), keys.fingerprint(DOMAIN, f"{_kind(one)}\0{_text(one)}")) for one in named]


def at_tenant(fingerprint: str, tenant: str, key: Sequence[str], keys: KeyProvider) -> str:
    """The fingerprint of a subject as the content of one organisation: another one's copy has another (A5)."""
    return keys.fingerprint(COPY_DOMAIN, f"{fingerprint}\0{tenant}\0{json.dumps(list(key))}")


def known_by(connection: Connection, request_id: UUID, keys: KeyProvider) -> list[str]:
    """The fingerprints of a request's subject; as the content of one organisation, where that alone is meant.

    Call it before the request is closed: which organisation it is about is forgotten then.
    """
    counted = request_identity.c.source.in_([one.value for one in COUNTED])
    found = connection.scalars(
        sa.select(request_identity.c.fingerprint)
        .where(request_identity.c.request_id == request_id, counted)
        .order_by(request_identity.c.position)
    ).all()
    about = sa.select(request.c.tenant, request.c.tenant_key).where(request.c.request_id == request_id)
    tenant, key = connection.execute(about).one()
    return [at_tenant(one, tenant, key or (), keys) for one in found] if tenant else list(found)


def keep(
    connection: Connection,
    request_id: UUID,
    named: Iterable[Identifier | Target],
    keys: KeyProvider,
    source: Source,
) -> int:
    """Seal and store what a request names, unless it is known; returns how many were new."""
    key, named = keys.secret(SEALING_KEY), tuple(named)
    known = connection.scalar(sa.select(sa.func.count()).where(request_identity.c.request_id == request_id))
    rows = [
        {
            "request_id": request_id,
            "position": position,
            "kind": kind,
            "source": source.value,
            "fingerprint": fingerprint,
            "sealed": seal(key, _text(one).encode(), _associated(request_id, position, kind)),
        }
        for position, (one, (kind, fingerprint)) in enumerate(
            zip(named, fingerprints(named, keys), strict=True), start=known or 0
        )
    ]
    added = 0
    for row in rows:
        insert = postgresql.insert(request_identity).values(row).on_conflict_do_nothing()
        added += connection.execute(insert.execution_options(preserve_rowcount=True)).rowcount
    return added


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
    about = connection.execute(
        sa.select(request.c.tenant, request.c.tenant_key).where(request.c.request_id == request_id)
    ).one()
    counted = request_identity.c.source.in_([one.value for one in sources])
    stored = connection.execute(
        sa.select(request_identity)
        .where(request_identity.c.request_id == request_id, counted)
        .order_by(request_identity.c.position)
    ).all()
    key, subjects, rows, given = keys.secret(SEALING_KEY), [], [], []
    for one in stored:
        text = _opened(key, request_id, one)
        if "." in one.kind:
            rows.append(Row(collection=one.kind, key=tuple(json.loads(text))))
        else:
            subjects.append(identify(one.kind, text, rulebook.policy.identity_rule(one.kind)))
            if one.source == Source.GIVEN.value:
                given.append(subjects[-1])
    tenant = Row(collection=about.tenant, key=tuple(about.tenant_key)) if about.tenant_key else None
    return Whom(subjects=tuple(subjects), rows=tuple(rows), tenant=tenant, given=tuple(given))


def forget(connection: Connection, request_id: UUID) -> None:
    """Destroy whom a request was about; the fingerprints stay."""
    connection.execute(
        sa.update(request_identity).values(sealed=None).where(request_identity.c.request_id == request_id)
    )
    connection.execute(sa.update(request).values(tenant_key=None).where(request.c.request_id == request_id))


def _opened(key: bytes, request_id: UUID, stored: sa.Row[tuple[object, ...]]) -> str:
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


def _kind(named: Identifier | Target) -> str:
    return named.kind if isinstance(named, Identifier) else named.collection


def _text(named: Identifier | Target) -> str:
    return named.normal if isinstance(named, Identifier) else json.dumps(named.key)


def _associated(request_id: UUID, position: int, kind: str) -> bytes:
    return json.dumps([str(request_id), position, kind]).encode()
