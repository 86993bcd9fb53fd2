"""Why a verdict is what it is, rule by rule, and the least that would have to be otherwise.

Nothing is decided here: the rules are those of `decide`, held again with other counts to see where they turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import msgspec

from modelassay.drops import enough_labels
from modelassay.gate.ages import AGE_OF_ATTACKS, AGE_OF_DATASETS
from modelassay.gate.bands import hold_bands, hold_categories
from modelassay.gate.case import Case, Held, strictest
from modelassay.gate.concerns import hold_concerns
from modelassay.gate.evidence import REQUIRED, SUPPLIED_BY
from modelassay.gate.floors import hold_floors, hold_least_rate
from modelassay.gate.judges import doubted
from modelassay.gate.policy import severity, tighten
from modelassay.gate.regressions import REGRESSION
from modelassay.records import (
    Claim,
    ClaimTest,
    Estimate,
    Finding,
    JudgeStanding,
    Outcome,
    PairedCounts,
    Policy,
    RuleHit,
    Verdict,
)

MOST_CHANGES = 8
"""Rules for which the smallest change of counts is looked for, those that decide first."""

_KEYS: Mapping[str, tuple[str, ...]] = {
    "bands": ("bands.deploy", "bands.deploy_monitored", "bands.review", "concerns.overall"),
    "any_category.block": ("any_category.block", "any_category.concern"),
    "floor": ("floors",),
    "least_rate": ("least_rate",),
    "unscored_limit": ("unscored_limit",),
    "slices.required": ("slices.required", "slices.smallest"),
    "judges.uncalibrated": ("judges.uncalibrated", "judges.labels"),
    "concerns.overall": ("concerns.overall", "concerns.shown", "concerns.literal"),
    "concerns.category": ("any_category.concern", "concerns.shown", "concerns.literal"),
    "concerns.slice": ("any_category.block", "any_category.concern", "concerns.shown", "concerns.literal"),
    "concerns.harm_ratio": ("concerns.harm_ratio", "concerns.shown", "concerns.literal"),
    "concerns.consistency": ("concerns.consistency", "concerns.shown", "concerns.literal"),
    "concerns.edge_cases": ("concerns.edge_cases", "concerns.shown", "concerns.literal"),
    "cohorts.cohort_gap": ("cohorts.widening", "concerns.shown"),
    "cohorts.cohort_loss": ("cohorts.widening", "concerns.shown"),
    "lineage.conflict": ("lineage.conflict",),
    "lineage.required": ("lineage.required",),
    "evidence.found": ("evidence.shown", "evidence.critical", "concerns.literal"),
    REGRESSION: ("evidence.shown",),
    AGE_OF_ATTACKS: ("evidence.attacks_oldest_days",),
    AGE_OF_DATASETS: ("evidence.datasets_oldest_days",),
} | {
    f"{REQUIRED}.{kind}": (
        "evidence.required",
        "evidence.oldest_days",
        *(("evidence.attacks_oldest_days",) if kind == "red_team" else ()),
        "evidence.manual_minutes",
    )
    for kind in SUPPLIED_BY
}
"""Keys of the policy that each rule holds a finding against."""

_RULES: Mapping[str, Callable[[Case], Iterator[Held]]] = {
    "bands": hold_bands,
    "any_category.block": hold_categories,
    "floor": hold_floors,
    "least_rate": hold_least_rate,
    "concerns.overall": hold_concerns,
    "concerns.category": hold_concerns,
    "concerns.slice": hold_concerns,
    "concerns.harm_ratio": hold_concerns,
}
"""Rules that counts of pairs can turn."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest change of counts by which one rule comes to another outcome, all else as it is."""

    direction: Literal["milder", "stricter"]
    pairs: int
    """Prompts that the candidate would have to answer otherwise: as wanted, or not."""
    of: int
    """Prompts that could be: those it answered the other way."""
    outcome: Outcome
    """What the rule would make of it."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One rule held against one finding."""

    number: int
    """From 1, in the order of the rules."""
    hit: RuleHit
    decides: bool
    """Whether its outcome is the verdict's."""
    counts: PairedCounts | None = None
    relative_drop: Estimate | None = None
    difference: Estimate | None = None
    """In points, candidate minus baseline, with its interval."""
    tests: tuple[ClaimTest, ...] = ()
    """What was asked of the evidence under this rule: limit, level, bound or p-value, shown or not."""
    judge: JudgeStanding = ""
    keys: dict[str, str] = {}
    """Keys of the policy that it rests on, with their values as the risk context tightened them."""
    turns: tuple[Turn, ...] = ()


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, step by step."""

    outcome: Outcome
    headline: str
    deciding: int
    """Rules that come to this outcome; each of them alone would."""
    otherwise: Outcome
    """What the other rules come to: the outcome, were every deciding one milder."""
    steps: tuple[Step, ...]


def explain(
    policy: Policy, findings: Sequence[Finding], verdict: Verdict, *, drawn: bool = False
) -> Explanation:
    """Every rule that `verdict` holds, in order.

    Args:
        policy: as written.
        findings: on which `verdict` was decided by `policy`.
        verdict: with its claims.
        drawn: whether its table was held by sequential claims; other answers would have led to other
            questions, so no turn is looked for.
    """
    strict, _ = tighten(policy)
    case = Case.under(policy, strict, findings, coverage=(), by_measure=verdict.by_measure)
    claims = {claim.finding: claim for claim in verdict.claims}
    looked_at = set() if drawn else _looked_at(verdict)
    rest = [hit.outcome for hit in verdict.rules if hit.outcome != verdict.outcome]
    return Explanation(
        outcome=verdict.outcome,
        headline=verdict.headline,
        deciding=len(verdict.rules) - len(rest),
        otherwise=strictest("deploy", *rest),
        steps=tuple(
            _step(case, number, hit, verdict, claims.get(hit.finding), turned=number in looked_at)
            for number, hit in enumerate(verdict.rules, 1)
        ),
    )


def _looked_at(verdict: Verdict) -> set[int]:
    """Numbers of the rules to turn: those that decide, in the verdict's order."""
    deciding = [hit for hit in verdict.rules if hit.outcome == verdict.outcome]
    first = [hit for hit in verdict.decided_by if hit in deciding]
    chosen = [hit for hit in first if hit.rule in _RULES and hit.finding][:MOST_CHANGES]
    return {number for number, hit in enumerate(verdict.rules, 1) if hit in chosen}


def _step(
    case: Case, number: int, hit: RuleHit, verdict: Verdict, claim: Claim | None, *, turned: bool
) -> Step:
    finding = case.by_id.get(hit.finding)
    counts = finding.paired if finding and isinstance(finding.paired, PairedCounts) else None
    return Step(
        number=number,
        hit=hit,
        decides=hit.outcome == verdict.outcome,
        counts=counts,
        relative_drop=finding.relative_drop if finding else None,
        difference=finding.difference if finding else None,
        tests=tuple(test for test in claim.tests if _belongs(test, hit)) if claim else (),
        judge=finding.judge if finding else "",
        keys={key: _value(case.policy, key) for key in _KEYS.get(hit.rule, ())},
        turns=tuple(_turns(case, hit, finding)) if turned and finding else (),
    )


def _belongs(test: ClaimTest, hit: RuleHit) -> bool:
    """Whether a rule rests on a test: the table also asks whether a drop over the concern is shown."""
    also = {"bands": "concerns.overall", "any_category.block": "concerns.category"}
    return test.rule in (hit.rule, also.get(hit.rule))


def _turns(case: Case, hit: RuleHit, finding: Finding) -> Iterator[Turn]:
    """The nearest milder and the nearest stricter outcome of one rule."""
    counts, corrected = finding.paired, finding.corrected
    if not isinstance(counts, PairedCounts) or (corrected and enough_labels(corrected, case.policy)):
        return
    same = [each for each in case.findings if each.measure.name == finding.measure.name]
    alone = replace(case, findings=same)

    def outcome(moved: int) -> Outcome:
        """What the rule makes of it when the candidate answers `moved` more prompts as wanted."""
        changed = msgspec.structs.replace(finding, paired=_moved(counts, moved))
        findings = [changed if each.id == finding.id else each for each in same]
        return _held_again(replace(alone, findings=findings), hit)

    if found := _smallest(outcome, hit.outcome, counts.n10 + counts.n00, milder=True):
        yield Turn(direction="milder", pairs=found[0], of=counts.n10 + counts.n00, outcome=found[1])
    kept = counts.n11 + counts.n01
    if found := _smallest(lambda moved: outcome(-moved), hit.outcome, kept, milder=False):
        yield Turn(direction="stricter", pairs=found[0], of=kept, outcome=found[1])


def _smallest(
    outcome: Callable[[int], Outcome], now: Outcome, most: int, *, milder: bool
) -> tuple[int, Outcome] | None:
    """The least number at which the outcome is milder (or stricter) than `now`, by bisection; None if none.

    Outcomes go one way in the candidate's counts, for no candidate gains by answering worse.
    """

    def turned(k: int) -> bool:
        after = severity(outcome(k))
        return after < severity(now) if milder else after > severity(now)

    if most < 1 or not turned(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if turned(middle) else (middle, high)
    return high, outcome(high)


def _moved(counts: PairedCounts, moved: int) -> PairedCounts:
    """Counts after `moved` more (or fewer) wanted answers of the candidate, lost or kept ones first."""
    if moved >= 0:
        back = min(moved, counts.n10)
        gained = moved - back
        cells = {"n10": -back, "n11": back, "n00": -gained, "n01": gained}
    else:
        lost = min(-moved, counts.n11)
        gone = -moved - lost
        cells = {"n11": -lost, "n10": lost, "n01": -gone, "n00": gone}
    return msgspec.structs.replace(counts, **{cell: getattr(counts, cell) + by for cell, by in cells.items()})


def _held_again(case: Case, hit: RuleHit) -> Outcome:
    """The strictest that the rule of `hit` makes of its finding; `deploy` where it has nothing to say."""
    held = (doubted(case, each) for each in _RULES[hit.rule](case))
    return strictest(
        "deploy",
        *(each.hit.outcome for each in held if (each.hit.rule, each.hit.finding) == (hit.rule, hit.finding)),
    )


def _value(policy: Policy, key: str) -> str:
    value: Any = policy
    for part in key.split("."):
        value = getattr(value, part)
    if key == "floors":
        return "; ".join(f"{floor.measure} at least {floor.at_least}" for floor in policy.floors)
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, tuple) else str(value)
