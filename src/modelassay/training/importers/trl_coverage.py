"""How much of a TRL run its files hold, and why the rest is not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelassay.training.importers.opened import Notes
from modelassay.training.importers.tally import Tally
from modelassay.training.importers.trl_state import TrainerState


@dataclass(frozen=True)
class _Weights:
    """How the weights of the reward functions are known."""

    assumed: bool
    told_by_advantages: bool
    unknown: bool


def coverage(
    tally: Tally,
    notes: Notes,
    state: TrainerState,
    *,
    seen_steps: set[int],
    sizes: Mapping[int, int],
    guessed_evaluations: bool,
    assumed_weight: bool,
    told_by_advantages: bool,
    unknown_weights: bool,
    group_size: int | None,
) -> dict[str, Any]:
    """Fields of the coverage statement.

    Args:
        seen_steps: steps that any file holds, evaluations included.
        sizes: training rows kept per step.
    """
    notes.repeated.update(state.rewritten)
    steps = max([state.steps, *seen_steps, *sizes], default=0)
    batch = max(sizes.values(), default=0)
    found = sum(1 for size in sizes.values() if size >= batch) if batch else 0
    expected, basis = _expected(tally, notes, state, steps, found)
    logged = set(state.train_logs)
    missing = notes.missing | (logged - seen_steps)
    never = expected - found - len(notes.overwritten) - len(missing - notes.overwritten)
    if never > 0:
        every = (state.settings or {}).get("logging_steps", "")
        why = f" (logging_steps {every})" if every not in ("", "1") else ""
        notes.say(
            f"{never:,} of {expected:,} training batches were never written: TRL keeps only the last batch "
            f"before each log{why}.",
            grave=True,
        )
    weights = _Weights(assumed_weight, told_by_advantages, unknown_weights)
    _explain(notes, state, guessed_evaluations, weights, group_size)
    return {
        "expected_train": expected * batch if batch else None,
        "basis": f"{basis}, times {batch:,} rollouts in the largest batch",
        "batches_found": found,
        "batches_expected": expected,
        "missing_steps": tuple(sorted(missing)),
        "overwritten_steps": tuple(sorted(notes.overwritten)),
        "repeated_steps": tuple(sorted(notes.repeated)),
        "filtered": 0,
        "statements": (*notes.statements, *tally.statements()),
    }


def _expected(tally: Tally, notes: Notes, state: TrainerState, steps: int, found: int) -> tuple[int, str]:
    """Training batches that were generated, and how that is known."""
    logged = state.generations()
    if logged:
        done = max(state.train_logs)
        return round(steps * logged / done), (
            f"{logged:,} of {done:,} logged steps generated a batch (num_tokens grew), {steps:,} steps in all"
        )
    rows = sum(tally.train_steps.values())
    if notes.duplicated and rows and (state.settings or {}).get("logging_steps") in (None, "1", "1.0"):
        repeats = 1 + notes.duplicated / rows
        return max(found, round(steps / repeats)), (
            f"{steps:,} steps, each batch written {repeats:.2g} times (num_iterations)"
        )
    return steps, f"{steps:,} steps, one generation batch each"


def _explain(
    notes: Notes,
    state: TrainerState,
    guessed_evaluations: bool,
    weights: _Weights,
    group_size: int | None,
) -> None:
    if notes.overwritten:
        notes.say(
            f"Evaluations wrote over the training rows of {len(notes.overwritten):,} steps.", grave=True
        )
    if notes.duplicated:
        notes.say(f"{notes.duplicated:,} rows repeat the file before them byte for byte; they count once.")
    if guessed_evaluations:
        notes.say("Files of evaluations were told by their prompts alone: no log says which they are.")
    if not state.name:
        notes.say("There is no trainer_state.json: nothing logged can be held against the rollouts.")
    if state.rewritten:
        notes.say(f"Older checkpoints tell {len(state.rewritten):,} steps otherwise: the run was resumed.")
    if weights.assumed:
        notes.say("The total reward is taken to be that of the only reward function; no log says so.")
    if weights.told_by_advantages:
        notes.say("Logs do not tell the weights of the reward functions; by the advantages each counts once.")
    if weights.unknown:
        notes.say("Weights of the reward functions are not known, so rollouts have no total reward.")
    if group_size is None:
        notes.say("The group size could not be told; runs of equal prompts are taken as groups.")
