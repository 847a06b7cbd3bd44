"""Finding out what exactly is wrong with a ledger whose hashes do not agree. Pure.

Where an entry's bytes and its stored hash disagree, either may be the original. Both are carried up the tree
as candidates until a stored hash above agrees with one of them, so that one change is reported once, at its
place, and the rest of the ledger can still be judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.ledger.entries import Entry
from lifecycle.ledger.merkle import EMPTY_ROOT, HASH_BYTES, Builder, Node, Span, interior_hash, leaf_hash
from lifecycle.ledger.verdict import Fault, Finding, Findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifecycle.ledger.notes import Checkpoint

Candidates = tuple[bytes, ...]


def stated_sequence(payload: bytes) -> int | None:
    """The place an entry's own bytes say it has; None if they are no entry."""
    try:
        return Entry.from_payload(payload).sequence
    except ValueError:
        return None


class Claims:
    """The checkpoints to hold a growing tree against, by size.

    Args:
        checkpoints: those whose signatures are good.
        findings: where disagreement is noted.
    """

    def __init__(self, checkpoints: Sequence[Checkpoint], findings: Findings) -> None:
        self._waiting = sorted(checkpoints, key=lambda one: one.tree_size, reverse=True)
        self._findings = findings
        self.covered = 0

    def next_size(self) -> int | None:
        """The size of the next checkpoint to come."""
        return self._waiting[-1].tree_size if self._waiting else None

    def settle(self, size: int, roots: Candidates) -> None:
        """Compare the checkpoints of this size with the tree; those of smaller ones can no longer be.

        Args:
            size: entries in the tree so far.
            roots: what its root may be; none when entries are missing, which is reported already.
        """
        while self._waiting and self._waiting[-1].tree_size <= size:
            claim = self._waiting.pop()
            if claim.tree_size < size or not roots:
                continue
            if claim.root_hash in roots:
                self.covered = size
            else:
                self._findings.add(_contradicted(claim, self.covered))

    def end(self, size: int) -> None:
        """Report the entries that checkpoints cover and the ledger no longer has."""
        if self._waiting:
            claim = self._waiting[0]
            message = f"{_label(claim)} covers {claim.tree_size} entries; the ledger ends before."
            self._findings.add(
                Finding(
                    fault=Fault.MISSING,
                    message=message,
                    first=size,
                    last=claim.tree_size - 1,
                    checkpoint=claim.number,
                )
            )


class Examination:
    """Goes through rows one by one, from where the quick way found a disagreement.

    Args:
        tree: the tree before the first row to come.
        claims: the checkpoints still ahead.
        findings: where faults are noted.
    """

    def __init__(self, tree: Builder, claims: Claims, findings: Findings) -> None:
        self.size = tree.size
        self._edge: dict[int, Candidates] = {level: (one,) for level, one in tree.edge().items()}
        self._claims = claims
        self._findings = findings

    def take(self, sequence: int, node_hashes: bytes, payload: bytes) -> None:
        """Judge the next row, by sequence."""
        if sequence < self.size:
            self._note(Fault.INSERTED, sequence, sequence, "A second entry claims this place.")
            return
        if sequence > self.size:
            self._note(Fault.MISSING, self.size, sequence - 1, "There is no entry.")
            self._skip_to(sequence)
        stated = stated_sequence(payload)
        if stated not in (None, sequence):
            self._note(Fault.MOVED, sequence, sequence, f"The entry of place {stated} stands here.")
            self._grow((), [])
            return
        stored = [node_hashes[at : at + HASH_BYTES] for at in range(0, len(node_hashes), HASH_BYTES)]
        self._grow(self._leaf(sequence, stored, payload), stored[1:])

    def roots(self) -> Candidates:
        """What the root may be: as the stored hashes have it, and as the entries' bytes have it."""
        levels = sorted(self._edge)
        if not levels:
            return (EMPTY_ROOT,)
        if not all(self._edge.values()):
            return ()
        as_stored, as_computed = self._edge[levels[0]][0], self._edge[levels[0]][-1]
        for level in levels[1:]:
            as_stored = interior_hash(self._edge[level][0], as_stored)
            as_computed = interior_hash(self._edge[level][-1], as_computed)
        return (as_stored, as_computed)

    def _leaf(self, sequence: int, stored: list[bytes], payload: bytes) -> Candidates:
        computed = leaf_hash(payload)
        completes = ((sequence + 1) & -(sequence + 1)).bit_length()
        if stored and stored[0] == computed and len(stored) == completes:
            return (computed,)
        self._note(Fault.CHANGED, sequence, sequence, "The entry and its hashes do not agree.")
        return (*stored[:1], computed)

    def _grow(self, candidates: Candidates, stored: list[bytes]) -> None:
        """Add a leaf; ``stored`` holds the hashes that its row gives for the nodes it completes."""
        position, level = self.size, 0
        while position & 1:
            left = self._edge.pop(level)
            above = stored[level] if level < len(stored) else None
            position, level = position >> 1, level + 1
            candidates = self._join(left, candidates, above, Node(level, position))
        self._edge[level] = candidates
        self.size += 1
        if self._claims.next_size() == self.size:
            self._claims.settle(self.size, self.roots())

    def _skip_to(self, size: int) -> None:
        """Go on at a later place: of the nodes there, those that reach over the gap are unknown."""
        known = {node: self._edge[node.level] for node in Span(0, self.size).nodes()}
        self.size = size
        self._edge = {node.level: known.get(node, ()) for node in Span(0, size).nodes()}
        self._claims.settle(size, ())

    def _join(self, left: Candidates, right: Candidates, stored: bytes | None, node: Node) -> Candidates:
        """What a node's hash may be, given what its halves may be and what is stored for it."""
        computed = [interior_hash(one, other) for one in left for other in right]
        if stored is None:
            return tuple({computed[0]: None, computed[-1]: None}) if computed else ()
        if not computed or stored in computed:
            return (stored,)
        message = f"The entries do not add up to the hash that is stored with entry {node.last}."
        self._note(Fault.REWRITTEN, node.first, node.last, message)
        return (stored, computed[-1])

    def _note(self, fault: Fault, first: int, last: int, message: str) -> None:
        self._findings.add(Finding(fault=fault, first=first, last=last, message=message))


def _contradicted(claim: Checkpoint, covered: int) -> Finding:
    message = f"{_label(claim)} states another root: among these, entries were changed after it was signed."
    return Finding(
        fault=Fault.REWRITTEN,
        first=covered,
        last=claim.tree_size - 1,
        checkpoint=claim.number,
        message=message,
    )


def _label(claim: Checkpoint) -> str:
    return f"Checkpoint {claim.number}" if claim.number else "A checkpoint kept elsewhere"
