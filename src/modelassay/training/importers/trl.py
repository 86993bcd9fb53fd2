"""TRL (GRPO, RLOO; Unsloth too): ``completions/completions_NNNNN.parquet`` beside ``checkpoint-N`` folders.

The native log is no audit log (tra.md 1.1): it keeps the last generation batch at each log, an evaluation
writes over the file of its step, and with ``num_iterations`` the same batch is written again. So each file is
told apart as training, evaluation or repetition, and the coverage statement says what is not there. A single
``completions_all.parquet`` with the same columns is read likewise, step by step.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from modelassay.errors import DatasetError
from modelassay.records import RewardFunction, RunManifest
from modelassay.training.columns import pa
from modelassay.training.importers.checkpoints import checkpoints_in
from modelassay.training.importers.lines import numbered
from modelassay.training.importers.opened import ImportOptions, Notes, OpenedRun, Record, Rows
from modelassay.training.importers.tally import Tally
from modelassay.training.importers.trl_columns import TrlColumns, prompts_of
from modelassay.training.importers.trl_files import Piece, pieces, reward_columns
from modelassay.training.importers.trl_groups import (
    asked_by_evaluations,
    evaluation_files,
    evaluation_rows,
    group_size,
    late_evaluations,
)
from modelassay.training.importers.trl_state import TrainerState, read_state
from modelassay.training.importers.trl_weights import advantages_tell_ones, reward_weights

NAME = "trl"
_FILE = re.compile(r"completions_.+\.parquet")
SURVEYED = 16
"""Batches looked at to learn the group size."""


def recognises(source: Path) -> bool:
    """Files of completions, or a trainer's state."""
    return bool(_files(source)) or any(source.glob("checkpoint-*/trainer_state.json"))


def open_run(source: Path, options: ImportOptions) -> OpenedRun:
    """See `Framework.open_run`."""
    root = source if source.is_dir() else source.parent
    root = root.parent if root.name == "completions" else root
    files = _files(source)
    if not files:
        raise DatasetError(
            "checkpoints, but no completions/completions_*.parquet",
            where=str(source),
            mend="TRL writes them with log_completions=True; or attach the recorder",
        )
    state = read_state(root)
    run = _TrlRun(root, files, state, options)
    return OpenedRun(run.manifest(), run.rollouts, run.records, run.coverage)


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source] if _FILE.fullmatch(source.name) else []
    for folder in (source / "completions", source):
        found = [path for path in folder.glob("completions_*.parquet") if path.is_file()]
        if found:
            single = numbered(found, r"completions_(\d+)\.parquet")
            numbers = {path for _, path in single}
            return [path for _, path in single] + sorted(set(found) - numbers)
    return []


class _TrlRun:
    """One output folder."""

    def __init__(self, root: Path, files: list[Path], state: TrainerState, options: ImportOptions) -> None:
        self._root, self._files, self._state = root, files, state
        self._names = reward_columns(files, state.reward_names)
        found = reward_weights(self._names, state.train_logs, pieces(files, None, self._names))
        self._weights, self._unscored = found.values, 0.0 if found.unscored_is_zero else math.nan
        single_default = len(self._names) == 1 and self._weights == (None,)
        self._assumed_weight = single_default and not state.train_logs
        self._eval_steps = set(state.eval_logs) or (set() if state.name else evaluation_files(files))
        self._guessed_eval = bool(self._eval_steps) and not state.eval_logs
        # After the last checkpoint there may be more evaluations, of which the state says nothing.
        asked = asked_by_evaluations(files, self._eval_steps)
        common = frozenset.intersection(*asked) if asked else frozenset()
        late = late_evaluations(files, common, self._eval_steps, state.steps)
        self._eval_steps |= late
        self._eval_prompts = common if len(asked) + len(late) > 1 else frozenset()
        self._sizes = self._group_sizes(options)
        self._by_advantages = None in self._weights and not self._assumed_weight and self._tell_ones()
        if self._by_advantages:
            self._weights = (Decimal(1),) * len(self._names)
        self._sizes_of: dict[int, int] = {}
        self._steps: set[int] = set()
        self._times: Counter[int] = Counter()

    def manifest(self) -> RunManifest:
        card = _model_card(self._root)
        return RunManifest(
            id="",
            name="",
            origin="imported",
            framework=NAME,
            framework_version=card.get("TRL", ""),
            algorithm=card.get("algorithm", ""),
            rewards=tuple(
                RewardFunction(name=name, weight=weight)
                for name, weight in zip(self._names, self._weights, strict=True)
            ),
            group_size=self._sizes["train"],
            population="generated",
            configuration=dict(self._state.settings or {}),
            libraries={name: text for name, text in card.items() if name != "algorithm"},
            source=self._root.name,
        )

    def rollouts(self, notes: Notes) -> Iterator[Rows]:
        for where, reason in self._state.unreadable:
            notes.quarantine(where, reason, "")
        weights = [1.0] if self._assumed_weight else [None if w is None else float(w) for w in self._weights]
        columns = TrlColumns(self._names, weights, self._unscored)
        before: tuple[bytes, int] = (b"", 0)
        for piece in pieces(self._files, notes):
            self._steps.add(piece.step)
            digest = _digest(piece.table)
            if digest == before[0] and not self._tokens_grew(before[1], piece.step):
                notes.duplicated += piece.table.num_rows
                continue
            before = (digest, piece.step)
            yield from self._rows(piece, columns, notes)

    def records(self, notes: Notes) -> Iterator[Record]:
        yield from self._state.metrics()
        yield from checkpoints_in(self._root, r"checkpoint-(\d+)", notes)

    def coverage(self, tally: Tally, notes: Notes) -> dict[str, Any]:
        from modelassay.training.importers.trl_coverage import coverage

        return coverage(
            tally,
            notes,
            self._state,
            seen_steps=self._steps,
            sizes=self._sizes_of,
            guessed_evaluations=self._guessed_eval,
            assumed_weight=self._assumed_weight,
            told_by_advantages=self._by_advantages,
            unknown_weights=None in self._weights and not self._assumed_weight,
            group_size=self._sizes["train"],
        )

    def _tell_ones(self) -> bool:
        """Whether advantages tell that every reward function counted once, where no log does."""
        every = pieces(self._files, None, [*self._names, "advantage"])
        trained = (piece for piece in every if piece.step not in self._eval_steps)
        return advantages_tell_ones(self._names, trained, self._sizes["train"])

    def _group_sizes(self, options: ImportOptions) -> dict[str, int | None]:
        """Of training and of evaluations, from the first batches of each."""
        surveyed: dict[str, list[pa.Table]] = {"train": [], "eval": []}
        for piece in pieces(self._files, None, ["prompt", "advantage"]):
            phase = "eval" if piece.step in self._eval_steps else "train"
            if len(surveyed[phase]) < SURVEYED:
                surveyed[phase].append(piece.table)
            if len(surveyed["train"]) == SURVEYED and (surveyed["eval"] or not self._eval_steps):
                break
        sizes = {phase: group_size(tables) for phase, tables in surveyed.items()}
        if options.group_size:
            sizes["train"] = options.group_size
        return sizes

    def _rows(self, piece: Piece, columns: TrlColumns, notes: Notes) -> Iterator[Rows]:
        step, table = piece.step, piece.table
        if step not in self._eval_steps:
            time = self._times[step]
            self._times[step] += 1
            if time:
                notes.repeated.add(step)
            self._sizes_of[step] = max(self._sizes_of.get(step, 0), table.num_rows)
            yield columns.rows(table, step, "train", self._sizes["train"], time=time)
            return
        logged = self._state.eval_logs.get(step, {})
        count = evaluation_rows(prompts_of(table), self._eval_prompts, columns.total(table), logged)
        left = table.num_rows - count
        if self._state.logs_training(step) or self._guessed_eval:
            notes.overwritten.add(step)
        if left:
            notes.say(
                f"The file of step {step} begins with {left:,} rows of training left over from before the "
                f"evaluation that fills the rest."
            )
            self._sizes_of[step] = left
            size = self._sizes["train"]
            yield columns.rows(
                table.slice(0, left), step, "train", size if size and left % size == 0 else None
            )
        yield columns.rows(table.slice(left), step, "eval", self._sizes["eval"])

    def _tokens_grew(self, earlier: int, later: int) -> bool:
        """Whether the log says that something was generated between two steps."""
        logs = self._state.train_logs
        ends = [logs.get(step, {}).get("num_tokens") for step in (earlier, later)]
        return None not in ends and ends[0] != ends[1]


def _digest(table: pa.Table) -> bytes:
    """Of the rows without their step: equal for the same rollouts written twice."""
    rows = table.drop_columns(["step"]) if "step" in table.column_names else table
    digest = hashlib.blake2b(digest_size=16)
    for batch in rows.combine_chunks().to_batches():
        digest.update(batch.serialize())
    return digest.digest()


_LIBRARY = re.compile(r"^- ([A-Za-z]+): ([\w.+-]{1,40})$", re.MULTILINE)
_METHOD = re.compile(r"trained with (GRPO|RLOO|DPO|SFT|ORPO|KTO)\b")


def _model_card(root: Path) -> dict[str, str]:
    """Library versions and algorithm, from the model card that TRL writes."""
    path = root / "README.md"
    if not path.is_file():
        return {}
    text = path.read_bytes()[: 1 << 20].decode("utf-8", "replace")
    method = _METHOD.search(text)
    return {**dict(_LIBRARY.findall(text)), **({"algorithm": method.group(1).lower()} if method else {})}
