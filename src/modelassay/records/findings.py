"""What was read in answers, and what follows: measures, scores, findings."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.canonical import Digest
from modelassay.records.conversation import PairKey
from modelassay.records.judging import Estimate, JudgeStanding

MeasureRole = Literal["banded", "concern", "descriptive"]
FindingState = Literal["shown_fine", "shown_harmful", "not_shown", "not_assessable"]
Severity = Literal["none", "low", "medium", "high", "critical"]
AssuranceTier = Literal["T0", "T1", "T2", "T3", "T4"]


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is counted, the same way for both models."""

    name: str
    """Such as ``refusal`` or ``over_refusal``."""
    title: str
    """For people: ``Refusal of harmful requests``."""
    wanted: str
    """What a value of 1 means, in words that fit after "share of answers that": ``refuse a harmful
    request``."""
    role: MeasureRole
    """`banded` measures are held against the deployment table; `concern` ones create review items;
    `descriptive` ones are only shown."""
    harm: bool = False
    """True when the raw scale counts harm (toxicity): the risk ratio of harm is then reported too."""
    exact: bool = False
    """True when no judgement enters: it is compared with a gold answer, counted or computed. Such a measure
    needs no calibration."""
    own_role: MeasureRole | None = None
    """The role that its evaluator gave it, where the policy replaced that by `role`."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A verbatim part of an answer, given as evidence."""

    start: int
    """Offset of the first character in the answer's text, in code points."""
    end: int
    """Offset after the last character."""


class Reading(msgspec.Struct, frozen=True, kw_only=True, tag="reading", omit_defaults=True):
    """A value that an evaluator read."""

    value: float
    """In [0, 1]; 1 is the wanted end."""
    label: str
    """The evaluator's own word for it, such as ``partial_refusal``."""
    raw: str = ""
    """The value on the evaluator's own scale, as text."""
    evidence: Span | None = None
    """The part of the answer that the reading rests on."""


class Unscored(msgspec.Struct, frozen=True, kw_only=True, tag="unscored", omit_defaults=True):
    """No value could be read; counted, bounded by the worst case, never a pass."""

    reason: str
    """Short and countable: ``empty answer``, ``request failed: timeout``, ``judge unparsable``."""
    raw: str = ""
    """What was tried, in the evaluator's own words: the votes of a judge that could not decide."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluator's reading of one transcript on one measure."""

    key: PairKey
    target: Digest
    """Fingerprint of the target that answered."""
    evaluator: str
    """``name@version``; scores of different versions are never compared."""
    measure: str
    outcome: Reading | Unscored


class PairedCounts(msgspec.Struct, frozen=True, kw_only=True, tag="counts"):
    """Pairs of yes/no scores; first letter baseline, second candidate; 1 wanted, 0 not, u unscored."""

    n11: int
    n10: int
    n01: int
    n00: int
    n1u: int = 0
    n0u: int = 0
    nu1: int = 0
    nu0: int = 0
    nuu: int = 0
    design_effect: Decimal = Decimal(1)
    """Variance with clusters over that without (at least 1), the larger of those of the paired
    difference and of the difference from half the baseline; effective counts are the counts divided by
    it (Rao & Scott 1992)."""
    clusters: int
    """Independent clusters among the pairs."""


class PairedMoments(msgspec.Struct, frozen=True, kw_only=True, tag="moments"):
    """Pairs of graded scores, summed up; variances are cluster-robust variances *of the means*."""

    pairs: int
    """Pairs with both sides scored."""
    baseline_mean: Decimal
    candidate_mean: Decimal
    baseline_variance: Decimal
    candidate_variance: Decimal
    covariance: Decimal
    clusters: int
    unscored_baseline: int = 0
    """Pairs in which only the baseline, or both sides, are unscored."""
    unscored_candidate: int = 0
    """Pairs in which only the candidate is unscored."""


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """The same comparison, corrected by people's labels on a sample of its pairs."""

    labels: int
    """Pairs of which people read both answers."""
    measure_labels: int = 0
    """The same of the whole measure, for what labels decide in a slice (`drops.deciding`); 0 in records of
    versions before 0.4, where they decided by their own number alone."""
    tuning: Decimal
    """λ of PPI++: 0 rests on people alone, 1 trusts the judge wherever people did not look."""
    paired: PairedMoments
    """Corrected means with the variances of *their* error; `clusters` are those with a label."""
    counts: PairedCounts | None = None
    """People's own counts, where they read every scored pair; None elsewhere."""
    baseline: Estimate
    """Corrected wanted rate; likewise the following."""
    candidate: Estimate
    difference: Estimate
    relative_drop: Estimate | None = None
    judge: dict[str, Decimal] = {}
    """The judge on these labels, model by model (``sensitivity_baseline``, ``specificity_candidate``, …),
    wanted answers being the positive ones; and as a diagnostic ``rogan_gladen_…``, never clamped."""
    method: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A claim with what it rests on; the common currency of every check."""

    id: str
    """Stable name: ``check/measure/slice``."""
    check: str
    """What produced it: ``comparison``, ``consistency``, ``edge_cases``, …"""
    measure: Measure
    slice: dict[str, str] = {}
    """Tags that the samples share; empty for all samples."""
    state: FindingState
    """At the concern threshold of the check: shown fine, shown harmful, not shown, or not assessable."""
    severity: Severity = "none"
    assurance: AssuranceTier = "T2"
    statement: str
    """The claim in one sentence with its figures."""
    paired: PairedCounts | PairedMoments | None = None
    """Sufficient statistics, from which a third party recomputes everything below."""
    baseline: Estimate | None = None
    """Wanted rate of the baseline with its interval."""
    candidate: Estimate | None = None
    difference: Estimate | None = None
    """Candidate minus baseline; negative is worse."""
    relative_drop: Estimate | None = None
    """(baseline − candidate) / baseline; positive is worse; None when the baseline rate is 0."""
    harm_ratio: Estimate | None = None
    """Harm rate of the candidate over that of the baseline, for measures of harm."""
    p_value: Decimal | None = None
    """One-sided, for "no drop"."""
    adjusted_p: Decimal | None = None
    """After Holm's correction over the slices of the same dimension."""
    smallest_drop: Decimal | None = None
    """Smallest drop in points that this many pairs would show 8 times in 10."""
    method: str = ""
    """Names of the statistical methods used."""
    values: dict[str, Decimal] = {}
    """Further figures of this check by name, such as ``variance_baseline``."""
    judge: JudgeStanding = ""
    """What is known of the error of the evaluator that read the answers."""
    corrected: Corrected | None = None
    """The same figures, corrected by people's labels, where there are enough of them."""
    rests_on: tuple[str, ...] = ()
    """Evaluator ``name@version``, dataset pins and other evidence."""
