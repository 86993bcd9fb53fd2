"""What the comparison of a log with its rollouts says, as findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from modelassay.records import RolloutReference, RunFinding
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.frame import Frame
from modelassay.training.ledger import Disagreement
from modelassay.training.reconciliation import Reconciliation

CHECK: Final = "reconciliation"
SHOWN_STEPS: Final = 10


def reconciliation_findings(result: Reconciliation, frame: Frame) -> tuple[RunFinding, ...]:
    """What the comparison says, a finding in all and one for each thing that disagrees.

    Where nothing that was logged was compared, or rewards in half of their steps or fewer, the rest is not
    said to agree.
    """
    named: dict[str, list[Disagreement]] = {}
    for each in result.disagreements:
        named.setdefault(each.what, []).append(each)
    wrong = tuple(_disagreement(what, cases, result, frame) for what, cases in named.items())
    if result.unheld:
        return (*wrong, _unheld(result))
    if wrong:
        return wrong
    if not result.logged:
        return (not_assessable(CHECK, ", and ".join(result.notes)),)
    return (_too_few(result),) if 2 * len(result.lacking) >= result.taken else (_agreement(result),)


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
    first = cases[0]
    rows = np.flatnonzero(frame.is_train & np.isin(frame.step, steps[:SHOWN_STEPS]))
    _, places = np.unique(frame.step[rows], return_index=True)
    return run_finding(
        CHECK,
        "disagrees",
        f"{what} does not follow from the rollouts of {len(steps):,} of {result.compared[what]:,} steps "
        f"({_shown(steps)}): at step {first.step} {first.logged:.6g} stands against {first.recomputed:.6g}."
        f"{_left_out(result)}",
        about={"what": what},
        state="shown_harmful",
        severity="critical" if len(steps) <= max(3, result.compared[what] // 10) else "high",
        values={"steps": decimal(len(steps)), "compared": decimal(result.compared[what])},
        evidence=[RolloutReference(seq=int(rows[i]), step=int(frame.step[rows[i]])) for i in places],
        method="recomputed in float64, float32 rounding allowed",
        question=f"Why does {what} at step {first.step} not follow from the rollouts handed over?",
    )
