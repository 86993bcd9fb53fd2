"""How many rollouts steps and groups should have, and which have others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelassay.training.lacking import STEADY, Lack, lacking_steps
from modelassay.training.ledger import GROUPS_OF, ONE_TASK, ROLLOUTS, Ledger
from modelassay.training.size_changes import SizeChange, group_sizes, usual_sizes
from modelassay.training.trained import Train


@dataclass(frozen=True)
class ExpectedSizes:
    """What sizes are told of groups, and which steps may be of one size."""

    group: NDArray[np.int64]
    """Rollouts that each group should have; 0 where nothing tells."""
    usual: NDArray[np.int64]
    """The same; where nothing tells, what nearly all groups of its part have, and 0 where these vary or have
    one rollout each: then a group cannot be seen to lack any."""
    part: Mapping[int, int]
    """For each step, how many changes of sizes came before it was taken the last time."""

    @classmethod
    def of(
        cls, train: Train, group_size: int | None, parts: NDArray[np.int64], changes: Sequence[SizeChange]
    ) -> ExpectedSizes:
        """As `group_size` and `changes` say.

        Args:
            group_size: rollouts per prompt, where all groups have it but for `changes`.
            parts: for each rollout, how many of `changes` came before it.
        """
        group = np.zeros(len(train.groups.size), np.int64)
        group[train.groups.code] = group_sizes(changes, group_size)[parts]
        part = np.zeros_like(group)
        part[train.groups.code] = parts
        usual = np.where(group > 0, group, _usual_groups(train.groups.size, part))
        return cls(group, usual, {step: int(parts[rows[0]]) for step, rows in train.steps.items()})


def _usual_groups(size: NDArray[np.int64], part: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each group the size, 2 or more, that nearly all groups of its part have; 0 where there is none.

    Args:
        size, part: by group.
    """
    found = np.zeros_like(size)
    for each in np.unique(part):
        values, counts = np.unique(size[part == each], return_counts=True)
        most = int(values[counts.argmax()])
        if most > 1 and counts.max() >= STEADY * counts.sum():
            found[part == each] = most
    return found


def whole_groups(train: Train, expected: ExpectedSizes) -> NDArray[np.bool_]:
    """By group whether all that were generated are here; of an unknown size those as large as the largest."""
    size = np.where(expected.group > 0, expected.group, train.groups.size.max(initial=0))
    return np.asarray(train.groups.size >= size, np.bool_)


def lacking_of(
    train: Train,
    lacks: Sequence[Lack],
    whole: NDArray[np.bool_],
    expected: ExpectedSizes,
    survivors: bool,
) -> frozenset[int]:
    """Steps of which the record says that rollouts are missing; of survivors those with groups not whole."""
    lacking = lacking_steps(_missing(train, expected), lacks)
    if not survivors:
        return lacking
    kept = whole[train.groups.code]
    return lacking | {step for step, rows in train.every.items() if not kept[rows].all()}


def _missing(train: Train, expected: ExpectedSizes) -> dict[int, int | None]:
    """How many rollouts each step has too few, by other steps and by groups; None where neither tells."""
    usual = usual_sizes({step: len(rows) for step, rows in train.every.items()}, expected.part)
    found: dict[int, int | None] = {}
    for step, rows in train.every.items():
        codes = np.unique(train.groups.code[rows])
        few = usual[step]
        if few is None and not expected.group[codes].any():
            found[step] = None
            continue
        in_groups = int(np.maximum(expected.group[codes] - train.groups.size[codes], 0).sum())
        found[step] = max((few or 0) - len(rows), in_groups)
    return found


def compare_sizes(ledger: Ledger, train: Train, expected: ExpectedSizes, left_out: Collection[int]) -> None:
    """Steps of another size than nearly all of their part, also less what failed and has no reward.

    Where a step's generation failed and was made again, the step has the rollouts of both. The last step
    may be smaller by whole groups: training data seldom fills it. Of others the ledger keeps whether their
    groups are whole, so that nothing but their number is odd.
    """
    sizes = {step: len(rows) for step, rows in train.steps.items() if step not in left_out}
    used = {step: int((~train.discarded[train.steps[step]]).sum()) or size for step, size in sizes.items()}
    last = max(sizes, default=0)
    for step, usual in usual_sizes(used, expected.part).items():
        if usual is None:
            continue
        size = sizes[step] if sizes[step] == usual else used[step]
        groups = _groups_in(train, expected, step) if size != usual else "whole"
        rest = step == last and groups == "whole"
        logged = min(usual, size) if rest else usual
        ledger.put(step, ROLLOUTS, logged, size, 0, in_groups=groups != "broken")


def _groups_in(train: Train, expected: ExpectedSizes, step: int) -> Literal["whole", "broken", "unknown"]:
    """Whether all groups of a step have the size that groups have; ``unknown`` where they have no one size.

    Rollouts that failed and have no reward may count or not.
    """
    rows = train.steps[step]
    if not expected.usual[train.groups.code[rows]].all():
        return "unknown"
    for here in (rows, rows[~train.discarded[rows]]):
        codes, counts = np.unique(train.groups.code[here], return_counts=True)
        if len(here) and (counts == expected.usual[codes]).all():
            return "whole"
    return "broken"


def compare_groups(
    ledger: Ledger, train: Train, expected: ExpectedSizes | None, lacking: Collection[int]
) -> None:
    """Groups of several tasks, and of another size than expected; None where that is not to be said."""
    mixed = train.groups.mixed(train.task)
    for step, rows in train.every.items():
        codes = np.unique(train.groups.code[rows])
        if step not in lacking or mixed[codes].any():
            ledger.put(step, ONE_TASK, 0, float(mixed[codes].sum()), 0)
        if expected is not None and step not in lacking:
            for size in np.unique(expected.group[codes][expected.group[codes] > 0]).tolist():
                odd = (expected.group[codes] == size) & (train.groups.size[codes] != size)
                ledger.put(step, f"{GROUPS_OF}{size}", 0, float(odd.sum()), 0)
