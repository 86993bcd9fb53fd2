"""Does the log of a run follow from its rollouts? Statistics recomputed and compared step by step.

Trainers log means over the rollouts of a step. Whoever edits, drops or swaps a rollout has to forge these as
well: rewards (mean, deviation, share of groups of equal rewards, by function), advantages, numbers and
lengths of rollouts, and that a group answers one prompt. What leaves all of these as they are, such as
another text of the same length with the same reward, shows only against a commitment (`training.protocol`).

Trainers compute in float32. A comparison allows what rounding can do: the relative error of a sum of n
numbers added pairwise is at most log2(n)·u with u = 2⁻²⁴ (Higham 1993), plus a few operations around it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelassay.records import RunMetrics
from modelassay.training.advantages import Followed
from modelassay.training.columns import pa
from modelassay.training.expected_sizes import (
    ExpectedSizes,
    compare_groups,
    compare_sizes,
    lacking_of,
    whole_groups,
)
from modelassay.training.frame import Frame
from modelassay.training.held_advantages import compare_advantages, followed_by
from modelassay.training.lacking import Lack
from modelassay.training.ledger import GROUPS_OF, ONE_TASK, ROLLOUTS, Disagreement, Ledger
from modelassay.training.logged_statistics import (
    ALL_OF_AGENTS,
    COUNTS,
    FUNCTIONS,
    ZERO_VARIANCE,
    recomputed,
    statistic_named,
    statistic_of,
)
from modelassay.training.run import Run
from modelassay.training.size_changes import SizeChange, parts_of
from modelassay.training.stretches import last_logs
from modelassay.training.trained import Train, unclear_steps
from modelassay.training.unheld import no_formula, unheld

SHAPES: Final = (ROLLOUTS, ONE_TASK, GROUPS_OF)
"""What rollouts are compared with that nobody logged."""


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
    """Why rewards that were logged were compared in half of their steps or fewer; else empty."""
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
    def odd_sizes(self) -> tuple[Disagreement, ...]:
        """Steps of whole groups of which nothing but the number of rollouts is otherwise than expected."""
        others = {each.step for each in self.disagreements if not each.in_groups}
        return tuple(each for each in self.disagreements if each.in_groups and each.step not in others)

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps that disagree in anything."""
        return tuple(sorted({each.step for each in self.disagreements}))


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
    other_rewards: Sequence[str] = (),
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
        agents, changes, other_rewards: of the functions of these names with ``_of``.
    """
    chosen = np.flatnonzero(frame.is_train)
    taken = np.zeros(len(chosen), np.int64) if stretch is None else stretch[chosen]
    train = Train.of(frame, chosen, prompt_tokens, taken, agents)
    again = {*repeated, *train.again}
    expected = ExpectedSizes.of(train, group_size, parts_of(changes, train.step, taken), changes)
    whole = whole_groups(train, expected)
    lacking = lacking_of(train, lacks, whole, expected, survivors)
    unclear = unclear_steps(train, again, expected.part) - lacking
    left_out = unclear | lacking
    ledger, logs = Ledger(), last_logs(metrics, again)
    found = followed_by(train, whole, lacking, survivors, not other_rewards)
    _compare_logs(ledger, train, logs, left_out, found, survivors=survivors)
    if not survivors:
        compare_sizes(ledger, train, expected, left_out)
    compare_groups(ledger, train, None if survivors else expected, lacking)
    if found is not None:
        compare_advantages(ledger, train, found, whole, lacking)
    return Reconciliation(
        ledger.compared,
        ledger.largest,
        tuple(sorted(ledger.found, key=lambda each: (each.step, each.what))),
        tuple(_notes(ledger, train, logs, found, other_rewards)),
        unheld(ledger.at, {step: logs[step] for step in sorted(logs.keys() & set(train.steps) - left_out)}),
        tuple(f"{name} {way} in {count:,} steps" for (name, way), count in ledger.ways.items()),
        found.formula if found else "",
        found.formulae if found else (),
        len(unclear),
        tuple(sorted(lacking)),
        len(train.steps),
    )


def _compare_logs(
    ledger: Ledger,
    train: Train,
    logs: Mapping[int, dict[str, float]],
    left_out: Collection[int],
    found: Followed | None,
    *,
    survivors: bool,
) -> None:
    """Statistics and token counts that were logged against what the rollouts give."""
    for step, window, values in _windows(logs, set(train.steps) - set(left_out)):
        for name, logged in values.items():
            if not _of_others(train, values, step, name, survivors):
                _compare(ledger, train, step, window, name, logged, found)
    _compare_tokens(ledger, train, logs, left_out)


def _notes(
    ledger: Ledger,
    train: Train,
    logs: Mapping[int, dict[str, float]],
    found: Followed | None,
    other_rewards: Sequence[str],
) -> Iterator[str]:
    """What could not be compared, and why."""
    if not any(_known(values) for values in logs.values()):
        yield "nothing was logged of training that follows from rollouts"
    elif not ledger.compared.keys() & {name for values in logs.values() for name in values}:
        yield "what was logged of training is of no step of which all rollouts are here"
    if found is None:
        yield no_formula(train.groups, other_rewards)
    yield from _of_equal_rewards(ledger, [logs[step] for step in logs if step in train.steps])


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
    ledger: Ledger,
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
    ledger: Ledger, train: Train, step: int, window: list[int], name: str, logged: float
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
    ledger: Ledger, step: int, name: str, logged: float, values: Sequence[tuple[float, float]]
) -> None:
    """Compare what was logged of several steps with the mean of their statistics."""
    mean = sum(value for value, _ in values) / len(values)
    ledger.put(step, name, logged, mean, max(allowed for _, allowed in values))


def _compare_tokens(
    ledger: Ledger, train: Train, logs: Mapping[int, dict[str, float]], unclear: Collection[int]
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


def _of_equal_rewards(ledger: Ledger, logs: Iterable[Mapping[str, float]]) -> Iterable[str]:
    """Why shares of groups of equal rewards that were logged were compared in no step."""
    named = dict.fromkeys(name for values in logs for name in values)
    for name in named:
        statistic = statistic_named(name)
        if statistic is not None and statistic.kind == ZERO_VARIANCE and name not in ledger.compared:
            yield (
                f"{name} is not compared, as advantages do not tell of which rewards it is "
                "(scaled by function, clipped or less a penalty)"
            )
