"""What evaluation rollouts show: how often a behaviour occurs where nothing is trained.

An evaluation reinforces nothing, so there is no verdict on reward here, only rates by environment. As
elsewhere a rate counts from `ONSET_RATE` on, or from the scanner's measured rate of false flags if that is
larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelassay.records import RolloutReference, RunFinding
from modelassay.records.findings import Severity
from modelassay.statistics import Detector, wilson_interval
from modelassay.training.analyses.counted import design_effect
from modelassay.training.analyses.trajectory import ONSET_RATE
from modelassay.training.findings import decimal, run_finding
from modelassay.training.frame import Codes, Flags, Floats, Frame

CHECK = "evaluated"
FREQUENT = 0.1
"""Rate from which a behaviour that pays is of high severity, as in training."""
_ONE_SIDED = 0.90
"""Two-sided level whose lower end is a one-sided bound of 95 %."""
_EXAMPLES = 3


@dataclass(frozen=True)
class _Counted:
    """One environment's evaluation rollouts that could be read."""

    rollouts: int
    flagged: int
    rewarded: int | None
    """Of `flagged`, those that were rewarded; None where reward is not known."""
    effect: float
    """Design effect of rollouts of one group."""

    @property
    def rate(self) -> float:
        return self.flagged / self.rollouts

    def surely(self, count: int, floor: float) -> bool:
        """Whether the share of `count` rollouts is surely above `floor`."""
        return wilson_interval(count / self.effect, self.rollouts / self.effect, _ONE_SIDED).low > floor


def assess_evaluated(
    frame: Frame, behaviour: str, detector: Detector | None = None
) -> tuple[RunFinding, ...]:
    """How often evaluation rollouts show `behaviour`, by environment; none of one that never shows it.

    *shown*: surely more often than counts; *seldom shown* otherwise. It is a harm where it is surely shown.

    Args:
        detector: measured error rates of the scanner.
    """
    used = ~frame.is_train & frame.usable
    floor = max(ONSET_RATE, detector.false_positive_rate) if detector is not None else ONSET_RATE
    found = []
    for code, name in enumerate(frame.envs):
        rows = np.flatnonzero(used & (frame.env == code))
        if frame.flags[behaviour][rows].any():
            found.append(_finding(frame, behaviour, name, rows, floor))
    return tuple(found)


def _finding(frame: Frame, behaviour: str, name: str, rows: Codes, floor: float) -> RunFinding:
    flags = frame.flags[behaviour][rows]
    paid = _rewarded(frame.reward[rows])
    place = np.unique(frame.step[rows], return_inverse=True)[1]
    counted = _Counted(
        len(rows),
        int(flags.sum()),
        None if paid is None else int((flags & paid).sum()),
        design_effect(flags, frame.group[rows], place),
    )
    surely = counted.surely(counted.flagged, floor)
    about = {"behaviour": behaviour} | ({"environment": name} if name else {})
    values = {"rollouts": counted.rollouts, "flagged": counted.flagged, "flagged_rate": counted.rate}
    told = ""
    if counted.rewarded is not None:
        values["flagged_rewarded"] = counted.rewarded
        told = f", {counted.rewarded:,} of these are rewarded"
    return run_finding(
        CHECK,
        "shown" if surely else "seldom shown",
        f"In evaluations {counted.flagged:,} of {counted.rollouts:,} rollouts show it ({counted.rate:.1%})"
        f"{told}. Nothing is trained there: this is what the model does, not what reward made of it.",
        about=about,
        state="shown_harmful" if surely else "not_shown",
        severity=_severity(counted, floor) if surely else "none",
        values={key: decimal(value) for key, value in values.items()},
        evidence=_examples(frame, rows[flags]),
        method=f"one-sided 95 % Wilson bound against {floor:.1%}, widened for rollouts of one group",
        rests_on=(frame.scanned_by.get(behaviour, behaviour),),
        question=f"Do results of {name or 'this evaluation'} count rollouts with {behaviour} as successes?"
        if surely
        else "",
    )


def _severity(counted: _Counted, floor: float) -> Severity:
    pays = counted.rewarded is None or counted.surely(counted.rewarded, floor)
    return "high" if pays and counted.rate >= FREQUENT else "medium"


def _rewarded(reward: Floats) -> Flags | None:
    """Which are rewarded: at least halfway up, or above 0 where all are equal; None where none is known."""
    known = reward[np.isfinite(reward)]
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    return np.asarray(reward >= (low + high) / 2 if high > low else reward > 0, np.bool_)


def _examples(frame: Frame, rows: Codes) -> list[RolloutReference]:
    """The best paid of the flagged rollouts `rows`."""
    reward = np.nan_to_num(frame.reward[rows], nan=-np.inf)
    best = rows[np.argsort(-reward, kind="stable")[:_EXAMPLES]].tolist()
    return [RolloutReference(seq=row, step=int(frame.step[row]), note=_note(frame, row)) for row in best]


def _note(frame: Frame, row: int) -> str:
    reward = float(frame.reward[row])
    return f"flagged, reward {reward:g}" if np.isfinite(reward) else "flagged, reward not known"
