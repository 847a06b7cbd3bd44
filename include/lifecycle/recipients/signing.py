"""Who speaks: each notice is signed as RFC 9421 says, over a digest of its content (RFC 9530)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from http_message_signatures import HTTPMessageSigner, algorithms

if TYPE_CHECKING:
    from datetime import datetime

    from lifecycle.keys.provider import SigningKey

SIGNING_KEY = "recipient-signing"
"""Name of the key that signs notices; not the ledger's, which signs nothing that goes to others unasked."""
LABEL = "notice"
COVERED = ("@method", "@target-uri", "content-type", "content-digest", "idempotency-key")
"""What the signature is over, besides its own parameters."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A request as far as it is signed; the signature is added to its headers."""

    url: str
    content: bytes = field(repr=False)
    headers: dict[str, str]
    method: str = "POST"


def sign(message: Message, key: SigningKey, *, created: datetime) -> None:
    """Add ``Content-Digest``, ``Signature-Input`` and ``Signature`` (Ed25519) to the headers."""
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519)
    prepared = signer.prepare(
        message,
        key_id=key.public_key.key_id,
        created=created,
        label=LABEL,
        covered_component_ids=COVERED,
        body=message.content,
    )
    signer.apply(message, prepared, key.sign(prepared.signature_base))
