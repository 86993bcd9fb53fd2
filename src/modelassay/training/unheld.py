"""What was logged of rewards and advantages and can be held against no rollouts, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from modelassay.training.advantages import Groups
from modelassay.training.logged_statistics import is_unknown_reward, statistic_named

SHOWN_NAMES: Final = 5


def unheld(compared: Collection[str], logs: Sequence[Mapping[str, float]]) -> str:
    """Why total rewards that were logged were compared in no step; empty where they were, or none was logged.

    Args:
        compared: names of what was compared.
        logs: of steps of which rollouts are here.
    """
    named = dict.fromkeys(name for values in logs for name in values)
    totals = [name for name in named if (found := statistic_named(name)) is not None and found.is_total]
    if any(name in compared for name in totals):
        return ""
    if totals:
        return (
            f"a total reward was logged ({_some(totals)}) and could be held against the rollouts of no step, "
            f"as their total rewards, or all the rollouts that it is of, are not in the record"
        )
    unknown = [name for name in named if is_unknown_reward(name)]
    return f"rewards were logged under names that are not known here ({_some(unknown)})" if unknown else ""


def no_formula(groups: Groups, other_rewards: Sequence[str] = ()) -> str:
    """Why advantages were not compared.

    Args:
        other_rewards: of `other_rewards.other_rewards_of`.
    """
    count = int((~np.isnan(groups.advantage)).sum())
    if not count:
        return "advantages are not recorded"
    if not (np.nan_to_num(groups.std) > 0).any():
        return f"the advantages of {count:,} rollouts tell nothing, as all rewards of each group are equal"
    if other_rewards:
        return (
            f"the advantages of {count:,} rollouts do not follow from their rewards alone, "
            f"as these are changed before ({_some(other_rewards)})"
        )
    return f"the advantages of {count:,} rollouts follow no formula that is known here"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")
