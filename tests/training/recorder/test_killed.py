"""Training killed, the scribe killed, both: what was said is in the record once, and stays bound."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modelassay import Recorder
from modelassay.assessment.committing import commit_run, read_commitments
from modelassay.assessment.recording import own_notary
from modelassay.cli.run_commit import command as commit
from modelassay.evidence.keyring import Keyring
from modelassay.evidence.ledger import read_events
from modelassay.evidence.run_events import RunHappened, RunStep
from modelassay.training.protocol.commitment import broken_links
from modelassay.training.recorder import closing
from modelassay.training.recorder.closing import state_coverage
from modelassay.training.recorder.files import Part
from modelassay.training.recorder.items import End, Line, Loss, Rollouts, StepDone
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.scribe import Ended, Scribe, take_up
from modelassay.training.recorder.spool import Places, Spool, SpoolReader, State, spools
from modelassay.training.recorder.troubles import Troubles
from modelassay.training.recorder.writer import Writer
from modelassay.training.run import Run

pytestmark = pytest.mark.usefixtures("no_keys")

TRAINING = """
import sys, time
from modelassay import Recorder
run = Recorder(sys.argv[1], run="r")
for step in range(1, 100_000):
    for number in range(4):
        run.rollout(prompt="2+2=", completion="4" * 50, rewards={"correct": 1.0}, step=step, group="g")
    run.step(step, {"loss": 1 / step})
    print(step, run._pipeline.host.child, flush=True)
    time.sleep(0.02)
"""


class Training:
    """A training process that says how far it is."""

    def __init__(self, store: Path) -> None:
        arguments = [sys.executable, "-c", TRAINING, str(store)]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        self.step = self.scribe = 0

    def until(self, done: Callable[[], bool]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.step, self.scribe = map(int, line.split())
            if self.step % 10 == 0 and done():
                return

    def kill(self) -> None:
        self.process.kill()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.step, self.scribe = map(int, line.split())
        self.process.wait()


def column(run: Run, name: str) -> list[Any]:
    return [value for batch in run.batches([name]) for value in batch.column(name).to_pylist()]


def logged_steps(store: Path) -> list[Any]:
    return [e.read(RunStep).record for e in read_events(store / "log", RunStep)]


def wait_for(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.05)


def held_by(steps: list[int], told: int) -> None:
    """Every rollout of every step that was told is there once, and at most the next step's beside."""
    assert steps[: 4 * told] == [step for step in range(1, told + 1) for _ in range(4)]
    assert set(steps[4 * told :]) <= {told + 1}
    assert len(steps) <= 4 * told + 4


def test_training_is_killed_and_all_that_it_said_is_written(tmp_path: Path) -> None:
    training, folder = Training(tmp_path), tmp_path / "runs" / "r"
    training.until(lambda: (folder / "run.json").exists())
    training.kill()
    wait_for(lambda: not list(folder.glob(".spool-*")))
    kept = Run(folder)
    steps = column(kept, "step")
    held_by(steps, training.step)
    assert [part.suffix for part in kept.parts] == [".arrows"]
    assert kept.torn == []
    stopped = kept.coverage()
    assert stopped is not None
    assert (stopped.found_train, stopped.gaps) == (len(steps), 0)
    assert stopped.statements[0] == "Processes that were stopped before they closed the run: 1."
    assert [event.kind for event in kept.events()] == ["note", "exception"]  # of the weight that is assumed
    assert kept.events()[1].body["error"] == "Stopped"
    logged = logged_steps(tmp_path)
    assert len(logged) >= training.step
    assert not list(folder.glob(".*"))
    with Recorder(tmp_path, run="r") as run:
        run.rollout(prompt="2+2=", completion="4", step=max(steps), group="g")
        run.step(max(steps))
    made = read_commitments(folder)
    assert made.committed.rollouts == len(steps) + 1
    assert all(record in made.records for record in logged)
    assert broken_links(made.records) == []
    coverage = kept.coverage()
    assert coverage is not None
    assert any("where their process was stopped" in each for each in coverage.statements)


def test_the_scribe_is_killed_and_another_goes_on(tmp_path: Path) -> None:
    training, folder = Training(tmp_path), tmp_path / "runs" / "r"
    for _ in range(2):
        training.until(lambda: (folder / "run.json").exists())
        killed = training.scribe
        os.kill(killed, signal.SIGKILL)
        training.until(lambda before=killed: training.scribe != before)  # type: ignore[misc]
    training.kill()
    wait_for(lambda: not spools(folder))
    kept = Run(folder)
    held_by(column(kept, "step"), training.step)
    assert [m.step for m in kept.metrics()][: training.step] == list(range(1, training.step + 1))
    made = commit_run(kept, tmp_path, own_notary())
    assert broken_links(made.records) == []
    logged = logged_steps(tmp_path)
    assert len(logged) == len({record.step for record in logged}) == len(made.records)


def test_both_are_killed_and_the_next_to_open_writes_it_up(tmp_path: Path) -> None:
    training, folder = Training(tmp_path), tmp_path / "runs" / "r"
    training.until(lambda: (folder / "run.json").exists())
    os.kill(training.scribe, signal.SIGSTOP)
    training.kill()
    os.kill(training.scribe, signal.SIGKILL)
    assert spools(folder) == [0]
    assert len(column(Run(folder), "step")) < 4 * training.step
    with Recorder(tmp_path, run="r") as run:
        run.step(training.step + 2)
    assert spools(folder) == []
    kept = Run(folder)
    held_by(column(kept, "step"), training.step)
    assert broken_links(read_commitments(folder).records) == []


# -- one process, its scribe in this one -----------------------------------------------------------------
def said(store: Path, *items: Any, binds: bool = False, rank: int = 0, world: int = 1) -> Place:
    """A spool that nobody has read."""
    place = Place(store, "r")
    places = Places(place.folder, place.claim(rank, world))
    spool = Spool(places)
    places.save(State(process=rank, first=0, world=world, binds=binds, manifest=MANIFEST))
    for item in items:
        assert not spool.put(item)
    spool.close()
    return place


MANIFEST = (
    b'{"id":"r","name":"r","origin":"recorded","framework":"plain","population":"generated","rewards":[]}'
)


def rollouts(step: int, count: int = 2) -> Rollouts:
    columns: dict[str, list[Any]] = {
        "step": [step] * count,
        "prompt": ["p"] * count,
        "completion": ["c"] * count,
        "group": ["g"] * count,
    }
    return Rollouts(count, columns)


def test_what_was_never_read_is_taken_up_by_commit(tmp_path: Path) -> None:
    lost = Loss(rollouts=3, first_step=2, last_step=2, reason="no room")
    place = said(tmp_path, rollouts(1), StepDone(1), rollouts(2), lost, StepDone(2), binds=True)
    done = CliRunner().invoke(commit, [str(place.folder), "--store", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "4 rollouts in 2 steps" in done.output
    assert spools(place.folder) == []
    assert [record.step for record in logged_steps(tmp_path)] == [1, 2]
    coverage = Run(place.folder).coverage()
    assert coverage is not None
    assert (coverage.found_train, coverage.expected_train) == (4, 7)
    assert read_commitments(place.folder).committed.lost == 3


def test_a_run_that_went_on_after_it_was_bound_can_be_bound_anew(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r") as run:
        run.rollout(prompt="p", completion="c", step=1)
        run.step(1)
    folder = tmp_path / "runs" / "r"
    first = read_commitments(folder).committed
    place = Place(tmp_path, "r")
    places = Places(folder, place.claim(0, 1))
    places.save(State(process=1, first=1, world=1, binds=True, manifest=MANIFEST))
    spool = Spool(places)
    for item in (rollouts(1), StepDone(1)):
        assert not spool.put(item)
    for _ in range(2):  # doing it again changes nothing
        done = CliRunner().invoke(commit, [str(folder), "--store", str(tmp_path)])
        assert done.exit_code == 0, done.output
        assert "3 rollouts in 2 steps" in done.output
    assert read_commitments(folder).committed != first
    assert len(list((folder / "commitments").glob("committed-*.json"))) == 1


def test_commit_states_what_a_process_left_that_never_came_to_it(tmp_path: Path) -> None:
    place = said(tmp_path, rollouts(1), StepDone(1))
    place.claim(1, 2)  # of another process, which was killed before it said anything
    assert take_up(place, lambda: None, Troubles("r"))
    assert Run(place.folder).coverage() is None
    done = CliRunner().invoke(commit, [str(place.folder), "--store", str(tmp_path)])
    assert done.exit_code == 0, done.output
    coverage = Run(place.folder).coverage()
    assert coverage is not None
    assert coverage.found_train == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_run_whose_first_process_was_killed_is_closed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[int, ...]
) -> None:
    monkeypatch.setattr(closing, "PATIENCE_S", 0.0)
    for rank in range(3):
        said(tmp_path, rollouts(1), StepDone(1), *([End()] if rank else []), rank=rank, world=3)
    place = Place(tmp_path, "r")
    for rank in order:
        assert Scribe(place, rank, lambda: None, Troubles("r")).run(Ended())
    assert place.is_closed(0)
    assert place.closer(0) == 1
    coverage = Run(place.folder).coverage()
    assert coverage is not None
    assert coverage.found_train == 6
    assert "until a process was stopped" in coverage.basis


def test_processes_state_the_coverage_one_after_another(tmp_path: Path) -> None:
    place = said(tmp_path, rollouts(1), StepDone(1), End())
    assert take_up(place, lambda: None, Troubles("r"))
    (place.folder / "coverage.json").unlink()
    lock = os.open(place.folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    waiting = threading.Thread(target=state_coverage, args=(place.folder,))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    assert not (place.folder / "coverage.json").exists()
    os.close(lock)
    waiting.join(10)
    assert Run(place.folder).coverage() is not None


def test_a_disk_that_refuses_the_scribe_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = (Line("metrics", b'{"step":1}'), rollouts(1), StepDone(1), rollouts(2), StepDone(2))
    place, write, refused = said(tmp_path, *items, End()), Part.write, list[int]()

    def refusing(part: Part, batch: Any) -> None:
        write(part, batch)
        if len(refused) < 2:
            refused.append(batch.num_rows)
            raise OSError(28, "No space left on device")

    class Waiting(Ended):
        def is_gone(self) -> bool:
            return False

    monkeypatch.setattr(Part, "write", refusing)
    scribe_of = Scribe(place, 0, lambda: None, Troubles("r"))
    assert scribe_of.run(Waiting())
    assert refused == [4, 4]
    kept = Run(place.folder)
    assert column(kept, "step") == [1, 1, 2, 2]
    assert (place.folder / "metrics-00000.jsonl").read_bytes() == b'{"step":1}\n'


def test_a_disk_that_stays_full_leaves_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = said(tmp_path, rollouts(1), StepDone(1))

    def refusing(part: Part, batch: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Part, "write", refusing)
        assert not take_up(place, lambda: None, Troubles("r"))
    assert spools(place.folder) == [0]
    assert take_up(place, lambda: None, Troubles("r"))
    assert column(Run(place.folder), "step") == [1, 1]
    assert spools(place.folder) == []


def test_an_item_that_breaks_the_writer_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, line = said(tmp_path, rollouts(1), Line("datasets", b"{}"), rollouts(2), End()), Writer._line

    def broken(writer: Writer, item: Line) -> None:
        if item.file == "datasets":
            raise ValueError("a bug of the recorder")
        line(writer, item)

    monkeypatch.setattr(Writer, "_line", broken)
    assert Scribe(place, 0, lambda: None, Troubles("r")).run(Ended())
    kept = Run(place.folder)
    assert column(kept, "step") == [1, 1, 2, 2]
    kinds = [(e.kind, e.body.get("records"), e.body.get("doing")) for e in kept.events()]
    assert ("gap", 1, None) in kinds
    assert ("exception", None, "writing") in kinds


def test_where_no_process_can_be_started_a_thread_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with Recorder(tmp_path, run="r") as run:
        run.rollout(prompt="2+2=", completion="4")
        run.step(1)
        assert run.flush()
        assert run._pipeline.host is not None
        assert run._pipeline.host.child is None
        assert column(Run(tmp_path / "runs" / "r"), "step") == [1]
    assert run.flush()
    assert read_commitments(tmp_path / "runs" / "r").committed.rollouts == 1


def test_a_notary_that_was_given_stays_in_this_process(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", notary=own_notary()) as run:
        run.event("note", text="begun")
        run.step(1)
        assert run._pipeline.host is not None
        assert run._pipeline.host.child is None
    assert [e.read(RunHappened).happened for e in read_events(tmp_path / "log", RunHappened)] == ["note"]
    assert len(logged_steps(tmp_path)) == 1


# -- the spool -------------------------------------------------------------------------------------------
def test_the_spool_keeps_order_over_segments(tmp_path: Path) -> None:
    places = Places(tmp_path, 0)
    spool, reader = Spool(places, room=64_000), SpoolReader(places, 0, 0)
    for step in range(20):
        assert not spool.put(Line("metrics", b"x" * 1000 + b"%d" % step))
    assert len(places.segments()) > 2
    found = []
    while items := reader.read(3_000):
        found += [item.data[1000:] for item in items if isinstance(item, Line)]
    assert found == [b"%d" % step for step in range(20)]
    assert (reader.segment, reader.offset) == spool.position


def test_a_frame_that_was_cut_off_is_no_item_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    places = Places(tmp_path, 0)
    spool = Spool(places)
    spool.put(Line("metrics", b"one"))
    start = spool.position[1]
    spool.put(Line("metrics", b"two"))
    end = spool.position[1]
    spool.put(Line("metrics", b"three"))
    whole = places.segment(0).read_bytes()
    places.segment(0).write_bytes(whole[: end - 1])
    reader = SpoolReader(places, 0, 0)
    assert [item.data for item in reader.read(10_000)] == [b"one"]  # type: ignore[union-attr]
    assert reader.read(10_000) == []
    assert reader.offset == start
    places.segment(0).write_bytes(whole[: end - 1] + b"?" + whole[end:])
    assert reader.read(10_000) == []  # it might be on its way
    damaged, three = reader.read(10_000)
    assert (damaged.records, damaged.reason) == (1, "the spool is damaged")  # type: ignore[union-attr]
    assert three.data == b"three"  # type: ignore[union-attr]


@pytest.mark.slow
def test_steps_are_signed_as_the_run_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, folder = tmp_path / "keys", tmp_path / "log"
    Keyring(keys).make(
        "dev", "log", passphrase=b"open", holder="dev", holder_kind="pipeline", created="2026-01-01",
        origin="example.com/dev",
    )  # fmt: skip
    monkeypatch.setenv("MODELASSAY_KEYS", str(keys))
    monkeypatch.setenv("MODELASSAY_KEY_PASSPHRASE", "open")
    with Recorder(tmp_path, run="r") as run:
        run.step(1, {"loss": 1.0})
        assert run._pipeline.host is not None
        assert run._pipeline.host.child is not None
        wait_for(lambda: folder.exists() and len(logged_steps(tmp_path)) == 1)
        assert (tmp_path / "runs" / "r" / "run.json").exists()
        assert (folder / "checkpoint").read_text().startswith("example.com/dev\n")
