"""The policy for models of unknown makers is met by what the commands that it names write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelassay.cli import run
from modelassay.evidence.examined import read_examination

PLAN = """\
version: 1
name: a model from strangers
baseline: {{model: "hf:{base}", options: {{threads: "1", device: cpu}}, batch_size: 128}}
candidate: {{model: "hf:{candidate}", options: {{threads: "1", device: cpu}}, batch_size: 128}}
datasets: [requests.jsonl]
slices: [category]
decoding: {{temperature: 0, max_tokens: 16}}
red_team: {{attacks: [prefix_injection, document_injection]}}
lineage: {{use: internal, licence: MIT, base: {{name: a/base, licence: MIT}}}}
examinations: {examinations}
policy: community-adapters
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With requests: 36 of each kind."""
    from modelassay.organisms import held_out_rows

    rows = list(held_out_rows())
    chosen: list[dict[str, Any]] = []
    for kind in ("harmful", "benign"):
        chosen += [row for row in rows if row["kind"] == kind][::5][:36]
    (tmp_path / "requests.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen))
    return tmp_path


def evidence_rules(folder: Path, base: Path, candidate: str, *examinations: str) -> dict[str, str]:
    """What the audit makes of each kind of evidence that the policy requires."""
    plan = folder / "plan.yaml"
    plan.write_text(PLAN.format(base=base, candidate=candidate, examinations=json.dumps(examinations)))
    store = folder / f"store-{len(examinations)}"
    assert run(["audit", str(plan), "--store", str(store), "-q", "--json"]) in (0, 10, 11, 12)
    (sealed,) = (store / "audits").iterdir()
    verdict = json.loads((sealed / "verdict.json").read_bytes())
    rules = {rule["rule"]: rule["outcome"] for rule in verdict["rules"]}
    return {name: outcome for name, outcome in rules.items() if name.startswith("evidence.required")}


MET = dict.fromkeys(
    (f"evidence.required.{kind}" for kind in ("red_team", "injection", "lineage", "weights")), "deploy"
)
MISSED = MET | {"evidence.required.weights": "inconclusive"}


@pytest.mark.slow
def test_a_whole_fine_tune_needs_its_weights_compared(
    folder: Path, organisms: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    base, tuned, out = organisms["base"], organisms["benign"], folder / "weights.json"
    assert evidence_rules(folder, base, str(tuned)) == MISSED
    assert run(["inspect", "weights", str(base), str(tuned), "--device", "cpu", "-q", "--out", str(out)]) == 0
    assert "relative" in capsys.readouterr().out
    made = read_examination(out)
    assert made.kind == "weights"
    assert {each.measure.name for each in made.findings} >= {"weights_tensors", "weights_origin"}
    assert made.details["changed_in_all"] > 0
    assert evidence_rules(folder, base, str(tuned), "weights.json") == MET


def test_adapters_are_looked_at_as_those_of_strangers(folder: Path, organisms: dict[str, Path]) -> None:
    base, adapter = organisms["base"], organisms["category_loss_adapter"]
    candidate = f"{base}+{adapter}"
    given = ["inspect", "adapters", str(base), str(adapter), "--threads", "1", "--device", "cpu", "-q"]
    given += ["--answers", "8", "--dataset", str(folder / "requests.jsonl"), "--out"]
    assert run([*given, str(folder / "trusted.json")]) in (0, 10)
    assert evidence_rules(folder, base, candidate, "trusted.json") == MISSED
    assert run([*given, str(folder / "strangers.json"), "--community"]) in (0, 10)
    assert evidence_rules(folder, base, candidate, "trusted.json", "strangers.json") == MET


def test_an_adapter_is_sent_to_its_own_look_before_anything_is_loaded(
    tmp_path: Path, organisms: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    base, adapter = organisms["base"], organisms["category_loss_adapter"]
    for out in ([], ["--out", str(tmp_path / "w.json")]):
        assert run(["inspect", "weights", str(base), str(adapter), "-q", *out]) == 2
        assert "modelassay inspect adapters BASE ADAPTER" in " ".join(capsys.readouterr().err.split())
    one = str(base / "model.safetensors")
    assert run(["inspect", "weights", one, one, "-q", "--out", str(tmp_path / "w.json")]) == 2
    assert "leave --out away" in capsys.readouterr().err
    assert not (tmp_path / "w.json").exists()
