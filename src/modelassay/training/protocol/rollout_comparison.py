"""Rollouts of a segment, as recorded and as replayed, held against each other token by token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from modelassay.records import RolloutReference
from modelassay.training.columns import REWARD_PREFIX
from modelassay.training.protocol.absent import read_absent
from modelassay.training.protocol.scoring import Logged
from modelassay.training.run import Run
from modelassay.training.stretches import processes_of

Taken = TypeVar("Taken")
"""What is kept of a row."""


@dataclass(frozen=True)
class RolloutComparison:
    """Rollouts of a segment, recorded and replayed."""

    recorded: int
    replayed: int
    equal: int
    """Rollouts of the record that were replayed with the same prompt, tokens and scores."""
    by_tokens: bool
    """Whether token ids were compared; else the texts were."""
    first: RolloutReference | None = None
    """The first that differs."""
    other_prompts: int = 0
    """Rollouts of the record in whose place another prompt was replayed."""
    differing_steps: tuple[int, ...] = ()
    """Steps of which a rollout differs, or only one side has it; sorted."""
    other_texts: int = 0
    """Rollouts whose prompt or completion has the same tokens in the replay, and another text."""
    other_scores: int = 0
    """Rollouts that are the same in the replay but for what graders gave them."""

    @property
    def all_equal(self) -> bool:
        """Whether both sides have the same rollouts."""
        return self.equal == self.recorded == self.replayed

    @property
    def share(self) -> float:
        """Of the recorded or replayed rollouts, whichever are more, those that are equal."""
        return self.equal / max(self.recorded, self.replayed, 1)


def compare_rollouts(recorded: Run, replayed: Run, first: int, last: int) -> RolloutComparison:
    """Compare training rollouts of the steps `first` to `last`, in their order within each step.

    Of steps that the record has twice, those of the processes that came last are compared.
    """
    theirs, mine = _by_step(recorded, first, last), _by_step(replayed, first, last)
    total = equal = strange = reworded = regraded = 0
    by_tokens = True
    odd: RolloutReference | None = None
    differing: list[int] = []
    for step in sorted(theirs.keys() | mine.keys()):
        rows, again = theirs.get(step, []), mine.get(step, [])
        total += len(rows)
        before = equal
        for place, row in enumerate(rows):
            other = again[place] if place < len(again) else None
            strange += other is not None and row.prompt != other.prompt
            reworded += other is not None and row.reworded(other)
            by_tokens = by_tokens and row.tokens is not None and (other is None or other.tokens is not None)
            regraded += other is not None and row.alike(other) and row.scores != other.scores
            if other is not None and row.same(other):
                equal += 1
            elif odd is None:
                note = "was not replayed" if other is None else "differs in the replay"
                odd = RolloutReference(seq=row.seq, step=step, group=row.group, note=note)
        if equal - before != len(rows) or len(rows) != len(again):
            differing.append(step)
    again_all = sum(map(len, mine.values()))
    return RolloutComparison(
        total, again_all, equal, by_tokens and total > 0, odd, strange, tuple(differing), reworded, regraded
    )


def lacking_parts(recorded: Run, first: int, last: int) -> str:
    """Parts of rollouts of a segment that were erased or withheld, in words; empty where all are there."""
    counts: Counter[str] = Counter()
    for line in read_absent(recorded.folder).lines:
        if line.phase == "train" and first <= line.step <= last:
            counts[line.part] += len(line.ordinals)
    told = " and ".join(f"the {part} of {count:,}" for part, count in sorted(counts.items()))
    return f"this copy of the record lacks {told} of the rollouts" if told else ""


def why_a_copy(recorded: Run, replayed: Run, first: int, last: int) -> str:
    """What shows that `replayed` is a copy of the record, in words; empty where nothing does.

    A replay is made after the record: neither its beginning nor its events nor its rollouts are of the same
    moments.
    """
    begun = recorded.manifest.started
    if begun and begun == replayed.manifest.started:
        return f"it began at the same time, {begun}"
    theirs = {msgspec.json.encode(event, order="sorted") for event in recorded.events()}
    for event in replayed.events():
        if msgspec.json.encode(event, order="sorted") in theirs:
            return f"it has the same event ({event.kind[:40]}, {event.time[:40]})"
    mine = _times(replayed, first, last)
    shared = sum((mine & _times(recorded, first, last)).values())
    if 2 * shared > mine.total():
        return f"{shared:,} of its rollouts are of the same moments"
    return ""


def _times(run: Run, first: int, last: int) -> Counter[tuple[Any, ...]]:
    """Rollouts of some steps by what they say and when; those of no known time are left out."""
    rows = _rows(run, ["time", "prompt", "completion"], first, last)
    return Counter(row for row in rows if row[1])


class _Row(msgspec.Struct, frozen=True):
    """What of a rollout is compared."""

    seq: int
    rank: int
    group: str
    prompt: str
    completion: str
    scores: tuple[float | None, ...]
    tokens: list[int] | None
    prompt_tokens: list[int] | None

    def same(self, other: _Row) -> bool:
        """Whether both are the same rollout."""
        return self.scores == other.scores and self.alike(other)

    def alike(self, other: _Row) -> bool:
        """Whether both are the same rollout but for their scores."""
        if (self.prompt, self.completion) != (other.prompt, other.completion):
            return False
        return self.tokens is None or other.tokens is None or self.tokens == other.tokens

    def reworded(self, other: _Row) -> bool:
        """Whether the same tokens stand for another text, which no chance of sampling explains."""
        return (
            bool(self.tokens) and self.tokens == other.tokens and self.completion != other.completion
        ) or (
            bool(self.prompt_tokens)
            and self.prompt_tokens == other.prompt_tokens
            and self.prompt != other.prompt
        )


class _Extra(msgspec.Struct):
    """What `extra` says of tokens."""

    completion_ids: list[int] | None = None
    prompt_ids: list[int] | None = None
    logprobs: list[float] | None = None


def _by_step(run: Run, first: int, last: int) -> dict[int, list[_Row]]:
    rewards = [REWARD_PREFIX + each.name for each in run.manifest.rewards]
    found: dict[int, dict[int, list[_Row]]] = {}
    for values in _rows(
        run, ["seq", "rank", "group", "prompt", "completion", "extra", *rewards], first, last
    ):
        step, seq, rank, group, prompt, completion, text, *scores = values
        extra = _extra(text)
        tokens = extra.completion_ids, extra.prompt_ids
        row = _Row(seq, rank, group, prompt, completion, tuple(scores), *tokens)
        found.setdefault(step, {}).setdefault(rank, []).append(row)
    world = processes_of(run)
    return {step: _last_stretch(by_rank, world) for step, by_rank in found.items()}


def _last_stretch(by_rank: Mapping[int, list[Taken]], world: int) -> list[Taken]:
    """The rows of the processes that took a step last: those of the newest resumption among them."""
    newest = max(by_rank) // world
    return [row for rank in sorted(by_rank) if rank // world == newest for row in by_rank[rank]]


def _rows(run: Run, names: list[str], first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """Training rows of some steps: the step, then the columns `names`."""
    import pyarrow.compute as compute

    for batch in run.batches(["step", "phase", *names]):
        step = batch.column("step")
        chosen = compute.and_(compute.greater_equal(step, first), compute.less_equal(step, last))
        part = batch.filter(compute.and_(chosen, compute.equal(batch.column("phase"), "train")))
        yield from zip(*(part.column(name).to_pylist() for name in ("step", *names)), strict=True)


def _extra(text: str) -> _Extra:
    if not text:
        return _Extra()
    try:
        return msgspec.json.decode(text, type=_Extra)
    except msgspec.DecodeError:
        return _Extra()  # what is no list of tokens says nothing of tokens


def count_of_step(run: Run, step: int) -> int:
    """Training rollouts of a step; of one that was taken twice, those of the processes that came last."""
    return len(_by_step(run, step, step).get(step, []))


def logged_rollouts(run: Run, step: int, most: int = 256) -> tuple[Logged, ...]:
    """Training rollouts of a step with their tokens, where the record has them; at most `most`.

    Of a step that was taken twice, those of the processes that came last.
    """
    by_rank: dict[int, list[str]] = {}
    for _, rank, text in _rows(run, ["rank", "extra"], step, step):
        by_rank.setdefault(rank, []).append(text)
    found: list[Logged] = []
    for text in _last_stretch(by_rank, processes_of(run)) if by_rank else ():
        extra = _extra(text)
        if extra.prompt_ids and extra.completion_ids and len(found) < most:
            logprobs = tuple(extra.logprobs) if extra.logprobs else None
            found.append(Logged(tuple(extra.prompt_ids), tuple(extra.completion_ids), logprobs))
    return tuple(found)
