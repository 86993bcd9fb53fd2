"""Every limit of the policy moved alone: how far, until the verdict is another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction

import msgspec

from modelassay.audit.robustness.replay import Replay
from modelassay.audit.robustness.results import Edge, Point, Variation
from modelassay.config import in_context, preset, preset_names
from modelassay.drops import figure
from modelassay.errors import ConfigError
from modelassay.gate import check_policy
from modelassay.records import Floor, Outcome, Percent, Policy

GRID = (50, 75, 90, 110, 125, 150)
"""Per cent of a limit's value."""
CONFIDENCES = (8_000, 9_000, 9_500, 9_750, 9_900, 9_990)
_WHOLE, _MOST_RATIO = 10_000, 100_000
_KEYS = (
    "bands.deploy",
    "bands.deploy_monitored",
    "bands.review",
    "any_category.concern",
    "any_category.block",
    "concerns.overall",
    "concerns.consistency",
    "concerns.edge_cases",
    "concerns.harm_ratio",
    "cohorts.widening",
    "unscored_limit",
    "least_rate",
)
"""Limits that change nothing but the decision on the same figures."""


def edges(replay: Replay) -> Iterator[Edge]:
    """Each limit, moved over all the values that the others allow."""
    for key in (*_KEYS, *(f"floors[{number}]" for number in range(len(replay.policy.floors)))):
        yield _edge(replay, key)


def confidences(replay: Replay) -> Iterator[Variation]:
    """Other confidence levels, with every figure computed again."""
    for level in CONFIDENCES:
        if level != replay.policy.confidence.basis_points:
            confidence = Percent(basis_points=level)
            policy = msgspec.structs.replace(replay.policy, confidence=confidence)
            yield replay.variation("confidence", str(confidence), replay.decided(policy=policy))


def policies(replay: Replay) -> Iterator[Variation]:
    """The other scale of a drop, then every policy of the package in the audit's own risk context."""
    own = replay.policy
    scale = "absolute" if own.scale == "relative" else "relative"
    other = msgspec.structs.replace(own, scale=scale)
    yield replay.variation("policy", f"scale: {scale}", replay.decided(policy=other))
    for name in preset_names():
        if name != own.name:
            policy = in_context(preset(name), replay.given.contents.plan.context)
            yield replay.variation("policy", name, replay.decided(policy=policy))


def _edge(replay: Replay, key: str) -> Edge:
    value = _value(replay.policy, key)
    known: dict[int, Outcome | None] = {}

    def outcome(at: int) -> Outcome | None:
        """None where the other limits contradict it."""
        if at not in known:
            policy = _moved(replay.policy, key, at)
            known[at] = replay.under(policy) if _stands(policy) else None
        return known[at]

    def allowed(at: int) -> bool:
        return _stands(_moved(replay.policy, key, at))

    most = _MOST_RATIO if key == "concerns.harm_ratio" else _WHOLE
    low = _last(value, 0, allowed)
    high = _last(value, most, allowed)
    now = replay.base.verdict.outcome
    below, above = (_nearest(value, end, lambda at: outcome(at) != now) for end in (low, high))
    around = sorted({value * share // 100 for share in GRID} - {value})
    grid = {at: found for at in around if low <= at <= high and (found := outcome(at)) is not None}
    return Edge(
        key=key,
        value=_text(value),
        low=_text(low),
        high=_text(high),
        grid=tuple(Point(value=_text(at), outcome=found) for at, found in grid.items()),
        below=_point(below, known),
        above=_point(above, known),
        distance=_distance(value, *(at for at in (below, above) if at is not None)),
    )


def _last(start: int, end: int, allowed: Callable[[int], bool]) -> int:
    """The value nearest to `end` that is allowed; those that are form one run from `start`."""
    if allowed(end):
        return end
    good, bad = start, end
    while abs(good - bad) > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if allowed(middle) else (good, middle)
    return good


def _nearest(start: int, end: int, turned: Callable[[int], bool]) -> int | None:
    """The value nearest to `start` on the way to `end` that is turned; limits turn once, one way."""
    if start == end or not turned(end):
        return None
    same, other = start, end
    while abs(same - other) > 1:
        middle = (same + other) // 2
        same, other = (same, middle) if turned(middle) else (middle, other)
    return other


def _distance(value: int, *turns: int) -> Decimal | None:
    if not turns:
        return None
    nearest = min(abs(at - value) for at in turns)
    return figure(float(Fraction(nearest, value or _WHOLE)))


def _point(at: int | None, known: dict[int, Outcome | None]) -> Point | None:
    found = None if at is None else known[at]
    return Point(value=_text(at), outcome=found) if at is not None and found is not None else None


def _stands(policy: Policy) -> bool:
    try:
        check_policy(policy)
    except ConfigError:
        return False
    return True


def _text(basis_points: int) -> str:
    return str(Percent(basis_points=basis_points))


def _value(policy: Policy, key: str) -> int:
    section, _, name = key.partition(".")
    if key.startswith("floors["):
        return _floor(policy, key)[1].at_least.basis_points
    percent: Percent = getattr(getattr(policy, section), name) if name else getattr(policy, section)
    return percent.basis_points


def _moved(policy: Policy, key: str, to: int) -> Policy:
    value = Percent(basis_points=to)
    section, _, name = key.partition(".")
    if key.startswith("floors["):
        place, floor = _floor(policy, key)
        floors = list(policy.floors)
        floors[place] = msgspec.structs.replace(floor, at_least=value)
        return msgspec.structs.replace(policy, floors=tuple(floors))
    if not name:
        return msgspec.structs.replace(policy, **{section: value})
    part = msgspec.structs.replace(getattr(policy, section), **{name: value})
    return msgspec.structs.replace(policy, **{section: part})


def _floor(policy: Policy, key: str) -> tuple[int, Floor]:
    place = int(key.removeprefix("floors[").removesuffix("]"))
    return place, policy.floors[place]
