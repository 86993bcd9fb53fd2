"""What analyses look at: every rollout of a run as numbers and codes, and the flags raised on it.

Text is read once, batch by batch, by scanners; what remains is some 100 bytes a rollout, so that a million of
them fit in memory. Analyses are pure functions of a `Frame`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelassay.errors import UsageError
from modelassay.training.columns import REWARD_PREFIX, pa
from modelassay.training.emptiness import silent_rows
from modelassay.training.group_codes import group_codes
from modelassay.training.run import Run
from modelassay.training.used_up import not_used_up

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int64]


class Scanner(Protocol):
    """Looks for one or more behaviours in rollouts.

    It sees whole batches, so that it can be vectorised; what it needs of other rollouts of a group it
    must keep itself, between `scan` and `finish`.
    """

    name: str
    version: str
    """Raised whenever a change could alter a flag."""
    columns: tuple[str, ...]
    """Columns that it reads."""
    behaviours: tuple[str, ...]
    """Names of the flags that it raises."""

    def scan(self, batch: pa.RecordBatch) -> Mapping[str, NDArray[Any]]:
        """For each behaviour one value per row: a flag (bool), or a score (float, higher is more so)."""
        ...


@dataclass(frozen=True)
class Frame:
    """Columns over n rollouts, in the order of `seq`. Codes index into the tuple of names beside them."""

    step: Codes
    is_train: Flags
    env: Codes
    envs: tuple[str, ...]
    task: Codes
    """Equal prompts have equal codes."""
    tasks: int
    group: Codes
    """Rollouts of one name, phase and step; see `group_codes`."""
    groups: int
    reward: Floats
    """NaN where the source gave none; likewise below."""
    rewards: Mapping[str, Floats]
    advantage: Floats
    trained_on: NDArray[np.int8]
    """1 trained on, 0 filtered out, -1 unknown."""
    failed: Flags
    """Infrastructure failures: never evidence about the policy."""
    empty: Flags
    """Completions that say nothing; of rollouts kept without text only those of no tokens."""
    truncated: Flags
    tokens: Floats
    """Length of the completion in tokens, else NaN."""
    characters: Codes
    """Length of the completion in characters; 0 when text is absent."""
    flags: Mapping[str, Flags] = field(default_factory=dict)
    """By behaviour."""
    scores: Mapping[str, Floats] = field(default_factory=dict)
    """By behaviour, where a scanner gives scores."""
    scanned_by: Mapping[str, str] = field(default_factory=dict)
    """Behaviour → ``scanner@version``."""

    def __len__(self) -> int:
        return len(self.step)

    @property
    def usable(self) -> Flags:
        """Rollouts that say something about the policy: those without an infrastructure failure."""
        return ~self.failed

    def with_flags(self, behaviour: str, flags: Flags, by: str) -> Frame:
        """The same rollouts with one more behaviour flagged."""
        return replace(
            self,
            flags={**self.flags, behaviour: flags},
            scanned_by={**self.scanned_by, behaviour: by},
        )


class _Coder:
    """Gives equal texts equal codes, in order of first appearance."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def __call__(self, column: pa.Array) -> Codes:
        encoded = column.dictionary_encode()
        known = self.codes
        table = np.array([known.setdefault(v, len(known)) for v in encoded.dictionary.to_pylist()], np.int64)
        return table[encoded.indices.to_numpy(zero_copy_only=False)] if len(column) else np.empty(0, np.int64)


_READ = (
    "step", "phase", "env", "task", "group", "completion", "format", "reward", "advantage", "trained_on",
    "failure", "finish", "completion_tokens",
)  # fmt: skip


def read_frame(
    run: Run, scanners: Sequence[Scanner] = (), progress: Callable[[int], None] = lambda rows: None
) -> Frame:
    """Stream the rollouts of `run` once, through every scanner, into a frame.

    Args:
        progress: told after each batch how many rollouts have been read.

    Raises:
        EvidenceError: see `Run.batches`.
        UsageError: a scanner of others raised, or gave other flags than it declares.
    """
    rewards = [REWARD_PREFIX + reward.name for reward in run.manifest.rewards]
    needed = dict.fromkeys(("seq", *_READ, *rewards, *(c for s in scanners for c in s.columns)))
    coders = {name: _Coder() for name in ("env", "task", "group")}
    found: dict[str, list[NDArray[Any]]] = {}
    rows = 0
    for batch in run.batches(list(needed)):
        for name, values in _numbers(batch, coders, rewards).items():
            found.setdefault(name, []).append(values)
        for scanner in scanners:
            for behaviour, values in _flagged(scanner, batch).items():
                found.setdefault(f"scan:{behaviour}", []).append(values)
        rows += batch.num_rows
        progress(rows)
    columns = {n: np.concatenate(parts) for n, parts in found.items()}
    if columns:
        unknown = np.isin(columns["group"], not_used_up(run.events(), coders["group"].codes))
        columns["trained_on"] = np.where(unknown & (columns["trained_on"] == 1), -1, columns["trained_on"])
        size = run.manifest.group_size
        columns["group"] = group_codes(columns["group"], columns["step"], columns["is_train"], size)
    return _assembled(columns, coders, rewards, scanners)


def _flagged(scanner: Scanner, batch: pa.RecordBatch) -> Mapping[str, NDArray[Any]]:
    """What `scanner` flags, one value a row for every behaviour that it declares."""
    if type(scanner).__module__.partition(".")[0] == __name__.partition(".")[0]:
        return scanner.scan(batch)
    try:
        flagged = {name: np.asarray(values) for name, values in scanner.scan(batch).items()}
    except Exception as error:  # the user's scanner may raise anything
        raise _unsound(scanner, f"failed: {type(error).__name__}: {error}") from error
    if odd := set(scanner.behaviours) ^ set(flagged):
        raise _unsound(scanner, f"declares {sorted(scanner.behaviours)} and does not agree on {sorted(odd)}")
    for name, values in flagged.items():
        if values.shape != (batch.num_rows,) or values.dtype.kind not in "bfiu":
            shape = f"{values.dtype} of shape {values.shape}"
            raise _unsound(
                scanner, f"gives {name!r} as {shape}, where {batch.num_rows} flags or scores are due"
            )
    return flagged


def _unsound(scanner: Scanner, why: str) -> UsageError:
    return UsageError(
        f"the scanner {scanner.name}@{scanner.version} {why}",
        where=type(scanner).__module__,
        mend="mend it, uninstall it, or name the scanners to run without it",
    )


def _numbers(
    batch: pa.RecordBatch, coders: Mapping[str, _Coder], rewards: Iterable[str]
) -> dict[str, NDArray[Any]]:
    import pyarrow.compute as compute

    def numbers(name: str) -> Floats:
        column = batch.column(name).cast(pa.float64())
        return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)

    def equals(name: str, value: str) -> Flags:
        return np.asarray(compute.equal(batch.column(name), value).to_numpy(zero_copy_only=False), np.bool_)

    characters = compute.utf8_length(batch.column("completion")).to_numpy(zero_copy_only=False)
    tokens = numbers("completion_tokens")
    absent = equals("format", "absent")
    trained = compute.fill_null(batch.column("trained_on").cast(pa.int8()), -1)
    return {
        "step": batch.column("step").to_numpy(),
        "is_train": equals("phase", "train"),
        **{name: coder(batch.column(name)) for name, coder in coders.items()},
        "reward": numbers("reward"),
        "advantage": numbers("advantage"),
        **{name: numbers(name) for name in rewards},
        "trained_on": trained.to_numpy(zero_copy_only=False),
        "failed": ~equals("failure", ""),
        "empty": np.where(absent, tokens == 0, silent_rows(batch)),
        "truncated": equals("finish", "length"),
        "tokens": tokens,
        "characters": characters.astype(np.int64),
    }


def _assembled(
    columns: Mapping[str, NDArray[Any]],
    coders: Mapping[str, _Coder],
    rewards: Sequence[str],
    scanners: Sequence[Scanner],
) -> Frame:
    empty: NDArray[Any] = np.empty(0)
    by = {f"scan:{b}": f"{s.name}@{s.version}" for s in scanners for b in s.behaviours}
    scanned = {n.removeprefix("scan:"): v for n, v in columns.items() if n.startswith("scan:")}

    def column(name: str, kind: type) -> NDArray[Any]:
        return columns.get(name, empty).astype(kind, copy=False)

    return Frame(
        step=column("step", np.int64),
        is_train=column("is_train", np.bool_),
        env=column("env", np.int64),
        envs=tuple(coders["env"].codes),
        task=column("task", np.int64),
        tasks=len(coders["task"].codes),
        group=column("group", np.int64),
        groups=int(column("group", np.int64).max(initial=-1)) + 1,
        reward=column("reward", np.float64),
        rewards={name.removeprefix(REWARD_PREFIX): column(name, np.float64) for name in rewards},
        advantage=column("advantage", np.float64),
        trained_on=column("trained_on", np.int8),
        failed=column("failed", np.bool_),
        empty=column("empty", np.bool_),
        truncated=column("truncated", np.bool_),
        tokens=column("tokens", np.float64),
        characters=column("characters", np.int64),
        flags={n: v for n, v in scanned.items() if v.dtype == np.bool_},
        scores={n: v.astype(np.float64) for n, v in scanned.items() if v.dtype != np.bool_},
        scanned_by={name.removeprefix("scan:"): who for name, who in by.items() if name in columns},
    )
