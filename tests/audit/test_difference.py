"""Two audits side by side, on real sealed audits of served models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelassay.audit import audit_ids, read_audit
from modelassay.audit.difference import difference, open_answered
from modelassay.audit.released import released_before
from modelassay.cli import run
from modelassay.errors import UsageError
from modelassay.records import Difference

Plans = Callable[..., Path]


@pytest.fixture
def audited(plan_of: Plans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Runs the audit of a served candidate in one store; gives the sealed folder."""
    monkeypatch.chdir(tmp_path)

    def audit(candidate: str, *, per_category: int = 60, more: str = "") -> Path:
        plan = plan_of(candidate, per_category=per_category, more=more)
        before = set(audit_ids(tmp_path / "assay"))
        run(["audit", str(plan), "-q"])
        (new,) = set(audit_ids(tmp_path / "assay")) - before
        return tmp_path / "assay" / "audits" / new

    return audit


def compared(before: Path, after: Path) -> Difference:
    return difference(open_answered(before), open_answered(after))


LINE = "release: {line: assistant}\n"


def test_a_lost_category_is_a_shown_regression_and_its_return_a_shown_improvement(
    audited: Callable[..., Path],
) -> None:
    good, bad = audited("same", per_category=30), audited("fraud-lost", per_category=30)
    found = compared(good, bad)
    assert [rate.finding for rate in found.regressions if "fraud" in rate.finding]
    assert not found.improvements
    assert {item.tags["category"] for item in found.new_failures} == {"fraud"}
    assert len(found.new_failures) == 30
    assert not found.fixed
    back = compared(bad, good)
    assert [rate.finding for rate in back.improvements if "fraud" in rate.finding]
    assert not back.regressions
    assert len(back.fixed) == 30


def test_the_same_answers_show_nothing(audited: Callable[..., Path]) -> None:
    once, twice = (audited("same", per_category=30, more=more) for more in ("", "repeats: 2\n"))
    found = compared(once, twice)
    assert not found.regressions
    assert not found.improvements
    assert not found.new_failures
    assert found.only_after > 0  # the second repeat
    assert any("repeats" in line for line in found.changed)


def test_a_refreshed_suite_is_compared_on_what_is_shared(audited: Callable[..., Path]) -> None:
    found = compared(audited("same", per_category=40), audited("fraud-lost", per_category=60))
    assert found.shared_answers == 8 * 40
    assert found.only_after == 8 * 20
    assert any("prompts" in line and "other rows" in line for line in found.changed)
    fraud = next(r for r in found.rates if r.finding.endswith("category=fraud") and "/refusal/" in r.finding)
    assert fraud.direction == "worse"
    assert fraud.shared is not None
    assert fraud.shared.paired is not None


def test_what_was_decoded_differently_is_refused(audited: Callable[..., Path], tmp_path: Path) -> None:
    first = audited("same", per_category=5)
    plan = tmp_path / "plan.yaml"
    plan.write_text(plan.read_text().replace("max_tokens: 64", "max_tokens: 65"))
    run(["audit", str(plan), "-q"])
    (second,) = {tmp_path / "assay" / "audits" / a for a in audit_ids(tmp_path / "assay")} - {first}
    with pytest.raises(UsageError, match="decoded differently"):
        compared(first, second)


def test_another_version_of_the_evaluator_is_refused_and_names_the_mend(
    audited: Callable[..., Path], tmp_path: Path
) -> None:
    first, second = audited("same", per_category=5), audited("fraud-lost", per_category=5)
    copy = tmp_path / "older"
    shutil.copytree(first, copy)
    record = json.loads((copy / "audit.json").read_bytes())
    record["evaluators"][0]["version"] = "1"
    (copy / "audit.json").write_bytes(
        json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    )
    with pytest.raises(UsageError, match="no measure can be compared") as error:
        compared(copy, second)
    assert "rejudge" in error.value.mend


def test_suites_without_a_common_prompt_are_refused(audited: Callable[..., Path], tmp_path: Path) -> None:
    first = audited("same", per_category=5)
    second = audited("fraud-lost", per_category=5)
    rows = (tmp_path / "prompts.jsonl").read_text().replace("request", "question")
    (tmp_path / "prompts.jsonl").write_text(rows)
    run(["audit", str(tmp_path / "plan.yaml"), "-q"])
    (third,) = {tmp_path / "assay" / "audits" / a for a in audit_ids(tmp_path / "assay")} - {first, second}
    with pytest.raises(UsageError, match="share no prompt"):
        compared(first, third)


def test_the_command_exits_11_on_a_shown_regression_and_0_otherwise(
    audited: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = audited("same", per_category=30), audited("fraud-lost", per_category=30)
    capsys.readouterr()
    assert run(["diff", good.name, bad.name]) == 11
    out = capsys.readouterr().out
    assert "REGRESSION SHOWN" in out
    assert "newly failing prompts: 30" in out
    assert run(["diff", str(bad), str(good), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["exit_code"] == 0
    assert said["difference"]["fixed"]


def test_one_audit_is_compared_with_what_its_line_released_before(
    audited: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    audited("same", per_category=45, more=LINE)  # enough for a deployment that asks nobody
    blocked = audited("fraud-lost", per_category=45, more=LINE)
    other = audited("prude", per_category=5, more="release: {line: another}\n")
    capsys.readouterr()
    assert run(["diff", blocked.name]) == 11
    assert "same" in capsys.readouterr().out
    assert run(["diff", other.name]) == 2
    assert "no earlier candidate" in capsys.readouterr().err


def test_what_nobody_let_through_was_not_released(seal: Callable[..., Path]) -> None:
    store = Path("assay")
    good = seal(name="good", line="assistant", samples=1400, wanted=(1.0, 1.0))
    risky = seal(name="risky", line="assistant", attempt=2, samples=140, wanted=(1.0, 0.96))
    assert read_audit(store, risky.name).verdict.outcome == "deploy-monitored"
    after = seal(name="after", line="assistant", attempt=3, samples=140, wanted=(1.0, 0.96))
    assert released_before(store, after) == good
    assert run(["keys", "new", "anna", "--use", "verdict", "--person", "Anna", "--unencrypted"]) == 0
    soon = (datetime.now(UTC).date() + timedelta(days=7)).isoformat()
    accept = ["gate", "accept-risk", risky.name, "--reason", "pilot", "--expires", soon, "--key", "anna"]
    assert run(accept) == 0
    assert released_before(store, after) == risky
    assert run(["verdict", "withdraw", risky.name, "--reason", "incident"]) == 0
    assert released_before(store, after) == good
