"""Roots and proofs, held against the recursive definitions of RFC 9162 (section 2.1) as they stand there."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.errors import EvidenceError
from modelassay.log.merkle import (
    EMPTY_ROOT,
    Tree,
    leaf_hash,
    leaf_hashes,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from modelassay.log.tiles import Edge


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mth(entries: list[bytes]) -> bytes:
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    k = split(len(entries))
    return hashlib.sha256(b"\1" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m: int, entries: list[bytes], whole: bool) -> list[bytes]:
    if m == len(entries):
        return [] if whole else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


def entries_of(size: int) -> list[bytes]:
    return [b"%d" % number * (number % 5) for number in range(size)]


SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 255, 256, 257, 300]


@pytest.mark.parametrize("size", SIZES)
def test_roots_follow_the_definition(size: int) -> None:
    entries = entries_of(size)
    leaves = [leaf_hash(entry) for entry in entries]
    tree = Tree(leaves)
    one_by_one = Tree()
    for leaf in leaves:
        one_by_one.append(leaf)
    expected = mth(entries)
    assert tree.root() == one_by_one.root() == root_of(leaves) == expected
    assert Edge().grown(b"".join(leaves))[0].root == expected
    assert leaf_hashes(entries) == leaves
    assert [tree.root(n) for n in range(0, size + 1, 17)] == [
        mth(entries[:n]) for n in range(0, size + 1, 17)
    ]


def test_the_published_empty_root() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_every_proof_of_small_trees_follows_the_definition() -> None:
    entries = entries_of(40)
    tree = Tree(map(leaf_hash, entries))
    for size in range(1, 41):
        root = mth(entries[:size])
        for index in range(size):
            proof = tree.inclusion_proof(index, size)
            assert proof == path(index, entries[:size])
            verify_inclusion(leaf_hash(entries[index]), index, size, proof, root)
        for old in range(size + 1):
            proof = tree.consistency_proof(old, size)
            assert proof == ([] if old == 0 else subproof(old, entries[:size], True))
            verify_consistency(old, mth(entries[:old]), size, root, proof)


@given(st.integers(1, 5000), st.data())
def test_proofs_of_any_size_verify_and_wrong_ones_do_not(size: int, data: st.DataObject) -> None:
    tree = Tree(leaf_hash(b"%d" % number) for number in range(size))
    index = data.draw(st.integers(0, size - 1))
    proof, root, leaf = tree.inclusion_proof(index), tree.root(), leaf_hash(b"%d" % index)
    verify_inclusion(leaf, index, size, proof, root)
    for wrong in mutated(proof, data):
        with pytest.raises(EvidenceError):
            verify_inclusion(leaf, index, size, wrong, root)
    for leaf_, index_, size_, root_ in (
        (leaf_hash(b"other"), index, size, root),
        (leaf, index, size, leaf_hash(b"other")),
        (leaf, -1, size, root),
        (leaf, size, size, root),
        (leaf, index, 2**64, root),
        (leaf[:-1], index, size, root),
    ):
        with pytest.raises(EvidenceError):
            verify_inclusion(leaf_, index_, size_, proof, root_)


@given(st.integers(2, 3000), st.data())
def test_consistency_proofs_verify_and_wrong_ones_do_not(size: int, data: st.DataObject) -> None:
    tree = Tree(leaf_hash(b"%d" % number) for number in range(size))
    old = data.draw(st.integers(1, size - 1))
    proof = tree.consistency_proof(old)
    verify_consistency(old, tree.root(old), size, tree.root(), proof)
    for wrong in mutated(proof, data):
        with pytest.raises(EvidenceError):
            verify_consistency(old, tree.root(old), size, tree.root(), wrong)
    other = leaf_hash(b"other")
    for old_root, new_root in ((other, tree.root()), (tree.root(old), other), (tree.root(), tree.root(old))):
        with pytest.raises(EvidenceError):
            verify_consistency(old, old_root, size, new_root, proof)
    with pytest.raises(EvidenceError):
        verify_consistency(size, tree.root(), old, tree.root(old), proof)


def mutated(proof: list[bytes], data: st.DataObject) -> list[list[bytes]]:
    """Proofs that differ from `proof`: longer, shorter, one bit changed, two hashes changed over."""
    wrong = [[*proof, leaf_hash(b"more")], [leaf_hash(b"more"), *proof], [*proof, b""]]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        bit = data.draw(st.integers(0, 255))
        changed = bytearray(proof[place])
        changed[bit // 8] ^= 1 << bit % 8
        wrong += [proof[:-1], proof[1:], [*proof[:place], bytes(changed), *proof[place + 1 :]]]
        if len(proof) > 1:
            wrong.append([*proof[1:], proof[0]])
    return wrong


def test_an_inner_node_is_no_entry() -> None:
    tree = Tree([leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c"), leaf_hash(b"d")])
    forged = tree.inclusion_proof(0, 2)[0]
    inner = leaf_hash(b"a") + forged  # hashes to a node, were it not for the leaf's prefix
    with pytest.raises(EvidenceError):
        verify_inclusion(leaf_hash(inner), 0, 2, tree.inclusion_proof(0)[1:], tree.root())


def test_consistency_of_equal_and_empty_trees_takes_no_hashes() -> None:
    root = leaf_hash(b"a")
    verify_consistency(0, EMPTY_ROOT, 1, root, [])
    verify_consistency(1, root, 1, root, [])
    for old_size, old_root, proof in (
        (0, root, []),
        (1, EMPTY_ROOT, []),
        (1, root, [root]),
        (0, EMPTY_ROOT, [root]),
    ):
        with pytest.raises(EvidenceError):
            verify_consistency(old_size, old_root, 1, root, proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 6), (3, -1)])
def test_a_tree_proves_only_what_it_has(index: int, size: int) -> None:
    with pytest.raises(EvidenceError):
        Tree(leaf_hash(b"%d" % n) for n in range(5)).inclusion_proof(index, size)
