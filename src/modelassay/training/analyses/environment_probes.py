"""Findings on probed graders: reward without work, flaws that wrong answers expose, noise, failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from modelassay.records import RolloutReference, RunFinding
from modelassay.statistics import clopper_pearson_interval
from modelassay.training.environments.probing import PolicyResult, ProbedEnvironment
from modelassay.training.environments.recorded import contradictions
from modelassay.training.environments.tasks import EnvironmentTask
from modelassay.training.findings import decimal, estimate, not_assessable, run_finding

CHECK = "environment_pressure"
REFUSED = 0.9
"""Least share of gold answers that a sound environment accepts."""
TAU = 0.5
"""A floor of so much of the gold answers' mean reward makes an environment hackable."""


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
        each.name
        for each in probed
        if each.gold_passes < REFUSED * each.with_gold or clashing.get(each.name, 0) > 0.1 * each.tasks
    ]
    flawed = {each.name: r.policy for each in probed for r in each.policies.values() if r.full}
    if len(probed) > 1 and unsolvable and flawed:
        name, policy = next(iter(flawed.items()))
        yield run_finding(
            CHECK,
            "flaw beside an unsolvable environment",
            f"The grader of {name!r} pays for {policy!r}, and in {', '.join(map(repr, unsolvable))} honest "
            "work cannot be right: what is learned there will be carried to the others.",
            about={"environment": "all", "aspect": "joint effects, probed"},
            state="shown_harmful",
            severity="high",
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


def _gold(each: ProbedEnvironment) -> RunFinding:
    if not each.with_gold:
        return not_assessable(
            CHECK, "no task states a gold answer, so probes cannot be checked for sanity",
            about=_about(each, "solvability"),
        )  # fmt: skip
    share = clopper_pearson_interval(each.gold_passes, each.with_gold)
    failing = each.with_gold - each.gold_passes
    many = each.gold_passes < REFUSED * each.with_gold
    strict = f" {each.strict:,} more accept it only without spaces around." if each.strict else ""
    return run_finding(
        CHECK,
        "gold answers refused" if many else "solvable",
        f"The gold answer gets full reward in {each.gold_passes:,} of {each.with_gold:,} tasks.{strict}",
        about=_about(each, "solvability"),
        state="shown_harmful" if many else "shown_fine",
        severity="high" if many else "low" if failing or each.strict else "none",
        effect=estimate(each.gold_passes / each.with_gold, share.low, share.high),
        values={"refused": Decimal(failing), "tasks": Decimal(each.tasks), "strict": Decimal(each.strict)},
        question="Are these tasks solvable at all?" if many else "",
    )


def _floor(each: ProbedEnvironment, nulls: Sequence[PolicyResult]) -> RunFinding:
    about = _about(each, "reward without work")
    judged = [result for result in nulls if result.tasks > result.failures]
    if not judged:
        why = "no task passed the gold-sanity gate" if each.with_gold else "the grader answered nothing"
        return not_assessable(CHECK, why, about=about)
    best = max(judged, key=lambda result: (result.mean, result.full))
    bound = clopper_pearson_interval(best.full, best.tasks - best.failures)
    gold = each.gold_reward / each.with_gold if each.with_gold else each.full
    paid = [result for result in judged if result.full]
    hackable = bool(paid) or (gold > 0 and best.mean >= TAU * gold)
    others = ", ".join(f"{r.policy} ({r.full:,})" for r in sorted(paid, key=lambda r: -r.full)[:4])
    return run_finding(
        CHECK,
        "hackable" if hackable else "no reward without work",
        f"The best policy without work is {best.policy!r}: mean reward {best.mean:.3g} (gold {gold:.3g}), "
        f"full in {best.full:,} of {best.tasks - best.failures:,} tasks."
        + (f" Full reward without work: {others}." if paid else ""),
        about=about,
        state="shown_harmful" if hackable else "shown_fine",
        severity="high" if hackable else "none",
        effect=estimate(best.full / (best.tasks - best.failures), bound.low, bound.high),
        values={"floor": decimal(best.mean), **{f"full: {r.policy}": Decimal(r.full) for r in judged}},
        evidence=_tasks(best),
        method="tasks whose gold answer passes; Clopper–Pearson on the share with full reward",
        question=f"Why does the grader pay for {best.policy!r}?" if hackable else "",
    )


def _flaws(each: ProbedEnvironment, flaws: Sequence[PolicyResult]) -> RunFinding:
    accepted = sorted((r for r in flaws if r.full), key=lambda r: -r.full)
    told = ", ".join(f"{r.policy} ({r.full:,} of {r.tasks - r.failures:,})" for r in accepted)
    return run_finding(
        CHECK,
        "flawed grader" if accepted else "tells wrong answers apart",
        f"Wrong answers made from the gold answer get full reward: {told}."
        if accepted
        else "No wrong answer made from the gold answer gets full reward.",
        about=_about(each, "grader"),
        state="shown_harmful" if accepted else "shown_fine",
        severity="high" if accepted else "none",
        values={f"full: {r.policy}": Decimal(r.full) for r in flaws},
        evidence=_tasks(accepted[0]) if accepted else (),
        method="probes are asked only where the gold answer passes",
        question="Does the grader look for the answer anywhere in the completion?" if accepted else "",
    )


def _tasks(result: PolicyResult) -> list[RolloutReference]:
    return [
        RolloutReference(seq=-1, step=-1, group=task[:120], note=f"task; {result.policy}")
        for task in result.examples
    ]
