"""What events of a run say, and what belongs to one alarm.

`RunEvent.body` is free, so that importers keep whatever a source tells; from ``alarm`` to ``closure`` it has
the fields below. All are text: what a developer writes about a warning sign is evidence, not instruction.
A number where a text is meant, or one text where several are, is taken for what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal, TypeVar

import msgspec

from modelassay.errors import EvidenceError
from modelassay.records import RunEvent
from modelassay.training.event_times import Order, is_early

FixClass = Literal["root cause", "symptom", "unknown"]


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event may say."""

    reason: str = ""
    evidence: tuple[str, ...] = ()
    """Digests or log entries that it rests on."""

    @property
    def rests(self) -> bool:
        """Whether it names any evidence; an empty text is none."""
        return any(each.strip() for each in self.evidence)


class AlarmRaised(Said, frozen=True, kw_only=True, omit_defaults=True):
    """``alarm``: a detector or a person saw a warning sign."""

    metric: str
    """Empty of an alarm that says nothing which can be understood (`understanding`)."""
    value: str = ""
    threshold: str = ""
    arm: str = "seen"
    """Where it was seen: the arm of the resolution analysis, or an environment."""

    def is_of(self, metric: str) -> bool:
        """Whether it is an alarm on `metric`, however that is spaced, hyphenated or capitalised."""
        return bool(metric.strip()) and _plain(metric) == _plain(self.metric)

    @property
    def fired_when(self) -> Literal["", "above", "below"]:
        """On which side of its threshold it fired; empty where its figures do not tell."""
        try:
            value, threshold = Decimal(self.value), Decimal(self.threshold)
            return "above" if value > threshold else "below" if value < threshold else ""
        except ArithmeticError:  # no numbers, or NaN, which is on no side
            return ""


def _plain(name: str) -> str:
    """Letters and digits of a name; all of it where it has none."""
    return "".join(c for c in name.lower() if c.isalnum()) or name.strip()


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
    unreadable: bool = False
    """Whether what it touches was told in a way that cannot be understood (`understanding`)."""


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


_ANSWERS = ("fix", "closure")
"""An alarm that fires again after one of these has come back; before, it is still the same one."""


def said(event: RunEvent, kind: type[S]) -> S:
    """The typed body of `event`.

    Raises:
        EvidenceError: it says something else than events of its kind say.
    """
    try:
        return msgspec.convert(_plainly(event.body, kind), kind, strict=False)
    except msgspec.ValidationError as error:
        raise EvidenceError(
            f"an event {event.kind!r} cannot be understood: {error}", where=f"{event.time} step {event.step}"
        ) from error


def _plainly(body: Mapping[str, Any], kind: type[Said]) -> dict[str, Any]:
    """`body` with numbers as text where text is meant, one text as a tuple of it, and without nulls."""
    plain = {name: value for name, value in body.items() if value is not None}
    texts, several = _texts(kind)
    for name in plain.keys() & texts:
        plain[name] = _text(plain[name])
    for name in plain.keys() & several:
        value = plain[name]
        plain[name] = tuple(map(_text, value if isinstance(value, list | tuple) else (value,)))
    return plain


@cache
def _texts(kind: type[Said]) -> tuple[frozenset[str], frozenset[str]]:
    """Which fields of `kind` are a text, and which are several."""
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    return (
        frozenset(name for name, type_ in types.items() if type_ is str),
        frozenset(name for name, type_ in types.items() if type_ == tuple[str, ...]),
    )


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) else value


@dataclass(frozen=True)
class Episode:
    """One alarm and all that was done about it, in order of time."""

    id: str
    alarm: RunEvent
    raised: AlarmRaised
    events: tuple[RunEvent, ...]
    """Every event that names the alarm, the alarm itself first; then it may stand again (`episodes`)."""
    early: tuple[RunEvent, ...] = ()
    """What names the alarm and was there before it fired: no answer to it."""

    @property
    def all_events(self) -> tuple[RunEvent, ...]:
        """Whatever names the alarm, answers to it or not."""
        return (*self.early, *self.events)

    def first(self, kind: str) -> RunEvent | None:
        """The first event of `kind`."""
        return next((event for event in self.events if event.kind == kind), None)

    def each(self, kind: str, body: type[S]) -> tuple[S, ...]:
        """What every event of `kind` says."""
        return tuple(said(event, body) for event in self.events if event.kind == kind)

    def since_last(self, kind: str) -> tuple[RunEvent, ...]:
        """Events after the last of `kind`; all where there is none."""
        last = max((place for place, event in enumerate(self.events) if event.kind == kind), default=-1)
        return self.events[last + 1 :]

    @property
    def verifications(self) -> tuple[Verification, ...]:
        """What was measured after the last fix: only that can show anything of it."""
        since = self.since_last("fix")
        return tuple(said(event, Verification) for event in since if event.kind == "verification")

    @property
    def stop(self) -> tuple[Literal["", "hold", "rollback"], RunEvent]:
        """What was decided since the alarm last fired, and where; a hold ends with a later ``go``.

        Empty, with the alarm itself, where there is no such decision.
        """
        decided = [
            (said(event, Decision).choice, event)
            for event in self.since_last("alarm")
            if event.kind == "decision"
        ]
        back = [event for choice, event in decided if choice == "rollback"]
        if back:
            return "rollback", back[-1]
        if not decided or decided[-1][0] != "hold":
            return "", self.alarm
        went = max((place for place, (choice, _) in enumerate(decided) if choice == "go"), default=-1)
        return "hold", decided[went + 1][1]  # the first: it is since then that nothing may be trained


@dataclass
class _Gathering:
    """An episode, while events are read."""

    id: str
    alarm: RunEvent
    events: list[RunEvent]
    early: list[RunEvent]
    behind: list[RunEvent]
    """Answers that stand before the alarm by their times, and were after it."""

    def take(self, event: RunEvent, order: Order, *, placed_before: bool = False) -> None:
        """Put what names the alarm among answers to it, or among what was there before it fired."""
        early = event.kind != "alarm" and is_early(event, self.alarm, order, placed_before=placed_before)
        if early:
            self.early.append(event)
        elif placed_before and order.is_after(event, self.alarm):
            self.behind.append(event)
        else:
            self.events.append(event)

    def whole(self, order: Order) -> Episode:
        """All of it; what was told by a clock that was behind follows the last that it was surely after."""
        events, place = list(self.events), 0
        for event in self.behind:
            after = [number for number, other in enumerate(events) if order.is_after(event, other)]
            place = max((place, *after)) + 1
            events.insert(place, event)
        return Episode(self.id, self.alarm, said(self.alarm, AlarmRaised), tuple(events), tuple(self.early))


def episodes(events: Iterable[RunEvent], order: Order | None = None) -> tuple[Episode, ...]:
    """Alarms in order, each with the events that name it.

    An alarm without an id is one of its own; what names an alarm that was never raised belongs to none. One
    that fires again under its id is the same until it was fixed or closed. After that it has come back: an
    episode of its own, called ``id (2)``, to which belongs what follows. What was written down before the
    first of an id fired is no answer to it (`Episode.early`), unless only clocks differ.

    Args:
        order: what tells their order beside their times; what they say themselves when None.

    Raises:
        EvidenceError: an alarm cannot be understood (`understanding.understood` leaves none of these).
    """
    listed = tuple(events)
    order = Order(listed) if order is None else order
    taken = {event.alarm for event in listed if event.kind == "alarm"}
    begun: list[_Gathering] = []
    latest: dict[str, _Gathering] = {}
    waiting: dict[str, list[RunEvent]] = {}
    for event in listed:
        if event.kind == "alarm" and _begins(event, latest):
            name = event.alarm or _unnamed(len(begun) + 1, taken)
            found = _Gathering(_unused(name, taken) if name in latest else name, event, [event], [], [])
            for each in waiting.pop(name, ()):
                found.take(each, order, placed_before=True)
            begun.append(found)
            latest[name] = found
        elif event.alarm in latest:
            latest[event.alarm].take(event, order)
        elif event.alarm:
            waiting.setdefault(event.alarm, []).append(event)
    return tuple(each.whole(order) for each in begun)


def _begins(alarm: RunEvent, latest: Mapping[str, _Gathering]) -> bool:
    """Whether an alarm is a new one, or one that came back."""
    before = latest.get(alarm.alarm) if alarm.alarm else None
    return before is None or any(event.kind in _ANSWERS for event in (*before.events, *before.behind))


def _unnamed(number: int, taken: set[str]) -> str:
    """``alarm`` and its number among alarms, or the next that none is called; it is taken from here on."""
    while f"alarm {number}" in taken:
        number += 1
    taken.add(f"alarm {number}")
    return f"alarm {number}"


def _unused(name: str, taken: set[str]) -> str:
    """``name (2)``, or the next that none is called; it is taken from here on."""
    number = 2
    while f"{name} ({number})" in taken:
        number += 1
    taken.add(f"{name} ({number})")
    return f"{name} ({number})"
