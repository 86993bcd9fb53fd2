"""What the package says of its own evaluators' error: for the versions that it holds, and still true."""

from __future__ import annotations

import asyncio
import re
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay import demo, plugins
from modelassay.judges import FITS, PACKAGED, calibrations_of, fits_of, read_all, with_errors
from modelassay.judges.store import file_name
from modelassay.records import EvaluatorPin

LABELLED = sorted({fit.evaluator for fit in FITS})
DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "judges.md"


def evaluator(name: str) -> Any:
    """One of the package, with its default settings."""
    return plugins.load("evaluators", name)()


def pin_of(name: str) -> EvaluatorPin:
    made = evaluator(name)
    return EvaluatorPin(name=made.name, version=made.version, measures=tuple(made.measures))


def uncalibrated() -> set[str]:
    """Evaluators of the package of which some measure has an unknown error."""
    points = entry_points(group="modelassay.evaluators")
    names = {point.name for point in points if point.module.startswith("modelassay.")} - {"llm_judge"}
    pins = [with_errors(pin_of(name), None) for name in names]
    return {pin.name for pin in pins if pin.uncalibrated}


@pytest.mark.parametrize("name", LABELLED)
def test_every_labelled_set_has_a_calibration_of_the_present_version(name: str) -> None:
    made = evaluator(name)
    found = calibrations_of(name, made.version, {})
    assert {each.key for each in found} == {(fit.set, fit.measures) for fit in fits_of(name)}
    assert with_errors(pin_of(name), None).uncalibrated == ()


def test_no_calibration_of_another_version_is_shipped() -> None:
    present = {file_name(name, evaluator(name).version, {}) for name in LABELLED}
    assert {path.name for path in PACKAGED.glob("*.json")} == present


def test_a_trained_classifier_is_never_measured_on_rows_that_it_saw() -> None:
    said = {each.seen for name in LABELLED for each in calibrations_of(name, evaluator(name).version, {})}
    assert not any("flatter" in each for each in said)


@pytest.mark.parametrize("plan", ["init", "demo"])
def test_no_plan_to_start_from_needs_people_because_of_a_judge_of_unknown_error(plan: str) -> None:
    template = (files("modelassay.cli") / "templates" / "plan.yaml").read_text("utf-8")
    text = template if plan == "init" else Path(demo.__file__).read_text("utf-8")
    listed = re.search(r"(?m)^evaluators:((?: \[.*\])|(?:\n  (?:-|#).*)+)", text)
    assert listed is not None
    names = re.findall(r"(?m)(?:^  - |[\[ ])([a-z_]+)(?=[,\]\s])", re.sub(r"#.*", "", listed[1]))
    assert "refusal" in names
    assert uncalibrated().isdisjoint(names)


def test_the_documentation_names_every_evaluator_of_unknown_error() -> None:
    text = DOCUMENTED.read_text("utf-8")
    listed = re.search(r"No labelled set tells the error of ([^.]*)\.", text)
    assert listed is not None
    assert set(re.findall(r"`([a-z_]+)`", listed[1])) == uncalibrated()


@pytest.mark.slow
@pytest.mark.parametrize("name", LABELLED)
def test_it_reads_the_labelled_sets_as_it_did(name: str, data_dir: Path) -> None:
    made = evaluator(name)
    by_key = {each.key: each for each in calibrations_of(name, made.version, {})}
    for fit in fits_of(name):
        if not (data_dir / fit.path).is_file():
            pytest.skip(f"{fit.path} absent")
        kept = by_key[fit.set, fit.measures]
        answers = fit.answers(data_dir)
        assert (kept.digest, len(kept.readings)) == (answers.digest, len(answers.rows))
        assert asyncio.run(read_all(made, answers, fit.task)) == kept.readings
        assert msgspec.json.decode(msgspec.json.encode(kept), type=type(kept)) == kept
