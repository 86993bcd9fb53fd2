"""Whether the record of a run bears out a fix: code, settings and data that were in force around it.

A recorder tells every change of what it was given (`training.recorder.in_force`), and its step records name
the digests, so that where it told of none, none was made. What it was not given says nothing either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from modelassay.records import RunDataset, RunEvent
from modelassay.training.analyses.fix_class import at_cause, of_data
from modelassay.training.event_times import Order, is_early
from modelassay.training.happenings import Fix
from modelassay.training.protocol.set_up import of_training

Shown = Literal["changed", "elsewhere", "unchanged", "not recorded"]
"""``elsewhere``: something changed, and not what the fix names."""
_REPOSITORY = ("git commit", "git changes")
"""These change with any file; which one, nothing tells."""
_SCRIPT = "training script"
_COLLATOR = "data_collator"
"""It is about data, and only puts them together."""
_IN_FILE = " in "
_NAMED = 3


@dataclass(frozen=True)
class InRecord:
    """What the record says of one fix."""

    shown: Shown
    names: tuple[str, ...] = ()
    """What did not change, or what did in its place."""


@dataclass(frozen=True)
class Recorded:
    """What is known of code, settings and data of a run, and when each changed."""

    settings: frozenset[str] = frozenset()
    code: frozenset[str] = frozenset()
    """Names; empty where some process does not tell its code."""
    changes: tuple[tuple[RunEvent, str], ...] = ()
    """Each change by its name, as the event tells it."""
    data: frozenset[str] = frozenset()
    """Roles of data of which digests are known of more than one process."""
    changed_data: frozenset[str] = frozenset()
    """Those of `data` of which processes had different ones."""


@dataclass
class _Lane:
    """What one of the processes side by side, with those that resumed it, said last."""

    code: dict[str, str] = field(default_factory=dict)
    said: bool = False


def recorded_of(
    events: Sequence[RunEvent], settings: Iterable[str] = (), datasets: Iterable[RunDataset] = ()
) -> Recorded:
    """What the events of a run tell of code, settings and data.

    Args:
        settings: names of those that its manifest has.
        datasets: data that it was given.
    """
    resumed = {each.rank: each.body.get("world") for each in events if each.kind == "resumed"}
    worlds = [world for world in resumed.values() if type(world) is int and world > 0]
    told = [each for each in events if each.kind == "code"]
    own = [each for each in events if each.kind == "configuration.changed"]
    silent = resumed.keys() - {each.rank for each in told}
    changes = [*_code_changes(told, max(worlds, default=0)), *_setting_changes(own)]
    digests: dict[str, set[str]] = {}
    for each in datasets if resumed else ():
        if each.digest:
            digests.setdefault(each.role, set()).add(each.digest)
    return Recorded(
        frozenset(settings) | {name for _, name in _setting_changes(own)},
        frozenset() if silent else frozenset(name for each in told for name in _digests(each)),
        tuple(changes),
        frozenset(digests),
        frozenset(role for role, found in digests.items() if len(found) > 1),
    )


def fix_in_record(
    fix: Fix, alarm: RunEvent, until: RunEvent | None, recorded: Recorded, order: Order
) -> InRecord:
    """Whether something that `fix` names changed from the alarm on, as far as the record can tell.

    Args:
        until: what was measured first after the fix; the rest of the run counts where nothing was.
    """
    changed = [
        name
        for event, name in recorded.changes
        if not is_early(event, alarm, order, placed_before=False)
        and (until is None or not _is_later(event, until, order))
    ]
    known = {*recorded.settings, *recorded.code}
    meant = [name for name in sorted(known) if _is_of(name, fix)]
    kin = [name for name in sorted(recorded.code) if _is_at_cause(name)] if at_cause(fix) else []
    about_data = of_data(fix) and bool(recorded.data)
    if {*meant, *kin} & {*changed} or (about_data and recorded.changed_data):
        return InRecord("changed")
    if meant:
        return InRecord("unchanged", tuple(meant[:_NAMED]))
    if not (kin or about_data) or any(name in _REPOSITORY for name in changed):
        return InRecord("not recorded")
    if changed:
        return InRecord("elsewhere", tuple(dict.fromkeys(changed))[:_NAMED])
    data = [f"{role} data" for role in sorted(recorded.data)] if about_data else []
    return InRecord("unchanged", tuple((*kin, *data)[:_NAMED]))


def _is_later(event: RunEvent, until: RunEvent, order: Order) -> bool:
    """Whether a change came only after what was measured."""
    return order.is_after(event, until) or (
        event.step > until.step >= 0 and order.process_of(event) >= order.process_of(until)
    )


def _code_changes(told: Sequence[RunEvent], world: int) -> Iterator[tuple[RunEvent, str]]:
    """Names of code whose digest is another than that process, or the one that it resumed, said before."""
    lanes: dict[int, _Lane] = {}
    for event in sorted(told, key=lambda each: each.rank):  # of one process they stand in their order
        lane = lanes.setdefault(event.rank % world if world else event.rank, _Lane())
        now = _digests(event)
        before, whole = dict(lane.code), "digests" in event.body
        lane.code = now if whole else {**before, **now}
        if lane.said:
            names = {*now, *before} if whole else {*now}
            differ = sorted(name for name in names if before.get(name) != now.get(name))
            yield from ((event, name) for name in differ if not name.startswith(_SCRIPT))
        lane.said = True


def _setting_changes(changed: Iterable[RunEvent]) -> Iterator[tuple[RunEvent, str]]:
    for event in changed:
        name = event.body.get("setting")
        if isinstance(name, str) and of_training(name):
            yield event, name


def _digests(event: RunEvent) -> dict[str, str]:
    both = (event.body.get(part) for part in ("digests", "changed"))
    pairs = (pair for each in both if isinstance(each, Mapping) for pair in each.items())
    return {name: digest for name, digest in pairs if isinstance(name, str) and isinstance(digest, str)}


def _is_of(name: str, fix: Fix) -> bool:
    """Whether a recorded setting or file is one that the fix names."""
    files = {path.replace("\\", "/").rstrip("/ ").rpartition("/")[2].lower() for path in fix.paths}
    _, mark, file = name.rpartition(_IN_FILE)
    return name in fix.settings or (bool(mark) and file.lower() in files)


def _is_at_cause(name: str) -> bool:
    """Whether recorded code is of what gives the reward, by its name."""
    return at_cause(Fix(paths=(name.partition(_IN_FILE)[0],))) and not name.startswith((_SCRIPT, _COLLATOR))
