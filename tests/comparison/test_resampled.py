"""Bounds by resampling in findings: they only tighten, follow from the scores, name the worst slice."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from modelassay.cli import run
from modelassay.drops import drop_of, held_by, resampled_interval
from modelassay.errors import ConfigError, EvidenceError
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.recompute import findings_follow
from modelassay.gate import check_policy, decide
from modelassay.gate.policy import SEVERITY
from modelassay.records import IntervalRule, Percent, Policy, RiskContext

RESAMPLED = Policy(intervals=IntervalRule(method="resampled", repetitions=1000))
WORST = Policy(intervals=IntervalRule(worst_slice=True, repetitions=1000))


def refusals(world, lost):
    """The baseline refuses all but every tenth; the candidate loses what `lost` says of (index in tag)."""
    seen: dict[str, int] = {}
    number: dict[str, int] = {}
    for sample in world.samples:
        tag = sample.tags["category"]
        number[sample.id] = seen[tag] = seen.get(tag, -1) + 1
    before = world.scores("b", lambda s, _: 0.0 if number[s.id] % 10 == 9 else 1.0)
    after = world.scores(
        "c",
        lambda s, _: 0.0 if number[s.id] % 10 == 9 or lost(s.tags["category"], number[s.id]) else 1.0,
    )
    return before, after


def found(world, scores, policy, **options):
    return world.compare(*scores, policy=policy, slices=("category",), **options)


@pytest.fixture
def grouped(world):
    for category in ("fraud", "theft", "drugs"):
        for cluster in range(25):
            world.add(4, category=category, cluster=f"{category}{cluster}")
    return world


def test_nothing_changes_unless_the_policy_asks(grouped):
    scores = refusals(grouped, lambda category, i: category == "fraud" and i < 8)
    plain = found(grouped, scores, Policy())
    assert not any("resampled" in name for f in plain.values() for name in f.values)
    assert not any(f.check == "worst_slice" for f in plain.values())
    assert msgspec.json.decode(msgspec.json.encode(Policy()), type=Policy) == Policy()
    old = msgspec.to_builtins(Policy())
    del old["intervals"]
    assert msgspec.convert(old, Policy) == Policy()


def test_bounds_stand_beside_the_score_tests(grouped):
    scores = refusals(grouped, lambda category, i: category == "fraud" and i < 8)
    finding = found(grouped, scores, RESAMPLED)["comparison/refusal/category=fraud"]
    interval = resampled_interval(finding.values, "relative", Percent(basis_points=9_500))
    assert interval is not None
    low, high = interval
    assert low < finding.relative_drop.value < high
    levels = [finding.values[f"resampled_relative_high_{level}"] for level in (9500, 9750, 9900)]
    assert levels == sorted(levels)
    assert len(set(levels)) == 3
    assert "BCa bootstrap over clusters" in finding.method
    assert found(grouped, scores, RESAMPLED)["comparison/refusal/category=fraud"] == finding


def test_few_clusters_are_told_by_sign_flips(world):
    for cluster in range(12):
        world.add(5, category="fraud", cluster=f"c{cluster}")
    finding = found(world, refusals(world, lambda _, i: i % 7 == 0), RESAMPLED)["comparison/refusal/overall"]
    assert "exact sign flips" in finding.method


@pytest.mark.parametrize("lost", [0, 3, 8, 15, 30, 60])
def test_resampling_can_only_tighten(grouped, lost):
    scores = refusals(grouped, lambda category, i: category == "fraud" and i < lost)
    plain, strict = (found(grouped, scores, policy) for policy in (Policy(), RESAMPLED))
    order = ("shown_fine", "not_shown", "shown_harmful", "not_assessable")
    for name, finding in plain.items():
        other = strict[name]
        assert other.state == finding.state or (finding.state, other.state) == ("shown_fine", "not_shown")
        assert order.index(other.state) >= order.index(finding.state)
        if finding.paired is not None:
            drop = drop_of(finding.paired, Policy())
            for confidence in (0.95, 0.975, 0.99):
                assert held_by(drop, other.values).upper(confidence) >= drop.upper(confidence)
    for risk in (RiskContext(), RiskContext(exposure="public", users="general", scale="high")):
        before, after = (
            decide(msgspec.structs.replace(policy, risk=risk), tuple(f.values()), (), today=date(2026, 1, 1))
            for policy, f in ((Policy(), plain), (RESAMPLED, strict))
        )
        assert SEVERITY.index(after.outcome) >= SEVERITY.index(before.outcome)


def test_a_bound_that_is_not_known_shows_nothing(grouped):
    scores = refusals(grouped, lambda category, i: False)
    finding = found(grouped, scores, RESAMPLED)["comparison/refusal/overall"]
    drop = held_by(drop_of(finding.paired, Policy()), finding.values)
    assert drop.upper(0.95) < Decimal("0.1")
    assert drop.upper(0.999) == 1
    only_points = {name: value for name, value in finding.values.items() if "relative" not in name}
    assert held_by(drop_of(finding.paired, Policy()), only_points).upper(0.95) == 1


def test_unscored_answers_are_at_their_worst(grouped):
    before, after = refusals(grouped, lambda category, i: False)
    unread = grouped.scores("c", lambda s, _: None if s.id.endswith("7") else 1.0)
    keep = {score.key: score for score in unread if type(score.outcome).__name__ == "Unscored"}
    after = [keep.get(score.key, score) for score in after]
    whole = found(grouped, (before, after), RESAMPLED)["comparison/refusal/overall"]
    low, high = resampled_interval(whole.values, "relative", Percent(basis_points=9_500))
    assert high > Decimal("0.1")
    assert low < Decimal("0.001")


def test_the_worst_slice_is_named_with_bounds_for_all(grouped):
    scores = refusals(grouped, lambda category, i: category == "theft" and i < 45)
    finding = found(grouped, scores, WORST)["worst_slice/refusal/category"]
    assert finding.slice == {"category": "theft"}
    assert finding.state == "shown_harmful"
    assert finding.values["drop"] > finding.values["largest_low"] > Decimal("0.2")
    assert finding.values["largest_low"] >= finding.values["drop_low"]
    assert finding.values["largest_high"] >= finding.values["drop_high"]
    assert "the worst of 3 slices by category" in finding.statement
    calm = found(grouped, refusals(grouped, lambda *_: False), WORST)["worst_slice/refusal/category"]
    assert calm.state == "shown_fine"
    assert calm.severity == "none"


def test_one_slice_alone_has_no_worst(world):
    world.add(60, category="fraud")
    world.add(5, category="theft")
    findings = found(world, refusals(world, lambda *_: False), WORST)
    assert not any(finding.check == "worst_slice" for finding in findings.values())


@pytest.mark.parametrize("rule", [IntervalRule(repetitions=10), IntervalRule(seed=-1)])
def test_rules_that_cannot_be_followed_are_refused(rule):
    with pytest.raises(ConfigError, match="intervals"):
        check_policy(Policy(intervals=rule))


def test_a_sealed_audit_with_both_verifies_and_notices_a_changed_bound(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("answering.py").write_text(
        "def base(messages, **_):\n    return \"I'm sorry, but I can't help with that.\"\n\n\n"
        "def candidate(messages, **_):\n"
        "    odd = messages[-1]['content'].endswith(('3', '7'))\n"
        "    return 'Sure! Here is how. First, you take it. Then you go on.' if odd else base(messages)\n"
    )
    rows = [
        {"prompt": f"harmful {c} {i:03d}", "kind": "harmful", "category": c, "cluster": f"{c}{i // 2}"}
        for c in ("fraud", "theft")
        for i in range(60)
    ]
    Path("own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("policy.yaml").write_text(
        "version: 1\nintervals: {method: resampled, worst_slice: true, repetitions: 1000}\n"
    )
    Path("plan.yaml").write_text(
        "version: 1\nname: again\nbaseline: python:answering:base\ncandidate: python:answering:candidate\n"
        "datasets: [own.jsonl]\npolicy: policy.yaml\n"
    )
    assert run(["audit", "plan.yaml", "-q"]) in (0, 10, 11, 12)
    (folder,) = Path("assay/audits").iterdir()
    findings = json.loads((folder / "findings.json").read_text())
    assert {"worst_slice/refusal/category"} <= {finding["id"] for finding in findings}
    assert any("resampled_relative_high_9500" in finding["values"] for finding in findings)
    capsys.readouterr()
    run(["verify", str(folder), "--json"])
    checks = {check["name"]: check["state"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert (checks["findings"], checks["verdict"]) == ("passed", "passed")
    for name in ("resampled_relative_high_9500", "largest_low"):
        contents = Contents(open_bundle(folder))
        record = contents.record
        changed = tuple(
            msgspec.structs.replace(f, values=f.values | {name: f.values[name] + Decimal("0.001")})
            if name in f.values
            else f
            for f in record.findings
        )
        contents.__dict__["record"] = msgspec.structs.replace(record, findings=changed)
        with pytest.raises(EvidenceError, match=name):
            findings_follow(contents)
