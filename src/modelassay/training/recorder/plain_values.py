"""What callers of the recorder give, as plain data that a record can hold."""

from __future__ import annotations

import math
import operator
import traceback
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, TypeVar, get_args

import msgspec

from modelassay.errors import UsageError
from modelassay.records import RewardFunction, RunPhase
from modelassay.training.recorder.items import LARGEST

Record = TypeVar("Record", bound=msgspec.Struct)
Phases = TypeVar("Phases", bound=Collection[Any])


def reward_function(name: str, weight: float | None) -> RewardFunction:
    """A reward function with its weight as a decimal."""
    return RewardFunction(name=name, weight=None if weight is None else Decimal(repr(float(weight))))


def plain(value: Any) -> Any:
    """`value` as an event may hold it: plain data, fractions as decimal text."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return str(value)


def known_phases(phases: Phases) -> Phases:
    """`phases`, each of which is one that a rollout can be of.

    Raises:
        UsageError: one is not.
    """
    for each in phases:
        if each is not None and each not in get_args(RunPhase):
            raise UsageError(
                f"there is no phase {str(each)[:40]!r} of rollouts", mend="say 'train' or 'eval'"
            )
    return phases


def told_of(error: BaseException) -> dict[str, str]:
    """What an event says of `error`."""
    return {
        "error": type(error).__name__,
        "message": str(error)[:2000],
        "trace": "".join(traceback.format_exception(error))[-4000:],
    }


def scalar(value: Any) -> Any:
    """A scalar of numpy or torch as Python's own; anything else as it is."""
    if isinstance(value, float | int | str) or value is None or not hasattr(value, "item"):
        return value
    try:
        return value.item()
    except (RuntimeError, TypeError, ValueError):  # it holds several
        return value


def step_number(step: Any, otherwise: int | None = None) -> int:
    """The step that `step` says: a whole number, one of numpy or torch, or a fraction that is whole.

    Args:
        otherwise: what None says; nothing when None.

    Raises:
        TypeError, ValueError: it is none, or one that no record can hold.
    """
    if type(step) is int and -1 <= step < LARGEST:
        return step
    number = scalar(otherwise if step is None else step)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, bool):
        raise TypeError("a step is a number, not a truth value")
    whole = operator.index(number)
    if not -1 <= whole < LARGEST:
        raise ValueError(f"there is no step {str(whole)[:40]}")
    return whole


def finite_numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Those of `values` that are finite numbers: JSON has no others."""
    found: dict[str, float] = {}
    for name, value in values.items():
        number = scalar(value)
        if isinstance(number, int | float) and _is_finite(number):
            found[str(name)] = float(number)
    return found


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number larger than any float
        return False


def encoded(record: msgspec.Struct) -> bytes:
    """`record` as JSON that will be read as the same again.

    Raises:
        UsageError: a field cannot hold what it was given.
    """
    try:
        data = msgspec.json.encode(record)
        msgspec.json.decode(data, type=type(record))
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            f"this cannot be recorded: {error}",
            where=type(record).__name__,
            mend="see the fields of that record in modelassay.records",
        ) from error
    return data


def replaced(record: Record, **fields: Any) -> Record:
    """`record` with other fields.

    Raises:
        UsageError: there is no such field, or it cannot hold what it was given.
    """
    unknown = sorted(fields.keys() - set(record.__struct_fields__))
    if unknown:
        raise UsageError(
            f"{type(record).__name__} has no field {unknown[0]!r}",
            mend="its fields are " + ", ".join(record.__struct_fields__),
        )
    found = msgspec.structs.replace(record, **fields)
    encoded(found)
    return found
