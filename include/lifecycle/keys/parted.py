"""Two keyrings as one: what the page of requests may hold, apart from everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifecycle.keys.provider import DestroyedKey, KeyProvider, PublicKey, Purpose, SigningKey

INTAKE_KEYS = frozenset({"requests", "fingerprint.subject"})
"""What taking a request needs: the key that seals whom it is about, and the one that tells that two are the same."""


class PartedKeyring:
    """The keys of the intake in a keyring of their own, all others in another.

    Args:
        intake: holds the keys of :data:`INTAKE_KEYS`.
        others: holds every other key.
    """

    def __init__(self, *, intake: KeyProvider, others: KeyProvider) -> None:
        self._intake = intake
        self._others = others

    def create(self, name: str, purpose: Purpose) -> str:
        """Make the key in its keyring, unless it exists; its ``key_id``."""
        return self._of(name).create(name, purpose)

    def signing_key(self, name: str) -> SigningKey:
        """The Ed25519 key of that name."""
        return self._of(name).signing_key(name)

    def public_keys(self) -> tuple[PublicKey, ...]:
        """The public halves of all signing keys; the intake has none."""
        return self._others.public_keys()

    def secret(self, name: str) -> bytes:
        """The 32 random bytes of that name."""
        return self._of(name).secret(name)

    def fingerprint(self, domain: str, value: str) -> str:
        """HMAC-SHA-256 of the value under the domain's own key."""
        return self._of(f"fingerprint.{domain}").fingerprint(domain, value)

    def destroy(self, name: str) -> DestroyedKey:
        """Destroy the key in its keyring."""
        return self._of(name).destroy(name)

    def is_destroyed(self, name: str) -> bool:
        """Whether a key of that name was destroyed in its keyring."""
        return self._of(name).is_destroyed(name)

    def names(self) -> tuple[str, ...]:
        """The names of the keys in both, sorted."""
        return tuple(sorted({*self._intake.names(), *self._others.names()}))

    def _of(self, name: str) -> KeyProvider:
        return self._intake if name in INTAKE_KEYS else self._others
