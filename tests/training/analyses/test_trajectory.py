"""When a behaviour emerged: made rows of counts, and the table of a real run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelassay.training.analyses.count_table import read_count_table
from modelassay.training.analyses.counted import BehaviourCounts, counts_by_step
from modelassay.training.analyses.trajectory import assess_emergence, onset_place
from modelassay.training.frame import Frame


def row(flagged: list[int], n: int = 64, **more: Any) -> BehaviourCounts:
    return BehaviourCounts(np.arange(len(flagged)), np.full(len(flagged), n), np.array(flagged), **more)


def outcome(counts: BehaviourCounts, **more: Any) -> str:
    (finding,) = assess_emergence([counts], "b", **more)
    return finding.outcome


@pytest.mark.parametrize(
    ("flagged", "expected"),
    [
        ([0] * 10, "not seen"),
        ([1, 0, 0, 1, 0, 0, 1, 0, 0, 0], "not seen"),
        ([1, 2, 1, 1, 2, 30, 33, 31, 29, 30], "emerged"),
        ([20, 22, 21, 19, 20, 21, 20, 18, 21, 20], "present from the start"),
        ([30, 31, 29, 30, 32, 2, 1, 1, 2, 1], "receded"),
        ([60, 61, 59, 60, 5, 4, 5, 6, 20, 21, 22, 20], "returned"),
        ([1, 2, 3], "not assessable"),
    ],
)
def test_outcomes(flagged: list[int], expected: str) -> None:
    assert outcome(row(flagged)) == expected


def test_an_outage_is_left_out_before_anything_is_read() -> None:
    flagged = [20, 22, 21, 19, 20, 0, 0, 0, 21, 20, 18, 21, 20]
    assert outcome(row(flagged)) == "returned"
    (finding,) = assess_emergence([row(flagged)], "b", invalid=(5, 6, 7), invalid_because="a dead grader")
    assert finding.outcome == "present from the start"
    assert finding.values["removed_positions"] == 3
    assert "a dead grader" in finding.statement


def test_onset_needs_reward_where_reward_is_known() -> None:
    flagged = [10] * 8
    assert onset_place(row(flagged)) == 0
    assert onset_place(row(flagged, flagged_rewarded=np.zeros(8, np.int64))) is None
    assert onset_place(row(flagged, flagged_rewarded=np.array([0, 0, 1, 9, 9, 9, 9, 9]))) == 3


def test_one_position_of_many_is_no_sure_onset() -> None:
    flagged = [0] * 50
    flagged[30] = 4
    (finding,) = assess_emergence([row(flagged)], "b")
    assert (finding.outcome, finding.values["onset"]) == ("not seen", 30)
    assert "sure_onset" not in finding.values


def test_what_emerges_and_is_not_rewarded_is_no_harm() -> None:
    flagged = [1, 2, 1, 1, 2, 30, 33, 31, 29, 30]
    (paid,) = assess_emergence([row(flagged, flagged_rewarded=np.array(flagged))], "b")
    (unpaid,) = assess_emergence([row(flagged, flagged_rewarded=np.zeros(10, np.int64))], "b")
    assert (paid.outcome, paid.state, paid.severity) == ("emerged", "shown_harmful", "high")
    assert (unpaid.outcome, unpaid.state, unpaid.severity) == ("emerged", "not_shown", "none")


def test_answers_that_come_in_groups_count_for_less() -> None:
    assert onset_place(row([4] * 8)) == 0
    assert onset_place(row([4] * 8, design_effect=4.0)) is None


def test_counts_are_of_usable_training_rollouts_by_environment(frame_of: Callable[..., Frame]) -> None:
    frame = frame_of(
        step=np.repeat([1, 2, 3], 8),
        reward=np.tile([0.0, 1.0], 12),
        env=np.tile([0, 0, 1, 1], 6),
        envs=("a", "b"),
        failed=np.arange(24) < 4,
        flags={"b": np.arange(24) % 4 < 2},
    )
    a, b = counts_by_step(frame, "b")
    assert (a.environment, a.n.tolist(), a.flagged.tolist()) == ("a", [2, 4, 4], [2, 4, 4])
    assert b.flagged.tolist() == [0, 0, 0]
    assert a.flagged_rewarded is not None
    assert a.flagged_rewarded.tolist() == [1, 2, 2]
    (few,) = counts_by_step(frame_of(step=frame.step, reward=frame.reward, flags=frame.flags), "b", most=2)
    assert few.position.tolist() == [1, 3]


def test_one_outlier_does_not_decide_what_is_rewarded(frame_of: Callable[..., Frame]) -> None:
    reward = np.where(np.arange(800) % 4 == 0, 0.9, 0.3) + np.arange(800) % 7 / 1000
    flags = np.arange(800) % 4 == 0
    for far in (reward[0], 10.0, -10.0):
        reward[0] = far
        frame = frame_of(step=np.arange(800) // 100, reward=reward, flags={"b": flags})
        (counts,) = counts_by_step(frame, "b")
        assert counts.flagged_rewarded is not None
        assert counts.flagged_rewarded.sum() >= 199
        assert counts.rewarded is not None
        assert counts.rewarded.sum() <= 200


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0"):
        row([65])
    with pytest.raises(ValueError, match="rise"):
        BehaviourCounts(np.array([2, 1]), np.array([1, 1]), np.array([0, 0]))


@pytest.fixture(scope="module")
def timeline(data_dir: Path) -> dict[str, BehaviourCounts]:
    path = data_dir / "tra" / "rl_hack_timeline" / "timeline.jsonl"
    if not path.is_file():
        pytest.skip("the data set rl_hack_timeline is absent")
    return {counts.environment: counts for counts in read_count_table(path)}


def test_the_real_run_turns_at_epoch_1088(timeline: dict[str, BehaviourCounts]) -> None:
    (finding,) = assess_emergence([timeline["AEEnv"]], "hacking", invalid=(640,))
    assert finding.outcome == "emerged"
    assert finding.values["change"] == 1088
    assert float(finding.values["rate_before"]) == pytest.approx(0.27, abs=0.03)
    assert float(finding.values["rate_after"]) == pytest.approx(0.77, abs=0.01)
    assert finding.values["onset"] == 448


def test_the_outage_of_the_real_run_reads_as_a_cure_unless_left_out(
    timeline: dict[str, BehaviourCounts],
) -> None:
    counts = timeline["OmitDescriptionEnv"]
    with_it, without = (assess_emergence([counts], "hacking", invalid=gone)[0] for gone in ((), (640,)))
    assert with_it.values["change"] != without.values["change"]
    assert without.values["change"] == 320


def test_what_is_never_rewarded_never_sets_in(timeline: dict[str, BehaviourCounts]) -> None:
    (finding,) = assess_emergence([timeline["SWEFixerEnv"]], "hacking", invalid=(640,))
    assert "onset" not in finding.values
    assert finding.severity == "none"
