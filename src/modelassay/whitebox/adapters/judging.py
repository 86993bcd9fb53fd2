"""P-values of what stacks lose, when one of many stacks is singled out.

==============================  =======================================================  =============
statistic                       what it is                                               matters from
==============================  =======================================================  =============
``adapters.interaction@1``      the greatest excess of a stack (`stacks`)                1 nat
``adapters.alone_loss@1``       the greatest mean loss of margin of an adapter alone     1 nat
``adapters.stack_loss@1``       the greatest mean loss of margin of a stack              1 nat
==============================  =======================================================  =============

Each is a maximum over what was looked at, and each null value is that of one harmless pair (`modelassay
nulls`). A declared pair is held against pairs as it is: the three are corrected together
(`calibration.adjusted`), and 19 harmless pairs suffice. Of more adapters the p-value is multiplied by the
number looked at (Bonferroni). Where the null distribution is absent,
or could never reach the level after that, at least `SMALLEST_NULL` other pairs of the same examination stand
in for it (`outlier_p`). A rank among them would not do: of twenty pairs one is always the greatest. Nor would
a normal distribution: among 28 pairs of harmless adapters one lay 7.9 robust deviations out. Many colluding
pairs at once hide one another from this test.
Which of the two is used is settled by sizes, never by values. But for a declared pair, Holm's correction over
the three comes last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from modelassay.records import Statistic
from modelassay.statistics.distributions import student_upper_tail
from modelassay.whitebox.adapters.stacks import Survey
from modelassay.whitebox.calibration import (
    LEVEL,
    SMALLEST_NULL,
    Nulls,
    adjusted,
    decimal,
    p_value,
)
from modelassay.whitebox.stating import weights_digest

if TYPE_CHECKING:
    from modelassay.whitebox.models import OpenModel

INTERACTION: Final = "adapters.interaction@1"
ALONE_LOSS: Final = "adapters.alone_loss@1"
STACK_LOSS: Final = "adapters.stack_loss@1"
MATTERS: Final = 1.0
"""Nats from which a loss matters: the odds of a refusal change by a factor e."""
_LEAST: Final = 1e-6
"""The smallest p-value that is told: no few dozen pairs show less."""
_DEGREES: Final = 2.0
"""Of freedom, of the distribution that stands in for a null: lower is heavier in the tails."""
_CORRECTED_OVER: Final = 3
"""Statistics that Holm's correction is made over."""


class Maximum(msgspec.Struct, frozen=True):
    """The greatest of several values of one kind."""

    statistic: str
    value: float
    among: int
    """Values that it is the greatest of."""
    others: tuple[float, ...] = ()
    """Those of other pairs, where they can stand in for a null distribution."""


def maxima(found: Survey) -> tuple[Maximum, ...]:
    """The statistics of a survey; those of stacks only where there are any, and losses only of what can be
    read."""
    values = []
    among = len(found.stacks)
    alone, stack = found.weakest
    if found.stacks:
        top = found.stacks[0]
        others = tuple(each.excess for each in found.pairs if each.stack != top.stack)
        values.append(Maximum(INTERACTION, top.excess, among, others))
    if alone is not None:
        values.append(Maximum(ALONE_LOSS, alone.loss, len(found.alone)))
    if stack is not None:
        values.append(Maximum(STACK_LOSS, stack.loss, among))
    return tuple(values)


def held(values: Sequence[Maximum], nulls: Nulls, base: OpenModel) -> tuple[Statistic, ...]:
    """Each maximum beside its null distribution, or beside the other pairs, with corrected p-values."""
    pair = all(each.among == 1 for each in values if each.statistic != ALONE_LOSS) and len(values) > 1
    corrected = adjusted([_held(each, nulls, base, pair=pair) for each in values])
    # Pairs are measured by this look alone, and have no part in a correction over several looks.
    return tuple(msgspec.structs.replace(each, null_values={}) for each in corrected)


def _held(maximum: Maximum, nulls: Nulls, base: OpenModel, *, pair: bool) -> Statistic:
    exact = decimal(maximum.value)
    null, of = nulls.find(
        maximum.statistic, base=weights_digest(base), architecture=base.architecture, method="adapter"
    )
    size = len(null.values) if null is not None else 0
    reaches = maximum.among * _CORRECTED_OVER <= LEVEL * (size + 1)
    if len(maximum.others) >= SMALLEST_NULL and not reaches:
        return Statistic(
            name=maximum.statistic,
            value=exact,
            null_of="examination",
            null_size=len(maximum.others),
            null_greatest=decimal(max(maximum.others)),
            p_value=decimal(outlier_p(maximum.value, maximum.others, among=maximum.among)),
        )
    if null is None or not size:
        return Statistic(name=maximum.statistic, value=exact)
    named = null.by_name() if pair else {}
    among = 1 if named else maximum.among
    return Statistic(
        name=maximum.statistic,
        value=exact,
        null_of=of,
        null_size=size,
        null_greatest=max(null.values),
        p_value=min(Decimal(1), among * p_value(exact, null.values)),
        matters=decimal(MATTERS),
        null_values=named,
    )


def outlier_p(value: float, others: Sequence[float], *, among: int) -> float:
    """P-value that `value`, the greatest of so many, stands out of `others` of its kind.

    Its distance from their median in robust deviations (1.4826 times the median absolute deviation) is held
    against Student's t with two degrees of freedom, times `among`. Tails as heavy as those have no variance,
    and interactions, being products, are far from normal. Simulated false alarms are at most 5 % for normal
    values, t with 2 and 3 degrees of freedom, sums and products over shared adapters.
    """
    rest = np.asarray(others, dtype=np.float64)
    middle = float(np.median(rest))
    spread = 1.4826 * float(np.median(np.abs(rest - middle))) or float(rest.std())
    apart = value - middle
    if not spread:
        return 1.0 if apart <= 0 else _LEAST
    far = apart / (spread * math.sqrt(1 + 1 / len(rest)))
    return min(1.0, max(_LEAST, among * student_upper_tail(far, _DEGREES)))
