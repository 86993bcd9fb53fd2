"""What so much money and time would show: the plan's first prompts that they pay for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from modelassay.audit.planning.assumptions import Assumptions
from modelassay.audit.planning.slices import SliceForecast, smallest_drop
from modelassay.audit.planning.spending import Total
from modelassay.config import Plan
from modelassay.records import Policy


class Limits(NamedTuple):
    """What may be spent; 0 is no limit."""

    money: Decimal = Decimal(0)
    hours: float = 0.0


class AffordableSlice(msgspec.Struct, frozen=True, kw_only=True):
    """What one slice could still show."""

    kind: str
    slice: dict[str, str]
    prompts: int
    """Expected in the part that is asked, which is random."""
    smallest_drop: float
    """In points; 1 means none would be shown."""


class Affordable(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the plan that fits into the limits."""

    case: Literal["from_scratch", "baseline_kept"]
    """Whether the baseline is asked, too; see `Total.case`."""
    prompts: int
    """Of the plan's, in its random order."""
    limited_by: Literal["money", "time", "plan"]
    """What ends first; `plan`: all of it fits."""
    would_fit: int | None
    """Prompts like these that the limits would pay for; None where nothing limits them."""
    money_known: bool
    """Whether every model has a price, so that the limit on money says something."""
    slices: tuple[AffordableSlice, ...]


def affordable(
    total: Total,
    limits: Limits,
    plan: Plan,
    policy: Policy,
    slices: Sequence[SliceForecast],
    prompts: int,
    assumed: Assumptions,
) -> Affordable:
    """What `limits` leave of a plan that takes `total` for all its `prompts`."""
    shares = {"plan": 1.0}
    if limits.money and total.cost and Decimal(total.cost):
        shares["money"] = float(limits.money / Decimal(total.cost))
    if limits.hours and total.minutes:
        shares["time"] = limits.hours * 60 / total.minutes
    ends = min(shares, key=lambda name: (shares[name], name != "plan"))
    share = shares.pop("plan") if ends == "plan" else shares[ends]
    bound = [value for name, value in shares.items() if name != "plan"]
    case: Literal["from_scratch", "baseline_kept"] = (
        "baseline_kept" if total.case == "baseline_kept" else "from_scratch"
    )
    limited: dict[str, Literal["money", "time", "plan"]] = {"money": "money", "time": "time"}
    return Affordable(
        case=case,
        prompts=math.floor(prompts * share + 1e-9),
        limited_by=limited.get(ends, "plan"),
        would_fit=math.floor(prompts * min(bound) + 1e-9) if bound else None,
        money_known=total.priced,
        slices=tuple(_slice(each, share, plan, policy, assumed) for each in slices),
    )


def _slice(
    whole: SliceForecast, share: float, plan: Plan, policy: Policy, assumed: Assumptions
) -> AffordableSlice:
    kept = whole.prompts * share
    # Clusters are thinned with their prompts; at least one prompt of each that is met stays.
    size = max(1.0, whole.prompts / max(whole.clusters, 1) * share)
    clusters = Counter({str(i): math.ceil(size) for i in range(max(1, math.floor(kept / size)))})
    kind: Literal["harmful", "benign"] = "benign" if whole.kind == "benign" else "harmful"
    return AffordableSlice(
        kind=whole.kind,
        slice=whole.slice,
        prompts=math.floor(kept + 1e-9),
        smallest_drop=whole.smallest_drop
        if share == 1.0
        else smallest_drop(kind, kept, plan.repeats, clusters, plan, policy, assumed),
    )
