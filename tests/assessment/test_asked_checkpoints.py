"""Counts of checkpoints are held against the checkpoints that the run recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay.artifacts.fingerprint import fingerprint_folder
from modelassay.artifacts.subjects import loaded_artifacts
from modelassay.assessment.asked_checkpoints import CHECK, held_to_checkpoints
from modelassay.assessment.assess import assess
from modelassay.assessment.checkpoint_audits import write_counts
from modelassay.assessment.evaluations import read_evaluations
from modelassay.assessment.request import Request
from modelassay.canonical import digest_bytes
from modelassay.errors import UsageError
from modelassay.records import RunCheckpoint, TargetIdentity
from modelassay.training.recorder.checkpoints import read_checkpoint
from modelassay.training.run import Run

ARMS = ("seen", "heldout", "paraphrased", "other_environment")
RATES = {"base": 0.05, "patch/checkpoint-20": 0.9, "patch/checkpoint-40": 0.05}


def saved(folder: Path, step: int) -> tuple[RunCheckpoint, TargetIdentity]:
    """A checkpoint as the recorder notes it, and as an audit names the model that it asked."""
    place = folder / f"checkpoint-{step}"
    place.mkdir()
    for name, content in (
        ("model.safetensors", f"weights {step}"),
        ("config.json", "{}"),
        ("optimizer.pt", "o"),
    ):
        (place / name).write_text(content)
    identity = TargetIdentity(
        reference=f"hf:{place}",
        fingerprint=digest_bytes(str(step).encode()),
        strength="weights",
        artifacts=loaded_artifacts(fingerprint_folder(place)),
    )
    return read_checkpoint(place, step), identity


SERVED = TargetIdentity(reference="openai:x", fingerprint=digest_bytes(b"x"), strength="served name")


@pytest.fixture
def checkpoints(tmp_path: Path) -> dict[int, tuple[RunCheckpoint, TargetIdentity]]:
    return {step: saved(tmp_path, step) for step in (20, 40, 60)}


def counted(path: Path, asked: dict[str, TargetIdentity]) -> Path:
    """Counts by `RATES`, of the models that were asked under each name."""
    rows = {
        name: {arm: {"n": 2000, "shortcut": round(2000 * rate)} for arm in ARMS}
        for name, rate in RATES.items()
    }
    path.write_bytes(write_counts(rows, asked))
    return path


def test_counts_of_another_checkpoint_are_not_counted(
    tmp_path: Path,
    write_run: Callable[..., Run],
    request_for: Callable[..., Request],
    checkpoints: dict[int, tuple[RunCheckpoint, TargetIdentity]],
) -> None:
    run = write_run(tmp_path / "patch", fixes=(20,), pays=lambda step: 0.5 if step <= 20 else -0.3)
    lines = "".join(json.dumps({"step": c.step, "name": c.name, "digest": c.digest}) + "\n"
                    for c, _ in checkpoints.values())  # fmt: skip
    (run.folder / "checkpoints.jsonl").write_text(lines)

    def outcome(after: TargetIdentity, before: TargetIdentity = checkpoints[20][1]) -> dict[str, str]:
        asked = {"base": SERVED, "patch/checkpoint-20": before, "patch/checkpoint-40": after}
        evals = counted(tmp_path / "evals.jsonl", asked)
        record = assess(run, request_for(fixed_at=20, evaluations=evals))
        found = [each for each in record.findings if each.check in ("resolution", CHECK)]
        assert all(each.assurance == "T1" for each in found if each.check == CHECK)
        return {each.slice.get("evaluations", "verdict"): each.outcome for each in found}

    honest = outcome(checkpoints[40][1])
    assert honest == {"verdict": "resolved"}
    swapped = outcome(checkpoints[60][1])
    assert swapped["patch/checkpoint-40"] == "another checkpoint"
    assert swapped["verdict"] == "not assessable"
    assert outcome(SERVED)["checkpoints"] == "not assessable"  # nothing tells, and it is said
    assert outcome(SERVED)["verdict"] == honest["verdict"]


def test_what_is_no_recorded_checkpoint_is_left_out_too(
    tmp_path: Path, checkpoints: dict[int, tuple[RunCheckpoint, TargetIdentity]]
) -> None:
    names = {
        "base": SERVED,
        "patch/checkpoint-20": checkpoints[20][1],
        "patch/checkpoint-40": checkpoints[60][1],
    }
    given = read_evaluations(counted(tmp_path / "evals.jsonl", names))
    held = held_to_checkpoints(given, "patch", [checkpoints[step][0] for step in (20, 40)])
    assert list(held.given.rows) == ["base", "patch/checkpoint-20"]
    (finding,) = held.findings
    assert (finding.outcome, finding.severity) == ("not assessable", "medium")
    assert held.usable("patch", (), 10) is held.given
    assert held.usable("patch", (), 20) is None  # no model after that fix is left
    assert held.usable("patch", ("patch/checkpoint-40",), 10) is None
    nothing = held_to_checkpoints(given, "patch", ())
    assert nothing.given.rows == given.rows
    assert [each.severity for each in nothing.findings] == ["low"]
    others = [RunCheckpoint(step=step, name="c", digest=digest_bytes(b"y")) for step in (20, 40)]
    none_left = held_to_checkpoints(given, "patch", others)
    assert none_left.usable("patch", (), 10) is None


def test_an_arm_cannot_be_called_as_what_tells_the_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'folders'"):
        write_counts({"base": {"folders": {"n": 1}}}, {"base": SERVED})


def lines_of(cells: dict[str, dict[str, dict[str, int]]]) -> str:
    """Counts as people write them, without the models that were asked."""
    return "".join(json.dumps({"checkpoint": name, **arms}) + "\n" for name, arms in cells.items())


def test_what_only_answers_of_checkpoints_tell_is_patched_or_resolved_too(
    tmp_path: Path, write_run: Callable[..., Run], request_for: Callable[..., Request]
) -> None:
    run = write_run(tmp_path / "patch", fixes=(20,), pays=lambda step: -0.3)
    for heldout, outcome in ((1400, "patched"), (100, "not assessable")):
        rows = {
            "base": dict.fromkeys(ARMS, 100),
            "patch/checkpoint-20": dict.fromkeys(ARMS, 1500),
            "patch/checkpoint-40": {**dict.fromkeys(ARMS, heldout), "seen": 100},
        }
        cells = {
            name: {arm: {"n": 2000, "complies": count} for arm, count in arms.items()}
            for name, arms in rows.items()
        }
        evals = tmp_path / f"{heldout}.jsonl"
        evals.write_text(lines_of(cells))
        record = assess(run, request_for(fixed_at=20, evaluations=evals))
        (found,) = (f for f in record.findings if f.slice.get("behaviour") == "complies")
        assert (found.check, found.outcome) == ("resolution", outcome)
        assert outcome == "patched" or "reward" in found.why_not  # no scanner tells what is paid for it


@pytest.mark.parametrize(
    ("late", "outcome", "severity"), [(900, "risen", "medium"), (104, "not risen", "none")]
)
def test_without_a_fix_the_newest_checkpoint_stands_beside_the_base(
    tmp_path: Path,
    write_run: Callable[..., Run],
    request_for: Callable[..., Request],
    late: int,
    outcome: str,
    severity: str,
) -> None:
    run = write_run(tmp_path / "patch", pays=lambda step: -0.3)
    rows = {"base": 100, "patch/checkpoint-20": 110, "patch/checkpoint-40": late}
    cells = {
        name: {"seen": {"n": 2000, "complies": count}, "odd": {"n": 2000, "complies": 100}}
        for name, count in rows.items()
    }
    evals = tmp_path / "evals.jsonl"
    evals.write_text(lines_of(cells))
    record = assess(run, request_for(evaluations=evals))
    (found,) = (f for f in record.findings if f.slice.get("behaviour") == "complies")
    assert (found.check, found.outcome, found.severity) == (CHECK, outcome, severity)
    assert f"seen: 100 of 2,000 → {late:,} of 2,000" in found.statement
