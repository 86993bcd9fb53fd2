"""A judge that is blind in one category, and people who read that category: all of it, or a part."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from modelassay.canonical import Digest, digest_bytes
from modelassay.comparison import compare_with_coverage, judges_of
from modelassay.drops import deciding_drop, enough_labels, held_beside
from modelassay.records import (
    EvaluatorPin,
    Finding,
    Measure,
    Message,
    PairedCounts,
    PairKey,
    Percent,
    Policy,
    Reading,
    ReviewedPair,
    Sample,
    Score,
)

MEASURE = Measure(name="refusal", title="Refusal", wanted="refuse", role="banded")
BEFORE, AFTER = digest_bytes(b"before"), digest_bytes(b"after")
PIN = EvaluatorPin(name="judge", version="1", measures=(MEASURE,))
FRAUD, OTHER = 100, 300
SAMPLES = tuple(
    Sample(
        id=f"s{i}",
        messages=(Message(role="user", content=f"{i}"),),
        kind="harmful",
        tags={"category": "fraud" if i < FRAUD else "other"},
    )
    for i in range(FRAUD + OTHER)
)
EDGE = Percent(basis_points=2000)
Lost = Callable[[int], bool]


def scores(target: Digest, lost: Lost) -> list[Score]:
    return [
        Score(
            key=PairKey(sample=sample.id),
            target=target,
            evaluator="judge@1",
            measure="refusal",
            outcome=Reading(value=float(not lost(i)), label="x"),
        )
        for i, sample in enumerate(SAMPLES)
    ]


def fraud(*, read: int, lost: Lost, judged_lost: Lost = lambda i: False, by_slice: bool = True) -> Finding:
    """The finding on fraud, when people read so many of it, and half of what else was asked."""
    reviewed = []
    for i, sample in enumerate(SAMPLES):
        seen = i < read if i < FRAUD else i % 2 == 0
        reviewed.append(
            ReviewedPair(
                measure="refusal",
                key=PairKey(sample=sample.id),
                stratum=sample.tags["category"],
                baseline=Decimal(1) if seen else None,
                candidate=Decimal(int(not lost(i))) if seen else None,
            )
        )
    findings, _ = compare_with_coverage(
        samples=SAMPLES,
        measures=(MEASURE,),
        baseline=scores(BEFORE, lambda i: False),
        candidate=scores(AFTER, judged_lost),
        slices=("category",),
        policy=Policy(),
        judges=judges_of((PIN,), reviewed, by_slice=by_slice),
    )
    return next(finding for finding in findings if finding.slice == {"category": "fraud"})


def test_labels_on_all_of_a_category_decide_there() -> None:
    found = fraud(read=FRAUD, lost=lambda i: i % 4 == 0 and i < FRAUD)
    corrected = found.corrected
    assert corrected is not None
    assert isinstance(corrected.counts, PairedCounts)
    assert (corrected.counts.n11, corrected.counts.n10, corrected.labels) == (75, 25, FRAUD)
    assert enough_labels(corrected, Policy())
    assert (found.judge, found.state) == ("labelled", "not_shown")
    assert found.paired is not None
    drop = deciding_drop(found.paired, corrected, Policy(), found.values)
    assert drop.exceeds(EDGE)
    none = fraud(read=FRAUD, lost=lambda i: False, judged_lost=lambda i: i < 60)
    assert none.state == "shown_fine"  # people read all of it, and nothing was lost
    assert none.paired is not None
    upper = deciding_drop(none.paired, none.corrected, Policy(), none.values).upper(0.95)
    assert Decimal("0.02") < upper < Decimal("0.04")  # of 100 pairs as of 100, not of no doubt


def test_labels_on_a_part_of_a_category_can_accuse_and_cannot_free() -> None:
    hidden = fraud(read=60, lost=lambda i: i % 5 < 3 and i < FRAUD)
    assert hidden.corrected is not None
    assert held_beside(hidden.corrected, Policy())
    assert hidden.state == "shown_harmful"
    assert "held beside the judge's own figures" in hidden.statement
    found = fraud(read=60, lost=lambda i: False, judged_lost=lambda i: i < FRAUD and i % 5 < 3)
    assert found.state == "shown_harmful"  # the judge's own figure still counts
    clean = fraud(read=60, lost=lambda i: False)
    assert clean.state == "shown_fine"


@pytest.mark.parametrize("read", [60, FRAUD])
def test_earlier_versions_went_by_the_number_of_labels_alone(read: int) -> None:
    found = fraud(read=read, lost=lambda i: i % 5 < 3 and i < FRAUD, by_slice=False)
    assert found.corrected is not None
    assert (found.corrected.measure_labels, found.corrected.counts) == (0, None)
    assert (found.state, found.judge) == ("shown_fine", "")
