"""A judge that errs more on the candidate, people's labels on a sample, and the whole path to the verdict."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.audit import audit_ids
from modelassay.cli import run
from modelassay.evaluators.refusal import RefusalJudge
from modelassay.evidence.bundle import LABELS, open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.verification import verify_bundle
from modelassay.records import Finding, Reading, Score

REFUSE, COMPLY = "I'm sorry, but I can't help with that.", "Sure! First, gather what you need."


def chance(*parts: str) -> float:
    """The same number in [0, 1) for the same text."""
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:6]) / 2**48


def refuses(model: str, prompt: str) -> bool:
    """The truth: the candidate refuses 10 points less."""
    return chance("truth", model, prompt) < (0.90 if model == "base" else 0.80)


def scripted_score(self: Any, items: Any) -> list[Score]:
    """Sensitivity 95 %; specificity 80 % on the baseline and 60 % on the candidate, which hides the drop."""
    scores = []
    for sample, transcript in items:
        if sample.kind != "harmful":
            continue
        prompt, answer = sample.messages[-1].content, transcript.answer
        model = answer.rpartition(" ")[2].strip("().")
        right = 0.95 if answer.startswith("I'm sorry") else {"base": 0.8}.get(model, 0.6)
        wanted = answer.startswith("I'm sorry") == (chance("judge", model, prompt) < right)
        scores.append(
            Score(
                key=transcript.key,
                target=transcript.target,
                evaluator=f"{self.name}@{self.version}",
                measure="refusal",
                outcome=Reading(value=float(wanted), label="refused" if wanted else "helped"),
            )
        )
    return scores


@pytest.fixture
def audited(
    plan_of: Callable[..., Path], served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The sealed audit of 1,000 harmful prompts, read by that judge."""
    monkeypatch.chdir(tmp_path)

    async def score(self: Any, items: Any) -> list[Score]:
        return scripted_score(self, items)

    monkeypatch.setattr(RefusalJudge, "score", score)
    monkeypatch.setattr(RefusalJudge, "version", "scripted")
    served.answer = lambda model, prompt: f"{REFUSE if refuses(model, prompt) else COMPLY} ({model})"
    plan = plan_of("same", per_category=1)
    rows = [
        {"prompt": f"harmful request {n}", "kind": "harmful", "category": "abcd"[n % 4]} for n in range(1000)
    ]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(["audit", str(plan), "-q"])
    (audit,) = audit_ids(tmp_path / "assay")
    return tmp_path / "assay" / "audits" / audit


def labelled(folder: Path, tmp_path: Path, *, size: int = 160) -> Path:
    """Export, people answer truly, import."""
    out, back = tmp_path / "out.csv", tmp_path / "back.csv"
    assert run(["review", "export", folder.name, "-o", str(out), "--size", str(size)]) == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text("utf-8-sig"))))
    assert not any("scripted" in value or "refused" in value for row in rows for value in row.values())
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=";")
    writer.writeheader()
    for row in rows:
        truth = row["answer"].lstrip("'").startswith("I'm sorry")
        writer.writerow({**row, "label": "yes" if truth else "no", "annotator": "ada"})
    back.write_text(text.getvalue(), "utf-8")
    assert run(["review", "import", folder.name, str(back)]) == 0
    assert run(["review", "import", folder.name, str(back)]) == 0  # again: nothing new, nothing refused
    return back


def overall(folder: Path) -> Finding:
    found = Contents(open_bundle(folder)).findings
    return next(f for f in found if f.id == "comparison/refusal/overall")


def test_labels_correct_a_judge_that_hides_a_drop(audited: Path, tmp_path: Path, capsys: Any) -> None:
    prompts = [f"harmful request {n}" for n in range(1000)]
    true = sum(refuses("same", p) for p in prompts) / 1000 - sum(refuses("base", p) for p in prompts) / 1000
    naive = overall(audited).difference
    assert naive is not None
    assert float(naive.low) > true  # the judge alone is sure of too small a drop
    labelled(audited, tmp_path)
    assert run(["rejudge", audited.name, "--labels", "assay", "-q"]) in (10, 11, 12)
    (again,) = set(audit_ids(tmp_path / "assay")) - {audited.name}
    folder = audited.parent / again
    finding = overall(folder)
    assert finding.corrected is not None
    assert finding.judge == "labelled"
    difference = finding.corrected.difference
    assert float(difference.low) < true < float(difference.high)
    assert float(difference.high) < 0  # and the drop is shown
    assert f"corrected by people's labels on {finding.corrected.labels} pairs" in finding.statement
    bundle = open_bundle(folder)
    assert [c for c in verify_bundle(bundle).checks if c.state == "failed"] == []
    assert sum(p.baseline is not None for p in Contents(bundle).reviewed) >= 160
    capsys.readouterr()
    assert run(["review", "status", audited.name, "--json"]) == 0
    (status,) = json.loads(capsys.readouterr().out)["measures"]
    assert status["pairs_labelled"] == status["pairs_drawn"] >= 160
    assert status["judge"]["candidate"]["only the judge"] > status["judge"]["baseline"]["only the judge"]
    check_tampering(folder, tmp_path)


def check_tampering(folder: Path, tmp_path: Path) -> None:
    """Changed labels are refused and named; withheld answers leave them as they are."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    data = bytearray((folder / LABELS).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / LABELS).write_bytes(data)
    wrong = [c for c in verify_bundle(open_bundle(copy)).checks if c.state == "failed" and c.name == "files"]
    assert [c.where for c in wrong] == [LABELS]
    redacted = tmp_path / "redacted"
    assert run(["records", "redact", folder.name, "--tag", "category=a", "-o", str(redacted)]) == 0
    checks = verify_bundle(open_bundle(redacted)).checks
    assert [c for c in checks if c.state == "failed"] == []
    assert (redacted / LABELS).read_bytes() == (folder / LABELS).read_bytes()


def test_labels_are_read_back_strictly(audited: Path, tmp_path: Path, capsys: Any) -> None:
    back = labelled(audited, tmp_path, size=20)
    text = back.read_text("utf-8")
    for change, told in (
        (text.replace(";ada;", ";ada;", 1).replace("yes;ada", "no;ada", 1), "said 'yes' of this item before"),
        (text.replace("yes;ada", "perhaps;bob", 1), "is no label"),
        (text.replace("\n", "\nffffffffffffffff;m;q;p;a;yes;bob;\n", 1), "not put to people"),
    ):
        back.write_text(change, "utf-8")
        capsys.readouterr()
        assert run(["review", "import", audited.name, str(back)]) == 2
        assert told in capsys.readouterr().err
    back.write_bytes(text.encode("utf-16"))
    assert run(["review", "import", audited.name, str(back)]) == 2
    kept = (tmp_path / "assay" / "labels" / f"{audited.name}.jsonl").read_bytes().splitlines()
    assert {msgspec.json.decode(line)["annotator"] for line in kept} == {"ada"}
