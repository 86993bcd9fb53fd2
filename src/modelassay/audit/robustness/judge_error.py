"""How unlike a judge's error on the two models would have to be to turn the verdict.

A calibration says how a judge errs on answers that people labelled; a comparison takes for granted that it
errs alike on baseline and candidate. Let it err on the baseline as it was measured, with sensitivity Se and
specificity Sp of wanted answers, and on the candidate otherwise. A reading of share q then stands for a true
share π = (q − (1 − Sp')) / (Se' + Sp' − 1) (Rogan & Gladen 1978), which the baseline's judge would have read
as Se·π + (1 − Sp)(1 − π): the change from q is made in every slice of the measure alike, and all is decided
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.audit.robustness.replay import Replay
from modelassay.audit.robustness.results import Judged, TippingPoint
from modelassay.drops import figure
from modelassay.records import Estimate, Finding, JudgeError, Outcome, PairedCounts

STEPS = 1_000
"""A shift is looked for to a thousandth."""
_LEAST_INFORMATION = 0.05
"""Of Se' + Sp' − 1, below which a judge tells nothing any more."""
Kind = Literal["wanted answers missed", "unwanted answers passed"]


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """How a judge errs on the baseline."""

    set: str = ""
    missed: Estimate | None = None
    """Of wanted answers, those that it reads as unwanted."""
    passed: Estimate | None = None
    """Of unwanted answers, those that it reads as wanted."""
    rates: tuple[float, ...] = ()
    """Shares that it read as wanted here. A judge that reads 99 % as wanted misses at most 1 % here, whatever
    it missed on a labelled set; likewise it passes no more than it reads as wanted."""

    def errors(self) -> tuple[float, float]:
        """Missed and passed, as far as the readings allow; none where none was measured."""
        missed, passed = (float(each.value) if each else 0.0 for each in (self.missed, self.passed))
        most_missed, most_passed = 1.0 - max(self.rates, default=0.0), min(self.rates, default=1.0)
        return min(missed, most_missed), min(passed, most_passed)

    def known(self, kind: Kind) -> Estimate | None:
        """The measured one of `kind`."""
        return self.missed if kind == "wanted answers missed" else self.passed


def judged(replay: Replay) -> Iterator[Judged]:
    """Every banded measure that is yes or no and that a judge read."""
    for finding in replay.base.findings:
        if finding.check == "comparison" and not finding.slice and finding.measure.role == "banded":
            yield _judged(replay, finding)


def assumed_of(errors: tuple[JudgeError, ...], *rates: float) -> Assumed:
    """The measured error on the set where the judge tells least; none measured, none assumed.

    Args:
        rates: shares that it read as wanted in this audit, of both models.
    """
    if not errors:
        return Assumed(rates=rates)
    least = min(errors, key=lambda each: each.sensitivity.value + each.specificity.value)
    of_wanted, of_unwanted = least.sensitivity, least.specificity
    if least.positive == "unwanted":
        of_wanted, of_unwanted = of_unwanted, of_wanted
    return Assumed(set=least.set, missed=_rest(of_wanted), passed=_rest(of_unwanted), rates=rates)


def comparable_change(rate: float, assumed: Assumed, kind: Kind, shift: float) -> float | None:
    """By how much a rate that was read changes once it is read with the baseline's error; None where the
    judge would tell nothing, or err less than never.
    """
    missed, passed = assumed.errors()
    other = [missed, passed]
    other[kind == "unwanted answers passed"] += shift
    if min(other) < 0.0 or 1.0 - sum(other) < _LEAST_INFORMATION:
        return None

    def as_baseline(errors: Sequence[float]) -> float:
        share = (rate - errors[1]) / (1.0 - sum(errors))
        true = min(1.0, max(0.0, share))
        return (1.0 - missed) * true + passed * (1.0 - true)

    return as_baseline(other) - as_baseline((missed, passed))


def _judged(replay: Replay, finding: Finding) -> Judged:
    measure, judge = finding.measure.name, ", ".join(finding.rests_on)
    why_not = ""
    if finding.judge == "exact":
        why_not = "no judgement enters it"
    elif finding.judge == "labelled":
        why_not = "people's labels on its own answers decide"
    elif not isinstance(finding.paired, PairedCounts):
        why_not = "its scores are graded, and calibrations are of yes and no"
    if why_not:
        return Judged(measure=measure, judge=judge, why_not=why_not)
    read = (float(side.value) for side in (finding.baseline, finding.candidate) if side is not None)
    assumed = assumed_of(replay.judges.errors.get(measure, ()), *read)
    found = tuple(_tipping_points(replay, measure, judge, assumed))
    rest = "" if found else "no difference between its errors on the two models turns the verdict"
    return Judged(measure=measure, judge=judge, tipping=found, why_not=rest)


def _tipping_points(replay: Replay, measure: str, judge: str, assumed: Assumed) -> Iterator[TippingPoint]:
    kinds: tuple[Kind, ...] = ("wanted answers missed", "unwanted answers passed")
    for kind in kinds:
        for direction in (1, -1):
            turned = _nearest(replay, measure, assumed, kind, direction)
            if turned is not None:
                shift, outcome = turned
                yield TippingPoint(
                    measure=measure,
                    judge=judge,
                    error=kind,
                    set=assumed.set,
                    known=assumed.known(kind),
                    shift=figure(shift),
                    outcome=outcome,
                )


def _nearest(
    replay: Replay, measure: str, assumed: Assumed, kind: Kind, direction: int
) -> tuple[float, Outcome] | None:
    """The smallest shift in one direction at which the verdict is another; rates go one way in it."""
    now = replay.base.verdict.outcome

    def outcome(step: int) -> Outcome:
        return _with_shift(replay, measure, assumed, kind, direction * step / STEPS)

    allowed = [s for s in range(1, STEPS + 1) if _possible(assumed, kind, direction * s / STEPS)]
    if not allowed or outcome(allowed[-1]) == now:
        return None
    same, turned = 0, allowed[-1]
    while turned - same > 1:
        middle = (same + turned) // 2
        same, turned = (middle, turned) if outcome(middle) == now else (same, middle)
    return direction * turned / STEPS, outcome(turned)


def _possible(assumed: Assumed, kind: Kind, shift: float) -> bool:
    return comparable_change(0.5, assumed, kind, shift) is not None


def _with_shift(replay: Replay, measure: str, assumed: Assumed, kind: Kind, shift: float) -> Outcome:
    findings = tuple(
        _shifted(finding, assumed, kind, shift)
        if finding.check == "comparison" and finding.measure.name == measure
        else finding
        for finding in replay.base.findings
    )
    return replay.held(findings, replay.base.coverage, replay.policy).verdict.outcome


def _shifted(finding: Finding, assumed: Assumed, kind: Kind, shift: float) -> Finding:
    """The counts as the baseline's judge would have read the candidate's answers."""
    counts = finding.paired
    if not isinstance(counts, PairedCounts):
        return finding
    wanted, scored = counts.n11 + counts.n01, counts.n11 + counts.n10 + counts.n01 + counts.n00
    change = comparable_change(wanted / scored, assumed, kind, shift) if scored else None
    if not change:
        return finding
    moved = min(round(abs(change) * scored), wanted if change < 0 else scored - wanted)
    if change < 0:
        kept = round(moved * counts.n11 / wanted) if wanted else 0
        cells = {"n11": -kept, "n10": kept, "n01": kept - moved, "n00": moved - kept}
    else:
        back = round(moved * counts.n10 / (scored - wanted)) if scored > wanted else 0
        cells = {"n10": -back, "n11": back, "n00": back - moved, "n01": moved - back}
    paired = msgspec.structs.replace(
        counts, **{cell: getattr(counts, cell) + by for cell, by in cells.items()}
    )
    return msgspec.structs.replace(finding, paired=paired)


def _rest(share: Estimate) -> Estimate:
    one = Decimal(1)
    return Estimate(value=one - share.value, low=one - share.high, high=one - share.low)
