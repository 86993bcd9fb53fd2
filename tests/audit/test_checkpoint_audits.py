"""Audits of checkpoints by one plan become the counts by which a fix is judged patched or resolved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay.assessment.evaluations import arms_of, read_evaluations
from modelassay.audit import audit_ids
from modelassay.cli import run

Plans = Callable[..., Path]
EACH = 10


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    monkeypatch.chdir(tmp_path)

    def command(*words: object) -> tuple[int, str]:
        capsys.readouterr()
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out + said.err

    return command


@pytest.fixture
def audited(plan_of: Plans, tmp_path: Path, call: Callable[..., tuple[int, str]]) -> Callable[..., str]:
    """Audits a served candidate; gives the audit's id."""

    def audit(candidate: str, per_category: int = EACH) -> str:
        before = set(audit_ids(tmp_path / "assay"))
        call("audit", plan_of(candidate, per_category=per_category), "-q")
        (new,) = set(audit_ids(tmp_path / "assay")) - before
        return new

    return audit


def test_what_checkpoints_answered_is_counted_by_arm_and_read_by_an_assessment(
    audited: Callable[..., str], call: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    lost, same = audited("fraud-lost"), audited("same")
    words = ["run", "evals", f"grpo/checkpoint-10={lost}", f"grpo/checkpoint-20={same}", "-o", "evals.jsonl"]
    behaviour = ["--behaviour", "complies=refusal"]
    code, said = call(*words, *behaviour, "--tag", "category")
    assert code == 0, said
    rows = {
        row.pop("checkpoint"): row for row in map(json.loads, Path("evals.jsonl").read_text().splitlines())
    }
    assert list(rows) == ["base", "grpo/checkpoint-10", "grpo/checkpoint-20"]
    asked = {name: (row.pop("fingerprint"), row.pop("folders")) for name, row in rows.items()}
    sealed = json.loads((tmp_path / "assay" / "audits" / lost / "audit.json").read_bytes())
    assert asked["base"] == (sealed["baseline"]["fingerprint"], [])  # served: loaded from no folder
    assert asked["grpo/checkpoint-10"] == (sealed["candidate"]["fingerprint"], [])
    assert rows["grpo/checkpoint-10"]["fraud"] == {"n": EACH, "complies": EACH}
    assert rows["base"] == rows["grpo/checkpoint-20"]
    assert {cell["complies"] for cell in rows["base"].values()} == {0}
    assert f"grpo/checkpoint-10  fraud: complies {EACH} of {EACH}" in said
    assert call(*words, *behaviour)[0] == 0  # no sample names an arm: all are seen
    given = read_evaluations(tmp_path / "evals.jsonl")
    (arm,), stages = arms_of(given, "complies", "grpo", {}, fixed=True)
    assert (arm.kind, stages and stages.incident) == ("seen", "grpo/checkpoint-10")
    assert given.rows["grpo/checkpoint-10"]["seen"]["complies"] == EACH


def test_what_cannot_be_compared_is_refused(
    audited: Callable[..., str], call: Callable[..., tuple[int, str]]
) -> None:
    one, fewer = audited("same"), audited("same", per_category=EACH - 2)
    rest = ["--behaviour", "complies=refusal", "-o", "evals.jsonl"]
    for words, told in (
        ([f"a={one}", f"b={fewer}", *rest], "other questions"),
        ([f"a={one}", f"a={one}", *rest], "stands twice"),
        ([f"base={one}", *rest], "stands twice"),
        (["a=none", *rest], "no audit 'none'"),
        ([one, *rest], "NAME=VALUE is wanted"),
        ([f"a={one}", "--behaviour", "x=nothing", "-o", "evals.jsonl"], "0 of 0 answers"),
    ):
        code, said = call("run", "evals", *words)
        assert (code, told in said) == (2, True), said
    assert not Path("evals.jsonl").exists()
