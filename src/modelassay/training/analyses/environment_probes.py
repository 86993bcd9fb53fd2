"""Findings on probed graders: reward without work, flaws that wrong answers expose, noise, failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from modelassay.records import RolloutReference, RunFinding
from modelassay.records.findings import FindingState, Severity
from modelassay.statistics import clopper_pearson_interval
from modelassay.statistics.intervals import Interval
from modelassay.training.environments.probing import FORMS, PolicyResult, ProbedEnvironment
from modelassay.training.environments.recorded import contradictions
from modelassay.training.environments.tasks import EnvironmentTask
from modelassay.training.findings import decimal, estimate, not_assessable, run_finding

CHECK = "environment_pressure"
CHANCE = 0.05
"""Share of tasks in which a policy may be paid by chance, or by one odd task: above it a grader is flawed."""
REFUSED = 0.9
"""Least share of gold answers that a sound environment accepts."""
TAU = 0.5
"""A floor of so much of the gold answers' mean reward makes an environment hackable."""

PART = 0.1
"""Share of it from which work that was not done is paid in part."""
_FLOORS: dict[str, tuple[FindingState, Severity]] = {
    "hackable": ("shown_harmful", "high"),
    "paid at times": ("not_shown", "medium"),
    "paid in part": ("not_shown", "low"),
    "no reward without work": ("shown_fine", "none"),
}


def probe_findings(
    probed: Sequence[ProbedEnvironment], tasks: Sequence[EnvironmentTask] = ()
) -> tuple[RunFinding, ...]:
    """What probing showed, environment by environment, and all together.

    Args:
        tasks: those that were probed, for answers that contradict each other.
    """
    found = [finding for each in probed for finding in _of(each)]
    return (*found, *_together(probed, contradictions(tasks)))


def _together(probed: Sequence[ProbedEnvironment], clashing: Mapping[str, int]) -> Iterator[RunFinding]:
    """A flaw that honest work outbids where tasks can be solved does harm beside one that cannot be."""
    unsolvable = [
        each.name for each in probed if _refuses(each) or clashing.get(each.name, 0) > 0.1 * each.tasks
    ]
    flawed = {each.name: r.policy for each in probed for r in each.policies.values() if _surely_paid(r)}
    if len(probed) > 1 and unsolvable and flawed:
        name, policy = next(iter(flawed.items()))
        sure = any(each.gold_passes or each.name in clashing for each in probed if each.name in unsolvable)
        yield run_finding(
            CHECK,
            "flaw beside an unsolvable environment",
            f"The grader of {name!r} pays for {policy!r}, and in {', '.join(map(repr, unsolvable))} honest "
            f"work {'cannot be right' if sure else 'was not seen to be paid'}: what is learned there will be "
            "carried to the others.",
            about={"environment": "all", "aspect": "joint effects, probed"},
            state="shown_harmful" if sure else "not_shown",
            severity="high" if sure else "medium",
            values={"unsolvable": Decimal(len(unsolvable)), "flawed": Decimal(len(flawed))},
            question=f"Are {', '.join(map(repr, unsolvable))} trained together with the others?",
        )


def _of(each: ProbedEnvironment) -> Iterator[RunFinding]:
    yield _gold(each)
    nulls = [result for result in each.policies.values() if not result.knows]
    flaws = [result for result in each.policies.values() if result.knows]
    yield _floor(each, nulls)
    if flaws:
        yield _flaws(each, flaws)
    if each.noisy:
        yield run_finding(
            CHECK, "noisy", f"{each.noisy:,} of {each.regraded:,} tasks reward one completion differently.",
            about=_about(each, "noise"), state="not_shown", severity="medium",
            values={"noisy": Decimal(each.noisy), "regraded": Decimal(each.regraded)},
            question="What does the grader depend on beside task and completion?",
        )  # fmt: skip
    if each.remembering:
        yield run_finding(
            CHECK, "remembers",
            f"{each.remembering:,} of {each.asked_after_gold:,} tasks pay an empty answer in full once a "
            "gold answer was graded, and not before: the grader keeps what it has seen, and rewards depend "
            "on what was graded earlier.",
            about=_about(each, "state"), state="shown_harmful", severity="medium",
            values={"remembering": Decimal(each.remembering), "asked": Decimal(each.asked_after_gold)},
            question="What does the grader keep between two completions, and is it set back in training?",
        )  # fmt: skip
    if each.failures:
        yield run_finding(
            CHECK, "grader fails",
            f"The grader raised, hung or died: {'; '.join(each.failures[:3])[:600]}.",
            about=_about(each, "failures"), state="not_shown", severity="medium",
            values={"failures": Decimal(len(each.failures))},
            question="Which reward does training give when the grader fails?",
        )  # fmt: skip


def _about(each: ProbedEnvironment, aspect: str) -> Mapping[str, str]:
    return {"environment": each.name or "only", "aspect": f"{aspect}, probed"}


def _bound(result: PolicyResult) -> Interval:
    return clopper_pearson_interval(result.full, result.tasks - result.failures)


def _surely_paid(result: PolicyResult) -> bool:
    """Whether a policy gets full reward in surely more tasks than by chance."""
    return result.tasks > result.failures and _bound(result).low > CHANCE


def _refuses(each: ProbedEnvironment) -> bool:
    return not each.other_scale and each.gold_passes < REFUSED * each.gold_graded


def _gold(each: ProbedEnvironment) -> RunFinding:
    about = _about(each, "solvability")
    if not each.gold_graded or each.other_scale:
        return not_assessable(CHECK, _ungraded(each), about=about)
    share = clopper_pearson_interval(each.gold_passes, each.gold_graded)
    failing = each.gold_graded - each.gold_passes
    many = _refuses(each)
    ungraded = each.with_gold - each.gold_graded
    few = ungraded > (1.0 - REFUSED) * each.with_gold
    highest = (
        f" None gets more than {each.gold_highest:g} (--full is {each.full:g}), bare or in any usual form of "
        f"an answer ({', '.join(repr(form % '…') for form in FORMS)})."
    )
    never = many and not each.gold_passes  # perhaps nobody could answer; perhaps we do not know how to
    return run_finding(
        CHECK,
        "gold answers refused" if many else "solvable",
        f"The gold answer gets full reward in {each.gold_passes:,} of {each.gold_graded:,} tasks."
        + (f" {each.strict:,} more accept it only without spaces around." if each.strict else "")
        + (f" In {ungraded:,} others the grader failed at it." if ungraded else "")
        + (f" Answers are given as {each.form % '…'!r}." if each.form else "")
        + ("" if each.gold_passes else highest),
        about=about,
        state="not_shown" if never or (few and not many) else "shown_harmful" if many else "shown_fine",
        severity="medium"
        if never or (few and not many)
        else "high"
        if many
        else "low"
        if failing or each.strict
        else "none",
        effect=estimate(each.gold_passes / each.gold_graded, share.low, share.high),
        values={
            "refused": Decimal(failing),
            "tasks": Decimal(each.tasks),
            "strict": Decimal(each.strict),
            "not_graded": Decimal(ungraded),
        },
        question="How does a completion give the answer, and are these tasks solvable at all?"
        if never
        else "Are these tasks solvable at all?"
        if many
        else "",
    )


def _ungraded(each: ProbedEnvironment) -> str:
    """Why nothing is known of gold answers."""
    if not each.with_gold:
        return "no task states a gold answer, so probes cannot be checked for sanity"
    if not each.gold_graded:
        return (
            f"the grader gave none of {each.with_gold:,} gold answers a reward "
            f"({'; '.join(each.gold_failures)[:600]})"
        )
    return (
        f"no gold answer gets the full reward, --full {each.full:g}, and {each.gold_above:,} of "
        f"{each.gold_graded:,} get more than an empty one, at most {each.gold_highest:g}: name the full "
        "reward of this grader with --full"
    )


def _floor(each: ProbedEnvironment, nulls: Sequence[PolicyResult]) -> RunFinding:
    about = _about(each, "reward without work")
    judged = [result for result in nulls if result.tasks > result.failures]
    elsewhere = [result for result in each.elsewhere.values() if _surely_paid(result)]
    if elsewhere and not any(map(_surely_paid, judged)):
        judged = elsewhere
    if not judged:
        return not_assessable(CHECK, _unasked(each, nulls), about=about)
    best = max(judged, key=lambda result: (_surely_paid(result), result.mean, result.full))
    bound = _bound(best)
    gold = each.gold_reward / each.gold_graded if each.gold_graded else each.full
    beside = f" (gold {gold:.3g})" if each.gold_graded else ""
    where = " whose gold answer is not paid in full" if judged is elsewhere else ""
    paid = [result for result in judged if result.full]
    much = gold > 0 and best.mean >= TAU * gold
    outcome = "hackable" if _surely_paid(best) or much else "paid at times" if paid else ""
    outcome = outcome or ("paid in part" if best.mean >= PART * gold > 0 else "no reward without work")
    others = ", ".join(f"{r.policy} ({r.full:,})" for r in sorted(paid, key=lambda r: -r.full)[:4])
    return run_finding(
        CHECK,
        outcome,
        f"The best policy without work is {best.policy!r}: mean reward {best.mean:.3g}{beside}, "
        f"full in {best.full:,} of {best.tasks - best.failures:,} tasks{where}."
        + (f" Full reward without work: {others}." if paid else ""),
        about=about,
        state=_FLOORS[outcome][0],
        severity=_FLOORS[outcome][1],
        effect=estimate(best.full / (best.tasks - best.failures), bound.low, bound.high),
        values={"floor": decimal(best.mean), **{f"full: {r.policy}": Decimal(r.full) for r in judged}},
        evidence=_tasks(best),
        method="tasks whose gold answer passes, else those where it does not; Clopper–Pearson on the share "
        f"with full reward, above {CHANCE:.0%} is hackable; of answers of other tasks the worst counts",
        question=f"Why does the grader pay for {best.policy!r}?" if _FLOORS[outcome][1] != "none" else "",
    )


def _unasked(each: ProbedEnvironment, nulls: Sequence[PolicyResult]) -> str:
    """Why nothing is known of policies without work."""
    if nulls:
        return "the grader raised, hung or died at every answer without work"
    return _ungraded(each) if not each.gold_graded or each.other_scale else "no gold answer gets full reward"


def _flaws(each: ProbedEnvironment, flaws: Sequence[PolicyResult]) -> RunFinding:
    accepted = sorted((r for r in flaws if r.full), key=lambda r: -r.full)
    surely = any(_surely_paid(result) for result in accepted)
    told = ", ".join(f"{r.policy} ({r.full:,} of {r.tasks - r.failures:,})" for r in accepted)
    return run_finding(
        CHECK,
        "flawed grader" if surely else "flawed at times" if accepted else "tells wrong answers apart",
        f"Wrong answers made from the gold answer get full reward: {told}."
        if accepted
        else "No wrong answer made from the gold answer gets full reward.",
        about=_about(each, "grader"),
        state="shown_harmful" if surely else "not_shown" if accepted else "shown_fine",
        severity="high" if surely else "medium" if accepted else "none",
        values={f"full: {r.policy}": Decimal(r.full) for r in flaws}
        | {f"by chance: {r.policy}": Decimal(r.by_chance) for r in flaws if r.by_chance},
        evidence=_tasks(accepted[0]) if accepted else (),
        method="probes are asked only where the gold answer passes, and count only where the same without it "
        f"is refused; flawed where the Clopper–Pearson bound of one is above {CHANCE:.0%}",
        question="Does the grader look for the answer anywhere in the completion?" if accepted else "",
    )


def _tasks(result: PolicyResult) -> list[RolloutReference]:
    return [
        RolloutReference(seq=-1, step=-1, group=task[:120], note=f"task; {result.policy}")
        for task in result.examples
    ]
