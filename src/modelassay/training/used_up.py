"""Rollouts that were made to be trained on, of which training used only some before it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from modelassay.records import RunEvent

NOT_USED_UP = "generation_not_used_up"
"""Key of the note that says how names of the groups begin which were made together and not used up."""


def not_used_up(events: Iterable[RunEvent], groups: Mapping[str, int]) -> NDArray[np.int64]:
    """Codes of the groups of which nobody knows whether they were trained on.

    Args:
        groups: codes of all, by their names in the record.
    """
    told = (event.body.get(NOT_USED_UP) for event in events if event.kind == "note")
    begins = tuple(each for each in told if isinstance(each, str) and each)
    return np.array([code for name, code in groups.items() if begins and name.startswith(begins)], np.int64)
