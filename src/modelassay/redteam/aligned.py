"""Attempts of two runs whose prompts differ because the probe reacts: put beside each other all the same.

A probe that reacts to answers, or has another model write its prompts, asks each model something else; by
their words no two of its attempts are a pair. They are put beside each other by how they begin, and else in
their order, which says how often each model gave in and claims no pair of answers to the same words. What
such a conversation began with is its cluster.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from modelassay.canonical import digest_bytes
from modelassay.interop.run import Item, Run

_Asked = dict[str, Item]
"""The first item of each prompt, by its id."""


class Aligned(NamedTuple):
    """Two runs of which attempts that belong beside each other have one id."""

    runs: dict[str, Run]
    clusters: dict[str, str]
    """By id, of prompts that were put beside each other; others are clusters of their own."""
    notes: tuple[str, ...]


def aligned(runs: Mapping[str, Run]) -> Aligned:
    """`runs`, the candidate's prompts that react named as those of the baseline that they stand beside."""
    if "baseline" not in runs:
        return Aligned(dict(runs), {}, ())
    asked = {side: _by_probe(each) for side, each in runs.items()}
    names: dict[str, str] = {}
    clusters: dict[str, str] = {}
    notes = []
    for probe, of_candidate in asked["candidate"].items():
        of_baseline = asked["baseline"].get(probe, {})
        before, after = (
            _reacting(own, other) for own, other in ((of_baseline, of_candidate), (of_candidate, of_baseline))
        )
        found = dict(_beside(before, after))
        names |= found
        clusters |= {each.id: _began(probe, each) for each in (*before, *after) if each.id not in found}
        if found:
            notes.append(
                f"{len(found):,} prompts of {probe} are not the same words to both models, for it reacts to "
                "answers or has its prompts written anew: they stand beside each other by how they begin, "
                "else in their order."
            )
    items = tuple(
        msgspec.structs.replace(item, id=names.get(item.id, item.id)) for item in runs["candidate"].items
    )
    candidate = msgspec.structs.replace(runs["candidate"], items=items)
    return Aligned({**runs, "candidate": candidate}, clusters, tuple(notes))


def _by_probe(run: Run) -> dict[str, _Asked]:
    found: dict[str, _Asked] = defaultdict(dict)
    for item in run.items:
        if item.messages:
            found[item.tags.get("probe", "")].setdefault(item.id, item)
    return found


def _reacting(own: _Asked, other: _Asked) -> list[Item]:
    """Prompts of one run that the other has not, and that were made of answers: they hold some, or no prompt
    of the probe was put to both."""
    apart = [item for name, item in own.items() if name not in other]
    if len(apart) == len(own):
        return apart
    return [item for item in apart if any(message.role == "assistant" for message in item.messages)]


def _beside(baseline: Sequence[Item], candidate: Sequence[Item]) -> Iterator[tuple[str, str]]:
    """Id of the candidate's prompt and of the baseline's that it belongs beside."""
    waiting: dict[tuple[str, int], list[Item]] = defaultdict(list)
    for item in baseline:
        waiting[_start(item)].append(item)
    rest = []
    for item in candidate:
        alike = waiting[_start(item)]
        if alike:
            yield item.id, alike.pop(0).id
        else:
            rest.append(item)
    left = {item.id for each in waiting.values() for item in each}
    for item, other in zip(rest, (each for each in baseline if each.id in left), strict=False):
        yield item.id, other.id


def _start(item: Item) -> tuple[str, int]:
    """What was asked first, and after how many messages the answer came."""
    first = next((message.content for message in item.messages if message.role == "user"), "")
    return first, len(item.messages)


def _began(probe: str, item: Item) -> str:
    return f"{probe}/{digest_bytes(_start(item)[0].encode())}"
