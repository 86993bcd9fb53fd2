"""What is to be assessed, and with what beside the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from modelassay.log.trust import TrustPolicy
from modelassay.records import AssessmentProfile, AssessorDeclaration, CommittedRun
from modelassay.training.event_times import CLOCK_SKEW_S, moment


class LoggedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a run, as far as a log keeps it."""

    happened: str
    """Its kind."""
    said_time: str
    """When it happened, as its writer says."""
    place: int = -1
    """Its number in the log; -1 where an earlier version did not keep it."""


class LoggedClosing(msgspec.Struct, frozen=True, kw_only=True):
    """A commitment to a run, as a log has it."""

    committed: CommittedRun
    time: str
    """When the log took it in."""
    processes: tuple[int, ...] = ()
    """Numbers of the processes of which the log had events or step records by then, sorted."""


class LoggedErasure(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of a run that were erased, as a log has it."""

    absent: str
    """Digest of the list of all that was erased by then."""
    time: str
    """When the log took it in."""


class LoggedRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a log says of a run, to be held against a copy of it."""

    manifests: tuple[str, ...] = ()
    """Digests of the manifests that it was opened with, sorted."""
    happened: dict[str, LoggedEvent] = {}
    """Its events, by digest."""
    other_steps: tuple[str, ...] = ()
    """Its step records that the copy has not, or otherwise: the first, in words."""
    closings: tuple[LoggedClosing, ...] = ()
    """Every commitment to it, the oldest first."""
    erasures: tuple[LoggedErasure, ...] = ()
    """Every erasure of parts of it, the oldest first."""
    opened: str = ""
    """When the log took in the run's manifest first; empty where an earlier version did not keep it."""
    not_this: str = ""
    """Why the log cannot be the one that the run was committed to in; empty where it can."""
    not_cosigned: str = ""
    """What its newest tree head lacks of the quorum that cosigned the commitment; empty where nothing."""


_NO_LOG = LoggedRun()


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
    log: LoggedRun = _NO_LOG
    """What the developer's log says of the run."""


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
    classes: Path | None = None
    """How the assessor classes fixes, as JSON lines of `training.analyses.fix_class.FixClassed`."""
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


def places_in_log(request: Request) -> dict[str, int]:
    """Where a log has each event of the run that it took in as it happened, by digest.

    Of what was logged late its place does not tell when it was written.
    """
    return {
        digest: each.place
        for digest, each in request.proofs.log.happened.items()
        if each.place >= 0 and _was_live(each.said_time, request.logged.get(digest, ""))
    }


def _was_live(said: str, logged: str) -> bool:
    happened, taken = moment(said), moment(logged)
    if happened is None or taken is None:
        return False
    return abs((taken - happened).total_seconds()) <= CLOCK_SKEW_S
