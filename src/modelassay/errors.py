"""Errors that a user can act on, and the exit codes of every command.

Each error says *what* was wrong, *where* (file, line, key) and the *mend*. The tree::

    ModelassayError                 exit 1   something broke; nothing recorded is lost
    ├── UsageError                  exit 2   the call, plan, policy or dataset is wrong
    │   ├── ConfigError                      a plan or policy file: file, line, key
    │   ├── UnknownNameError                 a name that nothing carries: did you mean …?
    │   └── DatasetError                     rows that cannot be read, or differ from their pin
    ├── TargetError                 exit 1   a model that cannot be asked at all
    ├── StoreError                  exit 1   the store is locked, full or damaged
    ├── EvidenceError               exit 13  evidence that does not verify: changed, forged, missing
    └── StoppedError                         stopped on purpose; the same command resumes
        ├── BudgetReachedError      exit 12  a limit of the plan's budget was reached
        └── InterruptedByUserError  exit 130 Ctrl-C

A single bad answer is never an error: it is data (`records.Failure`, `records.Unscored`). Only a
broken machine raises.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means; stable, part of the public interface."""

    ALLOWED = 0, "allowed"
    BROKEN = 1, "something broke"
    USAGE = 2, "usage or configuration"
    REVIEW = 10, "human review needed"
    BLOCKED = 11, "blocked"
    INCONCLUSIVE = 12, "inconclusive"
    UNVERIFIED = 13, "evidence failed verification"
    EXPIRED = 14, "expired"
    INTERRUPTED = 130, "interrupted"

    meaning: str
    """A few words for people."""

    def __new__(cls, code: int, meaning: str) -> ExitCode:
        """The number is the value; the words ride along."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


class ModelassayError(Exception):
    """Base of every error that modelassay raises on purpose.

    Args:
        what: one sentence, what was wrong.
        where: the place: a file, ``file:line``, a URL, a key.
        mend: one sentence, what to do about it.
    """

    exit_code: ExitCode = ExitCode.BROKEN

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what, where, mend)
        self.what = what
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        mend = f" ({self.mend})" if self.mend else ""
        return f"{place}{self.what}{mend}"


class UsageError(ModelassayError):
    """The call, the plan, the policy or the data is wrong; nothing was asked or written."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A plan or policy file that cannot be used; ``where`` is ``file:line: key``."""


class UnknownNameError(UsageError):
    """A name that nothing carries.

    Args:
        kind: what was looked for, such as ``evaluator``.
        name: the name given.
        known: every name that would have worked.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        names = sorted(known)
        super().__init__(f"unknown {kind} {name!r}", where=where, mend=_suggest(name, names))


class DatasetError(UsageError):
    """A dataset that cannot be read, or whose bytes are not those it was pinned to."""


class TargetError(ModelassayError):
    """A model that cannot be asked at all: unreachable, unauthorised, not the model asked for."""


class NoModelError(TargetError):
    """A folder that holds no model, or no adapter, to be asked: the call or the plan names the wrong one."""

    exit_code = ExitCode.USAGE


class StoreError(ModelassayError):
    """The store cannot be used: locked by another process, disk full, damaged."""


class EvidenceError(ModelassayError):
    """Evidence that does not verify: changed bytes, a wrong signature, a missing or malformed part."""

    exit_code = ExitCode.UNVERIFIED


class StoppedError(ModelassayError):
    """Work stopped on purpose before its end; the same command continues where it stopped."""


class BudgetReachedError(StoppedError):
    """A limit of the plan's budget was reached."""

    exit_code = ExitCode.INCONCLUSIVE


class InterruptedByUserError(StoppedError):
    """Ctrl-C or SIGTERM."""

    exit_code = ExitCode.INTERRUPTED


def _suggest(name: str, known: list[str]) -> str:
    """The sentence after an unknown name: the nearest known one, else all of them."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if not known:
        return "there is none here"
    return "known: " + ", ".join(known)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint for a misspelt `name`: ``did you mean 'x'?`` or the list of `known` names."""
    return _suggest(name, sorted(known))
