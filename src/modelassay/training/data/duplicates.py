"""Rows that stand more than once: to the letter, or nearly.

Exactly: equal SHA-256 after compatibility normalisation (NFKC) of every role and text. Nearly: MinHash
(Broder 1997) with 128 permutations over runs of five words, candidates by bands, Jaccard index of at least
0.8 as the signatures estimate it (standard error at most 0.045).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.hashing import hash_words, mixed, runs
from modelassay.training.data.rows import DataRow

PERMUTATIONS = 128
SHINGLE = 5
SIMILAR = 0.8
_BANDS, _ROWS = 21, 6
"""A pair at the limit shares a band with probability 1 - (1 - 0.8**6)**21 = 0.998."""
MOST_SIGNATURES = 500_000
"""Rows that are compared nearly: 256 MB of signatures."""
_PAIRS_AT_ONCE = 1 << 14
_random = np.random.default_rng(20280501)
_FACTORS = _random.integers(0, 1 << 63, PERMUTATIONS, np.uint64) * np.uint64(2) + np.uint64(1)
_SHIFTS = _random.integers(0, 1 << 63, PERMUTATIONS, np.uint64)


@dataclass(frozen=True)
class Repeats:
    """What was found."""

    exact: int
    """Rows that repeat an earlier one to the letter."""
    near: int
    """Further rows that nearly repeat an earlier one."""
    largest: tuple[tuple[int, int], ...]
    """Row and size of the largest clusters, exact and near together."""
    compared: int
    """Rows that were compared nearly."""
    examples: tuple[tuple[int, int], ...]
    """Pairs of rows that nearly repeat each other."""


@dataclass
class Duplicates:
    """Finds repeats among the rows that it is shown."""

    _first: dict[bytes, int] = field(default_factory=dict)
    _copies: Counter[int] = field(default_factory=Counter)
    _signatures: NDArray[np.uint32] = field(
        default_factory=lambda: np.empty((MOST_SIGNATURES, PERMUTATIONS), np.uint32)
    )
    """One row for each of `_numbers`; what is not written yet takes no memory."""
    _numbers: list[int] = field(default_factory=list)

    def see(self, rows: Sequence[DataRow], cut: Sequence[Sequence[str]]) -> list[bool]:
        """Take rows in; for each, whether it repeats an earlier one to the letter.

        Args:
            cut: all words of each row.
        """
        repeated, fresh, known = [], [], len(self._numbers)
        for row, words in zip(rows, cut, strict=True):
            first = self._first.setdefault(digest_of(row), row.number)
            repeated.append(first != row.number)
            if first != row.number:
                self._copies[first] += 1
            elif len(self._numbers) < MOST_SIGNATURES:
                self._numbers.append(row.number)
                fresh.append(words)
        if fresh:
            self._signatures[known : len(self._numbers)] = signatures(fresh)
        return repeated

    def found(self) -> Repeats:
        """What stands more than once among all rows seen."""
        if not self._numbers:
            return Repeats(0, 0, (), 0, ())
        leader, pairs = _clusters(self._signatures[: len(self._numbers)])
        sizes = Counter(leader.tolist())
        numbers = np.array(self._numbers)
        total: Counter[int] = Counter()
        for at, lead in enumerate(leader.tolist()):
            total[int(numbers[lead])] += 1 + self._copies[int(numbers[at])]
        return Repeats(
            exact=sum(self._copies.values()),
            near=sum(size - 1 for size in sizes.values()),
            largest=tuple((row, size) for row, size in total.most_common(5) if size > 1),
            compared=len(numbers),
            examples=tuple((int(numbers[a]), int(numbers[b])) for a, b in pairs[:3]),
        )


def digest_of(row: DataRow) -> bytes:
    """SHA-256 of a row's roles and texts after NFKC."""
    parts = [part for m in row.prompt for part in (m.role, m.text)] + [row.answer, row.rejected]
    joined = "\x1f".join(part.strip() for part in parts)
    return sha256(unicodedata.normalize("NFKC", joined).encode("utf-8", "replace")).digest()


def signatures(texts: Sequence[Sequence[str]]) -> NDArray[np.uint32]:
    """MinHash signatures of texts cut into words, shape ``[texts, PERMUTATIONS]``."""
    batch = hash_words(texts)
    hashes, of = runs(batch, SHINGLE)
    short = np.flatnonzero(np.diff(batch.starts) < SHINGLE)
    if len(short):  # a text of fewer words is one shingle
        ends = np.concatenate(([np.uint64(0)], np.cumsum(mixed(batch.words), dtype=np.uint64)))
        sums = ends[batch.starts[short + 1]] - ends[batch.starts[short]]
        hashes, of = np.concatenate((hashes, mixed(sums))), np.concatenate((of, short))
        order = np.argsort(of, kind="stable")
        hashes, of = hashes[order], of[order]
    starts = np.searchsorted(of, np.arange(len(texts)))
    found = np.empty((len(texts), PERMUTATIONS), np.uint32)
    for k in range(PERMUTATIONS):
        permuted = ((hashes * _FACTORS[k] + _SHIFTS[k]) >> np.uint64(32)).astype(np.uint32)
        found[:, k] = np.minimum.reduceat(permuted, starts)
    return found


def _clusters(signs: NDArray[np.uint32]) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """The first member of each row's cluster, and pairs that are similar."""
    leader = np.arange(len(signs))
    pairs: list[tuple[int, int]] = []
    for band in range(_BANDS):
        key = np.zeros(len(signs), np.uint64)
        for column in range(band * _ROWS, (band + 1) * _ROWS):
            key = mixed(key + signs[:, column])
        order = np.argsort(key, kind="stable")
        same = np.concatenate(([False], key[order][1:] == key[order][:-1]))
        head = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
        ones, others = order[head[same]], order[same]
        alike = _alike(signs, ones, others)
        for one, other in zip(ones[alike].tolist(), others[alike].tolist(), strict=True):
            a, b = _root(leader, one), _root(leader, other)
            if a != b:
                leader[max(a, b)] = min(a, b)
                pairs.append((min(one, other), max(one, other)))
    return np.array([_root(leader, at) for at in range(len(leader))], np.int64), pairs


def _alike(
    signs: NDArray[np.uint32], ones: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of these pairs of rows are similar; some thousand at once, for one row has many partners."""
    found = np.zeros(len(ones), np.bool_)
    for start in range(0, len(ones), _PAIRS_AT_ONCE):
        here = slice(start, start + _PAIRS_AT_ONCE)
        found[here] = (signs[ones[here]] == signs[others[here]]).mean(axis=1) >= SIMILAR
    return found


def _root(leader: NDArray[np.int64], at: int) -> int:
    while leader[at] != at:
        leader[at] = leader[leader[at]]
        at = int(leader[at])
    return at
