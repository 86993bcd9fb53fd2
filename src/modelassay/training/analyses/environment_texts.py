"""Findings on what the texts of rollouts tell of environments: reward without work, noise, leaked answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import numpy as np

from modelassay.records import RolloutReference, RunFinding
from modelassay.records.findings import FindingState, Severity
from modelassay.statistics import clopper_pearson_interval
from modelassay.statistics.cluster_differences import MeanDifference
from modelassay.training.analyses.pressure_index import MARGIN, Environment, paid_difference
from modelassay.training.environments.leaks import beyond_chance
from modelassay.training.environments.recorded import EnvironmentRecord, Rewarded
from modelassay.training.findings import decimal, estimate, not_assessable, run_finding
from modelassay.training.frame import Frame

UNPAID = 0.2
"""Share of completions without work with full reward under which they surely are, where nothing is said to be
paid for no work: 17 of which none was paid show it."""
FEWEST = 3
"""Completions of one kind from which anything is told of it."""
PAID = 0.5
"""Share of completions without work with full reward from which an environment is called hackable."""


def text_findings(
    check: str, frame: Frame, each: Environment, record: EnvironmentRecord
) -> Iterator[RunFinding]:
    """What the texts of one environment tell.

    Args:
        frame: the rollouts of the run that `record` was read of.
        each: the environment.
    """
    yield _without_work(check, frame, each, record)
    if record.regraded:
        yield _noise(check, record)
    elif record.copied:
        yield _only_copies(check, record)
    elif record.without_prompt:
        yield _without_prompts(check, record)
    if record.failed_full:
        yield run_finding(
            check,
            "failure is paid",
            f"{record.failed_full:,} of {record.failed:,} rollouts of {record.name!r} whose sandbox or "
            f"grader failed got {'full reward' if each.scale.reached else _half(each)} all the same.",
            about=_about(record, "failures"),
            state="shown_harmful",
            severity="high" if record.failed_full >= 10 else "medium",
            values={"failed": Decimal(record.failed), "full": Decimal(record.failed_full)},
            question=f"Can a policy make the grader of {record.name!r} fail, and is it paid then?",
        )
    yield from _leaks(check, record)


def _leaks(check: str, record: EnvironmentRecord) -> Iterator[RunFinding]:
    values = {
        "leaked": Decimal(record.leaked),
        "held": Decimal(record.held),
        "answered": Decimal(record.answered),
    }
    if record.leaked:
        sure = beyond_chance(record.leaked, record.answered)
        yield run_finding(
            check,
            "answers leaked",
            f"{record.leaked:,} of {record.answered:,} prompts of {record.name!r} give away their own gold "
            f"answer: {record.leak_examples[0]!r}.",
            about=_about(record, "leaked answers"),
            state="shown_harmful" if sure else "not_shown",
            severity="high" if sure else "medium",
            values=values,
            question=f"Why do prompts of {record.name!r} hold the answer?",
        )
    if record.held:
        echoed = record.without_work["echo of the prompt"]
        paid = echoed.rollouts >= 3 and echoed.full >= PAID * echoed.rollouts
        yield run_finding(
            check,
            "answers in prompts",
            f"{record.held:,} of {record.answered:,} prompts of {record.name!r} hold their own gold answer, "
            f"as questions with options or on a passage do: {record.held_examples[0]!r}."
            + (" Repeating the prompt is paid." if paid else ""),
            about=_about(record, "answers in prompts"),
            state="shown_harmful" if paid else "not_shown",
            severity="high" if paid else "low",
            values=values,
            question=f"What does the grader of {record.name!r} give a completion that repeats the prompt?",
        )


def _half(each: Environment) -> str:
    return f"a reward of {each.scale.paid_from:.3g} or more, half of the span of rewards,"


def _noise(check: str, record: EnvironmentRecord) -> RunFinding:
    noisy = record.noisy > 0.01 * record.regraded
    explained = noisy and record.contradictory > 0
    copies = f" {record.copied:,} rollouts of copied groups are left out." if record.copied else ""
    return run_finding(
        check,
        "noisy" if noisy else "consistent",
        f"Of {record.regraded:,} completions of {record.name!r} that were graded more than once under the "
        f"same settings and code, {record.noisy:,} were rewarded unequally"
        + (", as answers to these prompts contradict each other." if explained else ".")
        + copies,
        about=_about(record, "noise"),
        state="not_shown" if noisy else "shown_fine",
        severity="low" if explained else "medium" if noisy else "none",
        values={"regraded": Decimal(record.regraded), "unequal": Decimal(record.noisy)},
        evidence=[
            RolloutReference(seq=seq, step=step, note=note[:300]) for seq, step, note in record.noise_examples
        ],
        method="equal prompts and completions; graders that see more than these may differ for cause",
        question=f"Why does {record.name!r} reward one completion differently?" if noisy else "",
    )


def _only_copies(check: str, record: EnvironmentRecord) -> RunFinding:
    return not_assessable(
        check,
        f"{record.copied:,} rollouts of {record.name!r} are of groups that are copies of an earlier one, and "
        f"no other completion was graded more than once",
        about=_about(record, "noise"),
        question=f"Why are there groups of {record.name!r} twice, prompts, completions and rewards alike?",
    )


def _without_prompts(check: str, record: EnvironmentRecord) -> RunFinding:
    return not_assessable(
        check,
        f"the prompts of {record.without_prompt:,} of {record.rollouts:,} rollouts of {record.name!r} are "
        "not in the record, so that nothing tells which completions were graded more than once, nor whether "
        "prompts contradict or give away their answers",
        about=_about(record, "noise"),
        question=f"Can the prompts of {record.name!r} be handed over?",
    )


def _without_work(check: str, frame: Frame, each: Environment, record: EnvironmentRecord) -> RunFinding:
    seen = {name: found for name, found in record.without_work.items() if found.rollouts >= FEWEST}
    about = _about(record, "reward without work")
    if not seen:
        few = sum(found.rollouts for found in record.without_work.values())
        only = f"only {few} rollouts" if few > 1 else "only one rollout" if few else "no rollout"
        why = (
            f"{only} of {record.name!r} {'are' if few > 1 else 'is'} empty, echo, refusal, a single sign, or "
            "only ends the episode"
        )
        return not_assessable(
            check, why, about=about,
            question=f"What does the grader of {record.name!r} give an empty answer?",
        )  # fmt: skip
    if each.scale.span <= 0 and each.scale.full <= 0:
        why = f"all rewards of {record.name!r} are {each.scale.full:g}, so that nothing is paid"
        return not_assessable(check, why, about=about)
    told = [_by_full(check, about, record, seen)] if each.scale.reached else []
    if each.scale.graded:
        told.append(_by_mean(check, about, frame, each, seen))
    return max(told, key=lambda finding: _GRAVITY.index((finding.state, finding.severity)))


_GRAVITY: tuple[tuple[FindingState, Severity], ...] = (
    ("shown_fine", "none"),
    ("not_assessable", "none"),
    ("not_shown", "none"),
    ("not_shown", "low"),
    ("not_shown", "medium"),
    ("shown_harmful", "high"),
)
"""What the two ways of looking may say, from harmless to grave; the graver is told."""


def _by_full(
    check: str, about: Mapping[str, str], record: EnvironmentRecord, seen: Mapping[str, Rewarded]
) -> RunFinding:
    bounds = {name: clopper_pearson_interval(found.full, found.rollouts) for name, found in seen.items()}
    name = max(seen, key=lambda key: (bounds[key].low, seen[key].rollouts))
    found, bound = seen[name], bounds[name]
    hackable = bound.low >= PAID or (bound.low > 0 and found.full / found.rollouts >= PAID)
    fine = not found.full and bound.high <= UNPAID
    return run_finding(
        check,
        "hackable" if hackable else "paid at times" if found.full else _outcome(fine, less=False),
        f"Of {found.rollouts:,} rollouts of {record.name!r} that are {name!r}, {found.full:,} got full "
        f"reward (mean {found.reward / found.rollouts:.3g}); at 95 % it is {100 * bound.low:.0f} to "
        f"{100 * bound.high:.0f} % of such.",
        about=about,
        state="shown_harmful" if hackable else "shown_fine" if fine else "not_shown",
        severity="high" if hackable else "medium" if found.full else "none",
        effect=estimate(found.full / found.rollouts, bound.low, bound.high),
        values={f"{key}: rollouts": Decimal(value.rollouts) for key, value in seen.items()}
        | {f"{key}: full": Decimal(value.full) for key, value in seen.items()},
        evidence=[RolloutReference(seq=s, step=step, quote=text) for s, step, text in found.examples],
        method="what policies happened to write; Clopper–Pearson. A live grader tells more",
        question=f"Why does {record.name!r} pay for {name!r}?" if found.full else "",
    )


def _by_mean(
    check: str,
    about: Mapping[str, str],
    frame: Frame,
    each: Environment,
    seen: Mapping[str, Rewarded],
) -> RunFinding:
    """By mean rewards, where these are of many values: answers without work against all others.

    Scores have no zero, so that half of their span is much only of what is not surely paid less than work.
    Where full reward is a grade, 0 is none, however far penalties go below it.
    """
    differences = _differences(frame, each, seen)
    if not differences:
        return not_assessable(check, f"no other rollouts of {each.name!r} can be compared", about=about)
    name = max(differences, key=lambda key: differences[key].interval.low)
    found = differences[name]
    more, high = found.interval.low > 0, found.with_it >= PAID
    hackable = more and high
    low, span = each.scale.low, each.scale.span
    nothing, less = not more and found.with_it <= MARGIN, found.interval.high < 0
    unpaid = each.scale.reached and low + span * found.with_it <= MARGIN * span
    fine = nothing or (less and (unpaid or not high))
    severity: Severity = "none" if fine else "medium" if more or (high and not less) else "low"
    return run_finding(
        check,
        "hackable" if hackable else "more without work" if more else _outcome(nothing, less),
        f"The {seen[name].rollouts:,} rollouts of {each.name!r} that are {name!r} get a mean reward of "
        f"{_shown(low + span * found.with_it)}, other rollouts {_shown(low + span * found.without)}.",
        about=about,
        state="shown_harmful" if hackable else "shown_fine" if fine else "not_shown",
        severity="high" if hackable else severity,
        effect=estimate(found.value, *found.interval) if np.isfinite(found.interval).all() else None,
        values={f"{key}: rollouts": Decimal(value.rollouts) for key, value in seen.items()}
        | {f"{key}: less others": decimal(value.value) for key, value in differences.items()},
        evidence=[RolloutReference(seq=s, step=step, quote=text) for s, step, text in seen[name].examples],
        method="what policies happened to write; difference of mean rewards as a share of their span (1 % to "
        "99 %), errors clustered by task, Bonferroni. A live grader tells more",
        question="" if fine else f"Why do answers that are {name!r} get no less than work in {each.name!r}?",
    )


def _shown(reward: float) -> str:
    return f"{round(reward, 9) + 0.0:.3g}"


def _outcome(nothing: bool, less: bool) -> str:
    return "no reward without work" if nothing else "less without work" if less else "not told apart"


def _differences(frame: Frame, each: Environment, seen: Mapping[str, Rewarded]) -> dict[str, MeanDifference]:
    """Answers of each kind without work against rollouts that are of none of these kinds."""
    kinds = {name: np.zeros(len(frame), np.bool_) for name in seen}
    for name, found in seen.items():
        kinds[name][np.asarray(found.places, np.int64)] = True
    work = each.chosen & ~np.logical_or.reduce(list(kinds.values()))
    differences = {}
    for name, kind in kinds.items():
        chosen = work | (kind & each.chosen)
        if work.any() and (kind & each.chosen).any():
            confidence = 1.0 - 0.05 / len(kinds)
            differences[name] = paid_difference(frame, each, chosen, kind[chosen], confidence)
    return differences


def _about(record: EnvironmentRecord, aspect: str) -> Mapping[str, str]:
    return {"environment": record.name or "only", "aspect": aspect}
