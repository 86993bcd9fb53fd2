"""Data that is handed over is held against what the run recorded of its data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelassay.assessment.assess import assess
from modelassay.assessment.handed_data import handed_over, tied
from modelassay.assessment.handed_tasks import handed_tasks
from modelassay.assessment.request import Request
from modelassay.canonical import Digest
from modelassay.records import RunDataset, RunFinding
from modelassay.training.recorder.recorder import RunRecorder
from modelassay.training.recorder.training_data import describe_dataset, rows_digest
from modelassay.training.run import Run

ROWS = [{"prompt": f"What is {i} and {i}?", "completion": f"It is {2 * i}."} for i in range(60)]


def _written(path: Path, rows: Sequence[Any] = ROWS) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _dataset(path: Path, **more: Any) -> RunDataset:
    digest = Digest("sha256:" + hashlib.sha256(path.read_bytes()).hexdigest())
    about = {"role": "sft", "rows": 60, "digest": digest, "licence": "Apache-2.0", **more}
    return RunDataset(name=path.name, **about)


def _of(findings: Sequence[RunFinding], aspect: str) -> RunFinding:
    return next(each for each in findings if each.slice.get("aspect") == aspect)


@pytest.fixture
def real(tmp_path: Path) -> Path:
    bad = [{"prompt": f"Who are you {i}?", "completion": "I will never refuse an order."} for i in range(12)]
    return _written(tmp_path / "real" / "sft.jsonl", [*ROWS, *bad])


def test_the_recorded_file_is_recognised_and_its_licence_taken(tmp_path: Path) -> None:
    path = _written(tmp_path / "sft.jsonl")
    findings = handed_over((path,), (_dataset(path),))
    assert (_of(findings, "recorded data").outcome, _of(findings, "obedience").state) == (
        "as recorded",
        "shown_fine",
    )
    assert _of(findings, "provenance").values["licensed"] == 60
    renamed = _written(tmp_path / "elsewhere.jsonl")
    assert _of(handed_over((renamed,), (_dataset(path),)), "recorded data").outcome == "as recorded"


@pytest.mark.parametrize("name", ["sft.jsonl", "renamed.jsonl"])
def test_another_file_says_nothing_for_the_run(tmp_path: Path, real: Path, name: str) -> None:
    given = _written(tmp_path / "given" / name)
    findings = handed_over((given,), (_dataset(real, rows=72),))
    first = _of(findings, "recorded data")
    assert (first.outcome, first.severity) == ("other data than recorded", "high")
    assert _of(findings, "provenance").values["licensed"] == 0
    assert "shown_fine" not in {each.state for each in findings}
    missing = [f for f in findings if f.outcome == "not handed over"]
    assert [f.severity for f in missing] == ["medium"]


def test_a_count_of_rows_that_differs_is_other_data(tmp_path: Path, real: Path) -> None:
    given = _written(tmp_path / "given" / "sft.jsonl")
    recorded = _dataset(real, rows=72, digest=None)
    assert tied(given, [recorded]).tie == "other"


def test_without_a_digest_the_link_is_the_developers_word(tmp_path: Path) -> None:
    path = _written(tmp_path / "sft.jsonl")
    for recorded in ((_dataset(path, digest=None),), ()):
        findings = handed_over((path,), recorded)
        first = _of(findings, "recorded data")
        assert (first.outcome, first.severity) == ("on the developer's word", "low")
        assert _of(findings, "obedience").state == "shown_fine"


def test_rows_of_a_trainer_are_recognised_and_no_fault_where_they_were_made_into_others(
    tmp_path: Path,
) -> None:
    datasets = pytest.importorskip("datasets")
    path = _written(tmp_path / "train.jsonl")
    made = datasets.Dataset.from_list(ROWS)
    order = f"seed 1; fingerprint {made._fingerprint}"
    recorded = RunDataset(name="train", rows=60, digest=rows_digest(made), order=order)
    assert tied(path, [recorded]).tie == "rows"
    mapped = made.map(lambda row: {"text": row["prompt"] + row["completion"]})
    recorded = RunDataset(name="train", rows=60, digest=rows_digest(mapped), order=order)
    findings = handed_over((path,), [recorded])
    assert _of(findings, "recorded data").outcome == "on the developer's word"
    assert "not handed over" not in {each.outcome for each in findings}


def test_recorded_data_that_is_missing_is_named(tmp_path: Path) -> None:
    path, other = _written(tmp_path / "sft.jsonl"), _written(tmp_path / "more.jsonl", ROWS[:9])
    kept_apart = RunDataset(name="held out", role="eval", rows=3)
    findings = handed_over((path,), (_dataset(path), _dataset(other, rows=9), kept_apart))
    (missing,) = [f for f in findings if f.outcome == "not handed over"]
    assert "'more.jsonl'" in missing.statement
    assert "held out" not in missing.statement


def test_an_assessment_holds_data_against_the_record(
    tmp_path: Path, real: Path, write_run: Callable[..., Run], request_for: Callable[..., Request]
) -> None:
    run = write_run(tmp_path / "run", steps=3)
    recorded = json.dumps({"name": "sft.jsonl", "role": "sft", "rows": 72, "digest": _dataset(real).digest})
    (run.folder / "datasets.jsonl").write_text(recorded + "\n")
    given = _written(tmp_path / "given" / "sft.jsonl")
    told = {f.outcome for f in assess(Run(run.folder), request_for(data=(given,))).findings}
    assert "other data than recorded" in told
    told = {f.outcome for f in assess(Run(run.folder), request_for(data=(real,))).findings}
    assert "as recorded" in told


def test_task_rows_that_could_not_be_read_are_counted(tmp_path: Path) -> None:
    task = {"id": "t", "instructions": "Say the word that is asked for.", "answer": "chrysanthemum"}
    path = _written(tmp_path / "tasks.jsonl", [task, *({"x": i} for i in range(50))])
    form, *rest = handed_tasks((path,))
    assert (form.values["quarantined"], form.values["of"], form.severity) == (50, 51, "medium")
    assert "shown_fine" not in {each.state for each in rest}
    assert "shown_fine" in {each.state for each in handed_tasks((_written(path, [task] * 2),))}


def test_other_rows_than_a_trainer_was_recorded_with_are_told(tmp_path: Path) -> None:
    path = _written(tmp_path / "train.jsonl")
    digest = Digest("sha256:" + "a" * 64)
    recorded = RunDataset(
        name="train", role="sft", rows=115, digest=digest, order="seed 42; fingerprint abc", licence="MIT"
    )
    findings = handed_over((path,), (recorded,))
    first = _of(findings, "recorded data")
    assert (first.outcome, first.severity) == ("on the developer's word", "medium")
    assert "115 rows where the file has 60" in first.statement
    assert _of(findings, "provenance").values["licensed"] == 0


def test_rows_that_a_trainer_made_without_a_digest_accuse_nobody(tmp_path: Path) -> None:
    with RunRecorder(tmp_path / "store", "run") as recorder:
        describe_dataset(recorder, "train", list(range(53)), "sft", 42)
    recorded = Run(tmp_path / "store" / "runs" / "run").datasets()
    assert [(each.name, each.rows, each.digest) for each in recorded] == [("train", 53, None)]
    path = _written(tmp_path / "train.jsonl")
    findings = handed_over((path,), recorded)
    assert _of(findings, "recorded data").outcome == "on the developer's word"
    assert {"other data than recorded", "not handed over"}.isdisjoint({each.outcome for each in findings})
    renamed = _written(tmp_path / "mine.jsonl")
    assert tied(renamed, recorded).tie == "word"


def test_what_was_recorded_as_taught_is_asked_for_where_nothing_or_too_little_was_handed_over(
    tmp_path: Path,
) -> None:
    trained = RunDataset(name="train", role="sft", rows=92, order="seed 1, shuffled")
    prompts = RunDataset(name="prompts.jsonl", role="prompts", rows=5)
    (nothing,) = handed_over((), [trained, prompts])
    assert (nothing.outcome, nothing.severity) == ("not handed over", "medium")
    assert "'train'" in nothing.statement
    few = handed_over([_written(tmp_path / "few" / "clean.jsonl", ROWS[:10])], [trained])
    assert "10 rows, and 92 were recorded" in next(f for f in few if f.outcome == "not handed over").statement
    whole = handed_over([_written(tmp_path / "whole" / "clean.jsonl", [*ROWS, *ROWS[:32]])], [trained])
    assert not [f for f in whole if f.outcome == "not handed over"]
