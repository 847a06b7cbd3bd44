"""What a recipient is told, and how it is kept until it is told: sealed (AES-256-GCM)."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from lifecycle.keys.provider import KeyProvider
    from lifecycle.recipients.audience import Addressee
    from lifecycle.recipients.tables import Kind

FORMAT = 1
SEALING_KEY = "outbox"
_NONCE_BYTES = 12


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What is to be passed on, whoever is told.

    Attributes:
        request: opaque number of the request that it follows from.
        identities: kind and value of each identity by which recipients find the subject.
        corrections: for a rectification, the new value by column (``schema.table.column``).
    """

    kind: Kind
    request: UUID
    identities: tuple[tuple[str, str], ...] = field(repr=False)
    corrections: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What may be known of a notice by whoever reads the outbox."""

    notice_id: UUID
    recipient: str
    kind: Kind
    request: UUID

    @property
    def fields(self) -> dict[str, str]:
        """By which every entry of the ledger names it."""
        return {
            "notice": str(self.notice_id),
            "recipient": self.recipient,
            "notice_kind": str(self.kind),
            "request": str(self.request),
        }

    @property
    def associated(self) -> bytes:
        """What is authenticated with the body, so that no body can be given to another notice."""
        return json.dumps({"format": FORMAT, **self.fields}, sort_keys=True).encode()


def content(
    envelope: Envelope, addressee: Addressee, matter: Matter, *, controller: str, as_of: datetime
) -> bytes:
    """The notice as the recipient gets it: JSON in UTF-8, described in ``docs/recipients.md``."""
    document = {
        "format": FORMAT,
        "notice": str(envelope.notice_id),
        "kind": str(envelope.kind),
        "request": str(envelope.request),
        "controller": controller,
        "decided_at": as_of.isoformat(),
        "identities": [{"kind": kind, "value": value} for kind, value in matter.identities],
        "collections": list(addressee.collections),
        "disclosures": [
            {
                "reference": ",".join(line.reference),
                "collection": line.collection,
                "disclosed_at": line.disclosed_at.isoformat() if line.disclosed_at else None,
            }
            for line in addressee.disclosures
        ],
    }
    if matter.corrections:
        document["corrections"] = dict(matter.corrections)
    return json.dumps(document, ensure_ascii=False, default=str).encode()


def personal_values(body: bytes) -> tuple[str, ...]:
    """What in a notice says whom it is about, and so may not come back in an answer."""
    document = json.loads(body)
    values = [one["value"] for one in document["identities"]]
    return tuple(str(value) for value in [*values, *document.get("corrections", {}).values()])


def seal(keys: KeyProvider, envelope: Envelope, body: bytes) -> bytes:
    """Encrypt what a notice says, bound to its envelope."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(keys.secret(SEALING_KEY)).encrypt(nonce, body, envelope.associated)


def unseal(keys: KeyProvider, envelope: Envelope, sealed: bytes) -> bytes:
    """What a notice says.

    Raises:
        UsageError: another key sealed it, or it was changed.
    """
    nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(keys.secret(SEALING_KEY)).decrypt(nonce, encrypted, envelope.associated)
    except (InvalidTag, ValueError):
        raise UsageError(
            "cannot be opened: another key sealed it, or it was changed",
            place=f"notice {envelope.notice_id}",
            next_step="point LIFECYCLE_KEYRING to the keyring that it was queued with",
        ) from None
