"""``modelassay import`` from files to a sealed, signed, verified and marked audit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelassay.audit import audit_ids
from modelassay.audit.seal import read_record
from modelassay.canonical import digest_bytes
from modelassay.cli import run
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.deployed import Deployed, require_same
from modelassay.evidence.events import AuditClosed, AuditOpened
from modelassay.evidence.ledger import read_events
from modelassay.evidence.statements import read_verdict_statement
from modelassay.evidence.verification import verify_bundle
from modelassay.exports.inspect import inspect_log
from modelassay.exports.sealed import SealedAudit
from modelassay.log.dsse import read_envelope
from modelassay.records import Artifact, AuditRecord, PairedCounts

REFUSE = "I'm sorry, but I can't help with that."
COMPLY = "Sure! Here is how to do it. First, you gather what you need. Then you follow the plan step by step."
Imported = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "assay"


@pytest.fixture
def imported(store: Path) -> Imported:
    """The sealed folder that one import made."""

    def do(*arguments: str | Path, codes: tuple[int, ...] = (0, 10, 11, 12)) -> Path:
        before = set(audit_ids(store))
        assert run(["import", *map(str, arguments), "-q"]) in codes
        (new,) = set(audit_ids(store)) - before
        return store / "audits" / new

    return do


def counts(record: AuditRecord, measure: str) -> PairedCounts:
    found = next(
        f for f in record.findings if f.check == "comparison" and f.measure.name == measure and not f.slice
    )
    assert isinstance(found.paired, PairedCounts)
    return found.paired


def held(folder: Path, *, expired: bool = False) -> AuditRecord:
    found = verify_bundle(open_bundle(folder))
    failed = [check.name for check in found.checks if check.state == "failed"]
    assert failed == (["validity"] if expired else [])
    return read_record(folder)


def pair_of(make: Any, folder: Path, *, lost: int, n: int = 60) -> tuple[Path, Path]:
    base = make.write_lm_eval(folder / "base", [("right", 1.0)] * n)
    rows = [("wrong" if i < lost else "right", float(i >= lost)) for i in range(n)]
    tuned = make.write_lm_eval(folder / "tuned", rows, model="acme/tuned")
    return base, tuned


def test_a_lost_skill_is_blocked_and_marked_as_imported(
    make: Any, store: Path, imported: Imported, capsys: pytest.CaptureFixture[str]
) -> None:
    base, tuned = pair_of(make, store.parent, lost=40)
    folder = imported("--baseline", base, "--candidate", tuned, codes=(11,))
    record = held(folder)
    paired = counts(record, "exact_match")
    assert (paired.n11, paired.n10, paired.n01, paired.n00) == (20, 40, 0, 0)
    assert {f.assurance for f in record.findings if f.check != "lineage"} >= {"T1"}
    assert all(f.assurance == "T1" for f in record.findings if f.check == "comparison")
    assert [run.side for run in record.imported] == ["baseline", "baseline", "candidate", "candidate"]
    assert record.answered == f"{make.yesterday}T03:04:05Z"
    for events, kind in ((AuditOpened, "opened"), (AuditClosed, "closed")):
        (event,) = read_events(store / "log", events)
        files = {ref.digest for ref in event.read(events).imported}
        assert files == {run.digest for run in record.imported}, kind
    capsys.readouterr()
    run(["show", record.id])
    shown = capsys.readouterr().out
    assert "imported from lm-eval, assurance T1" in shown
    run(["show", record.id, "--json"])
    assert json.loads(capsys.readouterr().out)["imported"] == "imported from lm-eval, assurance T1"
    run(["list"])
    assert "(imported)" in capsys.readouterr().out
    page = (folder / "report.html").read_text()
    assert "imported from lm-eval, assurance T1" in page
    assert record.imported[0].digest in page


def test_every_form_of_the_report_says_imported(
    make: Any, store: Path, imported: Imported, capsys: pytest.CaptureFixture[str]
) -> None:
    base, tuned = pair_of(make, store.parent, lost=9)
    folder = imported("--baseline", base, "--candidate", tuned)
    mark = "imported from lm-eval, assurance T1"
    for suffix in ("html", "md", "xml"):
        assert run(["report", folder.name, "-o", f"r.{suffix}"]) == 0
        assert mark in (store.parent / f"r.{suffix}").read_text()
    for form in ("cyclonedx", "sarif", "model-card", "eval-results", "inspect", "annex-iv"):
        assert run(["export", folder.name, "--format", form, "-o", f"x.{form}"]) == 0
        written = (store.parent / f"x.{form}").read_text()
        assert mark in written or "Imported: lm-eval" in written, form
    capsys.readouterr()


def test_importing_again_changes_nothing(make: Any, store: Path, imported: Imported) -> None:
    base, tuned = pair_of(make, store.parent, lost=0)
    folder = imported("--baseline", base, "--candidate", tuned)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert run(["import", "--baseline", str(base), "--candidate", str(tuned), "-q"]) in (0, 10, 12)
    assert audit_ids(store) == [folder.name]
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(list(read_events(store / "log", AuditOpened))) == 1


def test_the_signed_verdict_claims_less_and_admits_no_weights(
    make: Any, store: Path, imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELASSAY_KEYS", str(store.parent / "keys"))
    assert run(["keys", "new", "--unencrypted"]) == 0
    base, tuned = pair_of(make, store.parent, lost=0)
    folder = imported("--baseline", base, "--candidate", tuned, "--policy", "suite-only")
    envelope = read_envelope((folder / "verdict.dsse.json").read_bytes())
    statement = read_verdict_statement(envelope.payload)
    assert statement.predicate.facts.origin == "imported"
    levels = set(statement.predicate.verified_levels)
    assert not levels & {"MODELASSAY_BASELINE_COMPARED", "MODELASSAY_WEIGHTS_IDENTIFIED"}
    assert statement.predicate.verification_result == "PASSED"
    assert "MODELASSAY_IMPORTED_RESULTS_COMPARED" in levels
    model = Artifact(kind="model", name="m", digest=digest_bytes(b"weights"), files={"w": "0" * 64})
    with pytest.raises(EvidenceError, match="results of another tool"):
        require_same(Deployed(artifacts=(model,)), statement)
    held(folder)


def test_answers_are_judged_here_instead(make: Any, write: Any, imported: Imported) -> None:
    def rows(refused: int) -> list[tuple[str, int]]:
        return [(REFUSE if i < refused else COMPLY, 0) for i in range(40)]

    base = write("base.json", make.harmbench_results(rows(40)))
    tuned = write("tuned.json", make.harmbench_results(rows(5)))
    record = held(imported("--baseline", base, "--candidate", tuned, "--judge-again", "refusal", codes=(11,)))
    assert [pin.name for pin in record.evaluators] == ["refusal"]
    paired = counts(record, "refusal")
    assert (paired.n11, paired.n10) == (5, 35)
    assert all(f.assurance == "T1" for f in record.findings if f.check == "comparison")
    labels = held(imported("--baseline", base, "--candidate", tuned))
    assert labels.evaluators[0].uncalibrated == ("label",)
    assert all(
        f.state not in ("shown_fine", "shown_harmful") for f in labels.findings if f.check == "comparison"
    )


def test_judging_an_import_again_keeps_its_tier(
    make: Any, write: Any, imported: Imported, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(REFUSE, 0)] * 30
    first = imported(
        "--baseline", write("base.json", make.harmbench_results(rows)),
        "--candidate", write("tuned.json", make.harmbench_results([*rows[:-1], (COMPLY, 1)])),
    )  # fmt: skip
    assert run(["rejudge", first.name, "-q"]) == 2
    assert "scorer of another tool" in capsys.readouterr().err
    assert run(["rejudge", first.name, "--use", "refusal", "-q"]) in (0, 10, 11, 12)
    (second,) = set(audit_ids(store)) - {first.name}
    record = held(store / "audits" / second)
    assert record.imported
    assert {f.assurance for f in record.findings if f.check == "comparison"} == {"T1"}


def test_a_forged_tier_or_origin_does_not_verify(make: Any, store: Path, imported: Imported) -> None:
    base, tuned = pair_of(make, store.parent, lost=0)
    folder = imported("--baseline", base, "--candidate", tuned)
    sound = {c.name for c in verify_bundle(open_bundle(folder)).checks if c.state == "failed"}
    for name in ("audit.json", "findings.json"):
        path = folder / name
        path.write_text(path.read_text().replace('"assurance":"T1"', '"assurance":"T2"'))
    failed = {c.name for c in verify_bundle(open_bundle(folder)).checks if c.state == "failed"} - sound
    assert {"files", "findings"} <= failed


def test_what_one_run_lacks_counts_as_unscored(make: Any, store: Path, imported: Imported) -> None:
    base = make.write_lm_eval(store.parent / "a", [("x", 1.0)] * 50)
    short = make.write_lm_eval(store.parent / "b", [("x", 1.0)] * 40, model="acme/tuned")
    record = held(imported("--baseline", base, "--candidate", short, codes=(12, 10)))
    paired = counts(record, "exact_match")
    assert (paired.n11, paired.n1u) == (40, 10)
    coverage = next(c for c in record.coverage if c.side == "candidate")
    assert coverage.unscored == {"not in this run": 10}
    assert record.verdict.outcome != "deploy"
    assert any("Only the baseline" in note for note in record.notes)


def test_an_exported_audit_comes_back_with_the_same_counts(
    make: Any, write: Any, imported: Imported, store: Path
) -> None:
    """Export both sides as Inspect logs, import them: the same pairs, the same counts, also of unscored."""
    rows = [
        {"id": n, "prompt": f"question {n}", "answer": COMPLY if n % 3 else REFUSE, "score": n % 2}
        for n in range(45)
    ]
    later = [dict(row, score=0 if row["id"] < 9 else row["score"]) for row in rows]
    later[44]["score"] = None
    first = imported(
        "--baseline", write("a.jsonl", "\n".join(map(json.dumps, rows))),
        "--candidate", write("b.jsonl", "\n".join(map(json.dumps, later))), "--judge-again", "refusal",
        "--measure", "score", "--kind", "harmful",
    )  # fmt: skip
    record = held(first)
    sealed = SealedAudit(record, open_bundle(first))
    sides = [write(f"{side}.json", b"".join(inspect_log(sealed, side))) for side in ("baseline", "candidate")]
    second = held(imported("--baseline", sides[0], "--candidate", sides[1]))
    for measure in ("score", "refusal"):
        assert counts(second, measure) == counts(record, measure)
    assert [s.id for s in Contents(open_bundle(first)).samples.known] == [
        s.id for s in Contents(open_bundle(store / "audits" / second.id)).samples.known
    ]


def test_the_verdict_s_time_runs_from_the_answers(make: Any, store: Path, imported: Imported) -> None:
    base = make.write_lm_eval(store.parent / "a", [("x", 1.0)] * 100, day="2026-01-02")
    tuned = make.write_lm_eval(store.parent / "b", [("x", 1.0)] * 100, model="acme/tuned")
    record = held(imported("--baseline", base, "--candidate", tuned, codes=(14,)), expired=True)
    assert record.answered == "2026-01-02T03:04:05Z"
    assert record.verdict.expires < record.closed[:10]


def test_a_time_to_come_is_not_believed(make: Any, store: Path, imported: Imported) -> None:
    base = make.write_lm_eval(store.parent / "a", [("x", 1.0)] * 30, day="2190-01-02")
    tuned = make.write_lm_eval(store.parent / "b", [("x", 1.0)] * 30, day="2190-01-03", model="acme/tuned")
    record = held(imported("--baseline", base, "--candidate", tuned))
    assert record.answered == ""
    assert sum("in the future" in note for note in record.notes) == 2


def test_a_dry_run_logs_nothing(make: Any, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, tuned = pair_of(make, store.parent, lost=3)
    line = ["import", "--baseline", str(base), "--candidate", str(tuned), "--dry-run"]
    assert run([*line, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["samples"], told["pairs"], told["exact"]) == (60, {"exact_match": 60}, ["exact_match"])
    assert run(line) == 0
    assert "assurance tier T1" in capsys.readouterr().out
    assert not store.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--range", "1"], "no two sides"),
        (["--range", "9:1"], "is no scale"),
        (["--column", "prompt"], "no two sides"),
        (["--measure", "bleu"], "unknown measure 'bleu'"),
        (["--judge-again", "refusl"], "did you mean 'refusal'"),
        (["--format", "xlsx"], "unknown format"),
        (["--policy", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    make: Any, store: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    base, tuned = pair_of(make, store.parent, lost=0, n=3)
    assert run(["import", "--baseline", str(base), "--candidate", str(tuned), "-q", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert audit_ids(store) == []
