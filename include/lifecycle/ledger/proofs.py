"""Proofs that can be handed out, and checking one with nothing but the ledger's public key. Pure.

A proof is a JSON document that carries all it speaks of: the entry's own bytes, the hashes that lead from it
to the root, and the signed checkpoint that states this root.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from lifecycle.errors import UsageError
from lifecycle.ledger.entries import Entry
from lifecycle.ledger.merkle import consistency_holds, inclusion_holds
from lifecycle.ledger.notes import Checkpoint, read_note

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lifecycle.keys import PublicKey

INCLUSION_FORMAT = "lifecycle inclusion proof 1"
CONSISTENCY_FORMAT = "lifecycle consistency proof 1"

_LONGEST_PATH = 128  # hashes: two per level of a tree of 2**64 entries


@dataclass(frozen=True, kw_only=True)
class InclusionProof:
    """That an entry stands in the ledger that a checkpoint covers.

    Attributes:
        entry: what is proven.
        path: sibling hashes from the leaf to the root (RFC 9162, 2.1.3).
        checkpoint: states the root.
    """

    entry: Entry
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    def holds(self) -> bool:
        """Whether the path leads from the entry to the checkpoint's root; the signature is another matter."""
        size, root = self.checkpoint.tree_size, self.checkpoint.root_hash
        return inclusion_holds(self.entry.leaf_hash, self.entry.sequence, size, self.path, root)

    def to_json(self) -> dict[str, Any]:
        """The document that :func:`verify_proof` reads; hashes in hexadecimal."""
        return {
            "format": INCLUSION_FORMAT,
            "payload": self.entry.payload.decode(),
            "path": [item.hex() for item in self.path],
            "checkpoint": self.checkpoint.note,
        }


@dataclass(frozen=True, kw_only=True)
class ConsistencyProof:
    """That the ledger only grew between two checkpoints.

    Attributes:
        first: the earlier checkpoint.
        second: the later one, over at least as many entries.
        path: hashes that both roots are made of (RFC 9162, 2.1.4).
    """

    first: Checkpoint
    second: Checkpoint
    path: tuple[bytes, ...]

    def holds(self) -> bool:
        """Whether the second root continues the first; the signatures are another matter."""
        first, second = self.first, self.second
        return first.origin == second.origin and consistency_holds(
            first.tree_size, second.tree_size, self.path, first.root_hash, second.root_hash
        )

    def to_json(self) -> dict[str, Any]:
        """The document that :func:`verify_proof` reads; hashes in hexadecimal."""
        return {
            "format": CONSISTENCY_FORMAT,
            "path": [item.hex() for item in self.path],
            "first_checkpoint": self.first.note,
            "second_checkpoint": self.second.note,
        }


@dataclass(frozen=True, kw_only=True)
class ProofVerdict:
    """What a proof document is worth.

    Attributes:
        holds: it proves what it says.
        reason: why, or why not, in one sentence.
        entry: what an inclusion proof that holds proves; else None.
        checkpoints: those that a trusted key signed, earlier first.
    """

    holds: bool
    reason: str
    entry: Entry | None = None
    checkpoints: tuple[Checkpoint, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON."""
        return {
            "holds": self.holds,
            "reason": self.reason,
            "entry": self.entry.to_json() if self.entry else None,
            "checkpoints": [checkpoint.to_json() for checkpoint in self.checkpoints],
        }


_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Path = Annotated[list[_Hash], Field(max_length=_LONGEST_PATH)]


class _InclusionDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["lifecycle inclusion proof 1"]
    payload: str
    path: _Path
    checkpoint: str


class _ConsistencyDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["lifecycle consistency proof 1"]
    path: _Path
    first_checkpoint: str
    second_checkpoint: str


_Document = Annotated[_InclusionDocument | _ConsistencyDocument, Field(discriminator="format")]
_DOCUMENT: TypeAdapter[_InclusionDocument | _ConsistencyDocument] = TypeAdapter(_Document)


def verify_proof(document: Mapping[str, Any], trusted: Iterable[PublicKey]) -> ProofVerdict:
    """Check a proof document. Needs no database and no network.

    Args:
        document: what ``to_json`` of a proof gave.
        trusted: the ledger's public keys, received from its owner by another way than the document.

    Raises:
        UsageError: the document is no proof at all.
    """
    keys = tuple(trusted)
    try:
        parsed = _DOCUMENT.validate_python(document)
    except ValidationError:
        raise _not_a_proof() from None
    if isinstance(parsed, _InclusionDocument):
        return _inclusion_verdict(parsed, keys)
    return _consistency_verdict(parsed, keys)


def _inclusion_verdict(document: _InclusionDocument, trusted: tuple[PublicKey, ...]) -> ProofVerdict:
    checkpoint = read_note(document.checkpoint, trusted)
    if checkpoint is None:
        return _unsigned("The checkpoint")
    try:
        entry = Entry.from_payload(document.payload.encode())
    except ValueError:
        raise _not_a_proof() from None
    proof = InclusionProof(entry=entry, path=_path(document.path), checkpoint=checkpoint)
    if not proof.holds():
        return ProofVerdict(
            holds=False,
            reason="The entry is not in the ledger that the checkpoint covers, or was changed since.",
            checkpoints=(checkpoint,),
        )
    return ProofVerdict(
        holds=True,
        reason=f"Entry {entry.sequence} stands, unchanged, among the {checkpoint.tree_size} entries "
        "that the checkpoint covers.",
        entry=entry,
        checkpoints=(checkpoint,),
    )


def _consistency_verdict(document: _ConsistencyDocument, trusted: tuple[PublicKey, ...]) -> ProofVerdict:
    first = read_note(document.first_checkpoint, trusted)
    if first is None:
        return _unsigned("The first checkpoint")
    second = read_note(document.second_checkpoint, trusted)
    if second is None:
        return _unsigned("The second checkpoint")
    holds = ConsistencyProof(first=first, second=second, path=_path(document.path)).holds()
    reason = (
        f"The {second.tree_size} entries begin with the same {first.tree_size} as before."
        if holds
        else "The second checkpoint does not continue the first: entries were changed or removed."
    )
    return ProofVerdict(holds=holds, reason=reason, checkpoints=(first, second))


def _path(digits: list[str]) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(item) for item in digits)


def _unsigned(what: str) -> ProofVerdict:
    return ProofVerdict(holds=False, reason=f"{what} was signed by none of the trusted keys.")


def _not_a_proof() -> UsageError:
    return UsageError(
        "This is not a proof document.",
        next_step="Give the JSON as lifecycle ledger prove wrote it, unchanged.",
    )
