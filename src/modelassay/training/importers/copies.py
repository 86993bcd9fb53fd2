"""Rollouts that stand in a source more than once: a step that is a copy of another, a table beside its copy.

Rollouts count as copies where task, completion and reward are the same to the letter. A policy that always
answers alike makes such rollouts too, above all short ones. So single rollouts never count: only groups that
hold different answers of some words, and whole steps of many different rollouts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelassay.training.columns import pa

LONG = 40
"""Words of a group's completions, told by spaces, from which no chance makes another group the same."""
MANY = 32
"""Different rollouts of a step from which no chance makes another step the same, however short they are."""
MOST_TIMES = 4
"""Copies of a step in itself that are sought."""
SHOWN = 5
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Repeats:
    """What stands in a source more than once."""

    rollouts: int = 0
    """Those beyond the first of each."""
    within: tuple[int, ...] = ()
    """Steps that hold all their rollouts several times over."""
    across: tuple[tuple[int, int], ...] = ()
    """Steps that hold rollouts of an earlier step, and that step."""

    def statements(self) -> list[str]:
        """What a reader is to be told."""
        told = []
        if self.within:
            told.append(
                f"Steps whose rollouts all stand there several times, word for word and with the same "
                f"rewards, as where a file lies beside its copy ({len(self.within):,}): "
                f"{_listed([str(step) for step in self.within])}. All of them are in the record."
            )
        if self.across:
            pairs = [f"{one} as {first}" if one != first else f"{one} twice" for one, first in self.across]
            told.append(
                f"Steps with groups that repeat earlier ones, word for word and with the same rewards "
                f"({len(self.across):,}): {_listed(pairs)}. They are in the record as they stand."
            )
        return told


class Copies:
    """Digests of training rollouts as they stream by; 32 bytes of each are kept."""

    def __init__(self) -> None:
        self._parts: list[tuple[Ints, ...]] = []

    def count(self, batch: pa.RecordBatch) -> None:
        """Take in one batch."""
        import pyarrow.compute as compute

        train = compute.equal(batch.column("phase"), "train")
        said = compute.not_equal(batch.column("completion"), "")
        rows = batch.filter(compute.and_(train, said))
        columns = [rows.column(name).to_pylist() for name in ("task", "completion", "reward")]
        self._parts.append(
            (
                np.fromiter(map(hash, zip(*columns, strict=True)), np.int64, rows.num_rows),
                np.fromiter(map(hash, rows.column("group").to_pylist()), np.int64, rows.num_rows),
                rows.column("step").to_numpy().astype(np.int64),
                np.fromiter((text.count(" ") for text in columns[1]), np.int64, rows.num_rows),
            )
        )

    def found(self) -> Repeats:
        """The copies among all that was counted."""
        if not self._parts:
            return Repeats()
        digest, group, step, words = (np.concatenate(each) for each in zip(*self._parts, strict=True))
        within, copied = _within(digest, step, words)
        across = _across(digest, step, step, words, copied, by_step=True)
        across |= _across(digest, group, step, words, copied, by_step=False)
        return Repeats(int(copied.sum()), tuple(within), tuple(sorted(across.items())))


def _within(digest: Ints, step: Ints, words: Ints) -> tuple[list[int], NDArray[np.bool_]]:
    """Steps whose rollouts, in order of arrival, are the same several times over; and which are copies."""
    copied = np.zeros(len(digest), np.bool_)
    found = []
    order = np.argsort(step, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(step[order])) + 1):
        for times in range(MOST_TIMES, 1, -1):
            if len(rows) % times:
                continue
            blocks = digest[rows].reshape(times, -1)
            once = rows[: blocks.shape[1]]
            if (blocks == blocks[0]).all() and _telling(digest[once], int(words[once].sum())):
                found.append(int(step[rows[0]]))
                copied[rows[len(once) :]] = True
                break
    return found, copied


def _across(
    digest: Ints, unit: Ints, step: Ints, words: Ints, copied: NDArray[np.bool_], *, by_step: bool
) -> dict[int, int]:
    """Steps with units that repeat earlier ones, and the steps of these; copies are marked in `copied`.

    Args:
        unit: the group or step of each rollout.
    """
    found: dict[int, int] = {}
    first: dict[tuple[int, int], int] = {}
    order = np.argsort(unit, kind="stable")
    units = np.split(order, np.flatnonzero(np.diff(unit[order])) + 1)
    for rows in sorted((each for each in units if len(each) > 1), key=lambda rows: int(rows[0])):
        here, at = digest[rows], int(step[rows[0]])
        enough = (
            len(np.unique(here)) >= MANY if by_step else _telling(here, int(words[rows].sum()), many=False)
        )
        if not enough:
            continue
        # The sum does not depend on the order in which rollouts of a unit were written.
        key = (len(rows), int(here.sum()))
        if key not in first:
            first[key] = at
        elif not copied[rows].all():
            found.setdefault(at, first[key])
            copied[rows] = True
    return found


def _telling(digest: Ints, words: int, *, many: bool = True) -> bool:
    """Whether chance cannot make these rollouts again: different ones, of some words or in great number."""
    different = len(np.unique(digest))
    return different > 1 and (words >= LONG or (many and different >= MANY))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else "")
