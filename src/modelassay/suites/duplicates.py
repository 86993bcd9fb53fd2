"""Rows with equal content are one sample: keep the first, count the rest, refuse contradictions.

What the first row says stands; tags that only a later row has are added to it, so that a sample which
belongs to two cohorts is counted in both, and so is the attack that only a later row says it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from modelassay.errors import DatasetError
from modelassay.records import Sample
from modelassay.suites.columns import Placed


def drop_duplicates(placed: Iterable[Placed]) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """The samples of `placed` with each content once, in order, and warnings about what was dropped.

    Raises:
        DatasetError: the same content is given two kinds, so that no answer could satisfy both.
    """
    first: dict[str, Placed] = {}
    repeats: list[tuple[str, str]] = []
    relabelled: list[tuple[str, str]] = []
    for entry in placed:
        kept = first.setdefault(entry.sample.id, entry)
        if kept is entry:
            continue
        if kept.sample.kind != entry.sample.kind:
            raise DatasetError(
                f"the same content is {entry.sample.kind} here and {kept.sample.kind} at {kept.place}",
                where=entry.place,
                mend="decide on one kind and remove the other row",
            )
        same = _labels(kept.sample) == _labels(entry.sample)
        (repeats if same else relabelled).append((entry.place, kept.place))
        if not same:
            tags = entry.sample.tags | kept.sample.tags
            attacked = kept.sample.attacked or entry.sample.attacked
            both = msgspec.structs.replace(kept.sample, tags=tags, attacked=attacked)
            first[entry.sample.id] = Placed(kept.place, both)
    samples = tuple(entry.sample for entry in first.values())
    return samples, (*_warning(repeats, "repeated row", ""), *_warning(relabelled, *_RELABELLED))


def _labels(sample: Sample) -> tuple[object, ...]:
    """What rows of equal content may say otherwise."""
    return sample.tags, sample.cluster, sample.attacked


_RELABELLED = ("repeated row with other tags", ", whose tags stand where both have one")


def _warning(pairs: Sequence[tuple[str, str]], noun: str, tail: str) -> tuple[str, ...]:
    if not pairs:
        return ()
    here, there = pairs[0]
    count = f"1 {noun} was" if len(pairs) == 1 else f"{len(pairs)} {noun.replace('row', 'rows', 1)} were"
    return (f"{count} dropped, first {here} (same content as {there}{tail})",)
