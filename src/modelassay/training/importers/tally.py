"""Rollouts counted as they stream by: steps, phases, groups of equal rewards, clocks that go back."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from modelassay.training.columns import pa


class Tally:
    """Counts over batches of the canonical columns; some 32 bytes a group are kept.

    Args:
        world: processes that wrote side by side: time passes in the rollouts of each, not from one to the
            next. Ranks that leave the same remainder are one process, resumed.
    """

    def __init__(self, world: int = 1) -> None:
        self._world = world
        self.train_steps: Counter[int] = Counter()
        self.eval_steps: Counter[int] = Counter()
        self.without_reward = 0
        self.failures = 0
        self._groups: list[tuple[NDArray[np.int64], ...]] = []
        self._ends: list[tuple[NDArray[np.float64], ...]] = []
        self._last_times: dict[int, str] = {}
        self._backwards = 0

    @property
    def train(self) -> int:
        """Training rollouts."""
        return self.train_steps.total()

    @property
    def evaluation(self) -> int:
        """Rollouts of evaluations."""
        return self.eval_steps.total()

    def count(self, batch: pa.RecordBatch) -> None:
        """Take in one batch."""
        import pyarrow.compute as compute

        is_train = np.asarray(
            compute.equal(batch.column("phase"), "train").to_numpy(zero_copy_only=False), np.bool_
        )
        steps = batch.column("step").to_numpy()
        for chosen, counter in ((is_train, self.train_steps), (~is_train, self.eval_steps)):
            values, counts = np.unique(steps[chosen], return_counts=True)
            counter.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        self.without_reward += batch.column("reward").null_count
        self.failures += int(compute.sum(compute.not_equal(batch.column("failure"), "")).as_py() or 0)
        self._count_groups(batch)
        self._count_clock(batch)

    def _count_groups(self, batch: pa.RecordBatch) -> None:
        table = pa.table({name: batch.column(name) for name in ("group", "step", "phase", "reward")})
        names = ["group", "step", "phase"]  # names of groups may come again from step to step
        found = table.group_by(names).aggregate([("reward", "min"), ("reward", "max"), ("group", "count")])
        each = zip(*(found.column(name).to_pylist() for name in names), strict=True)
        keys = np.array([hash(key) for key in each], np.int64)
        self._groups.append((keys, found.column("group_count").to_numpy().astype(np.int64)))
        self._ends.append(
            tuple(
                found.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
                for name in ("reward_min", "reward_max")
            )
        )

    def _count_clock(self, batch: pa.RecordBatch) -> None:
        times = batch.column("time")
        if self._world == 1:
            self._pass(0, times)
            return
        ranks = batch.column("rank").to_numpy() % self._world
        for process in np.unique(ranks).tolist():
            self._pass(process, times.filter(pa.array(ranks == process)))

    def _pass(self, process: int, times: pa.Array) -> None:
        last = self._last_times.get(process, "")
        for time in times.unique().to_pylist():
            if time and time < last:
                self._backwards += 1
            last = time or last
        self._last_times[process] = last

    def zero_variance_groups(self) -> int:
        """Groups of two or more rollouts whose rewards are all the same number."""
        if not self._groups:
            return 0
        keys = np.concatenate([keys for keys, _ in self._groups])
        sizes = np.concatenate([sizes for _, sizes in self._groups])
        low = np.concatenate([low for low, _ in self._ends])
        high = np.concatenate([high for _, high in self._ends])
        order = np.argsort(keys, kind="stable")
        first = np.flatnonzero(np.diff(keys[order], prepend=keys[order][0] - 1))
        lowest = np.fmin.reduceat(low[order], first)
        highest = np.fmax.reduceat(high[order], first)
        return int(((lowest == highest) & (np.add.reduceat(sizes[order], first) > 1)).sum())

    def statements(self) -> list[str]:
        """What the counts say beyond numbers."""
        said = []
        if self._backwards:
            said.append(f"The clock of the rollouts goes back {self._backwards:,} times in file order.")
        if self.without_reward:
            said.append(f"{self.without_reward:,} rollouts carry no total reward.")
        if self.failures:
            said.append(f"{self.failures:,} rollouts are marked as failures of the infrastructure.")
        return said
