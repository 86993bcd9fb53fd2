"""What is to be assessed, and with what beside the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from modelassay.log.trust import TrustPolicy
from modelassay.records import AssessmentProfile, AssessorDeclaration


class Draws(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the assessor's own log says of challenges of a run."""

    nonces: dict[str, str] = {}
    """When each nonce of `challenges` was fixed, by its `nonce_commitment`; only those fixed before."""
    challenges: dict[str, str] = {}
    """When each was drawn, by its digest."""


_NO_DRAWS = Draws()


class Proofs(msgspec.Struct, frozen=True, kw_only=True):
    """What the assessor has to raise the assurance of a run by."""

    challenge: Path | None = None
    opening: Path | None = None
    received: str = ""
    """When the opening was received; UTC ``YYYY-MM-DDTHH:MM:SSZ``."""
    trust: TrustPolicy | None = None
    """Logs and witnesses that are believed."""
    further: tuple[Path, ...] = ()
    """Findings of replays and canaries, as ``run replay -o`` and the like write them."""
    drawn: Draws = _NO_DRAWS


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an assessment depends on, apart from the run itself."""

    declaration: AssessorDeclaration
    profile: AssessmentProfile = "default"
    scanners: tuple[str, ...] = ()
    """By name; all installed when empty."""
    patterns: tuple[Path, ...] = ()
    """Files of patterns; see `training.scanners.patterns`."""
    evaluations: Path | None = None
    """Evaluations of checkpoints; see `assessment.evaluations`."""
    stages: Mapping[str, str] = {}
    """``base``, ``incident``, ``after``: checkpoints of `evaluations`, where names do not say."""
    events: Path | None = None
    """Events that the developer told apart from the run, as JSON lines of `records.RunEvent`."""
    fixed_at: int | None = None
    """Last step before a fix that no event tells of; 0 when the whole run follows it."""
    held_out: tuple[str, ...] = ()
    """Metrics or reward functions that were not optimised, to hold the reward against."""
    data: tuple[Path, ...] = ()
    """Supervised or preference data that the model was trained on, to be reviewed."""
    tasks: tuple[Path, ...] = ()
    """Task files of the run's environments; read, never run."""
    proofs: Proofs = Proofs()
    logged: Mapping[str, str] = {}
    """When a log took in each event of the run, by its digest."""
    unseen: tuple[str, ...] = ()
    """Further runs in the developer's log that the assessor was not shown, sorted."""

    @property
    def settings(self) -> dict[str, str]:
        """What was asked for by name or number, as a record keeps it."""
        told = {
            "scanners": " ".join(self.scanners),
            "fixed_at": "" if self.fixed_at is None else str(self.fixed_at),
            "held_out": msgspec.json.encode(self.held_out).decode() if self.held_out else "",
            "unseen": msgspec.json.encode(self.unseen).decode() if self.unseen else "",
            "received": self.proofs.received,
            "trust": "given" if self.proofs.trust else "",
            **self.stages,
        }
        return {name: value for name, value in told.items() if value}
