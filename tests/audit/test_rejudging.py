"""Stored answers judged again: no model asked, the same bytes, a seal and a verdict of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from modelassay.audit import attacked, audit_ids, judging
from modelassay.cli import run
from modelassay.comparison import compare_with_coverage, red_team_of
from modelassay.errors import EvidenceError
from modelassay.evaluators.refusal import RefusalJudge
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.events import AuditOpened
from modelassay.evidence.ledger import read_events
from modelassay.evidence.questions import attacks_follow
from modelassay.evidence.verification import verify_bundle
from modelassay.gate import decide
from modelassay.records import RedTeamRecord
from modelassay.redteam import put_under

Plans = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "assay"


def newest(store: Path, before: set[str]) -> Path:
    (new,) = set(audit_ids(store)) - before
    return store / "audits" / new


def audited(plan: Path, store: Path) -> Path:
    before = set(audit_ids(store))
    run(["audit", str(plan), "-q"])
    return newest(store, before)


def rejudged(store: Path, *arguments: str) -> Path:
    before = set(audit_ids(store))
    assert run(["rejudge", *arguments, "-q"]) in (0, 10, 11, 12)
    return newest(store, before)


def test_answers_are_judged_again_without_asking(
    plan_of: Plans, served: Any, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = audited(plan_of("same", per_category=20), store)
    asked = served.asked.total()
    monkeypatch.setattr(RefusalJudge, "version", "99")
    second = rejudged(store, first.name)
    assert served.asked.total() == asked
    for name in ("samples.jsonl.gz", "transcripts.jsonl.gz"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert (first / "commitments.jsonl.gz").read_bytes() != (second / "commitments.jsonl.gz").read_bytes()
    contents = Contents(open_bundle(second))
    assert {score.evaluator for score in contents.scores} == {"refusal@99"}
    found = verify_bundle(contents.bundle)
    assert [check for check in found.checks if check.state == "failed"] == []
    opened = [logged.read(AuditOpened) for logged in read_events(store / "log", AuditOpened)]
    assert [body.attempt for body in opened] == [1, 1]
    assert opened[1].parent is not None
    assert opened[1].parent.audit == first.name
    assert contents.record.judged_again == opened[1].parent.sums
    before = sorted(path.read_bytes() for path in second.rglob("*") if path.is_file())
    assert run(["rejudge", first.name, "-q"]) == 10
    assert before == sorted(path.read_bytes() for path in second.rglob("*") if path.is_file())


def test_diff_compares_once_the_older_audit_is_judged_again(
    plan_of: Plans, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = audited(plan_of("same", per_category=40), store)
    monkeypatch.setattr(RefusalJudge, "version", "99")
    second = audited(plan_of("fraud-lost", per_category=40), store)
    assert run(["diff", first.name, second.name]) == 2
    assert f"rejudge {first.name}" in capsys.readouterr().err
    assert run(["diff", rejudged(store, first.name).name, second.name]) == 11


def test_what_reads_as_before_is_taken_over(
    plan_of: Plans, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = audited(plan_of("same", per_category=5), store)
    capsys.readouterr()
    assert run(["rejudge", first.name, "--use=refusal", "--use=response_format", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["evaluators"]
    assert [(each["taken_over"], each["to_judge"]) for each in told] == [(True, 0), (False, 80)]
    second = rejudged(store, first.name, "--use=refusal", "--use=response_format")
    old, new = (Contents(open_bundle(folder)).scores for folder in (first, second))
    assert [score for score in new if score.evaluator.startswith("refusal@")] == [
        score for score in old if score.evaluator.startswith("refusal@")
    ]


def test_damaged_or_withheld_answers_are_refused(
    plan_of: Plans, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = audited(plan_of("same", per_category=5), store)
    copy = tmp_path / "copy"
    shutil.copytree(first, copy)
    data = bytearray((copy / "samples.jsonl.gz").read_bytes())
    data[-1] ^= 1
    (copy / "samples.jsonl.gz").write_bytes(data)
    assert run(["rejudge", str(copy), "-q"]) == 13
    assert "samples.jsonl.gz" in capsys.readouterr().err
    redacted = tmp_path / "redacted"
    assert run(["records", "redact", first.name, "--tag", "category=fraud", "-o", str(redacted)]) == 0
    assert run(["rejudge", str(redacted), "-q"]) == 2
    assert "withheld" in capsys.readouterr().err


def as_earlier_versions_judged(patch: pytest.MonkeyPatch) -> None:
    """Attempts cut to the plan's forms, and every form judged by itself."""

    def forms_apart(*given: Any, **more: Any) -> RedTeamRecord | None:
        found = red_team_of(*given, **more)
        return found and replace(found, whole_attacks=False)

    patch.setattr(attacked, "put_under", partial(put_under, whole=False))
    patch.setattr(judging, "compare_with_coverage", partial(compare_with_coverage, whole_attacks=False))
    patch.setattr(judging, "red_team_of", forms_apart)
    patch.setattr(judging, "decide", partial(decide, by_measure=False))
    patch.setattr(judging, "__version__", "0.3.0")


def test_of_an_audit_whose_attempts_an_earlier_version_cut(
    plan_of: Plans, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers are those that were asked for; an audit that asks today cuts none."""
    more = "red_team: {forms: 2, attacks: [{use: best_of_n, settings: {attempts: 4}}]}\n"
    with monkeypatch.context() as earlier:
        as_earlier_versions_judged(earlier)
        first = audited(plan_of("same", per_category=3, more=more), store)
    second = rejudged(store, first.name)
    for folder, cut in ((first, ""), (second, ", attempts cut to the plan's forms as earlier versions did")):
        found = verify_bundle(open_bundle(folder))
        assert [check for check in found.checks if check.state == "failed"] == []
        (said,) = (check.statement for check in found.checks if check.name == "attacks")
        assert said == f"24 attacked samples: 24 are what their attacks make again{cut}"
    contents = Contents(open_bundle(second))
    assert contents.record.red_team is not None
    assert contents.record.red_team.whole_attacks
    vars(contents)["record"] = replace(contents.record, judged_again="")
    with pytest.raises(EvidenceError, match="was not asked"):
        attacks_follow(contents)
