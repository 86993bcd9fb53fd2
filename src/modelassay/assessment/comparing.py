"""Two training runs compared: behaviours, what reward pays, rewards; settings, code, coverage.

A reward has no unit of its own: that of one run may be ten times that of the other. What reward pays for a
behaviour has surely moved where it has both in reward and as a share of the range of rewards; where the
ranges or weights are clearly others, the share decides alone, and a warning says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from modelassay.records import RunChange, RunDifference, RunFinding, RunManifest, RunMove
from modelassay.records.run_difference import Moved
from modelassay.statistics import cluster_mean_interval, newcombe_difference_interval, normal_quantile
from modelassay.training.analyses.counted import clustering
from modelassay.training.analyses.reinforcement import MIXED_LEAST, assess_reinforcement
from modelassay.training.findings import decimal, estimate
from modelassay.training.frame import Flags, Frame, read_frame
from modelassay.training.gates import run_gates
from modelassay.training.infrastructure_gate import MOSTLY_FAILED
from modelassay.training.run import Run
from modelassay.training.scanners.opening import open_scanners

LATE = 0.1
"""Share of the steps, at the end, that tell what a run came to."""
SAME_SCALE = 1.5
"""Ranges of rewards of which one is more times the other are called other scales (a convention)."""
ONLY = "(only)"
"""The environment of rollouts that name none."""
_ORDER = {"up": 0, "down": 1, "not shown": 2, "not compared": 3}


@dataclass(frozen=True)
class _Side:
    """One run, as it is compared."""

    run: Run
    frame: Frame
    late: Flags
    """Usable training rollouts of the last steps."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name or ONLY for name in self.frame.envs)

    @property
    def environments(self) -> tuple[str, ...]:
        return self.names if len(self.names) > 1 else ()

    def of(self, environment: str) -> Flags:
        """Late rollouts of an environment; of all, when it is empty."""
        chosen: Flags = self.late & self._in(environment)
        return chosen

    def span(self, environment: str) -> float:
        """The range of rewards in training, without a hundredth at either end; 0 when all are equal."""
        frame = self.frame
        chosen = frame.is_train & frame.usable & np.isfinite(frame.reward) & self._in(environment)
        if not chosen.any():
            return 0.0
        low, high = np.quantile(frame.reward[chosen], [0.01, 0.99])
        return float(high - low) or float(np.ptp(frame.reward[chosen]))

    def _in(self, environment: str) -> Flags:
        if not environment:
            return np.ones(len(self.frame), np.bool_)
        if environment not in self.names:
            return np.zeros(len(self.frame), np.bool_)
        chosen: Flags = self.frame.env == self.names.index(environment)
        return chosen


def compare_runs(
    before: Run, after: Run, scanners: Sequence[str] = (), patterns: Sequence[Path] = ()
) -> RunDifference:
    """What moved from one run to the other; intervals of each kind of quantity hold together at 95 %.

    Args:
        scanners: by name, all installed when none is named; both runs are read by the same ones.
        patterns: files of one's own patterns.

    Raises:
        UsageError: a scanner or file cannot be used.
        EvidenceError: a run is damaged.
    """
    one, two = (_side(run, scanners, patterns) for run in (before, after))
    shown = dict.fromkeys(
        name
        for side in (one, two)
        for name, flags in side.frame.flags.items()
        if (flags & side.frame.is_train).any()
    )
    places = ("", *dict.fromkeys((*one.environments, *two.environments)))
    level = 1.0 - 0.05 / max(1, len(shown) * len(places))
    moves = [
        *(_rate(one, two, name, place, level) for name in shown for place in places),
        *(move for name in shown for move in _differentials(one, two, name, level)),
        *(_reward(one, two, place, 1.0 - 0.05 / len(places)) for place in places),
    ]
    return RunDifference(
        before=before.manifest.id,
        after=after.manifest.id,
        moves=tuple(sorted(moves, key=lambda move: _ORDER[move.moved])),
        changes=tuple(_changes(before.manifest, after.manifest)),
        coverage=(before.coverage(), after.coverage()),
        late_rollouts=(int(one.late.sum()), int(two.late.sum())),
        warnings=tuple(_warnings(one, two)),
    )


def _side(run: Run, scanners: Sequence[str], patterns: Sequence[Path]) -> _Side:
    frame = read_frame(run, open_scanners(scanners, patterns))
    gates = run_gates(frame, run.manifest, run.coverage())
    frame = replace(frame, failed=gates.invalid)
    used = frame.is_train & frame.usable
    steps = np.unique(frame.step[used])
    first = steps[-max(1, round(LATE * len(steps)))] if len(steps) else 0
    return _Side(run, frame, used & (frame.step >= first))


def _rate(one: _Side, two: _Side, behaviour: str, environment: str, level: float) -> RunMove:
    counts = []
    for side in (one, two):
        chosen = side.of(environment)
        effect = clustering(replace(side.frame, is_train=chosen), behaviour) if chosen.any() else 1.0
        shown = int(side.frame.flags[behaviour][chosen].sum()) if behaviour in side.frame.flags else 0
        counts.append((shown, int(chosen.sum()), effect))
    (k1, n1, e1), (k2, n2, e2) = counts
    move = RunMove(
        quantity="late rate",
        behaviour=behaviour,
        environment=environment,
        before=decimal(k1 / n1) if n1 else None,
        after=decimal(k2 / n2) if n2 else None,
    )
    if not n1 or not n2:
        return move
    ends = newcombe_difference_interval(k2 / e2, n2 / e2, k1 / e1, n1 / e1, level)
    return _moved(move, k2 / n2 - k1 / n1, *ends)


def _differentials(one: _Side, two: _Side, behaviour: str, level: float) -> Iterator[RunMove]:
    found = [_paid(side, behaviour) for side in (one, two)]
    for place in dict.fromkeys((*found[0], *found[1])):
        spans = one.span(place), two.span(place)
        other = _other_scales(one, two, spans)
        raw = [_Paid.of(each.get(place), 1.0) for each in found]
        shares = [_Paid.of(each.get(place), span) for each, span in zip(found, spans, strict=True)]
        first, second = shares if other else raw
        move = RunMove(
            quantity="reward differential",
            behaviour=behaviour,
            environment=place,
            unit="range of rewards" if other else "",
            before=decimal(first.value) if first else None,
            after=decimal(second.value) if second else None,
        )
        if first is not None and second is not None:
            move = _moved(move, *_difference(first, second, level))
            # Rewards that are a little larger for everything pay nothing more for this.
            if shares[0] and shares[1]:
                in_shares = _moved(move, *_difference(shares[0], shares[1], level)).moved
                if in_shares != move.moved:
                    move = msgspec.structs.replace(move, moved="not shown")
        yield move


@dataclass(frozen=True)
class _Paid:
    """What reward pays for a behaviour within groups, in some unit."""

    value: float
    error: float

    @classmethod
    def of(cls, finding: RunFinding | None, unit: float) -> _Paid | None:
        """None where nothing was found, or everything is rewarded alike."""
        if finding is None or not unit:
            return None
        return cls(*(float(finding.values[name]) / unit for name in ("differential", "standard_error")))


def _difference(first: _Paid, second: _Paid, level: float) -> tuple[float, float, float]:
    """Second minus first, and its interval."""
    value = second.value - first.value
    width = normal_quantile(0.5 + 0.5 * level) * math.hypot(first.error, second.error)
    return value, value - width, value + width


def _other_scales(one: _Side, two: _Side, spans: tuple[float, float]) -> bool:
    """Whether rewards are weighted otherwise, or one range of them is far larger than the other."""
    weights = [{r.name: r.weight for r in side.run.manifest.rewards} for side in (one, two)]
    return weights[0] != weights[1] or max(spans) > SAME_SCALE * min(spans) > 0


def _paid(side: _Side, behaviour: str) -> Mapping[str, RunFinding]:
    """By environment, where enough groups are mixed; the whole run under the empty name."""
    asked = assess_reinforcement(side.frame, behaviour, population=side.run.manifest.population)
    return {
        (each.slice["environment"] or ONLY) if "environment" in each.slice else "": each
        for each in asked
        if "reward" not in each.slice
        and "differential" in each.values
        and each.values.get("mixed_groups", 0) >= MIXED_LEAST
    }


def _reward(one: _Side, two: _Side, environment: str, level: float) -> RunMove:
    means = []
    for side in (one, two):
        chosen = side.of(environment) & np.isfinite(side.frame.reward)
        rewards, tasks = side.frame.reward[chosen], side.frame.task[chosen]
        ends = cluster_mean_interval(rewards, tasks, level) if chosen.any() else None
        means.append((float(rewards.mean()), 0.5 * (ends.high - ends.low)) if ends else None)
    first, second = means
    move = RunMove(
        quantity="late reward",
        environment=environment,
        before=decimal(first[0]) if first else None,
        after=decimal(second[0]) if second else None,
    )
    if first is None or second is None:
        return move
    width, value = math.hypot(first[1], second[1]), second[0] - first[0]
    return _moved(move, value, value - width, value + width) if math.isfinite(width) else move


def _moved(move: RunMove, value: float, low: float, high: float) -> RunMove:
    moved: Moved = "up" if low > 0.0 else "down" if high < 0.0 else "not shown"
    return msgspec.structs.replace(move, difference=estimate(value, low, high), moved=moved)


def _changes(before: RunManifest, after: RunManifest) -> Iterator[RunChange]:
    for name in ("framework", "framework_version", "algorithm", "base", "group_size", "population"):
        one, two = (str(getattr(manifest, name) or "") for manifest in (before, after))
        if one != two:
            yield RunChange(kind="run", name=name, before=one, after=two)
    weights = [{r.name: f"weight {r.weight}" for r in manifest.rewards} for manifest in (before, after)]
    yield from _changed("reward", *weights)
    yield from _changed("configuration", before.configuration, after.configuration)
    yield from _changed("code", before.code, after.code)
    yield from _changed("library", before.libraries, after.libraries)


def _changed(kind: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[RunChange]:
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield RunChange(
                kind=kind,  # type: ignore[arg-type]
                name=name,
                before=before.get(name, ""),
                after=after.get(name, ""),
            )


def _warnings(one: _Side, two: _Side) -> Iterator[str]:
    names = [tuple(reward.name for reward in side.run.manifest.rewards) for side in (one, two)]
    if names[0] != names[1]:
        yield "rewards are given by other functions"
    spans = one.span(""), two.span("")
    if _other_scales(one, two, spans):
        yield (
            f"rewards may be on other scales (ranges of {spans[0]:.3g} and {spans[1]:.3g}, and weights): "
            "differentials are compared as shares of the range, and mean rewards say little"
        )
    if only := sorted(set(one.names) ^ set(two.names)):
        yield f"only one of the runs has these environments: {', '.join(only)}"
    for side in (one, two):
        if not side.late.any():
            yield f"{side.run.manifest.id} has no usable training rollouts: nothing of them can be compared"
        coverage = side.run.coverage()
        if coverage is None or (coverage.expected_train or 0) > coverage.found_train:
            yield f"the record of {side.run.manifest.id} is not known to be complete"
        held = side.frame.failed[side.frame.is_train]
        if held.sum() >= MOSTLY_FAILED * max(1, len(held)):
            yield f"most training rollouts of {side.run.manifest.id} are held back as failures"
