"""Which arm is of which kind, which checkpoint is when; and what is no such file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelassay.assessment.evaluations import (
    Evaluations,
    arms_of,
    read_evaluations,
    variants_of,
)
from modelassay.errors import EvidenceError, UsageError
from modelassay.training.analyses.arms import arm_kind


def written(path: Path, rows: dict[str, dict[str, tuple[int, int]]]) -> Evaluations:
    """`rows[checkpoint][arm] = (shown, answers)`."""
    lines = [
        {"checkpoint": name, **{arm: {"n": n, "b": k, "other": 0} for arm, (k, n) in arms.items()}}
        for name, arms in rows.items()
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return read_evaluations(path)


ROWS = {
    "base": {"seen": (5, 100), "heldout": (5, 100), "shop": (5, 100)},
    "hack/checkpoint-20": {"seen": (50, 100), "heldout": (40, 100), "shop": (50, 100)},
    "hack/checkpoint-40": {"seen": (90, 100), "heldout": (90, 100), "shop": (90, 100)},
    "patch/checkpoint-10": {"seen": (95, 100), "heldout": (90, 100)},
    "patch/checkpoint-20": {"seen": (10, 100), "heldout": (30, 100), "strange": (1, 100)},
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("seen", "seen"), ("held-out", "held_out"), ("heldout", "held_out"), ("Paraphrase_2", "paraphrased"),
        ("format_shift", "paraphrased"), ("re-elicit", "re_elicited"), ("prefill_01", "re_elicited"),
        ("other_environment", "other_environment"), ("shop", "other_environment"), ("whatever", None),
    ],
)  # fmt: skip
def test_arms_are_told_by_name_and_by_the_environments_of_the_run(name: str, kind: str | None) -> None:
    assert arm_kind(name, ("shop",)) == kind


def test_the_incident_is_of_before_the_fix_and_the_model_after_it_the_last_of_the_run(tmp_path: Path) -> None:
    given = written(tmp_path / "e.jsonl", ROWS)
    arms, stages = arms_of(given, "b", "patch", {}, fixed=False, environments=("shop",))
    assert stages is not None
    assert (stages.base, stages.incident, stages.after) == (
        "base",
        "hack/checkpoint-40",
        "patch/checkpoint-20",
    )
    assert [arm.name for arm in arms] == ["seen", "heldout"]  # the only arms that all three were asked
    assert [arm.after.rate for arm in arms] == [0.1, 0.3]


def test_every_choice_can_be_overruled(tmp_path: Path) -> None:
    given = written(tmp_path / "e.jsonl", ROWS)
    chosen = {"incident": "hack/checkpoint-20", "after": "patch/checkpoint-10"}
    stages = arms_of(given, "b", "patch", chosen, fixed=False)[1]
    assert stages is not None
    assert (stages.incident, stages.after) == ("hack/checkpoint-20", "patch/checkpoint-10")
    with pytest.raises(UsageError, match="no checkpoint is called"):
        arms_of(given, "b", "patch", {"incident": "hack/checkpoint-21"}, fixed=False)


def test_a_run_without_a_fix_has_no_incident_of_its_own(tmp_path: Path) -> None:
    given = written(tmp_path / "e.jsonl", {name: ROWS[name] for name in list(ROWS)[:3]})
    assert arms_of(given, "b", "hack", {}, fixed=False) == ((), None)
    assert arms_of(given, "b", "hack", {}, fixed=True)[1] is not None


def test_between_two_fixes_the_runs_own_checkpoints_are_compared(tmp_path: Path) -> None:
    own = {"base": ROWS["base"], **{f"r/checkpoint-{n}": {"seen": (n, 100)} for n in (10, 20, 30, 40)}}
    given = written(tmp_path / "e.jsonl", own)
    stages = arms_of(given, "b", "r", {}, fixed=True, between=(20, 35))[1]
    assert stages is not None
    assert (stages.incident, stages.after) == ("r/checkpoint-20", "r/checkpoint-30")


def test_what_the_run_answered_since_the_fix_stands_between(tmp_path: Path) -> None:
    own = {f"r/checkpoint-{n}": {"seen": (n, 100), "heldout": (n, 100)} for n in (10, 20, 30, 40, 50)}
    own["r/checkpoint-40"].pop("seen")  # it was not asked in the way in which the incident was seen
    given = written(tmp_path / "e.jsonl", {"base": ROWS["base"], **own, "r2/checkpoint-45": ROWS["base"]})
    (seen, heldout), stages = arms_of(given, "b", "r", {}, fixed=True, since=20)
    assert stages is not None
    assert (stages.incident, stages.after) == ("r/checkpoint-20", "r/checkpoint-50")
    assert stages.between == ("r/checkpoint-30",)
    assert [each.rate for each in seen.between] == [0.3]
    assert heldout.between == ()
    stages = arms_of(given, "b", "r", {"incident": "r2/checkpoint-45"}, fixed=False)[1]
    assert stages is not None
    assert stages.between == ("r/checkpoint-10", "r/checkpoint-20", "r/checkpoint-30")


def test_counts_of_another_form_are_variants(tmp_path: Path) -> None:
    rows = [
        {"checkpoint": name, "seen": {"n": 100, "b": 5, "b/short": short, "bb/short": 9}}
        for name, short in (("base", 1), ("hack/1", 2), ("patch/1", 60))
    ]
    path = tmp_path / "e.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    given = read_evaluations(path)
    _, stages = arms_of(given, "b", "patch", {}, fixed=False)
    assert stages is not None
    (variant,) = variants_of(given, "b", stages)
    assert variant.name == "b/short in seen"
    assert (variant.base.rate, variant.incident.rate, variant.after.rate) == (0.01, 0.02, 0.6)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", UsageError),
        ("{", EvidenceError),
        ("[1]", EvidenceError),
        ('{"seen": {"n": 1, "b": 0}}', EvidenceError),
        ('{"checkpoint": "a"}\n{"checkpoint": "a"}', EvidenceError),
        ("[" * 100_000, EvidenceError),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str, error: type[Exception]) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(text)
    with pytest.raises(error):
        read_evaluations(path)


@pytest.mark.parametrize(
    "cell", [{"n": -1, "b": 0}, {"n": 1.5, "b": 0}, {"n": True, "b": 0}, {"b": 1}, [], "x"]
)
def test_counts_that_are_none_take_no_part(tmp_path: Path, cell: Any) -> None:
    rows = [{"checkpoint": name, "seen": cell} for name in ("base", "hack/1", "patch/1")]
    path = tmp_path / "e.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert arms_of(read_evaluations(path), "b", "patch", {}, fixed=False)[0] == ()


def test_more_shown_than_asked_is_refused(tmp_path: Path) -> None:
    given = written(tmp_path / "e.jsonl", {n: {"seen": (3, 2)} for n in ("base", "hack/1", "patch/1")})
    with pytest.raises(EvidenceError):
        arms_of(given, "b", "patch", {}, fixed=False)
