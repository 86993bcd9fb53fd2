"""Rubrics at hand, and rubrics as a plan writes them.

Each is our own: a question, labels with their meaning and worth, what to ignore, what the judge is shown. A
rubric's version is the digest over all of it (`Rubric.digest`), which is part of every score's version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modelassay.errors import ConfigError, did_you_mean
from modelassay.evaluators.judging.quality_rubrics import QUALITY_RUBRICS
from modelassay.evaluators.judging.question import Label, Rubric
from modelassay.evaluators.judging.safety_rubrics import SAFETY_RUBRICS, clause_rubric, policy_rubric

__all__ = ["RUBRICS", "Label", "Rubric", "clause_rubric", "policy_rubric", "read_rubric"]

RUBRICS = {rubric.name: rubric for rubric in (*SAFETY_RUBRICS, *QUALITY_RUBRICS)}
"""Rubrics at hand, by name."""

PAIRWISE_LABELS = {"better", "as_good", "worse"}


def read_rubric(given: Any, where: str) -> Rubric:
    """The rubric that a plan gives: the name of one of `RUBRICS`, or a rubric written out.

    Raises:
        ConfigError: an unknown name, a wrong field, fewer than two labels or a value outside [0, 1].
    """
    if isinstance(given, Rubric):
        rubric = given
    elif isinstance(given, str):
        if given not in RUBRICS:
            raise ConfigError(f"unknown rubric {given!r}", where=where, mend=did_you_mean(given, RUBRICS))
        return RUBRICS[given]
    elif isinstance(given, Mapping):
        rubric = _convert(dict(given), where)
    else:
        raise ConfigError("a rubric is a name or a mapping", where=where, mend="known: " + ", ".join(RUBRICS))
    if len(rubric.labels) < 2:
        raise ConfigError("a rubric needs at least two labels", where=f"{where}: labels", mend="add a label")
    if rubric.pairwise and set(rubric.labels) != PAIRWISE_LABELS:
        raise ConfigError(
            "a pairwise rubric has other labels", where=f"{where}: labels", mend="better, as_good, worse"
        )
    for name, label in rubric.labels.items():
        if not 0 <= label.value <= 1:
            raise ConfigError(
                f"label {name!r} is worth {label.value}",
                where=f"{where}: labels: {name}",
                mend="give it a value from 0 to 1, with 1 the wanted end",
            )
    return rubric


def _convert(given: dict[str, Any], where: str) -> Rubric:
    fields = Rubric.__struct_fields__
    for key in given:
        if key not in fields:
            raise ConfigError(f"unknown field {key!r}", where=where, mend=did_you_mean(str(key), fields))
    try:
        return msgspec.convert(given, Rubric)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where=where, mend=f"fields: {', '.join(fields)}") from error
