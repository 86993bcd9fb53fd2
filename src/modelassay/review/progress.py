"""How far labelling is: counts, agreement of annotators, and what the judge said beside what people say."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from modelassay.evidence.contents import Contents
from modelassay.records import Estimate, PairKey, Reading
from modelassay.review.drawn import Draw
from modelassay.review.items import Item
from modelassay.review.labels import VALUES, LabelBook
from modelassay.statistics import krippendorff_alpha, krippendorff_alpha_interval

_PLACES = Decimal("0.001")
_CELLS = {
    (True, True): "both wanted",
    (True, False): "only the judge",
    (False, True): "only people",
    (False, False): "neither",
}


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Of one measure."""

    measure: str
    population: int
    """Pairs that could have been drawn."""
    pairs_drawn: int
    pairs_labelled: int
    """Pairs of which both answers have a label."""
    skipped: int
    """Answers that somebody left out; many of them make the labelled ones less of a sample."""
    annotators: dict[str, int]
    """Labels by annotator."""
    alpha: Estimate | None
    """Krippendorff's alpha (ordinal) over answers that two or more labelled, with its 95 % interval; None
    without such answers, and where all of them have one and the same label: it compares disagreement with
    what chance would give, and no chance is seen there."""
    alike: int
    """Answers that two or more labelled, where all of those labels are one and the same; else 0."""
    judge: dict[str, dict[str, int]]
    """By model: ``both wanted``, ``only the judge``, ``only people``, ``neither``; labelled answers, not
    weighted."""


def progress_of(
    contents: Contents, draw: Draw, items: Sequence[Item], book: LabelBook
) -> tuple[Progress, ...]:
    """What `book` says of every measure of the draw."""
    standing = book.standing()
    values: dict[str, dict[str, float]] = defaultdict(dict)
    skipped: Counter[str] = Counter()
    known = {item.id: item for item in items}
    for (item, annotator), label in standing.items():
        if label.label in VALUES:
            values[item][annotator] = float(VALUES[label.label])
        elif item in known:
            skipped[known[item].measure] += 1
    found = []
    for measure in dict.fromkeys(pair.measure for pair in draw.pairs):
        own = [item for item in items if item.measure == measure]
        pairs = [pair for pair in draw.pairs if pair.measure == measure]
        labelled = {place for item in own if item.id in values for place in item.places}
        drawn = [pair.key for pair in pairs if pair.drawn]
        rated = [values[item.id] for item in own if len(values.get(item.id, ())) > 1]
        alike = len(rated) if len({value for each in rated for value in each.values()}) == 1 else 0
        whole = [key for key in drawn if {("baseline", key), ("candidate", key)} <= labelled]
        found.append(
            Progress(
                measure=measure,
                population=len(pairs),
                pairs_drawn=len(drawn),
                pairs_labelled=len(whole),
                skipped=skipped[measure],
                annotators=dict(Counter(name for item in own for name in values.get(item.id, ()))),
                alpha=None if alike else _alpha(rated),
                alike=alike,
                judge=_against(contents, measure, own, values),
            )
        )
    return tuple(found)


def _alpha(rated: Sequence[Mapping[str, float]]) -> Estimate | None:
    if not rated:
        return None
    people = sorted({name for each in rated for name in each})
    table = np.array([[each.get(name, math.nan) for each in rated] for name in people])
    interval = krippendorff_alpha_interval(table, "ordinal")
    value, low, high = (
        Decimal(str(number)).quantize(_PLACES)
        for number in (krippendorff_alpha(table, "ordinal"), interval.low, interval.high)
    )
    return Estimate(value=value, low=low, high=high)


def _against(
    contents: Contents, measure: str, items: Sequence[Item], values: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, int]]:
    record = contents.record
    sides = {record.baseline.fingerprint: "baseline", record.candidate.fingerprint: "candidate"}
    read: dict[tuple[str, PairKey], bool] = {
        (sides[score.target], score.key): score.outcome.value > 0.5
        for score in contents.scores
        if score.measure == measure and isinstance(score.outcome, Reading)
    }
    tables = {side: dict.fromkeys(_CELLS.values(), 0) for side in sides.values()}
    for item in items:
        if not values.get(item.id):
            continue
        people = sum(values[item.id].values()) / len(values[item.id]) > 0.5
        for side, key in item.places:
            judge = read.get((side, key), False)
            tables[side][_CELLS[judge, people]] += 1
    return tables
