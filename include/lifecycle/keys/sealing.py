"""Sealing: what must be kept secret for a while, encrypted and bound to what it belongs to (AES-256-GCM)."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
"""As NIST SP 800-38D recommends; random, which is safe for some billions of values under one key."""


class Broken(Exception):
    """What was sealed cannot be opened: another key sealed it, it was changed, or it belongs to something else."""


def seal(key: bytes, content: bytes, associated: bytes) -> bytes:
    """Encrypt content; the nonce stands in front.

    Args:
        key: 32 bytes.
        content: what nobody else shall read.
        associated: what it belongs to; it is authenticated and not part of the result.
    """
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, associated)


def unseal(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """What was sealed with the same key for the same thing.

    Raises:
        Broken: it cannot be opened.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise Broken from None
