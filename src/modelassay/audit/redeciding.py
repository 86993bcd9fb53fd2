"""A sealed audit held against a policy again: no model asked, nothing judged again, nothing replaced.

Check that the bundle is whole → compare its sealed scores under the policy → decide. What comes out can be
sealed as an audit of its own, which names the one it rests on, is logged, and is signed like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from modelassay.audit.conduct import finish
from modelassay.audit.given import GivenAnswers, check_exhausted, check_logged, open_whole
from modelassay.audit.limits import policy_notes
from modelassay.audit.opened import Given, Opened, Side
from modelassay.audit.parts import Places, Questions
from modelassay.audit.rejudging import Reopened, plan_again
from modelassay.audit.standing import log_opening
from modelassay.audit.without_asking import not_asked
from modelassay.comparison import red_team_of
from modelassay.engine import Journal, Question
from modelassay.errors import UsageError
from modelassay.evidence.chain import Chain
from modelassay.evidence.ground import ground_of
from modelassay.evidence.lapse import check_holds
from modelassay.evidence.ledger import Ledger, read_histories
from modelassay.evidence.notary import Notary
from modelassay.evidence.recompute import FOLLOWING, findings_again, sides_of
from modelassay.evidence.verification import VALIDITY
from modelassay.gate import PolicyChange, decide, policy_changes, severity
from modelassay.protocols import Renderer
from modelassay.records import AuditRecord, Coverage, Finding, Policy, RedTeamRecord, Score, Verdict

_OF_COMPARISON = (
    "scale",
    "absolute_below",
    "measures",
    "slices",
    "judges",
    "confidence",
    "cohorts",
    "intervals",
)
"""Keys by which comparison computes other figures; without the samples only thresholds can change."""


@dataclass(frozen=True, kw_only=True)
class Redecision:
    """What a policy makes of a sealed audit."""

    sealed: AuditRecord
    policy: Policy
    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]
    verdict: Verdict
    changes: tuple[PolicyChange, ...]
    """Where the policy differs from the one that the audit was sealed under."""
    today: date

    @property
    def expired(self) -> bool:
        """Whether the sealed verdict holds no longer."""
        return self.today >= date.fromisoformat(self.sealed.verdict.expires)

    @property
    def looser(self) -> bool:
        """Whether more may pass than by the sealed policy, or does."""
        return self.milder or any(change.direction == "looser" for change in self.changes)

    @property
    def milder(self) -> bool:
        """Whether the outcome is milder than the sealed one."""
        return severity(self.verdict.outcome) < severity(self.sealed.verdict.outcome)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know first, whenever it is read."""
        return tuple(_notes(self))

    @property
    def standing(self) -> tuple[str, ...]:
        """What a reader of today must know."""
        return tuple(_standing(self))


def open_decided(folder: Path, log: Path) -> GivenAnswers:
    """The audit sealed in `folder`, whole, as the log has it, with a verdict that holds but for its expiry.

    Args:
        log: the folder of the store's log; nothing is said there without one.

    Raises:
        EvidenceError: damaged or changed, or its verdict was withdrawn or lost its keys.
        UsageError: no sealed audit.
    """
    given = GivenAnswers(open_whole(folder, but={VALIDITY}, done="so it is not decided again"))
    check_logged(given, read_histories(log))
    check_holds(given.record.id, log, so="it is not decided again", where=given.contents.bundle.place)
    return given


def redecide(given: GivenAnswers, policy: Policy, today: date) -> Redecision:
    """What `policy` makes of the audit today; its time runs from when the answers were given.

    Figures are computed again from the sealed scores. Where samples are withheld that cannot be done, and
    only a policy of other thresholds can be held against the sealed figures.

    Raises:
        ConfigError: the policy's thresholds contradict each other.
        UsageError: samples are withheld, and the policy needs other figures.
    """
    record, contents = given.record, given.contents
    same = policy == record.policy
    if not same:
        check_exhausted(record)
    changes = policy_changes(record.policy, policy)
    if contents.samples.withheld:
        _need_no_samples(given, changes)
        findings, coverage = record.findings, record.coverage
    else:
        findings, coverage = findings_again(contents, policy, contents.reviewed)
        findings = (*findings, *(f for f in record.findings if f.check not in FOLLOWING))
    answered = date.fromisoformat(given.answered[:10])
    return Redecision(
        sealed=record,
        policy=policy,
        findings=findings,
        coverage=coverage,
        verdict=decide(
            policy,
            findings,
            coverage,
            today=today,
            answered=answered,
            drawn=record.sequential if same else None,
            ground=ground_of(contents, Chain(contents.bundle)),
            noise_floor=record.noise_floor,
            datasets=record.datasets,
            red_team=_red_team(given, policy),
            prompted=tuple(record.system_prompts),
        ),
        changes=changes,
        today=today,
    )


def _red_team(given: GivenAnswers, policy: Policy) -> RedTeamRecord | None:
    """What attacks did, by what is told of it today; where samples are withheld, as it is sealed."""
    record, contents = given.record, given.contents
    if record.red_team is None or contents.samples.withheld:
        return record.red_team
    untried = record.red_team.untried
    return red_team_of(contents.samples.known, *sides_of(contents), policy, untried=untried)


def seal_redecision(
    given: GivenAnswers,
    redecision: Redecision,
    places: Places,
    *,
    said: str,
    notary: Notary,
    renderers: Sequence[Renderer] = (),
    reproduce: Sequence[str] = (),
) -> AuditRecord:
    """Seal, log and sign what was decided as an audit of its own; done again, it changes nothing.

    Args:
        said: the policy's name or path, for the plan.

    Raises:
        UsageError: prompts or answers are withheld.
        StoreError: the store cannot be written.
        EvidenceError: the log is damaged, or a witness refuses it.
    """
    check_exhausted(given.record)
    if given.contents.samples.withheld or given.contents.transcripts.withheld:
        raise UsageError(
            "prompts or answers are withheld, so the decision cannot be sealed with what it rests on",
            where=given.contents.bundle.place,
            mend="decide without --seal, or on the complete audit",
        )
    if others := {f.check for f in redecision.findings} - FOLLOWING:
        raise UsageError(
            f"findings of {', '.join(sorted(others))} do not follow from scores, so they are not sealed anew",
            where=given.contents.bundle.place,
            mend="decide without --seal",
        )
    return asyncio.run(_seal(given, redecision, places, said, notary, renderers, reproduce))


async def _seal(
    given: GivenAnswers,
    redecision: Redecision,
    places: Places,
    said: str,
    notary: Notary,
    renderers: Sequence[Renderer],
    reproduce: Sequence[str],
) -> AuditRecord:
    async def nothing_to_read() -> None:
        """The scores are there."""

    ledger = Ledger(places.store, notary)
    async with AsyncExitStack() as closing:
        journal = closing.enter_context(Journal.open(places.store))
        opened = _opened(given, redecision, said, journal)
        history = log_opening(ledger, opened, parent=given.parent)
        return await finish(
            ledger,
            opened,
            history,
            places.store,
            read_all=nothing_to_read,
            renderers=renderers,
            reproduce=reproduce,
        )


def _opened(given: GivenAnswers, redecision: Redecision, said: str, journal: Journal) -> Opened:
    record, samples = given.record, tuple(given.contents.samples.known)
    by_id = {sample.id: sample for sample in samples}
    return Redecided(
        plan=plan_again(given, policy=said),
        policy=redecision.policy,
        lineage=record.lineage,
        examinations=record.examinations,
        asked=Questions(samples=samples, pins=record.datasets, warnings=()),
        sides=(not_asked("baseline", record.baseline), not_asked("candidate", record.candidate)),
        evaluators=(),
        pins=record.evaluators,
        pins_stand=True,
        questions=tuple(
            Question(sample=by_id[transcript.key.sample], key=transcript.key)
            for _, transcript in given.cases[record.baseline.fingerprint]
        ),
        journal=journal,
        reviewed=tuple(given.contents.reviewed),
        given=Given(
            sums=given.sums,
            answered=given.answered,
            notes=(
                *redecision.notes,
                *(note for note in record.notes if note not in policy_notes(record.policy)),
            ),
            files=given.files,
        ),
        imported=record.imported,
        system_prompts=record.system_prompts,
        answers=given,
        anew=False,
    )


@dataclass(frozen=True, kw_only=True)
class Redecided(Reopened):
    """A sealed audit's answers and scores, which nobody reads again."""

    def scores(self, side: Side) -> Iterable[Score]:
        """Every score of one model, as it was sealed."""
        return (s for s in self.answers.contents.scores if s.target == side.identity.fingerprint)


def _need_no_samples(given: GivenAnswers, changes: Iterable[PolicyChange]) -> None:
    needing = [change.key for change in changes if change.key.partition(".")[0] in _OF_COMPARISON]
    if needing:
        withheld = len(given.contents.samples.withheld)
        raise UsageError(
            f"{withheld:,} samples are withheld, and the policy sets {', '.join(needing)} otherwise, for "
            "which figures have to be computed again",
            where=given.contents.bundle.place,
            mend="decide on the complete audit, or by a policy that changes thresholds alone",
        )


def _notes(found: Redecision) -> Iterator[str]:
    sealed, verdict = found.sealed, found.verdict
    yield (
        f"No model was asked and nothing was judged again: the scores of audit {sealed.id} were held against "
        f"the policy {found.policy.name!r}. The sealed verdict, {sealed.verdict.outcome} under "
        f"{sealed.policy.name!r}, stands as it was issued."
    )
    words = {
        "looser": "This policy is looser than the sealed one",
        "stricter": "This policy is stricter than the sealed one",
        "other": "This policy also differs from the sealed one",
    }
    for direction, said in words.items():
        keys = [str(change) for change in found.changes if change.direction == direction]
        if keys:
            yield f"{said}: {'; '.join(keys)}."
    yield from policy_notes(found.policy)
    if found.milder:
        yield f"The outcome, {verdict.outcome}, is milder than the sealed one, {sealed.verdict.outcome}."


def _standing(found: Redecision) -> Iterator[str]:
    if found.expired:
        yield f"The sealed verdict expired on {found.sealed.verdict.expires}."
    if found.today >= date.fromisoformat(found.verdict.expires):
        yield f"The answers are too old for this policy: its verdict held until {found.verdict.expires}."
