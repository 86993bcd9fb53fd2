"""Settings of TRL by which advantages rest on other numbers than the rewards that a record has.

RLOO takes rewards less a penalty for leaving the reference model (`beta`), clips them (`reward_clip_range`),
or scales what comes of them over all rollouts (`normalize_advantages`); GRPO may scale each reward function
on its own (`multi_objective_aggregation`). Where the model has not moved yet, or no reward is clipped,
advantages follow the usual formula all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelassay.training.run import Run

_FRAMEWORK: Final = "trl"
_PENALISED: Final = "rloo"
_NOTHING: Final = frozenset(("", "null", "none"))


def other_rewards_of(run: Run) -> tuple[str, ...]:
    """Such settings that were in force at any time, with their values."""
    if run.manifest.framework != _FRAMEWORK:
        return ()
    penalised = run.manifest.algorithm == _PENALISED
    found = [
        f"{last} {value}"
        for name, value in _told(run)
        if _changes_rewards(last := name.rpartition(".")[2].lower(), value.strip().lower(), penalised)
    ]
    return tuple(dict.fromkeys(found))


def _told(run: Run) -> Iterator[tuple[str, str]]:
    """Settings that the run began with, and what they were changed to."""
    yield from run.manifest.configuration.items()
    for event in run.events():
        name, value = event.body.get("setting"), event.body.get("new")
        if event.kind == "configuration.changed" and isinstance(name, str) and isinstance(value, str):
            yield name, value


def _changes_rewards(setting: str, value: str, penalised: bool) -> bool:
    if setting == "beta":
        return penalised and not _is_zero(value)
    if setting == "multi_objective_aggregation":
        return value == "normalize_then_sum"
    if setting == "normalize_advantages":
        return value == "true"
    return setting == "reward_clip_range" and value not in _NOTHING


def _is_zero(value: str) -> bool:
    try:
        return float(value) == 0
    except ValueError:
        return value in _NOTHING
