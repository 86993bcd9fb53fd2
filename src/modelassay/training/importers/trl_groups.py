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
from modelassay.training.importers.trl_files import Piece, numbered_step, pieces

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
        common: prompts that every evaluation asked; empty where there are not several.
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


def asked_by_evaluations(files: Sequence[Path], steps: set[int]) -> list[frozenset[str]]:
    """The prompts of each evaluation whose file is here."""
    if not steps:
        return []
    return [_asked(piece) for piece in pieces(files, None, ["prompt"]) if piece.step in steps]


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


def late_evaluations(
    files: Sequence[Path], common: frozenset[str], known: set[int], saved: int
) -> frozenset[int]:
    """Steps of evaluations after the last checkpoint: they ask what evaluations ask and training does not.

    Args:
        common: prompts that every logged evaluation asked.
        known: steps of evaluations that are logged.
        saved: the last step of which there is a log. The last file may be of it and yet hold an evaluation,
            one that followed the end of training.
    """
    if not common or not saved:
        return frozenset()
    steps = {path: numbered_step(path) for path in files}
    later = {path for path, step in steps.items() if step is None or step > saved or path == files[-1]}
    logged = [path for path, step in steps.items() if path not in later and step not in known]
    found: set[int] = set()
    for piece in pieces([*logged[:COMPARED], *sorted(later)], None, ["prompt"]):
        if piece.step in known:
            continue
        asked = _asked(piece)
        after = piece.step > saved or (piece.step == saved and piece.where == files[-1].name)
        if after and asked >= common:
            found.add(piece.step)
        elif asked & common:
            return frozenset()  # training asks these prompts too: they tell nothing
    return frozenset(found)


def _asked(piece: Piece) -> frozenset[str]:
    return frozenset(prompts_of(piece.table).unique().to_pylist())
