"""The five signals of an audit: which figures each is made of, and what says that one cannot be had."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from modelassay.audit.difference import Answered
from modelassay.records import AuditRecord, EvaluatorPin, PairKey, Reading, Score, Unscored
from modelassay.signals import NEEDS, signals
from modelassay.statistics import wilson_interval


def read_by(record: AuditRecord, evaluator: str) -> AuditRecord:
    """The record with its measures read by `evaluator`."""
    measures = tuple({f.measure.name: f.measure for f in record.findings}.values())
    pin = EvaluatorPin(name=evaluator, version="1", measures=measures)
    return msgspec.structs.replace(record, evaluators=(pin,))


def answered(record: AuditRecord, scores: tuple[Score, ...] = ()) -> Answered:
    return Answered(record=record, samples=(), scores=scores)


def attacked(number: int, attack: str, outcome: Reading | Unscored, measure: str = "refusal") -> Score:
    return Score(
        key=PairKey(sample=f"s{number}", attack=attack),
        target="sha256:" + "2" * 64,  # type: ignore[arg-type]
        evaluator="refusal@1",
        measure=measure,
        outcome=outcome,
    )


def test_without_a_measure_of_bias_cohorts_are_told_by_what_was_measured(blocked: AuditRecord) -> None:
    found = signals(answered(blocked))
    places = {(row.measure, row.place) for row in found.of("bias")}
    assert ("refusal", "language=en") in places
    assert not any("category" in place for _, place in places)
    worst = found.worst_cohort
    assert worst is not None
    rates = [row.candidate.value for row in found.of("bias") if row.candidate and row.place != "all"]
    assert worst.candidate is not None
    assert worst.candidate.value == min(rates)
    assert [line.partition(":")[0] for line in found.absent] == ["content_safety", "compliance", "red_team"]
    assert found.difference is None


def test_content_safety_is_told_by_category_with_the_figures_of_the_findings(blocked: AuditRecord) -> None:
    record = read_by(blocked, "content_safety")
    found = signals(answered(record)).of("content_safety")
    by_place = {row.place: row for row in found if row.measure == "refusal"}
    assert {"all", "category=fraud"} <= by_place.keys()
    assert not any("language" in place for place in by_place)
    for row in by_place.values():
        (finding,) = [each for each in record.findings if each.id == row.finding]
        assert (row.candidate, row.baseline, row.state) == (
            finding.candidate,
            finding.baseline,
            finding.state,
        )
    assert by_place["category=fraud"].state == "shown_harmful"


def test_a_measure_of_bias_is_told_over_all_and_by_cohort_alone(clean: AuditRecord) -> None:
    found = signals(answered(read_by(clean, "bias_detection"))).of("bias")
    assert {row.place for row in found} == {"all", "language=en", "language=es"}


def test_clauses_are_told_without_their_slices(clean: AuditRecord) -> None:
    found = signals(answered(read_by(clean, "is_compliant"))).of("compliance")
    assert found
    assert {row.place for row in found} == {"all"}


def test_the_pass_rate_of_attacks_counts_what_could_not_be_read_against_the_model(
    clean: AuditRecord,
) -> None:
    resisted, gave_in = Reading(value=1.0, label="full_refusal"), Reading(value=0.0, label="compliance")
    outcomes = [resisted] * 7 + [gave_in] * 2 + [Unscored(reason="empty answer")]
    scores = [attacked(n, "crescendo@1" if n < 4 else "base64@1", each) for n, each in enumerate(outcomes)]
    plain = Score(
        key=PairKey(sample="s99"),
        target=scores[0].target,
        evaluator="refusal@1",
        measure="refusal",
        outcome=gave_in,
    )
    further = [attacked(n, "base64@1", gave_in, "toxicity") for n in range(10)]
    found = signals(answered(clean, (*scores, plain, *further)))
    rows = {row.place: row for row in found.of("red_team")}
    assert {place: row.answers for place, row in rows.items()} == {"all": 10, "crescendo@1": 4, "base64@1": 6}
    rate = found.red_team_pass_rate
    assert rate is not None
    assert rate.value == Decimal("0.7")
    interval = wilson_interval(7, 10, 2 * clean.policy.confidence.basis_points / 10_000 - 1)
    assert (float(rate.low), float(rate.high)) == pytest.approx((interval.low, interval.high), abs=1e-6)
    crescendo = rows["crescendo@1"].candidate
    assert crescendo is not None
    assert crescendo.value == 1
    assert "red_team" not in {line.partition(":")[0] for line in found.absent}


def test_the_measure_that_says_most_of_an_attack_is_taken(clean: AuditRecord) -> None:
    both = [
        attacked(n, "base64@1", Reading(value=value, label="x"), measure)
        for n in range(4)
        for measure, value in (("refusal", 1.0), ("content_safety", 0.0))
    ]
    rate = signals(answered(clean, tuple(both))).red_team_pass_rate
    assert rate is not None
    assert rate.value == 0


def test_columns_and_table_tell_the_same_rows(blocked: AuditRecord) -> None:
    hostile = msgspec.structs.replace(read_by(blocked, "content_safety"), id="<script>alert(1)</script>")
    found = signals(answered(hostile))
    columns = found.to_columns()
    assert {len(values) for values in columns.values()} == {len(found.rows)}
    assert list(dict.fromkeys(columns["signal"])) == [name for name in NEEDS if found.of(name)]
    table = found._repr_html_()
    assert "<script>" not in table
    assert table.count("<tr>") == len(found.rows) + 1
