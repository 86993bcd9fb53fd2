"""Advantages of a run against those that its rewards give."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from modelassay.training.advantages import NEEDS_WHOLE_STEP, Followed, followed
from modelassay.training.ledger import Ledger
from modelassay.training.trained import Train


def _asked(train: Train, whole: NDArray[np.bool_], lacking: Collection[int]) -> NDArray[np.bool_]:
    """Rollouts whose advantages rest on nothing that is not here."""
    whole_step = np.ones(len(train.step), np.bool_)
    for step in lacking:
        whole_step[train.every[step]] = False
    # Whether a rollout that failed without a reward counted among its group, nothing says.
    hurt = np.bincount(train.groups.code[train.discarded], minlength=len(train.groups.size)) > 0
    asked: NDArray[np.bool_] = (whole_step | whole[train.groups.code]) & ~hurt[train.groups.code]
    return asked


def followed_by(
    train: Train,
    whole: NDArray[np.bool_],
    lacking: Collection[int],
    survivors: bool,
    is_certain: bool,
) -> Followed | None:
    """How advantages come from rewards, as far as they do.

    Args:
        whole: by group whether all that were generated are here.
        survivors: whether only rollouts are here that were trained on.
        is_certain: whether they should come from the rewards that are recorded; otherwise the formula that
            most follow tells nothing where others do not follow it.
    """
    asked = _asked(train, whole, lacking)
    found = followed(train.groups, train.every, asked, (NEEDS_WHOLE_STEP,) if survivors else ())
    if found is None or is_certain:
        return found
    known = asked & ~np.isnan(train.groups.advantage)
    off = np.abs(train.groups.advantage - found.expected)[known]
    return found if (off <= found.allowed[known]).all() else None


def compare_advantages(
    ledger: Ledger, train: Train, found: Followed, whole: NDArray[np.bool_], lacking: Collection[int]
) -> None:
    """Advantages against those of the formula that each step follows, where all that they rest on is here."""
    off = np.abs(train.groups.advantage - found.expected)
    known = ~np.isnan(train.groups.advantage) & _asked(train, whole, lacking)
    for step, rows in train.every.items():
        here = rows[known[rows]]
        if len(here) and not (step in lacking and found.by_step[step] == NEEDS_WHOLE_STEP):
            excess = off[here] - found.allowed[here]
            worst = here[np.nan_to_num(excess, nan=math.inf).argmax()]
            ledger.put(
                step,
                "advantage",
                float(train.groups.advantage[worst]),
                float(found.expected[worst]),
                float(found.allowed[worst]),
            )
