"""What was logged of rewards and advantages and can be held against no rollouts, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from modelassay.training.advantages import Groups
from modelassay.training.logged_statistics import is_mean_of_function, is_unknown_reward, statistic_named

SHOWN_NAMES: Final = 5


def unheld(compared: Mapping[str, Collection[int]], logs: Mapping[int, Mapping[str, float]]) -> str:
    """Why rewards that were logged were compared in half of their steps or fewer.

    Empty where they were in more, or none was logged.

    Args:
        compared: steps, by names of what was compared in them.
        logs: by step, of steps of which rollouts are here.
    """
    spoken = {step: names for step, values in logs.items() if (names := _rewards_in(values))}
    missed = {
        step: names
        for step, names in spoken.items()
        if not any(step in compared.get(name, ()) for name in names)
    }
    if 2 * len(missed) < max(len(spoken), 1):
        return ""
    named = dict.fromkeys(name for names in missed.values() for name in names)
    held = len(spoken) - len(missed)
    steps = f"{held:,} of {len(spoken):,} steps" if held else "no step"
    unknown = [name for name in named if is_unknown_reward(name)]
    why = []
    if totals := [name for name in named if _is_total(name)]:
        why.append(
            f"a total reward was logged ({_some(totals)}) and could be held against the rollouts of {steps}, "
            f"as their total rewards, or all the rollouts that it is of, are not in the record"
        )
    if unknown:
        among = f" in {len(missed):,} of {len(spoken):,} steps" if held and not totals else ""
        why.append(f"rewards were logged under names that are not known here ({_some(unknown)}){among}")
    if alone := [name for name in named if is_mean_of_function(name)]:
        why.append(
            f"without a total reward, rewards were logged ({_some(alone)}) "
            f"that could be held against the rollouts of {steps}"
        )
    return ", and ".join(why)


def _rewards_in(values: Mapping[str, float]) -> list[str]:
    """What a log says of rewards: totals; else what may be one, by its name; else means of functions."""
    for speaks in (_is_total, is_unknown_reward, is_mean_of_function):
        if names := [name for name in values if speaks(name)]:
            return names
    return []


def _is_total(name: str) -> bool:
    statistic = statistic_named(name)
    return statistic is not None and statistic.is_total


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
