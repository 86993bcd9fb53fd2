"""The same answers as other judges read them, where the store holds audits that were judged again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from modelassay.audit.given import GivenAnswers
from modelassay.audit.redeciding import open_decided
from modelassay.audit.robustness.leaving_out import overall_drops
from modelassay.audit.robustness.replay import Replay
from modelassay.audit.robustness.results import OtherReading, Variation
from modelassay.audit.seal import audit_ids, read_audit, sums_of
from modelassay.canonical import Digest
from modelassay.evidence.lapse import lapse_of
from modelassay.records import AuditRecord, EvaluatorPin, PairKey, Reading

_HALF = 0.5
Readings = Mapping[tuple[str, Digest, PairKey], float]


def other_readers(store: Path, given: GivenAnswers) -> Iterator[GivenAnswers]:
    """Sealed audits in `store` of the same answers, in which another judge read a measure of `given`.

    Raises:
        EvidenceError: one of them is damaged.
    """
    own = given.record
    answers = {str(given.sums), own.judged_again} - {""}
    for audit in audit_ids(store):
        record = read_audit(store, audit)
        if record.id == own.id or not different_readers(own, record):
            continue
        if not {record.judged_again, str(sums_of(store / "audits" / audit))} & answers:
            continue
        if lapse_of(audit, store / "log") is None:
            yield open_decided(store / "audits" / audit, store / "log")


def different_readers(own: AuditRecord, other: AuditRecord) -> tuple[str, ...]:
    """Names of the measures that both read, with another evaluator, version or setting."""
    mine, theirs = _by_measure(own.evaluators), _by_measure(other.evaluators)
    return tuple(name for name in mine if name in theirs and mine[name] != theirs[name])


def read_otherwise(replay: Replay, other: Replay) -> Variation:
    """The decision of the same policy on the other audit's scores."""
    return replay.variation("other judge", f"audit {other.record.id}", other.base)


def other_readings(replay: Replay, other: Replay) -> Iterator[OtherReading]:
    """How far the two judges agree, by measure, and the drop that each reads."""
    mine, theirs = _by_measure(replay.record.evaluators), _by_measure(other.record.evaluators)
    drops, others = (
        overall_drops(replay.base, "banded", "concern"),
        overall_drops(other.base, "banded", "concern"),
    )
    before, after = _values(replay), _values(other)
    for name in different_readers(replay.record, other.record):
        both = [(before[key], after[key]) for key in before.keys() & after.keys() if key[0] == name]
        if not both:
            continue
        yield OtherReading(
            audit=other.record.id,
            measure=name,
            own=f"{mine[name][0]}@{mine[name][1]}",
            other=f"{theirs[name][0]}@{theirs[name][1]}",
            answers=len(both),
            agree=sum((one > _HALF) == (two > _HALF) for one, two in both),
            drop=drops.get(name),
            other_drop=others.get(name),
        )


def _values(replay: Replay) -> Readings:
    return {
        (score.measure, score.target, score.key): score.outcome.value
        for side in replay.scores
        for score in side
        if isinstance(score.outcome, Reading)
    }


def _by_measure(pins: tuple[EvaluatorPin, ...]) -> dict[str, tuple[str, str, dict[str, str]]]:
    return {measure.name: (pin.name, pin.version, pin.settings) for pin in pins for measure in pin.measures}
