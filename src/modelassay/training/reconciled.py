"""What the comparison of a log with its rollouts says, as findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from modelassay.records import RolloutReference, RunFinding
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.frame import Frame
from modelassay.training.ledger import GROUPS_OF, ONE_TASK, ROLLOUTS, Disagreement
from modelassay.training.reconciliation import Reconciliation

CHECK: Final = "reconciliation"
SHOWN_STEPS: Final = 10
ODD_SIZES: Final = "odd sizes"
"""Outcome for steps of another number of whole groups, against which nothing speaks that was logged."""


def reconciliation_findings(result: Reconciliation, frame: Frame) -> tuple[RunFinding, ...]:
    """What the comparison says, a finding in all, one for each thing that disagrees and one of odd sizes.

    Where nothing that was logged was compared, or rewards in half of their steps or fewer, the rest is not
    said to agree.
    """
    odd = result.odd_sizes
    named: dict[str, list[Disagreement]] = {}
    for each in result.disagreements:
        if each not in odd:
            named.setdefault(each.what, []).append(each)
    wrong = (
        *(_disagreement(what, cases, result, frame) for what, cases in named.items()),
        *((_odd_sizes(odd, result, frame),) if odd else ()),
    )
    if result.unheld:
        return (*wrong, _unheld(result))
    if named:
        return wrong
    if not result.logged:
        return (*wrong, not_assessable(CHECK, ", and ".join(result.notes)))
    return (*wrong, _too_few(result) if 2 * len(result.lacking) >= result.taken else _agreement(result))


def _unheld(result: Reconciliation) -> RunFinding:
    """Rewards were logged and not compared: that the rest agrees says nothing of them."""
    compared = _compared(result.logged, result)
    rest = f"; what else was compared ({compared}) says nothing of that" if compared else ""
    return not_assessable(
        CHECK,
        f"{result.unheld}{rest}",
        about={"what": "rewards logged"},
        question="Of which rewards of which rollouts are these numbers, and how were they computed?",
    )


def _compared(names: Sequence[str], result: Reconciliation) -> str:
    """What was compared, with the number of steps where it is another than the most."""
    most = max((result.compared[name] for name in result.logged), default=0)
    counts = [(name, result.compared[name]) for name in names]
    return ", ".join(
        name if count == most else f"{name} at {count:,} {'step' if count == 1 else 'steps'}"
        for name, count in counts
    )


def _left_out(result: Reconciliation) -> str:
    """Which steps were not compared, as a sentence to follow another; empty of none."""
    told = f" {result.left_out:,} steps that were taken twice are left out." if result.left_out else ""
    if result.lacking:
        told += (
            f" {len(result.lacking):,} of {result.taken:,} steps ({_shown(result.lacking)}) are left out, as "
            f"the record says itself that it lacks rollouts of them."
        )
    return told


def _ways(result: Reconciliation) -> str:
    """What was logged otherwise than of all rollouts, as a sentence to follow another; empty of nothing."""
    return f" Otherwise than of all rollouts were logged: {'; '.join(result.ways)}." if result.ways else ""


def _shown(steps: Sequence[int]) -> str:
    return ", ".join(map(str, steps[:SHOWN_STEPS])) + (" …" if len(steps) > SHOWN_STEPS else "")


def _too_few(result: Reconciliation) -> RunFinding:
    """Most of the run could not be compared: what agrees says nothing of it."""
    return not_assessable(
        CHECK,
        f"rollouts are missing of {len(result.lacking):,} of {result.taken:,} steps "
        f"({_shown(result.lacking)}), so that most steps could not be compared",
        question="Can all rollouts of these steps be handed over?",
    )


def _agreement(result: Reconciliation) -> RunFinding:
    steps = max(result.compared[name] for name in result.logged)
    worst = max(result.largest.values(), default=0.0)
    changed = len(result.formulae) > 1
    spoken = [f"{name!r} from step {step}" for step, name in result.formulae[:SHOWN_STEPS]]
    how = f" Advantages follow another formula as it goes: {', '.join(spoken)}." if changed else ""
    return run_finding(
        CHECK,
        "agrees",
        f"What was logged follows from the rollouts in all {steps:,} steps that could be compared "
        f"({_compared(tuple(result.compared), result)}); the largest deviation is {worst:.1e}."
        f"{_left_out(result)}{_ways(result)}{how}",
        state="shown_fine",
        severity="low" if changed else "none",
        assurance="T2",
        values={
            "steps": decimal(steps),
            "largest_deviation": decimal(worst, 9),
            **({"lacking_steps": decimal(len(result.lacking))} if result.lacking else {}),
        },
        method="recomputed in float64, float32 rounding allowed",
        rests_on=(*result.ways, *result.notes),
        question=f"Which setting of advantages changed at step {result.formulae[1][0]}, and why?"
        if changed
        else "",
    )


def _disagreement(what: str, cases: list[Disagreement], result: Reconciliation, frame: Frame) -> RunFinding:
    steps = [case.step for case in cases]
    told, question = _in_words(what, cases, result.compared[what])
    return run_finding(
        CHECK,
        "disagrees",
        f"{told}{_left_out(result)}",
        about={"what": what},
        state="shown_harmful",
        severity="critical" if len(steps) <= max(3, result.compared[what] // 10) else "high",
        values={"steps": decimal(len(steps)), "compared": decimal(result.compared[what])},
        evidence=_first_rollouts(steps, frame),
        method="recomputed in float64, float32 rounding allowed",
        question=question,
    )


def _in_words(what: str, cases: Sequence[Disagreement], compared: int) -> tuple[str, str]:
    """What is otherwise than it should be, and what to ask."""
    first, shown = cases[0], _shown([case.step for case in cases])
    among = f"{len(cases):,} of {compared:,} steps ({shown})"
    if what == ROLLOUTS:
        return _sizes_in_words(cases, compared), f"{_why_another_size(first)}?"
    if what == ONE_TASK:
        return (
            f"Groups answer several tasks in {among}: {first.recomputed:.0f} of step {first.step}.",
            f"How did rollouts of several tasks come into one group at step {first.step}?",
        )
    if what.startswith(GROUPS_OF):
        size = what.removeprefix(GROUPS_OF)
        return (
            f"Groups have not {size} rollouts each in {among}: {first.recomputed:.0f} of step {first.step}.",
            f"Why has not every group of step {first.step} {size} rollouts?",
        )
    return (
        f"{what} does not follow from the rollouts of {among}: at step {first.step} {first.logged:.6g} "
        f"stands against {first.recomputed:.6g}.",
        f"Why does {what} at step {first.step} not follow from the rollouts handed over?",
    )


def _sizes_in_words(cases: Sequence[Disagreement], compared: int) -> str:
    first, several = cases[0], len(cases) > 1
    return (
        f"{len(cases):,} of {compared:,} steps ({_shown([case.step for case in cases])}) "
        f"{'have' if several else 'has'} another number of rollouts than is usual in this run: step "
        f"{first.step} has {first.recomputed:.0f}, where {first.logged:.0f} are usual."
    )


def _why_another_size(case: Disagreement) -> str:
    """A question without its mark."""
    return f"Why does step {case.step} have {case.recomputed:.0f} rollouts, where {case.logged:.0f} are usual"


def _odd_sizes(cases: Sequence[Disagreement], result: Reconciliation, frame: Frame) -> RunFinding:
    """Steps of another number of whole groups, as the end of training data makes them, or who takes some out.

    Nothing else speaks against them; where nothing else was logged of them, nothing can.
    """
    return run_finding(
        CHECK,
        ODD_SIZES,
        f"{_sizes_in_words(cases, result.compared[ROLLOUTS])} No group is seen to lack a rollout, and "
        f"nothing that was logged of {'them' if len(cases) > 1 else 'it'} speaks against what is there.",
        about={"what": "sizes of steps"},
        state="not_shown",
        severity="medium",
        values={"steps": decimal(len(cases)), "compared": decimal(result.compared[ROLLOUTS])},
        evidence=_first_rollouts([case.step for case in cases], frame),
        method="the size that nine of ten steps have, or all but one",
        question=f"{_why_another_size(cases[0])}: did training data end there?",
    )


def _first_rollouts(steps: Sequence[int], frame: Frame) -> list[RolloutReference]:
    """The first rollout of each of the first of `steps`."""
    rows = np.flatnonzero(frame.is_train & np.isin(frame.step, steps[:SHOWN_STEPS]))
    _, places = np.unique(frame.step[rows], return_index=True)
    return [RolloutReference(seq=int(rows[i]), step=int(frame.step[rows[i]])) for i in places]
