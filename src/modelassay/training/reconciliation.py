"""Does the log of a run follow from its rollouts? Statistics recomputed and compared step by step.

Trainers log means over the rollouts of a step. Whoever edits, drops or swaps a rollout has to forge these as
well: rewards (mean, deviation, share of groups of equal rewards, by function), advantages, numbers and
lengths of rollouts, and that a group answers one prompt. What leaves all of these as they are, such as
another text of the same length with the same reward, shows only against a commitment (`training.protocol`).

Trainers compute in float32. A comparison allows what rounding can do: the relative error of a sum of n
numbers added pairwise is at most log2(n)·u with u = 2⁻²⁴ (Higham 1993), plus a few operations around it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modelassay.records import RolloutReference, RunFinding, RunMetrics
from modelassay.training.advantages import ADVANTAGE_FORMULAE, Groups, fitting_formula
from modelassay.training.columns import pa
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.frame import Frame
from modelassay.training.run import Run
from modelassay.training.stretches import last_logs, last_times, rows_by_step

CHECK = "reconciliation"
UNIT = 2.0**-24
STEADY = 0.9
"""Share of steps of one size from which another size is conspicuous."""
SHOWN_STEPS = 10

STATISTICS: dict[str, str] = {
    "reward": "reward mean",
    "critic/score/mean": "reward mean",
    "critic/score/max": "reward max",
    "critic/score/min": "reward min",
    "reward/mean": "reward mean",
    "env/all/reward/total": "reward mean",
    "reward_std": "reward std",
    "frac_reward_zero_std": "zero variance",
    "completions/mean_length": "length mean",
    "completions/min_length": "length min",
    "completions/max_length": "length max",
    "response_length/mean": "length mean",
    "response_length/min": "length min",
    "response_length/max": "length max",
    "completions/clipped_ratio": "clipped",
    "response_length/clip_ratio": "clipped",
}
"""What frameworks log, by the names that they give it (TRL, verl, prime-rl, Tinker)."""


@dataclass(frozen=True)
class Disagreement:
    """One step in which the log does not follow from the rollouts."""

    step: int
    what: str
    """Name of the logged metric, or ``advantage``, ``rollouts``, ``group``."""
    logged: float
    recomputed: float


@dataclass(frozen=True)
class Reconciliation:
    """All comparisons of a run."""

    compared: Mapping[str, int]
    """Steps compared, by what was compared."""
    largest: Mapping[str, float]
    """Largest deviation where it agrees."""
    disagreements: tuple[Disagreement, ...]
    notes: tuple[str, ...] = ()
    """What could not be compared, and why."""
    formula: str = ""
    """How advantages come from rewards, as found."""
    left_out: int = 0
    """Steps that were taken twice and are not compared."""

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps that disagree in anything."""
        return tuple(sorted({each.step for each in self.disagreements}))


@dataclass
class _Ledger:
    compared: dict[str, int] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    found: list[Disagreement] = field(default_factory=list)

    def put(self, step: int, what: str, logged: float, recomputed: float, allowed: float) -> None:
        """Compare two numbers that should agree up to `allowed`."""
        self.compared[what] = self.compared.get(what, 0) + 1
        deviation = abs(logged - recomputed)
        if deviation > allowed or math.isnan(deviation):
            self.found.append(Disagreement(step, what, logged, recomputed))
        else:
            self.largest[what] = max(self.largest.get(what, 0.0), deviation)


def reconcile(
    frame: Frame,
    metrics: Iterable[RunMetrics],
    *,
    group_size: int | None = None,
    prompt_tokens: NDArray[np.float64] | None = None,
    repeated: Collection[int] = (),
    stretch: NDArray[np.int64] | None = None,
) -> Reconciliation:
    """Hold what was logged of training against the rollouts.

    Of a step that was taken more than once the last time is compared. Where the rollouts of its times cannot
    be told apart, so that there are more or fewer of them than of other steps, it is left out and counted.

    Args:
        group_size: rollouts per prompt, where all groups have it.
        prompt_tokens: tokens of each prompt, for ``num_tokens``; NaN where not known.
        repeated: steps that a resume wrote twice (`RunCoverage.repeated_steps`).
        stretch: of `stretches.stretches_of`; None when no rollout is of a resumed process.
    """
    chosen = np.flatnonzero(frame.is_train)
    taken = np.zeros(len(chosen), np.int64) if stretch is None else stretch[chosen]
    train = _Train.of(frame, chosen, prompt_tokens, taken)
    again = {*repeated, *train.again}
    unclear = _unclear(train, again)
    ledger, notes = _Ledger(), []
    logs = last_logs(metrics, again)
    if not any(_known(values) for values in logs.values()):
        notes.append("nothing that follows from rollouts was logged of training")
    for step, window, values in _windows(logs, set(train.steps) - unclear):
        for name, logged in values.items():
            _compare(ledger, train, frame, step, window, name, logged)
    _compare_tokens(ledger, train, logs, unclear)
    _compare_shape(ledger, train, group_size, unclear)
    formula = _compare_advantages(ledger, train)
    if not formula:
        notes.append("advantages are not recorded, or follow no formula that is known here")
    return Reconciliation(
        ledger.compared,
        ledger.largest,
        tuple(sorted(ledger.found, key=lambda each: (each.step, each.what))),
        tuple(notes),
        formula,
        len(unclear),
    )


def prompt_tokens_of(run: Run) -> NDArray[np.float64]:
    """Tokens of the prompt of every rollout, in their order; NaN where the record does not say."""
    parts = [
        np.asarray(
            batch.column("prompt_tokens").cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64
        )
        for batch in run.batches(["prompt_tokens"])
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def reconciliation_findings(result: Reconciliation, frame: Frame) -> tuple[RunFinding, ...]:
    """What the comparison says, a finding in all and one for each thing that disagrees."""
    if not result.compared:
        return (not_assessable(CHECK, result.notes[0] if result.notes else "nothing to compare"),)
    if not result.disagreements:
        return (_agreement(result),)
    named: dict[str, list[Disagreement]] = {}
    for each in result.disagreements:
        named.setdefault(each.what, []).append(each)
    return tuple(_disagreement(what, cases, result, frame) for what, cases in named.items())


def _agreement(result: Reconciliation) -> RunFinding:
    steps = max(result.compared.values())
    worst = max(result.largest.values(), default=0.0)
    twice = f" {result.left_out:,} steps that were taken twice are left out." if result.left_out else ""
    return run_finding(
        CHECK,
        "agrees",
        f"What was logged follows from the rollouts in all {steps:,} steps that could be compared "
        f"({', '.join(result.compared)}); the largest deviation is {worst:.1e}.{twice}",
        state="shown_fine",
        assurance="T2",
        values={"steps": decimal(steps), "largest_deviation": decimal(worst, 9)},
        method="recomputed in float64, float32 rounding allowed",
        rests_on=result.notes,
    )


def _disagreement(what: str, cases: list[Disagreement], result: Reconciliation, frame: Frame) -> RunFinding:
    steps = [case.step for case in cases]
    shown = ", ".join(map(str, steps[:SHOWN_STEPS])) + (" …" if len(steps) > SHOWN_STEPS else "")
    first = cases[0]
    rows = np.flatnonzero(frame.is_train & np.isin(frame.step, steps[:SHOWN_STEPS]))
    _, places = np.unique(frame.step[rows], return_index=True)
    return run_finding(
        CHECK,
        "disagrees",
        f"{what} does not follow from the rollouts of {len(steps):,} of {result.compared[what]:,} steps "
        f"({shown}): at step {first.step} {first.logged:.6g} stands against {first.recomputed:.6g}.",
        about={"what": what},
        state="shown_harmful",
        severity="critical" if len(steps) <= max(3, result.compared[what] // 10) else "high",
        values={"steps": decimal(len(steps)), "compared": decimal(result.compared[what])},
        evidence=[RolloutReference(seq=int(rows[i]), step=int(frame.step[rows[i]])) for i in places],
        method="recomputed in float64, float32 rounding allowed",
        question=f"Why does {what} at step {first.step} not follow from the rollouts handed over?",
    )


@dataclass(frozen=True)
class _Train:
    """Training rollouts, and where each step stands among them."""

    groups: Groups
    step: NDArray[np.int64]
    task: NDArray[np.int64]
    tokens: NDArray[np.float64]
    prompt_tokens: NDArray[np.float64] | None
    truncated: NDArray[np.bool_]
    rewards: Mapping[str, NDArray[np.float64]]
    steps: Mapping[int, NDArray[np.int64]]
    """Rows of each step, of the last time that it was taken."""
    every: Mapping[int, NDArray[np.int64]]
    """Likewise, of all times."""

    @property
    def again(self) -> frozenset[int]:
        """Steps that were surely taken more than once."""
        return frozenset(step for step, rows in self.every.items() if len(rows) > len(self.steps[step]))

    @classmethod
    def of(
        cls,
        frame: Frame,
        chosen: NDArray[np.int64],
        prompts: NDArray[np.float64] | None,
        taken: NDArray[np.int64],
    ) -> _Train:
        """Training rollouts `chosen` of a frame; each time that a step was taken (`taken`) on its own."""
        step = frame.step[chosen]
        times = int(taken.max(initial=0)) + 1
        return cls(
            groups=Groups.of(
                step * times + taken,
                frame.group[chosen] * times + taken,
                frame.reward[chosen],
                frame.advantage[chosen],
            ),
            step=step,
            task=frame.task[chosen],
            tokens=frame.tokens[chosen],
            prompt_tokens=None if prompts is None else prompts[chosen],
            truncated=frame.truncated[chosen],
            rewards={name: each[chosen] for name, each in frame.rewards.items()},
            steps=rows_by_step(step, np.flatnonzero(last_times(step, taken))),
            every=rows_by_step(step, np.arange(len(step))),
        )


def _unclear(train: _Train, again: Collection[int]) -> set[int]:
    """Steps of `again` that have not as many rollouts as is usual: of which time each is cannot be told."""
    sizes = [len(rows) for step, rows in train.steps.items() if step not in again]
    usual = int(np.bincount(sizes).argmax()) if sizes else 0
    return {step for step in again if step in train.steps and len(train.steps[step]) != usual}


def _known(values: Mapping[str, float]) -> bool:
    return any(name in STATISTICS or name.startswith("rewards/") for name in values)


def _windows(
    logs: Mapping[int, dict[str, float]], present: set[int]
) -> Iterable[tuple[int, list[int], dict[str, float]]]:
    """Each log of rollouts with the steps since the log before, where rollouts of all of them are here.

    A log without rewards ends a window too: with ``num_iterations`` most steps generate nothing.
    """
    before = min([0, *(step - 1 for step in logs)])
    for step, values in logs.items():
        window = list(range(before + 1, step + 1))
        before = step
        if _known(values) and all(each in present for each in window):
            yield step, window, values


def _compare(
    ledger: _Ledger,
    train: _Train,
    frame: Frame,
    step: int,
    window: list[int],
    name: str,
    logged: float,
) -> None:
    statistic, of = STATISTICS.get(name, ""), train.groups.reward
    if name.startswith("rewards/") and name.endswith(("/mean", "/std")):
        function, _, which = name.removeprefix("rewards/").rpartition("/")
        if function not in train.rewards:
            return
        statistic, of = f"reward {which}", train.rewards[function]
    found = [_statistic(statistic, train, of, train.steps[each]) for each in window]
    if not statistic or any(each is None for each in found):
        return
    values = [each for each in found if each is not None]
    recomputed = sum(value for value, _ in values) / len(values)
    ledger.put(step, name, logged, recomputed, max(allowed for _, allowed in values))


def _statistic(
    name: str, train: _Train, of: NDArray[np.float64], rows: NDArray[np.int64]
) -> tuple[float, float] | None:
    """A statistic of one step, and how far float32 may be from it; None when it cannot be known."""
    kind, _, which = name.partition(" ")
    if kind == "zero":
        return train.groups.zero_variance(rows)
    if kind == "clipped":
        return (float(train.truncated[rows].mean()), UNIT) if train.truncated.any() else None
    values = (of if kind == "reward" else train.tokens)[rows]
    values = values[~np.isnan(values)] if kind == "reward" else values
    if not len(values) or np.isnan(values).any():
        return None
    error = rounding(len(values), float(np.abs(values).max()))
    if which == "std":
        return (float(values.std(ddof=1)), error) if len(values) > 1 else None
    found = values.min() if which == "min" else values.max() if which == "max" else values.mean()
    return float(found), error


def rounding(count: int, largest: float) -> float:
    """How far a float32 statistic over `count` numbers up to `largest` may be from the exact one."""
    return 4 * UNIT * (math.log2(max(count, 2)) + 2) * largest


def _compare_tokens(
    ledger: _Ledger, train: _Train, logs: Mapping[int, dict[str, float]], unclear: Collection[int]
) -> None:
    """``num_tokens`` of TRL counts prompts and completions of training up to the step."""
    if train.prompt_tokens is None or np.isnan(train.prompt_tokens + train.tokens).any():
        return
    before, total = 0, 0.0
    for step, values in logs.items():
        if "num_tokens" not in values:
            continue
        window = [e for e in range(before + 1, step + 1) if e in train.steps and e not in unclear]
        rows = np.concatenate([train.steps[each] for each in window]) if window else np.empty(0, np.int64)
        tokens = float((train.prompt_tokens[rows] + train.tokens[rows]).sum())
        if len(window) == step - before:
            ledger.put(step, "num_tokens", values["num_tokens"] - total, tokens, 0.5)
        before, total = step, values["num_tokens"]


def _compare_shape(ledger: _Ledger, train: _Train, group_size: int | None, unclear: set[int]) -> None:
    """Steps of another size than nearly all, groups of another size, groups of several tasks.

    The last step may be smaller by whole groups: training data seldom fills it.
    """
    once = {step: rows for step, rows in train.steps.items() if step not in unclear}
    sizes = np.array([len(rows) for rows in once.values()])
    if len(sizes):
        values, counts = np.unique(sizes, return_counts=True)
        usual = int(values[counts.argmax()])
        if counts.max() >= STEADY * len(sizes) or len(sizes) - counts.max() == 1:
            for step, rows in once.items():
                rest = step == max(once) and group_size and len(rows) % group_size == 0
                ledger.put(step, "rollouts", min(usual, len(rows)) if rest else usual, len(rows), 0)
    mixed = train.groups.mixed(train.task)
    for step, rows in train.every.items():
        codes = np.unique(train.groups.code[rows])
        ledger.put(step, "one task in each group", 0, float(mixed[codes].sum()), 0)
        if group_size:
            odd = (train.groups.size[codes] != group_size).sum()
            ledger.put(step, f"groups of {group_size}", 0, float(odd), 0)


def _compare_advantages(ledger: _Ledger, train: _Train) -> str:
    formula = fitting_formula(train.groups)
    if not formula:
        return ""
    expected, allowed = ADVANTAGE_FORMULAE[formula](train.groups)
    off = np.abs(train.groups.advantage - expected)
    known = ~np.isnan(train.groups.advantage)
    for step, rows in train.every.items():
        here = rows[known[rows]]
        if len(here):
            excess = off[here] - allowed[here]
            worst = here[np.nan_to_num(excess, nan=math.inf).argmax()]
            ledger.put(
                step,
                "advantage",
                float(train.groups.advantage[worst]),
                float(expected[worst]),
                float(allowed[worst]),
            )
    return formula
