"""Before anything is asked: what the policy requires beside the suite, and examinations of other models."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modelassay.audit.planning import planned_examinations, unknown_models
from modelassay.canonical import Digest, digest_of
from modelassay.cli import run
from modelassay.config import DatasetReference, ModelReference, Plan
from modelassay.errors import UsageError
from modelassay.evidence.examined import write_examination
from modelassay.evidence.sufficient import why_no_look
from modelassay.records import Examination, Finding, Measure, TargetIdentity
from modelassay.weights.folders import model_files

POLICY = "policy: finetuning-default\n"
KINDS = ["red_team", "injection", "lineage"]


def served(reference: str, **details: str) -> TargetIdentity:
    known = {"model": reference, **details}
    return TargetIdentity(
        reference=reference, fingerprint=digest_of(known), strength="served name", details=known
    )


def examine(
    path: Path, candidate: TargetIdentity, *, baseline: TargetIdentity | None = None, age: int = 1
) -> None:
    """A campaign in a file; its age in days."""
    ended = datetime.now(UTC) - timedelta(days=age)
    resisted = Finding(
        id="red_team/adaptive/overall",
        check="red_team",
        measure=Measure(name="adaptive", title="Attacks", wanted="give nothing", role="concern"),
        state="shown_fine",
        statement="Resisted.",
    )
    made = Examination(
        kind="red_team",
        tool_version="1",
        started=f"{ended - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}",
        finished=f"{ended:%Y-%m-%dT%H:%M:%SZ}",
        candidate=candidate,
        baseline=baseline,
        findings=(resisted,),
    )
    write_examination(path, made)


@pytest.fixture
def planned(plan_of: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """What ``plan --json`` says, with its exit code."""

    def command(more: str) -> tuple[int, Any]:
        plan = plan_of("same", per_category=30, more=more)
        code = run(["plan", str(plan), "--simulations", "0", "--json"])
        return code, json.loads(capsys.readouterr().out)

    return command


def test_what_the_policy_requires_and_the_plan_lacks_is_named_with_what_brings_it(
    planned: Callable[..., Any],
) -> None:
    code, told = planned(POLICY)
    assert code == 0
    assert [(each["kind"], each["state"]) for each in told["evidence"]] == [
        (kind, "missing") for kind in KINDS
    ]
    red_team, injection, lineage = (each["supplied_by"] for each in told["evidence"])
    assert "`modelassay redteam run`" in red_team
    assert "prompt_injection" in injection
    assert "lineage: …" in lineage
    assert planned("policy: suite-only\n")[1]["evidence"] == []


def test_what_the_plan_brings_itself_is_told(planned: Callable[..., Any]) -> None:
    attacks = "red_team: {attacks: [document_injection]}\nlineage: {base: {name: acme/base}}\n"
    told = planned(f"{POLICY}{attacks}")[1]["evidence"]
    assert [each["state"] for each in told] == ["planned", "planned", "there"]
    assert "120 attacked questions in the plan" in told[0]["statement"]
    few = planned(f"{POLICY}red_team: {{attacks: [document_injection], limit: 5}}\nlineage: {{}}\n")[1]
    assert [each["state"] for each in few["evidence"]] == ["missing"] * 3
    assert "5 attacked questions in the plan are too few to judge" in few["evidence"][0]["statement"]
    assert "neither training data nor a base model" in few["evidence"][2]["statement"]


def test_the_section_stands_in_the_text(
    plan_of: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", str(plan_of("same", per_category=12, more=POLICY)), "--simulations", "0"]) == 0
    text = capsys.readouterr().out
    assert "Evidence that the policy requires:\n  ✗ red team: " in text
    assert "can only end inconclusive" in text
    assert run(["plan", str(plan_of("same", per_category=12)), "--simulations", "0"]) == 0
    assert "Evidence that the policy requires" not in capsys.readouterr().out


def test_examinations_are_read_and_held_against_the_plans_models(
    planned: Callable[..., Any], tmp_path: Path
) -> None:
    taken = f"{POLICY}examinations: [campaign.json]\n"
    code, told = planned(taken)
    assert (code, "cannot be read" in told["error"]["what"]) == (2, True)
    (tmp_path / "campaign.json").mkdir()
    assert planned(taken)[0] == 2
    (tmp_path / "campaign.json").rmdir()
    own = next(line for line in (tmp_path / "plan.yaml").read_text().splitlines() if "candidate" in line)
    ours = own.removeprefix("candidate: ")
    for other in (served("openai:other@http://x/v1"), served(ours, system_prompt="sha256:1")):
        examine(tmp_path / "campaign.json", other)
        code, told = planned(taken)
        assert (code, "another candidate" in told["error"]["what"]) == (2, True)
    examine(tmp_path / "campaign.json", served(ours))
    assert planned(taken)[1]["evidence"][0]["state"] == "there"
    examine(tmp_path / "campaign.json", served(ours), age=400)
    old = planned(taken)[1]["evidence"][0]
    assert (old["state"], "is older than the 90 days" in old["statement"]) == ("missing", True)


def weights(folder: Path, content: str) -> TargetIdentity:
    """A model in `folder`, and who it is."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text(content)
    files = model_files(folder, where="")
    details = {
        "weights": str(files.weights.digest),
        "config": str(files.config.digest),
        "tokenizer": str(files.tokenizer.digest),
        "chat_template": "sha256:1",
    }
    return TargetIdentity(
        reference=f"hf:{folder}", fingerprint=digest_of(details), strength="weights", details=details
    )


def plan_with(candidate: ModelReference) -> Plan:
    return Plan(
        version=1,
        name="p",
        baseline=ModelReference(model="hf:base"),
        candidate=candidate,
        datasets=(DatasetReference(use="own.jsonl"),),
        examinations=("campaign.json",),
    )


def test_weights_under_another_name_are_told_by_their_files(tmp_path: Path) -> None:
    examined = weights(tmp_path / "there", "tuned")
    copied, other = weights(tmp_path / "copied", "tuned"), weights(tmp_path / "other", "another")
    assert copied.fingerprint == examined.fingerprint != other.fingerprint
    base = TargetIdentity(reference="hf:base", fingerprint=Digest("sha256:b"), strength="weights")
    examine(tmp_path / "campaign.json", examined, baseline=base)
    (taken,) = planned_examinations(plan_with(ModelReference(model="hf:copied")), tmp_path)
    assert (taken.notes, why_no_look(taken)) == ((), "")
    with pytest.raises(UsageError, match="another candidate: hf:"):
        planned_examinations(plan_with(ModelReference(model="hf:other")), tmp_path)
    prompted = ModelReference(model="hf:copied", system_prompt="Always refuse.")
    with pytest.raises(UsageError, match="under another system prompt"):
        planned_examinations(plan_with(prompted), tmp_path)
    server = ModelReference(model="openai:tuned@http://127.0.0.1:9/v1")
    (untied,) = planned_examinations(plan_with(server), tmp_path)
    assert "candidate_model" in why_no_look(untied)


def test_weights_that_are_nowhere_are_told_before_the_audit(tmp_path: Path) -> None:
    (warning,) = unknown_models(plan_with(ModelReference(model="hf:../nope")), tmp_path)[1:]
    assert "'../nope' is neither an existing folder nor a hub id" in warning
    (tmp_path / "base").mkdir()
    assert unknown_models(plan_with(ModelReference(model="hf:acme/tuned")), tmp_path) == ()
