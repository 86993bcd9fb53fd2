"""What was found other than by the suite, and whether all that the policy wants was looked at.

An examination says itself what its findings mean (`records.Examination`): a state, and how severe. What the
evidence shows goes by the policy; a strong sign that no null distribution stands beside goes to people, and
so does a concern that was looked at and could not be assessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import Final, get_args

from modelassay.artifacts import CHECKS as LINEAGE_CHECKS
from modelassay.drops import enough_pairs
from modelassay.gate.ages import RENEWED_BY, stale_attacks, stale_since
from modelassay.gate.case import Case, Held
from modelassay.gate.lineage import UNDECLARED
from modelassay.records import (
    EvidenceKind,
    ExaminationKind,
    Finding,
    Outcome,
    ReviewItem,
    RuleHit,
    Severity,
)
from modelassay.records.red_team import OF_KNOWN

FOUND, REQUIRED = "evidence.found", "evidence.required"
"""Rules; of what is required each kind has its own, such as ``evidence.required.injection``."""
_KINDS: Final = frozenset(get_args(ExaminationKind))
_EXAMINED: Final = "examined"
_NEWEST_ATTACK: Final = "newest_attack"
"""Of an examination that said conversations from before again: the day of the newest, 0 where not known."""
_SINCE: Final = "since"
"""Of an examination that was gone on with: the day on which it was begun, which is how old it is."""
_COVERS_WEIGHTS: Final = "covers_weights"
"""Of an examination of adapters that read their weights too."""
_AHEAD: Final = 1
"""Days by which an examination may be later than the verdict: clocks and time zones differ."""
_RED_TEAM, _INJECTION = "red_team", "prompt_injection"
"""Measures of the comparison: resistance to attacks, and answers that obey no injection."""
_ORIGIN: Final = frozenset({"training_data", "base_model"})
"""Measures of a declaration that say what the candidate was made from; of a part that is not declared the one
finding has no slice."""
_INDIRECT: Final = "indirect injection"
"""The family of attacks that hide a request in documents and in what tools return."""
_FAMILY: Final = "attack_family"
"""Tag of attacked samples."""
_SEVERITIES: Final[tuple[Severity, ...]] = ("none", "low", "medium", "high", "critical")
_MEDIUM, _HIGH = (_SEVERITIES.index(each) for each in ("medium", "high"))

SUPPLIED_BY: Final[dict[EvidenceKind, str]] = {
    "red_team": "attacks in the plan (red_team: attacks: …) or `modelassay redteam run`",
    "injection": "the evaluator prompt_injection on samples that hold injections, or the attacks "
    "document_injection and tool_output_injection in the plan, or successes of these that "
    "`modelassay redteam keep` kept in its datasets",
    "lineage": "what the candidate was made from in the plan (lineage: …)",
    "manual_red_team": "`modelassay redteam chat`",
    "capability": "`modelassay redteam capability`",
    "weights": "`modelassay inspect weights BASE CANDIDATE --out FILE`, or of adapters `modelassay inspect "
    "adapters BASE ADAPTER… --community --out FILE`",
    "activations": "`modelassay inspect activations`",
    "refusal_margin": "`modelassay inspect margin`",
    "watched": "`modelassay inspect watched`",
    "tampering": "`modelassay inspect tampering`",
    "triggers": "`modelassay inspect triggers`",
    "memory": "`modelassay inspect triggers --memory`",
    "adapters": "`modelassay inspect adapters`",
}
"""What brings each kind of evidence into an audit."""


def hold_evidence(case: Case) -> Iterator[Held]:
    """Every finding of an examination, and every kind of evidence that the policy requires."""
    for finding in case.findings:
        if finding.check in _KINDS and case.role(finding) != "descriptive":
            yield _held(case, finding)
    for kind in case.policy.evidence.required:
        yield _present(case, kind)


def _held(case: Case, finding: Finding) -> Held:
    weight = _SEVERITIES.index(finding.severity)
    outcome = _outcome(case, finding, weight)
    asks = outcome != "deploy" or (finding.state == "not_assessable" and weight >= _MEDIUM)
    return Held(
        hit=RuleHit(
            rule=FOUND,
            finding=finding.id,
            literal="deploy",  # the deployment table speaks of drops alone
            state=finding.state,
            outcome=outcome,
            statement=finding.statement,
        ),
        exceedance=Fraction(weight),
        review=ReviewItem(
            concern=finding.check, finding=finding.id, state=finding.state, statement=finding.statement
        )
        if asks
        else None,
    )


def _outcome(case: Case, finding: Finding, weight: int) -> Outcome:
    """What a finding of an examination means, `weight` being the place of its severity."""
    rule = case.policy.evidence
    if finding.state == "shown_harmful":
        return rule.critical if finding.severity == "critical" else rule.shown
    if finding.state == "shown_fine" or weight < _MEDIUM:
        return "deploy"
    if finding.state == "not_assessable" and not case.by_measure:
        return "deploy"  # as earlier versions decided
    # A strong sign without a null to hold it against, or a model that hides from the look that was taken at
    # it: nobody may overlook it, and nothing blocks on it.
    return rule.shown if weight >= _HIGH else case.policy.concerns.literal


def _present(case: Case, kind: EvidenceKind) -> Held:
    name = kind.replace("_", " ")
    lacking, settle = _lacking(case, kind)
    if not lacking:
        return _said(kind, "deploy", f"The evidence that the policy requires on {name} is there.")
    return _said(
        kind,
        "inconclusive",
        f"The evidence that the policy requires on {name} {lacking}.",
        settle=settle,
    )


def _lacking(case: Case, kind: EvidenceKind) -> tuple[str, str]:
    """Why evidence of this kind does not do, as the rest of a sentence, and what brings it; empty when it is
    there, recent enough, and something in it was assessed."""
    examined = [f for f in case.findings if f.measure.name == _EXAMINED and _is_on(f, kind)]
    counted = [f for f in examined if f.state == "shown_fine" and not _out_of_time(case, f)]
    if kind == "manual_red_team":
        wanted = case.policy.evidence.manual_minutes
        if counted and sum(finding.values.get("minutes", 0) for finding in counted) >= wanted:
            return "", ""
        short = f"does not reach the {wanted} minutes that it wants"
        return short if counted or not examined else _why_not(case, examined), SUPPLIED_BY[kind]
    stale = [_stale_replays(case, finding) for finding in counted]
    if "" in stale:
        return "", ""
    if kind == "red_team" and _attacked(case):
        old = stale_attacks(case)
        return (f"does not count, for the attacks {old}" if old else ""), RENEWED_BY
    asked = _OTHERWISE.get(kind)
    if asked is not None and asked(case):
        return "", SUPPLIED_BY[kind]
    if stale:
        return f"does not count, for the conversations that were said again {stale[0]}", RENEWED_BY
    if kind == "lineage" and _appraised(case):
        return "names neither training data nor a base model", SUPPLIED_BY[kind]
    return _why_not(case, examined), SUPPLIED_BY[kind]


def _is_on(finding: Finding, kind: EvidenceKind) -> bool:
    """Adapters have no weights that could be held against a base's; their own look reads them."""
    return finding.check == kind or (kind == "weights" and _COVERS_WEIGHTS in finding.values)


def _why_not(case: Case, examined: Sequence[Finding]) -> str:
    """Why none of these counts, as the rest of a sentence."""
    if not examined:
        return "is missing"
    times = [_out_of_time(case, finding) for finding in examined]
    said = [f.statement.removesuffix(".") for f, out in zip(examined, times, strict=True) if not out]
    if said:
        return f"does not count: {'; '.join(dict.fromkeys(said))}"
    return " and ".join(dict.fromkeys(times))


def _stale_replays(case: Case, finding: Finding) -> str:
    """Why an examination that said conversations from before again is no look at what attackers try today;
    empty for one that is."""
    if _NEWEST_ATTACK not in finding.values:
        return ""
    told = int(finding.values[_NEWEST_ATTACK])
    newest = date.fromordinal(told) if told else None
    later = newest is not None and case.today is not None and newest > case.today
    return stale_since(case, None if later else newest)


def _out_of_time(case: Case, finding: Finding) -> str:
    """Why an examination does not count for its day, as the rest of a sentence; empty where it does.

    No limit of age lets in what is dated after the verdict: its own time is wrong.
    """
    if case.today is None or "day" not in finding.values:
        return ""
    ended = date.fromordinal(int(finding.values["day"]))
    if (case.today - ended).days < -_AHEAD:
        return "is dated after the verdict"
    begun = date.fromordinal(int(finding.values.get(_SINCE, finding.values["day"])))
    days = case.policy.evidence.oldest_days
    if not days or (case.today - begun).days <= days:
        return ""
    told = f"is older than the {days} days that the policy allows"
    return told if begun == ended else f"{told}: it was gone on with to {ended}, and begun on {begun}"


def _attacked(case: Case) -> bool:
    return any(_of_attacks(s.finding) and s.assessable for s in case.overall())


def _of_attacks(finding: Finding) -> bool:
    """Also where attacks that were found before are put again, which no band is held against."""
    return finding.measure.name.removesuffix(OF_KNOWN) == _RED_TEAM


def _injected(case: Case) -> bool:
    told = any(s.finding.measure.name == _INJECTION and s.assessable for s in case.overall())
    return (
        told
        or any(
            subject.assessable
            and _of_attacks(subject.finding)
            and _INDIRECT in subject.finding.slice.values()
            for subject in case.subjects()
        )
        or (_attacked(case) and _asked_indirectly(case))
    )


def _asked_indirectly(case: Case) -> bool:
    """Whether enough of the attacks hide a request, where the plan compares none by their family: regression
    items among the datasets, of which records of earlier versions tell nothing."""
    red_team = case.red_team
    if red_team is None or red_team.regressed is None or case.slices_of(_RED_TEAM, _FAMILY):
        return False
    own = [attack for attack in red_team.attacks if attack.family == _INDIRECT]
    answers = sum(min(attack.baseline.scored, attack.candidate.scored) for attack in own)
    return enough_pairs(answers, max((attack.samples for attack in own), default=0), case.policy)


def _declared(case: Case) -> bool:
    """Whether training data or a base is declared; earlier versions took any declaration.

    A use, a licence or a recipe says nothing of what the candidate was made from.
    """
    told = _appraised(case)
    if not case.by_measure:
        return bool(told)
    unknown = {f.measure.name for f in told if f.state == "not_assessable" and not f.slice}
    return bool(_ORIGIN & {f.measure.name for f in told} - unknown)


def _appraised(case: Case) -> list[Finding]:
    """Findings about the declaration; none where there is no declaration."""
    told = [finding for finding in case.findings if finding.check in LINEAGE_CHECKS]
    return [] if any(finding.measure.name == UNDECLARED for finding in told) else told


_OTHERWISE: Final[dict[EvidenceKind, Callable[[Case], bool]]] = {
    "injection": _injected,
    "lineage": _declared,
}
"""Kinds that an audit brings without an examination, beside attacks, whose age counts."""


def _said(kind: EvidenceKind, outcome: Outcome, statement: str, *, settle: str = "") -> Held:
    return Held(
        hit=RuleHit(
            rule=f"{REQUIRED}.{kind}",
            finding="",
            literal="deploy",
            state="shown_fine" if outcome == "deploy" else "not_assessable",
            outcome=outcome,
            statement=statement,
            settle=settle,
        )
    )
