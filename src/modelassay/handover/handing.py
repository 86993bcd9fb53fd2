"""From sealed facts to the hand-over, or the reason why there is none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from modelassay.canonical import digest_of
from modelassay.errors import ExitCode, ModelassayError
from modelassay.gate import tighten
from modelassay.handover.baselines import baselines_of
from modelassay.handover.canaries import Choice, canaries_of
from modelassay.handover.context import context_of, subject_of
from modelassay.handover.document import (
    AcceptedRisk,
    Dataset,
    Gate,
    Handover,
    OpenItem,
    PostDeployment,
    PreDeployment,
    Reader,
)
from modelassay.handover.expiry import expiry_of
from modelassay.handover.facts import SealedFacts
from modelassay.handover.thresholds import thresholds_of
from modelassay.records import EvaluatorPin


class RefusedError(ModelassayError):
    """There is nothing to hand over; the exit code is that of the verdict.

    Args:
        what: the reason.
        where: the audit.
        mend: what would change it.
        code: of the verdict.
    """

    def __init__(self, what: str, *, where: str, mend: str, code: ExitCode) -> None:
        super().__init__(what, where=where, mend=mend)
        self.exit_code = code


def hand_over(facts: SealedFacts, *, today: date, choice: Choice | None = None) -> Handover:
    """The hand-over of a sealed audit; the same facts and choice give the same, whatever the day.

    Args:
        facts: what was sealed.
        today: the day, which only decides whether the verdict still holds.
        choice: which canaries; by default those of the bundle's own seed, without their text.

    Raises:
        RefusedError: the verdict is `block` or `inconclusive`, has expired, was withdrawn or lost its keys.
    """
    refuse(facts, today)
    record = facts.record
    policy, _ = tighten(record.policy)
    baselines = baselines_of(record)
    thresholds = thresholds_of(record, policy, baselines)
    return Handover(
        audit=record.id,
        name=record.name,
        sums=facts.sums,
        closed=record.closed,
        tool_version=record.tool_version,
        candidate=subject_of(record),
        pre_deployment=PreDeployment(
            questions=len(facts.samples),
            repeats=record.epochs,
            decoding=record.decoding,
            datasets=tuple(
                Dataset(name=pin.name, digest=pin.digest, rows=pin.rows, source=pin.source)
                for pin in record.datasets
            ),
            evaluators=tuple(_reader(pin) for pin in record.evaluators),
            context=context_of(facts, policy),
        ),
        gate=_gate(facts),
        post_deployment=PostDeployment(
            baselines=baselines,
            thresholds=thresholds,
            canaries=canaries_of(facts, policy, baselines, thresholds, choice or Choice()),
            expiry=expiry_of(facts),
        ),
    )


def refuse(facts: SealedFacts, today: date) -> None:
    """Hand nothing over of a verdict that lets nothing be deployed.

    Raises:
        RefusedError: with the reason.
    """
    verdict, audit = facts.record.verdict, facts.record.id
    if facts.lapse is not None:
        raise RefusedError(
            facts.lapse.sentence,
            where=audit,
            mend=facts.lapse.mend,
            code=ExitCode.UNVERIFIED,
        )
    if verdict.outcome == "block":
        raise RefusedError(
            f"nothing is handed over of a blocked candidate: {verdict.headline}",
            where=audit,
            mend="mend the candidate and audit it again",
            code=ExitCode.BLOCKED,
        )
    if verdict.outcome == "inconclusive":
        why = "; ".join(verdict.inconclusive) or verdict.headline
        raise RefusedError(
            f"nothing is handed over while the evidence is inconclusive: {why}",
            where=audit,
            mend="audit with more samples, or score what is unscored",
            code=ExitCode.INCONCLUSIVE,
        )
    if today >= date.fromisoformat(verdict.expires):
        raise RefusedError(
            f"the verdict expired on {verdict.expires}",
            where=audit,
            mend="audit the candidate again",
            code=ExitCode.EXPIRED,
        )


def _gate(facts: SealedFacts) -> Gate:
    record, clearance = facts.record, facts.clearance
    verdict, policy = record.verdict, record.policy
    return Gate(
        outcome=verdict.outcome,
        literal=verdict.literal,
        headline=verdict.headline,
        policy=policy.name,
        policy_digest=facts.policy_digest,
        tightened=verdict.tightened,
        confidence=Decimal(tighten(policy)[0].confidence.basis_points) / 10_000,
        issued=verdict.issued,
        expires=verdict.expires,
        missing="; ".join((clearance.missing, *clearance.not_counted)) if clearance.missing else "",
        open_items=tuple(
            OpenItem(concern=i.concern, finding=i.finding, state=i.state, statement=i.statement)
            for i in verdict.review_items
        ),
        accepted_risks=tuple(
            AcceptedRisk(
                holder=word.waiver.holder,
                role=word.waiver.role,
                reason=word.waiver.reason,
                granted=word.waiver.granted,
                expires=word.waiver.expires,
                assessment=word.waiver.assessment,
            )
            for word in clearance.words
        ),
    )


def _reader(pin: EvaluatorPin) -> Reader:
    return Reader(
        name=f"{pin.name}@{pin.version}",
        settings=digest_of(pin.settings),
        measures=tuple(measure.name for measure in pin.measures),
        uncalibrated=pin.uncalibrated,
        errors=pin.errors,
    )
