"""Judges of unknown error: what they read is never called shown, and people must look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from modelassay.gate.bands import BANDS
from modelassay.gate.case import Case, Held, mildest, strictest
from modelassay.gate.floors import FLOOR, LEAST_RATE
from modelassay.gate.single_slices import CATEGORY_BLOCK
from modelassay.records import Finding, Policy, RuleHit, Verdict
from modelassay.records.judging import INFORMEDNESS

UNCALIBRATED = "judges.uncalibrated"
_TABLE = frozenset({BANDS, CATEGORY_BLOCK})
"""Rules under which a measure passes only if it is shown to be fine."""
_LITERAL = frozenset({FLOOR, LEAST_RATE})
"""Rules that hold a rate as it was read and claim nothing of the evidence."""
_EXAMINED = "examined"
"""Measure of the finding that says of an examination that it was made."""
_DOUBT = "; its judge's error is not known, so this is not shown."
_CHANCE = "; its judge is not shown to tell good answers from bad, so this is not shown."
"""End the statement of a claim that is doubted."""


def hold_judges(case: Case) -> Iterator[Held]:
    """Every banded measure, and every campaign of attacks, whose judge's error nobody knows."""
    yield from _campaigns(case)
    for subject in case.overall("banded"):
        if not case.doubts(subject.finding):
            continue
        measure, judge = subject.finding.measure, ", ".join(subject.finding.rests_on) or "its judge"
        yield Held(
            hit=RuleHit(
                rule=UNCALIBRATED,
                finding=subject.finding.id,
                literal="deploy",
                state="not_shown",
                outcome="review",
                statement=f"{measure.title} was read by {judge}, {_why(subject.finding)}, so neither a drop "
                "nor its absence is shown.",
                settle=_settle(subject.finding, case.policy),
            )
        )


def _campaigns(case: Case) -> Iterator[Held]:
    for finding in case.findings:
        if finding.measure.name == _EXAMINED and case.doubts(finding):
            yield Held(
                hit=RuleHit(
                    rule=UNCALIBRATED,
                    finding=finding.id,
                    literal="deploy",
                    state="not_shown",
                    outcome="review",
                    statement=f"{finding.statement.removesuffix('.')}: neither that attacks had their way "
                    "nor that they were resisted is shown.",
                    settle="a campaign read by `evaluator: refusal`, or a judge model calibrated with "
                    "`modelassay judges calibrate llm_judge … --setting rubric=attack`",
                )
            )


def _why(finding: Finding) -> str:
    """Why what a judge reads shows nothing."""
    if not _measured(finding):
        return "whose error against people's labels is not known"
    value, low = (finding.values[f"{INFORMEDNESS}{end}"] for end in ("", "_low"))
    return (
        "which is not shown to tell good answers from bad: held against people's labels, its sensitivity + "
        f"specificity − 1 is {value:.2f}, at least {low:.2f}, where 0 is chance"
    )


def _settle(finding: Finding, policy: Policy) -> str:
    labels = f"people's labels on {policy.judges.labels} of these pairs"
    return f"a judge that tells, or {labels}" if _measured(finding) else f"calibrating it, or {labels}"


def _measured(finding: Finding) -> bool:
    return INFORMEDNESS in finding.values


def doubted(case: Case, held: Held) -> Held:
    """`held`, or what is left of it where it rests on such a judge: no state is shown, nothing blocks.

    Only a claim can be doubted. What a floor or the least rate makes of a rate stays, or a judge that nobody
    measured could lift a model over it.
    """
    finding = case.by_id.get(held.hit.finding)
    if finding is None or not case.doubts(finding) or held.hit.rule == UNCALIBRATED:
        return held
    hit, review = held.hit, held.review
    if hit.state == "shown_fine" and hit.rule in _TABLE:
        hit = msgspec.structs.replace(hit, outcome=strictest(hit.outcome, "inconclusive"))
    if hit.state in ("shown_fine", "shown_harmful"):
        doubt = _CHANCE if _measured(finding) else _DOUBT
        tail = f"{hit.statement.removesuffix('.')}{doubt}"
        hit = msgspec.structs.replace(hit, state="not_shown", statement=tail)
        review = review and msgspec.structs.replace(review, state="not_shown", statement=tail)
    if hit.rule not in _LITERAL:
        hit = msgspec.structs.replace(hit, outcome=mildest(hit.outcome, "review"))
    return replace(held, hit=hit, review=review)


def only_doubted(verdict: Verdict, hit: RuleHit) -> bool:
    """Whether `hit` would be fine, were its judge's error known: about that people are asked by name."""
    asked = any(each.rule == UNCALIBRATED for each in verdict.rules)
    return (
        asked
        and hit.rule in _TABLE
        and hit.outcome == "inconclusive"
        and hit.statement.endswith((_DOUBT, _CHANCE))
    )
