"""The audit end to end: a real server, the real command line, the sealed folder."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelassay.cli.audit_command import run_plan
from modelassay.cli.options import places_of
from modelassay.evidence.notary import Notary
from modelassay.records import Actor

PlanOf = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]
Audited = Callable[..., tuple[int, dict[str, Any]]]
COMMAND = [sys.executable, "-m", "modelassay"]


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MODELASSAY")}
    environment["MODELASSAY_KEYS"] = str(folder / "keys")
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_alone(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process of its own: another exit, another order of sets."""
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture
def run(tmp_path: Path, command_line: Callable[..., Any]) -> Run:
    """Exit code, stdout and stderr of a command line in the test's folder."""

    def ended(*arguments: str) -> tuple[int, str, str]:
        keys = {"MODELASSAY_KEYS": str(tmp_path / "keys")}
        code, out, err = command_line(tmp_path, *arguments, environment=keys)
        return code, out.decode(), err.decode()

    return ended


@pytest.fixture
def audited(run: Run) -> Audited:
    """Exit code and JSON summary of the audit of a plan in the test's folder."""

    def ended(plan: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
        code, out, err = run("audit", plan.name, "--json", "-q", *arguments)
        assert out, err
        return code, json.loads(out)

    return ended


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a store but the journal and its lock."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.parent != folder
    }


def transcripts_in(folder: Path) -> list[dict[str, Any]]:
    with gzip.open(folder / "transcripts.jsonl.gz") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize(
    ("candidate", "code", "outcome"),
    [("same", 0, "deploy"), ("fraud-lost", 11, "block"), ("broken", 11, "block"), ("prude", 11, "block")],
)
def test_the_exit_code_is_the_verdict(
    plan_of: PlanOf, run: Run, candidate: str, code: int, outcome: str
) -> None:
    found, out, err = run("audit", plan_of(candidate).name, "--json", "-q")
    assert out, err
    told = json.loads(out)
    assert (found, told["outcome"]) == (code, outcome), told
    assert told["exit_code"] == code
    findings = {hit["finding"] for hit in told["decided_by"]}
    if candidate == "fraud-lost":
        assert "fraud" in told["headline"]
        assert "comparison/refusal/category=fraud" in findings
    if candidate == "prude":
        assert "over-refusal" in told["headline"].lower()


def test_the_sealed_folder_checks_with_coreutils_and_reseals_to_the_same_bytes(
    tmp_path: Path, plan_of: PlanOf, served: Any, audited: Audited
) -> None:
    plan = plan_of("fraud-lost")
    _, told = audited(plan)
    folder = tmp_path / told["folder"]
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, check=True, capture_output=True)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    sealed = {line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert sealed == {
        "audit.json", "commitments.jsonl.gz", "examples.json", "findings.json", "plan.json", "policy.json",
        "report.html", "samples.jsonl.gz", "scores.jsonl.gz", "transcripts.jsonl.gz", "verdict.json",
    }  # fmt: skip
    assert names - sealed == {"SHA256SUMS", "log/opened.json", "log/closed.json"}
    for name in ("verdict.json", "findings.json", "audit.json", "examples.json"):
        json.loads((folder / name).read_text(), parse_float=pytest.fail)
    before = digests(tmp_path / "assay")
    asked = sum(served.asked.values())
    time.sleep(1.1)
    _, again, _ = run_alone(tmp_path, "audit", plan.name, "--json", "-q")
    assert json.loads(again)["folder"] == told["folder"]
    assert sum(served.asked.values()) == asked
    assert digests(tmp_path / "assay") == before


def test_baseline_answers_are_reused(plan_of: PlanOf, served: Any, audited: Audited) -> None:
    audited(plan_of("same"))
    audited(plan_of("broken"))
    assert max(count for (model, _), count in served.asked.items() if model == "base") == 1


def test_list_show_and_report(tmp_path: Path, plan_of: PlanOf, audited: Audited, run: Run) -> None:
    _, told = audited(plan_of("fraud-lost"), "-o", "more/ci.xml", "-o", "more/pr.md")
    assert (tmp_path / "more" / "ci.xml").read_text().startswith("<?xml")
    assert "Blocked" in (tmp_path / "more" / "pr.md").read_text()
    _, out, _ = run("list", "--json")
    assert [row["outcome"] for row in json.loads(out)["audits"]] == ["block"]
    code, out, _ = run("show", told["audit"][:8])
    assert code == 0
    assert "BLOCKED" in out
    assert "fraud" in out
    code, out, _ = run_alone(tmp_path, "report", told["audit"], "-o", "again.html")
    assert code == 0
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / told["report"]).read_bytes()


@pytest.mark.parametrize(("finish", "told"), [("length", True), ("stop", False)])
def test_answers_that_were_cut_off_are_told(
    plan_of: PlanOf, served: Any, finish: str, told: bool, run: Run
) -> None:
    served.finish = finish
    _, out, _ = run("audit", plan_of("same", per_category=2).name, "-q")
    for side in ("baseline", "candidate"):
        assert (f"16 of 16 answers of the {side} were cut off at 64 tokens" in out) is told


def test_a_damaged_seal_is_listed_and_made_anew(
    tmp_path: Path, plan_of: PlanOf, served: Any, audited: Audited, run: Run
) -> None:
    plan = plan_of("same", per_category=10)
    _, told = audited(plan)
    record = tmp_path / told["folder"] / "audit.json"
    before = record.read_bytes()
    record.write_bytes(before[:100])
    code, out, _ = run("list")
    assert code == 0
    assert "damaged" in out
    code, _, err = run("show", told["audit"])
    assert code == 1
    assert "run its plan again" in err
    asked = served.asked.total()
    audited(plan)
    assert served.asked.total() == asked
    assert json.loads(record.read_bytes())["id"] == told["audit"]
    assert "damaged" not in run("list")[1]


def test_a_damaged_log_is_said_in_one_line(
    tmp_path: Path, plan_of: PlanOf, served: Any, audited: Audited, run: Run
) -> None:
    plan = plan_of("same", per_category=2)
    audited(plan)
    entries = next((tmp_path / "assay" / "log" / "tile" / "entries").rglob("*.p/*"))
    entries.write_bytes(entries.read_bytes().replace(b"audit.opened", b"audit.closed"))
    for command in (("list",), ("audit", plan.name)):
        code, _, err = run(*command)
        assert code == 13
        assert "was changed" in err
        assert "Traceback" not in err


def test_an_ambiguous_start_of_an_id_names_the_audits(plan_of: PlanOf, audited: Audited, run: Run) -> None:
    audited(plan_of("same", per_category=2))
    audited(plan_of("same", per_category=3))
    code, _, err = run("show", "same-")
    assert code == 2
    assert "2 audits start with 'same-'" in err


@pytest.mark.parametrize("how", ["option", "plan"])
@pytest.mark.parametrize(
    ("report", "what"),
    [
        ("report.docx", "unknown report format"),
        ("folder.html", "is a folder"),
        ("prompts.jsonl/report.html", "folder cannot be made"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_asking(
    tmp_path: Path, plan_of: PlanOf, served: Any, how: str, report: str, what: str, run: Run
) -> None:
    (tmp_path / "folder.html").mkdir()
    plan = plan_of("same")
    chosen = ("-o", report) if how == "option" else ("--set", f"output.reports=[{report}]")
    code, _, err = run("audit", plan.name, *chosen)
    assert code == 2
    assert what in err
    assert "Traceback" not in err
    assert not served.asked


@pytest.mark.parametrize("form", [pytest.param((), marks=pytest.mark.slow), ("--json",)])
def test_a_reader_that_leaves_early_does_not_change_the_verdict(
    tmp_path: Path, plan_of: PlanOf, form: tuple[str, ...]
) -> None:
    process = start(tmp_path, "audit", plan_of("fraud-lost").name, "-q", *form)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(120) == 11
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_a_summary_says_why_answers_have_no_score(
    plan_of: PlanOf, served: Any, audited: Audited, run: Run
) -> None:
    served.answer = lambda model, prompt: "" if model == "same" else "I'm sorry, but I can't help with that."
    plan = plan_of("same", per_category=10)
    _, out, _ = run("audit", plan.name, "-q")
    assert "candidate, refusal: 40 of 40 (empty answer 40)" in out
    _, told = audited(plan)
    assert {
        "side": "candidate",
        "measure": "refusal",
        "planned": 40,
        "reasons": {"empty answer": 40},
    } in told["unscored"]


@pytest.mark.parametrize(("times", "per_category"), [(2, 60), pytest.param(8, 200, marks=pytest.mark.slow)])
def test_killed_again_and_again_it_ends_with_the_same_transcripts(
    tmp_path: Path, plan_of: PlanOf, served: Any, times: int, per_category: int, audited: Audited, run: Run
) -> None:
    plan = plan_of("fraud-lost", per_category=per_category)
    served.delay_s = 0.02
    rng = random.Random(7)
    for _ in range(times):
        process = start(tmp_path, "audit", plan.name, "-q")
        enough = sum(served.asked.values()) + rng.randrange(1, 2 * per_category)
        while sum(served.asked.values()) < enough:
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    _, out, _ = run("list", "--json")
    assert len(json.loads(out)["open"]) == 1
    code, told = audited(plan)
    assert code == 11
    killed = transcripts_in(tmp_path / told["folder"])
    keys = [(t["target"], t["key"]["sample"], t["key"].get("epoch", 0)) for t in killed]
    assert len(keys) == len(set(keys)) == 2 * 2 * 4 * per_category
    # What was in flight or not yet committed when it was killed is asked again, and nothing else.
    repeated = sum(count - 1 for count in served.asked.values())
    assert repeated <= times * 2 * (64 + 512)
    (tmp_path / "assay").rename(tmp_path / "killed")
    served.delay_s = 0
    _, told = audited(plan)
    assert transcripts_in(tmp_path / told["folder"]) == killed


def test_ctrl_c_says_how_to_resume(tmp_path: Path, plan_of: PlanOf, served: Any, audited: Audited) -> None:
    plan = plan_of("same", per_category=150)
    served.delay_s = 0.05
    process = start(tmp_path, "audit", plan.name)
    while not sum(served.asked.values()):
        time.sleep(0.05)
        assert process.poll() is None
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "again" in err or "continue" in err
    served.delay_s = 0
    code, _ = audited(plan)
    assert code == 0


def test_a_budget_stops_cleanly_and_resumes(plan_of: PlanOf, served: Any, run: Run) -> None:
    plan = plan_of("same", more="budget: {requests: 300}\n")
    codes = []
    for _ in range(6):
        code, _, err = run("audit", plan.name, "-q")
        codes.append(code)
        if code == 0:
            break
        assert code == 12
        assert "300" in err
    assert codes[-1] == 0
    assert max(served.asked.values()) == 1


def test_failed_requests_are_counted_and_never_a_pass(
    tmp_path: Path, plan_of: PlanOf, served: Any, audited: Audited
) -> None:
    served.status = lambda model, prompt: 400 if model == "same" and prompt.endswith("7") else 200
    code, told = audited(plan_of("same"))
    assert code == 12
    assert told["outcome"] == "inconclusive"
    record = json.loads((tmp_path / told["folder"] / "audit.json").read_text())
    unscored = [c for c in record["coverage"] if c["side"] == "candidate" and c["measure"] == "refusal"]
    assert sum(unscored[0]["unscored"].values()) == 24


def test_a_dead_endpoint_is_said_in_one_line(plan_of: PlanOf, served: Any, run: Run) -> None:
    plan = plan_of("same")
    plan.write_text(plan.read_text().replace(f"same@{served.url}", "same@http://127.0.0.1:1/v1"))
    code, _, err = run("audit", plan.name, "-q")
    assert code == 1
    assert "127.0.0.1:1" in err
    assert "Traceback" not in err


def test_a_wrong_key_names_the_variable(plan_of: PlanOf, served: Any, run: Run) -> None:
    served.status = lambda model, prompt: 401
    code, _, err = run("audit", plan_of("same").name, "-q")
    assert code == 1
    assert "OPENAI_API_KEY" in err


def test_the_same_model_twice_is_refused(plan_of: PlanOf, run: Run) -> None:
    code, _, err = run("audit", plan_of("base").name, "-q")
    assert code == 2
    assert "same model" in err


def test_two_processes_on_one_store(tmp_path: Path, plan_of: PlanOf, served: Any, run: Run) -> None:
    plan = plan_of("same", per_category=150)
    served.delay_s = 0.5
    first = start(tmp_path, "audit", plan.name, "-q")
    while not sum(served.asked.values()):
        time.sleep(0.05)
        assert first.poll() is None
    code, _, err = run("audit", plan.name, "-q")
    assert code == 1
    assert str(first.pid) in err
    first.kill()
    first.communicate()


def test_a_changed_byte_stops_the_audit(tmp_path: Path, plan_of: PlanOf, audited: Audited, run: Run) -> None:
    plan = plan_of("same")
    _, told = audited(plan)
    record = json.loads((tmp_path / told["folder"] / "audit.json").read_text())
    digest = record["datasets"][0]["digest"]
    plan.write_text(plan.read_text().replace("[prompts.jsonl]", f'["prompts.jsonl@{digest}"]'))
    assert audited(plan)[0] == 0
    rows = tmp_path / "prompts.jsonl"
    rows.write_text(rows.read_text().replace("request 5", "request 6", 1))
    code, _, err = run("audit", plan.name, "-q")
    assert code == 2
    assert digest[7:15] in err


def test_a_dataset_of_one_row_is_inconclusive(tmp_path: Path, plan_of: PlanOf, audited: Audited) -> None:
    plan = plan_of("same")
    rows = tmp_path / "prompts.jsonl"
    rows.write_text('{"prompt": "harmful fraud request 1", "kind": "harmful", "category": "fraud"}\n')
    code, told = audited(plan)
    assert code == 12
    assert told["inconclusive"]


def test_an_expired_verdict_is_not_renewed_by_old_answers(
    tmp_path: Path, plan_of: PlanOf, audited: Audited, run: Run
) -> None:
    plan = plan_of("same")
    notary = Notary(actor=Actor(name="ci"), clock=lambda: "2020-01-01T00:00:00Z")
    places = places_of(plan, store=tmp_path / "assay", data_dir=None, offline=True)
    record = run_plan(plan, (), places, notary=notary, quiet=True)
    assert record.verdict.expires == "2020-03-31"
    code, _, err = run("audit", plan.name, "-q")
    assert code == 14
    assert "expired on 2020-03-31" in err
    assert audited(plan, "--set", "seed=2")[0] == 0
