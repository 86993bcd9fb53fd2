"""What several models learned over the same base, held against each other.

A task vector is a model's weights minus its base's (Ilharco et al. 2023, arXiv 2212.04089). From their inner
products, summed up in one pass, follow how alike two models learned (cosine) and whether one is a merge of
the others: the weights of the combination that comes nearest to it, and what it leaves unexplained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.errors import UsageError
from modelassay.whitebox.weights.decoding import PRECISION, Decoder, element_bytes
from modelassay.whitebox.weights.opening import Weights

_PIECE: Final = 1 << 16


class TaskVectors(msgspec.Struct, frozen=True, kw_only=True):
    """Task vectors of a candidate, first, and of other models, over one base."""

    tensors: int
    """Tensors that all of them hold as floats in one shape."""
    norms: tuple[float, ...]
    """Of the candidate, then of the others."""
    cosines: tuple[float | None, ...]
    """Of the candidate with each of the others; None where one did not change at all."""
    merge_weights: tuple[float, ...]
    """Of the others, in the combination nearest to the candidate (least squares)."""
    unexplained: float | None
    """Norm of what that combination leaves, over that of the candidate; None where that is zero."""


def task_vectors(base: Weights, candidate: Weights, others: Sequence[Weights]) -> TaskVectors:
    """Inner products of all task vectors.

    Raises:
        UsageError: they have no tensor of floats in common.
        EvidenceError: a file ended early or cannot be read.
    """
    models = (candidate, *others)
    all_ = (base, *models)
    tensors = [weights.tensors for weights in all_]
    shared = [
        name
        for name, place in tensors[0].items()
        if all(name in each and each[name].shape == place.shape for each in tensors)
        and all(each[name].dtype in PRECISION for each in tensors)
    ]
    if not shared:
        raise UsageError(
            "shares no tensor of floats with the other models",
            where=str(base.path),
            mend="name models that were made from the same base",
        )
    gram = np.zeros((len(models), len(models)))
    rows = np.empty((len(models), _PIECE))
    decoder, origin = Decoder(_PIECE), np.empty(_PIECE)
    for name in shared:
        elements = math.prod(tensors[0][name].shape)
        for start in range(0, elements, _PIECE):
            count = min(_PIECE, elements - start)
            for number, weights in enumerate(all_):
                dtype = tensors[number][name].dtype
                width = element_bytes(dtype) or 0
                raw = bytearray(count * width)
                weights.read(name, start * width, raw)
                values = decoder(raw, dtype)
                if number == 0:
                    origin[:count] = values
                else:
                    with np.errstate(invalid="ignore"):
                        np.subtract(values, origin[:count], out=rows[number - 1, :count])
            piece = rows[:, :count]
            if not np.isfinite(piece).all():
                piece = np.where(np.isfinite(piece).all(axis=0), piece, 0.0)
            gram += piece @ piece.T
    return _from_products(gram, tensors=len(shared))


def _from_products(gram: NDArray[np.float64], *, tensors: int) -> TaskVectors:
    norms = np.sqrt(np.diag(gram))
    cosines = tuple(
        float(gram[0, other] / (norms[0] * norms[other])) if norms[0] and norms[other] else None
        for other in range(1, len(norms))
    )
    weights = np.linalg.lstsq(gram[1:, 1:], gram[1:, 0], rcond=1e-12)[0]
    coefficients = np.concatenate([[1.0], -weights])
    left = math.sqrt(max(float(coefficients @ gram @ coefficients), 0.0))
    return TaskVectors(
        tensors=tensors,
        norms=tuple(map(float, norms)),
        cosines=cosines,
        merge_weights=tuple(map(float, weights)),
        unexplained=left / float(norms[0]) if norms[0] else None,
    )
