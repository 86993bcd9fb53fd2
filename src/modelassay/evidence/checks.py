"""A check of evidence and how it ended; a check is a function that says what it found, or raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from modelassay.errors import EvidenceError, ModelassayError

CheckState = Literal["passed", "failed", "not done"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    """Stable, such as ``signatures`` or ``findings``."""
    state: CheckState
    statement: str
    """What was found, or why it was not looked at."""
    where: str = ""
    """The file that is wrong, when one is."""
    required: bool = True
    """Whether evidence counts as verified only when this passed."""


class NotDoneError(Exception):
    """A check that could not be made.

    Args:
        why: one sentence for people.
        required: see `Check.required`.
    """

    def __init__(self, why: str, *, required: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.required = required


def state_of(checks: Iterable[Check]) -> str:
    """``verified``, ``incomplete`` (nothing is wrong, something required was not checked), ``wrong``."""
    known = tuple(checks)
    if any(check.state == "failed" for check in known):
        return "wrong"
    left = any(check.state != "passed" and check.required for check in known)
    return "incomplete" if left else "verified"


def perform(name: str, step: Callable[[], str]) -> Check:
    """The check called `name`: `step` says what it found or raises `EvidenceError` or `NotDoneError`."""
    try:
        return Check(name=name, state="passed", statement=step())
    except NotDoneError as reason:
        return Check(name=name, state="not done", statement=reason.why, required=reason.required)
    except EvidenceError as error:
        return Check(name=name, state="failed", statement=error.what, where=error.where)
    except ModelassayError as error:
        # Recomputation goes through rooms that call unusable input a usage error; here it is evidence.
        return Check(name=name, state="failed", statement=str(error))
    except (ArithmeticError, ValueError, LookupError) as error:
        # Those rooms may count on honest data; forged figures can make them divide by zero.
        what = f"cannot be computed from this: {type(error).__name__}: {error}"
        return Check(name=name, state="failed", statement=what)
