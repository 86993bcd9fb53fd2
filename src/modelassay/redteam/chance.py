"""Chance that comes out the same everywhere: numbers from SHA-256 of a counter, whatever the Python."""

from __future__ import annotations

from modelassay.redteam.frozen import number_of


class Chance:
    """A stream of numbers that look random.

    Args:
        parts: what it depends on; the same parts give the same stream.
    """

    __slots__ = ("_drawn", "_parts")

    def __init__(self, *parts: str | int) -> None:
        self._parts = parts
        self._drawn = 0

    def below(self, end: int) -> int:
        """The next number in [0, `end`); uniform up to a bias of `end` / 2**64."""
        self._drawn += 1
        return number_of("chance/1", self._drawn, *self._parts) % end

    def happens(self, probability: float) -> bool:
        """Whether something of this probability, in [0, 1], happens now."""
        return self.below(2**53) < probability * 2**53

    def order(self, count: int) -> list[int]:
        """The numbers below `count` in a random order (Fisher and Yates)."""
        places = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.below(last + 1)
            places[last], places[other] = places[other], places[last]
        return places
