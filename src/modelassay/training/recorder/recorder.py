"""Record a training run while it runs: the plain calls, on which everything else rests."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from modelassay.records import (
    RunCheckpoint,
    RunDataset,
    RunEvent,
    RunEventKind,
    RunManifest,
    RunMetrics,
    RunPhase,
)
from modelassay.training.columns import REWARD_PREFIX
from modelassay.training.importers.rows import json_text, text_of
from modelassay.training.recorder.checkpoints import read_checkpoint
from modelassay.training.recorder.clerk import LiveLog
from modelassay.training.recorder.graded import GradedBatches
from modelassay.training.recorder.in_force import InForce
from modelassay.training.recorder.items import Item, Line, Rollouts, StepDone, lost_rollouts, one_record
from modelassay.training.recorder.pipeline import Pipeline
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.plain_values import (
    encoded,
    finite_numbers,
    known_phases,
    plain,
    replaced,
    reward_function,
    step_number,
    told_of,
)
from modelassay.training.recorder.rewards import recording
from modelassay.training.recorder.spool import ROOM_BYTES
from modelassay.training.recorder.surroundings import library_versions
from modelassay.training.recorder.times import event_time, now
from modelassay.training.recorder.totals import Totals
from modelassay.training.recorder.troubles import Troubles

FLUSH_S = 60.0
"""Longest wait for the disk when a run is closed; what is later than that is told on stderr."""
F = TypeVar("F", bound=Callable[..., Any])


class RunRecorder:
    """Records one training run; a context manager.

    Nothing that is said while training goes on raises, and nothing waits for records to be made: what is said
    is appended to a file, from which a process beside this one makes them. What could not be kept stands in
    the record as a gap; so does what is said in processes that are forked off from this one. A run that
    exists already is continued.

    Args:
        store: the store's folder.
        run: name of the run, and of its folder ``runs/<name>``.
        rewards: reward functions and their weights; those of the first rollouts when none are given.
        about: further fields of the manifest, such as ``framework`` and ``algorithm``.
        rank: number of this process among `world`; from the environment (``RANK``, ``WORLD_SIZE``) when None.
        log: binds the run as it goes; see `LiveLog`.
        spill: bytes of the disk that what was said may take until it is in the run's files.

    Raises:
        UsageError: the name cannot be used, or `about` holds what no manifest can.
        StoreError: the folder cannot be made.
    """

    def __init__(
        self,
        store: str | Path,
        run: str,
        *,
        rewards: Mapping[str, float | None] | Sequence[str] = (),
        about: Mapping[str, Any] | None = None,
        rank: int | None = None,
        world: int | None = None,
        log: LiveLog | None = None,
        spill: int = ROOM_BYTES,
    ) -> None:
        self.place = Place(Path(store), run)
        weights = rewards if isinstance(rewards, Mapping) else dict.fromkeys(rewards)
        self.manifest = RunManifest(
            id=run,
            name=run,
            origin="recorded",
            framework="plain",
            population="generated",
            rewards=tuple(reward_function(name, weight) for name, weight in weights.items()),
        )
        self.describe(**(about or {}))
        self.troubles = Troubles(run)
        self.troubles.record = self._put_event
        self.current_step = 0
        """The newest step that is done."""
        self.sees_rollouts = False
        """Whether rollouts come from a trainer's own methods, so that wrapped rewards need not tell them."""
        self.phase: Callable[[], RunPhase] | None = None
        """Says what reward functions are asked for; None where only TRL's arguments tell. May be set."""
        self.totals = Totals(self)
        self.graded = GradedBatches(self)
        """What wrapped reward functions were asked and answered, until all of them have."""
        self._pipeline = Pipeline(self.place, spill, log, self.troubles, lambda: self.manifest)
        self.troubles.lose, self.hurry = self._pipeline.lose, self._pipeline.hurry
        own_rank = int(os.environ.get("RANK", "0")) if rank is None else rank
        self.share(own_rank, int(os.environ.get("WORLD_SIZE", "1")) if world is None else world)
        self._alone = 0
        self._in_force = InForce(self, lambda: self._pipeline.rank)
        self._told: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.exception(error)
        self.close()

    # -- whom it listens to --------------------------------------------------------------------------------
    def attach(self, trainer: Any, *, tokens: bool = True) -> Self:
        """Record all that a transformers or TRL trainer does; see `training.recorder.trainer`.

        Args:
            tokens: keep the token ids of completions, so that a segment can be replayed token by token.

        Raises:
            UsageError: it is no such trainer.
        """
        from modelassay.training.recorder.trainer import attach

        attach(self, trainer, tokens=tokens)
        return self

    def reward(self, function: F, name: str = "") -> F:
        """`function` as it was, its name included, that also records what it is asked and what it answers.

        Takes the reward functions of TRL (``prompts, completions``), OpenRLHF (``queries, prompts, labels``)
        and verl (``data_source, solution_str, ground_truth, extra_info``).
        """
        return recording(self, function, name)

    # -- what is recorded --------------------------------------------------------------------------------
    def describe(self, **about: Any) -> None:
        """Set fields of the manifest (`records.RunManifest`), until the first step is written.

        Raises:
            UsageError: there is no such field, or it cannot hold that.
        """
        self.manifest = replaced(self.manifest, **about)

    def rollout(
        self,
        *,
        prompt: Any,
        completion: Any,
        rewards: Mapping[str, float | None] | None = None,
        reward: float | None = None,
        step: int | None = None,
        phase: RunPhase = "train",
        group: str = "",
        position: int = 0,
        extra: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> None:
        """Record one rollout, whether or not it is trained on.

        Args:
            prompt: text, a list of messages (objects or those of clients), or one; likewise `completion`.
            rewards: score by reward function, before weighting.
            reward: total, as the trainer uses it; the weighted sum of `rewards` when None, where every weight
                is known (a run's only function counts once).
            step: that it serves; None for the one after the newest that is done (before any is: `unnamed`).
            group: name of the rollouts that it is compared with; in a resumed run names begin anew.
            columns: further columns of `training.columns.FIXED`, such as ``advantage``, ``trained_on``,
                ``env``, ``task``, ``grader_input``, ``grader_output``, ``failure``, ``finish``.
        """
        at = self.current_step + 1 if step is None else step
        with self.troubles.kept("recording a rollout", lambda: lost_rollouts(1, (at,))):
            known_phases([phase])
            (prompt_text, form), (completion_text, other) = text_of(prompt), text_of(completion)
            self.troubles.look(prompt_text, completion_text)
            self.reach(at := step_number(at), phase)
            self._alone += 1
            row = {
                "step": at,
                "phase": phase,
                "group": self._marked(group) if group else f"alone-{self._pipeline.process}-{self._alone}",
                "position": position,
                "prompt": prompt_text,
                "completion": completion_text,
                "format": "messages" if "messages" in (form, other) else "text",
                "reward": self.totals.of(rewards or {}, reward),
                "time": now(),
                **{REWARD_PREFIX + name: score for name, score in (rewards or {}).items()},
                **columns,
            }
            if extra:
                row["extra"] = json_text(dict(extra))
            self.put(Rollouts(1, {name: [value] for name, value in row.items()}, assumed=step is None))

    def rollouts(
        self, count: int, columns: Mapping[str, list[Any]], more: Mapping[str, list[Any]] | None = None
    ) -> None:
        """Record `count` rollouts by column; see `training.columns`. ``step``, ``prompt``, ``completion`` and
        ``group`` must be among them, texts being text. In a resumed run names of groups begin anew.

        Args:
            more: further columns of any plain data, kept as JSON in ``extra``.
        """
        with self.troubles.kept("recording rollouts", lambda: lost_rollouts(count, columns.get("step", ()))):
            phases = known_phases(columns.get("phase") or ["train"] * count)
            steps = [step_number(each) for each in columns["step"]]
            for phase, step in set(zip(phases, steps, strict=True)):
                self.reach(step, phase)
            marked = {"group": [self._marked(each) for each in columns["group"]]}
            self.named(count, {**self.totals.added(columns, count), "step": steps, **marked}, more)

    def named(
        self,
        count: int,
        columns: Mapping[str, list[Any]],
        more: Mapping[str, list[Any]] | None = None,
        *,
        assumed: bool = False,
    ) -> None:
        """`rollouts` whose groups have names that no other stretch has (`reach`); see `items.Rollouts`."""
        with self.troubles.kept("recording rollouts", lambda: lost_rollouts(count, columns.get("step", ()))):
            more = dict(more or {})
            lengths = {len(values) for named in (columns, more) for values in named.values()}
            if lengths - {count}:
                raise ValueError(f"columns of {sorted(lengths)} rows, not {count}")
            known_phases(columns.get("phase", ()))
            self.put(Rollouts(count, {"time": [now()] * count, **columns}, more, assumed))

    def reach(self, step: int, phase: RunPhase = "train") -> None:
        """Say that rollouts of `step` come now, before their groups are named after `stretch`.

        A step that was done comes again when training begins anew: that is another stretch of the run.

        Raises:
            TypeError: `step` is no number.
            OSError: the disk is full.
        """
        self._begun()
        self._pipeline.reach(phase, step)

    def step(self, step: int, metrics: Mapping[str, Any] | None = None) -> None:
        """Say that `step` is done: none of its rollouts, or of an earlier step's, will come any more."""
        with self.troubles.kept("recording a step", one_record):
            if metrics:
                self.metrics(metrics, step=step)
            self.graded.flush()
            again = self._pipeline.was_done(step := step_number(step))
            self.current_step = self.current_step if again else step
            self.put(StepDone(step, *self._in_force.digests, self._pipeline.last_checkpoint, again))

    def metrics(
        self, values: Mapping[str, Any], *, step: int | None = None, phase: RunPhase = "train"
    ) -> None:
        """Record what the trainer logged; what is no finite number is left out."""
        with self.troubles.kept("recording metrics", one_record):
            if numbers := finite_numbers(values):
                at = step_number(step, self.current_step)
                self._line("metrics", RunMetrics(step=at, phase=phase, values=numbers, time=now()))

    def event(
        self, kind: RunEventKind, *, step: int | None = None, actor: str = "", alarm: str = "", **body: Any
    ) -> None:
        """Record that something happened; `training.happenings` has the fields of each kind."""
        with self.troubles.kept("recording an event", one_record):
            at = step_number(step, self.current_step)
            self._put_event(
                RunEvent(time=event_time(), kind=kind, step=at, actor=actor, alarm=alarm, body=plain(body))
            )

    def checkpoint(self, folder: str | Path, *, step: int | None = None) -> None:
        """Record a checkpoint that was saved; it is hashed in the background."""
        with self.troubles.kept("recording a checkpoint", one_record):
            at, path = step_number(step, self.current_step), Path(folder).absolute()
            self.later(lambda: self._hash(path, at))

    def later(self, job: Callable[[], None]) -> None:
        """Run `job` in the background, after those before it; its errors are the recorder's."""
        self._begun()
        self._pipeline.later(job)

    def dataset(self, name: str, **about: Any) -> None:
        """Record data that the run is given; see `records.RunDataset` for what can be said of it.

        Raises:
            UsageError: there is no such field, or it cannot hold that.
        """
        found = replaced(RunDataset(name=name), **about)
        with self.troubles.kept("recording a dataset", one_record):
            self._line("datasets", found)

    def configuration(self, settings: Mapping[str, Any], *, step: int | None = None) -> None:
        """Record the settings in force; what has changed since the last time is an event."""
        with self.troubles.kept("recording the configuration"):
            self._in_force.configuration(settings, step)

    def code(
        self, named: Mapping[str, Any], *, versions: Mapping[str, str] | None = None, step: int | None = None
    ) -> None:
        """Record the code of graders, environments and training by digest; a change is an event.

        Args:
            named: functions, classes or modules by name, such as ``grader/correct``.
            versions: what is known by its version, such as ``git commit``.
        """
        with self.troubles.kept("recording code"):
            self._in_force.code(named, versions or {}, step)

    def exception(self, error: BaseException, *, step: int | None = None) -> None:
        """Record an error that ends or disturbs training; the same one only once."""
        with self.troubles.kept("recording an exception"):
            if error is not self._told:
                self._told = error
                self.event("exception", step=step, where="training", **told_of(error))

    @property
    def stretch(self) -> int:
        """How often the run was resumed, or began anew, before the step that was reached last."""
        return self._pipeline.process // self._pipeline.world

    @property
    def is_foreign(self) -> bool:
        """Whether this is a process forked off from the one that records."""
        return self._pipeline.is_foreign

    # -- from here to the disk ---------------------------------------------------------------------------
    def share(self, rank: int, world: int) -> None:
        """Say which of how many processes of the run this is; without effect once recording has begun."""
        self._pipeline.rank, self._pipeline.world = rank, max(world, rank + 1)

    def put(self, item: Item) -> None:
        """Keep `item`; in a process forked off from this one it is only counted as lost."""
        self._begun()
        self._pipeline.put(item)

    def begin(self, step: int = -1) -> None:
        """Begin to record now, not with the first call; `step` is the one that training resumes after."""
        with self.troubles.kept("beginning"):
            self.current_step = max(step, 0)
            self._begun(step)

    def flush(self, timeout_s: float = FLUSH_S) -> bool:
        """Wait until everything so far is in the run's files; whether that was done in time."""
        with self.troubles.kept("flushing"):
            return self._pipeline.flush(timeout_s)
        return False

    def close(self, timeout_s: float = FLUSH_S) -> None:
        """Write what is left, seal the files, and have one process state the coverage and bind the run."""
        if self._pipeline.closing or self._pipeline.is_foreign:
            return
        with self.troubles.kept("closing the run"):
            self._begun()
            self.graded.flush()
            self._pipeline.settle(timeout_s)
            if self.troubles.total:
                self.event("note", errors_of_the_recorder=self.troubles.summary())
            atexit.unregister(self.close)
            self._pipeline.close(timeout_s)

    def _begun(self, step: int = -1) -> None:
        now_begun, resumed = self._pipeline.begin()
        if now_begun:
            libraries = {**library_versions(), **self.manifest.libraries}
            self.describe(started=self.manifest.started or now(), libraries=libraries)
            atexit.register(self.close)
        if resumed:
            digest, line = str(self._in_force.digests[0] or ""), self._pipeline
            self.event("resumed", step=step, process=line.process, world=line.world, configuration=digest)

    def _marked(self, group: str) -> str:
        return f"{self.stretch}:{group}" if self.stretch else group

    def _hash(self, path: Path, step: int) -> None:
        found = read_checkpoint(path, step)
        self._pipeline.last_checkpoint = found.digest or self._pipeline.last_checkpoint
        self._line("checkpoints", found)
        self.event("note", step=step, saved=found.name, digest=found.digest or "", parts=list(found.parts))

    def _line(self, stem: str, record: RunMetrics | RunEvent | RunCheckpoint | RunDataset) -> None:
        self.put(Line(stem, encoded(record)))

    def _put_event(self, event: RunEvent) -> None:
        self._begun()
        self._line("events", msgspec.structs.replace(event, rank=self._pipeline.process))
