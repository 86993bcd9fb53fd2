"""Whether two models keep their hidden states in the same basis; asked before any directions are compared.

A model whose residual stream is turned by an orthogonal matrix, with the weights turned along, gives the same
outputs from other hidden states ("computational invariance": Ashkboos et al. 2024, arXiv:2401.15024). Its
directions say nothing about the base's, and a comparison would take the turn for lost refusals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    import torch

    from modelassay.whitebox.activations.states import States

ALIGNED: Final = 0.9
"""Mean cosine of neutral states from which two models share a basis."""
COMPARABLE: Final = 0.5
"""Below it directions are not compared. Fine-tunes of small models with planted faults had 0.36 and more,
turned copies of them 0.05 and less."""
EXPLAINED: Final = 0.6
"""Share of what differs that a turn must explain to be taken for the cause; of what a fine-tune changes it
explains 0.15 to 0.55, just by having many numbers."""

ROUNDING: Final = 1e-6
"""Relative residual up to which states are the same: the rest is rounding, which no turn explains."""

Kinship = Literal["same basis", "moved", "turned", "other states"]


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """How the candidate's states on neutral text lie to the base's, in the state where they lie worst."""

    cosine: float
    """Mean over positions."""
    apart: float
    """Relative residual of the candidate's states from the base's after the best scale."""
    residual: float
    """Likewise after the best turn and scale (orthogonal Procrustes: Schönemann 1966); 0 when a turn explains
    everything, 1 when it explains nothing."""

    @property
    def explained(self) -> float:
        """Share of the squared difference that the turn explains; 0 where nothing differs."""
        return max(0.0, 1.0 - (self.residual / self.apart) ** 2) if self.differs else 0.0

    @property
    def differs(self) -> bool:
        """Whether the states differ, scale apart, by more than rounding."""
        return self.apart > ROUNDING

    @property
    def kinship(self) -> Kinship:
        """What that means."""
        if self.cosine >= COMPARABLE:
            return "same basis" if self.cosine >= ALIGNED else "moved"
        return "turned" if self.explained >= EXPLAINED else "other states"

    @property
    def comparable(self) -> bool:
        """Whether directions of the base mean the same in the candidate."""
        return self.cosine >= COMPARABLE


def compare_bases(base: States, candidate: States) -> Basis:
    """Compare states of the residual stream on neutral text, centred for the residuals."""
    import torch

    found = []
    for place in base.stream:
        ours, theirs = (
            side.neutral[:, 1:, place].reshape(-1, side.neutral.shape[-1]) for side in (base, candidate)
        )
        cosine = float(torch.nn.functional.cosine_similarity(ours, theirs, dim=-1).mean())
        ours, theirs = ours - ours.mean(0), theirs - theirs.mean(0)
        found.append(
            Basis(cosine=cosine, apart=scale_residual(ours, theirs), residual=turn_residual(ours, theirs))
        )
    return min(found, key=lambda each: each.cosine)


def scale_residual(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """min over s ≥ 0 of ‖theirs − s·ours‖ / ‖theirs‖."""
    norms = float(ours.double().norm() * theirs.double().norm())
    return _residual(float((ours.double() * theirs.double()).sum()), norms)


def turn_residual(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """min over Q orthogonal and s of ‖theirs − s·ours·Q‖ / ‖theirs‖, for states of shape (n, w)."""
    import torch

    ours, theirs = ours.double(), theirs.double()
    norms = float(ours.norm() * theirs.norm())
    if len(ours) < ours.shape[1]:
        # The roots of the Gram matrices give the same singular values, and are as small as there are states.
        ours, theirs = _root(ours @ ours.T), _root(theirs @ theirs.T)
    return _residual(float(torch.linalg.matrix_norm(ours.T @ theirs, ord="nuc")), norms)


def _residual(overlap: float, norms: float) -> float:
    share = min(max(overlap / norms, 0.0), 1.0) if norms > 0 else 1.0
    return float((1.0 - share**2) ** 0.5)


def _root(gram: torch.Tensor) -> torch.Tensor:
    import torch

    values, vectors = torch.linalg.eigh(gram)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T
