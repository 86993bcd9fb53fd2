"""Scores of several reward functions for the same completions, put together into rollouts."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelassay.training.columns import REWARD_PREFIX
from modelassay.training.importers.rows import clean, number, text_of
from modelassay.training.recorder.forks import REASON
from modelassay.training.recorder.graded_columns import (
    NO_PHASE,
    PHASE_TOLD,
    Columns,
    openrlhf_columns,
    trl_columns,
    verl_columns,
)
from modelassay.training.recorder.items import Loss, lost_rollouts
from modelassay.training.recorder.plain_values import scalar

if TYPE_CHECKING:
    from modelassay.training.recorder.recorder import RunRecorder

MOST_OPEN = 256
"""Batches that may wait for further functions at once; beyond that the oldest is recorded as it is."""
_MOST_TOLD = 8
"""So many recorded batches that lack a function are known still: its late answer makes no second one."""
_SAID = 200
"""Characters of an error's words."""


def said_of_error(error: BaseException) -> str:
    """An error in words that stand beside each rollout."""
    return f"{type(error).__name__}: {clean(str(error))[:_SAID]}".removesuffix(": ")


@dataclass(eq=False)
class Batch:
    """Rollouts of which one reward function after the other is asked."""

    prompts: Any
    completions: Any
    """The object that functions are given: batches are told apart by it."""
    columns: Columns
    """None of them where they could not be made."""
    assumed: bool = False
    """Whether nobody named its step."""
    asked: set[str] = field(default_factory=set)
    """Functions that were asked, and did not fail."""
    waiting: set[str] = field(default_factory=set)
    """Those of them that are at work."""
    scored: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    told: bool = False
    """Whether it is in the record."""

    @property
    def step(self) -> int:
        """The step that it serves; -1 where its columns could not be made."""
        steps = self.columns.get("step")
        return steps[0] if steps else -1

    @property
    def is_answered(self) -> bool:
        """Whether all that were asked have answered."""
        return self.asked == self.scored and not self.failed

    def equals(self, asked: Mapping[str, Any]) -> bool:
        """Whether `asked` is about equal rollouts, which its caller has copied."""
        pairs = ((self.prompts, asked.get("prompts")), (self.completions, asked["completions"]))
        return all(isinstance(one, list) and isinstance(two, list) and one == two for one, two in pairs)


class GradedBatches:
    """Puts the scores of several functions for the same completions together.

    Batches may be graded at once, in tasks or in threads: each waits for its own functions. It is recorded
    when all known ones have answered and another batch begins, or else when its step is done.
    """

    def __init__(self, recorder: RunRecorder) -> None:
        self._recorder = recorder
        self._lock = threading.RLock()
        self._functions: set[str] = set()
        self._open: list[Batch] = []
        self._lacking: deque[Batch] = deque(maxlen=_MOST_TOLD)
        """Recorded ones that not every known function was heard of."""
        self._number = 0
        self._no_phase: set[str] = set()

    def know(self, name: str) -> None:
        """Say that there is a function of this name, which tells what it is asked."""
        self._functions.add(name)
        self._recorder.totals.know([name])

    def no_phase(self, name: str) -> None:
        """Have it said, once, that nobody tells which rollouts `name` grades in evaluations."""
        if name not in self._no_phase and not self._recorder.is_foreign:
            self._no_phase.add(name)
            body: dict[str, Any] = {NO_PHASE: name}
            self._recorder.event("note", **body)

    def phase_is_told(self, name: str) -> None:
        """Take that back: what `name` grades in evaluations is told from here on."""
        if name in self._no_phase:
            self._no_phase.remove(name)
            body: dict[str, Any] = {PHASE_TOLD: name}
            self._recorder.event("note", **body)

    def begin(self, name: str, asked: Mapping[str, Any]) -> Batch | None:
        """Take a call before it is made; None where it stands for itself."""
        if "solution_str" in asked or "queries" in asked:
            return None
        if "completions" not in asked:
            raise TypeError("neither TRL's, OpenRLHF's nor verl's arguments")
        if self._recorder.is_foreign:  # before the lock, which another thread may have held at the fork
            raise RuntimeError(REASON)
        with self._lock:
            batch = self._found(name, asked) or self._new(name, asked)
            batch.asked.add(name)
            batch.waiting.add(name)
            batch.failed.discard(name)
            return batch

    def take(self, name: str, asked: Mapping[str, Any], batch: Batch | None, answer: Any) -> None:
        """Take what it answered."""
        if batch is None:
            columns = self._alone(name, asked, answer)
            self._recorder.named(len(columns["completion"]), columns, assumed=True)
            return
        with self._lock:
            batch.waiting.discard(name)
            if isinstance(answer, Iterator):
                raise TypeError("its answer can be read once only, by who asked for it")
            self._put(name, batch, [number(scalar(each)) for each in answer])

    def fail(self, name: str, asked: Mapping[str, Any], batch: Batch | None, error: BaseException) -> None:
        """Take that it raised: its rollouts are there, and have no score by it."""
        failure = f"the reward function {name} raised {said_of_error(error)}"
        if batch is None:
            columns = self._alone(name, asked, None)
            columns["failure"] = [failure] * len(columns["completion"])
            self._recorder.named(len(columns["completion"]), columns, assumed=True)
            return
        with self._lock:
            batch.asked.discard(name)
            batch.waiting.discard(name)
            batch.failed.add(name)
            self._writable(batch)["failure"] = [failure] * len(batch.columns["completion"])

    def lost(self, asked: Mapping[str, Any]) -> Loss:
        """What is not in the record of a call that could not be taken."""
        completions, rows = asked.get("completions"), asked.get("queries", asked.get("completions"))
        if completions is not None:
            if any(batch.completions is completions for batch in (*self._open, *self._lacking)):
                return Loss(records=1)  # its rollouts were told as lost, or are kept without this score
            self._open.append(Batch(asked.get("prompts"), completions, {}))  # others lose no further ones
        return lost_rollouts(1 if rows is None else len(rows), [self._recorder.current_step + 1])

    def flush(self) -> None:
        """Record what there is: no function will be asked about it any more."""
        if not self._recorder.is_foreign:
            with self._lock:
                self._tell(self._open)

    def _alone(self, name: str, asked: Mapping[str, Any], answer: Any) -> Columns:
        """Columns of a call whose rollouts no other function is asked about."""
        columns_of = verl_columns if "solution_str" in asked else openrlhf_columns
        return columns_of(self._recorder, name, asked, answer)

    def _put(self, name: str, batch: Batch, scores: list[float | None]) -> None:
        columns = self._writable(batch)
        if len(scores) != len(columns["completion"]):
            raise ValueError(f"{len(scores)} scores for {len(columns['completion'])} completions")
        columns[REWARD_PREFIX + name] = scores
        batch.scored.add(name)
        if not batch.failed:
            columns.pop("failure", None)  # it was asked again, and answered

    def _writable(self, batch: Batch) -> Columns:
        if batch.told:
            raise ValueError("its rollouts were recorded before it answered")
        if not batch.columns:
            raise ValueError("its rollouts could not be recorded")
        return batch.columns

    def _found(self, name: str, asked: Mapping[str, Any]) -> Batch | None:
        """The batch that these completions are of, unless this is another one of them."""
        completions = asked["completions"]
        same = next((each for each in reversed(self._open) if each.completions is completions), None)
        if same is not None and name in same.asked:  # asked once more: these are other rollouts
            self._tell([same])
        elif same is not None:
            return same
        for batch in self._open:
            if name not in batch.asked and batch.equals(asked):
                return batch
        for batch in self._lacking:
            if batch.completions is completions and name not in batch.scored and _has(batch, completions):
                return batch
        return None

    def _new(self, name: str, asked: Mapping[str, Any]) -> Batch:
        self._tell([batch for batch in self._open if batch.is_answered and self._functions <= batch.scored])
        columns = trl_columns(self._recorder, name, asked, self._number)
        self._number += 1
        assumed = asked.get("trainer_state") is None
        batch = Batch(asked["prompts"], asked["completions"], columns, assumed=assumed)
        self._tell([each for each in self._open if not each.waiting and each.step < batch.step])
        while len(self._open) >= MOST_OPEN:
            self._tell(self._open[:1], whole=False)
        self._open.append(batch)
        return batch

    def _tell(self, batches: Iterable[Batch], *, whole: bool = True) -> None:
        """Record `batches`.

        Args:
            whole: whether they have the scores of all functions that would have been asked about them.
        """
        for batch in list(batches):
            self._open.remove(batch)
            batch.told = True
            if batch.columns:
                count, columns = len(batch.columns["completion"]), batch.columns
                known = whole or self._functions <= batch.scored
                heard = known and batch.is_answered and not self._unwrapped()
                total = self._recorder.totals.column(columns, count) if heard else [None] * count
                if not self._functions <= batch.scored:
                    self._lacking.append(batch)
                self._recorder.named(count, {**columns, "reward": total}, assumed=batch.assumed)

    def _unwrapped(self) -> set[str]:
        """Functions that count towards the total, and do not tell what they are asked."""
        return {each.name for each in self._recorder.manifest.rewards if each.weight} - self._functions


def _has(batch: Batch, completions: Any) -> bool:
    """Whether `completions` are those of `batch` still: a list may be filled anew."""
    return batch.columns.get("completion") == [text_of(each)[0] for each in completions]
