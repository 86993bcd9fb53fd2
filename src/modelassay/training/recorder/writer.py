"""The writer: takes what training said and puts it into files, step by step bound by a record each.

It does nothing behind the back of its caller: after each `write` its `state` is kept, and only then is what
it wrote sealed and logged (`Written`), so that a writer can be killed at any instant and another one goes on
from the last state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import msgspec

from modelassay.canonical import Digest, canonical_json
from modelassay.log.durable import sync_path
from modelassay.records import RunEvent, RunManifest, StepRecord
from modelassay.training.columns import pa, rollout_schema
from modelassay.training.protocol.commitment import NO_RECORD, StepCommitter, record_digest
from modelassay.training.protocol.parts import StepKey
from modelassay.training.recorder.files import Appending, Part
from modelassay.training.recorder.items import About, Item, Line, Loss, Rollouts, StartOver, StepDone, loss_of
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.rows import merged, reward_columns, to_batch
from modelassay.training.recorder.spool import OpenStep, State
from modelassay.training.recorder.times import event_time
from modelassay.training.recorder.troubles import Troubles
from modelassay.training.recorder.unnamed import Unnamed

FILES = ("metrics", "events", "checkpoints", "datasets", "steps")
"""Of lines; the last only where steps are committed to."""


@dataclass
class Written:
    """What may be sealed and logged once the state is kept."""

    events: list[RunEvent] = field(default_factory=list)
    records: list[tuple[StepRecord, tuple[Path, ...]]] = field(default_factory=list)
    """With the files that must be on the disk itself before it is logged."""
    parts: list[Path] = field(default_factory=list)
    """That will not grow any more."""
    ended: list[int] = field(default_factory=list)
    """Numbers under which nothing more will be kept."""


class Writer:
    """Owns the files of one process.

    Args:
        state: where another writer stopped; what its files have beyond it is cut off.
        secret: see `StepCommitter`; None when nothing is bound.

    Raises:
        OSError, StoreError: its files cannot be continued.
    """

    def __init__(self, place: Place, state: State, secret: bytes | None, troubles: Troubles) -> None:
        self._place, self._state, self._troubles = place, state, troubles
        self.process, self._past = state.process, state.past
        self.written = Written()
        self._settled = place.manifest()
        self._committer = StepCommitter(place.run, secret) if secret is not None else None
        self._loss = Loss()
        self._resume(state)

    def _resume(self, state: State) -> None:
        self._manifest = state.manifest
        self._unnamed = Unnamed(state.unnamed, is_over=state.named, resumed=state.process >= state.world)
        self._previous, self._lost_in_step = state.previous, state.lost_in_step
        self._lines = {
            name: Appending(self._place.lines(name, self.process), n) for name, n in state.lines.items()
        }
        for name in set(FILES if self._committer is not None else FILES[:-1]) - state.lines.keys():
            self._place.lines(name, self.process).unlink(missing_ok=True)
        self._parts, self._part = state.parts, None
        if state.part is not None:
            assert self._settled is not None
            self._part = Part(self._place.part(self.process, self._parts - 1), self._schema(), *state.part)
        for path in self._place.parts_from(self.process, self._parts):
            path.unlink()
        self._metrics_from = state.metrics_from
        self._metrics = hashlib.sha256(self._bytes_of("metrics")[state.metrics_from :])
        if self._committer is not None:
            for step in state.open:
                key = StepKey(step.phase, step.step, step.rank)
                self._committer.reopen(key, step.hashes, step.trained_on, step.layout)

    def _bytes_of(self, name: str) -> bytes:
        return self._lines[name].path.read_bytes() if name in self._lines else b""

    def state(self, segment: int, offset: int) -> State:
        """Where another writer can go on, having read the spool up to there."""
        opened = self._committer.opened() if self._committer is not None else ()
        return msgspec.structs.replace(
            self._state,
            process=self.process,
            past=self._past,
            segment=segment,
            offset=offset,
            manifest=self._manifest,
            parts=self._parts,
            part=(self._part.rows, self._part.size) if self._part is not None else None,
            lines={name: file.size for name, file in self._lines.items()},
            unnamed=tuple(self._unnamed.held),
            named=self._unnamed.is_over,
            open=tuple(OpenStep(*key, hashes, trained, layout) for key, hashes, trained, layout in opened),
            previous=self._previous,
            metrics_from=self._metrics_from,
            lost_in_step=self._lost_in_step,
        )

    def write(self, items: Iterable[Item]) -> None:
        """Put `items` into the files; what has no place in them is told as a gap.

        Raises:
            OSError: the disk refuses; the files have parts of it.
        """
        run: list[Item] = []
        for item in items:
            if isinstance(item, StartOver):
                self._write([*run, *self._unnamed.release()])
                self._start_over(item.process)
                run = []
            elif isinstance(item, About):
                self._manifest = item.manifest
            elif isinstance(item, Rollouts):
                run += self._unnamed.take(item)
            else:
                run += self._step_named(item.step) if isinstance(item, StepDone) else []
                run.append(item)
        self._write(run)
        self._tell_losses()

    def stop(self) -> None:
        """Put what waits for its step into the files, which end there.

        Raises:
            OSError: the disk refuses.
        """
        self._write(self._unnamed.release())

    def finish(self) -> None:
        """Close every step and every file.

        Raises:
            OSError: the disk refuses.
        """
        self.stop()
        self._settle(())
        self._finish_files()

    def close(self) -> None:
        """Let all files go as they are."""
        if self._part is not None:
            self._part.close()
        for file in self._lines.values():
            file.close()

    def everything(self) -> Written:
        """All that may be sealed and logged, for who does not know how much of it was."""
        files = [self._lines[name].path for name in ("steps",) if name in self._lines]
        records = msgspec.json.Decoder(StepRecord).decode_lines(self._bytes_of("steps"))
        growing = self._part.path if self._part is not None else None
        parts = [path for each in (*self._past, self.process) for path in self._place.parts_from(each, 0)]
        return Written(
            events=msgspec.json.Decoder(RunEvent).decode_lines(self._bytes_of("events")),
            records=[(record, tuple(files)) for record in records],
            parts=[path for path in parts if path != growing],
            ended=list(self._past),
        )

    def said(self, event: RunEvent) -> None:
        """Keep an event of the recorder's own.

        Raises:
            OSError: the disk refuses.
        """
        self._line(Line("events", msgspec.json.encode(event)))

    # -- rollouts and steps ------------------------------------------------------------------------------
    def _write(self, items: Sequence[Item]) -> None:
        """All rollouts of `items` in one batch, then each item in its turn."""
        batches = self._batches([item for item in items if isinstance(item, Rollouts)])
        waiting: list[pa.RecordBatch] = []
        for item in items:
            if isinstance(item, Rollouts):
                waiting += next(batches)
            elif isinstance(item, Line):
                self._line(item)
            elif isinstance(item, Loss):
                self._lost(item)
            elif isinstance(item, StepDone):
                self._commit(waiting)
                waiting = []
                self._step_done(item)
        self._commit(waiting)
        if self._part is not None and self._part.full:
            self._finish_part()

    def _step_named(self, step: int) -> list[Rollouts]:
        """What waited for its step: it is known now."""
        items, note = self._unnamed.named(step)
        if note is not None:
            self.said(note)
        return items

    def _batches(self, items: list[Rollouts]) -> Iterator[list[pa.RecordBatch]]:
        """What of the files' rows is each of `items`; nothing where it could not be written."""
        if not items:
            return iter(())
        try:
            whole = self._append(merged(items))
        except OSError:
            raise
        except Exception as error:  # the others must still be written
            if len(items) > 1:
                return iter([next(self._batches([item])) for item in items])
            self._lost(loss_of(items[0], f"{type(error).__name__}: {error}"[:200]))
            self._troubles.tell("writing rollouts", error)
            return iter([[]])
        starts = accumulate((item.count for item in items), initial=0)
        return iter([[whole.slice(start, item.count)] for start, item in zip(starts, items, strict=False)])

    def _append(self, rollouts: Rollouts) -> pa.RecordBatch:
        self._settle(reward_columns(rollouts.columns))
        batch = to_batch(rollouts, self._schema(), self.process)
        if self._part is None:
            self._part = Part(self._place.part(self.process, self._parts), batch.schema)
            self._parts += 1
        self._part.write(batch)
        return batch

    def _commit(self, batches: list[pa.RecordBatch]) -> None:
        if self._committer is not None and batches:
            self._committer.add(pa.concat_batches(batches))

    def _step_done(self, done: StepDone) -> None:
        self._settle(())
        if self._committer is None:
            return
        if not done.again:
            self._committer.open(StepKey("train", done.step, self.process))
        for key in [key for key in self._committer.keys if key.step <= done.step]:
            self._bind(key, done)

    def _bind(self, key: StepKey, done: StepDone) -> None:
        """Close a step: its record is written, and chained."""
        assert self._committer is not None
        metrics = self._lines.get("metrics")
        some = metrics is not None and metrics.size > self._metrics_from
        record, _ = self._committer.close_step(
            key,
            self._previous,
            lost=self._lost_in_step,
            configuration=done.configuration,
            code=done.code,
            checkpoint=done.checkpoint,
            metrics=Digest("sha256:" + self._metrics.hexdigest()) if some else None,
        )
        self._previous = record_digest(record)
        self._metrics, self._lost_in_step = hashlib.sha256(), 0
        self._metrics_from = metrics.size if metrics is not None else 0
        steps = self._file("steps")
        steps.append(canonical_json(record) + b"\n")
        files = (steps.path, *((self._part.path,) if self._part is not None else ()))
        self.written.records.append((record, files))

    # -- files -------------------------------------------------------------------------------------------
    def _settle(self, rewards: tuple[str, ...]) -> RunManifest:
        if self._settled is None:
            known = msgspec.json.decode(self._manifest, type=RunManifest)
            self._settled = self._place.settle(known, rewards)
        return self._settled

    def _schema(self) -> pa.Schema:
        return rollout_schema([reward.name for reward in self._settle(()).rewards])

    def _line(self, item: Line) -> None:
        data = item.data
        if item.file == "events":
            try:
                event = msgspec.json.decode(data, type=RunEvent)
            except msgspec.DecodeError as error:
                self._lost(Loss(records=1, reason=f"an event cannot be read: {error}"[:200]))
                return
            if event.rank != self.process:
                event = msgspec.structs.replace(event, rank=self.process)
                data = msgspec.json.encode(event)
            self.written.events.append(event)
        self._file(item.file).append(data + b"\n")
        if item.file == "metrics":
            self._metrics.update(data + b"\n")

    def _file(self, name: str) -> Appending:
        if name not in self._lines:
            self._lines[name] = Appending(self._place.lines(name, self.process))
        return self._lines[name]

    def _start_over(self, process: int) -> None:
        """Go on under another number: steps that were closed come again."""
        self._finish_files()
        self.written.ended.append(self.process)
        self._past = (*self._past, self.process)
        self.process, self._lines = process, {}
        self._parts, self._previous, self._metrics_from = 0, NO_RECORD, 0
        self._metrics = hashlib.sha256()
        for path in self._place.parts_from(process, 0):  # of a writer that was killed over this
            path.unlink()

    def _finish_files(self) -> None:
        if self._committer is not None:
            for key in self._committer.keys:
                self._bind(key, StepDone(key.step))
        self._tell_losses()
        self._finish_part()
        for file in self._lines.values():
            file.close()
            sync_path(file.path)

    def _finish_part(self) -> None:
        if self._part is not None:
            part, self._part = self._part, None
            part.finish()
            self.written.parts.append(part.path)

    # -- losses ------------------------------------------------------------------------------------------
    def _lost(self, loss: Loss) -> None:
        self._loss.add(loss)
        self._lost_in_step += loss.rollouts

    def _tell_losses(self) -> None:
        """Write down what was lost."""
        if not self._loss:
            return
        loss, self._loss = self._loss, Loss()
        body = {
            "rollouts": loss.rollouts,
            "first_step": loss.first_step,
            "last_step": loss.last_step,
            "records": loss.records,
            "reason": loss.reason,
        }
        self._troubles.say(f"{loss.rollouts:,} rollouts and {loss.records:,} records lost: {loss.reason}")
        self.said(RunEvent(time=event_time(), kind="gap", step=loss.last_step, rank=self.process, body=body))
