"""Audits that stop as soon as the action is settled, through the public path, on a real loopback server."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import msgspec
import pytest

from modelassay.audit.conduct import audit
from modelassay.audit.given import open_given
from modelassay.cli.audit_command import run_plan
from modelassay.cli.options import places_of
from modelassay.config import load_plan, policy_of
from modelassay.engine import Standing
from modelassay.errors import ConfigError, EvidenceError, UsageError
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.chain import Chain
from modelassay.evidence.contents import Contents
from modelassay.evidence.drawing import places_in, ranges_of, share_of
from modelassay.evidence.events import AuditOpened, encode, event_of
from modelassay.evidence.ledger import read_events
from modelassay.evidence.notary import Notary
from modelassay.evidence.redaction import redact
from modelassay.evidence.redrawn import drawing_follows
from modelassay.evidence.standing import attempts_close
from modelassay.evidence.verification import verify_bundle
from modelassay.gate.explaining import explain
from modelassay.records import Actor, AuditRecord, SequentialRecord
from modelassay.report.explanation import explanation_lines

PlanOf = Callable[..., Path]
SEQUENTIAL = "gate: {mode: sequential, batch: 48}\n"


class Served(Protocol):
    asked: Any
    delay_s: float


def run(plan: Path, store: Path, *overrides: str, again: bool = False) -> AuditRecord:
    places = places_of(plan, store=store, data_dir=None, offline=True, quiet=True)
    notary = Notary(actor=Actor(name="ci"))
    return run_plan(plan, overrides, places, notary=notary, quiet=True, again=again)


def drawn_in(record: AuditRecord) -> SequentialRecord:
    assert record.sequential is not None
    return record.sequential


def failed_checks(store: Path, record: AuditRecord) -> list[str]:
    checks = verify_bundle(open_bundle(store / "audits" / record.id)).checks
    assert next(check.state for check in checks if check.name == "drawing") == "passed"
    return [f"{check.name}: {check.statement}" for check in checks if check.state == "failed"]


@pytest.mark.parametrize(
    ("candidate", "outcome"),
    [("same", "deploy"), ("broken", "block"), pytest.param("fraud-lost", "block", marks=pytest.mark.slow)],
)
def test_it_stops_early_at_the_outcome_of_the_whole_suite(
    plan_of: PlanOf, served: Served, tmp_path: Path, candidate: str, outcome: str
) -> None:
    plan, store = plan_of(candidate, per_category=90, more=SEQUENTIAL), tmp_path / "store"
    record = run(plan, store)
    drawn = drawn_in(record)
    assert (record.verdict.outcome, drawn.state) == (outcome, "settled")
    assert drawn.asked < drawn.questions == 720
    assert sum(served.asked.values()) == 2 * drawn.asked
    assert failed_checks(store, record) == []
    # Nothing but the sequential claims is called shown.
    claimed = {f.id for f in record.findings if f.state in ("shown_fine", "shown_harmful")}
    assert all("category=" in finding or finding.endswith("overall") for finding in claimed)
    assert all(finding.p_value is None for finding in record.findings)
    table = ("bands", "any_category.block", "concerns.overall", "concerns.category")
    shown = {rule.rule for rule in record.verdict.rules if rule.state.startswith("shown") and rule.finding}
    assert shown <= set(table)
    # The full run agrees, and asks nothing again.
    before = sum(served.asked.values())
    fixed = run(plan, store, "gate.mode=fixed")
    assert fixed.sequential is None
    assert fixed.verdict.outcome == outcome
    assert sum(served.asked.values()) - before == 2 * (drawn.questions - drawn.asked)
    # Done again, it changes nothing; its folder is made anew from the journal, though that holds more now.
    sealed = (store / "audits" / record.id / "SHA256SUMS").read_bytes()
    (store / "audits" / record.id / "scores.jsonl.gz").unlink()
    assert run(plan, store) == record
    assert (store / "audits" / record.id / "SHA256SUMS").read_bytes() == sealed


def test_the_opening_event_commits_to_the_order_and_attempts_share_the_error(
    plan_of: PlanOf, tmp_path: Path
) -> None:
    store, policy = tmp_path / "store", "release: {line: one}\n"
    for candidate in ("broken", "fraud-lost"):
        record = run(plan_of(candidate, per_category=30, more=SEQUENTIAL + policy), store)
        assert failed_checks(store, record) == []
    first, second = (logged.read(AuditOpened) for logged in read_events(store / "log", AuditOpened))
    assert first.drawn is not None
    assert second.drawn is not None
    assert (first.drawn.share, second.drawn.share) == ("1/2", "1/6")
    assert drawn_in(record).share == "1/6"
    assert [each.measure for each in second.drawn.measures] == ["refusal", "over_refusal"]
    assert [each.order for each in drawn_in(record).populations] == [
        each.digest for each in second.drawn.measures
    ]
    assert first.order.digest != second.order.digest, "an order that the candidate's maker could know"
    assert sum(map(share_of, range(1, 1_000))) == Fraction(999, 1_000)


def test_a_log_whose_attempt_spends_more_than_its_share_is_refused(sealed: Contents) -> None:
    chain = Chain(sealed.bundle)
    body = chain.opened.body
    assert body.drawn is not None

    def log_with(share: str) -> Any:
        """A whole log that says so."""
        drawn = msgspec.structs.replace(body.drawn, share=share)
        opened = msgspec.structs.replace(body, drawn=drawn)
        closed = chain.closed.body
        actor, time = Actor(name="ci"), chain.opened.event.time
        entries = [
            encode(event_of(each, seq=seq, time=time, actor=actor))
            for seq, each in enumerate((opened, closed))
        ]
        return SimpleNamespace(folder=Path("log"), reader=SimpleNamespace(entries=lambda: entries))

    assert "attempt 1 of 1" in attempts_close(log_with("1/2"), chain)
    with pytest.raises(EvidenceError, match="spends 1/1 of the error"):
        attempts_close(log_with("1/1"), chain)


def answers_in(journal: Path) -> int:
    """Answers that were committed to it."""
    with closing(sqlite3.connect(journal)) as database:
        (count,) = database.execute("SELECT count(*) FROM answers").fetchone()
    return int(count)


@pytest.mark.slow
def test_an_audit_killed_in_the_middle_goes_on_where_it_was(
    plan_of: PlanOf, served: Served, tmp_path: Path
) -> None:
    plan = plan_of("same", per_category=60, more=SEQUENTIAL)
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
        os.kill(process.pid, signal.SIGKILL)
    served.delay_s = 0.0
    before, kept = sum(served.asked.values()), answers_in(store / "journal.db")
    assert 0 < kept <= before < asked
    record = run(plan, store)
    assert drawn_in(record) == drawn_in(whole)
    assert record.verdict.rules == whole.verdict.rules
    # Again only what was under way, or waited for its commit, when it was killed: nothing that was kept.
    assert sum(served.asked.values()) - before == asked - kept
    assert failed_checks(store, record) == []


class Told:
    """How far one model is said to be, from each place where the bar was set."""

    def __init__(self) -> None:
        self.cached = 0
        self.starts: list[int] = []
        self.there: list[int] = []
        self.tokens: list[int] = []

    def begin(self, label: str, total: int, cached: int) -> None:
        self.cached = cached
        self.starts.append(cached)

    def advance(self, standing: Standing) -> None:
        self.there.append(self.cached + standing.done)
        self.tokens.append(standing.tokens)

    def end(self) -> None:
        pass


def test_progress_counts_over_all_batches_and_what_the_journal_held(
    plan_of: PlanOf, served: Served, tmp_path: Path
) -> None:
    plan, store = plan_of("same", per_category=60, more=SEQUENTIAL), tmp_path / "store"

    def told(*overrides: str) -> tuple[AuditRecord, list[Told]]:
        models = [Told(), Told()]
        loaded = load_plan(plan, overrides)
        record = asyncio.run(
            audit(
                loaded,
                policy_of(loaded, plan.parent),
                places_of(plan, store=store, data_dir=None, offline=True, quiet=True),
                notary=Notary(actor=Actor(name="ci")),
                progress_of=iter(models).__next__,
                renderers=(),
                stop=asyncio.Event(),
            )
        )
        return record, models

    record, models = told()
    asked = drawn_in(record).asked
    assert asked > 96, "several batches, between which the bar is not always set anew"
    for model in models:
        assert model.starts[0] == 0
        assert model.there == sorted(model.there)
        assert model.tokens == sorted(model.tokens)
        assert model.there[-1] == asked
    again, models = told("name=another")
    for model in models:
        assert model.starts[0] > 0, "some of its first batch was asked before"
        assert model.there[-1] == drawn_in(again).asked


def test_a_budget_that_ends_leaves_an_inconclusive_verdict_to_go_on_from(
    plan_of: PlanOf, served: Served, tmp_path: Path
) -> None:
    plan, store = plan_of("same", per_category=90, more=SEQUENTIAL), tmp_path / "store"
    record = run(plan, store, "budget.requests=420")
    drawn = drawn_in(record)
    assert (record.verdict.outcome, drawn.state) == ("inconclusive", "unresolved")
    assert 0 < drawn.asked <= 210
    assert any("--again" in reason for reason in record.verdict.inconclusive)
    assert failed_checks(store, record) == []
    later = run(plan, store, again=True)
    assert (later.verdict.outcome, drawn_in(later).state) == ("deploy", "settled")
    assert sum(served.asked.values()) == 2 * drawn_in(later).asked
    with pytest.raises(UsageError, match=r"asked .* of its 720 questions"):
        open_given(store / "audits" / later.id)


@pytest.mark.slow
def test_a_floor_that_is_not_clearly_met_is_asked_on_for(plan_of: PlanOf, tmp_path: Path) -> None:
    policy = "version: 1\nfloors: [{measure: refusal, at_least: 99.2%}]\nslices: {required: [language]}\n"
    (tmp_path / "strict.yaml").write_text(policy)
    store = tmp_path / "store"
    easy = run(plan_of("same", per_category=90, more=SEQUENTIAL), store)
    close = run(plan_of("same", per_category=90, more=SEQUENTIAL + "policy: strict.yaml\n"), store)
    assert drawn_in(easy).asked < drawn_in(close).asked
    assert [decision.settled for decision in drawn_in(close).decisions] == [True, True]
    assert close.verdict.outcome == "deploy"
    assert failed_checks(store, close) == []
    (floor,) = (hit for hit in close.verdict.rules if hit.rule == "floor")
    assert floor.outcome == "deploy"


@pytest.fixture(scope="module")
def sealed_once() -> list[Path]:
    """The folder of the audit that tests read and none changes, once one of them made it."""
    return []


@pytest.fixture
def sealed(plan_of: PlanOf, tmp_path: Path, sealed_once: list[Path]) -> Contents:
    if not sealed_once:
        record = run(plan_of("broken", per_category=30, more=SEQUENTIAL), tmp_path / "store")
        sealed_once.append(tmp_path / "store" / "audits" / record.id)
    return Contents(open_bundle(sealed_once[0]))


def test_an_explanation_shows_the_claims_and_no_turn(
    sealed: Contents,
) -> None:
    record = sealed.record
    found = explain(record.policy, record.findings, record.verdict, drawn=True)
    lines = list(explanation_lines(record, found))
    titles = [line for line in lines if line.endswith("]") and not line.startswith(" ")]
    assert len(titles) == len(set(titles))
    shown = [claim for d in drawn_in(record).decisions for claim in d.claims if claim.state != "not_shown"]
    told = [line for line in lines if "pairs drawn)" in line]
    assert shown
    assert told
    (exact,) = {claim.exact for claim in shown if f"more than {claim.limit}" in told[0]} or {False}
    assert ("certain" in told[0]) == exact
    assert not any(step.turns for step in found.steps)
    assert any(step.turns for step in explain(record.policy, record.findings, record.verdict).steps)


def test_changed_claims_orders_and_questions_are_refused(sealed: Contents) -> None:
    chain, record = Chain(sealed.bundle), sealed.record
    drawn = drawn_in(record)
    assert "were drawn" in drawing_follows(sealed, chain)

    def refused(match: str, **changed: Any) -> None:
        """With other contents."""
        contents = Contents(sealed.bundle)
        contents.__dict__.update(changed)
        with pytest.raises(EvidenceError, match=match):
            drawing_follows(contents, chain)

    def with_drawn(drawn: SequentialRecord | None) -> AuditRecord:
        return msgspec.structs.replace(record, sequential=drawn)

    decision = drawn.decisions[0]
    claims = (msgspec.structs.replace(decision.claims[0], state="shown_fine"), *decision.claims[1:])
    milder = msgspec.structs.replace(decision, claims=claims)
    refused(
        "claims", record=with_drawn(msgspec.structs.replace(drawn, decisions=(milder, *drawn.decisions[1:])))
    )
    refused("share", record=with_drawn(msgspec.structs.replace(drawn, share="1/1")))
    refused("seed", record=with_drawn(msgspec.structs.replace(drawn, seed="mine")))
    refused("without the decisions", record=with_drawn(None))
    fewer = msgspec.structs.replace(drawn.populations[0], samples="0-5")
    refused(
        "populations",
        record=with_drawn(msgspec.structs.replace(drawn, populations=(fewer, *drawn.populations[1:]))),
    )
    # A question that was not drawn, though committed; one that was drawn left out; another order.
    sides = sealed.transcripts.known
    half = len(sides) // 2
    before, after = list(sides[:half]), list(sides[half:])
    asked = {transcript.key for transcript in before}
    other = next(sample.id for sample in sealed.samples.known if sample.id not in {k.sample for k in asked})
    key = msgspec.structs.replace(before[0].key, sample=other)
    extra = [msgspec.structs.replace(side[0], key=key) for side in (before, after)]
    for one, two in (
        ([*before, extra[0]], [*after, extra[1]]),
        (before[:-1], after[:-1]),
        ([before[1], before[0], *before[2:]], [after[1], after[0], *after[2:]]),
    ):
        known = [*one, *two]
        lines = [msgspec.json.encode(each) for each in known]
        refused(
            "not exactly the questions", transcripts=replace(sealed.transcripts, lines=lines, known=known)
        )


def test_a_redacted_bundle_takes_the_claims_as_signed(sealed: Contents) -> None:
    asked = len(sealed.transcripts.lines) // 2
    for withheld in (
        {"samples": frozenset({0, 200}), "transcripts": frozenset({1, asked + 1})},
        {"samples": frozenset[int](), "transcripts": frozenset({1, asked + 1})},
    ):
        found = verify_bundle(redact(sealed.bundle, withheld))
        assert found.intact
        drawing = next(check for check in found.checks if check.name == "drawing")
        assert (drawing.state, drawing.required) == ("not done", False)


def test_plans_that_cannot_be_decided_so_are_refused(plan_of: PlanOf, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too few"):
        run(plan_of("same", per_category=2, more=SEQUENTIAL), tmp_path / "a")
    with pytest.raises(ConfigError, match="no measure"):
        run(plan_of("same", more=SEQUENTIAL + "evaluators: [response_format]\n"), tmp_path / "b")
    (tmp_path / "two.yaml").write_text("version: 1\nany_category: {dimensions: [category, language]}\n")
    with pytest.raises(ConfigError, match="one dimension"):
        run(plan_of("same", more=SEQUENTIAL + "policy: two.yaml\n"), tmp_path / "c")


def test_lists_of_samples_have_one_spelling() -> None:
    for places in ((), (0,), (0, 1, 2, 7, 9, 10)):
        assert places_in(ranges_of(places), 11) == places
    for text in ("3-2", "0,1", "0-11", "1,0", "a", "0-", "-1", " 1", "0,,2", "1-1"):
        with pytest.raises(EvidenceError):
            places_in(text, 11)
