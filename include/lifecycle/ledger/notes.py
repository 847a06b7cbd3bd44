"""A checkpoint as a signed note: the text that commits to the whole ledger up to an entry. Pure.

The format is that of C2SP ``tlog-checkpoint`` and ``signed-note``, so that the tools and witnesses of other
transparency logs can read it::

    lifecycle.ledger
    1042
    czAIcfRMFo58lJ3ix1DmDCybuP9TABfFomcjTpy0244=
    as_of 2026-03-01T00:00:00Z

    — lifecycle.ledger O6nmb2W7kHwpE8z3TFCptO8lUlEV…

Whoever keeps such a text can tell later whether the ledger before it was changed.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lifecycle.errors import UsageError
from lifecycle.ledger.entries import instant_text
from lifecycle.ledger.merkle import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifecycle.keys import PublicKey, SigningKey

DEFAULT_ORIGIN = "lifecycle.ledger"

_ORIGIN = re.compile(r"[^\s+\x00-\x1f]{1,200}")
_ED25519 = b"\x01"
_KEY_HASH_BYTES = 4
_LARGEST_NOTE = 10_000  # characters: a checkpoint and the signatures of a few witnesses
_NOTE = re.compile(
    r"(?P<text>(?P<origin>[^\n]+)\n(?P<size>0|[1-9]\d{0,17})\n(?P<root>[^\n]+)\nas_of (?P<as_of>[^\n]+)\n)"
    r"\n(?P<signatures>(?:— [^\n ]+ [^\n ]+\n)+)"
)


@dataclass(frozen=True, kw_only=True)
class TreeHead:
    """What a checkpoint states: the ledger's first ``tree_size`` entries have this root.

    Attributes:
        origin: names the ledger.
        tree_size: entries it covers.
        root_hash: their Merkle root, 32 bytes.
        as_of: the time of the run that made it.
    """

    origin: str
    tree_size: int
    root_hash: bytes
    as_of: datetime

    @property
    def text(self) -> bytes:
        """What is signed.

        Raises:
            UsageError: ``as_of`` has no offset from UTC.
        """
        root = base64.b64encode(self.root_hash).decode()
        return f"{self.origin}\n{self.tree_size}\n{root}\nas_of {instant_text(self.as_of)}\n".encode()


@dataclass(frozen=True, kw_only=True)
class Checkpoint(TreeHead):
    """A tree head with its signature.

    Attributes:
        public_key: of the key that signed, as the checkpoint claims.
        signature: Ed25519 over ``text``, 64 bytes.
        number: its place among the ledger's checkpoints, from 1; None for one that was kept elsewhere.
    """

    public_key: PublicKey
    signature: bytes
    number: int | None = None

    @property
    def note(self) -> str:
        """The text with its signature, to be kept or handed out."""
        signature = _key_hash(self.origin, self.public_key) + self.signature
        return f"{self.text.decode()}\n— {self.origin} {base64.b64encode(signature).decode()}\n"

    def is_signed_by(self, trusted: Iterable[PublicKey]) -> bool:
        """Whether one of these keys made the signature."""
        return self.public_key in tuple(trusted) and self.public_key.verifies(self.signature, self.text)

    def to_json(self) -> dict[str, Any]:
        """The checkpoint as JSON; ``note`` is all that is needed to check it."""
        return {
            "number": self.number,
            "origin": self.origin,
            "tree_size": self.tree_size,
            "root_hash": self.root_hash.hex(),
            "as_of": instant_text(self.as_of),
            "key_id": self.public_key.key_id,
            "note": self.note,
        }


def sign(head: TreeHead, key: SigningKey, *, number: int) -> Checkpoint:
    """The tree head, signed.

    Raises:
        UsageError: the origin cannot name a ledger, or ``as_of`` has no offset from UTC.
    """
    if not _ORIGIN.fullmatch(head.origin):
        raise UsageError(
            "A ledger's origin is one word without blanks or plus signs.",
            next_step="Name it like a host and path, for example example.com/ledger.",
        )
    return Checkpoint(**vars(head), public_key=key.public_key, signature=key.sign(head.text), number=number)


def read_note(note: str, trusted: Iterable[PublicKey]) -> Checkpoint | None:
    """The checkpoint that a note states; None unless one of the trusted keys signed it.

    Signatures by other keys are passed over: witnesses may have added theirs.

    Raises:
        UsageError: the text is no checkpoint.
    """
    match = _NOTE.fullmatch(note) if len(note) <= _LARGEST_NOTE else None
    if match is None:
        raise _not_a_checkpoint()
    for public_key in trusted:
        expected = _key_hash(match["origin"], public_key)
        for line in match["signatures"].splitlines():
            _, name, encoded = line.split(" ")
            decoded = _decoded(encoded)
            if name == match["origin"] and decoded.startswith(expected):
                found = _stated(match, public_key, decoded[_KEY_HASH_BYTES:])
                if found.is_signed_by([public_key]):
                    return found
    return None


def _stated(match: re.Match[str], public_key: PublicKey, signature: bytes) -> Checkpoint:
    try:
        stated = Checkpoint(
            origin=match["origin"],
            tree_size=int(match["size"]),
            root_hash=_decoded(match["root"]),
            as_of=datetime.fromisoformat(match["as_of"]),
            public_key=public_key,
            signature=signature,
        )
        is_canonical = len(stated.root_hash) == HASH_BYTES and stated.text == match["text"].encode()
    except (ValueError, OverflowError, UsageError):
        is_canonical = False
    if not is_canonical:
        raise _not_a_checkpoint()
    return stated


def _key_hash(origin: str, public_key: PublicKey) -> bytes:
    """What a signature line names its key by (C2SP signed-note: Ed25519)."""
    return sha256(origin.encode() + b"\n" + _ED25519 + public_key.raw).digest()[:_KEY_HASH_BYTES]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _not_a_checkpoint() from None


def _not_a_checkpoint() -> UsageError:
    return UsageError(
        "This is not a checkpoint of a ledger.",
        next_step="Give the note as lifecycle ledger checkpoint printed it, unchanged.",
    )
