"""Rollouts that are marked as failures of the infrastructure: no evidence about the policy.

What such a failure is, the record says. So where it says so of most, nothing is shown to be well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from modelassay.records import RolloutReference, RunFinding, RunPhase
from modelassay.training.findings import decimal, run_finding
from modelassay.training.frame import Frame

FAILED_STEP = 0.5
"""Share of failed rollouts from which a whole step is invalid."""
MOSTLY_FAILED = 0.5
"""Share of held-back rollouts from which a run's statistics rest on a remainder."""
SHOWN_FLAGS = 5
"""Behaviours that are named where scanners flag what failed."""
CONSPICUOUS = 0.05
"""Share of empty or truncated completions from which people should look."""
_NOUNS: Final[Mapping[RunPhase, str]] = {"train": "training", "eval": "evaluation"}


def failing_steps(frame: Frame) -> frozenset[int]:
    """Steps of which most training rollouts failed, and of those that only evaluate, most rollouts."""
    if not frame.failed.any():
        return frozenset()
    steps, places = np.unique(frame.step, return_inverse=True)
    asked = frame.is_train | (np.bincount(places, frame.is_train) == 0)[places]
    share = np.bincount(places, frame.failed & asked) / np.bincount(places, asked)
    return frozenset(steps[share > FAILED_STEP].tolist())


def remainder_of(frame: Frame, failing: frozenset[int]) -> dict[RunPhase, str]:
    """How many rollouts of a phase are held back, for each phase of which most are.

    Args:
        failing: see `failing_steps`.
    """
    held = frame.failed | np.isin(frame.step, np.array(sorted(failing), np.int64))
    told: dict[RunPhase, str] = {}
    for phase, noun in _NOUNS.items():
        rows = frame.is_train if phase == "train" else ~frame.is_train
        count, total = int((held & rows).sum()), int(rows.sum())
        if total and count >= MOSTLY_FAILED * total:
            told[phase] = f"{count:,} of {total:,} {noun} rollouts"
    return told


def held_back(remainder: Mapping[RunPhase, str], phases: Collection[RunPhase]) -> str:
    """That most rollouts of some of `phases` are held back; empty when they are not.

    Args:
        remainder: see `remainder_of`.
    """
    told = [each for phase, each in remainder.items() if phase in phases]
    return f"{' and '.join(told)} are held back as failures of the infrastructure" if told else ""


def infrastructure_findings(
    frame: Frame, failing: frozenset[int], remainder: Mapping[RunPhase, str]
) -> tuple[RunFinding, ...]:
    """The finding about rollouts that failed.

    Args:
        failing: see `failing_steps`.
        remainder: see `remainder_of`.
    """
    count, total = int(frame.failed.sum()), len(frame)
    if not count:
        return (
            run_finding(
                "infrastructure_gate",
                "passed",
                f"None of {total:,} rollouts is marked as a failure of the infrastructure.",
                state="shown_fine",
                values={"failed": decimal(0), "rollouts": decimal(total)},
            ),
        )
    known = ~np.isnan(frame.reward)
    values = {"failed": decimal(count), "rollouts": decimal(total)}
    means = ""
    if (known & ~frame.failed).any():
        every, rest = frame.reward[known].mean(), frame.reward[known & ~frame.failed].mean()
        values |= {"mean_reward": decimal(every), "mean_reward_without": decimal(rest)}
        means = f" The mean reward is {every:.3f} with them and {rest:.3f} without."
    seen = _flagged(frame)
    held = held_back(remainder, _NOUNS)
    left = f" So {held}: whatever is said of the rest need not hold for them." if held else ""
    look = bool(held or seen) or count > CONSPICUOUS * total
    rows = np.flatnonzero(frame.failed)[:5]
    return (
        run_finding(
            "infrastructure_gate",
            "mostly held back" if remainder else "held back",
            f"{count:,} of {total:,} rollouts are marked as failed for reasons of the infrastructure; they "
            f"say nothing about the policy and are left out.{means}{seen}{left}",
            state="not_assessable" if remainder else "not_shown",
            severity="high" if "train" in remainder else "medium" if look else "low",
            why_not=held,
            values=values,
            evidence=[RolloutReference(seq=int(row), step=int(frame.step[row])) for row in rows],
            rests_on=tuple(f"step {step} left out: most of it failed" for step in sorted(failing)[:20]),
            question="What failed, and did these rollouts enter training with the reward that they carry?",
        ),
    )


def _flagged(frame: Frame) -> str:
    """What scanners see in rollouts that failed: an exploit may be what broke the machine."""
    counts = {name: int((flags & frame.failed).sum()) for name, flags in frame.flags.items()}
    most = sorted((-count, name) for name, count in counts.items() if count)[:SHOWN_FLAGS]
    told = ", ".join(f"{name}: {-count:,}" for count, name in most)
    return f" Scanners flag some of them all the same ({told})." if told else ""
