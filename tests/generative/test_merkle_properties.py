"""The Merkle tree agrees with its recursive definition, and no damaged proof passes."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.ledger.merkle import (
    Builder,
    Node,
    Span,
    consistency_holds,
    consistency_path,
    inclusion_holds,
    inclusion_path,
    leaf_hash,
)

entries = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def defined_root(items: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if not items:
        return sha256(b"").digest()
    if len(items) == 1:
        return sha256(b"\x00" + items[0]).digest()
    k = 1
    while k * 2 < len(items):
        k *= 2
    return sha256(b"\x01" + defined_root(items[:k]) + defined_root(items[k:])).digest()


def defined_inclusion(m: int, items: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1, word for word."""
    if len(items) == 1:
        return []
    k = 1
    while k * 2 < len(items):
        k *= 2
    if m < k:
        return [*defined_inclusion(m, items[:k]), defined_root(items[k:])]
    return [*defined_inclusion(m - k, items[k:]), defined_root(items[:k])]


def defined_consistency(m: int, items: list[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2, word for word."""
    if m == len(items):
        return [] if whole else [defined_root(items)]
    k = 1
    while k * 2 < len(items):
        k *= 2
    if m <= k:
        return [*defined_consistency(m, items[:k], whole=whole), defined_root(items[k:])]
    return [*defined_consistency(m - k, items[k:], whole=False), defined_root(items[:k])]


def built(items: list[bytes], cuts: list[int]) -> tuple[Builder, dict[Node, bytes]]:
    """The tree, appended in pieces cut at these places, and all its nodes."""
    builder, hashes = Builder(), {}
    edges = [0, *sorted(cut % (len(items) + 1) for cut in cuts), len(items)]
    for start, end in pairwise(edges):
        for sequence, joined in enumerate(builder.extend(items[start:end]), start):
            for level in range(len(joined) // 32):
                hashes[Node(level, sequence >> level)] = joined[level * 32 : level * 32 + 32]
    return builder, hashes


def flipped(data: st.DataObject, value: bytes) -> bytes:
    bit = data.draw(st.integers(0, len(value) * 8 - 1), label="bit")
    return (int.from_bytes(value) ^ (1 << bit)).to_bytes(len(value))


@given(entries, st.lists(st.integers(0, 70), max_size=5))
def test_growing_in_any_pieces_gives_the_defined_tree(items, cuts):
    builder, hashes = built(items, cuts)
    assert builder.root() == defined_root(items)
    assert builder.size == len(items)
    complete = {Node(level, i) for level in range(8) for i in range(len(items) >> level)}
    assert hashes == {node: defined_root(items[node.first : node.last + 1]) for node in complete}


@given(entries, st.integers(0, 70))
def test_a_builder_resumes_from_the_nodes_of_its_edge(items, cut):
    cut %= len(items) + 1
    _, hashes = built(items, [])
    resumed = Builder(cut, {node: hashes[node] for node in Span(0, cut).nodes()})
    assert resumed.root() == defined_root(items[:cut])
    twin = resumed.copy()
    resumed.extend(items[cut:])
    assert resumed.root() == defined_root(items)
    assert twin.root() == defined_root(items[:cut])


@given(entries, st.data())
def test_every_inclusion_proof_is_the_defined_one_and_holds(items, data):
    sequence = data.draw(st.integers(0, len(items) - 1))
    _, hashes = built(items, [])
    path = [span.hash(hashes) for span in inclusion_path(sequence, len(items))]
    assert path == defined_inclusion(sequence, items)
    assert inclusion_holds(leaf_hash(items[sequence]), sequence, len(items), path, defined_root(items))


@given(entries, st.data())
def test_every_consistency_proof_is_the_defined_one_and_holds(items, data):
    first = data.draw(st.integers(1, len(items)))
    _, hashes = built(items, [])
    path = [span.hash(hashes) for span in consistency_path(first, len(items))]
    assert path == defined_consistency(first, items)
    assert consistency_holds(first, len(items), path, defined_root(items[:first]), defined_root(items))


@given(entries, st.data())
def test_an_inclusion_proof_with_any_flipped_bit_fails(items, data):
    sequence = data.draw(st.integers(0, len(items) - 1))
    parts = [leaf_hash(items[sequence]), defined_root(items), *defined_inclusion(sequence, items)]
    damaged = data.draw(st.integers(0, len(parts) - 1), label="part")
    parts[damaged] = flipped(data, parts[damaged])
    leaf, root, *path = parts
    assert not inclusion_holds(leaf, sequence, len(items), path, root)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=70, unique=True), st.data())
def test_an_inclusion_proof_holds_for_no_other_place(items, data):
    sequence = data.draw(st.integers(0, len(items) - 1))
    elsewhere = data.draw(st.integers(0, 2 * len(items)).filter(lambda place: place != sequence))
    path = defined_inclusion(sequence, items)
    assert not inclusion_holds(leaf_hash(items[sequence]), elsewhere, len(items), path, defined_root(items))


@given(entries, st.data())
def test_a_consistency_proof_with_any_flipped_bit_fails(items, data):
    first = data.draw(st.integers(1, len(items)))
    parts = [defined_root(items[:first]), defined_root(items), *defined_consistency(first, items)]
    damaged = data.draw(st.integers(0, len(parts) - 1), label="part")
    parts[damaged] = flipped(data, parts[damaged])
    first_root, second_root, *path = parts
    assert not consistency_holds(first, len(items), path, first_root, second_root)


@given(entries, entries, st.data())
def test_no_path_makes_a_rewritten_tree_consistent(items, others, data):
    """The proof an honest log would give does not pass when an earlier entry was changed."""
    first = data.draw(st.integers(1, len(items)))
    changed = data.draw(st.integers(0, first - 1))
    rewritten = [*items[:changed], items[changed] + b"!", *items[changed + 1 :], *others]
    path = defined_consistency(first, rewritten)
    assert not consistency_holds(
        first, len(rewritten), path, defined_root(items[:first]), defined_root(rewritten)
    )
