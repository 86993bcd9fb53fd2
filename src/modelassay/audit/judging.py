"""Compare, decide, and put everything into one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec

from modelassay.artifacts import lineage_findings
from modelassay.audit.asked_how import authored, selection_limits, side_notes, stop_notes
from modelassay.audit.attacked import untried_families
from modelassay.audit.calibrated import calibrated_pins
from modelassay.audit.examples import choose_examples
from modelassay.audit.limits import (
    age_limits,
    cut_off_notes,
    drawn_notes,
    examined_limits,
    imported_limits,
    limits_of,
    organism_notes,
    policy_notes,
)
from modelassay.audit.noise_floor import GREEDY, NOTE
from modelassay.audit.opened import Opened
from modelassay.audit.parts import slices_of
from modelassay.audit.seal import read_record
from modelassay.audit.spent import JUDGE, usage_of, usage_of_judges
from modelassay.comparison import Judges, as_drawn, assured, compare_with_coverage, judges_of, red_team_of
from modelassay.evidence.commitments import order_digest
from modelassay.evidence.examined import examined_findings
from modelassay.evidence.facts import calibration_ids
from modelassay.evidence.sufficient import why_no_look
from modelassay.gate import decide
from modelassay.records import (
    AuditRecord,
    Coverage,
    EvaluatorPin,
    Example,
    Finding,
    Ground,
    RedTeamRecord,
    ReviewedPair,
    Score,
    SequentialRecord,
    Usage,
    Verdict,
)
from modelassay.records.audit import AUTHOR_SAYS
from modelassay.records.noise_floor import is_noise_floor
from modelassay.version import __version__


def judge(
    opened: Opened,
    audit: str,
    *,
    opened_at: str,
    closed_at: str,
    reproduce: tuple[str, ...],
    reviewed: Iterable[ReviewedPair] = (),
    drawn: SequentialRecord | None = None,
) -> AuditRecord:
    """The record of an audit that was asked to its end.

    Args:
        audit: its id.
        opened_at: UTC, likewise `closed_at`, on whose date the verdict is issued.
        reproduce: commands that repeat the audit.
        reviewed: pairs of answers of which a sample was put to people.
        drawn: how questions were drawn, of a sequential audit; `opened` has those that were asked.
    """
    plan, policy, asked = opened.plan, opened.policy, opened.asked
    baseline, candidate = opened.sides
    slices = slices_of(plan)
    before, after = list(opened.scores(baseline)), list(opened.scores(candidate))
    pins = calibrated_pins(opened, (*before, *after))
    findings, covered = _compared(opened, before, after, judges_of(pins, reviewed), drawn)
    red_team = red_team_of(asked.samples, before, after, policy, untried=untried_families(asked.samples))
    usage = _usages(opened, (*before, *after))
    return AuditRecord(
        id=audit,
        name=plan.name,
        tool_version=__version__,
        opened=opened_at,
        closed=closed_at,
        baseline=baseline.identity,
        candidate=candidate.identity,
        datasets=asked.pins,
        evaluators=pins,
        lineage=opened.lineage,
        examinations=opened.examinations,
        published=plan.provider_evaluations,
        slices=slices,
        decoding=plan.decoding,
        system_prompts=dict(opened.system_prompts),
        epochs=plan.repeats,
        seed=plan.seed,
        policy=policy,
        findings=findings,
        verdict=_verdict(opened, findings, covered, closed_at, pins, drawn, red_team),
        coverage=covered,
        usage=usage,
        examples=_examples(opened, before, after),
        imported=opened.imported,
        red_team=red_team,
        sequential=drawn,
        judged_again=opened.judged_again,
        answered=opened.answered,
        notes=_notes(opened, usage, drawn_notes(drawn, asked.samples, slices, opened.questions)),
        limits=_limits(opened, pins, red_team),
        reproduce=reproduce,
    )


def _limits(opened: Opened, pins: Sequence[EvaluatorPin], red_team: RedTeamRecord | None) -> tuple[str, ...]:
    """What the audit cannot tell."""
    identities = [side.identity for side in opened.sides]
    examined = {each.kind for each in opened.examinations if not why_no_look(each)}
    told = limits_of(opened.plan, opened.policy, opened.asked.samples, identities, pins, red_team, examined)
    chosen = (*selection_limits(opened.asked.pins), *age_limits(opened.policy, opened.asked.pins))
    taken_in = examined_limits(opened.examinations)
    return (*imported_limits(opened.imported), *taken_in, *chosen, *told)


def _examples(opened: Opened, before: Sequence[Score], after: Sequence[Score]) -> tuple[Example, ...]:
    """Prompts with both answers, for people to read."""
    return choose_examples(
        samples={sample.id: sample for sample in opened.asked.samples},
        measures=opened.measures,
        baseline=before,
        candidate=after,
        transcript_of=opened.transcript,
    )


def _compared(
    opened: Opened,
    before: Sequence[Score],
    after: Sequence[Score],
    judges: Judges,
    drawn: SequentialRecord | None,
) -> tuple[tuple[Finding, ...], tuple[Coverage, ...]]:
    """Every finding, at the tier that the answers allow, and how much of what was planned is scored."""
    findings, covered = compare_with_coverage(
        samples=opened.asked.samples,
        measures=opened.measures,
        baseline=before,
        candidate=after,
        slices=slices_of(opened.plan),
        policy=opened.policy,
        judges=judges,
    )
    found = assured(as_drawn(findings, drawn, opened.policy), imported=bool(opened.imported))
    audited = [artifact for side in opened.sides for artifact in side.identity.artifacts]
    examined = examined_findings(opened.examinations)
    return (*found, *lineage_findings(opened.lineage, audited), *examined), covered


def _verdict(
    opened: Opened,
    findings: Sequence[Finding],
    covered: Sequence[Coverage],
    closed_at: str,
    pins: Iterable[EvaluatorPin],
    drawn: SequentialRecord | None,
    red_team: RedTeamRecord | None,
) -> Verdict:
    """Issued on the day of closing; its time runs from the day of the answers."""
    today, answered = (date.fromisoformat(time[:10]) for time in (closed_at, opened.answered or closed_at))
    ground = _ground(opened, pins)
    return decide(
        opened.policy,
        findings,
        covered,
        today=today,
        answered=answered,
        drawn=drawn,
        ground=ground,
        noise_floor=is_noise_floor(*(side.identity for side in opened.sides)),
        datasets=opened.asked.pins,
        red_team=red_team,
        prompted=tuple(opened.system_prompts),
    )


def _ground(opened: Opened, pins: Iterable[EvaluatorPin]) -> Ground:
    """What the verdict's claims rest on beside the findings."""
    keys = [question.key for question in opened.questions]
    return Ground(
        seed=opened.plan.seed,
        questions=len(opened.asked.samples) * opened.plan.repeats,
        asked=len(keys),
        order=order_digest(opened.suite.order if opened.suite else keys),
        calibrations=calibration_ids(pins),
    )


def _usages(opened: Opened, scores: Iterable[Score]) -> dict[str, Usage]:
    """What the answers of each model took, by side, and what judge models took."""
    models = (opened.plan.baseline, opened.plan.candidate)
    judges = usage_of_judges(scores, opened.plan.evaluators)
    return {
        side.name: usage_of(opened.transcripts(side), model.price)
        for side, model in zip(opened.sides, models, strict=True)
    } | ({} if judges is None else {JUDGE: judges})


def _notes(opened: Opened, usage: Mapping[str, Usage], drawn: Sequence[str]) -> tuple[str, ...]:
    """What a reader must know first: what this product says before what the plan's author says."""
    policy = policy_notes(opened.policy)
    if opened.given is not None:
        known = dict.fromkeys((*opened.given.notes, *policy, *drawn))
        return tuple(sorted(known, key=lambda note: note.startswith(AUTHOR_SAYS)))
    sides = [side.identity for side in opened.sides]
    noise_floor = is_noise_floor(*sides)
    return (
        *((NOTE, *(note for note in opened.plan.notes if note == GREEDY)) if noise_floor else ()),
        *organism_notes(sides),
        *(() if noise_floor else side_notes(*sides)),
        *stop_notes(opened.plan.decoding),
        *policy,
        *opened.asked.warnings,
        *cut_off_notes(usage, opened.plan.decoding.max_tokens),
        *drawn,
        *authored(opened.plan, noise_floor=noise_floor),
    )


def unless_same(record: AuditRecord, folder: Path) -> AuditRecord:
    """The record that was sealed in `folder` before, when only the clock tells it from `record`."""
    try:
        sealed = read_record(folder)
    except (OSError, msgspec.DecodeError):
        return record  # none, damaged, or of another version: the journal makes it anew
    at = {"issued": sealed.verdict.issued, "expires": sealed.verdict.expires}
    verdict = msgspec.structs.replace(record.verdict, **at)
    same_time = msgspec.structs.replace(record, closed=sealed.closed, verdict=verdict)
    return sealed if same_time == sealed else record
