"""The run on one page: rewards, behaviours, checkpoints, alarms and what was done about them, by step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelassay.records import (
    RunCheckpoint,
    RunEvent,
    RunFinding,
    RunMetrics,
    Timeline,
    TimelineMark,
    TimelineSeries,
)
from modelassay.records.assessment import TimelineMarkKind
from modelassay.training.event_times import in_order
from modelassay.training.findings import decimal
from modelassay.training.frame import Flags, Floats, Frame
from modelassay.training.gates import Gates
from modelassay.training.run import Run

POSITIONS = 200
"""At most; longer runs are shown in stretches of equally many steps."""
BEHAVIOURS = 8
"""Behaviours shown at most: those that became most frequent."""
ENVIRONMENTS = 6
"""Environments whose reward is shown apart, at most."""
LOSSES = {"loss": "training", "train_loss": "training", "eval_loss": "evaluation"}
"""Names of losses in what trainers log."""
LONGEST_TEXT = 400
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_KINDS: dict[str, TimelineMarkKind] = {
    "alarm": "alarm",
    "acknowledged": "response",
    "hypothesis": "response",
    "verification": "response",
    "decision": "response",
    "closure": "response",
    "threshold.changed": "response",
    "suite.changed": "response",
    "fix": "fix",
    "gap": "gap",
    "configuration.changed": "configuration",
    "checkpoint.promoted": "checkpoint",
    "resumed": "other",
    "rolled_back": "other",
    "exception": "other",
}


def timeline_of(
    frame: Frame,
    gates: Gates,
    behaviours: Sequence[str],
    events: Sequence[RunEvent],
    run: Run,
    findings: Sequence[RunFinding],
) -> Timeline:
    """Everything of a run that has a step; where it has no rollouts, the losses that its trainer logged."""
    marks = _marks(events, run.checkpoints(), findings)
    used = frame.is_train & gates.valid
    steps = np.unique(frame.step[frame.is_train])
    if not len(steps):
        return _logged(run.metrics(), marks)
    stretch = -(-len(steps) // POSITIONS)
    places = np.full(len(frame), -1, np.int64)
    places[used] = np.searchsorted(steps, frame.step[used]) // stretch
    positions = steps[::stretch]
    return Timeline(
        positions=tuple(positions.tolist()),
        stretch=stretch,
        series=(
            *_rewards(frame, places, len(positions)),
            *_shown(frame, behaviours, places, len(positions)),
            *_lengths(frame, places, len(positions)),
        ),
        marks=marks,
        invalid=tuple(sorted(gates.invalid_steps)),
    )


def _logged(metrics: Iterable[RunMetrics], marks: tuple[TimelineMark, ...]) -> Timeline:
    """The timeline of a run without rollouts: losses that its trainer logged."""
    logged: dict[int, dict[str, float]] = {}
    for each in metrics:
        found = {LOSSES[name]: value for name, value in each.values.items() if name in LOSSES}
        if each.step >= 0 and found:
            logged.setdefault(each.step, {}).update(found)
    steps = sorted(logged)
    if not steps:
        return Timeline(positions=(), marks=marks)
    stretch = -(-len(steps) // POSITIONS)
    stretches = [steps[start : start + stretch] for start in range(0, len(steps), stretch)]
    series = []
    for name in sorted({name for values in logged.values() for name in values}):
        told = [[logged[step][name] for step in part if name in logged[step]] for part in stretches]
        values = tuple(decimal(fmean(each), 4) if each else None for each in told)
        series.append(TimelineSeries(name=name, kind="loss", values=values))
    return Timeline(
        positions=tuple(part[0] for part in stretches), stretch=stretch, series=tuple(series), marks=marks
    )


def _rewards(frame: Frame, places: NDArray[np.int64], size: int) -> list[TimelineSeries]:
    known = (places >= 0) & np.isfinite(frame.reward)
    series = [TimelineSeries(name="reward", kind="reward", values=_means(frame.reward, known, places, size))]
    if 1 < len(frame.envs) <= ENVIRONMENTS:
        for code, name in enumerate(frame.envs):
            values = _means(frame.reward, known & (frame.env == code), places, size)
            series.append(TimelineSeries(name="reward", kind="reward", environment=name, values=values))
    return series


def _shown(
    frame: Frame, behaviours: Sequence[str], places: NDArray[np.int64], size: int
) -> list[TimelineSeries]:
    used = places >= 0
    series = [
        TimelineSeries(
            name=name,
            kind="behaviour",
            values=_means(frame.flags[name].astype(np.float64), used, places, size),
        )
        for name in behaviours
    ]
    return sorted(series, key=lambda s: -max((v for v in s.values if v is not None), default=Decimal(0)))[
        :BEHAVIOURS
    ]


def _lengths(frame: Frame, places: NDArray[np.int64], size: int) -> list[TimelineSeries]:
    tokens = (places >= 0) & np.isfinite(frame.tokens)
    if tokens.any():
        return [
            TimelineSeries(name="tokens", kind="length", values=_means(frame.tokens, tokens, places, size))
        ]
    characters = frame.characters.astype(np.float64)
    if not characters.any():
        return []
    values = _means(characters, places >= 0, places, size)
    return [TimelineSeries(name="characters", kind="length", values=values)]


def _means(values: Floats, chosen: Flags, places: NDArray[np.int64], size: int) -> tuple[Decimal | None, ...]:
    counts = np.bincount(places[chosen], minlength=size)
    sums = np.bincount(places[chosen], weights=values[chosen], minlength=size)
    return tuple(
        decimal(total / count, 4) if count else None for total, count in zip(sums, counts, strict=True)
    )


def _marks(
    events: Sequence[RunEvent], checkpoints: Sequence[RunCheckpoint], findings: Sequence[RunFinding]
) -> tuple[TimelineMark, ...]:
    """By step; of one step first what was kept and what sounds, then events as they happened."""
    marks = [TimelineMark(step=each.step, kind="checkpoint", label=each.name[:80]) for each in checkpoints]
    for each in findings:
        step = each.values.get("alarm_step")
        if each.check == "reinforcement" and each.outcome == "reinforced" and step is not None:
            about = " in ".join(v for k, v in each.slice.items() if k in ("behaviour", "environment"))
            label = f"Z ≥ 4: {about}"[:120]
            marks.append(TimelineMark(step=int(step), kind="statistical alarm", label=label))
    marks += [_event_mark(each, _KINDS[each.kind]) for each in in_order(events) if each.kind in _KINDS]
    return tuple(sorted(marks, key=lambda mark: mark.step))


def _event_mark(event: RunEvent, kind: TimelineMarkKind) -> TimelineMark:
    return TimelineMark(
        step=event.step,
        kind=kind,
        label=f"{event.kind}{f' ({event.alarm})' if event.alarm else ''}"[:120],
        detail=_said(event.body)[:LONGEST_TEXT],
        time=event.time,
    )


def _said(body: Mapping[str, Any]) -> str:
    """What an event says, on one line; hostile text stays text."""
    parts = []
    for name, value in body.items():
        if isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        if value not in ("", None, {}):
            parts.append(f"{name}: {_DIGEST.sub(_beginning, str(value))}")
    return "; ".join(parts)


def _beginning(digest: re.Match[str]) -> str:
    """As much of a digest as tells it from others on the page; the whole of it stands in the run."""
    return f"{digest[0][:19]}…"
