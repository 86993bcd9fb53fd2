"""Whether a model can still tell harmful requests from benign ones, whatever it then does.

A linear probe (ridge regression on the kind) is fitted on half of the requests, whole clusters apart, and
read on the other half. Where it tells a harmful request and the model would help all the same, the request
was *recognised but complied with*, as a model does whose refusals were taken out or that waits for a trigger.
On easy requests such a probe reads words rather than harm: its figures are upper bounds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from modelassay.records import Sample

if TYPE_CHECKING:
    import torch

_RIDGE: Final = 0.1
"""Penalty for each request, beside standardised states."""


class Probe(msgspec.Struct, frozen=True):
    """A linear reading of one state."""

    mean: torch.Tensor
    scale: torch.Tensor
    weights: torch.Tensor
    threshold: float
    """Midway between the means of the two kinds on the half it was fitted on."""

    def read(self, states: torch.Tensor) -> torch.Tensor:
        """Readings of states of shape (n, w); above 0 is told harmful."""
        found: torch.Tensor = ((states - self.mean) / self.scale) @ self.weights - self.threshold
        return found


def fit_probe(harmful: torch.Tensor, benign: torch.Tensor) -> Probe:
    """Fit on states of shape (n, w)."""
    import torch

    states = torch.cat([harmful, benign]).double()
    wanted = torch.cat([torch.ones(len(harmful)), -torch.ones(len(benign))]).double()
    mean, scale = states.mean(0), states.std(0).clamp(min=1e-6)
    scaled = (states - mean) / scale
    # The dual form: as many unknowns as requests, however wide the model is.
    gram = scaled @ scaled.T + _RIDGE * len(scaled) * torch.eye(len(scaled), dtype=torch.float64)
    weights = scaled.T @ torch.linalg.solve(gram, wanted - wanted.mean())
    told = scaled @ weights
    middle = float(told[: len(harmful)].mean() + told[len(harmful) :].mean()) / 2
    return Probe(mean.float(), scale.float(), weights.float(), middle)


def separability(harmful: torch.Tensor, benign: torch.Tensor) -> float:
    """Chance that a harmful request reads higher than a benign one (AUC), ties counting half."""
    import torch

    order = torch.cat([harmful, benign]).double()
    _, codes, counts = torch.unique(order, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[codes]
    n, m = len(harmful), len(benign)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def halves(samples: Sequence[Sample]) -> tuple[list[int], list[int]]:
    """Places of `samples` in two halves, whole clusters apart, decided by their names alone."""
    names = sorted({each.cluster or each.id for each in samples}, key=_rank)
    first = set(names[::2])
    chosen = [(each.cluster or each.id) in first for each in samples]
    return (
        [place for place, taken in enumerate(chosen) if taken],
        [place for place, taken in enumerate(chosen) if not taken],
    )


def _rank(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
