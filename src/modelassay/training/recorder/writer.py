"""The writer: takes what training handed over and puts it into files, step by step bound by a record each."""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  pyarrow uses it, and it cannot be imported while Python ends
import hashlib
import threading
from collections.abc import Callable

import msgspec

from modelassay.canonical import Digest, canonical_json
from modelassay.log.durable import sync_path
from modelassay.records import RunEvent, RunManifest, StepRecord
from modelassay.training.columns import rollout_schema
from modelassay.training.protocol.commitment import NO_RECORD, StepCommitter, StepKey, record_digest
from modelassay.training.recorder.backlog import Backlog, Loss
from modelassay.training.recorder.clerk import Clerk, Worker
from modelassay.training.recorder.files import Ballast, Lines, Part, seal
from modelassay.training.recorder.items import Item, Line, Rollouts, StepDone
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.rows import merged, reward_columns, to_batch
from modelassay.training.recorder.times import now
from modelassay.training.recorder.troubles import Troubles

WAIT_S = 0.5
LINGER_S = 0.05
"""What comes within this time is written together; a killed process loses no more than it."""


class Writer:
    """Owns the files of one process. All of it runs in one thread but `__init__` and `close`.

    Args:
        process: its number, already claimed.
        claim: gives the next number, should steps go back.
        manifest: what is settled with the first rollouts or the first step.
        clerk: gets what is written; nothing is committed to when its log is None.
        last_checkpoint: digest of the newest checkpoint.
    """

    def __init__(
        self,
        place: Place,
        process: int,
        claim: Callable[[], int],
        manifest: Callable[[], RunManifest],
        backlog: Backlog,
        clerk: Clerk,
        troubles: Troubles,
        last_checkpoint: Callable[[], Digest | None],
    ) -> None:
        self.process = process
        self._place, self._claim, self._manifest = place, claim, manifest
        self._backlog, self._clerk, self._troubles = backlog, clerk, troubles
        self._last_checkpoint = last_checkpoint
        self._settled: RunManifest | None = None
        self._part: Part | None = None
        self._parts = 0
        self._lines: dict[str, Lines] = {}
        self._unlogged: list[StepRecord] = []
        self._closed: set[StepKey] = set()
        self._previous = NO_RECORD
        self._metrics = hashlib.sha256()
        self._any_metrics = False
        self._loss, self._lost_in_step = Loss(), 0
        self._ballast = Ballast(place.folder / f".ballast-{process:05d}")
        self._committer = StepCommitter(place.run, clerk.log.secret) if clerk.log is not None else None
        self._sealer = Worker("sealing", troubles)
        self._stopping = False
        self._round_done = threading.Condition()
        self._rounds = 0
        self._thread = threading.Thread(target=self._run, name="modelassay writer", daemon=True)
        self._thread.start()

    def flush(self, timeout_s: float) -> bool:
        """Wait until what was handed over before is written; whether that was done in time."""
        with self._round_done:
            wanted = self._rounds + 2  # the round under way may have begun before the last item came

            def done() -> bool:
                self._backlog.wake()
                return self._rounds >= wanted and not self._backlog.spilled

            return self._round_done.wait_for(done, timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Write everything, close every step, seal every part; whether that was done in time."""
        self._stopping = True
        self._backlog.wake()
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and self._sealer.close(timeout_s)

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            stopping = self._stopping
            items = self._backlog.take(0.0 if stopping else WAIT_S)
            with self._troubles.kept("writing"):
                self._handle(items)
            with self._troubles.kept("noting losses"):
                self._tell_losses()
            with self._round_done:
                self._rounds += 1
                self._round_done.notify_all()
            if stopping and not items and not self._backlog.spilled:
                break
            if not stopping:
                pause.wait(LINGER_S)
        with self._troubles.kept("closing"):
            self._finish()

    def _handle(self, items: list[Item]) -> None:
        waiting: list[Rollouts] = []
        for item in items:
            if isinstance(item, Rollouts):
                waiting.append(item)
                continue
            self._rollouts(waiting)
            waiting = []
            try:
                if isinstance(item, Line):
                    self._line(item)
                else:
                    self._step_done(item)
            except Exception as error:  # the others must still be written
                self._loss.add(item, "it could not be written")
                self._troubles.tell("writing", error)
        self._rollouts(waiting)

    def _rollouts(self, items: list[Rollouts]) -> None:
        """Write all of `items` at once; one by one when there is something wrong with one of them."""
        if not items:
            return
        try:
            self._write(merged(items))
        except OSError as error:
            self._ballast.drop()
            for item in items:
                self._loss.add(item, f"the disk refuses: {error.strerror}")
            self._troubles.tell("writing rollouts", error)
        except Exception as error:
            if len(items) > 1:
                for item in items:
                    self._rollouts([item])
            else:
                self._loss.add(items[0], f"{type(error).__name__}: {error}"[:200])
                self._troubles.tell("writing rollouts", error)

    def _write(self, rollouts: Rollouts) -> None:
        settled = self._settle(reward_columns(rollouts.columns))
        batch = to_batch(rollouts, rollout_schema([reward.name for reward in settled.rewards]), self.process)
        keys = set(zip(batch.column("phase").to_pylist(), batch.column("step").to_pylist(), strict=True))
        if any(StepKey(phase, step, self.process) in self._closed for phase, step in keys):
            self._start_over()
            batch = to_batch(rollouts, batch.schema, self.process)
        if self._part is None:
            self._part = Part(self._place.part(self.process, self._parts), batch.schema)
            self._parts += 1
        self._part.write(batch)
        if self._committer is not None:
            self._committer.add(batch)
        if self._part.full:
            self._finish_part()

    def _settle(self, rewards: tuple[str, ...]) -> RunManifest:
        if self._settled is None:
            self._settled = self._place.settle(self._manifest(), rewards)
        return self._settled

    def _line(self, item: Line) -> None:
        lines = self._lines_of(item.file)
        if not lines.append(item.data):
            self._ballast.drop()
            lines.flush()
        if item.file == "metrics":
            self._metrics.update(item.data + b"\n")
            self._any_metrics = True
        elif item.file == "events" and self._clerk.log is not None:
            self._clerk.event(msgspec.json.decode(item.data, type=RunEvent))

    def _lines_of(self, stem: str) -> Lines:
        if stem not in self._lines:
            self._lines[stem] = Lines(self._place.lines(stem, self.process))
        return self._lines[stem]

    def _step_done(self, done: StepDone) -> None:
        self._settle(())
        if self._committer is None:
            return
        train = StepKey("train", done.step, self.process)
        if train in self._closed:
            self._start_over()
            train = train._replace(rank=self.process)
        self._committer.open(train)
        for key in [key for key in self._committer.keys if key.step <= done.step]:
            self._bind(key, done)

    def _bind(self, key: StepKey, done: StepDone) -> None:
        """Close a step: its record is written, chained, and given to the clerk once it is on the disk."""
        assert self._committer is not None
        metrics = Digest("sha256:" + self._metrics.hexdigest()) if self._any_metrics else None
        record, _ = self._committer.close_step(
            key,
            self._previous,
            lost=self._lost_in_step,
            configuration=done.configuration,
            code=done.code,
            checkpoint=self._last_checkpoint(),
            metrics=metrics,
        )
        self._closed.add(key)
        self._previous = record_digest(record)
        self._metrics, self._any_metrics, self._lost_in_step = hashlib.sha256(), False, 0
        self._unlogged.append(record)
        steps = self._lines_of("steps")
        if steps.append(canonical_json(record)):
            files = [steps.path, *([self._part.path] if self._part else [])]
            for each in self._unlogged:
                self._clerk.step(each, *files)
            self._unlogged.clear()

    def _start_over(self) -> None:
        """Go on under another number: steps that were closed come again."""
        self._finish_files()
        ended = self.process
        self._sealer.do(lambda: self._place.done(ended))
        before, self.process, self._parts = self.process, self._claim(), 0
        self._closed, self._previous = set(), NO_RECORD
        body = {"process": self.process, "continues": before, "reason": "steps that were closed came again"}
        event = RunEvent(time=now(), kind="resumed", rank=self.process, body=body)
        self._line(Line("events", msgspec.json.encode(event)))

    def _finish(self) -> None:
        self._settle(())
        self._finish_files()
        self._ballast.drop()

    def _finish_files(self) -> None:
        if self._committer is not None:
            for key in self._committer.keys:
                self._bind(key, StepDone(key.step))
        self._finish_part()
        for lines in self._lines.values():
            lines.close()
            if lines.path.exists():
                sync_path(lines.path)
        self._lines = {}

    def _finish_part(self) -> None:
        if self._part is not None:
            part, self._part = self._part, None
            part.finish()
            self._sealer.do(lambda: seal(part.path))

    def _tell_losses(self) -> None:
        """Write down what was lost, as soon as there is room for it."""
        for lines in self._lines.values():
            lines.flush()
        lost = self._backlog.lost()
        if lost:
            self._merge(lost)
        if not self._loss:
            return
        loss, self._loss = self._loss, Loss()
        self._lost_in_step += loss.rollouts
        body = {
            "rollouts": loss.rollouts,
            "first_step": loss.first_step,
            "last_step": loss.last_step,
            "records": loss.records,
            "reason": loss.reason,
        }
        self._troubles.say(f"{loss.rollouts:,} rollouts and {loss.records:,} records lost: {loss.reason}")
        event = RunEvent(time=now(), kind="gap", step=loss.last_step, rank=self.process, body=body)
        self._line(Line("events", msgspec.json.encode(event)))

    def _merge(self, lost: Loss) -> None:
        mine = self._loss
        mine.rollouts += lost.rollouts
        mine.records += lost.records
        mine.reason = mine.reason or lost.reason
        steps = [s for s in (mine.first_step, lost.first_step) if s >= 0]
        mine.first_step = min(steps, default=-1)
        mine.last_step = max(mine.last_step, lost.last_step)
