"""The short answer: whether one modest change turns the verdict, and which."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from modelassay.audit.robustness.edges import CONFIDENCES
from modelassay.audit.robustness.results import Edge, Firmness, Robustness, Sway, Variation
from modelassay.records import Percent, Policy

NEAR = Decimal("0.1")
"""A limit that turns the verdict within this share of its value is near."""


def firmness(found: Robustness, policy: Policy) -> Firmness:
    """What of `found` is modest and turns the verdict.

    Modest are: a limit moved by at most a tenth, the next lower and higher confidence level, one dataset or
    category left out, one epoch alone, another judge's scores, and a difference of a judge's errors that its
    own calibration leaves room for. Halves and whole other policies are shown and not counted.
    """
    looked_at = [*_variations(found, policy)]
    sways = [
        Sway(change=_change(each), outcome=each.outcome)
        for each in looked_at
        if each.outcome != found.outcome
    ]
    near = [sway for edge in found.edges for sway in _near(edge)]
    judges = [
        Sway(
            change=f"{point.error} {point.shift * 100:+.1f} points on the candidate ({point.judge})",
            outcome=point.outcome,
        )
        for judged in found.judges
        for point in judged.tipping
        if point.within_calibration
    ]
    all_sways = (*sways, *near, *judges)
    count = len(looked_at) + len(found.edges) + len(found.judges)
    return Firmness(firm=not all_sways, sentence=_sentence(found, all_sways, count), sways=all_sways)


def _sentence(found: Robustness, sways: tuple[Sway, ...], count: int) -> str:
    if not sways:
        return f"Robust: none of {count} single changes turns {found.outcome}."
    first = sways[0]
    changes = "1 single change turns" if len(sways) == 1 else f"{len(sways)} single changes turn"
    return f"Fragile: {changes} {found.outcome}, such as {first.change}, which makes it {first.outcome}."


def _variations(found: Robustness, policy: Policy) -> Iterator[Variation]:
    yield from found.without
    yield from found.one_decoding
    yield from found.read_otherwise
    below = max((level for level in CONFIDENCES if level < policy.confidence.basis_points), default=0)
    above = min((level for level in CONFIDENCES if level > policy.confidence.basis_points), default=0)
    names = {str(Percent(basis_points=level)) for level in (below, above)}
    yield from (each for each in found.confidences if each.name in names)


def _near(edge: Edge) -> Iterator[Sway]:
    if edge.distance is not None and edge.distance <= NEAR:
        for point in (edge.below, edge.above):
            if point is not None and _close(edge.value, point.value):
                change = f"{edge.key} at {point.value} in place of {edge.value}"
                yield Sway(change=change, outcome=point.outcome)


def _close(value: str, other: str) -> bool:
    one, two = (Decimal(text.removesuffix("%")) for text in (value, other))
    return abs(two - one) <= NEAR * (one or 100)


def _change(variation: Variation) -> str:
    words = {
        "without dataset": f"leaving out {variation.name}",
        "without category": f"leaving out {variation.name}",
        "one decoding": f"{variation.name} alone",
        "other judge": f"the scores of {variation.name}",
        "confidence": f"confidence {variation.name}",
    }
    return words.get(variation.kind, variation.name)
