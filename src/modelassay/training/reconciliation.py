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

from modelassay.records import RolloutReference, RunFinding, RunMetrics
from modelassay.training.advantages import NEEDS_WHOLE_STEP, Followed, followed
from modelassay.training.columns import pa
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.frame import Frame
from modelassay.training.lacking import Lack, lacking_steps, usual_size
from modelassay.training.logged_statistics import STATISTICS, statistic_of
from modelassay.training.run import Run
from modelassay.training.stretches import last_logs
from modelassay.training.trained import Train, unclear_steps

CHECK = "reconciliation"
SHOWN_STEPS = 10


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
    lacks: Sequence[Lack] = (),
    survivors: bool = False,
) -> Reconciliation:
    """Hold what was logged of training against the rollouts.

    Of a step that was taken more than once the last time is compared. Where the rollouts of its times cannot
    be told apart, so that there are more or fewer of them than of other steps, it is left out and counted. So
    is a step of which rollouts are missing, as far as the record says so itself.

    Args:
        group_size: rollouts per prompt, where all groups have it.
        prompt_tokens: tokens of each prompt, for ``num_tokens``; NaN where not known.
        repeated: steps that a resume wrote twice (`RunCoverage.repeated_steps`).
        stretch: of `stretches.stretches_of`; None when no rollout is of a resumed process.
        lacks: of `lacking.lacks_of`.
        survivors: whether only rollouts are here that were trained on: steps and groups may then be smaller.
    """
    chosen = np.flatnonzero(frame.is_train)
    taken = np.zeros(len(chosen), np.int64) if stretch is None else stretch[chosen]
    train = Train.of(frame, chosen, prompt_tokens, taken)
    again = {*repeated, *train.again}
    whole = _whole_groups(train, group_size)
    lacking = _lacking(train, lacks, whole, group_size, survivors)
    unclear = unclear_steps(train, again) - lacking
    left_out = unclear | lacking
    ledger, notes = _Ledger(), []
    logs = last_logs(metrics, again)
    if not any(_known(values) for values in logs.values()):
        notes.append("nothing that follows from rollouts was logged of training")
    for step, window, values in _windows(logs, set(train.steps) - left_out):
        for name, logged in values.items():
            _compare(ledger, train, frame, step, window, name, logged)
    _compare_tokens(ledger, train, logs, left_out)
    if not survivors:
        _compare_sizes(ledger, train, group_size, left_out)
    _compare_groups(ledger, train, None if survivors else group_size, lacking)
    found = _compare_advantages(ledger, train, whole, lacking, survivors)
    if found is None:
        notes.append("advantages are not recorded, or follow no formula that is known here")
    return Reconciliation(
        ledger.compared,
        ledger.largest,
        tuple(sorted(ledger.found, key=lambda each: (each.step, each.what))),
        tuple(notes),
        found.formula if found else "",
        found.formulae if found else (),
        len(unclear),
        tuple(sorted(lacking)),
        len(train.steps),
    )


def _whole_groups(train: Train, group_size: int | None) -> NDArray[np.bool_]:
    """By group whether all that were generated are here; of an unknown size those as large as the largest."""
    size = group_size or int(train.groups.size.max(initial=0))
    return np.asarray(train.groups.size >= size, np.bool_)


def _lacking(
    train: Train,
    lacks: Sequence[Lack],
    whole: NDArray[np.bool_],
    group_size: int | None,
    survivors: bool,
) -> frozenset[int]:
    """Steps of which the record says that rollouts are missing; of survivors those with groups not whole."""
    lacking = lacking_steps(_missing(train, group_size), lacks)
    if not survivors:
        return lacking
    kept = whole[train.groups.code]
    return lacking | {step for step, rows in train.every.items() if not kept[rows].all()}


def _missing(train: Train, group_size: int | None) -> dict[int, int | None]:
    """How many rollouts each step has too few, by other steps and by groups; None where neither tells."""
    usual = usual_size({step: len(rows) for step, rows in train.every.items()})
    if usual is None and not group_size:
        return dict.fromkeys(train.every)
    found: dict[int, int | None] = {}
    for step, rows in train.every.items():
        sizes = train.groups.size[np.unique(train.groups.code[rows])]
        in_groups = int(np.maximum((group_size or 0) - sizes, 0).sum())
        found[step] = max((usual or 0) - len(rows), in_groups)
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


def reconciliation_findings(result: Reconciliation, frame: Frame) -> tuple[RunFinding, ...]:
    """What the comparison says, a finding in all and one for each thing that disagrees."""
    if not result.compared:
        return (not_assessable(CHECK, result.notes[0] if result.notes else "nothing to compare"),)
    if not result.disagreements:
        return (_too_few(result),) if 2 * len(result.lacking) >= result.taken else (_agreement(result),)
    named: dict[str, list[Disagreement]] = {}
    for each in result.disagreements:
        named.setdefault(each.what, []).append(each)
    return tuple(_disagreement(what, cases, result, frame) for what, cases in named.items())


def _left_out(result: Reconciliation) -> str:
    """Which steps were not compared, as a sentence to follow another; empty of none."""
    told = f" {result.left_out:,} steps that were taken twice are left out." if result.left_out else ""
    if result.lacking:
        told += (
            f" {len(result.lacking):,} of {result.taken:,} steps ({_shown(result.lacking)}) are left out, as "
            f"the record says itself that it lacks rollouts of them."
        )
    return told


def _shown(steps: Sequence[int]) -> str:
    return ", ".join(map(str, steps[:SHOWN_STEPS])) + (" …" if len(steps) > SHOWN_STEPS else "")


def _too_few(result: Reconciliation) -> RunFinding:
    """Most of the run could not be compared: what agrees says nothing of it."""
    return not_assessable(
        CHECK,
        f"rollouts are missing of {len(result.lacking):,} of {result.taken:,} steps "
        f"({_shown(result.lacking)}), so that most steps could not be compared",
        question="Can all rollouts of these steps be handed over?",
    )


def _agreement(result: Reconciliation) -> RunFinding:
    steps = max(result.compared.values())
    worst = max(result.largest.values(), default=0.0)
    changed = len(result.formulae) > 1
    spoken = [f"{name!r} from step {step}" for step, name in result.formulae[:SHOWN_STEPS]]
    how = f" Advantages follow another formula as it goes: {', '.join(spoken)}." if changed else ""
    return run_finding(
        CHECK,
        "agrees",
        f"What was logged follows from the rollouts in all {steps:,} steps that could be compared "
        f"({', '.join(result.compared)}); the largest deviation is {worst:.1e}.{_left_out(result)}{how}",
        state="shown_fine",
        severity="low" if changed else "none",
        assurance="T2",
        values={
            "steps": decimal(steps),
            "largest_deviation": decimal(worst, 9),
            **({"lacking_steps": decimal(len(result.lacking))} if result.lacking else {}),
        },
        method="recomputed in float64, float32 rounding allowed",
        rests_on=result.notes,
        question=f"Which setting of advantages changed at step {result.formulae[1][0]}, and why?"
        if changed
        else "",
    )


def _disagreement(what: str, cases: list[Disagreement], result: Reconciliation, frame: Frame) -> RunFinding:
    steps = [case.step for case in cases]
    first = cases[0]
    rows = np.flatnonzero(frame.is_train & np.isin(frame.step, steps[:SHOWN_STEPS]))
    _, places = np.unique(frame.step[rows], return_index=True)
    return run_finding(
        CHECK,
        "disagrees",
        f"{what} does not follow from the rollouts of {len(steps):,} of {result.compared[what]:,} steps "
        f"({_shown(steps)}): at step {first.step} {first.logged:.6g} stands against {first.recomputed:.6g}."
        f"{_left_out(result)}",
        about={"what": what},
        state="shown_harmful",
        severity="critical" if len(steps) <= max(3, result.compared[what] // 10) else "high",
        values={"steps": decimal(len(steps)), "compared": decimal(result.compared[what])},
        evidence=[RolloutReference(seq=int(rows[i]), step=int(frame.step[rows[i]])) for i in places],
        method="recomputed in float64, float32 rounding allowed",
        question=f"Why does {what} at step {first.step} not follow from the rollouts handed over?",
    )


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
    train: Train,
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
    found = [statistic_of(statistic, train, of, train.steps[each]) for each in window]
    if not statistic or any(each is None for each in found):
        return
    values = [each for each in found if each is not None]
    recomputed = sum(value for value, _ in values) / len(values)
    ledger.put(step, name, logged, recomputed, max(allowed for _, allowed in values))


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


def _compare_sizes(ledger: _Ledger, train: Train, group_size: int | None, left_out: Collection[int]) -> None:
    """Steps of another size than nearly all, also less what failed and has no reward.

    Where a step's generation failed and was made again, the step has the rollouts of both. The last step
    may be smaller by whole groups: training data seldom fills it.
    """
    sizes = {step: len(rows) for step, rows in train.steps.items() if step not in left_out}
    used = {step: int((~train.discarded[train.steps[step]]).sum()) or size for step, size in sizes.items()}
    usual = usual_size(used)
    for step, size in sizes.items() if usual is not None else ():
        assert usual is not None
        size = size if size == usual else used[step]
        rest = step == max(sizes) and group_size and size % group_size == 0
        ledger.put(step, "rollouts", min(usual, size) if rest else usual, size, 0)


def _compare_groups(ledger: _Ledger, train: Train, group_size: int | None, lacking: Collection[int]) -> None:
    """Groups of several tasks, and of another size than `group_size`; None where that is not to be said."""
    mixed = train.groups.mixed(train.task)
    for step, rows in train.every.items():
        codes = np.unique(train.groups.code[rows])
        if step not in lacking or mixed[codes].any():
            ledger.put(step, "one task in each group", 0, float(mixed[codes].sum()), 0)
        if group_size and step not in lacking:
            odd = (train.groups.size[codes] != group_size).sum()
            ledger.put(step, f"groups of {group_size}", 0, float(odd), 0)


def _compare_advantages(
    ledger: _Ledger,
    train: Train,
    whole: NDArray[np.bool_],
    lacking: Collection[int],
    survivors: bool,
) -> Followed | None:
    """Advantages against those of the formula that each step follows, where all that they rest on is here."""
    whole_step = np.ones(len(train.step), np.bool_)
    for step in lacking:
        whole_step[train.every[step]] = False
    asked = whole_step | whole[train.groups.code]
    found = followed(train.groups, train.every, asked, (NEEDS_WHOLE_STEP,) if survivors else ())
    if found is None:
        return None
    off = np.abs(train.groups.advantage - found.expected)
    known = ~np.isnan(train.groups.advantage) & asked
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
    return found
