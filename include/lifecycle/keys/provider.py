"""What every key provider offers, whatever keeps its keys: files, a cloud service, a vault."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_BYTES = 32


class Purpose(StrEnum):
    """What a key may be used for; a key serves one purpose for its whole life."""

    SIGNING = "signing"
    FINGERPRINT = "fingerprint"
    SECRET = "secret"  # noqa: S105 - the name of a purpose, not a password


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """The public half of an Ed25519 key: enough to check a signature, nothing to make one with.

    Attributes:
        raw: the 32 bytes of RFC 8032.
    """

    raw: bytes

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw key, 64 hexadecimal digits: what checkpoints and ledger entries name it by."""
        return hashlib.sha256(self.raw).hexdigest()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature over the message was made with the private half."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def to_pem(self) -> str:
        """The key as SubjectPublicKeyInfo in PEM, for auditors and other tools."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    @classmethod
    def from_pem(cls, text: str) -> PublicKey:
        """Read what :meth:`to_pem` wrote.

        Raises:
            UsageError: the text is not an Ed25519 public key in PEM.
        """
        try:
            key = load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise UsageError(
                "This is not an Ed25519 public key in PEM.",
                next_step="Give the file that the keyring's public key was exported to.",
            )
        return cls(raw=key.public_bytes(Encoding.Raw, PublicFormat.Raw))


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A named key that signs; where its private half lives is the provider's affair.

    Attributes:
        name: the key's name in its provider.
        public_key: what the signatures verify with.
        sign: message to 64-byte Ed25519 signature.
    """

    name: str
    public_key: PublicKey
    sign: Callable[[bytes], bytes] = field(repr=False)

    @classmethod
    def from_private_bytes(cls, name: str, raw: bytes) -> SigningKey:
        """A signing key whose private half is in memory.

        Args:
            name: the key's name.
            raw: the 32 bytes of the RFC 8032 private key.
        """
        private = Ed25519PrivateKey.from_private_bytes(raw)
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cls(name=name, public_key=PublicKey(raw=public), sign=private.sign)


@dataclass(frozen=True, kw_only=True)
class DestroyedKey:
    """That a key is gone: what remains known of it, for the ledger.

    Attributes:
        name: the name, never given to another key.
        purpose: what it was used for.
        key_id: 64 hexadecimal digits that identified it.
    """

    name: str
    purpose: Purpose
    key_id: str

    def to_json(self) -> dict[str, str]:
        """The body of a ``key_destroyed`` ledger entry."""
        return {"key": self.name, "purpose": self.purpose.value, "key_id": self.key_id}


class KeyProvider(Protocol):
    """Named random keys. Each is created on first use and gone for good once destroyed.

    No key is derived from another, so destroying one says something: what it protected is lost, and nothing
    that remains can bring it back.
    """

    def create(self, name: str, purpose: Purpose) -> str:
        """Make the key unless it exists; its ``key_id``.

        Raises:
            UsageError: the name was destroyed, serves another purpose, or is not a key name.
        """

    def signing_key(self, name: str) -> SigningKey:
        """The Ed25519 key of that name."""

    def public_keys(self) -> tuple[PublicKey, ...]:
        """The public halves of all signing keys there ever were, destroyed ones included."""

    def secret(self, name: str) -> bytes:
        """The 32 random bytes of that name."""

    def fingerprint(self, domain: str, value: str) -> str:
        """HMAC-SHA-256 of the value under the domain's own key, 64 hexadecimal digits.

        The caller brings the value into one spelling first: two spellings have two fingerprints.

        Raises:
            UsageError: the value is empty.
        """

    def destroy(self, name: str) -> DestroyedKey:
        """Destroy the key; the same answer again when it is already gone.

        Raises:
            UsageError: there never was such a key.
        """

    def is_destroyed(self, name: str) -> bool:
        """Whether there was a key of that name, and is none any more."""

    def names(self) -> tuple[str, ...]:
        """The names of the keys that exist, sorted."""


def keyed_fingerprint(key: bytes, value: str) -> str:
    """HMAC-SHA-256 of the value's UTF-8 bytes, 64 hexadecimal digits.

    Raises:
        UsageError: the key is shorter than 32 bytes, so that it could be guessed, or the value is blank,
            so that all blanks would look like one subject.
    """
    if len(key) < KEY_BYTES:
        raise UsageError(
            f"A fingerprint needs a key of at least {KEY_BYTES} bytes.",
            next_step="Let the key provider create the key.",
        )
    if not value.strip():
        raise UsageError(
            "A blank value has no fingerprint.",
            next_step="Leave out rows without the identifier before asking for fingerprints.",
        )
    return hmac.digest(key, value.encode(), "sha256").hex()
