"""Replay of a segment: train again from a recorded checkpoint, and hold what comes out against the record.

The assessor resumes training from checkpoint N with its optimizer, random numbers and data order, records it
(`modelassay.Recorder`), and compares: rollouts token by token, and weights by ::

    ‖W_replay − W_claimed‖ / ‖W_claimed − W_N‖

On one thread of a CPU both are exact. On accelerators they are not; the tolerance then comes from replays
that the developer made of the same segment. A segment that can be replayed may still have been chosen or
spoofed (Jia et al. 2021 and the attacks on it): it supports the record, and proves nothing about what is not
in it.

Choose segments within the first epoch: where a checkpoint does not hold the state of the sampler (as with TRL
1.16), the data of a later epoch come in another order, which shows here as other prompts.

Where nothing can be replayed, logged tokens can still be scored under the checkpoint that is said to have
sampled them (`training.protocol.sampling`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from modelassay.artifacts.fingerprint import fingerprint_folder
from modelassay.errors import EvidenceError, UsageError, did_you_mean
from modelassay.records import RolloutReference, RunCheckpoint, RunFinding
from modelassay.training.columns import REWARD_PREFIX
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.protocol.scoring import Logged
from modelassay.training.protocol.weight_distance import WeightDeviation
from modelassay.training.run import Run
from modelassay.training.stretches import processes_of

CHECK = "replay"
NEEDED = ("weights", "optimizer", "scheduler", "rng", "data")
"""Parts of a checkpoint without which training does not go on as it did."""
SLACK = 2.0
"""The tolerance is so many times the largest deviation among the developer's own replays (a convention)."""
TELLING = 0.5
"""From this tolerance on, a replay could not be told from other training: nothing is concluded."""


def why_not_replayable(checkpoint: RunCheckpoint) -> str:
    """What a checkpoint lacks, in words; empty when training can go on from it."""
    missing = [part for part in NEEDED if part not in checkpoint.parts]
    if not missing:
        return ""
    hint = " (it was saved with save_only_model)" if {"optimizer", "rng"} <= set(missing) else ""
    return f"{checkpoint.name} holds no {', '.join(missing)}{hint}"


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

    @property
    def share(self) -> float:
        """Of the recorded or replayed rollouts, whichever are more, those that are equal."""
        return self.equal / max(self.recorded, self.replayed, 1)


def compare_rollouts(recorded: Run, replayed: Run, first: int, last: int) -> RolloutComparison:
    """Compare training rollouts of the steps `first` to `last`, in their order within each step.

    Of steps that the record has twice, those of the processes that came last are compared.
    """
    theirs, mine = _by_step(recorded, first, last), _by_step(replayed, first, last)
    total = equal = strange = 0
    by_tokens = True
    odd: RolloutReference | None = None
    for step in sorted(theirs.keys() | mine.keys()):
        rows, again = theirs.get(step, []), mine.get(step, [])
        total += len(rows)
        for place, row in enumerate(rows):
            other = again[place] if place < len(again) else None
            strange += other is not None and row.prompt != other.prompt
            by_tokens = by_tokens and row.tokens is not None and (other is None or other.tokens is not None)
            if other is not None and row.same(other):
                equal += 1
            elif odd is None:
                note = "was not replayed" if other is None else "differs in the replay"
                odd = RolloutReference(seq=row.seq, step=step, group=row.group, note=note)
    again_all = sum(map(len, mine.values()))
    return RolloutComparison(total, again_all, equal, by_tokens and total > 0, odd, strange)


class _Row(msgspec.Struct, frozen=True):
    """What of a rollout is compared."""

    seq: int
    rank: int
    group: str
    prompt: str
    completion: str
    scores: tuple[float | None, ...]
    tokens: list[int] | None

    def same(self, other: _Row) -> bool:
        """Whether both are the same rollout."""
        if (self.prompt, self.completion, self.scores) != (other.prompt, other.completion, other.scores):
            return False
        return self.tokens is None or other.tokens is None or self.tokens == other.tokens


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
        step, seq, rank, group, prompt, completion, extra, *scores = values
        row = _Row(seq, rank, group, prompt, completion, tuple(scores), _extra(extra).completion_ids)
        found.setdefault(step, {}).setdefault(rank, []).append(row)
    world = processes_of(run)
    return {step: _last_stretch(by_rank, world) for step, by_rank in found.items()}


def _last_stretch(by_rank: dict[int, list[_Row]], world: int) -> list[_Row]:
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


def tolerance_of(own: Sequence[WeightDeviation]) -> float:
    """The deviation that is allowed, from replays that the developer made of the same segment."""
    return SLACK * max((each.ratio for each in own), default=0.0)


def replay_finding(
    checkpoint: RunCheckpoint,
    rollouts: RolloutComparison,
    weights: WeightDeviation | None,
    own: Sequence[WeightDeviation] = (),
    *,
    run: str,
) -> RunFinding:
    """What a replay from `checkpoint` says about the record.

    By itself it is of the second tier: what was logged follows from training. An assessment gives it the tier
    that the run has.

    Args:
        run: id of the run that was replayed.
        weights: of the end of the segment; None when its checkpoint was not compared.
        own: the developer's replays against what they claim; none allows no deviation at all.
    """
    about = {"run": run, "from": checkpoint.name, "digest": checkpoint.digest or ""}
    if why := why_not_replayable(checkpoint):
        question = "Can a checkpoint with optimizer and random number states be handed over?"
        return not_assessable(CHECK, why, about=about, question=question)
    if not rollouts.recorded and weights is None:
        return not_assessable(CHECK, "there is nothing to compare the replay with", about=about)
    tolerance = tolerance_of(own)
    if not tolerance < TELLING:
        why = f"the developer's own replays differ by {tolerance / SLACK:.2g} of what the segment moved"
        return not_assessable(CHECK, why, about=about)
    if rollouts.recorded == rollouts.replayed and 2 * rollouts.other_prompts > rollouts.recorded:
        why = "the replay drew other data than the record: the state of the sampler is in no checkpoint"
        return not_assessable(CHECK, why, about=about, question="In what order did the data come?")
    exact = tolerance == 0
    ratio = weights.ratio if weights is not None and math.isfinite(weights.ratio) else None
    near = weights is None or weights.ratio <= tolerance
    as_many = rollouts.recorded == rollouts.replayed
    # With a tolerance the replay is not deterministic, and sampled rollouts may differ; weights decide.
    holds = near and as_many and (rollouts.equal == rollouts.recorded or not (exact or weights is None))
    if holds and weights is not None and weights.moved == 0:
        why = "the segment is said to have moved no weight, which any training that does nothing reproduces"
        return not_assessable(CHECK, why, about=about, question="What was trained in this segment?")
    return run_finding(
        CHECK,
        "replayed" if holds else "deviates",
        _statement(checkpoint, rollouts, weights, tolerance, holds),
        about=about,
        state="shown_fine" if holds else "shown_harmful",
        severity="none" if holds else "high",
        assurance="T2",
        values={
            "rollouts": decimal(rollouts.recorded),
            "equal": decimal(rollouts.equal),
            "tolerance": decimal(tolerance, 9),
            **({} if ratio is None else {"weight_ratio": decimal(ratio, 9)}),
        },
        evidence=[rollouts.first] if rollouts.first else (),
        method="replayed from the checkpoint; exact"
        if exact
        else f"tolerance {SLACK:g} x the developer's own",
        question="" if holds else f"Why does training from {checkpoint.name} not lead to what was recorded?",
    )


def _statement(
    checkpoint: RunCheckpoint,
    rollouts: RolloutComparison,
    weights: WeightDeviation | None,
    tolerance: float,
    holds: bool,
) -> str:
    what = "token by token" if rollouts.by_tokens else "by their text"
    said = [
        f"Training replayed from {checkpoint.name} gives {rollouts.equal:,} of {rollouts.recorded:,} "
        f"recorded rollouts {what}"
    ]
    if rollouts.replayed != rollouts.recorded:
        said.append(f"{rollouts.replayed:,} were replayed")
    if weights is not None and not weights.differing:
        said.append("and the weights that are claimed, to the bit")
    elif weights is not None:
        said.append(
            f"and weights {weights.ratio:.3g} of the way moved apart from those claimed "
            f"({'within' if weights.ratio <= tolerance else 'beyond'} {tolerance:.3g})"
        )
    return ", ".join(said) + ("." if holds else ": it does not reproduce the record.")


def logged_rollouts(run: Run, step: int, most: int = 256) -> tuple[Logged, ...]:
    """Training rollouts of a step with their tokens, where the record has them; at most `most`."""
    found: list[Logged] = []
    for _, text in _rows(run, ["extra"], step, step):
        extra = _extra(text)
        if extra.prompt_ids and extra.completion_ids and len(found) < most:
            logprobs = tuple(extra.logprobs) if extra.logprobs else None
            found.append(Logged(tuple(extra.prompt_ids), tuple(extra.completion_ids), logprobs))
    return tuple(found)


def recorded_checkpoint(run: Run, folder: Path) -> RunCheckpoint:
    """What `run` says of the checkpoint in `folder`, which must be that one.

    Raises:
        UsageError: the run has recorded no checkpoint of this name.
        EvidenceError: the folder holds other files than were recorded, or the record has no digest of it.
    """
    known = {each.name: each for each in run.checkpoints()}
    found = known.get(folder.name)
    if found is None:
        raise UsageError(
            f"the run has recorded no checkpoint {folder.name!r}",
            where=str(folder),
            mend=did_you_mean(folder.name, known),
        )
    if found.digest is None or fingerprint_folder(folder).digest != found.digest:
        what = "has no digest of it in the record" if found.digest is None else "is not the one recorded"
        raise EvidenceError(f"{folder.name} {what}", where=str(folder), mend="restore it from a copy")
    return found
