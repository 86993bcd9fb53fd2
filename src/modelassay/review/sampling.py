"""Which pairs of answers are worth a person's time: a stratified sample with known chances.

Strata cross what the judge says of the two answers (equal texts, both wanted, neither, lost, gained) with how
sure it is, and with the category where there is room. Pairs are spread over them as Neyman (1934) does, by
size times the spread that the judge's error is likely to have there, and no stratum goes without: so every
pair has a chance above 0, and within a stratum all have the same. Estimates that weigh by its inverse are
unbiased however good the guesses of spread were (Särndal, Swensson and Wretman 1992, ch. 3.7).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from modelassay.records import PairKey

FLOOR = 4
"""Fewest pairs of a stratum that has so many; of a smaller one all are drawn."""
SMALLEST = 8
"""Pairs drawn that a category must come to, to be a stratum of its own."""
UNSURE = 0.5
"""From this doubt on (1 at the judge's threshold, 0 at either end) a reading is called unsure."""

Agreement = Literal["same answer", "both wanted", "neither wanted", "lost", "gained"]
SPREAD: Mapping[Agreement, float] = {
    "same answer": 0.1,
    "both wanted": 0.25,
    "neither wanted": 0.25,
    "lost": 0.5,
    "gained": 0.5,
}
"""Guessed standard deviation of the judge's error in the difference of a pair, where it is sure."""
SPREAD_UNSURE = 0.6


@dataclass(frozen=True, kw_only=True)
class JudgedPair:
    """A pair as the judge read it."""

    key: PairKey
    baseline: float
    """Value in [0, 1]."""
    candidate: float
    doubt: float
    """In [0, 1], of the less sure reading of the two."""
    category: str
    same: bool
    """Whether both models gave the very same answer."""


@dataclass(frozen=True, kw_only=True)
class SampledPair:
    """A pair with its stratum, fixed before anybody labelled anything."""

    key: PairKey
    stratum: str
    weight: float
    """Inverse of its chance to be drawn."""
    drawn: bool


def sample_pairs(pairs: Sequence[JudgedPair], *, size: int, seed: int) -> tuple[SampledPair, ...]:
    """`pairs` by key, about `size` of them drawn; more where the floors of the strata come to more.

    Args:
        pairs: of one measure, both sides scored.
        size: at least 1.
        seed: decides the draw; the same arguments give the same sample.

    Raises:
        ValueError: `size` is below 1, or a pair occurs twice.
    """
    ordered = sorted(pairs, key=lambda pair: pair.key)
    if size < 1 or len({pair.key for pair in ordered}) < len(ordered):
        raise ValueError("need a size of at least 1, and each pair once")
    strata = _strata(ordered, size)
    counts = allocate(
        {name: len(members) for name, members in strata.items()},
        {name: _spread_of(members) for name, members in strata.items()},
        size,
    )
    found: list[SampledPair] = []
    for name in sorted(strata):
        members, count = strata[name], counts[name]
        chosen = set(random.Random(f"modelassay.review/1:{seed}:{name}").sample(range(len(members)), count))
        found += [
            SampledPair(key=pair.key, stratum=name, weight=len(members) / count, drawn=index in chosen)
            for index, pair in enumerate(members)
        ]
    return tuple(sorted(found, key=lambda pair: pair.key))


def allocate(sizes: Mapping[str, int], spreads: Mapping[str, float], total: int) -> dict[str, int]:
    """How many to draw of each stratum: in proportion to size times spread, within floor and size.

    What a stratum that is drawn whole leaves over goes to the others.
    """
    counts = {name: min(size, FLOOR) for name, size in sizes.items()}
    wanted = {name: size * spreads[name] for name, size in sizes.items()}
    while (left := total - sum(counts.values())) > 0:
        open_ = [name for name in sizes if counts[name] < sizes[name]]
        if not open_:
            break
        # One at a time to whoever is furthest behind: exact, and small enough to afford.
        for _ in range(left):
            open_ = [name for name in open_ if counts[name] < sizes[name]]
            if not open_:
                break
            behind = max(open_, key=lambda name: (wanted[name] / (counts[name] + 1), name))
            counts[behind] += 1
    return counts


def _strata(pairs: Sequence[JudgedPair], size: int) -> dict[str, list[JudgedPair]]:
    """Pairs by stratum: cells of agreement and doubt, split by category where that leaves enough of each."""
    cells: dict[str, list[JudgedPair]] = defaultdict(list)
    for pair in pairs:
        cells[f"{_agreement(pair)}, {'unsure' if pair.doubt >= UNSURE else 'sure'}"].append(pair)
    counts = allocate(
        {name: len(members) for name, members in cells.items()},
        {name: _spread_of(members) for name, members in cells.items()},
        size,
    )
    found: dict[str, list[JudgedPair]] = defaultdict(list)
    for name, members in cells.items():
        share = counts[name] / len(members)
        by_category: dict[str, list[JudgedPair]] = defaultdict(list)
        for pair in members:
            by_category[pair.category].append(pair)
        for category, some in by_category.items():
            own = category and len(some) * share >= SMALLEST and len(by_category) > 1
            found[f"{name}, {category}" if own else name] += some
    return found


def _agreement(pair: JudgedPair) -> Agreement:
    if pair.same:
        return "same answer"
    before, after = pair.baseline > 0.5, pair.candidate > 0.5
    if before == after:
        return "both wanted" if before else "neither wanted"
    return "lost" if before else "gained"


def _spread_of(members: Sequence[JudgedPair]) -> float:
    first = members[0]
    return SPREAD_UNSURE if first.doubt >= UNSURE and not first.same else SPREAD[_agreement(first)]
