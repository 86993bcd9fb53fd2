"""A reference population in words, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from modelassay.comparison import PopulationPlace, ReferencePopulation
from modelassay.report.text import percent, points, visible, with_interval


def population_lines(found: ReferencePopulation) -> Iterator[str]:
    """Who is compared, where the candidate lies on each measure, and what limits that."""
    n = len(found.members)
    yield f"{n} other audited {'candidate' if n == 1 else 'candidates'} of the same baseline"
    for why, count in found.left_out.items():
        yield f"left out: {count}, {why}"
    for member in found.members:
        yield f"  {visible(member.audit)}  {member.outcome}  {visible(member.candidate)}"
    for place in found.places:
        yield ""
        yield from _place(place)
    for limit in found.limits:
        yield f"limit: {limit}"


def _place(place: PopulationPlace) -> Iterator[str]:
    yield f"{visible(place.title)}: changed by {with_interval(place.difference, as_points=True)}"
    if place.lowest is None or place.median is None or place.highest is None:
        yield "  nobody to compare with"
        return
    low, middle, high = map(points, (place.lowest, place.median, place.highest))
    yield f"  of {place.members}: {place.worse} worse, {place.equal} equal, {place.better} better"
    yield f"  theirs from {low} to {high}, median {middle}"
    yield f"  {place.overlapping} of them with an interval that meets its own, so that noise may order them"
    word = "unusual" if place.unusual else "not unusual"
    yield f"  a place as bad has a probability of at most {percent(place.tail)} for one of their kind: {word}"
