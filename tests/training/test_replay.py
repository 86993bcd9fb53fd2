"""Replay: the deviation's arithmetic, what counts as replayed, and what cannot be replayed."""

from __future__ import annotations

import json
import math
import shutil
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
from modelassay.records import RewardFunction, RunCheckpoint, RunDataset, RunEvent, RunFinding, RunManifest
from modelassay.training.findings import not_assessable, run_finding
from modelassay.training.protocol.absent import FILE, AbsentParts, encoded
from modelassay.training.protocol.replay import (
    NEEDED,
    Replayed,
    replay_finding,
    rollouts_were_held,
    why_not_replayable,
)
from modelassay.training.protocol.replay_tolerance import rollout_tolerance, tolerance_of
from modelassay.training.protocol.rollout_comparison import (
    RolloutComparison,
    compare_rollouts,
    lacking_parts,
    why_a_copy,
)
from modelassay.training.protocol.set_up import other_adapter, other_set_up
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
    finding = replay_finding(checkpoint, Replayed(SAME), run="r")
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
        (RolloutComparison(8, 8, 8, True), away(0.01), [away(0.006), away(0.002)], "replayed"),
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
    finding = replay_finding(WHOLE, Replayed(rollouts, weights, tuple(own)), run="r")
    assert (finding.outcome, finding.slice["run"], finding.slice["digest"]) == (outcome, "r", WHOLE.digest)
    assert finding.assurance < "T3"  # the run need not have been committed to


def scored(state: str) -> RunFinding:
    if state == "not_assessable":
        return not_assessable("teacher_forced", "no torch", question="Which?")
    return run_finding("teacher_forced", state, "Tokens were scored.", state=state)  # type: ignore[arg-type]


def differing(
    *steps: int, equal: int, of: int = 100, other_texts: int = 0, other_scores: int = 0
) -> RolloutComparison:
    more = {"other_texts": other_texts, "other_scores": other_scores}
    return RolloutComparison(of, of, equal, True, differing_steps=steps, **more)


OWN = (away(1e-6),)
"""With them weights may differ, and so may rollouts."""


@pytest.mark.parametrize(
    ("rollouts", "own", "state", "outcome", "why"),
    [
        # Whoever made up what was sampled has the true weights all the same.
        (differing(3, 4, equal=0), (), "shown_harmful", "deviates", ""),
        (differing(3, 4, equal=0), (differing(equal=100),), "shown_fine", "deviates", ""),
        (differing(3, 4, equal=0), (differing(4, equal=95),), "shown_fine", "deviates", ""),
        (differing(3, 4, equal=0), (), "not_assessable", "not assessable", "not known (no torch)"),
        (differing(3, 4, equal=0), (), "", "not assessable", "whether checkpoint-2 sampled them"),
        (differing(4, equal=60), (), "", "not assessable", "how many rollouts after step 3 may differ"),
        (differing(3, 4, equal=60), (), "shown_fine", "not assessable", "after step 3 may differ"),
        (differing(4, equal=60), (differing(4, equal=70),), "", "not assessable", "up to 30% differ"),
        (differing(4, equal=61), (differing(4, equal=80),), "", "replayed", ""),
        (differing(4, equal=59), (differing(4, equal=80),), "", "deviates", ""),
        (differing(4, equal=61), (differing(equal=100), differing(4, equal=80)), "", "replayed", ""),
        (differing(3, 4, equal=61), (differing(3, equal=80),), "shown_fine", "replayed", ""),
        (differing(3, 4, equal=61), (differing(3, equal=80),), "shown_harmful", "deviates", ""),
        (differing(3, equal=10), (), "shown_fine", "replayed", ""),
        # What was sampled, and other scores beside it: only graders that differ by themselves may.
        (differing(3, equal=0, other_scores=100), (), "shown_fine", "not assessable", "many scores of the"),
        (differing(4, equal=80, other_scores=20), (differing(4, equal=90),), "", "deviates", ""),
        (
            differing(4, equal=90, other_scores=1),
            (differing(4, equal=90),),
            "",
            "not assessable",
            "other scores (1) are",
        ),
        (
            differing(4, equal=90, other_scores=9),
            (differing(4, equal=90, other_scores=5),),
            "",
            "replayed",
            "",
        ),
        (
            differing(4, equal=85, other_scores=9),
            (differing(4, equal=90, other_scores=2),),
            "",
            "not assessable",
            "other scores (9) are more than",
        ),
        # None of a few is not never.
        (
            differing(3, equal=62, of=64),
            (differing(equal=64, of=64),),
            "shown_fine",
            "not assessable",
            "that differ (2) are",
        ),
        (differing(3, equal=48, of=64), (differing(equal=64, of=64),), "shown_fine", "deviates", ""),
        (differing(4, equal=0, of=384), (differing(equal=384, of=384),), "", "deviates", ""),
        (differing(3, equal=62, of=64), (), "shown_fine", "replayed", ""),
        (
            differing(4, equal=70, other_scores=9),
            (differing(4, equal=90, other_scores=1),),
            "",
            "deviates",
            "",
        ),
        # The tokens that were sampled, and another text beside them.
        (differing(3, equal=99, other_texts=1), (), "shown_fine", "deviates", ""),
    ],
)
def test_weights_that_are_near_excuse_no_other_rollouts(
    rollouts: RolloutComparison, own: tuple[RolloutComparison, ...], state: str, outcome: str, why: str
) -> None:
    replayed = Replayed(rollouts, away(0), OWN, own, scored(state) if state else None)
    finding = replay_finding(WHOLE, replayed, run="r")
    assert (finding.outcome, why in finding.why_not) == (outcome, True)
    if outcome != "not assessable":
        assert rollouts_were_held(finding)
    earlier = dict(finding.values)
    earlier.pop("rollout_tolerance", None)  # as earlier versions wrote it
    assert not earlier or not rollouts_were_held(msgspec.structs.replace(finding, values=earlier))


def test_a_replay_that_was_set_up_otherwise_accuses_nobody() -> None:
    set_up = ("learning_rate is 1 in the record and 2 in the replay",)
    finding = replay_finding(WHOLE, Replayed(differing(3, equal=0), away(0.5), set_up=set_up), run="r")
    assert (finding.outcome, finding.severity, set_up[0] in finding.why_not) == (
        "not assessable",
        "none",
        True,
    )
    assert replay_finding(WHOLE, Replayed(SAME, away(0), set_up=set_up), run="r").outcome == "replayed"


def test_rollouts_may_differ_as_far_as_replays_do_among_themselves() -> None:
    assert rollout_tolerance([]) == 0
    assert rollout_tolerance([differing(4, equal=95), differing(4, equal=90)]) == pytest.approx(0.2)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("count", [16, 64, 256])
def test_honest_replays_are_hardly_ever_accused(count: int, share: float) -> None:
    """The record and one replay of the developer's differ from this one by the same chances."""
    random, trials = np.random.default_rng(7), 400
    accused = 0
    for _ in range(trials):
        found, own = (
            differing(3, equal=int(count - each - again), of=count, other_scores=int(again))
            for each, again in zip(*random.binomial(count, [[share] * 2, [share / 2] * 2]), strict=True)
        )
        replayed = Replayed(found, away(0), OWN, (own,), scored("shown_fine"))
        accused += replay_finding(WHOLE, replayed, run="r").outcome == "deviates"
    assert accused <= 0.02 * trials + 3 * math.sqrt(0.02 * trials)


def test_tolerance_is_twice_the_largest_of_the_developers_own() -> None:
    assert tolerance_of([]) == 0
    assert tolerance_of([away(0.01), away(0.03)]) == pytest.approx(0.06)


def run(
    folder: Path, ids: list[list[int]], reward: float = 1.0, says: str = "2", time: str = "", **settings: str
) -> Run:
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
                "completion": [says] * count,
                "format": ["text"] * count,
                "time": [time] * count,
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
    assert (found.differing_steps, found.other_texts, found.all_equal) == ((2,), 0, False)
    reworded = compare_rollouts(recorded, run(tmp_path / "e", [[1], [7]], says="3"), 1, 1)
    assert (reworded.other_texts, reworded.differing_steps) == (1, (1,))
    assert compare_rollouts(recorded, run(tmp_path / "f", [[1], [7]], reward=0.5), 1, 1).other_scores == 1


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


def kept(store: Path, name: str, folders: list[Path], time: str = "", **settings: str) -> None:
    """A run of three steps with the checkpoints in `folders`, `checkpoint-N` of step N."""
    shutil.rmtree(store / "runs" / name, ignore_errors=True)
    run(store / "runs" / name, [[1], [2], [3], [4], [5], [6]], time=time, **settings)
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
    run(store / "runs" / "copy", [[1], [2], [3], [4], [5], [6]], time="2026-05-01T00:00:00Z")
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
    assert "give --own as well" in replay("again", one, "--own-run", "copy")[1]
    kept(store, "r", [one, two], time="2026-05-01T00:00:00Z")
    said = replay("copy", one, "--to", two, "--reached", reached)[1]
    assert "a copy of it: 2 of its rollouts are of the same moments" in said
    kept(store, "strange", [one])
    assert "has recorded no such checkpoint" in replay("strange", one, "--to", two, "--reached", reached)[1]
    assert not finding.exists()
    code, said = replay("again", one, "--to", two, "--reached", reached)
    assert (code, "2 of 2 recorded rollouts" in said) == (0, True)
    found = msgspec.json.decode(finding.read_bytes(), type=RunFinding)
    digest = str(fingerprint_folder(one).digest)
    assert found.slice == {"run": "r", "from": "checkpoint-1", "digest": digest}


def test_own_replays_that_were_set_up_otherwise_are_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "assay"
    for folder in (store / "runs", tmp_path / "again", tmp_path / "theirs"):
        folder.mkdir(parents=True)
    one, two = (save(tmp_path / f"checkpoint-{n}", a=np.full(2, n, np.float32)) for n in (1, 2))
    theirs = save(tmp_path / "theirs" / "checkpoint-2", a=np.full(2, 2.01, np.float32))
    kept(store, "r", [one, two], lr="1", vllm_server_host="a")

    def replay(end: float, lr: str) -> tuple[int, str]:
        shutil.rmtree(tmp_path / "again" / "checkpoint-2", ignore_errors=True)
        reached = save(tmp_path / "again" / "checkpoint-2", a=np.full(2, end, np.float32))
        kept(store, "again", [reached], lr="1", vllm_server_host="b")
        kept(store, "own", [], lr=lr, vllm_server_host="c")
        words = ["run", "replay", "r", "again", "--from", one, "--to", two, "--reached", reached]
        more = ["--own", theirs, "--own-run", "own", "--store", store]
        return modelassay(list(map(str, [*words, *more]))), "".join(capsys.readouterr())

    named = "own replay own (lr is 1 in the record and 2 in the replay)"
    code, said = replay(2, "2")
    assert (code, said.startswith("replayed"), named in " ".join(said.split())) == (0, True, True), said
    code, said = replay(2.01, "2")  # how near is near enough is what such a replay cannot tell
    assert (code, said.startswith("not assessable"), named in " ".join(said.split())) == (0, True, True), said
    code, said = replay(2.01, "1")
    assert (code, said.startswith("replayed"), "left out" in said) == (0, True, False), said
    code, said = replay(2.5, "2")
    assert (code, said.startswith("deviates"), named in " ".join(said.split())) == (13, True, True), said


def test_a_copy_that_lacks_parts_of_rollouts_is_held_against_nothing(tmp_path: Path) -> None:
    recorded = run(tmp_path / "a", [[1], [2], [3], [4], [5], [6]])
    assert lacking_parts(recorded, 1, 3) == ""
    (recorded.folder / FILE).parent.mkdir()
    lines = [
        AbsentParts(
            phase="train",
            step=step,
            rank=0,
            part="completion",
            why="withheld",
            ordinals=(0, 1),
            leaves="0" * 128,
        )
        for step in (2, 3)
    ]
    (recorded.folder / FILE).write_bytes(encoded(lines))
    assert lacking_parts(recorded, 1, 1) == ""
    lacks = lacking_parts(recorded, 1, 3)
    assert lacks == "this copy of the record lacks the completion of 4 of the rollouts"
    finding = replay_finding(WHOLE, Replayed(differing(3, equal=0), away(0), lacks=lacks), run="r")
    assert (finding.outcome, finding.why_not) == ("not assessable", lacks)


def test_a_copy_of_the_record_is_no_replay_of_it(tmp_path: Path) -> None:
    ids, time = [[1], [2], [3], [4], [5], [6]], "2026-05-01T00:00:00Z"
    recorded = run(tmp_path / "a", ids, time=time)
    assert why_a_copy(recorded, run(tmp_path / "b", ids, time="2026-05-02T00:00:00Z"), 1, 3) == ""
    assert why_a_copy(run(tmp_path / "c", ids), run(tmp_path / "d", ids), 1, 3) == ""  # no times are known
    assert "6 of its rollouts" in why_a_copy(recorded, run(tmp_path / "e", ids, time=time), 1, 3)
    again = run(tmp_path / "f", ids, time="2026-05-02T00:00:00Z")
    for each in (recorded, again):
        event = RunEvent(time=time, kind="note", step=1, body={"seed": 5})
        (each.folder / "events.jsonl").write_bytes(msgspec.json.encode(event) + b"\n")
    assert "the same event (note, 2026-05-01" in why_a_copy(recorded, again, 1, 3)
    began = [written(tmp_path / name, started=time) for name in ("g", "h")]
    assert "began at the same time" in why_a_copy(*began, 1, 3)


def written(folder: Path, *records: RunEvent | RunDataset, **said: object) -> Run:
    """A run without rollouts."""
    manifest = RunManifest(id=folder.name, name="r", origin="recorded", framework="x", **said)  # type: ignore[arg-type]
    with RunWriter(folder, manifest) as writer:
        for record in records:
            writer.record(record)
    return Run(folder)


def changed(step: int, setting: str, new: str, rank: int = 0) -> RunEvent:
    body = {"setting": setting, "old": "", "new": new}
    time = f"2026-05-01T00:00:{step:02d}Z"
    return RunEvent(time=time, kind="configuration.changed", step=step, rank=rank, body=body)


SETTINGS = {
    "lr_scheduler_type": "constant",
    "lr": "1",
    "max_steps": "90",
    "output_dir": "x",
    "data": "/mnt/a",
    "model": "org/qwen",
    "eval_strategy": "steps",
}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, []),
        ({"max_steps": "4", "output_dir": "y", "data": "/home/b", "trainer.logger": "[]"}, []),
        ({"lr": "2"}, ["lr is 1 in the record and 2 in the replay"]),
        ({"top_k": "null"}, []),
        ({"ckpt.resume_step": "10", "trainer.resume_from_path": "out/global_step_10"}, []),
        ({"vllm_server_host": "b", "vllm_group_port": "5", "ddp_timeout": "60"}, []),
        ({"dataloader_num_workers": "4", "trainer.test_freq": "-1", "trainer.val_before_train": "False"}, []),
        ({"model": "/models/Qwen3", "data": "org/data"}, []),
        ({"model": "org/other"}, ["model is org/qwen in the record and org/other in the replay"]),
        ({"dataloader_drop_last": "True"}, ["dataloader_drop_last is not there in the record and True in"]),
        ({"eval_strategy": "no"}, ["eval_strategy is steps in the record and no in the replay"]),
        ({"top_k": "5"}, ["top_k is not there in the record and 5 in the replay"]),
        (
            {"max_steps": "4", "lr_scheduler_type": "linear"},
            ["lr_scheduler_type is constant in the record and linear", "max_steps is 90 in the record and 4"],
        ),
    ],
)
def test_what_a_replay_was_set_up_with_otherwise_is_named(
    tmp_path: Path, settings: dict[str, str], named: list[str]
) -> None:
    recorded = written(tmp_path / "a", configuration=SETTINGS)
    found = other_set_up(recorded, written(tmp_path / "b", configuration=SETTINGS | settings), 2, 4)
    assert [said[: len(start)] for said, start in zip(found, named, strict=True)] == named


DATA = RunDataset(
    name="train",
    role="sft",
    rows=92,
    digest=Digest("sha256:" + "1" * 64),
    order="seed 3; fingerprint 34979593be1bf844",
)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((DATA,), ""),
        ((msgspec.structs.replace(DATA, order="seed 3; fingerprint 09f3623ec343ff90"),), ""),
        ((msgspec.structs.replace(DATA, name="/data/t.jsonl", role="train"),), ""),
        ((msgspec.structs.replace(DATA, digest=None),), ""),
        ((), "the replay names no data, and the record does"),
        (
            (msgspec.structs.replace(DATA, digest=Digest("sha256:" + "2" * 64)),),
            "data set train is 92 rows sha256:1111111111111 seed 3 in the record and 92 rows sha256:22",
        ),
        (
            (msgspec.structs.replace(DATA, order="seed 4"),),
            "data set train is 92 rows sha256:1111111111111 s",
        ),
        ((msgspec.structs.replace(DATA, digest=None, rows=9),), "data set train is 92 rows"),
        ((RunDataset(name="eval", role="eval", rows=4),), "data set train is 92 rows"),
    ],
)
def test_a_replay_with_other_data_is_named_and_accuses_nobody(
    tmp_path: Path, given: tuple[RunDataset, ...], named: str
) -> None:
    """Data are the same by digest and seed, whatever the fingerprints of a library say."""
    eval_data = RunDataset(name="eval", role="eval", rows=4)
    recorded = written(tmp_path / "a", DATA, eval_data)
    found = other_set_up(recorded, written(tmp_path / "b", *given), 2, 4)
    assert [said[: len(named)] for said in found] == ([named] if named else [])
    nothing = RolloutComparison(0, 0, 0, False)
    finding = replay_finding(WHOLE, Replayed(nothing, away(0.5), set_up=found), run="r")
    assert finding.outcome == ("not assessable" if named else "deviates")
    assert other_set_up(written(tmp_path / "c"), recorded, 2, 4) == ()


def test_other_batches_and_adapters_are_named_where_both_sides_tell_them(tmp_path: Path) -> None:
    def side(name: str, digests: list[str], **settings: str) -> Run:
        body = {"first_step": 3, "digests_of_batches": digests}
        event = RunEvent(time="2026-05-01T00:00:00Z", kind="note", step=4, body=body)
        return written(tmp_path / name, event, configuration={"lr": "1", **settings})

    told = {"peft.default.r": "4", "base.revision": "x"}
    recorded, old = side("a", ["1", "2"], **told), side("b", ["1", "2"])
    same, other = side("c", ["1", "2"], **told), side("d", ["1", "3"], **told | {"peft.default.r": "16"})
    assert other_set_up(recorded, same, 2, 4) == other_set_up(old, recorded, 2, 4) == ()
    assert other_set_up(recorded, other, 2, 3) == ("peft.default.r is 4 in the record and 16 in the replay",)
    assert "1 of 2 steps had other batches, step 4 the first" in other_set_up(recorded, other, 2, 4)
    plain = side("e", ["1", "2"], peft="none")
    assert other_set_up(plain, recorded, 2, 4) == (
        "peft.default.r is not there in the record and 4 in the replay",
    )
    folders = tmp_path / "one", tmp_path / "two"
    for folder, alpha in zip(folders, (8, 64), strict=True):
        folder.mkdir()
        config = {"lora_alpha": alpha, "target_modules": ["v", "q"][:: 1 if alpha == 8 else -1]}
        (folder / "adapter_config.json").write_text(json.dumps(config))
    assert other_adapter(*folders) == ("peft.lora_alpha is 8 in the record and 64 in the replay",)
    assert other_adapter(folders[0], tmp_path) == ()


def test_no_rollouts_are_no_part_of_what_a_replay_says() -> None:
    nothing = RolloutComparison(0, 0, 0, False)
    exact = replay_finding(WHOLE, Replayed(nothing, away(0)), run="r")
    assert exact.statement == (
        "Training replayed from checkpoint-2 gives the weights that are claimed, to the bit."
    )
    other = replay_finding(WHOLE, Replayed(nothing, away(0.5)), run="r")
    assert other.statement == (
        "Training replayed from checkpoint-2 gives weights 0.5 of the way moved apart from those claimed "
        "(beyond 0): it does not reproduce the record."
    )


def test_a_replay_is_held_against_what_was_in_force_over_its_segment(tmp_path: Path) -> None:
    events = [changed(2, "lr", "2"), changed(4, "lr", "3"), changed(1, "seed", "9", rank=1)]
    recorded = written(tmp_path / "a", *events, configuration={"lr": "1", "seed": "5"})
    again = written(tmp_path / "b", configuration={"lr": "2", "seed": "9"})
    assert other_set_up(recorded, again, 2, 4) == ()
    assert other_set_up(recorded, again, 2, 5) == ("lr is 3 in the record and 2 in the replay",)
    assert other_set_up(recorded, again, 1, 2) == ("lr is 1 in the record and 2 in the replay",)
    silent = written(tmp_path / "c")
    assert other_set_up(recorded, silent, 2, 4) == ("the replay names no setting, and the record does",)
    assert other_set_up(silent, again, 2, 4) == ()


def test_graders_and_libraries_are_held_against_the_record(tmp_path: Path) -> None:
    code, libraries = {"grader g": "sha256:1", "training script in a.py": "sha256:2"}, {"torch": "2.1"}
    patched = RunEvent(
        time="2026-05-01T00:00:00Z", kind="code", step=2, body={"changed": {"grader g": "sha256:3"}}
    )
    recorded = written(tmp_path / "a", patched, code=code, libraries=libraries | {"modelassay": "1"})
    other = {"grader g": "sha256:3", "training script in b.py": "sha256:4"}
    again = written(tmp_path / "b", code=other, libraries={"torch": "2.2", "modelassay": "2", "vllm": "1"})
    assert other_set_up(recorded, again, 2, 4) == ("torch is 2.1 in the record and 2.2 in the replay",)
    assert "grader g is sha256:1 in the record and sha256:3 in the replay" in other_set_up(
        recorded, again, 1, 2
    )
