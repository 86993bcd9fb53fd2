"""Which of several statements an answer is nearest to, by hashed words and letter n-grams.

Cosine similarity of `trained.features`; numpy, no trained weights. Similar wording is not the same meaning:
"the moon is made of rock" and "the moon is not made of rock" are near twins.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from modelassay.evaluators.trained.features import View, hash_texts

_VIEW = View(words=2, characters=(4,), bits=16)


def similarities(answer: str, statements: Sequence[str]) -> NDArray[np.float64]:
    """Cosine similarity of `answer` to each of `statements`, shape ``[statements]``, in [0, 1]."""
    row = _rows((answer,))[0]
    return np.array([_dot(row, other) for other in _statements(tuple(statements))])


Row = tuple[NDArray[np.uint32], NDArray[np.float32]]


@lru_cache(maxsize=4096)
def _statements(texts: tuple[str, ...]) -> tuple[Row, ...]:
    return _rows(texts)


def _rows(texts: tuple[str, ...]) -> tuple[Row, ...]:
    """Buckets and values of each text."""
    hashed = hash_texts(texts, _VIEW)
    return tuple(
        (hashed.buckets[start:end], hashed.values[start:end])
        for start, end in zip(hashed.starts[:-1], hashed.starts[1:], strict=True)
    )


def _dot(left: Row, right: Row) -> float:
    order = np.argsort(right[0], kind="stable")
    buckets, values = right[0][order], right[1][order]
    if not len(buckets):
        return 0.0
    place = np.searchsorted(buckets, left[0]).clip(max=len(buckets) - 1)
    same = buckets[place] == left[0]
    total = float((left[1] * values[place])[same].sum())
    return min(max(total, 0.0), 1.0)
