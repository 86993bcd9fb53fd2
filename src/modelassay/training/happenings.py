"""What events of a run say, and what belongs to one alarm.

`RunEvent.body` is free, so that importers keep whatever a source tells; from ``alarm`` to ``closure`` it has
the fields below. All are text: what a developer writes about a warning sign is evidence, not instruction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from modelassay.errors import EvidenceError
from modelassay.records import RunEvent

FixClass = Literal["root cause", "symptom", "unknown"]


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event may say."""

    reason: str = ""
    evidence: tuple[str, ...] = ()
    """Digests or log entries that it rests on."""


class AlarmRaised(Said, frozen=True, kw_only=True, omit_defaults=True):
    """``alarm``: a detector or a person saw a warning sign."""

    metric: str
    value: str = ""
    threshold: str = ""
    arm: str = "seen"
    """Where it was seen: the arm of the resolution analysis, or an environment."""


class Hypothesis(Said, frozen=True, kw_only=True, omit_defaults=True):
    """``hypothesis``: what the developer thinks the cause is."""

    text: str


class Fix(Said, frozen=True, kw_only=True, omit_defaults=True):
    """``fix``: what was changed."""

    text: str = ""
    paths: tuple[str, ...] = ()
    """Files that the change touches, by which its class is decided."""
    settings: tuple[str, ...] = ()
    """Configuration keys that it changes, likewise."""
    diff: str = ""
    """Digest of the change."""
    overridden: FixClass | None = None
    """The assessor's own class, with `reason`; the paths decide when None."""


class Verification(Said, frozen=True, kw_only=True, omit_defaults=True):
    """``verification``: what was measured after the fix."""

    arms: tuple[str, ...] = ()
    passed: bool = True
    before: str = ""
    """Checkpoint before the fix; likewise after."""
    after: str = ""


class Decision(Said, frozen=True, kw_only=True, omit_defaults=True):
    """``decision``: how it went on."""

    choice: Literal["go", "hold", "rollback"]


class ThresholdChanged(Said, frozen=True, kw_only=True, omit_defaults=True):
    """``threshold.changed``: what raises an alarm from here on."""

    metric: str
    old: str
    new: str
    """Empty when the metric is watched no more."""
    alarm_when: Literal["above", "below"] = "above"


class SuiteChanged(Said, frozen=True, kw_only=True, omit_defaults=True):
    """``suite.changed``: what is evaluated from here on."""

    suite: str
    added: int = 0
    removed: int = 0
    before: str = ""
    """Digest of the items before; likewise after."""
    after: str = ""
    old_suite_on_new_checkpoint: bool = False
    """Whether the old items were also put to the checkpoint after the change."""


class Promoted(Said, frozen=True, kw_only=True, omit_defaults=True):
    """``checkpoint.promoted``: a checkpoint is used from here on (released, or trained further)."""

    checkpoint: str


class Gap(Said, frozen=True, kw_only=True, omit_defaults=True):
    """``gap``: rollouts that the recorder could not keep."""

    rollouts: int
    first_step: int = -1
    last_step: int = -1


BODIES: dict[str, type[Said]] = {
    "alarm": AlarmRaised,
    "acknowledged": Said,
    "hypothesis": Hypothesis,
    "fix": Fix,
    "verification": Verification,
    "decision": Decision,
    "threshold.changed": ThresholdChanged,
    "suite.changed": SuiteChanged,
    "closure": Said,
    "checkpoint.promoted": Promoted,
    "gap": Gap,
}
S = TypeVar("S", bound=Said)


def said(event: RunEvent, kind: type[S]) -> S:
    """The typed body of `event`.

    Raises:
        EvidenceError: it says something else than events of its kind say.
    """
    try:
        return msgspec.convert(event.body, kind)
    except msgspec.ValidationError as error:
        raise EvidenceError(
            f"an event {event.kind!r} cannot be understood: {error}", where=f"{event.time} step {event.step}"
        ) from error


@dataclass(frozen=True)
class Episode:
    """One alarm and all that was done about it, in order of time."""

    id: str
    alarm: RunEvent
    raised: AlarmRaised
    events: tuple[RunEvent, ...]
    """Every event that names the alarm, the alarm itself first."""

    def first(self, kind: str) -> RunEvent | None:
        """The first event of `kind`."""
        return next((event for event in self.events if event.kind == kind), None)

    def each(self, kind: str, body: type[S]) -> tuple[S, ...]:
        """What every event of `kind` says."""
        return tuple(said(event, body) for event in self.events if event.kind == kind)


def episodes(events: Iterable[RunEvent]) -> tuple[Episode, ...]:
    """Alarms in order, each with the events that name it.

    An alarm without an id is one of its own; what names an alarm that was never raised belongs to none.

    Raises:
        EvidenceError: an event cannot be understood, or two alarms have one id.
    """
    listed = tuple(events)
    found: dict[str, RunEvent] = {}
    for number, event in enumerate(each for each in listed if each.kind == "alarm"):
        name = event.alarm or f"alarm {number + 1}"
        if name in found:
            raise EvidenceError(f"two alarms are called {name!r}", where=f"{event.time} step {event.step}")
        found[name] = event
    return tuple(
        Episode(
            id=name,
            alarm=alarm,
            raised=said(alarm, AlarmRaised),
            events=(alarm, *(e for e in listed if e.alarm == name and e is not alarm)),
        )
        for name, alarm in found.items()
    )
