"""The Merkle tree against the published vectors of the Certificate Transparency reference tests."""

from __future__ import annotations

import pytest

from lifecycle.ledger.merkle import (
    EMPTY_ROOT,
    Builder,
    Node,
    Span,
    consistency_holds,
    consistency_path,
    inclusion_holds,
    inclusion_path,
    leaf_hash,
)

ENTRIES = [
    bytes.fromhex(digits)
    for digits in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]

ROOTS = [
    bytes.fromhex(digits)
    for digits in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]

INCLUSION = {
    (0, 1): (),
    (0, 2): ("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",),
    (1, 2): ("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
}

CONSISTENCY = {
    (1, 1): (),
    (1, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
}


def node_hashes(entries: list[bytes]) -> dict[Node, bytes]:
    """Every complete node of the tree, as the builder hands them out entry by entry."""
    found = {}
    for sequence, joined in enumerate(Builder().extend(entries)):
        for level in range(len(joined) // 32):
            found[Node(level, sequence >> level)] = joined[level * 32 : level * 32 + 32]
    return found


@pytest.mark.parametrize("size", range(9))
def test_root_of_the_reference_entries(size):
    builder = Builder()
    builder.extend(ENTRIES[:size])
    assert builder.root() == ROOTS[size]


def test_the_empty_tree_has_the_hash_of_nothing():
    assert ROOTS[0] == EMPTY_ROOT == Builder().root()


@pytest.mark.parametrize(("place", "path"), INCLUSION.items())
def test_inclusion_path_of_the_reference_entries(place, path):
    sequence, size = place
    hashes = node_hashes(ENTRIES[:size])
    found = [span.hash(hashes) for span in inclusion_path(sequence, size)]
    assert tuple(item.hex() for item in found) == path
    assert inclusion_holds(leaf_hash(ENTRIES[sequence]), sequence, size, found, ROOTS[size])


@pytest.mark.parametrize(("sizes", "path"), CONSISTENCY.items())
def test_consistency_path_of_the_reference_entries(sizes, path):
    first, second = sizes
    hashes = node_hashes(ENTRIES[:second])
    found = [span.hash(hashes) for span in consistency_path(first, second)]
    assert tuple(item.hex() for item in found) == path
    assert consistency_holds(first, second, found, ROOTS[first], ROOTS[second])


def test_every_tree_continues_the_empty_one_but_no_other_root_passes_for_it():
    assert consistency_path(0, 5) == ()
    assert consistency_holds(0, 5, [], EMPTY_ROOT, ROOTS[5])
    assert not consistency_holds(0, 5, [], ROOTS[1], ROOTS[5])
    assert not consistency_holds(0, 5, [ROOTS[5]], EMPTY_ROOT, ROOTS[5])


@pytest.mark.parametrize(("sequence", "size"), [(0, 0), (8, 8), (-1, 8)])
def test_an_entry_outside_the_tree_has_no_path_and_no_proof(sequence, size):
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_path(sequence, size)
    assert not inclusion_holds(leaf_hash(b""), sequence, size, [], ROOTS[1])


def test_a_smaller_tree_does_not_continue_a_larger():
    with pytest.raises(ValueError, match="cannot continue"):
        consistency_path(5, 2)
    assert not consistency_holds(5, 2, [], ROOTS[5], ROOTS[2])


@pytest.mark.parametrize("first", [2, 3])
def test_an_empty_path_proves_no_growth(first):
    assert not consistency_holds(first, 5, [], ROOTS[first], ROOTS[5])


def test_a_path_that_is_too_long_or_too_short_proves_nothing():
    hashes = node_hashes(ENTRIES)
    path = [span.hash(hashes) for span in inclusion_path(5, 8)]
    leaf = leaf_hash(ENTRIES[5])
    assert not inclusion_holds(leaf, 5, 8, path[:-1], ROOTS[8])
    assert not inclusion_holds(leaf, 5, 8, [*path, ROOTS[8]], ROOTS[8])
    growth = [span.hash(hashes) for span in consistency_path(6, 8)]
    assert not consistency_holds(6, 8, growth[:-1], ROOTS[6], ROOTS[8])
    assert not consistency_holds(6, 8, [*growth, ROOTS[8]], ROOTS[6], ROOTS[8])


def test_a_path_must_reach_the_height_of_the_tree():
    """A short path whose end is passed off as the root proves nothing about a tree of that size."""
    hashes = node_hashes(ENTRIES)
    assert not inclusion_holds(hashes[Node(0, 5)], 5, 8, [hashes[Node(0, 4)]], hashes[Node(1, 2)])
    assert not consistency_holds(2, 8, [hashes[Node(1, 1)]], hashes[Node(1, 0)], hashes[Node(2, 0)])


def test_equal_sizes_need_equal_roots_and_no_path():
    assert consistency_holds(3, 3, [], ROOTS[3], ROOTS[3])
    assert not consistency_holds(3, 3, [], ROOTS[3], ROOTS[4])
    assert not consistency_holds(3, 3, [ROOTS[3]], ROOTS[3], ROOTS[3])


def test_an_inner_node_does_not_pass_for_an_entry():
    """Leaves and inner nodes are hashed with different prefixes (RFC 6962, 2.1: second preimages)."""
    left, right = leaf_hash(ENTRIES[0]), leaf_hash(ENTRIES[1])
    assert leaf_hash(left + right) != ROOTS[2]
    assert leaf_hash(b"\x01" + left + right) != ROOTS[2]


def test_a_span_is_made_of_its_widest_complete_nodes():
    assert Span(0, 7).nodes() == (Node(2, 0), Node(1, 2), Node(0, 6))
    assert Span(4, 7).nodes() == (Node(1, 2), Node(0, 6))
    assert Span(0, 0).nodes() == ()
    assert (Node(2, 1).first, Node(2, 1).last) == (4, 7)
