"""What the log took in of a run must be in the copy of it; an honest copy of an honest run always has it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay import Recorder
from modelassay.assessment.assess import assess
from modelassay.assessment.assessed_copy import log_for
from modelassay.assessment.committing import FOLDER, commit_run, read_commitments
from modelassay.assessment.inputs import sealed_inputs
from modelassay.assessment.logged_run import KINDS, against_log
from modelassay.assessment.request import LoggedRun, Proofs, Request
from modelassay.assessment.sealing import seal_assessment
from modelassay.assessment.verifying import Trusted, verify_assessment
from modelassay.errors import EvidenceError
from modelassay.evidence.events import Body
from modelassay.evidence.ledger import Ledger, read_events
from modelassay.evidence.notary import Notary
from modelassay.evidence.run_events import RunClosed, RunHappened, RunStep
from modelassay.log.keys import new_key
from modelassay.records import Actor, RunFinding
from modelassay.report.assessments import assessment_page
from modelassay.training.run import Run

KEY = new_key("ed25519", name="dev.example/log")
NOTARY = Notary(actor=Actor(name="dev"), log_signer=KEY)
EVENTS = "events-00000.jsonl"


def record(store: Path, steps: range) -> None:
    """Record some steps of the run `live`, with an alarm at the second."""
    with Recorder(store, run="live", rewards={"g": 1.0}, notary=NOTARY) as run:
        run.dataset("tasks", role="prompts", rows=8)
        for step in steps:
            for place in range(4):
                run.rollout(
                    prompt="1+1=", completion=f"{place}", rewards={"g": 1.0}, step=step, group=f"{step}"
                )
            run.step(step, {"reward": 1.0})
            if step == 2:
                run.event("alarm", step=2, alarm="a1", metric="hack_rate", value="0.4", threshold="0.02")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a run that was recorded and committed to as it went."""
    store = tmp_path_factory.mktemp("recorded") / "store"
    record(store, range(1, 4))
    return store


@pytest.fixture
def store(recorded: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(recorded, tmp_path / "store"))


def live(store: Path) -> Run:
    return Run(store / "runs" / "live")


def without_alarm(run: Run) -> None:
    """Take the alarm out of the record, and what says that the run was committed to."""
    path = run.folder / EVENTS
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"kind":"alarm"' not in line))
    for name in ("committed.json", "closed.json", "closed.tlog-proof", "steps.jsonl"):
        (run.folder / FOLDER / name).unlink(missing_ok=True)


def log_of(store: Path, *bodies: Body) -> Path:
    """A log of its own with `bodies`."""
    shutil.rmtree(store / "log", ignore_errors=True)
    ledger = Ledger(store, NOTARY)
    ledger.append(*bodies)
    return ledger.folder


def bodies_of(store: Path, *, closed: bool) -> list[Body]:
    """What the store's log says, with or without the commitment to the whole run."""
    kinds = {kind.kind: kind for kind in KINDS}
    return [
        logged.read(kinds[logged.event.kind])
        for logged in read_events(store / "log", *KINDS)
        if closed or logged.event.kind != RunClosed.kind
    ]


def told(store: Path, log: Path | None = None) -> tuple[str, ...]:
    """What the copy in `store` lacks of its log, or of another."""
    run = live(store)
    said = log_for(run, log or store / "log", named=log is not None)
    bound = (run.folder / FOLDER / "committed.json").is_file()
    return against_log(run, read_commitments(run.folder).committed if bound else None, said)


def commitment(store: Path, request_for: Callable[..., Request], log: Path) -> list[RunFinding]:
    """What an assessment says of the commitment."""
    run = live(store)
    proofs = Proofs(log=log_for(run, log, named=True))
    record = assess(run, request_for(proofs=proofs))
    return [each for each in record.findings if each.check == "commitment"]


def test_an_event_taken_out_before_the_run_is_closed_is_missed(
    store: Path, request_for: Callable[..., Request]
) -> None:
    before = bodies_of(store, closed=False)
    log_of(store, *before)
    assert told(store) == ()
    without_alarm(live(store))
    with pytest.raises(EvidenceError, match=r"has an event of this run that the copy lacks \(alarm, 20"):
        commit_run(live(store), store, NOTARY)
    assert any("lacks (alarm, 20" in each for each in told(store))
    shutil.rmtree(store / "log")  # as a program would that does not look into the log
    made = commit_run(live(store), store, NOTARY).committed
    log = log_of(store, *before, RunClosed(committed=made))
    (live(store).folder / FOLDER / "closed.tlog-proof").unlink()
    (found,) = commitment(store, request_for, log)
    assert (found.severity, found.outcome) == ("critical", "another copy")
    assert "the log has an event of this run that the copy lacks (alarm, 20" in found.statement


@pytest.mark.parametrize("named", [False, True])
def test_another_manifest_hides_nothing_that_the_log_says_of_the_run(store: Path, named: bool) -> None:
    without_alarm(live(store))
    manifest = live(store).folder / "run.json"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    lacking = told(store, store / "log" if named else None)
    assert any("the manifest that the log has" in each for each in lacking)
    assert any("alarm" in each for each in lacking)


def test_a_closed_run_is_not_closed_again_with_other_events(store: Path) -> None:
    before, first = bodies_of(store, closed=True), read_commitments(live(store).folder).committed
    without_alarm(live(store))
    with pytest.raises(EvidenceError, match="that the copy lacks"):
        commit_run(live(store), store, NOTARY)
    shutil.rmtree(store / "log")
    second = commit_run(live(store), store, NOTARY).committed
    log_of(store, *before, RunClosed(committed=second))
    assert any("a commitment to other events" in each for each in told(store))
    log_of(store, RunClosed(committed=first), *before[:1])
    assert told(store)[-1].endswith("and not this")


def test_a_run_that_was_resumed_is_closed_again(recorded: Path, store: Path) -> None:
    record(store, range(3, 6))
    assert len([*read_events(store / "log", RunClosed)]) == 2
    assert told(store) == ()
    assert told(store, store / "log") == ()
    earlier = told(recorded, store / "log")  # a copy of what it was before
    assert any("(resumed, 20" in each for each in earlier)
    assert any("record of train step 5 that the copy lacks" in each for each in earlier)
    assert earlier[-1].endswith("after this")


@pytest.mark.parametrize("resumed", [False, True])
def test_what_a_closed_run_was_bound_to_stays(store: Path, resumed: bool) -> None:
    run = live(store)
    if resumed:
        record(store, range(3, 6))
    path = run.folder / "datasets-00000.jsonl"
    path.write_text(path.read_text().replace("8", "9"))
    (run.folder / FOLDER / "committed.json").unlink()
    with pytest.raises(EvidenceError, match="a commitment to other datasets"):
        commit_run(run, store, NOTARY)


def test_a_closed_run_in_which_nothing_happened_is_not_closed_again(store: Path) -> None:
    run = live(store)
    path = run.folder / "coverage.json"
    (run.folder / FOLDER / "committed.json").unlink()
    path.write_text(path.read_text() + "\n")
    with pytest.raises(EvidenceError, match="nothing was recorded since"):
        commit_run(run, store, NOTARY)


def test_a_manifest_that_was_changed_while_the_run_went_on_is_missed(store: Path) -> None:
    run = live(store)
    log_of(store, *bodies_of(store, closed=False))
    (run.folder / FOLDER / "committed.json").unlink()
    path = run.folder / "run.json"
    path.write_text(path.read_text() + "\n")
    with pytest.raises(EvidenceError, match="the manifest that the log has"):
        commit_run(run, store, NOTARY)


def test_a_log_that_is_not_that_of_the_commitment_is_said(
    store: Path, tmp_path: Path, request_for: Callable[..., Request]
) -> None:
    bodies = bodies_of(store, closed=True)
    assert commitment(store, request_for, store / "log") == []

    def said(*logged: Body) -> str:
        (found,) = commitment(store, request_for, log_of(tmp_path / "other", *logged))
        assert (found.severity, found.outcome, found.state) == ("high", "another log", "not_assessable")
        return found.statement

    assert "does not open this run" in said(*(b for b in bodies if isinstance(b, RunHappened)))
    assert "does not have this commitment" in said(*(b for b in bodies if not isinstance(b, RunClosed)))
    assert "rollback" in said(*(b for b in bodies if not isinstance(b, RunStep)))
    assert "fork" in said(*reversed(bodies), *bodies)
    assert told(store, tmp_path / "none") == ()
    assert log_for(live(store), tmp_path / "none", named=False) == LoggedRun()


def test_what_the_log_says_is_sealed_with_the_assessment(
    store: Path, tmp_path: Path, request_for: Callable[..., Request]
) -> None:
    log = log_of(tmp_path / "other", *bodies_of(store, closed=True)[:1])
    request = request_for(proofs=Proofs(log=log_for(live(store), log, named=True)))
    record = assess(live(store), request)
    folder = seal_assessment(tmp_path, record, sealed_inputs(request), assessment_page)
    given = Trusted(run=live(store).folder)
    states = {c.name: c.state for c in verify_assessment(folder, given, assessment_page).checks}
    assert (states["files"], states["record"], states["recomputed"]) == ("passed", "passed", "passed")
    (folder / "inputs" / "log.json").unlink()
    states = {c.name: c.state for c in verify_assessment(folder, given, assessment_page).checks}
    assert (states["files"], states["recomputed"]) == ("failed", "failed")
