"""Steps of which a record says itself that rollouts are missing: its log does not follow from the rest.

A step is left out of comparisons only where it has too few rollouts, and for no more rollouts than the record
says to lack: who declares a gap hides nothing beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from modelassay.errors import EvidenceError
from modelassay.training.cut_short import cut_short
from modelassay.training.happenings import Gap, said
from modelassay.training.run import Run

STEADY = 0.9
"""Share of steps of one size from which another size is conspicuous."""
CUT_OFF = "the file ends in the middle"
"""How importers begin to say of a line that it is the half-written end of a file."""
_STEP_OF_ROW = re.compile(r'"(?:global_|training_|train_)?(?:step|iteration)"\s*:\s*(\d{1,12})\b')
_FOREVER = 2**62


@dataclass(frozen=True)
class Lack:
    """Rollouts that a record says to lack."""

    first: int
    """Step that they may be of, the first of several; likewise `last`."""
    last: int
    rollouts: int | None = None
    """How many at most; None where nobody can say."""


class _Quarantined(msgspec.Struct, frozen=True):
    """A line of ``quarantine.jsonl``."""

    where: str = ""
    reason: str = ""
    row: str = ""


def lacks_of(run: Run) -> tuple[Lack, ...]:
    """What `run` says to lack: gaps of its recorder, steps in the middle of which a process ended, and rows
    that an importer could not read."""
    ends = (Lack(each.step, each.step, each.rollouts) for each in cut_short(run))
    return (*_gaps(run), *ends, *_quarantined(run))


def _gaps(run: Run) -> Iterator[Lack]:
    for event in run.events():
        if event.kind != "gap":
            continue
        try:
            gap = said(event, Gap)
        except (
            EvidenceError
        ):  # the statement of coverage names it; of how much nobody knows nothing is left out
            continue
        if gap.rollouts > 0 and gap.last_step >= 0:
            yield Lack(max(gap.first_step, 0), gap.last_step, gap.rollouts)
        elif gap.rollouts > 0:
            yield Lack(0, _FOREVER, gap.rollouts)


def _quarantined(run: Run) -> Iterator[Lack]:
    """Rows that could not be read, by the step that they or their file name; the last where a file is cut."""
    path = run.folder / "quarantine.jsonl"
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                row = msgspec.json.decode(line, type=_Quarantined)
            except msgspec.DecodeError as error:
                raise EvidenceError(f"a line cannot be read: {error}", where=str(path)) from error
            steps = _steps(row)
            yield from (Lack(step, step) for step in steps)
            if not steps and row.reason.startswith(CUT_OFF):
                yield Lack(_FOREVER, _FOREVER)


def _steps(row: _Quarantined) -> list[int]:
    named = re.findall(r"\d{1,12}", row.where.partition(":")[0].partition(".")[0])[-1:]
    return sorted({int(number) for number in (*named, *_STEP_OF_ROW.findall(row.row)[:1])})


def usual_size(sizes: Mapping[int, int]) -> int | None:
    """Rollouts that nearly all steps, or all but one, have; of two steps the larger. None where sizes vary.

    Args:
        sizes: rollouts by step.
    """
    if not sizes:
        return None
    values, counts = np.unique(-np.array(list(sizes.values())), return_counts=True)
    steady = counts.max() >= STEADY * len(sizes) or len(sizes) - counts.max() == 1
    return -int(values[counts.argmax()]) if steady else None


def lacking_steps(missing: Mapping[int, int | None], lacks: Sequence[Lack]) -> frozenset[int]:
    """Steps that lack rollouts, as far as `lacks` accounts for them.

    Args:
        missing: by step, how many rollouts it has too few; None where nothing tells, so that a step that is
            named by a lack is taken to lack one.
    """
    last = max(missing, default=0)
    listed = [Lack(last, last) if lack.first == _FOREVER else lack for lack in lacks]
    left = [lack.rollouts for lack in listed]
    wide = [n for n, lack in enumerate(listed) if lack.first != lack.last]
    of_step: dict[int, list[int]] = {}
    for n, lack in enumerate(listed):
        if lack.first == lack.last:
            of_step.setdefault(lack.first, []).append(n)
    found = set()
    for step, few in sorted(missing.items()):
        here = of_step.get(step, []) + [
            n
            for n in wide
            if listed[n].first <= step <= listed[n].last and (few is not None or listed[n].last < _FOREVER)
        ]
        needed = 1 if few is None else few
        if needed > 0 and here and _accounted(needed, here, listed, left):
            found.add(step)
    return frozenset(found)


def _accounted(needed: int, here: list[int], listed: Sequence[Lack], left: list[int | None]) -> bool:
    """Whether the lacks `here` account for `needed` rollouts, which are then taken from what is `left`.

    Those that reach least far come first: the others may still account for later steps.
    """
    if any(left[n] is None for n in here):
        return True
    if sum(left[n] or 0 for n in here) < needed:
        return False
    for n in sorted(here, key=lambda n: listed[n].last):
        taken = min(needed, left[n] or 0)
        left[n] = (left[n] or 0) - taken
        needed -= taken
    return True
