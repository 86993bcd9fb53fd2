"""Replay: the deviation's arithmetic, what counts as replayed, and what cannot be replayed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from modelassay.artifacts.fingerprint import fingerprint_folder
from modelassay.canonical import Digest
from modelassay.cli import run as modelassay
from modelassay.errors import UsageError
from modelassay.records import RewardFunction, RunCheckpoint, RunEvent, RunFinding, RunManifest
from modelassay.training.protocol.replay import (
    NEEDED,
    RolloutComparison,
    compare_rollouts,
    replay_finding,
    tolerance_of,
    why_not_replayable,
)
from modelassay.training.protocol.weight_distance import WeightDeviation, weight_deviation
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

WHOLE = RunCheckpoint(step=2, name="checkpoint-2", digest=Digest("sha256:" + "1" * 64), parts=NEEDED)
SAME = RolloutComparison(8, 8, 8, True)
STILL = WeightDeviation(0.0, 0.0, ())
"""Of a segment in which no weight moved."""


def save(folder: Path, **tensors: np.ndarray) -> Path:
    """A folder with one safetensors file, written by hand."""
    folder.mkdir()
    kinds = {"float32": "F32", "uint16": "BF16", "float64": "F64"}
    header, data = {}, b""
    for name, values in tensors.items():
        raw = values.tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": kinds[str(values.dtype)], "shape": values.shape, "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    return folder


def test_deviation_is_in_units_of_what_the_segment_moved(tmp_path: Path) -> None:
    start = save(tmp_path / "n", a=np.zeros(2, np.float32), b=np.ones((2, 2), np.float32))
    claimed = save(tmp_path / "c", a=np.array([3, 4], np.float32), b=np.ones((2, 2), np.float32))
    replayed = save(tmp_path / "r", a=np.array([3, 4.5], np.float32), b=np.ones((2, 2), np.float32))
    found = weight_deviation(replayed, claimed, start)
    assert (found.difference, found.moved, found.differing, found.ratio) == (0.5, 5.0, ("a",), 0.1)
    assert weight_deviation(claimed, claimed, start).ratio == 0
    assert weight_deviation(replayed, start, start).ratio == math.inf


def test_bfloat16_is_read_as_the_upper_half_of_a_float(tmp_path: Path) -> None:
    one, three = np.array([0x3F80], np.uint16), np.array([0x4040], np.uint16)
    folders = [save(tmp_path / name, a=each) for name, each in (("r", three), ("c", one), ("n", one))]
    assert weight_deviation(*folders).difference == 2.0


def test_other_tensors_are_refused(tmp_path: Path) -> None:
    one = save(tmp_path / "a", a=np.zeros(2, np.float32))
    two = save(tmp_path / "b", a=np.zeros(3, np.float32))
    with pytest.raises(UsageError, match="other tensors than in a: a"):
        weight_deviation(two, one, one)
    with pytest.raises(UsageError, match="no checkpoint is here"):
        weight_deviation(tmp_path / "none", one, one)


@pytest.mark.parametrize("missing", NEEDED)
def test_a_checkpoint_without_its_state_is_not_assessable(missing: str) -> None:
    parts = tuple(part for part in NEEDED if part != missing)
    checkpoint = RunCheckpoint(step=2, name="checkpoint-2", parts=parts)
    finding = replay_finding(checkpoint, SAME, None, run="r")
    assert (finding.outcome, missing in finding.why_not) == ("not assessable", True)
    assert finding.question


def test_save_only_model_is_named() -> None:
    only = RunCheckpoint(step=2, name="checkpoint-2", parts=("weights", "data"))
    assert "save_only_model" in why_not_replayable(only)
    assert why_not_replayable(WHOLE) == ""


def away(ratio: float) -> WeightDeviation:
    return WeightDeviation(ratio, 1.0, ("a",) if ratio else ())


@pytest.mark.parametrize(
    ("rollouts", "weights", "own", "outcome"),
    [
        (SAME, away(0), [], "replayed"),
        (SAME, None, [], "replayed"),
        (SAME, away(1e-9), [], "deviates"),
        (RolloutComparison(8, 8, 7, True), away(0), [], "deviates"),
        (RolloutComparison(8, 12, 8, True), away(0), [], "deviates"),
        (RolloutComparison(8, 8, 3, True), away(0.01), [away(0.006), away(0.002)], "replayed"),
        (RolloutComparison(8, 8, 3, True), away(0.02), [away(0.006)], "deviates"),
        (RolloutComparison(8, 9, 3, True), away(0.01), [away(0.006)], "deviates"),
        (RolloutComparison(8, 8, 3, True), None, [away(0.006)], "deviates"),
        (SAME, away(math.nan), [away(0.006)], "deviates"),
        (SAME, STILL, [], "not assessable"),
        (RolloutComparison(0, 0, 0, False), STILL, [], "not assessable"),
        (RolloutComparison(0, 0, 0, False), away(0), [], "replayed"),
        (RolloutComparison(8, 8, 7, True), STILL, [], "deviates"),
        (SAME, WeightDeviation(0.1, 0.0, ("a",)), [], "deviates"),
        (SAME, away(0), [away(0.3)], "not assessable"),
        (SAME, away(0), [away(math.nan)], "not assessable"),
        (RolloutComparison(0, 8, 0, True), None, [], "not assessable"),
        (RolloutComparison(8, 8, 0, True, None, 8), away(0.5), [], "not assessable"),
        (RolloutComparison(8, 8, 6, True, None, 2), away(0), [], "deviates"),
        (RolloutComparison(8, 7, 0, True, None, 7), away(0), [], "deviates"),
    ],
)
def test_what_counts_as_replayed(
    rollouts: RolloutComparison, weights: WeightDeviation | None, own: list[WeightDeviation], outcome: str
) -> None:
    finding = replay_finding(WHOLE, rollouts, weights, own, run="r")
    assert (finding.outcome, finding.slice["run"], finding.slice["digest"]) == (outcome, "r", WHOLE.digest)
    assert finding.assurance < "T3"  # the run need not have been committed to


def test_tolerance_is_twice_the_largest_of_the_developers_own() -> None:
    assert tolerance_of([]) == 0
    assert tolerance_of([away(0.01), away(0.03)]) == pytest.approx(0.06)


def run(folder: Path, ids: list[list[int]], reward: float = 1.0, **settings: str) -> Run:
    count = len(ids)
    manifest = RunManifest(
        id=folder.name, name="r", origin="recorded", framework="trl", configuration=settings,
        rewards=(RewardFunction(name="g"),),
    )  # fmt: skip
    with RunWriter(folder, manifest) as writer:
        writer.rollouts(
            {
                "step": [1 + i // 2 for i in range(count)],
                "phase": ["train"] * count,
                "task": ["t"] * count,
                "group": [f"g{i // 2}" for i in range(count)],
                "prompt": ["1+1="] * count,
                "completion": ["2"] * count,
                "format": ["text"] * count,
                "reward/g": [reward] * count,
                "extra": [json.dumps({"completion_ids": each, "prompt_ids": [5]}) for each in ids],
            },
            count,
        )
    return Run(folder)


def test_rollouts_are_compared_token_by_token(tmp_path: Path) -> None:
    recorded = run(tmp_path / "a", [[1], [2], [3], [4], [5], [6]])
    other = run(tmp_path / "b", [[1], [2], [3], [9], [5], [6]])
    found = compare_rollouts(recorded, other, 1, 3)
    assert (found.recorded, found.equal, found.by_tokens) == (6, 5, True)
    assert found.first is not None
    assert (found.first.seq, found.first.step, found.first.group) == (3, 2, "g1")
    assert compare_rollouts(recorded, other, 1, 1).share == 1
    assert compare_rollouts(recorded, run(tmp_path / "c", [[1], [2]]), 1, 2).equal == 2
    assert compare_rollouts(recorded, run(tmp_path / "d", [[1]], reward=0.5), 1, 1).equal == 0


def by_rank(folder: Path, steps: dict[int, range], resumed: tuple[int, ...] = ()) -> Run:
    """A run whose processes each took some steps, two rollouts in each, with a part of rollouts each."""
    manifest = RunManifest(id=folder.name, name="r", origin="recorded", framework="plain")
    with RunWriter(folder, manifest) as writer:
        for rank in resumed:
            writer.record(RunEvent(time="2026-01-01T00:00:00Z", kind="resumed", rank=rank))
    for rank, taken in steps.items():
        rows = [(step, place) for step in taken for place in range(2)]
        batch = writer.shaped(
            {
                "step": [step for step, _ in rows],
                "rank": [rank] * len(rows),
                "phase": ["train"] * len(rows),
                "group": [f"{step}" for step, _ in rows],
                "prompt": [f"{step} {rank % 2} {place}" for step, place in rows],
                "completion": ["2"] * len(rows),
                "format": ["text"] * len(rows),
            },
            len(rows),
        )
        part = folder / "rollouts" / f"{rank:05d}-000000.parquet"
        parquet.write_table(pa.Table.from_batches([batch]), part)
    return Run(folder)


def test_after_a_resumption_all_its_processes_are_compared(tmp_path: Path) -> None:
    steps = {0: range(1, 6), 1: range(1, 6), 2: range(5, 11), 3: range(5, 11)}
    recorded = by_rank(tmp_path / "a", steps, resumed=(2, 3))
    found = compare_rollouts(recorded, by_rank(tmp_path / "b", {0: range(5, 9), 1: range(5, 9)}), 5, 8)
    assert (found.recorded, found.replayed, found.equal) == (16, 16, 16)
    before = compare_rollouts(recorded, by_rank(tmp_path / "c", {0: range(2, 4), 1: range(2, 4)}), 2, 3)
    assert (before.recorded, before.equal) == (8, 8)


def kept(store: Path, name: str, folders: list[Path]) -> None:
    """A run of three steps with the checkpoints in `folders`, `checkpoint-N` of step N."""
    run(store / "runs" / name, [[1], [2], [3], [4], [5], [6]])
    lines = [
        RunCheckpoint(
            step=int(folder.name.partition("-")[2]),
            name=folder.name,
            digest=fingerprint_folder(folder).digest,
            parts=NEEDED,
        )
        for folder in folders
    ]
    data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    (store / "runs" / name / "checkpoints.jsonl").write_bytes(data)


def test_a_replay_of_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "assay"
    (store / "runs").mkdir(parents=True)
    (tmp_path / "again").mkdir()
    one, two = (
        save(tmp_path / f"checkpoint-{n}", a=np.full(2, n, np.float32), b=np.ones(3, np.float32))
        for n in (1, 2)
    )
    reached = save(tmp_path / "again" / "checkpoint-2", a=np.full(2, 2, np.float32), b=np.ones(3, np.float32))
    kept(store, "r", [one, two])
    kept(store, "again", [])
    finding = tmp_path / "finding.json"

    def replay(replayed: str, start: Path, *more: object) -> tuple[int, str]:
        words = ["run", "replay", "r", replayed, "--from", start, *more, "--store", store, "-o", finding]
        code = modelassay(list(map(str, words)))
        return code, "".join(capsys.readouterr())

    for start, end in [(one, one), (two, one)]:
        code, said = replay("again", start, "--to", end, "--reached", reached)
        assert (code, "nothing was trained in between" in said) == (2, True)
    assert "compared with itself" in replay("r", one)[1]
    assert "compared with itself" in replay("again", one, "--to", two, "--reached", two)[1]
    assert not finding.exists()
    code, said = replay("again", one, "--to", two, "--reached", reached)
    assert (code, "2 of 2 recorded rollouts" in said) == (0, True)
    found = msgspec.json.decode(finding.read_bytes(), type=RunFinding)
    digest = str(fingerprint_folder(one).digest)
    assert found.slice == {"run": "r", "from": "checkpoint-1", "digest": digest}
