"""Audits in the log: opened before they ask, closed once, issued once, whatever happens in between."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from modelassay.audit import read_audit
from modelassay.cli import run as run_command
from modelassay.cli.audit_command import run_plan
from modelassay.cli.options import places_of
from modelassay.errors import EvidenceError, StoreError, TargetError, UsageError
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.events import AuditClosed, AuditOpened, Heartbeat, PolicyChanged, VerdictIssued
from modelassay.evidence.issue import abort_audit
from modelassay.evidence.ledger import Ledger, read_events, read_histories
from modelassay.evidence.notary import Notary
from modelassay.evidence.verification import Trust, Verification, verify_bundle
from modelassay.log.keys import new_key, public_of
from modelassay.log.note import COSIGNATURE, SignatureLine, vkey_of
from modelassay.log.proof import read_proof
from modelassay.log.reader import LogReader
from modelassay.log.signing import PublicKey
from modelassay.log.trust import Party, TrustPolicy
from modelassay.log.witness import Witness
from modelassay.log.witness_client import in_process
from modelassay.log.writer import LogWriter
from modelassay.records import Actor, AuditRecord

PlanOf = Callable[..., Path]
CARRIED_ON = 72
"""Exit code of an audit that could do without what failed."""
CI = Notary(actor=Actor(name="ci"))


class FickleSigner:
    """A P-256 key whose signature on the same bytes differs each time, as those of many devices do."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())

    @property
    def public(self) -> PublicKey:
        return public_of(self._private.public_key(), name="ci")

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message, ec.ECDSA(hashes.SHA256()))


@dataclass(frozen=True)
class Setting:
    """A notary with keys and a witness, and a verifier who knows them."""

    notary: Notary
    trust: Trust

    def verify(self, folder: Path) -> Verification:
        return verify_bundle(open_bundle(folder), self.trust)


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return new_setting(tmp_path)


def new_setting(folder: Path) -> Setting:
    """Keys and a witness of their own for the store and the witness's memory in `folder`."""
    verdict, log = FickleSigner(), new_key("ed25519", name="acme/log")
    cosigner = new_key("ed25519", name="assessor/witness")
    log_vkey, witness_vkey = vkey_of(log.public), vkey_of(cosigner.public, key_type=COSIGNATURE)
    witness = Witness(cosigner, [log_vkey], folder / "witness")
    notary = Notary(
        actor=Actor(name="ci", key=verdict.public.key_id),
        verdict_signers=(verdict,),
        log_signer=log,
        witnesses=(in_process(witness, witness_vkey),),
    )
    policy = TrustPolicy(
        logs=(Party(name="acme/log", vkey=log_vkey),),
        witnesses=(Party(name="assessor", vkey=witness_vkey),),
        quorum="assessor",
    )
    return Setting(notary, Trust(keys=(verdict.public,), log=policy, folder=folder / "assay" / "log"))


def audited(plan: Path, notary: Notary = CI, *, again: bool = False, overrides: tuple[str, ...] = ()) -> Path:
    """Run the plan; the bundle's folder."""
    store = plan.parent / "assay"
    places = places_of(plan, store=store, data_dir=None, offline=True, quiet=True)
    record = run_plan(plan, overrides, places, notary=notary, quiet=True, again=again)
    return store / "audits" / record.id


def kinds(plan: Path) -> list[str]:
    return [logged.event.kind for logged in read_events(plan.parent / "assay" / "log")]


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a store but the journal."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.parent != folder
    }


def test_the_opening_is_logged_and_witnessed_before_the_first_request(
    plan_of: PlanOf, served: Any, setting: Setting
) -> None:
    plan = plan_of("same", per_category=5)
    log = plan.parent / "assay" / "log"
    seen: list[tuple[list[str], int]] = []

    def look(model: str, prompt: str) -> int:
        opened = [logged.event.body["audit"] for logged in read_events(log, AuditOpened)]
        checkpoint = (log / "checkpoint").read_bytes()
        seen.append((opened, checkpoint.count("— assessor/witness".encode())))
        return 200

    served.status = look
    folder = audited(plan, setting.notary)
    assert seen[0] == ([folder.name], 1)
    assert len(seen) == served.asked.total()


def test_a_signed_audit_verifies_and_running_it_again_changes_nothing(
    plan_of: PlanOf, served: Any, setting: Setting
) -> None:
    plan = plan_of("same", per_category=20, more="release: {line: med, target: 'https://r.example/med'}\n")
    folder = audited(plan, setting.notary)
    verification = setting.verify(folder)
    assert verification.state == "verified", verification.checks
    before, asked = digests(plan.parent / "assay"), served.asked.total()
    assert audited(plan, setting.notary) == folder
    assert digests(plan.parent / "assay") == before
    assert served.asked.total() == asked
    assert kinds(plan) == ["dataset.registered", "audit.opened", "audit.closed", "verdict.issued"]


def test_without_keys_all_is_logged_and_keys_that_come_later_sign_it(
    plan_of: PlanOf, setting: Setting
) -> None:
    plan = plan_of("same", per_category=10)
    folder = audited(plan)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"log/opened.json", "log/closed.json"} <= names
    assert not [name for name in names if name.endswith((".tlog-proof", ".dsse.json"))]
    assert not (plan.parent / "assay" / "log" / "checkpoint").exists()
    audited(plan, setting.notary)
    assert kinds(plan) == ["dataset.registered", "audit.opened", "audit.closed", "verdict.issued"]
    assert setting.verify(folder).state == "verified"


def test_a_cosignature_that_came_by_files_gets_into_the_bundle(plan_of: PlanOf, setting: Setting) -> None:
    plan = plan_of("same", per_category=10)
    alone = replace(setting.notary, witnesses=())
    folder = audited(plan, alone)
    assert setting.verify(folder).state != "verified"
    with LogWriter(plan.parent / "assay" / "log") as log:
        reader = LogReader(log.folder)
        assert reader.checkpoint is not None
        log.add_signatures(setting.notary.witnesses[0].cosign(reader.checkpoint, reader))
    assert audited(plan, alone) == folder
    assert setting.verify(folder).state == "verified"


def test_a_witness_that_was_away_is_asked_again(plan_of: PlanOf, setting: Setting) -> None:
    class Away:
        name = "assessor/witness"

        def cosign(self, checkpoint: bytes, log: LogReader) -> tuple[SignatureLine, ...]:
            raise StoreError("cannot be reached")

    told: list[str] = []
    plan = plan_of("same", per_category=10)
    folder = audited(plan, replace(setting.notary, witnesses=(Away(),), tell=told.append))
    assert told
    assert all("assessor/witness: cannot be reached" in line for line in told)
    assert setting.verify(folder).state == "not verified"
    audited(plan, setting.notary)
    assert setting.verify(folder).state == "verified"


def test_a_witness_that_saw_another_history_stops_the_audit_before_it_asks(
    tmp_path: Path, plan_of: PlanOf, served: Any, setting: Setting
) -> None:
    plan = plan_of("same", per_category=10)
    audited(plan, setting.notary)
    (tmp_path / "assay").rename(tmp_path / "first")
    asked = served.asked.total()
    with pytest.raises(EvidenceError, match=r"refuses to cosign|fewer than 4"):
        audited(plan, setting.notary)
    assert served.asked.total() == asked


def _in_child(work: Callable[[], Any]) -> int:
    """Run `work` in a process of its own; how that ended: 0, 71 when the disk was full, 70 after another
    error, or minus a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except (StoreError, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            os._exit(71 if isinstance(cause, OSError) and cause.errno == errno.ENOSPC else 70)
        except BaseException:
            traceback.print_exc()
            os._exit(70)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _failing_at(number: int, fault: Callable[[], None]) -> list[int]:
    """Have `fault` happen instead of the write to the disk with this number, counted from 1.

    Gives a list whose one number says how many writes are left until then.
    """
    left = [number]

    def before(write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                fault()
            return write(*arguments, **more)

        return counted

    os.pwrite = before(os.pwrite)
    os.write = before(os.write)
    os.link = before(os.link)
    for name in ("replace", "rename", "write_bytes", "mkdir"):
        setattr(Path, name, before(getattr(Path, name)))
    return left


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("fault", "ends"), [(_killed, -9), (_full, 71)], ids=["kill -9", "full disk"])
@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 13])
def test_stopped_at_any_write_it_is_healed_by_the_same_command(
    tmp_path: Path, plan_of: PlanOf, fault: Callable[[], None], ends: int, every: int
) -> None:
    plan = plan_of("same", per_category=2)
    seen = set()
    stops = 0
    for number in range(1, 500, every):
        for left in (tmp_path / "assay", tmp_path / "witness"):
            if left.exists():
                shutil.rmtree(left)
        setting = new_setting(tmp_path)

        def work(number: int = number, setting: Setting = setting) -> None:
            left = _failing_at(number, fault)
            audited(plan, setting.notary)
            os._exit(0 if left[0] > 0 else CARRIED_ON)

        code = _in_child(work)
        if code == 0:
            break
        assert code in (ends, CARRIED_ON), f"write {number}"
        stops += 1
        seen.add(tuple(kinds(plan)))
        folder = audited(plan, setting.notary)
        assert kinds(plan) == ["dataset.registered", "audit.opened", "audit.closed", "verdict.issued"]
        verification = setting.verify(folder)
        assert verification.state == "verified", (number, verification.checks)
        before = digests(tmp_path / "assay")
        audited(plan, setting.notary)
        assert digests(tmp_path / "assay") == before, f"write {number}"
    assert stops >= 25 // every
    assert len(seen) >= (4 if every == 1 else 2), seen  # nothing logged, opened, closed, issued


def test_a_verdict_that_was_logged_and_lost_is_signed_again(plan_of: PlanOf, setting: Setting) -> None:
    plan = plan_of("same", per_category=5)
    folder = audited(plan, setting.notary)
    for name in ("verdict.dsse.json", "verdict.sigstore.json", "proof.tlog-proof", "log/closed.json"):
        (folder / name).unlink()
    audited(plan, setting.notary)
    assert setting.verify(folder).state == "verified"
    assert kinds(plan).count("verdict.issued") == 1


def test_a_logged_verdict_that_cannot_be_signed_again_is_not_replaced(
    plan_of: PlanOf, setting: Setting
) -> None:
    plan = plan_of("same", per_category=5)
    folder = audited(plan, setting.notary)
    for path in (folder / "verdict.dsse.json", next((folder / "tests").iterdir())):
        path.unlink()
    with pytest.raises(EvidenceError, match="cannot be signed again"):
        audited(plan, setting.notary)
    assert kinds(plan).count("verdict.issued") == 1


def test_a_damaged_bundle_is_made_anew_with_its_signatures(plan_of: PlanOf, setting: Setting) -> None:
    plan = plan_of("same", per_category=10)
    folder = audited(plan, setting.notary)
    before = digests(plan.parent / "assay")
    for name in ("transcripts.jsonl.gz", "audit.json"):
        (folder / name).write_bytes(b"damaged")
    (folder / "report.html").unlink()
    audited(plan, setting.notary)
    assert digests(plan.parent / "assay") == before


def test_a_bundle_that_the_journal_no_longer_gives_is_left_alone(plan_of: PlanOf, setting: Setting) -> None:
    plan = plan_of("same", per_category=10)
    folder = audited(plan, setting.notary)
    (plan.parent / "assay" / "secrets" / f"{folder.name}.salt").write_bytes(bytes(32))
    assert audited(plan, setting.notary) == folder
    (folder / "samples.jsonl.gz").write_bytes(b"damaged")
    with pytest.raises(StoreError, match="no longer gives the same bytes"):
        audited(plan, setting.notary)
    assert (folder / "samples.jsonl.gz").read_bytes() == b"damaged"
    assert not list(folder.parent.glob("*.draft"))


def test_attempts_of_a_line_are_counted_and_policy_changes_logged(plan_of: PlanOf) -> None:
    plan = plan_of("same", per_category=2, more="release: {line: med}\npolicy: policy.yaml\n")
    (plan.parent / "policy.yaml").write_text("version: 1\nname: strict\n")
    audited(plan)
    audited(plan, overrides=("seed=2",))
    (plan.parent / "policy.yaml").write_text("version: 1\nname: strict\nexpires_days: 30\n")
    audited(plan)
    audited(plan, overrides=("release.line=other",))
    log = plan.parent / "assay" / "log"
    openings = [logged.read(AuditOpened) for logged in read_events(log, AuditOpened)]
    assert [(opening.line, opening.attempt) for opening in openings] == [
        ("med", 1), ("med", 2), ("med", 3), ("other", 1),
    ]  # fmt: skip
    changes = [logged.read(PolicyChanged) for logged in read_events(log, PolicyChanged)]
    assert [(c.line, c.name, c.before, c.after) for c in changes] == [
        ("med", "strict", openings[1].policy, openings[2].policy)
    ]
    assert kinds(plan).count("dataset.registered") == 1


def test_an_audit_that_is_given_up_stays_in_sight(tmp_path: Path, plan_of: PlanOf, served: Any) -> None:
    plan = plan_of("same", per_category=5)
    served.status = lambda model, prompt: 401
    with pytest.raises(Exception, match="OPENAI_API_KEY"):
        audited(plan)
    store = tmp_path / "assay"
    audit = next(iter(read_histories(store / "log")))
    arguments = ["abandon", audit[:6], "--reason", "wrong data", "--store", str(store), "--json"]
    assert run_command(arguments) == 0
    assert run_command(arguments) == 0
    assert run_command([*arguments[:3], "another reason", *arguments[4:]]) == 2
    served.status = lambda model, prompt: 200
    folder = audited(plan)
    assert folder.name == f"{audit}-2"
    histories = read_histories(store / "log")
    assert [(h.opening.attempt, h.is_open) for h in histories.values()] == [(1, False), (2, False)]
    assert kinds(plan).count("audit.aborted") == 1


def test_an_attempt_that_was_left_open_is_told_with_what_ends_it(
    plan_of: PlanOf, served: Any, setting: Setting, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that a server did not know, and the plan mended: that is another audit of the line."""
    plan = plan_of("same", per_category=5)
    served.status = lambda model, prompt: 404
    with pytest.raises(TargetError):
        audited(plan, setting.notary)
    served.status = lambda model, prompt: 200
    store = plan.parent / "assay"
    left = next(iter(read_histories(store / "log")))
    arguments = ["audit", str(plan), "--store", str(store), "--set", "seed=2", "--exit-zero"]
    assert run_command([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    (told,) = json.loads(out)["open_attempts"]
    assert (told["audit"], told["attempt"]) == (left, 1)
    assert told["abandon"] == f'modelassay abandon {left} --reason "…" --store {store}'
    assert told["abandon"] in err
    folder = audited(plan, setting.notary, overrides=("seed=2",))
    (wrong,) = [check for check in setting.verify(folder).checks if check.state == "failed"]
    assert (wrong.name, f"modelassay abandon {left} --reason" in wrong.statement) == ("attempts", True)
    assert run_command(["abandon", left, "--reason", "a model of another name", "--store", str(store)]) == 0
    capsys.readouterr()
    assert run_command([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["open_attempts"], left in err) == ([], False)


def test_an_audit_that_was_given_up_while_it_ran_is_not_closed(plan_of: PlanOf, served: Any) -> None:
    plan = plan_of("same", per_category=2)
    ledger = Ledger(plan.parent / "assay", CI)

    def give_up(model: str, prompt: str) -> int:
        for history in ledger.histories().values():
            abort_audit(ledger, history, "no longer wanted")
        return 200

    served.status = give_up
    with pytest.raises(UsageError, match="was given up at"):
        audited(plan)
    assert "audit.closed" not in kinds(plan)


def test_a_finished_audit_asks_failures_again_only_in_a_new_attempt(plan_of: PlanOf, served: Any) -> None:
    plan = plan_of("same", per_category=10)
    served.status = lambda model, prompt: 400 if model == "same" and prompt.endswith("7") else 200
    first = audited(plan)
    served.status = lambda model, prompt: 200
    asked = served.asked.total()
    assert audited(plan) == first
    assert served.asked.total() == asked
    second = audited(plan, again=True)
    assert second.name == f"{first.name}-2"
    assert served.asked.total() == asked + 8
    assert audited(plan) == second
    store = plan.parent / "assay"
    assert read_audit(store, second.name).usage["candidate"].failed == 0
    assert read_audit(store, first.name).usage["candidate"].failed == 8


@pytest.mark.slow
def test_results_of_very_many_slices_stand_in_events_of_their_own(
    tmp_path: Path, plan_of: PlanOf, setting: Setting
) -> None:
    plan = plan_of("same")
    rows = [
        {"prompt": f"{kind} {i} request {i}", "kind": kind, "category": f"c{i}"}
        for kind in ("harmful", "benign")
        for i in range(400)
    ]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = "{use: prompts.jsonl, columns: {prompt: prompt, kind: kind, category: category}}"
    plan.write_text(plan.read_text().replace("[prompts.jsonl]", f"[{columns}]"))
    folder = audited(plan, setting.notary)
    counted = kinds(plan).count("audit.counts")
    assert counted >= 2
    closed = next(read_events(tmp_path / "assay" / "log", AuditClosed)).read(AuditClosed)
    assert len(closed.counts_events) == counted
    assert not closed.results
    verification = setting.verify(folder)
    assert verification.state == "verified", verification.checks
    before = digests(tmp_path / "assay")
    audited(plan, setting.notary)
    assert digests(tmp_path / "assay") == before


def test_a_record_from_before_the_log_is_still_read(tmp_path: Path, plan_of: PlanOf) -> None:
    folder = audited(plan_of("fraud-lost", per_category=10))
    record = read_audit(tmp_path / "assay", folder.name)
    assert record.examples
    old = msgspec.to_builtins(record)
    del old["lineage"]
    for side in ("baseline", "candidate"):
        del old[side]["artifacts"]
    for pin in old["evaluators"]:
        del pin["measures"]
    (folder / "audit.json").write_bytes(msgspec.json.encode(old))
    (folder / "examples.json").unlink()
    read = read_audit(tmp_path / "assay", folder.name)
    assert isinstance(read, AuditRecord)
    assert read.examples == record.examples
    assert read.verdict == record.verdict


def _beat(store: Path, times: int) -> None:
    ledger = Ledger(store, CI)
    for _ in range(times):
        ledger.append(Heartbeat())


def test_others_write_to_the_log_while_an_audit_runs(plan_of: PlanOf, served: Any, setting: Setting) -> None:
    plan = plan_of("same", per_category=20)
    store = plan.parent / "assay"
    context = multiprocessing.get_context("fork")
    beats = [context.Process(target=_beat, args=(store, 10)) for _ in range(3)]

    def begin(model: str, prompt: str) -> int:
        for process in beats:
            if process.pid is None:
                process.start()
        return 200

    served.status = begin
    served.delay_s = 0.1
    folder = audited(plan, setting.notary)
    for process in beats:
        process.join(60)
        assert process.exitcode == 0
    found = kinds(plan)
    assert found.count("heartbeat") == 30
    assert [found.count(kind) for kind in ("audit.opened", "audit.closed", "verdict.issued")] == [1, 1, 1]
    events = [logged.event.seq for logged in read_events(store / "log")]
    assert events == list(range(len(events)))
    assert setting.verify(folder).state == "verified"


def test_proofs_prove_the_events_of_the_bundle(plan_of: PlanOf, setting: Setting) -> None:
    folder = audited(plan_of("same", per_category=5), setting.notary)
    assert setting.trust.log is not None
    for event, proof in (
        ("log/opened.json", "log/opened.tlog-proof"),
        ("log/closed.json", "log/closed.tlog-proof"),
        ("log/issued.json", "proof.tlog-proof"),
    ):
        read = read_proof((folder / proof).read_bytes())
        entry = (folder / event).read_bytes()
        assert len(read.verify(entry, setting.trust.log.verifiers).verified) == 2
        with pytest.raises(EvidenceError):
            read.verify(entry + b" ", setting.trust.log.verifiers)


@pytest.fixture(autouse=True)
def _no_keys_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("MODELASSAY")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "no-keys"))


def test_the_statement_names_what_the_log_names(plan_of: PlanOf, setting: Setting) -> None:
    plan = plan_of("same", per_category=5)
    folder = audited(plan, setting.notary)
    issued = next(read_events(plan.parent / "assay" / "log", VerdictIssued)).read(VerdictIssued)
    closed = next(read_events(plan.parent / "assay" / "log", AuditClosed))
    assert issued.closed == closed.place
    assert issued.sums == "sha256:" + hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    assert issued.signers == (setting.trust.keys[0].key_id,)
