"""What happened between cohorts: did the gap between them widen, and did one fall behind the rest?

A cohort is a value of one of the policy's cohort tags (`Policy.cohorts`), such as a language. For every
measure that is judged and every such tag among the audit's slices, over the cohorts that have enough pairs:

- ``cohort_gap``: how far the best cohort is ahead of the worst, in either model, and how much wider that
  became; both cohorts are named.
- ``cohort_loss``: the cohort that lost most beside all others together. Both models answered the same
  questions, so this shows what gaps of independent rates cannot.

An average hides neither: when all gain two points and one language loses eight, it is named here. Harm is
shown when the gap is shown to have widened, or a cohort both to have fallen and to have fallen behind, and
the figure is over the policy's threshold; shown fine is what stays within it even at the interval's far end.
All intervals of one finding hold together (`statistics.cohorts`), unscored pairs counted at their worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from modelassay.comparison.pairing import Column, Integers, PairTable, SampleIndex
from modelassay.comparison.slices import Dimension
from modelassay.drops import enough_pairs, figure, percent_text, place_phrase
from modelassay.records import Finding, FindingState, Policy, Severity
from modelassay.statistics import Behind, Gap, Group, Interval, falling_behind, widening

GAP, LOSS = "cohort_gap", "cohort_loss"


@dataclass(frozen=True)
class _Cohort:
    """One cohort's pairs, both sides scored."""

    name: str
    before: Group
    after: Group


def cohort_findings(
    table: PairTable, index: SampleIndex, dimensions: Sequence[Dimension], policy: Policy
) -> list[Finding]:
    """Both findings for every cohort tag among `dimensions`; none for a descriptive measure."""
    if table.measure.role == "descriptive":
        return []
    found: list[Finding] = []
    for each in dimensions:
        if len(each.tags) == 1 and each.tags[0] in policy.cohorts.tags:
            found += _of_tag(each.tags[0], table, index, each, policy)
    return found


def _of_tag(
    tag: str, table: PairTable, index: SampleIndex, dimension: Dimension, policy: Policy
) -> list[Finding]:
    cohorts = [_cohort(tags[tag], table, index, rows) for tags, rows in dimension.groups(table)]
    if len(cohorts) < 2:
        return []
    judged = [c for c in cohorts if _enough(c, policy)]
    if len(judged) < 2:
        return [_too_small(tag, table, len(judged), len(cohorts), policy)]
    return [_gap(tag, table, judged, policy), _loss(tag, table, judged, policy)]


def _cohort(name: str, table: PairTable, index: SampleIndex, rows: Integers) -> _Cohort:
    both = rows[table.baseline.scored[rows] & table.candidate.scored[rows]]
    clusters = index.clusters[table.sample[both]]

    def side(column: Column) -> Group:
        return Group(column.values[both], clusters, len(rows) - len(both))

    return _Cohort(name, side(table.baseline), side(table.candidate))


def _enough(cohort: _Cohort, policy: Policy) -> bool:
    clusters = cohort.before.clusters
    return enough_pairs(len(clusters), len(np.unique(clusters)), policy)


def _gap(tag: str, table: PairTable, cohorts: Sequence[_Cohort], policy: Policy) -> Finding:
    """Whether the best cohort is further ahead of the worst than it was."""
    found = widening([c.before for c in cohorts], [c.after for c in cohorts], _level(policy))
    shift, interval = figure(found.value), _ends(found.interval)
    limit = Decimal(policy.cohorts.widening.basis_points) / 10_000
    shown = shift > limit and interval[0] > 0
    state: FindingState = "shown_harmful" if shown else "shown_fine" if interval[1] <= limit else "not_shown"
    names = [c.name for c in cohorts]
    worst = names[found.after.worst]
    statement = (
        f"{table.measure.title} by {tag}: the gap between best and worst {_moved(shift)}, from "
        f"{_gap_phrase(found.before, names)} to {_gap_phrase(found.after, names)}; it widened by between "
        f"{_points(interval[0])} and {_points(interval[1])} points. The worst is {worst}, at "
        f"{percent_text(float(np.mean(cohorts[found.after.worst].after.values)))}."
    )
    values = {"shift": shift, "shift_low": interval[0], "shift_high": interval[1]}
    for name, each in (("baseline", found.before), ("candidate", found.after)):
        low, high = _ends(each.interval)
        values |= {f"gap_{name}": figure(each.value), f"gap_{name}_low": low, f"gap_{name}_high": high}
    return _finding(GAP, tag, table, state, shift > limit, statement, values, policy)


def _loss(tag: str, table: PairTable, cohorts: Sequence[_Cohort], policy: Policy) -> Finding:
    """Which cohort lost most beside the rest."""
    changes = falling_behind([c.before for c in cohorts], [c.after for c in cohorts], _level(policy))
    limit = Decimal(policy.cohorts.widening.basis_points) / 10_000
    shown = [i for i, each in enumerate(changes) if _is_loss(each, limit)]
    most = max(shown or range(len(changes)), key=lambda i: changes[i].behind)
    told = changes[most]
    fine = all(figure(each.behind_interval.high) <= limit for each in changes)
    state: FindingState = "shown_harmful" if shown else "shown_fine" if fine else "not_shown"
    low, high = _ends(told.behind_interval)
    also = [cohorts[i].name for i in shown if i != most]
    more = f"; likewise {', '.join(also)}" if also else ""
    name = table.measure.title + place_phrase({tag: cohorts[most].name})
    statement = (
        f"{name} {_change_phrase(cohorts[most], told)}, against {_signed(told.change + told.behind)} points "
        f"in the rest: behind by {_points(figure(told.behind))} points, between {_points(low)} and "
        f"{_points(high)}{more}."
    )
    values = {
        "shift": figure(told.behind),
        "shift_low": low,
        "shift_high": high,
        "change": figure(told.change),
        "change_low": figure(told.change_interval.low),
        "change_high": figure(told.change_interval.high),
    }
    over = figure(told.behind) > limit and told.change < 0
    return _finding(LOSS, tag, table, state, over, statement, values, policy, place={tag: cohorts[most].name})


def _is_loss(each: Behind, limit: Decimal) -> bool:
    """It fell, it fell behind the rest, both shown, and by more than the limit."""
    fell = figure(each.change_interval.high) < 0 and figure(each.behind_interval.low) > 0
    return fell and figure(each.behind) > limit


def _finding(
    check: str,
    tag: str,
    table: PairTable,
    state: FindingState,
    over: bool,
    statement: str,
    values: dict[str, Decimal],
    policy: Policy,
    *,
    place: dict[str, str] | None = None,
) -> Finding:
    severity: Severity = "high" if state == "shown_harmful" else "medium" if over else "none"
    gap = "gaps: MOVER of Wilson or t intervals; " if check == GAP else ""
    return Finding(
        id=f"{check}/{table.measure.name}/{tag}",
        check=check,
        measure=table.measure,
        slice=place or {},
        state=state,
        severity=severity,
        statement=statement,
        values=values,
        method=f"{gap}paired changes: Tango or t, compared by MOVER; Šidák over the cohorts at "
        f"{policy.confidence} one-sided",
        rests_on=(table.evaluator,),
    )


def _too_small(tag: str, table: PairTable, enough: int, of: int, policy: Policy) -> Finding:
    have = "one has" if enough == 1 else "none has"
    return Finding(
        id=f"{GAP}/{table.measure.name}/{tag}",
        check=GAP,
        measure=table.measure,
        state="not_assessable",
        statement=f"{table.measure.title} by {tag}: neither a gap nor who fell behind can be judged; of {of} "
        f"cohorts {have} {policy.slices.smallest} scored pairs, and it needs two that have.",
        rests_on=(table.evaluator,),
    )


def _level(policy: Policy) -> float:
    """Two-sided, of which each end has the policy's confidence."""
    return 2.0 * policy.confidence.basis_points / 10_000 - 1.0


def _ends(interval: Interval) -> tuple[Decimal, Decimal]:
    return figure(interval.low), figure(interval.high)


def _gap_phrase(gap: Gap, names: Sequence[str]) -> str:
    return f"{_points(figure(gap.value))} points ({names[gap.best]} over {names[gap.worst]})"


def _moved(shift: Decimal) -> str:
    return "did not change" if shift == 0 else "widened" if shift > 0 else "narrowed"


def _change_phrase(cohort: _Cohort, change: Behind) -> str:
    before, after = (float(np.mean(group.values)) for group in (cohort.before, cohort.after))
    if figure(change.change) == 0:
        return f"stayed at {percent_text(before)}"
    verb = "fell" if change.change < 0 else "rose"
    return f"{verb} from {percent_text(before)} to {percent_text(after)}, by {_signed(change.change)} points"


def _signed(share: float) -> str:
    text = _points(figure(share))
    return text if text.startswith("-") or text == "0" else f"+{text}"


def _points(share: Decimal) -> str:
    return percent_text(share).removesuffix("%")
