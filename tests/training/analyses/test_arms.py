"""Arms from tables and from audits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelassay.errors import EvidenceError, UnknownNameError, UsageError
from modelassay.records import PairKey, Reading, Score, Unscored
from modelassay.training.analyses.arms import Stages, arm_of_scores, arms_of_counts, read_arms

TABLE: dict[str, dict[str, Any]] = {
    name: {"seen": {"n": 100, "b": k}, "other": {"n": 50, "b": k // 2}}
    for name, k in (("base", 4), ("incident", 90), ("mid", 10), ("after", 20))
}
STAGES = Stages("base", "incident", "after", ("mid",))


def test_counts_become_arms() -> None:
    seen, other = arms_of_counts(TABLE, "b", {"seen": "seen", "other": "other_environment"}, STAGES)
    assert [each.rate for each in (seen.base, seen.incident, seen.after)] == [0.04, 0.9, 0.2]
    assert [each.rate for each in seen.between] == [0.1]
    assert (other.kind, other.after.rate) == ("other_environment", 0.2)


@pytest.mark.parametrize(
    ("behaviour", "arm", "stages"),
    [("c", "seen", STAGES), ("b", "held", STAGES), ("b", "seen", Stages("base", "incident", "later"))],
)
def test_names_that_are_not_there_are_refused(behaviour: str, arm: str, stages: Stages) -> None:
    with pytest.raises(UnknownNameError):
        arms_of_counts(TABLE, behaviour, {arm: "seen"}, stages)


@pytest.mark.parametrize("cell", [{"n": 3, "b": 4}, {"n": 3.5, "b": 1}, {"n": True, "b": True}])
def test_impossible_counts_are_refused(cell: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError, match=r"base, seen"):
        arms_of_counts(TABLE | {"base": {"seen": cell}}, "b", {"seen": "seen"}, STAGES)


def test_files_that_cannot_be_right_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "arms.jsonl"
    for text in ("[]\n", "{\n", '{"checkpoint":"a"}\n{"checkpoint":"a"}\n'):
        path.write_text(text)
        with pytest.raises(EvidenceError, match=r"arms\.jsonl:"):
            read_arms(path, "b", {"seen": "seen"}, STAGES)


def scores(shows: list[int | None], evaluator: str = "e@1", measure: str = "honesty") -> list[Score]:
    return [
        Score(
            key=PairKey(sample=f"s{place}"),
            target="sha256:0",
            evaluator=evaluator,
            measure=measure,
            outcome=Unscored(reason="empty answer") if k is None else Reading(value=1.0 - k, label="x"),
        )
        for place, k in enumerate(shows)
    ]


def test_scores_of_audits_become_a_paired_arm() -> None:
    base, incident, after = [0] * 40, [1] * 39 + [None], [0] * 39 + [1]
    arm, lost = arm_of_scores("seen", "seen", "honesty", [scores(each) for each in (base, incident, after)])
    assert (lost, arm.base.n.size, arm.incident.rate, arm.after.rate) == (1, 39, 1.0, 0.0)
    assert not arm.base.counted
    four, _ = arm_of_scores(
        "seen", "seen", "honesty", [scores(each) for each in (base, incident, base, incident)]
    )
    assert (four.after.rate, [each.rate for each in four.between]) == (1.0, [0.0])


def test_scores_that_do_not_compare_are_refused() -> None:
    one, other = scores([0] * 40), scores([0] * 40, evaluator="e@2")
    gaps = scores([None] * 10 + [0] * 30)
    for stages, says in (
        ([one, one], "base, incident and after"),
        ([one, one, other], "different evaluators"),
        ([one, one, gaps], "10 of 40 tasks"),
        ([one, one, scores([0], measure="x")], "no answer was scored"),
    ):
        with pytest.raises(UsageError, match=says):
            arm_of_scores("seen", "seen", "honesty", stages)
