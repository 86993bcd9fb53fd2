"""What the text of a run's rollouts says about its environments, read once and counted.

Reward without work among recorded rollouts: completions that are empty, that repeat the prompt, refuse, only
end the episode, or are a single sign where others write more. Noise: equal completions to equal prompts with
unequal rewards, while nothing of settings and code was changed. Under-specification: equal prompts with
different gold answers. Leaks: gold answers in prompts, apart from those that stand among options or in a
passage.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from modelassay.training.environments.leaks import shared_run, telling
from modelassay.training.environments.led_to import LedTo
from modelassay.training.environments.no_work import NULL_POLICIES, idle_kind
from modelassay.training.environments.standing import standing_of
from modelassay.training.environments.tasks import EnvironmentTask
from modelassay.training.run import Run
from modelassay.training.stretches import processes_of

COLUMNS = (
    "seq", "step", "rank", "env", "group", "prompt", "completion", "format", "reward", "failure", "phase",
    "extra",
)  # fmt: skip
ANSWERS = (
    "answer",
    "gold",
    "ground_truth",
    "gts",
    "target",
    "solution",
    "reference",
    "label",
    "expected_output",
)
"""Columns beside a rollout that hold its gold answer."""
REPEATING = 2 / 3
"""Share of rollouts in groups that repeat others from which that is what the policy does, not a copy."""
SOME_WORK = 40
"""Characters of an environment's usual completion from which a single sign is no work."""
_MOST_TASKS = 200_000
_MOST_PAIRS = 500_000
"""Different completions that are remembered, the first ones of the run: some 100 MB."""
_EVIDENCE = 3


@dataclass
class Rewarded:
    """Rollouts of one kind, and how they were rewarded."""

    rollouts: int = 0
    reward: float = 0.0
    full: int = 0
    """Those that were paid as much as counts as full."""
    examples: list[tuple[int, int, str]] = field(default_factory=list)
    """Number, step and first words of some that were paid."""
    places: array[int] = field(default_factory=lambda: array("q"))
    """Where they stand among all rollouts of the run, as it is read."""


@dataclass
class EnvironmentRecord:
    """One environment, as its rollouts tell."""

    name: str
    rollouts: int = 0
    without_work: dict[str, Rewarded] = field(
        default_factory=lambda: {name: Rewarded() for name in NULL_POLICIES}
    )
    noisy: int = 0
    """Completions that were given unequal rewards, under the same settings and code."""
    regraded: int = 0
    """Completions that were graded more than once, likewise; copies of a group were not."""
    copied: int = 0
    """Rollouts of groups that are copies of an earlier one: equal prompts, completions and rewards."""
    noise_examples: list[tuple[int, int, str]] = field(default_factory=list)
    failed: int = 0
    """Rollouts with an infrastructure failure and a reward all the same."""
    failed_full: int = 0
    """Of those, with full reward."""
    answered: int = 0
    """Prompts whose gold answer is recorded."""
    contradictory: int = 0
    """Of those, prompts with several different gold answers."""
    contradiction_examples: list[str] = field(default_factory=list)
    leaked: int = 0
    """Of those, prompts that give their gold answer away."""
    leak_examples: list[str] = field(default_factory=list)
    led: LedTo = field(default_factory=LedTo)
    """Those that lead straight to a short gold answer."""
    held: int = 0
    """Of those, prompts that hold it among options or in a passage."""
    held_examples: list[str] = field(default_factory=list)
    without_prompt: int = 0
    """Rollouts whose prompt is not in the record: nothing tells which of them were asked the same."""


def read_environments(run: Run, full: Mapping[str, float]) -> dict[str, EnvironmentRecord]:
    """Every environment of a run's training rollouts, from one reading.

    Args:
        full: the reward from which a rollout counts as paid in full, by environment.
    """
    reading = _Reading(full, _changes(run), processes_of(run))
    for batch in run.batches(list(COLUMNS)):
        reading.see(batch)
    return reading.found()


def _changes(run: Run) -> list[int]:
    """Steps from which on other settings or other code were in force, in order."""
    return sorted(event.step for event in run.events() if event.kind in ("configuration.changed", "code"))


class _Graded(NamedTuple):
    """One rollout, as far as it says whether its grader agrees with itself."""

    record: EnvironmentRecord
    key: int
    """Of environment, settings, prompt and completion."""
    reward: float
    seq: int
    step: int
    completion: str
    """Its first characters."""


class _Reading:
    """What is read, rollout by rollout.

    Args:
        full: see `read_environments`.
        changes: steps from which on rewards may be given otherwise.
        world: processes side by side; one that was resumed may give them otherwise, too.
    """

    def __init__(self, full: Mapping[str, float], changes: Sequence[int], world: int) -> None:
        self._full, self._changes, self._world = full, changes, world
        self._records: dict[str, EnvironmentRecord] = {}
        self._graded: dict[int, tuple[float, bool, bool]] = {}
        """By completion: its first reward, whether it was graded again, and whether unequally."""
        self._pending: dict[str, list[_Graded]] = {}
        """By group of the step that is being read."""
        self._pending_of = (-1, -1)
        self._groups: set[int] = set()
        self._copies: dict[str, set[int]] = {}
        """Completions of groups that are copies, by environment."""
        self._answers: dict[tuple[str, int], str] = {}
        self._clashing: set[tuple[str, int]] = set()
        self._lengths: dict[str, list[int]] = {}
        self._single: dict[str, list[tuple[int, float, int, int, str]]] = {}
        self._place = -1

    def see(self, batch: Any) -> None:
        columns = {name: batch.column(name).to_pylist() for name in COLUMNS}
        for seq, step, rank, env, group, prompt, completion, form, reward, failure, phase, extra in zip(
            *(columns[name] for name in COLUMNS), strict=True
        ):
            self._place += 1
            if phase != "train" or form == "absent" or reward is None:
                continue
            record = self._records.setdefault(env, EnvironmentRecord(env))
            if failure:
                record.failed += 1
                record.failed_full += reward >= self._full.get(env, np.inf) - 1e-9
                continue
            record.rollouts += 1
            self._work(record, (seq, step, prompt, completion, reward), form)
            if not prompt.strip():
                record.without_prompt += 1
                continue
            if (step, rank) != self._pending_of:
                self._noise()
                self._pending_of = step, rank
            under = rank // self._world, bisect_right(self._changes, step)
            key = hash((env, under, prompt, completion))
            self._pending.setdefault(group, []).append(
                _Graded(record, key, reward, seq, step, completion[:80])
            )
            if extra:
                self._answer(record, env, prompt, extra)

    def _work(self, record: EnvironmentRecord, rollout: tuple[int, int, str, str, float], form: str) -> None:
        seq, step, prompt, completion, reward = rollout
        kind, text = idle_kind(prompt, completion, form)
        lengths = self._lengths.setdefault(record.name, [])
        if len(lengths) < 20_000:
            lengths.append(len(text))
        if kind == "single sign":
            self._single.setdefault(record.name, []).append((self._place, reward, seq, step, text))
        elif kind:
            self._count(record.name, kind, self._place, reward, (seq, step, text[:120] or kind))

    def _count(self, env: str, kind: str, place: int, reward: float, example: tuple[int, int, str]) -> None:
        found = self._records[env].without_work[kind]
        found.rollouts += 1
        found.reward += reward
        found.places.append(place)
        if reward >= self._full.get(env, np.inf) - 1e-9:
            found.full += 1
            if len(found.examples) < _EVIDENCE:
                found.examples.append(example)

    def _noise(self) -> None:
        """Count what was graded again in the step that was read, but for groups that are only copies.

        Who samples seldom writes the same several completions again: such a group was written twice, and
        graded once. Where most groups are like that the policy writes nothing else, and they were graded.
        """
        for rollouts in self._pending.values():
            digest = hash(tuple(sorted((each.key, each.reward) for each in rollouts)))
            if digest in self._groups and len({each.key for each in rollouts}) > 1:
                rollouts[0].record.copied += len(rollouts)
                self._copies.setdefault(rollouts[0].record.name, set()).update(e.key for e in rollouts)
                continue
            self._groups.add(digest)
            for each in rollouts:
                self._regraded(each)
        self._pending.clear()

    def _regraded(self, rollout: _Graded) -> None:
        record, key, reward = rollout.record, rollout.key, rollout.reward
        before = self._graded.get(key)
        if before is None:
            if len(self._graded) < _MOST_PAIRS:
                self._graded[key] = (reward, False, False)
            return
        first, again, told = before
        unequal = abs(first - reward) > 1e-6
        record.regraded += not again
        if unequal and not told:
            record.noisy += 1
            if len(record.noise_examples) < _EVIDENCE:
                example = f"{first:g} and {reward:g}: {rollout.completion}"
                record.noise_examples.append((rollout.seq, rollout.step, example))
        self._graded[key] = (first, True, told or unequal)

    def _answer(self, record: EnvironmentRecord, env: str, prompt: str, extra: str) -> None:
        key = (env, hash(prompt))
        if key not in self._answers and len(self._answers) >= _MOST_TASKS:
            return
        gold = gold_of(extra)
        if not gold:
            return
        if key not in self._answers:
            found = shared_run(gold, prompt) if telling(gold) else ""
            if found:
                self._leak(record, gold, found, prompt)
            else:
                record.led.see(gold, prompt)
        known = self._answers.setdefault(key, gold)
        if known != gold:
            if key not in self._clashing and len(record.contradiction_examples) < _EVIDENCE:
                record.contradiction_examples.append(f"{prompt[:120]}: {known[:40]!r} and {gold[:40]!r}")
            self._clashing.add(key)

    def _leak(self, record: EnvironmentRecord, gold: str, shared: str, prompt: str) -> None:
        stated = standing_of(gold, prompt, shared) == "stated"
        record.leaked += stated
        record.held += not stated
        examples = record.leak_examples if stated else record.held_examples
        if len(examples) < _EVIDENCE:
            examples.append(shared)

    def _repeating(self) -> None:
        """Count what looked like copies of groups where the policy hardly writes anything else."""
        for env, keys in self._copies.items():
            record = self._records[env]
            if record.copied <= REPEATING * record.rollouts:
                continue
            record.copied = 0
            for key in keys & self._graded.keys():
                first, again, told = self._graded[key]
                record.regraded += not again
                self._graded[key] = (first, True, told)

    def found(self) -> dict[str, EnvironmentRecord]:
        self._noise()
        self._repeating()
        for env, _ in self._answers:
            self._records[env].answered += 1
        for env, _ in self._clashing:
            self._records[env].contradictory += 1
        for record in self._records.values():
            given = list(record.led.given_away().values())
            record.leaked += len(given)
            record.leak_examples += given[:_EVIDENCE]
        for env, singles in self._single.items():
            if float(np.median(self._lengths[env])) >= SOME_WORK:
                for place, reward, seq, step, text in singles:
                    self._count(env, "single sign", place, reward, (seq, step, text))
        return self._records


def gold_of(extra: str) -> str:
    """The gold answer in the further columns of a rollout; empty when there is none."""
    try:
        further = json.loads(extra)
    except ValueError:
        return ""
    if not isinstance(further, dict):
        return ""
    value = next((further[name] for name in ANSWERS if further.get(name) not in (None, "", [])), None)
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, sort_keys=True)


def contradictions(tasks: Iterable[EnvironmentTask]) -> Counter[str]:
    """How many tasks share their instructions with another of a different answer, by environment."""
    answers: dict[str, set[str]] = {}
    listed = list(tasks)
    for task in listed:
        answers.setdefault(task.instructions, set()).add(task.gold or json.dumps(task.expected))
    return Counter(task.environment for task in listed if len(answers[task.instructions]) > 1)
