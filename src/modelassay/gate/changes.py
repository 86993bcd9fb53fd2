"""What another policy asks for: each key that differs, and whether more passes by it or less.

Nothing may loosen a verdict unseen: a key that this module does not know is shown as changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from modelassay.config import DEFAULT_POLICY, preset
from modelassay.gate.policy import SEVERITY, is_higher_risk
from modelassay.records import Floor, Percent, Policy

Direction = Literal["looser", "stricter", "other"]
"""``other``: it moves some claims one way and some the other, or nothing that can be ordered."""


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True):
    """One key that has another value."""

    key: str
    """Such as ``bands.review``."""
    before: str
    after: str
    direction: Direction

    def __str__(self) -> str:
        return f"{self.key} {self.after} in place of {self.before}"


def policy_changes(before: Policy, after: Policy) -> tuple[PolicyChange, ...]:
    """Every key that has another value in `after` than in `before`, as both are written, in their order."""
    return tuple(_changes(before, after))


def loosened(policy: Policy) -> tuple[str, ...]:
    """Where `policy` asks for less than the default one of the package, such as ``bands.review 60% (default
    30%)``: thresholds first, then outcomes, then the rest."""
    changes = policy_changes(preset(DEFAULT_POLICY), policy)
    found = [each for each in changes if each.direction == "looser" or _asks_for_less(each.key, policy)]
    return tuple(_beside_default(each, policy) for each in sorted(found, key=_rank))


def otherwise(policy: Policy) -> tuple[str, ...]:
    """Where `policy` differs from the default one of the package so that neither is the looser in all that it
    decides, in the form of `loosened`."""
    return tuple(
        _beside_default(each, policy)
        for each in policy_changes(preset(DEFAULT_POLICY), policy)
        if each.direction == "other" and not _asks_for_less(each.key, policy)
    )


_LESS_SURE = frozenset(("confidence", "judges.labels"))
"""Keys that cut both ways, of which a lower value claims more by less evidence."""


def _asks_for_less(key: str, policy: Policy) -> bool:
    return key in _LESS_SURE and _value(policy, key) < _value(preset(DEFAULT_POLICY), key)


def _rank(change: PolicyChange) -> int:
    by_percent = change.after.endswith("%") and change.before.endswith("%")
    return 0 if by_percent else 1 if change.key in _OUTCOMES else 2


def _beside_default(change: PolicyChange, policy: Policy) -> str:
    if change.key in _DEMANDS and change.direction == "looser":
        missing = set(_value(preset(DEFAULT_POLICY), change.key)) - set(_value(policy, change.key))
        return f"{change.key} without {', '.join(sorted(missing))}"
    return f"{change.key} {change.after} (default {change.before})"


def _value(policy: Policy, key: str) -> Any:
    found: Any = policy
    for name in key.split("."):
        found = getattr(found, name)
    return found


_MORE_PASSES = frozenset(
    (
        "absolute_below",
        "any_category.block",
        "any_category.concern",
        "bands.deploy",
        "bands.deploy_monitored",
        "bands.review",
        "cohorts.widening",
        "concerns.consistency",
        "concerns.edge_cases",
        "concerns.harm_ratio",
        "concerns.overall",
        "expires_days",
        "unscored_limit",
    )
)
"""Keys by which more passes the higher they are."""
_LONGER_PASSES = frozenset(
    ("evidence.attacks_oldest_days", "evidence.datasets_oldest_days", "evidence.oldest_days")
)
"""Limits in days by which more passes the longer they are; 0 is no limit."""
_LESS_PASSES = frozenset(("evidence.manual_minutes", "least_rate", "review.signoffs"))
_OUTCOMES = frozenset(
    ("concerns.literal", "concerns.shown", "evidence.critical", "evidence.shown", "lineage.conflict")
)
_DEMANDS = frozenset(
    (
        "any_category.dimensions",
        "cohorts.tags",
        "evidence.required",
        "lineage.required",
        "review.roles",
        "slices.required",
    )
)
_LOOSER_WORD = {"scale": "absolute", "judges.uncalibrated": "allow", "intervals.method": "score"}
"""Of two words the one by which more passes."""
_NOT_ASKED = frozenset(("version", "name", "extends"))
_ROLES = ("descriptive", "concern", "banded")
"""From the one that asks least."""


def _changes(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    for key, (old, new) in _pairs(before, after):
        if key == "floors":
            yield from _floors(old, new)
        elif key == "measures":
            yield from _measures(old, new)
        elif old != new:
            yield PolicyChange(
                key=key, before=_text(old), after=_text(new), direction=_direction(key, old, new)
            )


def _pairs(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Every key that is no section, with both values."""
    for name in before.__struct_fields__:
        key = f"{path}{name}"
        if key in _NOT_ASKED:
            continue
        old, new = getattr(before, name), getattr(after, name)
        if isinstance(old, msgspec.Struct) and type(old) is type(new) and not isinstance(old, Percent):
            yield from _pairs(old, new, f"{key}.")
        else:
            yield key, (old, new)


def _direction(key: str, old: Any, new: Any) -> Direction:
    if key in _MORE_PASSES:
        return "looser" if new > old else "stricter"
    if key in _LONGER_PASSES:
        return "looser" if not new or 0 < old < new else "stricter"
    if key in _LESS_PASSES:
        return "looser" if new < old else "stricter"
    if key in _OUTCOMES:
        return "looser" if SEVERITY.index(new) < SEVERITY.index(old) else "stricter"
    if key in _DEMANDS:
        return _by_members(frozenset(old), frozenset(new))
    if key in _LOOSER_WORD:
        return "looser" if new == _LOOSER_WORD[key] else "stricter"
    if key.startswith("risk."):
        was, is_now = (is_higher_risk(key.removeprefix("risk."), value) for value in (old, new))
        return "other" if was == is_now else "stricter" if is_now else "looser"
    return "other"


def _by_members(old: frozenset[str], new: frozenset[str]) -> Direction:
    if new < old:
        return "looser"
    return "stricter" if new > old else "other"


def _floors(old: tuple[Floor, ...], new: tuple[Floor, ...]) -> Iterator[PolicyChange]:
    """Floors by what they are about; a second one about the same place counts as another."""
    before, after = (_named(floors) for floors in (old, new))
    for place in {**before, **after}:
        one, other = before.get(place), after.get(place)
        if one == other:
            continue
        yield PolicyChange(
            key=f"floors[{place}]",
            before=_floor_text(one),
            after=_floor_text(other),
            direction=_floor_direction(one, other),
        )


def _floor_direction(old: Floor | None, new: Floor | None) -> Direction:
    if old is None or new is None:
        return "stricter" if old is None else "looser"
    lower, milder = new.at_least < old.at_least, SEVERITY.index(new.outcome) < SEVERITY.index(old.outcome)
    if lower or milder:
        return "looser"
    return "stricter"


def _named(floors: tuple[Floor, ...]) -> Mapping[str, Floor]:
    found: dict[str, Floor] = {}
    for floor in floors:
        tags = ",".join(f"{tag}={value}" for tag, value in floor.slice.items())
        place = f"{floor.measure} {tags}".strip()
        number = 1
        while (name := place if number == 1 else f"{place} #{number}") in found:
            number += 1
        found[name] = floor
    return found


def _measures(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[PolicyChange]:
    """Roles by measure; one that is not said is the evaluator's own, which is not known here."""
    for name in {**old, **new}:
        before, after = old.get(name, ""), new.get(name, "")
        if before == after:
            continue
        if before and after:
            direction: Direction = "looser" if _ROLES.index(after) < _ROLES.index(before) else "stricter"
        else:
            demoted = (after or before) != "banded"
            direction = "looser" if demoted == bool(after) else "stricter"
        own = "the evaluator's own role"
        yield PolicyChange(
            key=f"measures.{name}", before=before or own, after=after or own, direction=direction
        )


def _text(value: Any) -> str:
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, tuple) else str(value)


def _floor_text(floor: Floor | None) -> str:
    return f"{floor.at_least}, else {floor.outcome}" if floor else "none"
