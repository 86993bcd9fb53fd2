"""What a TRL file does not say and its rows show: the size of groups, and which rows are an evaluation's."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelassay.training.columns import pa
from modelassay.training.importers.trl_columns import prompts_of
from modelassay.training.importers.trl_files import Piece, pieces

COMPARED = 64
"""Files of training that are looked at before a file is called a late evaluation."""
ZERO_SUM = 1e-4
"""Largest mean advantage of a group; TRL's are centred within groups, in float32."""


def group_size(tables: Sequence[pa.Table]) -> int | None:
    """Rollouts per prompt: equal prompts stand together, and advantages of a group sum to zero.

    The greatest common divisor of the runs of equal prompts is a multiple of the group size (neighbouring
    groups may share a prompt); of its divisors the smallest with centred groups is taken.
    """
    if not tables:
        return None
    # By batch and by majority: a batch with rows missing must not decide for all.
    common = Counter(_common_run(table) for table in tables)
    most = max(common, key=lambda size: (common[size], size))
    if most == 1:
        return None
    advantages = [
        np.nan_to_num(table.column("advantage").cast(pa.float64()).to_numpy()).reshape(-1, most)
        for table in tables
        if "advantage" in table.column_names and table.num_rows % most == 0
    ]
    signal = [each for each in advantages if np.abs(each).max() > ZERO_SUM]
    for size in (divisor for divisor in range(2, most) if most % divisor == 0):
        means = [np.abs(each.reshape(-1, size).mean(axis=1)).max() for each in signal]
        if means and float(np.median(means)) <= ZERO_SUM:
            return size
    return most


def _common_run(table: pa.Table) -> int:
    """The greatest common divisor of the lengths of runs of equal prompts."""
    codes = prompts_of(table).dictionary_encode().indices.to_numpy()
    ends = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    return math.gcd(*np.diff(ends).tolist())


def evaluation_rows(
    prompts: pa.Array, common: frozenset[str], totals: NDArray[np.float64], log: Mapping[str, Any]
) -> int:
    """How many rows at the end of an evaluation's file are the evaluation's.

    The file holds the last `generation_batch_size` rollouts, so an evaluation of fewer prompts leaves rows of
    training in front. Prompts that all evaluations share tell them apart. Where there was only one, the tail
    must have both the logged mean and the logged deviation of the rewards; else the whole file counts as it.

    Args:
        prompts: of each row.
        common: see `evaluation_prompts`.
        totals: total reward per row.
        log: what was logged of the evaluation.
    """
    count = len(prompts)
    if common:
        shared = np.array([prompt in common for prompt in prompts.to_pylist()])
        first = int(np.flatnonzero(~shared)[-1]) + 1 if not shared.all() else 0
        return count - first if first < count and not shared[:first].any() else count
    mean, std = log.get("eval_reward"), log.get("eval_reward_std")
    if not isinstance(mean, int | float) or not isinstance(std, int | float) or np.isnan(totals).any():
        return count
    error = 1e-5 * max(1.0, float(np.abs(totals).max()))
    for tail in range(count, 1, -1):
        rows = totals[count - tail :]
        if abs(rows.mean() - mean) <= error and abs(rows.std(ddof=1) - std) <= error:
            return tail
    return count


def evaluation_prompts(files: Sequence[Path], steps: set[int]) -> frozenset[str]:
    """Prompts that every evaluation asked, from the files of two or more of them; empty when fewer."""
    asked = (
        [_asked(piece) for piece in pieces(files, None, ["prompt"]) if piece.step in steps] if steps else []
    )
    return frozenset.intersection(*asked) if len(asked) > 1 else frozenset()


def evaluation_files(files: Sequence[Path]) -> set[int]:
    """Steps whose prompts look like an evaluation's, for runs without a log.

    An evaluation asks the same prompts each time, no training batch asks any of them, and there is only one
    such set: where several sets come back, training went over its data in a fixed order. An evaluation that
    was run once is told only where all training batches share prompts with others.
    """
    sets = {piece.step: _asked(piece) for piece in pieces(files, None, ["prompt"])}
    kinds = Counter(sets.values())
    holders = Counter(prompt for kind in kinds for prompt in kind)
    alone = {kind for kind in kinds if all(holders[prompt] == 1 for prompt in kind)}
    steps_of = {kind: sorted(step for step, each in sets.items() if each == kind) for kind in alone}
    repeated = [
        kind for kind, steps in steps_of.items() if any(b - a > 1 for a, b in itertools.pairwise(steps))
    ]
    if len(repeated) == 1 and len(kinds) > 2:
        return set(steps_of[repeated[0]])
    lonely = [kind for kind in alone if len(alone) == 1 and len(kinds) > 2]
    return {step for kind in lonely for step in steps_of[kind]}


def late_evaluation(files: Sequence[Path], common: frozenset[str], known: set[int]) -> set[int]:
    """The step of the last file, when it asks what evaluations ask and training does not.

    Args:
        common: see `evaluation_prompts`.
        known: steps of evaluations that are logged.
    """
    if not common:
        return set()
    last = {piece.step: _asked(piece) for piece in pieces(files[-1:], None, ["prompt"])}
    others = (p for p in pieces(files[:-1][:COMPARED], None, ["prompt"]) if p.step not in known)
    if any(_asked(piece) & common for piece in others):
        return set()
    return {step for step, asked in last.items() if step not in known and asked >= common}


def _asked(piece: Piece) -> frozenset[str]:
    return frozenset(prompts_of(piece.table).unique().to_pylist())
