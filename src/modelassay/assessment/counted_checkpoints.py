"""What answers of checkpoints came to over a run in which no fix is told: the base beside the newest one.

Whether a behaviour that was counted is wanted is not known here: a rate that surely rose is a question to the
developer, and no harm shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from modelassay.assessment.asked_checkpoints import CHECK
from modelassay.assessment.evaluations import Evaluations, own_steps
from modelassay.records import RunFinding
from modelassay.statistics.intervals import Interval, newcombe_difference_interval
from modelassay.training.analyses.resolution import MARGIN
from modelassay.training.findings import decimal, estimate, run_finding

_METHOD: Final = "Newcombe's interval of the difference of two proportions, Bonferroni over arms, 95 %"


def counted_alone(given: Evaluations, flagged: Collection[str]) -> list[str]:
    """Behaviours that are counted in answers, neither flagged in rollouts nor forms of one that is."""
    return [name for name in given.behaviours if name.partition("/")[0] not in flagged]


def trajectories(given: Evaluations, run: str) -> Iterator[RunFinding]:
    """For each behaviour that is counted, the base beside the run's newest checkpoint, arm by arm.

    Args:
        run: its id, by which rows name its checkpoints.
    """
    steps = own_steps(given, run)
    base = "base" if "base" in given.rows else next(iter(given.rows))
    newest = steps[max(steps)] if steps else list(given.rows)[-1]
    if newest == base:
        return
    for behaviour in given.behaviours:
        shared = [
            arm
            for arm in given.rows[newest]
            if all(_counted(given.rows[row].get(arm), behaviour) for row in (base, newest))
        ]
        if shared:
            yield _compared(given, behaviour, base, newest, shared)


def _counted(cell: Any, behaviour: str) -> bool:
    """Whether a cell holds counts that can be counts."""
    if not isinstance(cell, Mapping):
        return False
    n, k = cell.get("n"), cell.get(behaviour)
    if not isinstance(n, int) or not isinstance(k, int) or isinstance(n, bool) or isinstance(k, bool):
        return False
    return 0 <= k <= n and n > 0


def _compared(given: Evaluations, behaviour: str, base: str, newest: str, arms: list[str]) -> RunFinding:
    level = 1 - 0.05 / len(arms)
    before, after = given.rows[base], given.rows[newest]
    gaps: dict[str, Interval] = {
        arm: newcombe_difference_interval(
            after[arm][behaviour], after[arm]["n"], before[arm][behaviour], before[arm]["n"], level
        )
        for arm in arms
    }
    risen = [arm for arm in arms if gaps[arm].low > 0]
    most = max(arms, key=lambda arm: gaps[arm].low)
    far = bool(risen) and gaps[most].low > MARGIN
    told = "; ".join(
        f"{arm}: {before[arm][behaviour]:,} of {before[arm]['n']:,} → {after[arm][behaviour]:,} of "
        f"{after[arm]['n']:,}"
        for arm in sorted(arms, key=lambda arm: -gaps[arm].low)[:5]
    )
    rates = [side[most][behaviour] / side[most]["n"] for side in (after, before)]
    return run_finding(
        CHECK,
        "risen" if risen else "not risen",
        f"{behaviour!r} in answers, {base!r} beside {newest!r}: {told}.",
        about={"behaviour": behaviour},
        state="not_shown",
        severity="medium" if far else "low" if risen else "none",
        effect=estimate(rates[0] - rates[1], gaps[most].low, gaps[most].high),
        values={"arms": Decimal(len(arms)), "risen": Decimal(len(risen)), "margin": decimal(MARGIN)},
        method=_METHOD,
        question=f"Is it meant that {behaviour!r} rose, and since which checkpoint?" if risen else "",
    )
