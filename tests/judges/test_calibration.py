"""Labelled sets are read, evaluators measured on them, and what is known of their error reaches the audit."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from modelassay.errors import DatasetError, StoreError, UsageError
from modelassay.evaluators import IsCompliant, RefusalCorrectness, ResponseFormat
from modelassay.judges import (
    PACKAGED,
    Audited,
    Columns,
    Task,
    calibration_of,
    calibrations_of,
    distance_of,
    drift_of,
    keep,
    lengths_of,
    read_all,
    read_labelled,
    with_errors,
)
from modelassay.records import EvaluatorPin

REFUSES, HELPS = "I'm sorry, but I can't help with that.", "Sure! First, open the box and read the manual."
TASK = Task(measures=("refusal",), positive="wanted")


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def labelled(tmp_path):
    """Forty answers; people and rules disagree on two, which the rules take for help."""
    rows = [
        {
            "prompt": f"Question {i // 2}?",
            "response": REFUSES if i % 2 and i > 3 else HELPS,
            "label": i % 2,
            "language": "en",
            "group": f"g{i // 2}",
            "model": "older",
        }
        for i in range(40)
    ]
    return read_labelled(write(tmp_path / "mine.jsonl", rows))


def measured(answers, day="2026-01-01", settings=None):
    evaluator = RefusalCorrectness()
    readings = asyncio.run(read_all(evaluator, answers, TASK))
    return calibration_of(evaluator, answers, TASK, readings, settings=settings or {}, day=day)


def pin_of(evaluator):
    return EvaluatorPin(name=evaluator.name, version=evaluator.version, measures=tuple(evaluator.measures))


def test_agreement_of_a_known_judge(labelled):
    found = measured(labelled).overall
    assert (found.rows, found.positives, found.unread) == (40, 20, 0)
    assert (float(found.sensitivity.value), float(found.specificity.value)) == (0.9, 1.0)
    assert float(found.kappa.value) == pytest.approx(0.9)
    assert found.kappa.low < found.kappa.value < found.kappa.high


def test_what_cannot_be_read_is_in_no_figure(tmp_path):
    rows = [{"response": text, "label": label} for text, label in ((REFUSES, 1), (HELPS, 0), ("", 1))]
    found = measured(read_labelled(write(tmp_path / "mine.jsonl", rows)))
    assert (found.overall.rows, found.overall.unread, found.readings) == (2, 1, "10-")


def test_csv_with_columns_of_its_own(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(f'ask,said,verdict\nHow?,"{REFUSES}",refused\nHow?,{HELPS},helped\n')
    columns = Columns(prompt="ask", response="said", label="verdict", positive=("refused",))
    answers = read_labelled(path, columns)
    assert [row.positive for row in answers.rows] == [True, False]
    assert answers.rows[0].group == answers.rows[1].group  # one prompt
    assert measured(answers).readings == "10"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"response": "x", "label": 1}\n{"response": "x"}\n', "mine.jsonl:2"),
        ('{"response": "x", "label": "perhaps"}\n', "mine.jsonl:1"),
        ('{"response": "x", "label": 1}\nnot json\n', "mine.jsonl:2"),
        ("[1]\n", "mine.jsonl:1"),
        ("", "mine.jsonl"),
    ],
)
def test_errors_name_the_line(tmp_path, text, where):
    path = tmp_path / "mine.jsonl"
    path.write_text(text)
    with pytest.raises(DatasetError) as error:
        read_labelled(path)
    assert error.value.where.endswith(where)


def test_a_measure_that_is_never_scored_is_said(labelled):
    with pytest.raises(UsageError, match="scores none"):
        asyncio.run(read_all(RefusalCorrectness(), labelled, Task(measures=("toxicity",), positive="wanted")))


def test_calibrations_are_found_by_exact_version_and_settings(tmp_path, labelled):
    found = measured(labelled)
    keep([found], tmp_path / "judges")
    assert calibrations_of("refusal", found.version, {}, tmp_path)[0] == found
    assert calibrations_of("refusal", found.version + "0", {}, tmp_path) == ()
    assert calibrations_of("refusal", found.version, {"tone": "mild"}, tmp_path) == ()


def test_measuring_again_changes_no_byte(tmp_path, labelled):
    (path,) = keep([measured(labelled)], tmp_path)
    before = path.read_bytes()
    keep([measured(labelled, day="2027-01-01")], tmp_path)
    assert path.read_bytes() == before


def test_a_damaged_file_is_refused(tmp_path, labelled):
    (path,) = keep([measured(labelled)], tmp_path / "judges")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StoreError, match="calibrations"):
        with_errors(pin_of(RefusalCorrectness()), tmp_path)


def test_standing_of_measured_exact_and_unmeasured_evaluators():
    refusal = with_errors(pin_of(RefusalCorrectness()), None)
    assert refusal.uncalibrated == ()
    assert {measure for error in refusal.errors for measure in error.measures} == {
        "refusal",
        "over_refusal",
        "borderline_refusal",
        "red_team",
        "red_team_borderline",
    }
    assert with_errors(pin_of(ResponseFormat()), None).uncalibrated == ()
    assert with_errors(pin_of(IsCompliant()), None).uncalibrated == ("compliance",)
    other = msgspec.structs.replace(pin_of(RefusalCorrectness()), settings={"judge": "openai:x"})
    assert set(with_errors(other, None).uncalibrated) == {
        "refusal",
        "over_refusal",
        "borderline_refusal",
        "red_team",
        "red_team_borderline",
    }


def test_a_judge_that_tells_nothing_on_any_set_stands_as_uncalibrated(tmp_path, labelled):
    """It calls every answer help: what is measured of it is told, and does not make it known."""
    found = measured(labelled)
    blind = calibration_of(
        RefusalCorrectness(), labelled, TASK, "0" * 40, settings={"judge": "blind"}, day=found.measured
    )
    pin = msgspec.structs.replace(pin_of(RefusalCorrectness()), settings={"judge": "blind"})
    keep([blind], tmp_path / "judges")
    standing = with_errors(pin, tmp_path)
    assert "refusal" in standing.uncalibrated
    assert standing.errors[0].informedness.value == 0
    assert standing.errors[0].informedness.low < 0
    keep([msgspec.structs.replace(found, set="other", settings=blind.settings)], tmp_path / "judges")
    assert "refusal" not in with_errors(pin, tmp_path).uncalibrated


def test_two_rows_that_agree_make_no_judge_known(tmp_path):
    rows = [{"response": text, "label": label} for text, label in ((REFUSES, 1), (HELPS, 0))]
    found = measured(read_labelled(write(tmp_path / "mine.jsonl", rows))).overall
    assert (found.informedness.value, found.tells) == (1, False)


def test_distance_names_what_differs_and_nothing_else(labelled):
    found = measured(labelled)
    same = Audited(
        datasets=("mine",),
        models=("hf:older-1",),
        languages={"en-GB": 10},
        categories={},
        samples=10,
        lengths=found.lengths,
        wanted={"refusal": (10, 20)},
    )
    assert distance_of(found, same) == ()
    far = msgspec.structs.replace(
        same,
        datasets=("clinic",),
        models=("hf:newer",),
        languages={"de": 6, "en": 4},
        lengths=lengths_of([400, 500, 600]),
        wanted={"refusal": (1, 20)},
    )
    said = " | ".join(distance_of(found, far))
    for part in ("clinic", "60% of the samples are in de", "hf:newer", "450–550 words", "reads 5%"):
        assert part in said


def test_a_judge_that_reads_otherwise_has_drifted(labelled):
    found = measured(labelled)
    assert not drift_of(found, labelled, found.readings).drifted
    changed = found.readings[:-1] + ("0" if found.readings[-1] == "1" else "1")
    drift = drift_of(found, labelled, changed)
    assert drift.drifted
    assert len(drift.changed) == 1
    model = msgspec.structs.replace(found, version="judge+x")
    assert not drift_of(model, labelled, changed).drifted  # one in forty may vary
    assert drift_of(model, labelled, "1" * 40).drifted


def test_drift_is_of_the_same_rows(labelled):
    found = msgspec.structs.replace(measured(labelled), digest="sha256:" + "0" * 64)
    with pytest.raises(DatasetError, match="not the rows"):
        drift_of(found, labelled, found.readings)


def test_no_text_of_a_labelled_set_is_shipped():
    for path in PACKAGED.glob("*.json"):
        assert not {"prompt", "response", "text", "sample"}.intersection(json.loads(path.read_text())[0])
