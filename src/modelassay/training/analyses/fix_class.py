"""Whether a fix was made at what gives the reward, or only at what shows the behaviour: by its places."""

from __future__ import annotations

import re

import msgspec

from modelassay.records import RunEvent
from modelassay.training.happenings import Fix, FixClass

_STRONGEST_FIRST: tuple[FixClass, ...] = ("root cause", "symptom")
_AT_CAUSE = ("grader", "reward", "env", "task", "data", "dataset", "verifier", "rubric", "sandbox")
_HIDES = ("filter", "penalty", "blocklist", "blacklist", "denylist")
"""Words of what can do nothing but hide or fine a behaviour, whatever else its name says."""
_AT_SYMPTOM = (*_HIDES, "regex", "postprocess", "prompt", "format", "eval", "monitor", "length")
_DATA = ("data", "task", "prompt")
_TESTS = ("test", "tests", "unittest", "unittests")
_DOCUMENTS = re.compile(r"(?i)(readme|licen[cs]e|changelog|contributing)(\..*)?|.*\.(md|rst)")
_WITHIN_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
"""Where ``FormatReward`` is two words."""


class FixClassed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the assessor says of the class of a fix, having read it."""

    fix: str
    """Id of the alarm that the fix answers."""
    kind: FixClass = msgspec.field(name="class")
    why: str
    step: int | None = None
    """Step of the fix; every fix of the alarm when None."""

    def speaks_of(self, event: RunEvent) -> bool:
        """Whether it is of the fix that `event` tells of."""
        return event.alarm == self.fix and self.step in (None, event.step)


def fix_class(fix: Fix, by_assessor: FixClass | None = None) -> FixClass:
    """Whether a fix touches what gives the reward (root cause) or only what shows the behaviour (symptom).

    Words of its paths and settings decide, place by place: ``reward/length_penalty.py`` is a penalty,
    ``evaluation/grader.py`` the grader. One place at the cause is enough; tests and documents change nothing
    (`is_inert`). The assessor's own class wins.
    """
    if by_assessor is not None:
        return by_assessor
    places = {
        *(_place_class(*_parts(path, file=True)) for path in fix.paths if not is_inert(path)),
        *(_place_class(*_parts(setting, file=False)) for setting in fix.settings),
    }
    return next((each for each in _STRONGEST_FIRST if each in places), "unknown")


def at_cause(fix: Fix) -> bool:
    """Whether some place of a fix is at what gives the reward."""
    return fix_class(fix) == "root cause"


def of_data(fix: Fix) -> bool:
    """Whether some place of a fix is data of training, by its name."""
    return any(_speaks_of(place, _DATA) for place in (*fix.paths, *fix.settings) if not is_inert(place))


def is_inert(path: str) -> bool:
    """Whether a file can change nothing in training: a document, or a test of code.

    Tests of a task or an environment are what grades answers there.
    """
    own, around = _parts(path, file=True)
    if _DOCUMENTS.fullmatch(own):
        return True
    words = _words(f"{around} {own}")
    return any(word in _TESTS for word in words) and not _speaks_of(around, _AT_CAUSE)


def _parts(place: str, *, file: bool) -> tuple[str, str]:
    """The own name of a file or setting, and what it lies in."""
    place = place.replace("\\", "/").strip("/ ")
    around, _, own = place.rpartition("/" if file or "/" in place else ".")
    return own, around


def _place_class(own: str, around: str) -> FixClass:
    """By a place's own name, and by what it lies in where that says nothing or speaks against it.

    A grader lies in ``evaluation/`` as well as anywhere: only among filters is it doubtful.
    """
    if _speaks_of(own, _HIDES):
        return "symptom"
    kinds, lies_in = _kinds(own), _kinds(around)
    if kinds != {"root cause"}:
        kinds |= lies_in
    elif _speaks_of(around, _HIDES):
        kinds.add("symptom")
    return kinds.pop() if len(kinds) == 1 else "unknown"


def _kinds(name: str) -> set[FixClass]:
    """Every class of which some word of `name` speaks."""
    spoken = {"root cause": _AT_CAUSE, "symptom": _AT_SYMPTOM}
    return {each for each in _STRONGEST_FIRST if _speaks_of(name, spoken[each])}


def _speaks_of(name: str, beginnings: tuple[str, ...]) -> bool:
    return any(word.startswith(beginnings) for word in _words(name))


def _words(name: str) -> list[str]:
    parted = _WITHIN_WORD.sub(" ", name).lower()
    return "".join(c if c.isalnum() else " " for c in parted).split()
