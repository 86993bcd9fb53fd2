"""Replay of a segment: train again from a recorded checkpoint, and hold what comes out against the record.

The assessor resumes training from checkpoint N with its optimizer, random numbers and data order, records it
(`modelassay.Recorder`), and compares: rollouts token by token, and weights by ::

    ‖W_replay − W_claimed‖ / ‖W_claimed − W_N‖

On one thread of a CPU both are exact. On accelerators they are not; the tolerance then comes from replays
that the developer made of the same segment: of weights from where these end, of rollouts from what they have
in common with this one (`training.protocol.replay_tolerance`). Rollouts of the first step that differ must be
such as the checkpoint samples (`training.protocol.sampling`). A replay that was set up otherwise than the
record (`training.protocol.set_up`) can support it, and accuses nobody. A segment that can be replayed may
still have been chosen or spoofed (Jia et al. 2021 and the attacks on it): it supports the record, and proves
nothing about what is not in it.

Choose segments within the first epoch: where a checkpoint does not hold the state of the sampler (as with TRL
1.16), the data of a later epoch come in another order, which shows here as other prompts.

Where nothing can be replayed, logged tokens can still be scored under the checkpoint that is said to have
sampled them (`training.protocol.sampling`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelassay.artifacts.fingerprint import fingerprint_folder
from modelassay.errors import EvidenceError, UsageError, did_you_mean
from modelassay.records import RunCheckpoint, RunFinding
from modelassay.training.findings import NOT_ASSESSABLE, decimal, not_assessable, run_finding
from modelassay.training.protocol.replay_tolerance import (
    LEVEL,
    SLACK,
    TELLING,
    differing_excess,
    open_excess_told,
    rescored_excess,
    rollout_tolerance,
    tolerance_of,
)
from modelassay.training.protocol.rollout_comparison import RolloutComparison
from modelassay.training.protocol.weight_distance import WeightDeviation
from modelassay.training.run import Run

CHECK = "replay"
NEEDED = ("weights", "optimizer", "scheduler", "rng", "data")
"""Parts of a checkpoint without which training does not go on as it did."""
OWN_AS_RECORDED = (
    "Can replays of your own be handed over with the settings, code and libraries of the record?"
)
HELD = "rollout_tolerance"
"""Value of a finding: the share of rollouts that were allowed to differ."""


def why_not_replayable(checkpoint: RunCheckpoint) -> str:
    """What a checkpoint lacks, in words; empty when training can go on from it."""
    missing = [part for part in NEEDED if part not in checkpoint.parts]
    if not missing:
        return ""
    hint = " (it was saved with save_only_model)" if {"optimizer", "rng"} <= set(missing) else ""
    return f"{checkpoint.name} holds no {', '.join(missing)}{hint}"


@dataclass(frozen=True)
class Replayed:
    """A replay, held against the record and against the developer's own replays of the segment."""

    rollouts: RolloutComparison
    weights: WeightDeviation | None = None
    """Of the end of the segment; None when its checkpoint was not compared."""
    own: tuple[WeightDeviation, ...] = ()
    """The developer's replays against the weights that they claim; none allows no deviation at all."""
    own_rollouts: tuple[RolloutComparison, ...] = ()
    """The developer's replays against this one."""
    scored: RunFinding | None = None
    """Whether the checkpoint can have sampled the first step of the record (`training.protocol.sampling`)."""
    set_up: tuple[str, ...] = ()
    """What was set up otherwise than in the record, in words."""
    own_set_up: tuple[str, ...] = ()
    """Of developer's replays that were set up otherwise, in words; they are no part of `own_rollouts`."""
    lacks: str = ""
    """What this copy of the record lacks of its rollouts, in words (`rollout_comparison.lacking_parts`)."""

    @property
    def tolerance(self) -> float:
        """See `tolerance_of`."""
        return tolerance_of(self.own)

    @property
    def near(self) -> bool:
        """Whether the weights are as near as the developer's own replays."""
        return self.weights is None or self.weights.ratio <= self.tolerance


def replay_finding(checkpoint: RunCheckpoint, replayed: Replayed, *, run: str) -> RunFinding:
    """What a replay from `checkpoint` says about the record.

    By itself it is of the second tier: what was logged follows from training. An assessment gives it the tier
    that the run has.

    Args:
        run: id of the run that was replayed.
    """
    about = {"run": run, "from": checkpoint.name, "digest": checkpoint.digest or ""}
    if why := why_not_replayable(checkpoint):
        question = "Can a checkpoint with optimizer and random number states be handed over?"
        return not_assessable(CHECK, why, about=about, question=question)
    outcome, why, question = _judged(checkpoint, replayed)
    if outcome == NOT_ASSESSABLE:
        return not_assessable(CHECK, why + _left_out(replayed), about=about, question=question)
    holds, tolerance, rollouts = outcome == "replayed", replayed.tolerance, replayed.rollouts
    weights = replayed.weights
    ratio = weights.ratio if weights is not None and math.isfinite(weights.ratio) else None
    return run_finding(
        CHECK,
        outcome,
        _statement(checkpoint, replayed, holds),
        about=about,
        state="shown_fine" if holds else "shown_harmful",
        severity="none" if holds else "high",
        assurance="T2",
        values={
            "rollouts": decimal(rollouts.recorded),
            "equal": decimal(rollouts.equal),
            "tolerance": decimal(tolerance, 9),
            **({HELD: decimal(rollout_tolerance(replayed.own_rollouts))} if tolerance else {}),
            **({} if ratio is None else {"weight_ratio": decimal(ratio, 9)}),
        },
        evidence=[rollouts.first] if rollouts.first else (),
        method=f"tolerance {SLACK:g} x the developer's own; exact test of two counts, one-sided, at {LEVEL:g}"
        if tolerance
        else "replayed from the checkpoint; exact",
        question="" if holds else f"Why does training from {checkpoint.name} not lead to what was recorded?",
    )


def _judged(checkpoint: RunCheckpoint, replayed: Replayed) -> tuple[str, str, str]:
    """The outcome; where it is that nothing can be said: why, and what to ask."""
    rollouts, weights, tolerance = replayed.rollouts, replayed.weights, replayed.tolerance
    if not rollouts.recorded and weights is None:
        return NOT_ASSESSABLE, "there is nothing to compare the replay with", ""
    if not tolerance < TELLING:
        why = f"the developer's own replays differ by {tolerance / SLACK:.2g} of what the segment moved"
        return NOT_ASSESSABLE, why, ""
    if replayed.lacks:
        return NOT_ASSESSABLE, replayed.lacks, "Can rollouts of this segment be shown whole?"
    outcome, why, question = _rollouts_judged(checkpoint, replayed)
    if outcome == "replayed" and weights is not None and weights.moved == 0:
        why = "the segment is said to have moved no weight, which any training that does nothing reproduces"
        return NOT_ASSESSABLE, why, "What was trained in this segment?"
    to_the_bit = rollouts.all_equal and (weights is None or not weights.differing)
    if outcome == "replayed" and replayed.own_set_up and not to_the_bit:
        why = "how near the replay must come is not known"
        return NOT_ASSESSABLE, why, OWN_AS_RECORDED
    if outcome == "replayed":
        return outcome, "", ""
    if replayed.set_up:
        why = f"the replay was set up otherwise than the record: {'; '.join(replayed.set_up)}"
        return NOT_ASSESSABLE, why, ""
    if rollouts.recorded == rollouts.replayed and 2 * rollouts.other_prompts > rollouts.recorded:
        why = "the replay drew other data than the record: the state of the sampler is in no checkpoint"
        return NOT_ASSESSABLE, why, "In what order did the data come?"
    return outcome, why, question


def _rollouts_judged(checkpoint: RunCheckpoint, replayed: Replayed) -> tuple[str, str, str]:
    """Like `_judged`, by weights and rollouts alone.

    With a tolerance the replay is not deterministic, and sampled rollouts may differ, as far as those of the
    developer's own replays do. Weights alone decide nothing: they say what was trained, not what was written
    down of it.
    """
    rollouts = replayed.rollouts
    if rollouts.all_equal:
        return ("replayed" if replayed.near else "deviates"), "", ""
    as_many = rollouts.recorded == rollouts.replayed
    exact = replayed.tolerance == 0 or replayed.weights is None
    if exact or rollouts.other_texts or not (replayed.near and as_many):
        return "deviates", "", ""
    return _sampled_judged(checkpoint, replayed)


def _sampled_judged(checkpoint: RunCheckpoint, replayed: Replayed) -> tuple[str, str, str]:
    """Like `_rollouts_judged`, of rollouts that differ where sampled ones may."""
    rollouts, own = replayed.rollouts, replayed.own_rollouts
    differing = differing_excess(rollouts, own) if own and rollout_tolerance(own) < TELLING else "within"
    first = checkpoint.step + 1
    scored = replayed.scored if first in rollouts.differing_steps else None
    if differing == "clear" or (scored and scored.state == "shown_harmful"):
        return "deviates", "", ""
    if first in rollouts.differing_steps and (scored is None or scored.state != "shown_fine"):
        said = f" ({scored.why_not})" if scored is not None else ""
        why = (
            f"rollouts of step {first} differ, and whether {checkpoint.name} sampled them is not known{said}"
        )
        return NOT_ASSESSABLE, why, scored.question if scored is not None else ""
    rescored = rescored_excess(rollouts, own) if own else "within"
    if rescored == "clear":
        return "deviates", "", ""
    if why := open_excess_told(rollouts, differing, rescored):
        return NOT_ASSESSABLE, why, "Can the records of more of your own replays be handed over?"
    if not rollouts.other_scores and not any(step != first for step in rollouts.differing_steps):
        return "replayed", "", ""
    return _judged_by_own(first, replayed)


def _judged_by_own(first: int, replayed: Replayed) -> tuple[str, str, str]:
    """Whether the developer's own replays are enough to tell rollouts after step `first`, or scores."""
    own = replayed.own_rollouts
    if not own:
        what = (
            "scores of the same rollouts"
            if replayed.rollouts.other_scores
            else f"rollouts after step {first}"
        )
        why = f"no record of the developer's own replays says how many {what} may differ"
        question = (
            OWN_AS_RECORDED if replayed.own_set_up else "Can the records of your own replays be handed over?"
        )
        return NOT_ASSESSABLE, why, question
    if not (allowed := rollout_tolerance(own)) < TELLING:
        why = (
            f"the developer's own replays have too few rollouts in common with this one (up to "
            f"{allowed / SLACK:.0%} differ) to tell recorded rollouts from others; replay fewer steps"
        )
        return NOT_ASSESSABLE, why, ""
    return "replayed", "", ""


def _left_out(replayed: Replayed) -> str:
    """Own replays that say nothing here, as the end of a sentence; empty where there are none."""
    if not replayed.own_set_up:
        return ""
    return f"; left out is what was set up otherwise than the record: {'; '.join(replayed.own_set_up)}"


def _statement(checkpoint: RunCheckpoint, replayed: Replayed, holds: bool) -> str:
    said = [*_rollouts_told(replayed)]
    if replayed.weights is not None:
        said.append(f"{'and ' if said else ''}{_weights_told(replayed.weights, replayed.tolerance)}")
    scored = f" {replayed.scored.statement}" if replayed.scored is not None else ""
    end = "" if holds else ": it does not reproduce the record"
    told = f"Training replayed from {checkpoint.name} gives {', '.join(said)}"
    return f"{told}{end}{_left_out(replayed)}.{scored}"


def _rollouts_told(replayed: Replayed) -> Iterator[str]:
    """How many rollouts came again; nothing where neither side has any."""
    rollouts = replayed.rollouts
    if not rollouts.recorded and not rollouts.replayed:
        return
    what = "token by token" if rollouts.by_tokens else "by their text"
    yield f"{rollouts.equal:,} of {rollouts.recorded:,} recorded rollouts {what}"
    if rollouts.replayed != rollouts.recorded:
        yield f"{rollouts.replayed:,} were replayed"
    if replayed.own_rollouts and not rollouts.all_equal:
        allowed = rollout_tolerance(replayed.own_rollouts)
        yield f"where {min(allowed, 1):.3g} of them may differ by the developer's own replays"
    if rollouts.other_texts:
        yield f"{rollouts.other_texts:,} of them with the same tokens and another text"
    if rollouts.other_scores:
        yield f"{rollouts.other_scores:,} of them with other scores of the same completion"


def _weights_told(weights: WeightDeviation, tolerance: float) -> str:
    """Where the weights ended."""
    if not weights.differing:
        return "the weights that are claimed, to the bit"
    return (
        f"weights {weights.ratio:.3g} of the way moved apart from those claimed "
        f"({'within' if weights.ratio <= tolerance else 'beyond'} {tolerance:.3g})"
    )


def rollouts_were_held(finding: RunFinding) -> bool:
    """Whether a replay that passed held rollouts against the record.

    Earlier versions let weights alone pass wherever the developer's own replays allowed any deviation.
    """
    return finding.values.get("equal") == finding.values.get("rollouts") or HELD in finding.values


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
