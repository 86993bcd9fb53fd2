"""Replay: the deviation's arithmetic, what counts as replayed, and what cannot be replayed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from modelassay.errors import UsageError
from modelassay.records import RewardFunction, RunCheckpoint, RunManifest
from modelassay.training.protocol.replay import (
    NEEDED,
    RolloutComparison,
    compare_rollouts,
    replay_finding,
    sampling_of,
    scores_finding,
    tolerance_of,
    why_not_replayable,
)
from modelassay.training.protocol.scoring import Logged, TokenScores
from modelassay.training.protocol.weight_distance import WeightDeviation, weight_deviation
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

WHOLE = RunCheckpoint(step=2, name="checkpoint-2", parts=NEEDED)
SAME = RolloutComparison(8, 8, 8, True)


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
    finding = replay_finding(checkpoint, SAME, None)
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
    assert replay_finding(WHOLE, rollouts, weights, own).outcome == outcome


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


def scores(logp: float, entropy: float, tokens: int = 400) -> TokenScores:
    return TokenScores(np.full(tokens, logp), np.full(tokens, entropy), np.full(tokens, 0.25))


def test_tokens_that_are_too_unlikely_are_another_policys() -> None:
    assert scores_finding("checkpoint-2", 3, [], scores(-1.0, 1.0)).outcome == "consistent"
    assert scores_finding("checkpoint-2", 3, [], scores(-1.2, 1.0)).outcome == "inconsistent"
    assert scores_finding("checkpoint-2", 3, [], scores(-1.2, 1.0, 20)).outcome == "not assessable"
    assert scores_finding("checkpoint-2", 3, [], scores(-1.2, 1.0), "top_k").outcome == "not assessable"
    logged = [Logged((1,), tuple(range(400)), (-1.21,) * 400)]
    assert scores_finding("checkpoint-2", 3, logged, scores(-1.2, 1.0), "top_k").outcome == "consistent"
    assert scores_finding("checkpoint-2", 3, logged, scores(-1.5, 1.0)).outcome == "inconsistent"


def test_z_is_standard_normal_for_tokens_sampled_as_said() -> None:
    generator = np.random.default_rng(5)
    found = []
    for _ in range(400):
        p = generator.dirichlet(np.full(6, 0.5), 300)
        log = np.log(np.maximum(p, 1e-300))
        taken = np.array([generator.choice(6, p=row) for row in p])
        mean = (p * log).sum(1)
        spread = (p * (log - mean[:, None]) ** 2).sum(1)
        found.append(TokenScores(log[np.arange(300), taken], -mean, spread).surprise)
    assert abs(np.mean(found)) < 0.2
    assert 0.85 < np.std(found) < 1.15


def test_sampling_from_a_part_of_the_vocabulary_is_told(tmp_path: Path) -> None:
    assert sampling_of(run(tmp_path / "a", [[1]], temperature="0.7", top_p="1.0", top_k="0")) == (0.7, "")
    assert "top_p" in sampling_of(run(tmp_path / "b", [[1]], top_p="0.9"))[1]
    assert "temperature 0" in sampling_of(run(tmp_path / "c", [[1]], temperature="0.0"))[1]
