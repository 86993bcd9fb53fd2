"""Policy and findings into a verdict, and a verdict into an exit code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta

from modelassay.errors import ExitCode
from modelassay.gate.ages import hold_ages
from modelassay.gate.bands import BANDS, hold_bands, hold_categories
from modelassay.gate.case import Case, Held, strictest
from modelassay.gate.claims import claims_of
from modelassay.gate.cohorts import hold_cohorts
from modelassay.gate.completeness import hold_required, hold_unscored
from modelassay.gate.concerns import hidden_losses, hold_concerns
from modelassay.gate.drawn import covered, hold_drawn, hold_whole, undemonstrated
from modelassay.gate.evidence import hold_evidence
from modelassay.gate.floors import FLOOR, hold_floors, hold_least_rate
from modelassay.gate.judges import doubted, hold_judges, only_doubted
from modelassay.gate.lineage import hold_lineage
from modelassay.gate.noise_floor import measured_noise
from modelassay.gate.policy import check_policy, tighten
from modelassay.gate.regressions import hold_regressions
from modelassay.gate.single_slices import CATEGORY_BLOCK
from modelassay.records import (
    Coverage,
    DatasetPin,
    Finding,
    Ground,
    Outcome,
    Policy,
    RedTeamRecord,
    ReviewItem,
    RuleHit,
    SequentialRecord,
    Verdict,
)

_RULES = (
    hold_bands,
    hold_categories,
    hold_floors,
    hold_least_rate,
    hold_unscored,
    hold_required,
    hold_judges,
    hold_concerns,
    hold_cohorts,
    hold_lineage,
    hold_evidence,
    hold_regressions,
    hold_ages,
)

_PLACES = {rule: place for place, rule in enumerate((BANDS, CATEGORY_BLOCK, FLOOR))}
"""Which rule is named first when several give the outcome: the widest loss, then single categories."""

_HEADLINES: dict[Outcome, str] = {
    "deploy": "Deploy with standard monitoring",
    "deploy-monitored": "Deploy with enhanced monitoring and documented risk acceptance",
    "inconclusive": "Inconclusive",
    "review": "Needs human review",
    "block": "Blocked",
}
CLEARABLE: tuple[Outcome, ...] = ("deploy-monitored", "review")
"""Outcomes that people may clear: a risk acceptance, or sign-offs of a written risk assessment."""
_EXIT_CODES: dict[Outcome, ExitCode] = {
    "deploy": ExitCode.ALLOWED,
    "deploy-monitored": ExitCode.REVIEW,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "review": ExitCode.REVIEW,
    "block": ExitCode.BLOCKED,
}


def decide(
    policy: Policy,
    findings: Sequence[Finding],
    coverage: Sequence[Coverage],
    *,
    today: date,
    answered: date | None = None,
    drawn: SequentialRecord | None = None,
    ground: Ground | None = None,
    noise_floor: bool = False,
    datasets: Sequence[DatasetPin] = (),
    red_team: RedTeamRecord | None = None,
    by_measure: bool = True,
    prompted: Collection[str] = (),
) -> Verdict:
    """The verdict of `policy` on `findings`; nothing but what is given enters, so anyone can decide again.

    Args:
        policy: as written; its risk context tightens it here.
        findings: of the comparison, whose `paired` figures decide; of lineage and examinations, as stated.
        coverage: of every banded measure, both models.
        today, answered: the day of issue; from when the verdict's time runs, where answers are older.
        drawn: what a sequential audit decided; its claims stand in place of the table's tests.
        ground: what claims rest on beside the findings; with it the verdict carries its claims.
        noise_floor: whether the baseline was held against itself; then nothing else decides.
        datasets, red_team: what was asked, of which only the dates enter, and which regression items have
            their way again.
        prompted: sides that were asked under a system prompt, as far as the record has its text.
        by_measure: as `Verdict.by_measure`; what an earlier version decided is decided again as it was.

    Raises:
        ConfigError: the policy's thresholds contradict each other.
    """
    check_policy(policy)
    strict, tightened = tighten(policy)
    case = Case.under(
        policy, strict, findings, coverage=coverage, drawn=drawn, today=today, datasets=datasets,
        red_team=red_team, by_measure=by_measure,
    )  # fmt: skip
    held = [*([measured_noise()] if noise_floor else []), *_all_held(case)]
    outcome, deciding = _deciding(held[:1] if noise_floor else held)
    return Verdict(
        outcome=outcome,
        literal=strictest(*(each.hit.literal for each in held)),
        headline=_headline(outcome, deciding),
        decided_by=deciding,
        rules=tuple(each.hit for each in held),
        review_items=(*_reviews(case, held), *_asked_otherwise(prompted)),
        inconclusive=tuple(_unsettled(each.hit) for each in held if each.hit.settle),
        tightened=tightened,
        issued=today.isoformat(),
        expires=((answered or today) + timedelta(days=strict.expires_days)).isoformat(),
        by_measure=by_measure,
        ground=ground,
        claims=claims_of(case) if ground is not None and drawn is None else (),
    )


def _all_held(case: Case) -> list[Held]:
    """What every rule comes to."""
    if case.drawn is None:
        return [doubted(case, each) for rule in _RULES for each in rule(case)]
    table = (hold_drawn, hold_whole)
    rules = (*table, *(rule for rule in _RULES if rule not in (hold_bands, hold_categories)))
    held = (each for rule in rules for each in rule(case) if not covered(case, each) or rule in table)
    return [undemonstrated(case, doubted(case, each)) for each in held]


def _reviews(case: Case, held: Sequence[Held]) -> tuple[ReviewItem, ...]:
    """What people should look at: what the rules say, and losses that none of them names."""
    reviews = tuple(each.review for each in held if each.review is not None)
    return (*reviews, *hidden_losses(case, frozenset(item.finding for item in reviews)))


def _asked_otherwise(prompted: Collection[str]) -> Iterator[ReviewItem]:
    """A prompt under which the baseline alone was asked: it may be what the candidate comes near to."""
    if "baseline" in prompted and "candidate" not in prompted:
        yield ReviewItem(
            concern="system_prompt",
            finding="",
            state="not_assessable",
            statement="The baseline alone was asked under a system prompt, so the candidate is held against "
            "a model that the prompt may have made worse. Read the prompt, or ask both under the same.",
        )


def exit_code(verdict: Verdict, today: date, *, cleared: bool = False) -> ExitCode:
    """What a command that holds this verdict exits with; an expired verdict says nothing any more.

    Args:
        verdict: as decided.
        today: the day.
        cleared: whether the people whom it needs have decided, and for today (`evidence.clearance`); of a
            block or an inconclusive verdict nobody can clear anything, nor of one that is `too_thin`.
    """
    if today >= date.fromisoformat(verdict.expires):
        return ExitCode.EXPIRED
    if cleared and verdict.outcome in CLEARABLE and not too_thin(verdict):
        return ExitCode.ALLOWED
    return _EXIT_CODES[verdict.outcome]


def too_thin(verdict: Verdict) -> tuple[RuleHit, ...]:
    """The rules for which there is not enough evidence, whichever rule gave the outcome.

    A sterner outcome asks people about something else: their word on that makes up for no evidence that is
    missing. What the unknown error of a judge alone leaves open is theirs to answer, and not among them.
    """
    return tuple(
        hit for hit in verdict.rules if hit.outcome == "inconclusive" and not only_doubted(verdict, hit)
    )


def _deciding(held: Sequence[Held]) -> tuple[Outcome, tuple[RuleHit, ...]]:
    """The outcome, and the rules that gave it: the table before the others, the most exceeded limit first."""
    outcome = strictest(*(each.hit.outcome for each in held))
    chosen = [each for each in held if each.hit.outcome == outcome]
    if outcome == "deploy":
        chosen = [each for each in chosen if each.hit.rule == "bands"]
    chosen.sort(
        key=lambda each: (_PLACES.get(each.hit.rule, len(_PLACES)), -each.exceedance, each.hit.finding)
    )
    return outcome, tuple(each.hit for each in chosen)


def _headline(outcome: Outcome, deciding: Sequence[RuleHit]) -> str:
    statement = deciding[0].statement
    # "Refusal of …" continues a sentence in lower case, "BBQ …" does not.
    if statement[1:2].islower():
        statement = statement[0].lower() + statement[1:]
    return f"{_HEADLINES[outcome]}: {statement}"


def _unsettled(hit: RuleHit) -> str:
    return f"{hit.statement} What would settle it: {hit.settle}."
