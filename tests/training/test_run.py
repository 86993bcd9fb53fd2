"""A run on disk: written, read back, torn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelassay.errors import EvidenceError, UsageError
from modelassay.records import RewardFunction, RunEvent, RunManifest, RunMetrics
from modelassay.training.columns import pa, rollout_schema
from modelassay.training.frame import read_frame
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter


def manifest(name: str = "tiny") -> RunManifest:
    return RunManifest(
        id=name, name=name, origin="imported", framework="plain", rewards=(RewardFunction(name="grader"),)
    )


def write(folder: Path, rows: int = 6) -> None:
    with RunWriter(folder, manifest(folder.name)) as writer:
        writer.rollouts(
            {
                "step": [1 + i // 2 for i in range(rows)],
                "phase": ["train"] * rows,
                "task": [f"t{i // 2}" for i in range(rows)],
                "group": [f"g{i // 2}" for i in range(rows)],
                "prompt": ["1+1="] * rows,
                "completion": ["2" if i % 2 else "" for i in range(rows)],
                "format": ["text"] * rows,
                "reward": [float(i % 2) for i in range(rows)],
                "reward/grader": [float(i % 2) for i in range(rows)],
            },
            rows,
        )
        writer.record(RunMetrics(step=1, values={"reward": 0.5}))
        writer.record(RunEvent(time="2026-01-02T00:00:00Z", kind="note"))
        writer.record(RunEvent(time="2026-01-01T00:00:00Z", kind="configuration"))
        writer.quarantine("a.jsonl:3", "not JSON", b"{")


def test_what_is_written_is_read_back_numbered(tmp_path: Path) -> None:
    write(tmp_path / "run")
    run = Run(tmp_path / "run")
    (batch,) = run.batches(["seq", "completion", "reward/grader", "advantage"])
    assert batch.column("seq").to_pylist() == [0, 1, 2, 3, 4, 5]
    assert batch.column("advantage").null_count == 6
    assert [event.kind for event in run.events()] == ["configuration", "note"]
    assert [m.values for m in run.metrics()] == [{"reward": 0.5}]
    assert run.torn == []


def test_a_frame_holds_numbers_and_codes(tmp_path: Path) -> None:
    class Long:
        name, version, columns, behaviours = "long", "1", ("completion",), ("nonempty",)

        def scan(self, batch: pa.RecordBatch) -> dict[str, np.ndarray]:
            return {"nonempty": np.array([bool(t) for t in batch.column("completion").to_pylist()])}

    write(tmp_path / "run")
    frame = read_frame(Run(tmp_path / "run"), [Long()])
    assert len(frame) == 6
    assert frame.groups == 3
    assert frame.group.tolist() == [0, 0, 1, 1, 2, 2]
    assert frame.empty.tolist() == [True, False] * 3
    assert frame.flags["nonempty"].tolist() == [False, True] * 3
    assert frame.scanned_by == {"nonempty": "long@1"}
    assert np.isnan(frame.advantage).all()
    assert (frame.trained_on == -1).all()


def test_a_torn_stream_is_read_up_to_its_last_whole_batch(tmp_path: Path) -> None:
    write(tmp_path / "run")
    schema = rollout_schema(["grader"])
    run = Run(tmp_path / "run")
    (whole,) = run.batches()
    part = tmp_path / "run" / "rollouts" / "00001-000000.arrows"
    with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(whole)
        stream.write_batch(whole)
    part.write_bytes(part.read_bytes()[:-100])
    assert [b.num_rows for b in Run(tmp_path / "run").batches()] == [6, 6]
    torn = Run(tmp_path / "run")
    assert sum(b.num_rows for b in torn.batches()) == 12
    assert [(t.file, t.read) for t in torn.torn] == [(part.name, 6)]


def test_a_half_written_last_line_is_told_and_a_broken_line_refused(tmp_path: Path) -> None:
    write(tmp_path / "run")
    path = tmp_path / "run" / "events.jsonl"
    path.write_bytes(path.read_bytes() + b'{"time":"20')
    run = Run(tmp_path / "run")
    assert len(run.events()) == 2
    assert run.torn[0].file == "events.jsonl"
    path.write_bytes(b'{"time":1}\n' + path.read_bytes())
    with pytest.raises(EvidenceError, match=r"events\.jsonl:1"):
        Run(tmp_path / "run").events()


def test_lines_of_metrics_and_data_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path) -> None:
    write(tmp_path / "run")
    lines = [
        '{"step":1,"values":{"reward":0.5}}',
        '{"step":2,"values":{"reward":0.25,"grad_norm":null,"loss":Infinity,"note":"odd"}}',
        '{"step":3,"values":null}',
        '{"values":{"reward":0.1}}',
        "{not JSON",
        '{"step":4,"values":{"reward":1.0,"grad_norm":NaN}}',  # whole, without the end of the line
    ]
    (tmp_path / "run" / "metrics.jsonl").write_text("\n".join(lines))
    run = Run(tmp_path / "run")
    assert [(m.step, m.values) for m in run.metrics()] == [
        (1, {"reward": 0.5}),
        (2, {"reward": 0.25}),
        (3, {}),
        (4, {"reward": 1.0}),
    ]
    assert run.unread["metrics.jsonl:2"] == "no finite numbers: grad_norm, loss, note"
    assert sorted(run.unread) == [f"metrics.jsonl:{number}" for number in (2, 3, 4, 5, 6)]
    list(run.metrics())
    assert len(run.unread) == 5
    (tmp_path / "run" / "datasets.jsonl").write_text('{"name":"a","role":"rl"}\n{"name":"b"}\n')
    (tmp_path / "run" / "checkpoints.jsonl").write_text('{"step":"x","name":"c"}\n')
    assert [each.name for each in run.datasets()] == ["b"]
    assert run.checkpoints() == ()
    assert {"datasets.jsonl:1", "checkpoints.jsonl:1"} < set(run.unread)


def test_an_interrupted_writer_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), RunWriter(tmp_path / "run", manifest()):
        raise RuntimeError
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="no training run"):
        Run(tmp_path / "run")


def test_a_run_is_never_written_over(tmp_path: Path) -> None:
    write(tmp_path / "run")
    with pytest.raises(UsageError, match="already kept"):
        RunWriter(tmp_path / "run", manifest())
