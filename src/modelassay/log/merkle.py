"""The Merkle tree of RFC 6962 (as restated in RFC 9162, section 2.1) over SHA-256.

A tree of n entries has the hash of its entries' hashes, split at the largest power of two below n:

    leaf  = SHA-256(0x00 || entry)        node = SHA-256(0x01 || left || right)        empty = SHA-256("")

A *complete subtree* at level l and position i covers the leaves from ``i * 2**l`` to ``(i + 1) * 2**l``;
its hash never changes once these leaves exist. Proofs name complete subtrees only, so whoever can look
them up (`Lookup`), in memory or in tiles on a disk, can make every proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from modelassay.errors import EvidenceError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""Root of a tree without entries."""

LARGEST_SIZE = 2**63 - 1
"""No tree is larger; bounds what a hostile proof can ask for."""

Lookup = Callable[[int, int], bytes]
"""The hash of the complete subtree at a level (0: leaves) and position."""

_leaf_state = sha256(b"\x00")
_node_state = sha256(b"\x01")


def leaf_hash(entry: bytes) -> bytes:
    """The 32-byte hash of one entry as a leaf."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """`leaf_hash` of each entry, in the fastest way known."""
    copy = _leaf_state.copy
    leaves = []
    for entry in entries:
        state = copy()
        state.update(entry)
        leaves.append(state.digest())
    return leaves


def node_hash(left: bytes, right: bytes) -> bytes:
    """The 32-byte hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def pair_up(row: bytes) -> bytes:
    """The row above `row`: hashes joined, two of them making one; an odd last one is left out."""
    copy = _node_state.copy
    above = []
    for start in range(0, len(row) - HASH_BYTES, 2 * HASH_BYTES):
        state = copy()
        state.update(row[start : start + 2 * HASH_BYTES])
        above.append(state.digest())
    return b"".join(above)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes in their order."""
    return root_of_row(b"".join(leaves))


def root_of_row(row: bytes) -> bytes:
    """The root over subtrees of one level, given as their joined hashes."""
    peaks = []
    while len(row) > HASH_BYTES:
        if len(row) // HASH_BYTES % 2:
            peaks.append(row[-HASH_BYTES:])
        row = pair_up(row)
    if row:
        peaks.append(row)
    return bag_peaks(peaks)


def bag_peaks(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees of growing size, the rightmost and smallest first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[0]
    for peak in peaks[1:]:
        root = node_hash(peak, root)
    return root


class Tree:
    """A tree in memory that grows at its right end: 64 bytes a leaf.

    Args:
        leaves: leaf hashes to begin with.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._rows: list[bytearray] = [bytearray()]
        self.extend(leaves)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._rows[0]) // HASH_BYTES

    def append(self, leaf: bytes) -> int:
        """Add one leaf hash; its index."""
        rows = self._rows
        row = rows[0]
        position = index = len(row) // HASH_BYTES
        row += leaf
        level = 0
        while position & 1:
            level += 1
            if level == len(rows):
                rows.append(bytearray())
            above = rows[level]
            above += sha256(b"\x01" + row[-2 * HASH_BYTES :]).digest()
            row = above
            position >>= 1
        return index

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in their order."""
        self._rows[0] += b"".join(leaves)
        level = 0
        while len(self._rows[level]) >= 2 * HASH_BYTES:
            if level + 1 == len(self._rows):
                self._rows.append(bytearray())
            below, above = self._rows[level], self._rows[level + 1]
            above += pair_up(bytes(below[2 * len(above) :]))
            level += 1

    def root(self, size: int | None = None) -> bytes:
        """The root of the first `size` leaves, of all unless given."""
        return root_at(self._within(size), self._subtree)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """See `inclusion_proof`; `size` is the whole tree's unless given."""
        return inclusion_proof(index, self._within(size), self._subtree)

    def consistency_proof(self, old_size: int, size: int | None = None) -> list[bytes]:
        """See `consistency_proof`; `size` is the whole tree's unless given."""
        return consistency_proof(old_size, self._within(size), self._subtree)

    def _within(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise EvidenceError(f"a tree of {self.size} entries has no state of size {size}")
        return size

    def _subtree(self, level: int, position: int) -> bytes:
        start = position * HASH_BYTES
        return bytes(self._rows[level][start : start + HASH_BYTES])


def root_at(size: int, lookup: Lookup) -> bytes:
    """The root of the first `size` leaves."""
    return _range_hash(0, size, lookup) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, lookup: Lookup) -> list[bytes]:
    """Hashes that lead from leaf `index` to the root of the first `size` leaves, the leaf's sibling first.

    PATH(m, D[n]) of RFC 9162, section 2.1.3.1.

    Raises:
        EvidenceError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise EvidenceError(f"a tree of {size} entries has no entry {index}")
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_hash(middle, end, lookup))
            end = middle
        else:
            proof.append(_range_hash(start, middle, lookup))
            start = middle
    proof.reverse()
    return proof


def consistency_proof(old_size: int, size: int, lookup: Lookup) -> list[bytes]:
    """Hashes showing that the tree of `size` leaves begins with the tree of `old_size`.

    PROOF(m, D[n]) of RFC 9162, section 2.1.4.1; empty when either size is 0 or both are equal.

    Raises:
        EvidenceError: `old_size` is negative or above `size`.
    """
    if not 0 <= old_size <= size:
        raise EvidenceError(f"a tree of {size} entries cannot continue one of {old_size}")
    if old_size in (0, size):
        return []
    proof = []
    start, end = 0, size
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(_range_hash(middle, end, lookup))
            end = middle
        else:
            proof.append(_range_hash(start, middle, lookup))
            start = middle
    if start:
        proof.append(_range_hash(start, end, lookup))
    proof.reverse()
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` (a hash) is entry `index` of the tree with `size` entries and `root`.

    RFC 9162, section 2.1.3.2, step by step.

    Raises:
        EvidenceError: it is not, or the proof has the wrong length or form.
    """
    _check_hashes((leaf, root, *proof))
    if not 0 <= index < size <= LARGEST_SIZE:
        raise EvidenceError(f"inclusion proof: a tree of {size} entries has no entry {index}")
    position, last, node = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise EvidenceError("inclusion proof: it has more hashes than the tree is high")
        if position & 1 or position == last:
            node = node_hash(step, node)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            node = node_hash(node, step)
        position >>= 1
        last >>= 1
    if last:
        raise EvidenceError("inclusion proof: it has fewer hashes than the tree is high")
    if node != root:
        raise EvidenceError(f"inclusion proof: entry {index} does not lead to the tree head")


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the new tree begins with the old one: nothing was changed or dropped.

    RFC 9162, section 2.1.4.2, step by step; an empty old tree is the beginning of every tree.

    Raises:
        EvidenceError: it does not, or the proof has the wrong length or form.
    """
    _check_hashes((old_root, new_root, *proof))
    if not 0 <= old_size <= new_size <= LARGEST_SIZE:
        raise EvidenceError(f"consistency proof: {new_size} entries cannot continue {old_size}")
    if old_size in (0, new_size):
        if proof:
            raise EvidenceError("consistency proof: nothing was to be proved, yet there are hashes")
        if old_root != (EMPTY_ROOT if old_size == 0 else new_root):
            raise EvidenceError("consistency proof: the same size has two different roots")
        return
    steps = list(proof)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    if not steps:
        raise EvidenceError("consistency proof: it is empty")
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise EvidenceError("consistency proof: it has more hashes than the tree is high")
        if position & 1 or position == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, step)
        position >>= 1
        last >>= 1
    if last:
        raise EvidenceError("consistency proof: it has fewer hashes than the tree is high")
    if old != old_root:
        raise EvidenceError("consistency proof: it does not lead to the old tree head")
    if new != new_root:
        raise EvidenceError("consistency proof: it does not lead to the new tree head")


def _split(width: int) -> int:
    """The largest power of two below `width`, which is above 1."""
    return 1 << (width - 1).bit_length() - 1


def _range_hash(start: int, end: int, lookup: Lookup) -> bytes:
    """The hash over the leaves from `start` to `end`, a range that the recursion of RFC 9162 makes."""
    peaks = []
    while start < end:
        width = _split(end - start + 1)
        level = width.bit_length() - 1
        peaks.append(lookup(level, start >> level))
        start += width
    return bag_peaks(peaks[::-1])


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise EvidenceError("proof: a hash does not have 32 bytes")
