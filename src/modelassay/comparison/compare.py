"""The comparison itself: every measure, overall and in every slice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from modelassay.comparison.cohorts import cohort_findings
from modelassay.comparison.correction import correction_of
from modelassay.comparison.every_form import every_form, known_of
from modelassay.comparison.judged import Reader, Thresholds, doubted, slice_findings
from modelassay.comparison.judges import Judges
from modelassay.comparison.labelled import by_people
from modelassay.comparison.pairing import Integers, PairTable, SampleIndex, coverage_of, index_samples, pair
from modelassay.comparison.repeats import (
    consistency_finding,
    edge_case_finding,
    has_edge_kinds,
    joint_confidence,
    quality_finding,
)
from modelassay.comparison.resampled import worst_slice_findings
from modelassay.comparison.slices import Dimension, dimension
from modelassay.comparison.summary import Pairs, summarise
from modelassay.records import Coverage, Finding, Measure, Policy, Sample, Score


def compare(
    *,
    samples: Sequence[Sample],
    measures: Sequence[Measure],
    baseline: Iterable[Score],
    candidate: Iterable[Score],
    slices: Sequence[str],
    policy: Policy,
    judges: Judges | None = None,
) -> tuple[Finding, ...]:
    """Findings about every measure that has scores; see `compare_with_coverage`."""
    return compare_with_coverage(
        samples=samples,
        measures=measures,
        baseline=baseline,
        candidate=candidate,
        slices=slices,
        policy=policy,
        judges=judges,
    )[0]


def compare_with_coverage(
    *,
    samples: Sequence[Sample],
    measures: Sequence[Measure],
    baseline: Iterable[Score],
    candidate: Iterable[Score],
    slices: Sequence[str],
    policy: Policy,
    judges: Judges | None = None,
    whole_attacks: bool = True,
) -> tuple[tuple[Finding, ...], tuple[Coverage, ...]]:
    """Findings about every measure that has scores, overall first, then slice by slice; and `coverage`.

    Args:
        samples: every sample that was asked.
        measures: every measure that the evaluators can score.
        baseline: scores of the baseline's answers.
        candidate: scores of the candidate's answers.
        slices: tags to compare by, ``kind`` for the kind of sample, ``a*b`` to cross tags.
        policy: as the user wrote it; the gate tightens it for the context itself.
        judges: what is known of the evaluators' errors; nothing is said of them if absent.
        whole_attacks: whether attacks of several forms are also counted as one each (`every_form`); not in
            audits that were sealed before that was done.

    Raises:
        UsageError: scores that cannot be compared (see `pairing.pair`), or an unreadable slice expression.
    """
    index = index_samples(samples)
    dimensions = [dimension(expression, index) for expression in dict.fromkeys(slices)]
    chosen = [_with_role(measure, policy) for measure in measures]
    tables = pair(index, chosen, baseline, candidate)
    known = judges or Judges()
    findings: list[Finding] = []
    covered: list[PairTable] = []
    for table in tables:
        findings += _compare_measure(table, index, dimensions, policy, known)
        covered.append(table)
        if whole_attacks and (whole := _whole_attacks(table, index, policy)):
            findings += _compare_measure(whole, index, dimensions, policy, known_of(known, table.measure))
            covered.append(whole)
    further = [f for table in tables for f in cohort_findings(table, index, dimensions, policy)]
    further += [f for table in tables for f in worst_slice_findings(table, index, dimensions, policy)]
    further += _repeat_findings(tables, index, policy)
    findings += [doubted(finding, known, policy) for finding in further]
    quality = quality_finding(tuple(measure.name for measure in measures))
    return (*findings, *([quality] if quality else [])), coverage_of(covered)


def coverage(
    *,
    samples: Sequence[Sample],
    measures: Sequence[Measure],
    baseline: Iterable[Score],
    candidate: Iterable[Score],
) -> tuple[Coverage, ...]:
    """How many answers of each model were expected, scored and unscored, by measure.

    Expected are all keys that either side has a score for.

    Raises:
        UsageError: scores that cannot be compared (see `pairing.pair`).
    """
    return coverage_of(pair(index_samples(samples), measures, baseline, candidate))


def _compare_measure(
    table: PairTable,
    index: SampleIndex,
    dimensions: Sequence[Dimension],
    policy: Policy,
    judges: Judges,
) -> list[Finding]:
    name = table.measure.name
    reader = Reader(
        table.measure, table.evaluator, judges.standing.get(name, ""), judges.errors.get(name, ())
    )
    correction = correction_of(table, index, judges.reviewed.get(name, {}), by_slice=judges.by_slice)
    everything = np.arange(table.pairs)
    overall = Thresholds(concern=policy.concerns.overall, block=policy.bands.review)
    single = Thresholds(concern=policy.any_category.concern, block=policy.any_category.block)
    no_tags: dict[str, str] = {}

    def summed(rows: Integers) -> Pairs:
        return by_people(summarise(table, index, rows, policy), correction, rows, policy)

    whole = [(no_tags, summed(everything))]
    findings = slice_findings(reader, whole, overall, policy)
    for each in dimensions:
        parts = [(tags, summed(rows)) for tags, rows in each.groups(table)]
        findings += slice_findings(reader, parts, single, policy)
    return findings


def _whole_attacks(table: PairTable, index: SampleIndex, policy: Policy) -> PairTable | None:
    """The table of whole attacks, its measure with the role that the policy gives it."""
    whole = every_form(table, index)
    return replace(whole, measure=_with_role(whole.measure, policy)) if whole else None


def _repeat_findings(tables: Sequence[PairTable], index: SampleIndex, policy: Policy) -> list[Finding]:
    """Consistency of every banded measure; edge cases of every judged one that reads such requests."""
    banded = [table for table in tables if table.measure.role == "banded"]
    edges = [t for t in tables if t.measure.role != "descriptive" and has_edge_kinds(t, index)]
    confidence = joint_confidence(policy, len(banded) + len(edges))
    return [
        *(consistency_finding(table, index, policy, confidence) for table in banded),
        *(edge_case_finding(table, index, policy, confidence) for table in edges),
    ]


def _with_role(measure: Measure, policy: Policy) -> Measure:
    """The measure with the role that the policy gives it."""
    role = policy.measures.get(measure.name, measure.role)
    if role == measure.role:
        return measure
    return msgspec.structs.replace(measure, role=role, own_role=measure.role)
