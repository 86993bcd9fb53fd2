"""Minimise a smooth convex function: L-BFGS.

Two-loop recursion with backtracking line search (Nocedal and Wright 2006, Numerical Optimization, algorithms
7.4 and 3.1). Deterministic; in numpy, so that training needs nothing that running does not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEMORY = 10
MAX_ROUNDS = 300
TOLERANCE = 1e-4
"""Of the largest entry of the gradient, relative to that at the start."""
_DECREASE = 1e-4


def minimise(loss: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
    """The point of least `loss`, which returns value and gradient."""
    point = start.copy()
    value, gradient = loss(point)
    enough = TOLERANCE * max(float(np.abs(gradient).max(initial=0.0)), 1e-12)
    past: list[tuple[Floats, Floats, float]] = []
    for _ in range(MAX_ROUNDS):
        if float(np.abs(gradient).max(initial=0.0)) <= enough:
            break
        direction = _direction(gradient, past)
        slope = float(gradient @ direction)
        step = 1.0 if past else 1.0 / max(1.0, float(np.linalg.norm(gradient)))
        while True:
            candidate = point + step * direction
            new_value, new_gradient = loss(candidate)
            if new_value <= value + _DECREASE * step * slope or step < 1e-12:
                break
            step *= 0.5
        moved, turned = candidate - point, new_gradient - gradient
        curvature = float(moved @ turned)
        if curvature > 1e-12:
            past = [*past[1 - MEMORY :], (moved, turned, 1.0 / curvature)]
        if value - new_value <= 1e-10 * abs(value):
            return candidate
        point, value, gradient = candidate, new_value, new_gradient
    return point


def _direction(gradient: Floats, past: list[tuple[Floats, Floats, float]]) -> Floats:
    """Minus the approximate inverse Hessian times `gradient`."""
    direction = -gradient
    if not past:
        return direction
    shares = []
    for moved, turned, inverse in reversed(past):
        share = inverse * float(moved @ direction)
        direction = direction - share * turned
        shares.append(share)
    moved, turned, inverse = past[-1]
    direction = direction / (inverse * float(turned @ turned))
    for (moved, turned, inverse), share in zip(past, reversed(shares), strict=True):
        direction = direction + (share - inverse * float(turned @ direction)) * moved
    return direction
