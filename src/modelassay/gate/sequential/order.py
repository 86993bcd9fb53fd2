"""The pairs of a pinned suite in the order in which they will be drawn, fixed by a seed before any is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelassay.canonical import Digest
from modelassay.errors import UsageError

Integers = NDArray[np.int64]


class PlannedPair(NamedTuple):
    """One question that both models will be asked."""

    key: str
    """Names the pair, such as ``SAMPLE EPOCH``; unique in the suite, without line breaks."""
    category: str = ""
    """Its category, empty for none."""
    cluster: str = ""
    """Pairs that are not independent share one (template, base request, repeats of a prompt)."""


class PairedScore(NamedTuple):
    """What became of it: scores in [0, 1], 1 wanted; None where it could not be scored."""

    key: str
    baseline: float | None
    candidate: float | None


class CommittedOrder:
    """Planned pairs in a random order that anyone can recompute from the seed.

    Clusters are ordered by SHA-256 over ``SEED``, a line feed and ``cluster NAME`` (``pair KEY`` for a pair
    without one): a random permutation for whoever cannot try seeds, so a seed is committed, and every attempt
    counted, before the first answer. A cluster's pairs stand together, those of one category next to each
    other (a *part*).
    """

    def __init__(self, planned: Iterable[PlannedPair], seed: str) -> None:
        """Fix the order.

        Raises:
            UsageError: there is no pair, two have one key, or a key holds a line break.
        """
        pairs = sorted(((_rank(pair, seed), pair) for pair in planned), key=_place)
        self.seed = seed
        self.pairs = tuple(pair for _, pair in pairs)
        self.index = {pair.key: i for i, pair in enumerate(self.pairs)}
        _check(self.pairs, self.index)
        self.categories = tuple(sorted({pair.category for pair in self.pairs if pair.category}))
        cluster, part, categories = _numbered(pairs, self.categories)
        self.part_of = part
        """Part of each pair, shape ``[pairs]``; numbered from 0 in the order of drawing."""
        self.cluster_of = cluster
        """Cluster of each part, shape ``[parts]``, likewise."""
        self.category_of = categories
        """Index into `categories` of each part, -1 for none."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys in the order of drawing."""
        return tuple(pair.key for pair in self.pairs)

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 over a line for each key, in order; with keys ``SAMPLE EPOCH`` that of `audit.opened`."""
        text = "".join(f"{pair.key}\n" for pair in self.pairs)
        return Digest("sha256:" + hashlib.sha256(text.encode()).hexdigest())

    @cached_property
    def part_sizes(self) -> Integers:
        """Pairs of each part."""
        return np.bincount(self.part_of).astype(np.int64)

    @cached_property
    def first_parts(self) -> Integers:
        """First part of each cluster."""
        return np.searchsorted(self.cluster_of, np.arange(self.cluster_of[-1] + 1)).astype(np.int64)


def _rank(pair: PlannedPair, seed: str) -> tuple[bytes, str]:
    # The prefix keeps an unnamed cluster, which is its pair's own, apart from a named one.
    cluster = f"cluster {pair.cluster}" if pair.cluster else f"pair {pair.key}"
    return hashlib.sha256(f"{seed}\n{cluster}".encode()).digest(), cluster


def _place(ranked: tuple[tuple[bytes, str], PlannedPair]) -> tuple[tuple[bytes, str], str, str]:
    return ranked[0], ranked[1].category, ranked[1].key


def _check(pairs: tuple[PlannedPair, ...], index: dict[str, int]) -> None:
    if not pairs:
        raise UsageError("there is no pair to draw", mend="plan at least one sample for this measure")
    if len(index) < len(pairs):
        twice = next(pair.key for i, pair in enumerate(pairs) if index[pair.key] != i)
        raise UsageError(f"the pair {twice!r} is planned twice", mend="give every pair a key of its own")
    broken = next((pair.key for pair in pairs if "\n" in pair.key), None)
    if broken is not None:
        raise UsageError(f"the key {broken!r} holds a line break", mend="use keys on one line")


def _numbered(
    pairs: list[tuple[tuple[bytes, str], PlannedPair]], categories: tuple[str, ...]
) -> tuple[Integers, Integers, Integers]:
    codes = {category: code for code, category in enumerate(categories)} | {"": -1}
    clusters: list[int] = []
    parts: list[int] = []
    of_category: list[int] = []
    for cluster, (_, members) in enumerate(groupby(pairs, key=lambda ranked: ranked[0])):
        for category, together in groupby(members, key=lambda ranked: ranked[1].category):
            parts += [len(clusters)] * sum(1 for _ in together)
            clusters.append(cluster)
            of_category.append(codes[category])
    return np.array(clusters, np.int64), np.array(parts, np.int64), np.array(of_category, np.int64)
