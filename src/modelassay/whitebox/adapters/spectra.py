"""Singular values of what a low-rank adapter adds to a matrix, without ever forming the matrix.

The update is s·B·A with B of shape (out, r) and A of shape (r, in). With B = Q_B R_B and Aᵀ = Q_A R_A (thin
QR factorisations), s·B·A = Q_B (s·R_B R_Aᵀ) Q_Aᵀ, so that its singular values are those of the small matrix
s·R_B R_Aᵀ of at most r rows and columns (Golub & Van Loan 2013, §5.4).
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
_ROUNDING: Final = float(np.finfo(np.float64).eps)


class ProductSpectrum(msgspec.Struct, frozen=True, kw_only=True):
    """The singular values of one update, the greatest first."""

    values: tuple[float, ...]

    @property
    def norm(self) -> float:
        """Euclidean (Frobenius)."""
        return math.hypot(*self.values)  # squares of the least and the greatest would leave the range

    @property
    def top_energy(self) -> float:
        """σ₁² over Σσ²: 1 when the update has one direction; 0 when there is none."""
        return (self.values[0] / self.norm) ** 2 if self.norm else 0.0

    @property
    def stable_rank(self) -> float:
        """Σσ² / σ₁² (Rudelson & Vershynin 2007); 0 when there is no update."""
        return (self.norm / self.values[0]) ** 2 if self.norm else 0.0

    @property
    def rank(self) -> int:
        """Singular values that stand above rounding in double precision."""
        edge = max(self.values, default=0.0) * len(self.values) * _ROUNDING
        return sum(value > edge for value in self.values)


def packed_spectrum(outer: Matrix, inner: Matrix, scale: float, *, experts: int) -> ProductSpectrum:
    """Singular values of the updates of all experts of a layer together, as of one block-diagonal matrix.

    PEFT packs them into two factors: A holds the rows of one expert after those of another, B the columns of
    all experts by turns.

    Args:
        outer: B, shape (out, r · experts).
        inner: A, shape (r · experts, in).
        scale: what the products are multiplied by.
        experts: how many there are; 1 for a plain update.

    Raises:
        ValueError: as `product_spectrum`.
    """
    if outer.ndim != 2 or inner.ndim != 2 or outer.shape[1] != inner.shape[0] or len(inner) % experts:
        raise ValueError(f"{outer.shape} and {inner.shape} are not the factors of {experts} products")
    rank = len(inner) // experts
    values: list[float] = []
    for expert in range(experts):
        own = inner[expert * rank : (expert + 1) * rank]
        values += product_spectrum(outer[:, expert::experts], own, scale).values
    return ProductSpectrum(values=tuple(sorted(values, reverse=True)))


def product_spectrum(outer: Matrix, inner: Matrix, scale: float = 1.0) -> ProductSpectrum:
    """Singular values of ``scale · outer @ inner``.

    Args:
        outer: B, shape (out, r).
        inner: A, shape (r, in).
        scale: what the product is multiplied by.

    Raises:
        ValueError: the shapes do not fit, or a number is not finite or would not be.
    """
    if outer.ndim != 2 or inner.ndim != 2 or outer.shape[1] != inner.shape[0]:
        raise ValueError(f"{outer.shape} and {inner.shape} are not the factors of a product")
    if not (np.isfinite(outer).all() and np.isfinite(inner).all() and math.isfinite(scale)):
        raise ValueError("numbers that are not finite have no singular values")
    # Each factor is brought to about 1 first, so that no square overflows or vanishes.
    sizes = [float(np.abs(factor).max(initial=0.0)) for factor in (outer, inner)]
    if not all(sizes) or not scale:
        return ProductSpectrum(values=(0.0,) * min(*outer.shape, *inner.shape))
    left: Any = np.linalg.qr(outer / sizes[0], mode="r")
    right: Any = np.linalg.qr((inner / sizes[1]).T, mode="r")
    size = sizes[0] * sizes[1] * abs(scale)
    found = [float(value) * size for value in np.linalg.svdvals(left @ right.T)]
    if not all(map(math.isfinite, found)):
        raise ValueError("the product leaves the range of numbers")
    return ProductSpectrum(values=tuple(found))
