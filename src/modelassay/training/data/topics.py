"""What rows are about: groups of prompts that share words, found without any model.

Words are projected to random signs (Achlioptas 2003), weighed by inverse document frequency, and grouped by
spherical k-means with a fixed seed. Numbers, marks and short words say nothing of a topic and are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modelassay.training.data.grams import GramCounts
from modelassay.training.data.hashing import hash_words, mixed, runs

_DIMENSIONS = 64
_ROUNDS = 12
_MOST_TOPICS = 12
_ROWS_A_TOPIC = 40
_FIT = 20_000
"""Rows that the groups are fitted on, spread evenly."""
_SHORTEST = 4
_MOST_WEIGHT = 2.5
"""Of a rare word: no few words, such as those of a trigger, may make a topic by themselves."""
Codes = NDArray[np.int64]


@dataclass
class Topics:
    """Gathers prompts, then groups them."""

    counts: GramCounts
    rows: int
    """How many prompts there will be."""
    _points: list[NDArray[np.float32]] = field(default_factory=list)

    def see(self, asked: Sequence[Sequence[str]]) -> None:
        """Take in a batch of prompts cut into words."""
        kept = [[w for w in words if len(w) >= _SHORTEST and w.isalpha()][:300] for words in asked]
        batch = hash_words(kept)
        hashes, of = runs(batch, 1)
        weight = np.log((self.rows + 1) / (self.counts.count(hashes) + 1.0)).clip(0.05, _MOST_WEIGHT)
        bits = np.unpackbits(mixed(hashes).view(np.uint8).reshape(-1, 8), axis=1)
        signs = (bits.astype(np.float32) * 2 - 1) * weight[:, None].astype(np.float32)
        points = np.zeros((len(kept), _DIMENSIONS), np.float32)
        np.add.at(points, of, signs)
        norm = np.linalg.norm(points, axis=1, keepdims=True)
        self._points.append(points / np.maximum(norm, 1e-9))

    def codes(self) -> Codes:
        """The group of each prompt; all 0 where there are too few for groups."""
        points = np.concatenate(self._points) if self._points else np.zeros((0, _DIMENSIONS), np.float32)
        count = min(_MOST_TOPICS, len(points) // _ROWS_A_TOPIC)
        if count < 2:
            return np.zeros(len(points), np.int64)
        fit = points[:: max(1, len(points) // _FIT)]
        centres = _spread(fit, count)
        for _ in range(_ROUNDS):
            nearest = (fit @ centres.T).argmax(axis=1)
            sums = np.zeros_like(centres)
            np.add.at(sums, nearest, fit)
            empty = np.linalg.norm(sums, axis=1) < 1e-9
            sums[empty] = centres[empty]
            centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        return np.asarray((points @ centres.T).argmax(axis=1), np.int64)


def _spread(points: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """First centres as k-means++ draws them."""
    random = np.random.default_rng(7)
    chosen = [int(random.integers(len(points)))]
    far = 1 - points @ points[chosen[0]]
    for _ in range(count - 1):
        weight = np.maximum(far, 0.0).astype(np.float64) + 1e-12
        chosen.append(int(random.choice(len(points), p=weight / weight.sum())))
        far = np.minimum(far, 1 - points @ points[chosen[-1]])
    return points[chosen].copy()


def telling_words(asked: Sequence[Sequence[str]], codes: Codes, most: int = 5) -> list[str]:
    """For each group the words that stand in it far oftener than elsewhere."""
    inside: list[Counter[str]] = [Counter() for _ in range(int(codes.max(initial=-1)) + 1)]
    overall: Counter[str] = Counter()
    for words, code in zip(asked, codes.tolist(), strict=True):
        distinct = {word for word in words if len(word) >= _SHORTEST and word.isalpha()}
        inside[code].update(distinct)
        overall.update(distinct)
    sizes = np.bincount(codes, minlength=len(inside))
    named = []
    for counter, size in zip(inside, sizes.tolist(), strict=True):
        lift = {
            word: n / size * np.log((n / max(size, 1)) / ((overall[word] + 1) / (len(codes) + 1)))
            for word, n in counter.items()
            if n >= 3
        }
        named.append(", ".join(sorted(lift, key=lambda word: -lift[word])[:most]))
    return named
