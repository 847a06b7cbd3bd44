"""The Merkle tree of RFC 6962, section 2.1, and the proofs of RFC 9162, section 2.1. Pure.

The tree over ``n`` entries splits at the largest power of two smaller than ``n``. So every subtree whose
width is a power of two, once complete, never changes: the tree grows by adding such *nodes*, a proof is a
list of *spans* each made of a few nodes, and appending needs only the nodes along the right edge.
"""

from __future__ import annotations

from hashlib import sha256
from operator import add
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

_LEAF = b"\x00"
_INTERIOR = b"\x01"


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry (RFC 6962, 2.1: ``MTH({d(0)})``)."""
    return sha256(_LEAF + entry).digest()


def interior_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbouring subtrees taken together."""
    return sha256(_INTERIOR + left + right).digest()


class Node(NamedTuple):
    """A complete subtree: the ``2 ** level`` entries from ``position << level`` on."""

    level: int
    position: int

    @property
    def first(self) -> int:
        """Sequence of the first entry below this node."""
        return self.position << self.level

    @property
    def last(self) -> int:
        """Sequence of the last entry below this node: the one that completes it."""
        return ((self.position + 1) << self.level) - 1


class Span(NamedTuple):
    """The entries ``start`` up to, not including, ``end``, when they form a subtree of some tree."""

    start: int
    end: int

    def nodes(self) -> tuple[Node, ...]:
        """The complete subtrees the span is made of, from left to right, widest first."""
        found = []
        start = self.start
        while start < self.end:
            level = (self.end - start).bit_length() - 1
            found.append(Node(level, start >> level))
            start += 1 << level
        return tuple(found)

    def hash(self, hashes: Mapping[Node, bytes]) -> bytes:
        """The hash of the span's subtree, from the hashes of its nodes.

        Raises:
            KeyError: a node's hash is not given.
        """
        return _joined([hashes[node] for node in self.nodes()])


class Builder:
    """A tree that grows: keeps one hash per level, so appending to a tree of any size costs the same.

    Args:
        size: entries already in the tree.
        hashes: the hashes of the nodes of ``Span(0, size)``.
    """

    def __init__(self, size: int = 0, hashes: Mapping[Node, bytes] | None = None) -> None:
        self.size = size
        self._edge = {node.level: (hashes or {})[node] for node in Span(0, size).nodes()}

    def extend(self, entries: Sequence[bytes]) -> list[bytes]:
        """Append entries.

        Returns:
            For each entry the hashes of the nodes it completes, level 0 (its leaf) upwards, joined.
        """
        grown = []
        nodes = [sha256(_LEAF + entry).digest() for entry in entries]
        position, level = self.size, 0
        self.size += len(nodes)
        while nodes:
            grown.append((position, nodes))
            nodes = self._pair(level, position, nodes)
            position, level = position >> 1, level + 1
        return _by_entry(grown)

    def root(self) -> bytes:
        """The root hash of the tree as it stands (RFC 6962, 2.1: ``MTH(D[n])``)."""
        if not self._edge:
            return EMPTY_ROOT
        return _joined([self._edge[level] for level in sorted(self._edge, reverse=True)])

    def edge(self) -> dict[int, bytes]:
        """The hashes of the nodes the tree is made of, by level."""
        return dict(self._edge)

    def copy(self) -> Builder:
        """A builder that stands where this one stands and grows on its own."""
        twin = Builder()
        twin.size, twin._edge = self.size, dict(self._edge)
        return twin

    def _pair(self, level: int, position: int, nodes: list[bytes]) -> list[bytes]:
        """The parents that these new nodes complete; a last one without partner waits on the edge."""
        if position & 1:
            nodes = [self._edge.pop(level), *nodes]
        if len(nodes) & 1:
            self._edge[level] = nodes[-1]
        return [
            sha256(_INTERIOR + left + right).digest()
            for left, right in zip(nodes[::2], nodes[1::2], strict=False)
        ]


def inclusion_path(sequence: int, size: int) -> tuple[Span, ...]:
    """The spans whose hashes prove that an entry is in the tree (RFC 9162, 2.1.3.1), leaf to root.

    Raises:
        ValueError: there is no such entry in a tree of that size.
    """
    if not 0 <= sequence < size:
        raise ValueError(f"entry {sequence} is not in a tree of {size}")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if sequence < middle:
            path.append(Span(middle, end))
            end = middle
        else:
            path.append(Span(start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_path(first: int, second: int) -> tuple[Span, ...]:
    """The spans whose hashes prove that one tree continues another (RFC 9162, 2.1.4.1).

    Empty for equal sizes; a tree of no entries is continued by every tree, which needs no proof either.

    Raises:
        ValueError: the sizes are not in order.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} cannot continue one of {first}")
    if first in {0, second}:
        return ()
    path = []
    start, end = 0, second
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(Span(middle, end))
            end = middle
        else:
            path.append(Span(start, middle))
            start = middle
    if start > 0:
        path.append(Span(start, end))
    return tuple(reversed(path))


def inclusion_holds(leaf: bytes, sequence: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path leads from the leaf hash at that place to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= sequence < size:
        return False
    node, last, found = sequence, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = interior_hash(sibling, found)
            node, last = _up_from_right_edge(node, last)
        else:
            found = interior_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def consistency_holds(
    first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """Whether the path shows that the second tree continues the first (RFC 9162, 2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path and first_root == EMPTY_ROOT
    if first & (first - 1) == 0:
        path = [first_root, *path]
    if not path:
        return False
    return _continued(first - 1, second - 1, path) == (first_root, second_root)


def _continued(node: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """The roots of both trees that the path leads to, None if its length does not fit their sizes."""
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            old, new = interior_hash(sibling, old), interior_hash(sibling, new)
            node, last = _up_from_right_edge(node, last)
        else:
            new = interior_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return (old, new) if last == 0 else None


def _up_from_right_edge(node: int, last: int) -> tuple[int, int]:
    """Skip the levels at which a node on the right edge has no sibling."""
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _split(width: int) -> int:
    """The largest power of two smaller than the width."""
    return 1 << ((width - 1).bit_length() - 1)


def _joined(hashes: Sequence[bytes]) -> bytes:
    """The root over neighbouring nodes, given from left to right, widest first."""
    *others, found = hashes
    for left in reversed(others):
        found = interior_hash(left, found)
    return found


def _by_entry(grown: list[tuple[int, list[bytes]]]) -> list[bytes]:
    """Join each entry's leaf hash with those of the nodes above it that it completes.

    Args:
        grown: per level, leaves first: the position of its first new node, and the hashes of its new nodes.
    """
    above: list[bytes] = []
    for position, nodes in reversed(grown):
        joined = list(nodes)
        right_children = slice(1 - (position & 1), None, 2)
        joined[right_children] = map(add, nodes[right_children], above)
        above = joined
    return above
