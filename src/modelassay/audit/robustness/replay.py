"""A sealed audit's scores, decided again with something left out or otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from modelassay.artifacts import lineage_findings
from modelassay.audit.given import GivenAnswers, check_exhausted
from modelassay.audit.robustness.results import Kind, RuleTurn, Variation
from modelassay.comparison import Judges, assured, compare_with_coverage, judges_of
from modelassay.errors import UsageError
from modelassay.evidence.earlier import counts_whole_attacks, labels_by_slice
from modelassay.evidence.examined import examined_findings
from modelassay.evidence.recompute import FOLLOWING, measures_of, sides_of
from modelassay.gate import decide, severity
from modelassay.records import Coverage, Finding, Outcome, PairKey, Policy, Sample, Score, Verdict


@dataclass(frozen=True, kw_only=True)
class Decided:
    """Findings with what the policy makes of them."""

    policy: Policy
    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]
    verdict: Verdict
    questions: int


class Replay:
    """Decides on parts and variants of a sealed audit; asks nobody, keeps nothing.

    Args:
        given: a whole audit, nothing withheld.
        policy: to hold it against; the sealed one where none is given.

    Raises:
        UsageError: samples are withheld, or not all of the suite was asked.
        EvidenceError: a score of neither model.
    """

    def __init__(self, given: GivenAnswers, policy: Policy | None = None) -> None:
        check_exhausted(given.record)
        if given.contents.samples.withheld:
            raise UsageError(
                f"{len(given.contents.samples.withheld):,} samples are withheld, so nothing can be left out "
                "or computed again",
                where=given.contents.bundle.place,
                mend="analyse the complete audit",
            )
        self.given = given
        self.record = given.record
        self.policy = policy or given.record.policy
        self.samples: tuple[Sample, ...] = tuple(given.contents.samples.known)
        self.scores: tuple[Sequence[Score], Sequence[Score]] = sides_of(given.contents)
        self._measures = measures_of(given.contents)
        self._day = date.fromisoformat(given.record.verdict.issued)

    @cached_property
    def base(self) -> Decided:
        """The evidence as it is; a noise floor is decided like any other audit."""
        return self.decided()

    @cached_property
    def judges(self) -> Judges:
        """What is known of those who read the answers."""
        return judges_of(
            self.record.evaluators,
            self.given.contents.reviewed,
            by_slice=labels_by_slice(self.record),
        )

    @cached_property
    def questions(self) -> int:
        """Different questions that a score is of."""
        return len({score.key for side in self.scores for score in side})

    def decided(
        self,
        *,
        policy: Policy | None = None,
        keep: Callable[[PairKey], bool] | None = None,
        sides: tuple[Sequence[Score], Sequence[Score]] | None = None,
    ) -> Decided:
        """The decision by `policy`, on the scores of questions that `keep` keeps, or on other scores.

        Raises:
            ConfigError: the policy's limits contradict each other.
        """
        held = policy or self.policy
        before, after = sides or self.scores
        if keep is not None:
            before = [score for score in before if keep(score.key)]
            after = [score for score in after if keep(score.key)]
        findings, coverage = compare_with_coverage(
            samples=self.samples,
            measures=self._measures,
            baseline=before,
            candidate=after,
            slices=self.record.slices,
            policy=held,
            judges=self.judges,
            whole_attacks=counts_whole_attacks(self.record),
        )
        found = (*assured(findings, imported=bool(self.record.imported)), *self._not_of_scores)
        asked = self.questions if keep is None else len({score.key for score in (*before, *after)})
        return self.held(found, coverage, held, questions=asked)

    def held(
        self,
        findings: tuple[Finding, ...],
        coverage: tuple[Coverage, ...],
        policy: Policy,
        *,
        questions: int = 0,
    ) -> Decided:
        """What `policy` makes of `findings`, whose figures stay as they are."""
        verdict = decide(
            policy,
            findings,
            coverage,
            today=self._day,
            datasets=self.record.datasets,
            red_team=self.record.red_team,
        )
        return Decided(
            policy=policy, findings=findings, coverage=coverage, verdict=verdict, questions=questions
        )

    def under(self, policy: Policy) -> Outcome:
        """The outcome when only limits are otherwise.

        Raises:
            ConfigError: the policy's limits contradict each other.
        """
        return self.held(self.base.findings, self.base.coverage, policy).verdict.outcome

    def variation(self, kind: Kind, name: str, found: Decided) -> Variation:
        """`found` beside the evidence as it is."""
        return Variation(
            kind=kind,
            name=name,
            outcome=found.verdict.outcome,
            literal=found.verdict.literal,
            questions=found.questions,
            turns=tuple(_turned(self.base.verdict, found.verdict)),
        )

    @cached_property
    def _not_of_scores(self) -> tuple[Finding, ...]:
        """Findings that no score changes: of the lineage, and of checks that are taken as sealed."""
        record = self.record
        audited = (*record.baseline.artifacts, *record.candidate.artifacts)
        others = (finding for finding in record.findings if finding.check not in FOLLOWING)
        examined = examined_findings(record.examinations)
        return (*lineage_findings(record.lineage, audited), *examined, *others)


def _turned(before: Verdict, after: Verdict) -> Iterator[RuleTurn]:
    """Rules that come to something else, in the order of the sealed verdict; what is milder to nothing said
    (a slice that is left out and was fine) is no turn.
    """
    one, other = _by_rule(before), _by_rule(after)
    for name in {**one, **other}:
        was, now = one.get(name), other.get(name)
        if was != now and {was, now} != {None, "deploy"}:
            yield RuleTurn(rule=name[0], finding=name[1], before=was or "", after=now or "")


def _by_rule(verdict: Verdict) -> dict[tuple[str, str], Outcome]:
    found: dict[tuple[str, str], Outcome] = {}
    for hit in verdict.rules:
        name = (hit.rule, hit.finding)
        if name not in found or severity(hit.outcome) > severity(found[name]):
            found[name] = hit.outcome
    return found
