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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modelassay.records import RunMetrics
from modelassay.training.advantages import NEEDS_WHOLE_STEP, Followed, followed
from modelassay.training.columns import pa
from modelassay.training.frame import Frame
from modelassay.training.lacking import Lack, lacking_steps
from modelassay.training.logged_statistics import (
    ALL_OF_AGENTS,
    COUNTS,
    FUNCTIONS,
    ZERO_VARIANCE,
    Recomputed,
    recomputed,
    statistic_named,
    statistic_of,
)
from modelassay.training.run import Run
from modelassay.training.size_changes import SizeChange, group_sizes, parts_of, usual_sizes
from modelassay.training.stretches import last_logs
from modelassay.training.trained import Train, unclear_steps
from modelassay.training.unheld import no_formula, unheld

SHAPES = ("rollouts", "one task in each group", "groups of ")
"""What rollouts are compared with that nobody logged."""


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
    """What could not be compared, and why; what says most of the run first."""
    unheld: str = ""
    """Why rewards that were logged could be held against the rollouts of no step; empty where they were."""
    ways: tuple[str, ...] = ()
    """What was logged as other than all rollouts give it, and in how many steps."""
    formula: str = ""
    """How advantages come from rewards, as found; of several the one that most steps follow."""
    formulae: tuple[tuple[int, str], ...] = ()
    """Likewise, with the first step of each stretch that follows one."""
    left_out: int = 0
    """Steps that were taken twice and are not compared."""
    lacking: tuple[int, ...] = ()
    """Steps that are not compared, since the record says that rollouts of them are missing."""
    taken: int = 0
    """Steps of training with rollouts."""

    @property
    def logged(self) -> tuple[str, ...]:
        """What was compared that somebody logged."""
        return tuple(name for name in self.compared if not name.startswith(SHAPES))

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps that disagree in anything."""
        return tuple(sorted({each.step for each in self.disagreements}))


@dataclass
class _Ledger:
    compared: dict[str, int] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    found: list[Disagreement] = field(default_factory=list)
    ways: dict[tuple[str, str], int] = field(default_factory=dict)
    """Steps in which a statistic agrees in another way than usual, by name and way."""

    def put_one_of(self, step: int, what: str, logged: float, among: Iterable[Recomputed]) -> None:
        """Compare a number with the first of `among` that it agrees with, or with the first."""
        first: Recomputed | None = None
        for each in among:
            first = first or each
            if abs(logged - each.value) <= each.allowed:
                if each.way:
                    self.ways[what, each.way] = self.ways.get((what, each.way), 0) + 1
                self.put(step, what, logged, each.value, each.allowed)
                return
        if first is not None:
            self.put(step, what, logged, first.value, first.allowed)

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
    lacks: Sequence[Lack] = (),
    survivors: bool = False,
    agents: NDArray[np.str_] | None = None,
    changes: Sequence[SizeChange] = (),
) -> Reconciliation:
    """Hold what was logged of training against the rollouts.

    Of a step that was taken more than once the last time is compared. Where the rollouts of its times cannot
    be told apart, so that there are more or fewer of them than of other steps, it is left out and counted. So
    is a step of which rollouts are missing, as far as the record says so itself.

    Args:
        group_size: rollouts per prompt, where all groups have it but for `changes`.
        prompt_tokens: tokens of each prompt, for ``num_tokens``; NaN where not known.
        repeated: steps that a resume wrote twice (`RunCoverage.repeated_steps`).
        stretch: of `stretches.stretches_of`; None when no rollout is of a resumed process.
        lacks: of `lacking.lacks_of`.
        survivors: whether only rollouts are here that were trained on: steps and groups may then be smaller.
        agents: of `agents_of`.
        changes: of `size_changes.size_changes_of`.
    """
    chosen = np.flatnonzero(frame.is_train)
    taken = np.zeros(len(chosen), np.int64) if stretch is None else stretch[chosen]
    train = Train.of(frame, chosen, prompt_tokens, taken, agents)
    again = {*repeated, *train.again}
    expected = _Expected.of(train, group_size, parts_of(changes, train.step, taken), changes)
    whole = _whole_groups(train, expected)
    lacking = _lacking(train, lacks, whole, expected, survivors)
    unclear = unclear_steps(train, again, expected.part) - lacking
    left_out = unclear | lacking
    ledger, notes = _Ledger(), []
    logs = last_logs(metrics, again)
    found = _followed(train, whole, lacking, survivors)
    if not any(_known(values) for values in logs.values()):
        notes.append("nothing was logged of training that follows from rollouts")
    for step, window, values in _windows(logs, set(train.steps) - left_out):
        for name, logged in values.items():
            if not _of_others(train, values, step, name, survivors):
                _compare(ledger, train, step, window, name, logged, found)
    _compare_tokens(ledger, train, logs, left_out)
    if not survivors:
        _compare_sizes(ledger, train, expected, left_out)
    _compare_groups(ledger, train, None if survivors else expected, lacking)
    if found is not None:
        _compare_advantages(ledger, train, found, whole, lacking)
    if not ledger.compared.keys() & {name for values in logs.values() for name in values} and not notes:
        notes.append("what was logged of training is of no step of which all rollouts are here")
    if found is None:
        notes.append(no_formula(train.groups))
    notes.extend(_of_equal_rewards(ledger, [logs[step] for step in logs if step in train.steps]))
    return Reconciliation(
        ledger.compared,
        ledger.largest,
        tuple(sorted(ledger.found, key=lambda each: (each.step, each.what))),
        tuple(notes),
        unheld(ledger.compared, [logs.get(step, {}) for step in sorted(set(train.steps) - left_out)]),
        tuple(f"{name} {way} in {count:,} steps" for (name, way), count in ledger.ways.items()),
        found.formula if found else "",
        found.formulae if found else (),
        len(unclear),
        tuple(sorted(lacking)),
        len(train.steps),
    )


@dataclass(frozen=True)
class _Expected:
    """What sizes are told of groups, and which steps may be of one size."""

    group: NDArray[np.int64]
    """Rollouts that each group should have; 0 where nothing tells."""
    part: Mapping[int, int]
    """For each step, how many changes of sizes came before it was taken the last time."""

    @classmethod
    def of(
        cls, train: Train, group_size: int | None, parts: NDArray[np.int64], changes: Sequence[SizeChange]
    ) -> _Expected:
        group = np.zeros(len(train.groups.size), np.int64)
        group[train.groups.code] = group_sizes(changes, group_size)[parts]
        return cls(group, {step: int(parts[rows[0]]) for step, rows in train.steps.items()})


def _whole_groups(train: Train, expected: _Expected) -> NDArray[np.bool_]:
    """By group whether all that were generated are here; of an unknown size those as large as the largest."""
    size = np.where(expected.group > 0, expected.group, train.groups.size.max(initial=0))
    return np.asarray(train.groups.size >= size, np.bool_)


def _lacking(
    train: Train,
    lacks: Sequence[Lack],
    whole: NDArray[np.bool_],
    expected: _Expected,
    survivors: bool,
) -> frozenset[int]:
    """Steps of which the record says that rollouts are missing; of survivors those with groups not whole."""
    lacking = lacking_steps(_missing(train, expected), lacks)
    if not survivors:
        return lacking
    kept = whole[train.groups.code]
    return lacking | {step for step, rows in train.every.items() if not kept[rows].all()}


def _missing(train: Train, expected: _Expected) -> dict[int, int | None]:
    """How many rollouts each step has too few, by other steps and by groups; None where neither tells."""
    usual = usual_sizes({step: len(rows) for step, rows in train.every.items()}, expected.part)
    found: dict[int, int | None] = {}
    for step, rows in train.every.items():
        codes = np.unique(train.groups.code[rows])
        few = usual[step]
        if few is None and not expected.group[codes].any():
            found[step] = None
            continue
        in_groups = int(np.maximum(expected.group[codes] - train.groups.size[codes], 0).sum())
        found[step] = max((few or 0) - len(rows), in_groups)
    return found


def prompt_tokens_of(run: Run) -> NDArray[np.float64]:
    """Tokens of the prompt of every rollout, in their order; NaN where the record does not say."""
    parts = [
        np.asarray(
            batch.column("prompt_tokens").cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64
        )
        for batch in run.batches(["prompt_tokens"])
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _known(values: Mapping[str, float]) -> bool:
    return any(statistic_named(name) is not None or name.startswith(FUNCTIONS) for name in values)


def _of_others(train: Train, values: Mapping[str, float], step: int, name: str, survivors: bool) -> bool:
    """Whether a statistic of all that prime-rl generated is of more or fewer rollouts than are here.

    What was generated stands at the step that it served, as far as it did; the log counts by the clock.

    Args:
        values: the log of the step.
    """
    if not name.startswith(ALL_OF_AGENTS):
        return False
    count = next((values[each] for each in COUNTS if each in values), None)
    rewards = train.groups.reward[train.steps[step]]
    few, many = int((~np.isnan(rewards)).sum()), len(rewards)
    return survivors or (count is not None and not few <= count <= many)


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
    train: Train,
    step: int,
    window: list[int],
    name: str,
    logged: float,
    found: Followed | None,
) -> None:
    if name.startswith(FUNCTIONS):
        _compare_function(ledger, train, step, window, name, logged)
        return
    statistic = statistic_named(name)
    if statistic is None:
        return
    formulae = found.by_step if found else {}
    among = [recomputed(name, statistic, train, train.steps[each], formulae.get(each, "")) for each in window]
    if len(window) == 1:
        ledger.put_one_of(step, name, logged, among[0])
        return
    usual = [next(each, None) for each in among]
    values = [(each.value, each.allowed) for each in usual if each is not None]
    if len(values) == len(window):
        _put_mean(ledger, step, name, logged, values)


def _compare_function(
    ledger: _Ledger, train: Train, step: int, window: list[int], name: str, logged: float
) -> None:
    """What TRL logs of one reward function."""
    function, _, which = name.removeprefix(FUNCTIONS).rpartition("/")
    if which not in ("mean", "std") or function not in train.rewards:
        return
    of = train.rewards[function]
    found = [statistic_of(f"reward {which}", train, of, train.steps[each]) for each in window]
    values = [each for each in found if each is not None]
    if len(values) == len(window):
        _put_mean(ledger, step, name, logged, values)


def _put_mean(
    ledger: _Ledger, step: int, name: str, logged: float, values: Sequence[tuple[float, float]]
) -> None:
    """Compare what was logged of several steps with the mean of their statistics."""
    mean = sum(value for value, _ in values) / len(values)
    ledger.put(step, name, logged, mean, max(allowed for _, allowed in values))


def _compare_tokens(
    ledger: _Ledger, train: Train, logs: Mapping[int, dict[str, float]], unclear: Collection[int]
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


def _compare_sizes(ledger: _Ledger, train: Train, expected: _Expected, left_out: Collection[int]) -> None:
    """Steps of another size than nearly all of their part, also less what failed and has no reward.

    Where a step's generation failed and was made again, the step has the rollouts of both. The last step
    may be smaller by whole groups: training data seldom fills it.
    """
    sizes = {step: len(rows) for step, rows in train.steps.items() if step not in left_out}
    used = {step: int((~train.discarded[train.steps[step]]).sum()) or size for step, size in sizes.items()}
    for step, usual in usual_sizes(used, expected.part).items():
        if usual is None:
            continue
        size = sizes[step] if sizes[step] == usual else used[step]
        group = int(expected.group[train.groups.code[train.steps[step][0]]])
        rest = step == max(sizes) and group and size % group == 0
        ledger.put(step, "rollouts", min(usual, size) if rest else usual, size, 0)


def _compare_groups(
    ledger: _Ledger, train: Train, expected: _Expected | None, lacking: Collection[int]
) -> None:
    """Groups of several tasks, and of another size than expected; None where that is not to be said."""
    mixed = train.groups.mixed(train.task)
    for step, rows in train.every.items():
        codes = np.unique(train.groups.code[rows])
        if step not in lacking or mixed[codes].any():
            ledger.put(step, "one task in each group", 0, float(mixed[codes].sum()), 0)
        if expected is not None and step not in lacking:
            for size in np.unique(expected.group[codes][expected.group[codes] > 0]).tolist():
                odd = (expected.group[codes] == size) & (train.groups.size[codes] != size)
                ledger.put(step, f"groups of {size}", 0, float(odd.sum()), 0)


def _of_equal_rewards(ledger: _Ledger, logs: Iterable[Mapping[str, float]]) -> Iterable[str]:
    """Why shares of groups of equal rewards that were logged were compared in no step."""
    named = dict.fromkeys(name for values in logs for name in values)
    for name in named:
        statistic = statistic_named(name)
        if statistic is not None and statistic.kind == ZERO_VARIANCE and name not in ledger.compared:
            yield (
                f"{name} is not compared, as advantages do not tell of which rewards it is "
                "(scaled by function, clipped or less a penalty)"
            )


def _asked(train: Train, whole: NDArray[np.bool_], lacking: Collection[int]) -> NDArray[np.bool_]:
    """Rollouts whose advantages rest on nothing that is not here."""
    whole_step = np.ones(len(train.step), np.bool_)
    for step in lacking:
        whole_step[train.every[step]] = False
    # Whether a rollout that failed without a reward counted among its group, nothing says.
    hurt = np.bincount(train.groups.code[train.discarded], minlength=len(train.groups.size)) > 0
    asked: NDArray[np.bool_] = (whole_step | whole[train.groups.code]) & ~hurt[train.groups.code]
    return asked


def _followed(
    train: Train, whole: NDArray[np.bool_], lacking: Collection[int], survivors: bool
) -> Followed | None:
    without = (NEEDS_WHOLE_STEP,) if survivors else ()
    return followed(train.groups, train.every, _asked(train, whole, lacking), without)


def _compare_advantages(
    ledger: _Ledger, train: Train, found: Followed, whole: NDArray[np.bool_], lacking: Collection[int]
) -> None:
    """Advantages against those of the formula that each step follows, where all that they rest on is here."""
    off = np.abs(train.groups.advantage - found.expected)
    known = ~np.isnan(train.groups.advantage) & _asked(train, whole, lacking)
    for step, rows in train.every.items():
        here = rows[known[rows]]
        if len(here) and not (step in lacking and found.by_step[step] == NEEDS_WHOLE_STEP):
            excess = off[here] - found.allowed[here]
            worst = here[np.nan_to_num(excess, nan=math.inf).argmax()]
            ledger.put(
                step,
                "advantage",
                float(train.groups.advantage[worst]),
                float(found.expected[worst]),
                float(found.allowed[worst]),
            )
