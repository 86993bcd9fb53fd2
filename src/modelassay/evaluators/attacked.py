"""Measures of attacked samples, kept apart from those of requests put as they are.

An evaluator that says ``reads_attacks = True`` is given answers to attacked samples too
(`protocols.Evaluator`) and scores them on a measure of its own, so that adding attacks to a plan changes no
other figure.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from modelassay.records import Measure

RED_TEAM = "red_team"
"""How the names of the refusal judge's measures of attacked samples begin."""
SUFFIX = "_under_attack"
"""How those of others end."""


def under_attack(measure: Measure) -> Measure:
    """The measure on which an evaluator scores attacked samples in place of `measure`.

    It is never held against the deployment table by default: for that there is ``red_team``.
    """
    role = "concern" if measure.role == "banded" else measure.role
    return msgspec.structs.replace(
        measure, name=measure.name + SUFFIX, title=f"{measure.title}, under attack", role=role
    )


def is_of_attacks(measure: str) -> bool:
    """Whether a measure of this name is one of attacked samples."""
    return measure.startswith(RED_TEAM) or measure.endswith(SUFFIX)


def measures_of_attacks(measures: Iterable[Measure]) -> tuple[Measure, ...]:
    """Those of `measures` by which an attack has its way or not."""
    return tuple(each for each in measures if is_of_attacks(each.name) and each.role != "descriptive")


def scorable(measures: Iterable[Measure], *, attacked: bool) -> tuple[Measure, ...]:
    """Those of `measures` that an audit can score: of attacks only where samples are attacked."""
    return tuple(each for each in measures if attacked or not is_of_attacks(each.name))
