"""Where a curve of refusals falls to half."""

from __future__ import annotations

from collections.abc import Sequence


def half_at(places: Sequence[float], shares: Sequence[float], *, half: float) -> float:
    """The first place at which `shares` fall to `half`, straight lines between the places measured.

    Places are ascending. A curve that begins there gives the first place; one that never falls so far gives
    the last one: nothing is known beyond.

    Raises:
        ValueError: no places, or not one share for each.
    """
    if not places or len(places) != len(shares):
        raise ValueError("a curve needs one share for each place")
    if shares[0] <= half:
        return places[0]
    for place in range(1, len(places)):
        before, after = shares[place - 1], shares[place]
        if after <= half:
            part = (before - half) / (before - after)
            return places[place - 1] + part * (places[place] - places[place - 1])
    return places[-1]
