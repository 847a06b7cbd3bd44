"""The file a key is kept in: what is known of it in clear, its bytes wrapped by the master key."""

from __future__ import annotations

import hashlib
import os
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, StringConstraints

from lifecycle.errors import UsageError
from lifecycle.keys.provider import KEY_BYTES, DestroyedKey, Purpose, SigningKey

_NONCE_BYTES = 12

Hex = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$")]
KeyName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9._-]{0,63}$")]


class KeyRecord(BaseModel):
    """What may be known of a key by anyone who can read its folder; also all that outlives it.

    Attributes:
        key_id: identifies the key without revealing it; a signing key's is the digest of its public half.
        public_key: the raw public half of a signing key, hexadecimal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: KeyName
    purpose: Purpose
    key_id: Hex
    public_key: Hex | None = None

    @classmethod
    def describe(cls, name: str, purpose: Purpose, raw: bytes) -> KeyRecord:
        """The record of a key with these bytes."""
        if purpose is Purpose.SIGNING:
            public = SigningKey.from_private_bytes(name, raw).public_key
            return cls(name=name, purpose=purpose, key_id=public.key_id, public_key=public.raw.hex())
        key_id = hashlib.sha256(b"lifecycle key id\x00" + raw).hexdigest()
        return cls(name=name, purpose=purpose, key_id=key_id)

    def destroyed(self) -> DestroyedKey:
        """The value that says this key is gone."""
        return DestroyedKey(name=self.name, purpose=self.purpose, key_id=self.key_id)


class KeyFile(BaseModel):
    """A key record with the key itself, wrapped.

    Attributes:
        record: authenticated together with the key: neither can be exchanged for another's.
        wrapped_by: which master key wrapped it.
        nonce: 12 random bytes, hexadecimal.
        wrapped: AES-256-GCM ciphertext and tag, hexadecimal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: KeyRecord
    wrapped_by: Hex
    nonce: Hex
    wrapped: Hex

    @classmethod
    def wrap(cls, record: KeyRecord, raw: bytes, master: bytes) -> KeyFile:
        """Wrap the key under the master key."""
        nonce = os.urandom(_NONCE_BYTES)
        wrapped = AESGCM(master).encrypt(nonce, raw, _associated(record))
        return cls(record=record, wrapped_by=master_id(master), nonce=nonce.hex(), wrapped=wrapped.hex())

    def unwrap(self, master: bytes, place: str) -> bytes:
        """The key's bytes.

        Raises:
            UsageError: another master key wrapped it, or the file was changed.
        """
        if self.wrapped_by != master_id(master):
            raise UsageError(
                "The key was wrapped by another master key.",
                place=place,
                next_step="Give the master key this keyring was made with.",
            )
        try:
            raw = AESGCM(master).decrypt(
                bytes.fromhex(self.nonce), bytes.fromhex(self.wrapped), _associated(self.record)
            )
        except (InvalidTag, ValueError):
            raise damaged(place) from None
        if len(raw) != KEY_BYTES:
            raise damaged(place)
        return raw


def master_id(master: bytes) -> str:
    """Identifies a master key without revealing it: 16 hexadecimal digits."""
    return hashlib.sha256(b"lifecycle master key id\x00" + master).hexdigest()[:16]


def damaged(place: str) -> UsageError:
    """The error for a key file that is not what was written."""
    return UsageError(
        "The key file is damaged.",
        place=place,
        next_step="Restore the keyring folder from its backup; a key cannot be made again.",
    )


def _associated(record: KeyRecord) -> bytes:
    return record.model_dump_json().encode()
