"""What events of training runs say."""

from __future__ import annotations

import re
from typing import Literal

from modelassay.canonical import digest_of
from modelassay.evidence.body import Body
from modelassay.evidence.parts import Count, Sha256, Time
from modelassay.records import CommittedRun, RunEvent, StepRecord

_FRACTION = re.compile(r"\.\d+(?=Z\Z)")


class RunOpened(Body, frozen=True, kw_only=True):
    """A training run is recorded, or about to be committed to."""

    kind = "run.opened"
    run: str
    manifest: Sha256
    """Of ``run.json``."""
    origin: Literal["recorded", "imported"]


class RunStep(Body, frozen=True, kw_only=True):
    """The rollouts of one step, as `training.protocol.commitment.StepRecord` has them."""

    kind = "run.step"
    record: StepRecord


class RunHappened(Body, frozen=True, kw_only=True):
    """Something happened in a run, of which the log keeps the digest and the time."""

    kind = "run.event"
    run: str
    event: Sha256
    """Of the canonical form of the `records.RunEvent`."""
    happened: str
    """Its kind, such as ``alarm``."""
    said_time: Time
    """When it happened, as its writer says; the log's own time stands beside it."""

    @classmethod
    def of(cls, run: str, event: RunEvent) -> RunHappened:
        """What the log keeps of `event`; of its time the whole seconds, as all times of a log are."""
        time = _FRACTION.sub("", event.time)
        return cls(run=run, event=digest_of(event), happened=event.kind, said_time=time)


class RunClosed(Body, frozen=True, kw_only=True):
    """The developer binds themselves to a whole run."""

    kind = "run.closed"
    committed: CommittedRun


class NonceFixed(Body, frozen=True, kw_only=True):
    """An assessor binds themselves to a nonce, before they know what they will challenge."""

    kind = "run.nonce_fixed"
    nonce: Sha256
    """Of its bytes."""


class RunChallenged(Body, frozen=True, kw_only=True):
    """An assessor has drawn the rollouts that must be opened; logged before anybody is told which.

    Who draws until they like the draw has more than one such event for a commitment.
    """

    kind = "run.challenged"
    run: str
    challenge: Sha256
    """As in ``run.opened_to_assessor``."""
    commitment: Sha256
    """Of the `CommittedRun` that is challenged."""
    nonce: Sha256
    """As in ``run.nonce_fixed``."""
    drawn: Count
    population: Count
    deadline: Time


class RunOpenedToAssessor(Body, frozen=True, kw_only=True):
    """The developer has answered a challenge."""

    kind = "run.opened_to_assessor"
    run: str
    challenge: Sha256
    opening: Sha256
    """Of the file."""


class RunErased(Body, frozen=True, kw_only=True):
    """Parts of rollouts are erased for good; what was committed to of them stays as leaves."""

    kind = "run.erased"
    run: str
    parts: tuple[str, ...]
    rollouts: Count
    """How many lack at least one part of `parts` from here on that they had."""
    absent: Sha256
    """Of ``commitments/absent.jsonl``, which names them."""
    reason: str


class RunAssessed(Body, frozen=True, kw_only=True):
    """An assessor has reported on a run."""

    kind = "run.assessed"
    run: str
    assessment: Sha256
    """Of ``assessment.json``."""
    profile: str
    assessor: str


RUN_BODIES: tuple[type[Body], ...] = (
    RunOpened,
    RunStep,
    RunHappened,
    RunClosed,
    NonceFixed,
    RunChallenged,
    RunOpenedToAssessor,
    RunErased,
    RunAssessed,
)
"""Every one of them."""
