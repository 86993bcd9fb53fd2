"""The plain calls: what is on disk, what is bound, and what happens when something goes wrong."""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import modelassay
from modelassay import Recorder
from modelassay.assessment.committing import commit_run, read_commitments
from modelassay.assessment.recording import own_notary
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.ledger import read_events
from modelassay.evidence.run_events import RunClosed, RunStep
from modelassay.training.columns import pa
from modelassay.training.protocol.commitment import broken_links
from modelassay.training.recorder import closing, pipeline
from modelassay.training.recorder.items import Rollouts
from modelassay.training.run import Run

pytestmark = pytest.mark.usefixtures("no_keys")


def step_of(run: Recorder, step: int, count: int = 3, text: str = "4") -> None:
    for number in range(count):
        run.rollout(
            prompt="2+2=",
            completion=text,
            rewards={"correct": float(number == 1)},
            reward=float(number == 1),
            group=f"g{step}",
            position=number,
            step=step,
        )
    run.step(step, {"loss": 1 / step})


def column(run: Run, name: str) -> list[Any]:
    return [value for batch in run.batches([name]) for value in batch.column(name).to_pylist()]


def test_importing_the_package_stays_light() -> None:
    code = (
        "import sys, modelassay; assert not {'pyarrow', 'torch', 'numpy', 'msgspec'} & set(sys.modules);"
        "assert 'Recorder' in dir(modelassay) or modelassay.Recorder"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = modelassay.Nothing  # type: ignore[attr-defined]


def test_everything_that_is_said_is_on_disk(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", about={"algorithm": "mine"}) as run:
        run.configuration({"lr": 0.1, "hub_token": "hf_secret"})
        run.code({"grader": step_of})
        run.dataset("sums", rows=7, role="prompts", licence="MIT")
        step_of(run, 1)
        run.configuration({"lr": 0.2, "hub_token": "hf_secret"}, step=2)
        run.event("alarm", alarm="a1", metric="hack rate", value=0.25, threshold="0.1")
        run.rollout(prompt=[{"role": "user", "content": "hi"}], completion="ü" * 3, phase="eval", step=1)
        step_of(run, 2)
    kept = Run(tmp_path / "runs" / "r")
    assert column(kept, "phase") == ["train"] * 3 + ["eval"] + ["train"] * 3
    assert column(kept, "reward/correct") == [0.0, 1.0, 0.0, None, 0.0, 1.0, 0.0]
    assert column(kept, "format")[3] == "messages"
    assert kept.manifest.configuration == {"lr": "0.1", "hub_token": "(not recorded)"}
    assert "grader in test_plain.py" in kept.manifest.code
    (changed,) = [e for e in kept.events() if e.kind == "configuration.changed"]
    in_force = read_commitments(kept.folder).records[-1].configuration
    assert changed.body == {"setting": "lr", "old": "0.1", "new": "0.2", "digest": in_force}
    (alarm,) = [e for e in kept.events() if e.kind == "alarm"]
    assert (alarm.body["value"], alarm.alarm, alarm.step) == ("0.25", "a1", 1)
    assert [m.values for m in kept.metrics()] == [{"loss": 1.0}, {"loss": 0.5}]
    assert [d.name for d in kept.datasets()] == ["sums"]
    assert "hf_secret" not in "".join(p.read_text() for p in kept.folder.glob("*.json*"))


def test_a_run_without_rollouts_is_bound_by_its_metrics(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="sft") as run:
        for step in (1, 2):
            run.step(step, {"loss": 1 / step})
    made = read_commitments(tmp_path / "runs" / "sft")
    assert [(r.step, r.rollouts) for r in made.records] == [(1, 0), (2, 0)]
    assert made.records[0].metrics != made.records[1].metrics
    assert commit_run(Run(tmp_path / "runs" / "sft"), tmp_path, own_notary()).file == made.file


def test_a_rollout_that_was_changed_is_no_longer_what_was_bound(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r") as run:
        step_of(run, 1)
    kept = Run(tmp_path / "runs" / "r")
    (part,) = kept.parts
    import pyarrow.parquet as parquet

    table = parquet.read_table(part)
    values = table.column("completion").to_pylist()
    index = table.schema.get_field_index("completion")
    parquet.write_table(
        table.set_column(index, table.schema.field(index), [pa.array(["5", *values[1:]], pa.large_string())]),
        part,
    )
    (kept.folder / "commitments" / "committed.json").unlink()
    with pytest.raises(EvidenceError, match="train step 1 is no longer what it was committed to"):
        commit_run(kept, tmp_path, own_notary())


def test_a_resumed_run_goes_on_under_another_number(tmp_path: Path) -> None:
    for steps in ((1, 2, 3), (3, 4)):
        with Recorder(tmp_path, run="r") as run:
            for step in steps:
                step_of(run, step)
    kept = Run(tmp_path / "runs" / "r")
    assert column(kept, "step") == [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4]
    assert column(kept, "rank") == [0] * 9 + [1] * 6
    assert len(set(column(kept, "group"))) == 5
    assert [e.kind for e in kept.events() if e.rank == 1] == ["resumed"]
    coverage = kept.coverage()
    assert coverage is not None
    assert coverage.repeated_steps == (3,)
    made = read_commitments(kept.folder)
    assert broken_links(made.records) == []
    closed = [e.read(RunClosed).committed for e in read_events(tmp_path / "log", RunClosed)]
    assert [c.rollouts for c in closed] == [9, 15]


def test_steps_that_come_again_in_one_process_are_kept_apart(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r") as run:
        for step in (1, 2, 1, 2):
            step_of(run, step)
    kept = Run(tmp_path / "runs" / "r")
    assert list(zip(column(kept, "rank"), column(kept, "step"), strict=True)) == [
        (rank, step) for rank in (0, 1) for step in (1, 2) for _ in range(3)
    ]
    assert Counter(column(kept, "group")) == {"g1": 3, "g2": 3, "1:g1": 3, "1:g2": 3}
    assert len(read_commitments(kept.folder).records) == 4


def test_a_torn_batch_is_left_out_and_told(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", commit=False) as run:
        step_of(run, 1)
        assert run.flush()
        (part,) = (tmp_path / "runs" / "r" / "rollouts").glob("*.arrows")
        whole = part.read_bytes()
        step_of(run, 2)
        run.flush()
        longer = part.read_bytes()
    folder = tmp_path / "runs" / "r" / "rollouts"
    (folder / "00000-000000.parquet").unlink()
    (folder / "00000-000000.arrows").write_bytes(longer[: len(whole) + (len(longer) - len(whole)) // 2])
    kept = Run(tmp_path / "runs" / "r")
    assert column(kept, "step") == [1, 1, 1]
    assert [torn.read for torn in kept.torn] == [3]


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_refuses_leaves_a_gap_and_training_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Recorder(tmp_path, run="r") as run:
        step_of(run, 1)
        run.flush()
        with files_no_larger_than(100_000):
            step_of(run, 2, text="x" * 200_000)
            assert run.flush()
        step_of(run, 3)
    kept = Run(tmp_path / "runs" / "r")
    assert column(kept, "step") == [1, 1, 1, 3, 3, 3]
    (gap,) = [e for e in kept.events() if e.kind == "gap"]
    assert (gap.body["rollouts"], gap.body["first_step"], gap.body["last_step"]) == (3, 2, 2)
    assert "the disk refuses" in gap.body["reason"]
    assert "3 rollouts and 0 records lost" in capfd.readouterr().err
    coverage = kept.coverage()
    assert coverage is not None
    assert (coverage.gaps, coverage.expected_train) == (3, 9)
    made = read_commitments(kept.folder)
    assert (made.committed.lost, sum(record.lost for record in made.records)) == (3, 3)


def test_a_second_recorder_of_a_run_in_one_process_is_told_of_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder(tmp_path, run="r", commit=False) as run:
        run.begin()
        here = set(pipeline._recording)
        assert {folder for folder, _, _ in here} >= {run.place.folder}
    assert pipeline._recording == here - {(run.place.folder, 0, os.getpid())}
    assert "already" not in capfd.readouterr().err
    monkeypatch.setattr(pipeline, "_recording", here)  # as if it had not been closed
    with Recorder(tmp_path, run="r", commit=False) as run:
        run.begin()
        assert "(r): this process records the run already" in capfd.readouterr().err


def test_one_unreadable_rollout_costs_no_other(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r") as run:
        step_of(run, 1)
        run.rollout(prompt="a", completion="b", step=1, completion_tokens="many")
        run.rollout(prompt="lone \ud800 surrogate", completion="b", step=1)
        step_of(run, 2)
    kept = Run(tmp_path / "runs" / "r")
    assert column(kept, "step") == [1, 1, 1, 1, 2, 2, 2]
    assert sum(e.body["rollouts"] for e in kept.events() if e.kind == "gap") == 1
    assert any(e.kind == "exception" and e.body["where"] == "recorder" for e in kept.events())


def test_more_than_disk_holds_is_a_gap(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", spill=20_000, commit=False) as run:
        run.flush()
        for step in range(1, 100):
            run.put(
                Rollouts(1, {"step": [step], "prompt": ["p"], "completion": ["z" * 4000], "group": ["g"]})
            )
    kept = Run(tmp_path / "runs" / "r")
    lost = sum(e.body["rollouts"] for e in kept.events() if e.kind == "gap")
    assert lost > 0
    assert len(column(kept, "step")) + lost == 99


def test_a_score_that_appears_late_is_kept_beside(tmp_path: Path) -> None:
    with Recorder(tmp_path, run="r", rewards={"correct": 1.0}) as run:
        run.rollout(prompt="a", completion="b", rewards={"correct": 1.0, "style": 0.5}, extra={"k": 1})
    kept = Run(tmp_path / "runs" / "r")
    assert [json.loads(each) for each in column(kept, "extra")] == [{"k": 1, "reward/style": 0.5}]


def test_errors_of_training_are_recorded_and_raised(tmp_path: Path) -> None:
    def training() -> None:
        with Recorder(tmp_path, run="r") as run:
            step_of(run, 1)
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        training()
    (event,) = [e for e in Run(tmp_path / "runs" / "r").events() if e.kind == "exception"]
    assert (event.body["where"], event.body["error"], event.step) == ("training", "ZeroDivisionError", 1)


def test_groups_of_a_second_pass_are_not_those_of_the_first(tmp_path: Path) -> None:
    """However rollouts are said, and whether or not the run is bound as it goes."""
    columns = {"prompt": ["p"] * 2, "completion": ["c"] * 2, "group": ["g"] * 2}

    def score(data_source: str, solution_str: str, ground_truth: str) -> float:
        return 1.0

    with Recorder(tmp_path, run="r", commit=False) as run:
        for _ in range(2):
            run.current_step = 0
            run.rollouts(2, {"step": [1] * 2, **columns})
            run.step(1)
        for _ in range(2):
            run.current_step = 4
            run.reward(score)("m", "a", "b")
            run.step(5)
    kept = Run(tmp_path / "runs" / "r")
    groups = column(kept, "group")
    assert groups[:4] == ["g", "g", "1:g", "1:g"]
    assert len(set(groups[4:])) == 2
    assert column(kept, "rank") == [0, 0, 1, 1, 1, 2]
    coverage = kept.coverage()
    assert coverage is not None
    assert coverage.repeated_steps == (1, 5)


def test_metrics_that_json_cannot_hold_do_not_make_the_run_unreadable(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    with Recorder(tmp_path, run="r", commit=False) as run:
        said = {"grad_norm": math.inf, "low": -math.inf, "kl": math.nan, "huge": 10**400, "text": "x"}
        scalars = {"loss": np.float32(0.5), "tokens": np.int64(7), "one": np.array([2.0]), "two": np.ones(2)}
        run.step(1, {"reward": 1.0, **said, **scalars})
        run.event("alarm", alarm="a", metric="m", value=np.float64(0.25))
    kept = Run(tmp_path / "runs" / "r")
    (metrics,) = kept.metrics()
    assert metrics.values == {"reward": 1.0, "loss": 0.5, "tokens": 7.0, "one": 2.0}
    (alarm,) = kept.events()
    assert alarm.body["value"] == "0.25"


def test_what_no_record_can_hold_is_refused_or_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="population"):
        Recorder(tmp_path, run="other", about={"population": "some"})
    with Recorder(tmp_path, run="r", commit=False) as run:
        with pytest.raises(UsageError, match=r"Invalid enum value 'rl'.*\$\.role"):
            run.dataset("d", role="rl")
        with pytest.raises(UsageError, match="has no field 'size'"):
            run.dataset("d", size=3)
        with pytest.raises(UsageError, match="has no field 'groups'"):
            run.describe(groups=4)
        run.event("alert", metric="m")  # type: ignore[arg-type]
        run.metrics({"loss": 1.0}, step="one")  # type: ignore[arg-type]
        step_of(run, 1)
    kept = Run(tmp_path / "runs" / "r")
    assert (kept.manifest.population, kept.datasets()) == ("generated", ())
    assert [m.values for m in kept.metrics()] == [{"loss": 1.0}]
    told = [e.body["doing"] for e in kept.events() if e.kind == "exception"]
    assert told == ["recording an event", "recording metrics"]
    assert sum(e.body["records"] for e in kept.events() if e.kind == "gap") == 2
    coverage = kept.coverage()
    assert coverage is not None
    assert any("2 records beside rollouts were lost" in each for each in coverage.statements)


WANDERING = """
import os, sys
from modelassay import Recorder
os.chdir(sys.argv[1])
with Recorder("assay", run="r", spill=100_000) as run:
    run.rollout(prompt="p", completion="c", step=1)
    os.mkdir("other")
    os.chdir("other")
    for number in range(20):
        run.rollout(prompt="p", completion="x" * 4000, step=1)
        run.flush()
    run.step(1)
"""


def test_a_relative_store_stays_where_it_was(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", WANDERING, str(tmp_path)]).returncode == 0
    kept = Run(tmp_path / "assay" / "runs" / "r")
    assert len(column(kept, "step")) == 21
    coverage = kept.coverage()
    assert coverage is not None
    assert coverage.statements == ("21 rollouts carry no total reward.",)
    assert read_commitments(kept.folder).committed.rollouts == 21
    assert not list((tmp_path / "other").iterdir())


def test_names_that_cannot_be_folders_are_refused(tmp_path: Path) -> None:
    for name in ("../up", "", "a/b", ".hidden"):
        with pytest.raises(UsageError, match="cannot be called"):
            Recorder(tmp_path, run=name)


RANK = """
import sys, time
from modelassay import Recorder
with Recorder(sys.argv[1], run="r", rewards={"correct": 1.0}) as run:
    run.dataset("sums", rows=2)
    for step in (1, 2):
        for number in range(3):
            run.rollout(prompt="2+2=", completion="4", rewards={"correct": 1.0}, group=str(step), reward=1.0)
        run.step(step)
        time.sleep(1.1)  # a second is what times tell apart
"""


def test_processes_write_side_by_side(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(tmp_path)],
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"},
        )
        for rank in (0, 1)
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    kept = Run(tmp_path / "runs" / "r")
    assert list(zip(column(kept, "rank"), column(kept, "step"), strict=True)) == [
        (rank, step) for rank in (0, 1) for step in (1, 2) for _ in range(3)
    ]
    assert [each.name for each in kept.datasets()] == ["sums"]
    coverage = kept.coverage()
    assert coverage is not None
    assert coverage.statements == ()  # their clocks are no clock that goes back
    made = commit_run(kept, tmp_path, own_notary())
    assert (made.committed.rollouts, len(made.records)) == (12, 4)
    logged = [e.read(RunStep).record for e in read_events(tmp_path / "log", RunStep)]
    assert sorted(logged, key=str) == sorted(made.records, key=str)


def test_a_run_that_nobody_closes_is_closed_at_the_end(tmp_path: Path) -> None:
    code = f"""
from modelassay import Recorder
run = Recorder({str(tmp_path)!r}, run="r")
run.rollout(prompt="2+2=", completion="4", rewards={{"correct": 1.0}})
run.step(1)
raise SystemExit(3)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 3
    kept = Run(tmp_path / "runs" / "r")
    assert column(kept, "completion") == ["4"]
    assert [part.suffix for part in kept.parts] == [".parquet"]
    assert read_commitments(kept.folder).committed.rollouts == 1


@pytest.mark.parametrize(("alone", "later"), [(0, 2), (3, 1)])
def test_one_process_that_records_alone_waits_for_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: int, later: int
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", str(alone))
    began = time.monotonic()
    with Recorder(tmp_path, run="r") as run:
        step_of(run, 1)
    assert time.monotonic() - began < closing.PATIENCE_S / 2
    coverage = Run(tmp_path / "runs" / "r").coverage()
    assert coverage is not None
    assert coverage.found_train == 3
    monkeypatch.setenv("RANK", str(later))
    with Recorder(tmp_path, run="r") as run:  # it begins after the other has closed
        step_of(run, 1)
    coverage = Run(tmp_path / "runs" / "r").coverage()
    assert coverage is not None
    assert (coverage.found_train, coverage.repeated_steps) == (6, ())
    assert read_commitments(tmp_path / "runs" / "r").committed.rollouts == 6


def test_a_checkpoint_that_is_not_there_is_told_and_not_recorded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoint-1").mkdir()
    (tmp_path / "checkpoint-1" / "model.safetensors").write_bytes(b"x")
    with Recorder(tmp_path, run="r", commit=False) as run:
        step_of(run, 1)
        run.checkpoint(tmp_path / "checkpoint-1")
        run.checkpoint(tmp_path / "checkpoint-2")
    kept = Run(tmp_path / "runs" / "r")
    assert [each.name for each in kept.checkpoints()] == ["checkpoint-1"]
    assert "there is no checkpoint to be recorded" in capfd.readouterr().err
    coverage = kept.coverage()
    assert coverage is not None
    assert any("hashing checkpoints: UsageError" in each for each in coverage.statements)
