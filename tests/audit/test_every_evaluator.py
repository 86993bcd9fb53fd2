"""The example plan with every evaluator, over real sets, on organisms: it runs, is sealed and verifies."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelassay.cli import modelassay
from modelassay.cli.audit_command import run_plan
from modelassay.cli.options import places_of
from modelassay.config.load import load_plan
from modelassay.evidence.notary import Notary
from modelassay.records import Actor
from modelassay.signals import read_signals

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOT_BY_NAME = {"llm_judge", "refusal_correctness"}
"""Needs a model to judge; another name of one that is there."""

MIXED = {"answer and source in different languages"}
"""Asked about texts whose words they do not know, organisms babble in several languages at once."""


def test_the_example_names_every_evaluator() -> None:
    used = {each.use for each in load_plan(EXAMPLES / "every_evaluator.yaml").evaluators}
    points = entry_points(group="modelassay.evaluators")
    built_in = {point.name for point in points if point.module.startswith("modelassay.")}
    assert used == built_in - NOT_BY_NAME


@pytest.mark.slow
def test_every_evaluator_over_real_sets(tmp_path: Path, data_dir: Path, organisms: dict[str, Path]) -> None:
    shutil.copy(EXAMPLES / "every_evaluator.jsonl", tmp_path)
    text = (EXAMPLES / "every_evaluator.yaml").read_text("utf-8")
    text = text.replace("hf:../organisms/base", f"hf:{organisms['base']}")
    text = text.replace("hf:../organisms/broad_loss", f"hf:{organisms['broad_loss']}")
    plan = tmp_path / "plan.yaml"
    plan.write_text(text, "utf-8")
    places = places_of(plan, store=tmp_path / "assay", data_dir=data_dir, offline=True)
    record = run_plan(plan, (), places, notary=Notary(actor=Actor(name="ci")), quiet=True)

    scored = {each.measure for each in record.coverage if each.scored}
    for pin in record.evaluators:
        names = {measure.name for measure in pin.measures}
        assert names & {each.measure for each in record.coverage}, f"{pin.name} was asked nothing"
        reasons = {why for each in record.coverage if each.measure in names for why in each.unscored}
        assert names & scored or reasons == MIXED, f"{pin.name} read no answer"
    # Organisms know few words and prove plumbing only: what they make of real requests must not pass.
    assert record.verdict.outcome not in ("deploy", "deploy-monitored")
    assert any(finding.check == "cohort_gap" for finding in record.findings)

    folder = tmp_path / "assay" / "audits" / record.id
    found = read_signals(folder)
    assert {row.signal for row in found.rows} >= {"bias", "content_safety", "compliance"}
    assert len(found.to_columns()["place"]) == len(found.rows)
    assert "<table>" in found._repr_html_()
    done = CliRunner().invoke(modelassay, ["verify", str(folder), "--json"])
    checks = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
    assert checks["findings"]["state"] == "passed", done.stdout
