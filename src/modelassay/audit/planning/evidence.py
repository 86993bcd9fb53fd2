"""What a policy requires beside the suite: what the plan brings of it, and what would be missing.

Examinations are held as the audit will hold them: a kind counts as there by the gate's own rule. What only
the audit's own questions can bring (attacks, injections) is counted in the suite. No model is loaded for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Literal

import msgspec

from modelassay.audit.parts import Questions
from modelassay.config import Plan
from modelassay.drops import enough_pairs
from modelassay.evaluators.attacked import RED_TEAM
from modelassay.evaluators.obedience import is_attacked as holds_injection
from modelassay.evidence.examined import examined_findings
from modelassay.gate import tighten
from modelassay.gate.ages import stale_since
from modelassay.gate.case import Case
from modelassay.gate.evidence import REQUIRED, hold_evidence
from modelassay.records import EvidenceKind, Examination, Finding, Measure, Policy, RuleHit, Sample
from modelassay.records.dated import last_day
from modelassay.records.red_team import FOUND_ON

_INJECTION = "prompt_injection"
"""The measure of answers that obey no injection."""
_INDIRECT = "indirect injection"
"""The family of attacks that hide a request in documents and in what tools return."""


class RequiredEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of evidence without which the verdict is inconclusive at best."""

    kind: EvidenceKind
    state: Literal["there", "planned", "missing"]
    """`planned`: the audit's own questions bring it, if enough of them are answered."""
    statement: str
    supplied_by: str = ""
    """What brings it, where it is missing."""


def required_evidence(
    plan: Plan,
    policy: Policy,
    asked: Questions,
    measures: Collection[Measure],
    *,
    declared: Sequence[Finding],
    examinations: Sequence[Examination],
    today: date,
) -> tuple[RequiredEvidence, ...]:
    """Every kind that `policy` requires, in its order.

    Args:
        measures: that the plan's evaluators score on these questions.
        declared: findings of the plan's lineage.
        examinations: that the plan takes in, held against its models.
        today: from which ages count.
    """
    strict, _ = tighten(policy)
    findings = (*declared, *examined_findings(examinations))
    case = Case.under(policy, strict, findings, coverage=(), today=today, datasets=asked.pins)
    hits = {
        held.hit.rule: held.hit for held in hold_evidence(case) if held.hit.rule.startswith(f"{REQUIRED}.")
    }
    names = {measure.name for measure in measures}
    return tuple(
        _expected(kind, hits[f"{REQUIRED}.{kind}"], _by_questions(kind, plan, asked, names, case))
        for kind in policy.evidence.required
    )


def _expected(kind: EvidenceKind, hit: RuleHit, by_questions: tuple[bool, str]) -> RequiredEvidence:
    if hit.outcome == "deploy":
        return RequiredEvidence(kind=kind, state="there", statement=hit.statement)
    brought, said = by_questions
    if brought:
        return RequiredEvidence(kind=kind, state="planned", statement=said)
    statement = f"{hit.statement.removesuffix('.')}; {said}." if said else hit.statement
    return RequiredEvidence(kind=kind, state="missing", statement=statement, supplied_by=hit.settle)


def _by_questions(
    kind: EvidenceKind, plan: Plan, asked: Questions, measures: Collection[str], case: Case
) -> tuple[bool, str]:
    """Whether the audit's own questions bring evidence of a kind, and what there is to say of them."""
    attacked = [sample for sample in asked.samples if _is_attack(sample)] if RED_TEAM in measures else []
    if kind == "red_team":
        old = stale_since(case, max(_dates(attacked, case.today), default=None)) if attacked else ""
        if old:
            return False, f"the attacks in the plan {old}"
        return _enough(attacked, "attacked questions", plan, case.policy)
    if kind != "injection":
        return False, ""
    injected = [each for each in asked.samples if holds_injection(each)] if _INJECTION in measures else []
    hidden = [each for each in attacked if each.attacked and each.attacked.family == _INDIRECT]
    by_samples = _enough(injected, "injections", plan, case.policy)
    by_attacks = _enough(hidden, "attacks by indirect injection", plan, case.policy)
    return by_samples if by_samples[0] or not by_attacks[1] else by_attacks


def _is_attack(sample: Sample) -> bool:
    return sample.attacked is not None and sample.kind == "harmful"


def _dates(attacked: Sequence[Sample], today: date | None) -> Iterator[date]:
    """The days of attacks that are known, and not after `today`."""
    for sample in attacked:
        for dated in (sample.attacked.dated if sample.attacked else "", sample.tags.get(FOUND_ON, "")):
            day = last_day(dated)
            if day is not None and today is not None and day <= today:
                yield day


def _enough(samples: Sequence[Sample], what: str, plan: Plan, policy: Policy) -> tuple[bool, str]:
    """Whether so many samples can be judged, and how many there are; nothing is said of none."""
    if not samples:
        return False, ""
    said = f"{len(samples):,} {what} in the plan"
    clusters = len({sample.cluster or sample.id for sample in samples})
    if enough_pairs(len(samples) * plan.repeats, clusters, policy):
        return True, said
    return False, f"{said} are too few to judge"
