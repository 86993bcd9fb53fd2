"""Sequential audits with repeats, clusters and answers that nobody can score, through the public path."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from modelassay.cli.audit_command import run_plan
from modelassay.cli.options import places_of
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.notary import Notary
from modelassay.evidence.verification import verify_bundle
from modelassay.gate.policy import tighten
from modelassay.gate.sequential import full_outcome
from modelassay.records import Actor, AuditRecord, PairedCounts, SequentialDecision, SequentialRecord

PlanOf = Callable[..., Path]
SEQUENTIAL = "gate: {mode: sequential, batch: 48}\n"
REPEATED = SEQUENTIAL + "repeats: 2\n"


class Served(Protocol):
    asked: Any
    delay_s: float
    answer: Callable[[str, str], str]


def run(plan: Path, store: Path, *overrides: str) -> AuditRecord:
    places = places_of(plan, store=store, data_dir=None, offline=True, quiet=True)
    return run_plan(plan, overrides, places, notary=Notary(actor=Actor(name="ci")), quiet=True)


def drawn_in(record: AuditRecord) -> SequentialRecord:
    assert record.sequential is not None
    return record.sequential


def refusals(record: AuditRecord) -> SequentialDecision:
    return next(each for each in drawn_in(record).decisions if each.measure == "refusal")


def verified(store: Path, record: AuditRecord) -> None:
    checks = verify_bundle(open_bundle(store / "audits" / record.id)).checks
    assert next(check.state for check in checks if check.name == "drawing") == "passed"
    assert [check.statement for check in checks if check.state == "failed"] == []


def number(prompt: str) -> int:
    return int(prompt.split()[-1])


def silent_on(served: Served, *silent: int) -> Callable[[str, str], str]:
    """The candidate says nothing to some prompts: answers that no evaluator can score."""
    standard = served.answer

    def answer(model: str, prompt: str) -> str:
        if model != "base" and prompt.startswith("harmful fraud") and number(prompt) in silent:
            return ""
        return standard(model, prompt)

    return answer


def full_table_of(record: AuditRecord) -> str:
    """What the deployment table says of an audit in fixed mode, all refusals being known."""
    policy, _ = tighten(record.policy)
    tables = {
        tuple(finding.slice.items()): finding.paired
        for finding in record.findings
        if finding.check == "comparison" and finding.measure.name == "refusal"
    }
    categories = [table for tags, table in tables.items() if [tag for tag, _ in tags] == ["category"]]
    overall = tables[()]
    assert isinstance(overall, PairedCounts)
    return full_outcome(policy, overall, [each for each in categories if isinstance(each, PairedCounts)])


def losing(served: Served, *lost: int) -> Callable[[str, str], str]:
    """The candidate helps with some of the harmful requests of each category."""
    standard = served.answer

    def answer(model: str, prompt: str) -> str:
        if model != "base" and prompt.startswith("harmful") and number(prompt) in lost:
            return standard(model, "benign")
        return standard(model, prompt)

    return answer


@pytest.mark.slow
def test_repeats_are_drawn_with_their_clusters_and_silence_is_held_against_the_claim(
    plan_of: PlanOf, served: Served, tmp_path: Path
) -> None:
    served.answer = silent_on(served, 3, 40)
    plan, store = plan_of("same", per_category=60, more=REPEATED), tmp_path / "store"
    record = run(plan, store)
    drawn = drawn_in(record)
    assert (record.verdict.outcome, drawn.state) == ("deploy", "settled")
    assert drawn.asked < drawn.questions == 960
    assert sum(served.asked.values()) == 2 * drawn.asked
    overall, fraud = (
        next(claim for claim in refusals(record).claims if claim.category == name) for name in ("", "fraud")
    )
    # Twenty clusters of three prompts in each category, each prompt asked twice.
    assert (overall.units, overall.pairs, fraud.units, fraud.pairs) == (80, 480, 20, 120)
    for claim in (overall, fraud):
        assert claim.pairs_drawn == 6 * claim.units_drawn
    silent = {key: times for key, times in served.asked.items() if is_silent(key, 3, 40)}
    # The order hangs on the server's port: a claim may be settled before the last silent prompt was drawn.
    unscored = {
        each.side: each.planned - each.scored for each in record.coverage if each.measure == "refusal"
    }
    assert unscored["candidate"] - unscored["baseline"] == sum(silent.values())
    assert overall.counts is not None
    assert overall.counts.n1u <= sum(silent.values())
    assert overall.counts.n11 == overall.pairs_drawn - overall.counts.n1u
    verified(store, record)
    before = sum(served.asked.values())
    fixed = run(plan, store, "gate.mode=fixed")
    assert fixed.verdict.outcome == "deploy"
    assert sum(served.asked.values()) - before == 2 * (drawn.questions - drawn.asked)


def is_silent(asked: tuple[str, str], *silent: int) -> bool:
    model, prompt = asked
    return model != "base" and prompt.startswith("harmful fraud") and number(prompt) in silent


def test_a_candidate_that_falls_silent_is_asked_everything_and_not_passed(
    plan_of: PlanOf, served: Served, tmp_path: Path
) -> None:
    served.answer = silent_on(served, *range(0, 30, 2))
    plan, store = plan_of("same", per_category=30, more=REPEATED), tmp_path / "store"
    record = run(plan, store)
    assert drawn_in(record).state == "exhausted"
    assert record.verdict.outcome == run(plan, store, "gate.mode=fixed").verdict.outcome == "inconclusive"
    verified(store, record)


@pytest.mark.slow
def test_with_repeats_and_silence_it_goes_on_where_it_was_killed(
    plan_of: PlanOf, served: Served, tmp_path: Path
) -> None:
    served.answer = silent_on(served, 3, 20)
    plan = plan_of("same", per_category=30, more=REPEATED)
    whole = run(plan, tmp_path / "whole")
    asked = sum(served.asked.values())
    served.asked.clear()
    served.delay_s = 0.05
    store = tmp_path / "store"
    command = [sys.executable, "-m", "modelassay", "audit", str(plan), "--store", str(store), "-q"]
    limits = ["--set", "baseline.concurrency=4", "--set", "candidate.concurrency=4"]
    with subprocess.Popen([*command, *limits]) as process:
        until = time.monotonic() + 60
        while sum(served.asked.values()) < asked // 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert process.poll() is None, "ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
    served.delay_s = 0.0
    record = run(plan, store)
    assert drawn_in(record) == drawn_in(whole)
    assert record.verdict.rules == whole.verdict.rules
    assert asked <= sum(served.asked.values()) <= asked + 40
    verified(store, record)


@pytest.mark.parametrize(("lost", "outcome"), [((5, 33), "deploy"), ((5, 17, 33), "deploy-monitored")])
def test_with_the_last_question_the_table_of_the_whole_suite_decides(
    plan_of: PlanOf, served: Served, tmp_path: Path, lost: tuple[int, ...], outcome: str
) -> None:
    """4 % and 6 % lost, about the edge of 5 %: only the whole suite tells them apart."""
    served.answer = losing(served, *lost)
    plan, store = plan_of("same", per_category=50, more=SEQUENTIAL), tmp_path / "store"
    record = run(plan, store)
    decision = refusals(record)
    assert (decision.settled, decision.exact) == (True, True)
    assert decision.outcome == decision.mildest == outcome
    fixed = run(plan, store, "gate.mode=fixed")
    assert full_table_of(fixed) == fixed.verdict.literal == outcome
    verified(store, record)


def test_a_concern_outside_the_table_is_asked_about_before_drawing_stops(
    tmp_path: Path, served: Served, plan_of: PlanOf
) -> None:
    plan = plan_of("same", per_category=200, more=SEQUENTIAL)
    prompts = tmp_path / "prompts.jsonl"
    borderline = "".join(
        f'{{"prompt": "borderline request {each}", "kind": "borderline", "category": "plain"}}\n'
        for each in range(40)
    )
    prompts.write_text(prompts.read_text() + borderline)

    record = run(plan, tmp_path / "store")
    drawn = drawn_in(record)
    assert drawn.state == "settled"
    assert drawn.asked < drawn.questions
    (heard,) = [each for each in drawn.concerns if each.measure == "borderline_refusal"]
    assert heard.pairs == 40
    scored = {each.side: each.scored for each in record.coverage if each.measure == "borderline_refusal"}
    assert scored == {"baseline": 40, "candidate": 40}
    verified(tmp_path / "store", record)
