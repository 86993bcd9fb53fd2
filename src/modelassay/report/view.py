"""An audit record arranged for reading: what each section of a report shows, in order.

Pure functions of `AuditRecord`; every renderer draws from these, so all formats say the same.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from modelassay.artifacts import CHECKS
from modelassay.drops import LEAST, Scale, deciding_figures, resampled_interval, total_pairs
from modelassay.evidence.examined import KINDS
from modelassay.records import AuditRecord, Coverage, Finding, Measure, Policy
from modelassay.report.corrected import corrected_mark
from modelassay.report.few_pairs import LOST_IN_FEW, lost_in_few_pairs
from modelassay.report.judges import judge_sentences
from modelassay.report.shrunk import shrunk_rates
from modelassay.report.svg import Edge, ForestRow, HeatCell, forest_plot, heat_map
from modelassay.report.text import STATE_WORDS, percent, points, slice_name, times, with_interval


@dataclass(frozen=True)
class Row:
    """One slice of one measure, in words."""

    finding: Finding
    name: str
    pairs: str
    baseline: str
    candidate: str
    difference: str
    drop: str
    state: str
    smallest: str
    harm: str
    """Harm rate of the candidate over that of the baseline."""
    shrunk: str
    """Both rates drawn towards the mean of all slices, where the slice is small; only to look at."""
    resampled: str = "–"
    """Bounds of the drop on the policy's scale by resampling whole clusters."""


@dataclass(frozen=True)
class Medians:
    """One slice of a descriptive measure, on the evaluator's own scale."""

    name: str
    pairs: str
    baseline: str
    candidate: str


@dataclass(frozen=True)
class Section:
    """One measure: its chart and its table."""

    measure: Measure
    anchor: str
    chart: str
    heat_maps: tuple[str, ...]
    overall: Row | None
    rows: tuple[Row, ...]
    medians: tuple[Medians, ...]
    """In place of `rows` where no end of the scale is wanted."""
    shrunk: bool = False
    """Whether any slice is small enough for shrunk rates to be shown."""
    resampled: bool = False
    """Whether the policy asked for bounds by resampling."""
    judge: tuple[str, ...] = ()
    """What is known of the error of whoever read the answers."""


@dataclass(frozen=True)
class CoverageRow:
    """Answers planned and scored, for one model and measure."""

    measure: str
    side: str
    planned: int
    scored: int
    share: str
    reasons: str


def sections(audit: AuditRecord) -> tuple[Section, ...]:
    """One section a compared measure, banded ones first."""
    order = {"banded": 0, "concern": 1, "descriptive": 2}
    found: dict[str, list[Finding]] = {}
    for finding in audit.findings:
        if finding.check == "comparison":
            found.setdefault(finding.measure.name, []).append(finding)
    ordered = sorted(found.values(), key=lambda group: order[group[0].measure.role])
    return tuple(_section(audit, group) for group in ordered)


def other_findings(audit: AuditRecord) -> tuple[Finding, ...]:
    """Findings of other checks: consistency, edge cases, quality. Those of lineage and examinations have
    rooms of their own."""
    return tuple(f for f in audit.findings if f.check not in ("comparison", *CHECKS, *KINDS))


def worst_slices(audit: AuditRecord) -> tuple[Finding, ...]:
    """The worst slice of each tag, with bounds that hold for all its slices at once."""
    return tuple(f for f in audit.findings if f.check == "worst_slice")


def coverage_rows(coverage: Iterable[Coverage]) -> tuple[CoverageRow, ...]:
    """Coverage in words, one row a measure and model."""
    return tuple(
        CoverageRow(
            measure=item.measure,
            side=item.side,
            planned=item.planned,
            scored=item.scored,
            share=percent(Decimal(item.scored) / item.planned) if item.planned else "–",
            reasons=", ".join(f"{reason}: {count}" for reason, count in sorted(item.unscored.items())),
        )
        for item in coverage
    )


def pair_count(finding: Finding) -> int:
    """Pairs that the finding rests on, unscored ones included."""
    return 0 if finding.paired is None else total_pairs(finding.paired)


def _row(audit: AuditRecord, finding: Finding, shrunk: Mapping[str, str], lost: Container[str]) -> Row:
    figures = deciding_figures(finding, audit.policy)
    return Row(
        finding=finding,
        name=slice_name(finding) + corrected_mark(finding, figures),
        pairs=str(pair_count(finding)),
        baseline=with_interval(figures.baseline),
        candidate=with_interval(figures.candidate),
        difference=with_interval(figures.difference, as_points=True),
        drop=with_interval(figures.relative_drop),
        state=LOST_IN_FEW if finding.id in lost else STATE_WORDS[finding.state],
        smallest=_smallest(finding),
        harm=times(finding.harm_ratio),
        shrunk=shrunk.get(finding.id, "–"),
        resampled=_resampled(audit.policy, finding),
    )


def _smallest(finding: Finding) -> str:
    """``12.0 pp``; ``none`` where even the loss of the whole rate would not be shown, which is kept as 1."""
    if finding.smallest_drop is None:
        return "–"
    return "none" if finding.smallest_drop >= 1 else points(-finding.smallest_drop).lstrip("−")


def _resampled(policy: Policy, finding: Finding) -> str:
    """``[low, high]`` of the drop on the policy's scale, or in points where there is none on it."""
    scales: tuple[Scale, ...] = (policy.scale, "absolute")
    for scale in scales:
        found = resampled_interval(finding.values, scale, policy.confidence)
        if found is not None:
            low, high = found
            shown = [percent(Decimal("-Infinity") if low <= LEAST else low), percent(high)]
            unit = "" if scale == "relative" else " points"
            return f"[{', '.join(each.removesuffix('%') if unit else each for each in shown)}]{unit}"
    return "–"


def _medians(finding: Finding) -> Medians:
    before, after = (finding.values[f"median_raw_{side}"] for side in ("baseline", "candidate"))
    return Medians(
        slice_name(finding),
        str(pair_count(finding)),
        f"{before.normalize():f}",
        f"{after.normalize():f}",
    )


def _section(audit: AuditRecord, findings: Sequence[Finding]) -> Section:
    measure = findings[0].measure
    overall = [f for f in findings if not f.slice]
    single = sorted((f for f in findings if len(f.slice) == 1), key=_by_dimension_and_drop)
    crossed = [f for f in findings if len(f.slice) == 2]
    judged = measure.role != "descriptive"
    shrunk = shrunk_rates(findings) if judged else {}
    described = [] if judged else [*overall, *single]
    lost = lost_in_few_pairs(audit)
    return Section(
        measure=measure,
        anchor=f"measure-{measure.name}",
        chart=_forest(audit, measure, [*overall, *single], lost) if judged else "",
        heat_maps=tuple(_heat_maps(audit.policy, measure, crossed)) if judged else (),
        overall=_row(audit, overall[0], shrunk, lost) if overall else None,
        rows=tuple(
            _row(audit, f, shrunk, lost)
            for f in [*overall, *single, *sorted(crossed, key=_by_dimension_and_drop)]
        ),
        medians=tuple(_medians(f) for f in described if "median_raw_baseline" in f.values),
        shrunk=bool(shrunk),
        resampled=judged and audit.policy.intervals.method == "resampled",
        judge=judge_sentences(audit, measure.name),
    )


def _by_dimension_and_drop(finding: Finding) -> tuple[str, Decimal, str]:
    difference = finding.difference.value if finding.difference else Decimal(1)
    return "*".join(sorted(finding.slice)), difference, slice_name(finding)


def _forest(audit: AuditRecord, measure: Measure, findings: Sequence[Finding], lost: Container[str]) -> str:
    relative = audit.policy.scale == "relative"
    rows = [_forest_row(audit.policy, finding, relative, lost) for finding in findings]
    bands, category = audit.policy.bands, audit.policy.any_category
    marks = [bands.deploy, bands.deploy_monitored, bands.review, category.block]
    edges = [Edge(mark.basis_points / 10_000, str(mark)) for mark in marks]
    kind = "Drop as a share of the baseline's rate" if relative else "Drop in points"
    return forest_plot(
        f"{measure.title}: {kind.lower()}, by slice",
        f"{kind}, with its confidence interval, for each slice; right of zero the candidate is worse. "
        f"Vertical lines are the policy's limits. The table below holds the same figures.",
        rows,
        edges,
    )


def _forest_row(policy: Policy, finding: Finding, relative: bool, lost: Container[str]) -> ForestRow:
    deciding = deciding_figures(finding, policy)
    drop = deciding.relative_drop if relative else None
    if drop is not None:
        value, low, high = float(drop.value), float(drop.low), float(drop.high)
    elif deciding.difference is not None:
        difference = deciding.difference
        value, low, high = -float(difference.value), -float(difference.high), -float(difference.low)
    else:
        return ForestRow(slice_name(finding), None, 0.0, 0.0, finding.state, "no answers")
    if finding.state == "not_assessable":
        figures = f"{pair_count(finding)} pairs: {LOST_IN_FEW if finding.id in lost else 'too few'}"
    else:
        rates = (deciding.baseline, deciding.candidate)
        figures = " → ".join(percent(rate.value) if rate else "–" for rate in rates)
        labels = f", {deciding.labels:,} labels" if deciding.labels else ""
        figures += f"  (n {pair_count(finding)}{labels})"
    return ForestRow(slice_name(finding), value, low, high, finding.state, figures, strong=not finding.slice)


def _heat_maps(policy: Policy, measure: Measure, crossed: Sequence[Finding]) -> Iterable[str]:
    """One map a pair of tags, the tag with more values down the side."""
    by_tags: dict[tuple[str, ...], dict[tuple[str, ...], Finding]] = {}
    for finding in crossed:
        tags = tuple(sorted(finding.slice))
        by_tags.setdefault(tags, {})[tuple(finding.slice[tag] for tag in tags)] = finding
    for tags, cells in sorted(by_tags.items()):
        firsts, seconds = (sorted({key[i] for key in cells}) for i in (0, 1))
        turned = len(firsts) < len(seconds)
        down, across = (seconds, firsts) if turned else (firsts, seconds)
        rows = [
            (a, [_heat_cell(policy, cells.get((b, a) if turned else (a, b)), f"{a}, {b}") for b in across])
            for a in down
        ]
        yield heat_map(
            f"{measure.title}: change in points by {tags[0]} and {tags[1]}",
            "Rate of the candidate minus that of the baseline; a dash where too few prompts were asked.",
            across,
            rows,
        )


def _heat_cell(policy: Policy, finding: Finding | None, name: str) -> HeatCell:
    figures = deciding_figures(finding, policy) if finding else None
    if finding is None or figures is None or not figures.difference or finding.state == "not_assessable":
        count = pair_count(finding) if finding else 0
        return HeatCell(None, f"– ({count})" if count else "–", f"{name}: too few prompts ({count})")
    value = figures.difference.value
    rates = " to ".join(percent(e.value) for e in (figures.baseline, figures.candidate) if e)
    text = f"{value * 100:+.0f}".replace("-", "−").replace("+0", "0").replace("−0", "0")
    if value * 100 <= -10 or value * 100 >= 10:
        text = f"{value * 100:+.0f}".replace("-", "−")
    return HeatCell(float(value), text, f"{name}: {rates}, {pair_count(finding)} prompts")
