"""How the assessor classes fixes: a file of their own, apart from what the developer hands over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from modelassay.assessment.inputs import read_file
from modelassay.errors import UsageError
from modelassay.records import RunEvent
from modelassay.training.analyses.fix_class import FixClassed

_KEYS = (
    "its keys: fix (the alarm's id), class (root cause, symptom or unknown), why, step (of one of several)"
)


def read_classes(path: Path | None, events: Sequence[RunEvent]) -> tuple[FixClassed, ...]:
    """Classes from a file of JSON lines, each of a fix among `events`; none without a file.

    Raises:
        UsageError: it cannot be read; a line is no class, is of a fix that is not there, or of one again.
    """
    found: dict[tuple[str, int | None], FixClassed] = {}
    for number, line in enumerate(read_file(path).splitlines() if path else (), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            told = msgspec.json.decode(line, type=FixClassed)
        except msgspec.DecodeError as error:
            raise UsageError(f"not the class of a fix: {error}", where=where, mend=_KEYS) from error
        if not any(event.kind == "fix" and told.speaks_of(event) for event in events):
            at = "" if told.step is None else f" at step {told.step}"
            fixes = sorted({event.alarm for event in events if event.kind == "fix"})
            named = ", ".join(map(repr, fixes[:5])) or "none"
            raise UsageError(
                f"the run has no fix of {told.fix!r}{at}", where=where, mend=f"alarms with fixes: {named}"
            )
        if (told.fix, told.step) in found:
            raise UsageError(f"the fix of {told.fix!r} is classed twice", where=where, mend="keep one line")
        found[told.fix, told.step] = told
    return tuple(found.values())
