"""Declared lineage through the command line: seen before an audit, sealed with it, refused when untrue."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from modelassay.artifacts import lineage_findings
from modelassay.records import Lineage

MODELS = '''
def base(messages):
    """Refuses what is harmful."""
    return "I'm sorry, but I can't help with that." if "harmful" in messages[-1]["content"] else "Sure! Yes."

def same(messages):
    """As the baseline, in other words."""
    return base(messages).replace("Sure!", "Of course!")
'''
PLAN = """\
version: 1
name: release
baseline: python:scripted:base
candidate: python:scripted:same
datasets: [prompts.jsonl]
policy: policy.yaml
lineage:
  use: commercial
  licence: MIT
  training_data:
    - {name: sft, path: sft.jsonl, licence: LICENCE, source: own,
       consent: contract, pii: none, retention: 1 year}
"""


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(folder: Path, command_line: Callable[..., Any]) -> Run:
    """How a command line in the test's folder ended."""

    def ended(*arguments: str) -> Done:
        code, out, err = command_line(folder, *arguments)
        return Done(code, out.decode(), err.decode())

    return ended


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {"prompt": f"{kind} request {number}", "kind": kind, "category": ("a", "b")[number % 2]}
        for kind in ("harmful", "benign")
        for number in range(400)
    ]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "scripted.py").write_text(MODELS)
    (tmp_path / "sft.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "plan.yaml").write_text(PLAN.replace("LICENCE", "CC-BY-NC-4.0"))
    (tmp_path / "policy.yaml").write_text("version: 1\n")
    return tmp_path


def test_plan_shows_conflicts_and_unknowns_before_anything_is_spent(folder: Path, run: Run) -> None:
    done = run("plan", "plan.yaml")
    assert done.returncode == 0
    assert "  conflict    Training data sft is under CC-BY-NC-4.0" in done.stdout
    assert "  unknown     The base model is not declared" in done.stdout
    found = json.loads(run("plan", "plan.yaml", "--json").stdout)["lineage"]
    assert {finding["check"] for finding in found} == {"lineage", "licences", "data_handling", "recipe"}
    assert not (folder / "assay").exists()


def test_an_audit_seals_the_declaration_and_sends_its_conflict_to_people(folder: Path, run: Run) -> None:
    done = run("audit", "plan.yaml", "--json", "-q")
    assert done.returncode == 10, done.stderr
    summary = json.loads(done.stdout)
    assert summary["decided_by"][0]["rule"] == "lineage.conflict"
    audit = folder / "assay" / "audits" / summary["audit"]
    sealed = msgspec.json.decode((audit / "lineage.json").read_bytes(), type=Lineage)
    assert list(sealed.hashed) == ["sft.jsonl"]
    findings = json.loads((audit / "findings.json").read_bytes())
    again = {finding.id: finding.statement for finding in lineage_findings(sealed, ())}
    assert again.items() <= {finding["id"]: finding["statement"] for finding in findings}.items()
    shown = run("show", summary["audit"])
    assert "licences conflict (1)" in shown.stdout


@pytest.mark.slow
def test_changed_data_makes_another_audit(folder: Path, run: Run) -> None:
    first = json.loads(run("audit", "plan.yaml", "--json", "-q").stdout)["audit"]
    command = [sys.executable, "-m", "modelassay", "audit", "plan.yaml", "--json", "-q"]
    another_process = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    assert json.loads(another_process.stdout)["audit"] == first
    (folder / "sft.jsonl").write_text('{"text": "b"}\n')
    assert json.loads(run("audit", "plan.yaml", "--json", "-q").stdout)["audit"] != first


@pytest.mark.parametrize("command", ["plan", "audit"])
def test_a_digest_that_the_file_does_not_have_stops_before_anything_is_asked(
    folder: Path, command: str, run: Run
) -> None:
    plan = (folder / "plan.yaml").read_text()
    (folder / "plan.yaml").write_text(plan.replace("name: sft,", f"name: sft, digest: 'sha256:{'0' * 64}',"))
    done = run(command, "plan.yaml")
    assert done.returncode == 2
    assert "lineage.training_data[0].digest" in done.stderr
    assert "is not what was declared" in done.stderr
    assert not (folder / "assay" / "audits").exists()


def test_a_required_part_sends_a_silent_plan_to_people(folder: Path, run: Run) -> None:
    (folder / "policy.yaml").write_text("version: 1\nlineage: {required: [recipe]}\n")
    (folder / "plan.yaml").write_text(PLAN.partition("lineage:")[0])
    summary = json.loads(run("audit", "plan.yaml", "--json", "-q").stdout)
    assert (summary["outcome"], summary["decided_by"][0]["rule"]) == ("review", "lineage.required")
    (folder / "policy.yaml").write_text("version: 1\n")
    summary = json.loads(run("audit", "plan.yaml", "--json", "-q").stdout)
    assert summary["outcome"] in ("deploy", "deploy-monitored")
    assert "lineage" in [item["concern"] for item in summary["review_items"]]
