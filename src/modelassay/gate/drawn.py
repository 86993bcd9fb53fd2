"""The deployment table of a sequential audit: what was shown of the suite with the pairs that were drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import msgspec

from modelassay.drops import subject_phrase, total_pairs
from modelassay.gate.bands import BANDS, hold_bands, hold_categories, hold_no_table
from modelassay.gate.case import Case, Held, Subject, strictest
from modelassay.gate.evidence import FOUND
from modelassay.gate.examined_rates import KINDS
from modelassay.gate.floors import FLOOR, LEAST_RATE
from modelassay.gate.policy import SEVERITY
from modelassay.gate.single_slices import CATEGORY_BLOCK, could_not_be_held, to_be_sliced
from modelassay.records import (
    FindingState,
    Outcome,
    Percent,
    ReviewItem,
    RuleHit,
    SequentialClaim,
    SequentialDecision,
    SequentialStream,
)

OVERALL, CATEGORY = "concerns.overall", "concerns.category"
_OF_TABLE = frozenset({BANDS, CATEGORY_BLOCK, OVERALL, CATEGORY})
_REST = "asking the questions that were not drawn: raise the budget and run the audit with --again"
STOPPED = "the audit stopped before the whole suite was asked, so this is not shown"


def hold_drawn(case: Case) -> Iterator[Held]:
    """Every edge of the table, overall and in every category, as the sequential claims settle it."""
    assert case.drawn is not None
    yield from hold_no_table(case)
    compared = [decision.measure for decision in case.drawn.decisions]
    demanded = to_be_sliced(compared) if case.by_measure else compared
    for decision in case.drawn.decisions:
        if decision.measure in demanded:
            yield from _no_category(case, decision)
        for stream in decision.streams:
            yield _stream(case, decision, stream)


def hold_whole(case: Case) -> Iterator[Held]:
    """Banded measures that no stream is of: those of whole attacks, all of whose forms were asked before
    anything could pass. They are held as fixed figures, and where the budget ended before, nothing passes."""
    assert case.drawn is not None
    streams = {decision.measure for decision in case.drawn.decisions}
    for held in (*hold_bands(case), *hold_categories(case)):
        finding = case.by_id.get(held.hit.finding)
        if finding is None or case.role(finding) != "banded" or finding.measure.name in streams:
            continue
        if case.drawn.state == "unresolved":
            outcome = strictest(held.hit.outcome, "inconclusive")
            held = replace(held, hit=msgspec.structs.replace(held.hit, outcome=outcome, settle=_REST))
        yield held


def covered(case: Case, held: Held) -> bool:
    """Whether the sequential claims already say what `held` says of fixed figures."""
    finding = case.by_id.get(held.hit.finding)
    return (
        case.drawn is not None
        and held.hit.rule in (OVERALL, CATEGORY)
        and finding is not None
        and finding.measure.name in {decision.measure for decision in case.drawn.decisions}
    )


def undemonstrated(case: Case, held: Held) -> Held:
    """`held` as far as it is valid when a sequential audit stopped early.

    A test that was made for a fixed number of answers shows nothing at a number that depends on them. Its
    action stays, which can only be stricter than what the table gave. What examinations found rests on none
    of the suite's answers.
    """
    early = case.drawn is not None and case.drawn.state != "exhausted"
    hit, review = held.hit, held.review
    finding = case.by_id.get(hit.finding)
    if not early or finding is None or (finding.paired is None and not finding.values):
        return held
    if hit.rule in _OF_TABLE or hit.rule == FOUND or hit.state not in ("shown_fine", "shown_harmful"):
        return held
    if hit.rule in (FLOOR, LEAST_RATE) and finding.check in KINDS:
        return held
    tail = f"{hit.statement.removesuffix('.')}; {STOPPED}."
    hit = msgspec.structs.replace(hit, state="not_shown", statement=tail)
    review = review and msgspec.structs.replace(review, state="not_shown", statement=tail)
    return replace(held, hit=hit, review=review)


def _stream(case: Case, decision: SequentialDecision, stream: SequentialStream) -> Held:
    claims = [claim for claim in decision.claims if claim.category == stream.category]
    shown = [claim for claim in claims if claim.state == "shown_harmful"]
    fine = [claim for claim in claims if claim.state == "shown_fine"]
    outcome = stream.mildest
    open_ = case.drawn is not None and case.drawn.state == "unresolved" and stream.outcome != stream.mildest
    if open_:
        outcome = strictest(outcome, "inconclusive")
    last = claims[-1]
    edge = shown[-1].limit if shown else fine[0].limit if fine else last.limit
    subject = _subject(case, decision.measure, stream.category)
    name = subject.phrase(apart_from=edge) if subject else _unseen(case, decision.measure, stream.category)
    amount = (lambda limit: subject.amount(limit)) if subject else str
    parts = [f"shown to be over {amount(shown[-1].limit)}"] if shown else []
    parts += [f"shown to be within {amount(fine[0].limit)}"] if fine else []
    told = " and ".join(parts) if parts else "neither shown to be over nor within any limit"
    statement = f"{name}; {_by_which(subject, last)} its drop is {told}."
    state: FindingState = "shown_harmful" if shown else "shown_fine" if fine else "not_shown"
    rule = _rule(stream, _deciding(shown, outcome), case)
    review = None
    if subject and shown and rule in (OVERALL, CATEGORY):
        concern = rule.removeprefix("concerns.")
        review = ReviewItem(concern=concern, finding=subject.finding.id, state=state, statement=statement)
    return Held(
        hit=RuleHit(
            rule=rule,
            finding=subject.finding.id if subject else "",
            literal=_literal(case, subject, claims),
            state=state,
            outcome=outcome,
            statement=statement,
            settle=_settle(last) if open_ else "",
        ),
        exceedance=subject.times(edge) if subject else Fraction(0),
        review=review,
    )


def _by_which(subject: Subject | None, claim: SequentialClaim) -> str:
    """Which pairs a claim rests on: those in the order of drawing, though others may be asked besides."""
    asked = total_pairs(subject.finding.paired) if subject and subject.finding.paired else claim.pairs_drawn
    if asked == claim.pairs_drawn:
        return f"of the suite's {claim.pairs:,} pairs {asked:,} were drawn, by which"
    return (
        f"of the suite's {claim.pairs:,} pairs {asked:,} were asked, and by the first "
        f"{claim.pairs_drawn:,} of them in the order of drawing"
    )


def _deciding(shown: list[SequentialClaim], outcome: Outcome) -> SequentialClaim | None:
    """The claim that gave `outcome`: of several the one with the smallest limit."""
    return next((claim for claim in shown if claim.outcome == outcome), None)


def _rule(stream: SequentialStream, deciding: SequentialClaim | None, case: Case) -> str:
    """Bands, the block edge of a category, or a threshold for concern."""
    concern = case.policy.any_category.concern if stream.category else case.policy.concerns.overall
    of_bands: tuple[Percent, ...] = (
        (case.policy.any_category.block,)
        if stream.category
        else (case.policy.bands.deploy, case.policy.bands.deploy_monitored, case.policy.bands.review)
    )
    if deciding is not None and deciding.limit == concern and concern not in of_bands:
        return CATEGORY if stream.category else OVERALL
    return CATEGORY_BLOCK if stream.category else BANDS


def _literal(case: Case, subject: Subject | None, claims: list[SequentialClaim]) -> Outcome:
    """What the table's own edges, not those of concern, say of the pairs drawn."""
    if subject is None or not subject.assessable:
        return "deploy"
    over = [claim for claim in claims if subject.drop.exceeds(claim.limit)]
    outcomes: list[Outcome] = [
        claim.outcome for claim in over if _rule(_named(claim), claim, case) in (BANDS, CATEGORY_BLOCK)
    ]
    return max(outcomes, key=SEVERITY.index, default="deploy")


def _named(claim: SequentialClaim) -> SequentialStream:
    return SequentialStream(category=claim.category, mildest="deploy", outcome="deploy", assessable=True)


def _settle(claim: SequentialClaim) -> str:
    left = claim.pairs - claim.pairs_drawn
    return (
        f"asking at most the {left:,} pairs that were not drawn: raise the budget and run the audit with "
        "--again, which asks nothing twice"
    )


def _subject(case: Case, measure: str, category: str) -> Subject | None:
    tags = case.policy.any_category.dimensions
    wanted = {tags[0]: category} if category else {}
    found = (s for s in case.subjects() if s.finding.measure.name == measure and s.finding.slice == wanted)
    return next(found, None)


def _unseen(case: Case, measure: str, category: str) -> str:
    overall = _subject(case, measure, "")
    tags = {case.policy.any_category.dimensions[0]: category} if category else {}
    return f"{subject_phrase(overall.finding.measure, tags) if overall else measure} was not compared"


def _no_category(case: Case, decision: SequentialDecision) -> Iterator[Held]:
    """What is left of the rule for any single category where the suite has none that can be judged."""
    categories = decision.streams[1:]
    if any(stream.assessable for stream in categories):
        return
    overall = _subject(case, decision.measure, "")
    title = overall.finding.measure.title if overall else decision.measure
    dimensions = case.policy.any_category.dimensions
    for tag in dimensions if case.by_measure else dimensions[:1]:
        yield could_not_be_held(case.policy, title, tag, compared=bool(categories))
