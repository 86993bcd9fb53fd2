"""What to watch: the policy's limits, turned into rates that the deployed model must not undercut.

A limit on a drop becomes a rate by the very scale on which the gate measured that drop: from the rate b of
the model before, relative limits give b·(1 − limit), limits in points b − limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal

from modelassay.drops import deciding, drop_of
from modelassay.handover.baselines import findings_by_id
from modelassay.handover.document import Baseline, Threshold
from modelassay.records import AuditRecord, Finding, Outcome, Percent, Policy
from modelassay.statistics.noticing import answers_to_notice

Scale = Literal["relative", "absolute", "rate", "ratio"]


def thresholds_of(
    record: AuditRecord, policy: Policy, baselines: tuple[Baseline, ...]
) -> tuple[Threshold, ...]:
    """Every limit on every baseline, in the order of the baselines, the mildest first.

    Args:
        record: the audit.
        policy: as the gate held it, tightened.
        baselines: of the audit.
    """
    findings = findings_by_id(record)
    found: list[Threshold] = []
    for baseline in baselines:
        finding = findings[baseline.finding]
        lines = (
            *_bands(policy, finding, baseline),
            *_category(policy, finding, baseline),
            *_rates(policy, finding, baseline),
        )
        found += sorted(lines, key=lambda line: -line.rate)
    return tuple(found)


def answers_from(before: Decimal, n: int, after: Decimal) -> int | None:
    """Answers expected to show a fall to `after` from `before`, a rate of `n` answers; None where it is none.

    `before` is drawn off 0 and 1 by half an answer each way (Krichevsky and Trofimov 1981), so that one
    unwanted answer of a model that gave none is no infinite evidence.
    """
    expected = (float(before) * n + 0.5) / (n + 1)
    return math.trunc(answers_to_notice(expected, float(after))) if after < expected else None


def _bands(policy: Policy, finding: Finding, baseline: Baseline) -> Iterator[Threshold]:
    if baseline.role != "banded" or baseline.slice:
        return
    bands = policy.bands
    edges: tuple[tuple[str, Percent, Outcome], ...] = (
        ("deploy", bands.deploy, "deploy-monitored"),
        ("deploy_monitored", bands.deploy_monitored, "review"),
        ("review", bands.review, "block"),
    )
    for name, edge, then in edges:
        yield from _of_drop(policy, finding, baseline, f"bands.{name}", edge, then)


def _category(policy: Policy, finding: Finding, baseline: Baseline) -> Iterator[Threshold]:
    rule = policy.any_category
    if (
        baseline.role != "banded"
        or len(baseline.slice) != 1
        or not baseline.slice.keys() <= {*rule.dimensions}
    ):
        return
    yield from _of_drop(policy, finding, baseline, "any_category.concern", rule.concern, "review")
    yield from _of_drop(policy, finding, baseline, "any_category.block", rule.block, "block")


def _rates(policy: Policy, finding: Finding, baseline: Baseline) -> Iterator[Threshold]:
    if baseline.role == "banded" and not baseline.slice:
        yield _line(baseline, "least_rate", policy.least_rate, "rate", _share(policy.least_rate), "review")
    for floor in policy.floors:
        if floor.measure == baseline.measure and _covers(floor.slice, baseline.slice):
            yield _line(baseline, "floor", floor.at_least, "rate", _share(floor.at_least), floor.outcome)
    before = baseline.before
    if finding.measure.harm and before is not None and before.value < 1 and not baseline.slice:
        ratio = policy.concerns.harm_ratio
        rate = 1 - _share(ratio) * (1 - before.value)
        if rate > 0:
            yield _line(baseline, "harm_ratio", ratio, "ratio", rate, policy.concerns.shown)


def _of_drop(
    policy: Policy, finding: Finding, baseline: Baseline, rule: str, edge: Percent, then: Outcome
) -> Iterator[Threshold]:
    """The rate at which a drop is `edge`; none where no rate can drop so far."""
    if finding.paired is None or baseline.before is None:
        return
    scale = drop_of(deciding(finding.paired, finding.corrected, policy), policy).scale
    before, limit = baseline.before.value, _share(edge)
    rate = before * (1 - limit) if scale == "relative" else before - limit
    if rate > 0:
        yield _line(baseline, rule, edge, scale, rate, then)


def _line(
    baseline: Baseline, rule: str, limit: Percent, scale: Scale, rate: Decimal, then: Outcome
) -> Threshold:
    rate = round(rate, 6)
    crossed = baseline.rate.value < rate
    return Threshold(
        rule=rule,
        baseline=baseline.finding,
        measure=baseline.measure,
        slice=baseline.slice,
        limit=_share(limit),
        scale=scale,
        rate=rate,
        then=then,
        crossed=crossed,
        answers=None if crossed else answers_from(baseline.rate.value, baseline.n, rate),
    )


def _covers(wanted: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Whether a floor's slice, where ``*`` is any value, is this one."""
    return wanted.keys() == found.keys() and all(value in ("*", found[tag]) for tag, value in wanted.items())


def _share(percent: Percent) -> Decimal:
    return Decimal(percent.basis_points) / 10_000
