"""Tiers are raised by what was verified, one by one, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from modelassay.assessment.assess import assess
from modelassay.assessment.assessed_copy import log_for
from modelassay.assessment.assurance import assure
from modelassay.assessment.challenging import draws_of, log_challenge, log_nonce
from modelassay.assessment.committing import Commitments, commit_run, run_secret
from modelassay.assessment.drawn_evidence import keep_draws
from modelassay.assessment.inputs import sealed_inputs
from modelassay.assessment.request import Draws, Proofs, Request
from modelassay.assessment.sealing import issue_assessment, seal_assessment
from modelassay.assessment.verifying import Trusted, verify_assessment
from modelassay.canonical import Digest, canonical_json
from modelassay.errors import EvidenceError
from modelassay.evidence.checks import Check
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.notary import Notary
from modelassay.log.cosignature import cosign
from modelassay.log.keys import PemSigner, new_key
from modelassay.log.note import COSIGNATURE, SignatureLine, parse_note, vkey_of
from modelassay.log.reader import LogReader
from modelassay.log.trust import TrustPolicy, trust_in
from modelassay.records import Actor, Assessment, RunCheckpoint, RunEvent, RunFinding, RunManifest
from modelassay.report.assessments import assessment_page
from modelassay.training.findings import run_finding
from modelassay.training.protocol.challenge import decode_challenge, make_challenge, new_nonce
from modelassay.training.protocol.disclosure import OpeningHead, challenge_digest, open_rollouts
from modelassay.training.protocol.parts import PARTS
from modelassay.training.protocol.replay import NEEDED, Replayed, replay_finding
from modelassay.training.protocol.rollout_comparison import RolloutComparison
from modelassay.training.protocol.sampling import scores_finding
from modelassay.training.protocol.scoring import TokenScores
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

SEEN = 1_780_000_000  # 2026-05-28T20:26:40Z
CHECKPOINT = RunCheckpoint(step=10, name="checkpoint-10", digest=Digest("sha256:" + "1" * 64), parts=NEEDED)


@dataclass(frozen=True)
class Seeing:
    """A witness that cosigns whatever it is shown, at one time."""

    signer: PemSigner
    name: str = "witness"

    def cosign(self, checkpoint: bytes, log: LogReader) -> Sequence[SignatureLine]:
        return (cosign(parse_note(checkpoint).text, self.signer, SEEN),)


@dataclass(frozen=True)
class Case:
    run: Run
    store: Path
    made: Commitments
    trust: TrustPolicy
    place: Path
    request_for: Callable[..., Request]

    def proofs(
        self,
        *,
        issued: str = "2026-06-01T00:00:00Z",
        drop: int = 0,
        withhold: Sequence[str] = (),
        **more: object,
    ) -> Proofs:
        """A challenge and its opening, `drop` rollouts of it left out, and some parts of all."""
        challenge = make_challenge(
            self.made.committed,
            self.made.records,
            nonce=new_nonce(),
            randomness="",
            share=0.05,
            probability=0.95,
            issued=issued,
            deadline="2026-06-08T00:00:00Z",
            parts=[part for part in PARTS if part not in withhold],
        )
        head = OpeningHead(run="told", challenge=challenge_digest(challenge), opened=issued)
        secret = run_secret(self.store, "told")
        opened = list(open_rollouts(self.run, secret, challenge, self.made.records, withhold))[drop:]
        (self.place / "challenge.json").write_bytes(msgspec.json.encode(challenge))
        lines = [msgspec.json.encode(each) + b"\n" for each in (head, *opened)]
        (self.place / "opening.jsonl").write_bytes(b"".join(lines))
        return Proofs(
            challenge=self.place / "challenge.json",
            opening=self.place / "opening.jsonl",
            received="2026-06-02T00:00:00Z",
            trust=self.trust,
            **more,  # type: ignore[arg-type]
        )

    def canary(self, *, passed: bool = True, run: str = "told") -> Path:
        finding = run_finding(
            "canary", "found" if passed else "missed", "As planted.", about={"run": run},
            state="shown_fine" if passed else "shown_harmful", assurance="T4",
        )  # fmt: skip
        path = self.place / "canary.json"
        path.write_bytes(msgspec.json.encode(finding))
        return path

    def replay(self, checkpoint: RunCheckpoint = CHECKPOINT, *, run: str = "told", equal: int = 8) -> Path:
        finding = replay_finding(checkpoint, Replayed(RolloutComparison(8, 8, equal, True)), run=run)
        path = self.place / "replay.json"
        path.write_bytes(msgspec.json.encode(finding))
        return path

    def scores(self, *, z_per_token: float, run: str = "told") -> Path:
        """What is said of 400 tokens that were scored under a checkpoint."""
        tokens = np.ones(400)
        scores = TokenScores(-1.0 * tokens + z_per_token, tokens, tokens / 4)
        path = self.place / "scores.json"
        path.write_bytes(msgspec.json.encode(scores_finding(CHECKPOINT, 11, [], scores, run=run)))
        return path

    def assess(self, proofs: Proofs) -> Assessment:
        return assess(self.run, self.request_for(proofs=proofs))


@pytest.fixture
def case(
    tmp_path: Path,
    write_run: Callable[..., Run],
    event: Callable[..., RunEvent],
    request_for: Callable[..., Request],
) -> Case:
    told = [event("alarm", 10, 0, metric="shortcut"), event("acknowledged", 10, 1)]
    run = write_run(tmp_path / "store" / "runs" / "told", steps=20, events=told)
    (run.folder / "checkpoints.jsonl").write_bytes(msgspec.json.encode(CHECKPOINT) + b"\n")
    log, witness = new_key("ed25519", name="dev.example/log"), new_key("ed25519", name="w.example/1")
    notary = Notary(actor=Actor(name="dev"), log_signer=log, witnesses=(Seeing(witness),))
    made = commit_run(run, tmp_path / "store", notary)
    trust = trust_in([vkey_of(log.public)], [vkey_of(witness.public, key_type=COSIGNATURE)])
    return Case(run, tmp_path / "store", made, trust, tmp_path, request_for)


def tiers(record: Assessment) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in record.findings:
        found.setdefault(each.check, set()).add(each.assurance)
    return found


def test_commitment_alone_raises_nothing(case: Case) -> None:
    record = case.assess(Proofs())
    assert record.tier == "T2"
    assert "not challenged" in record.assurance[3].statement


def test_tiers_of_challenges_do_not_apply_to_a_run_without_rollouts(tmp_path: Path) -> None:
    folder = tmp_path / "store" / "runs" / "sft"
    with RunWriter(folder, RunManifest(id="sft", name="sft", origin="recorded", framework="trl")):
        pass
    notary = Notary(actor=Actor(name="dev"), log_signer=new_key("ed25519", name="dev.example/log"))
    commit_run(Run(folder), tmp_path / "store", notary)
    assured = assure(Run(folder), (), Proofs())
    assert assured.tier == "T1"
    assert assured.steps[3].statement == (
        "The run is committed to no rollouts: none can be drawn, and this tier and the next do not apply. "
        "Its other files are those that were committed to."
    )


def test_an_opened_challenge_gives_the_third_tier(case: Case) -> None:
    record = case.assess(case.proofs())
    assert record.tier == "T3"
    said = tiers(record)
    assert said["reinforcement"] == {"T3"}
    assert said["challenge"] == {"T3"}
    assert said["reconciliation"] == {"T2"}
    assert said["developer_response"] == {"T3"}  # the events are those committed to
    assert "before the challenge" in record.assurance[4].statement


def test_a_log_that_was_not_there_is_missed(case: Case) -> None:
    record = case.assess(case.proofs())
    assert record.tier == "T3"
    assert "not there to be read: whether anything was recorded" in record.assurance[3].statement
    (missed,) = [each for each in record.not_assessed if "aspect log" in each.what]
    assert "neither later commitments nor further runs" in missed.why
    said = log_for(case.run, case.store / "log", named=True)
    record = case.assess(case.proofs(log=said))
    assert record.tier == "T3"
    assert "not there to be read" not in record.assurance[3].statement
    assert not any("aspect log" in each.what for each in record.not_assessed)


def test_claims_that_read_what_was_withheld_stay_where_they_are(case: Case) -> None:
    withheld = ("prompt", "completion", "grader")
    proofs = case.proofs(withhold=withheld, further=(case.canary(),))
    _edit_rollouts(case.run)  # in words of the same length, which the opening does not show
    record = case.assess(proofs)
    said = tiers(record)
    assert record.tier == "T3"
    assert said["reinforcement"] == said["emergence"] == said["environment_pressure"] == {"T2"}
    assert said["coverage_gate"] == said["length_reward"] == said["developer_response"] == {"T3"}
    assert (said["challenge"], said["canary"]) == ({"T3"}, {"T2"})
    (challenge,) = [each for each in record.findings if each.check == "challenge"]
    drawn = challenge.values["drawn"]
    told = ", ".join(f"{part} of {drawn}" for part in withheld)
    assert f"Withheld, of {drawn} opened, and so not checked: {told}." in challenge.statement
    assert f"{told}. Claims that rest on that stay at T2" in record.assurance[3].statement
    assert "what it was held against was withheld" in record.assurance[4].statement
    assert record.headline.endswith("T3, without what was withheld (completion, grader, prompt).")
    page = assessment_page(record).decode()
    assert f"and so not checked: {', '.join(sorted(told.split(', ')))}; claims" in page


def test_only_claims_that_read_a_withheld_part_are_held_back(case: Case) -> None:
    record = case.assess(case.proofs(withhold=["grader"], further=(case.canary(),)))
    said = tiers(record)
    assert (record.tier, said["canary"], said["reinforcement"]) == ("T4", {"T4"}, {"T2"})
    assert "Withheld" not in assess(case.run, case.request_for(proofs=case.proofs())).assurance[3].statement


def test_witness_and_canary_give_the_fourth(case: Case) -> None:
    record = case.assess(case.proofs(further=(case.canary(),)))
    assert record.tier == "T4"
    assert tiers(record)["reinforcement"] == {"T4"}


def test_what_the_log_of_the_assessor_says_of_the_challenge_is_told_and_comes_out_again(
    case: Case, tmp_path: Path
) -> None:
    proofs = case.proofs()
    asked = decode_challenge((case.place / "challenge.json").read_bytes())
    assert "assessor's log" not in case.assess(proofs).assurance[3].statement
    ledger = Ledger(tmp_path / "theirs", Notary(actor=Actor(name="assessor")))
    log_challenge(ledger, asked)
    drawn = draws_of(ledger.folder, "told")
    assert "not fixed before" in case.assess(_told(proofs, drawn)).assurance[3].statement
    ledger = Ledger(tmp_path / "others", Notary(actor=Actor(name="assessor")))
    log_nonce(ledger, asked.nonce)
    log_challenge(ledger, asked)
    log_challenge(ledger, msgspec.structs.replace(asked, deadline="2026-06-09T00:00:00Z"))
    request = case.request_for(proofs=_told(proofs, draws_of(ledger.folder, "told")))
    record = assess(case.run, request)
    said = record.assurance[3].statement
    assert record.tier == "T3"
    assert "a nonce that was fixed at" in said
    assert "one of 2 challenges" in said
    folder = seal_assessment(tmp_path / "store", record, sealed_inputs(request), assessment_page)
    given = Trusted(run=case.run.folder, proofs=proofs)
    found = verify_assessment(folder, given, assessment_page)
    assert {c.name: c.state for c in found.checks}["recomputed"] == "passed"
    data = (folder / "inputs" / "drawn.json").read_bytes()
    (folder / "inputs" / "drawn.json").write_bytes(data.replace(b"2026", b"2025"))
    found = verify_assessment(folder, given, assessment_page)
    assert {c.name: c.state for c in found.checks}["recomputed"] == "failed"


def test_draws_stand_beside_the_assessment_with_their_proofs(case: Case, tmp_path: Path) -> None:
    proofs, log = case.proofs(), new_key("ed25519", name="ada.example/log")
    asked = decode_challenge((case.place / "challenge.json").read_bytes())
    ledger = Ledger(tmp_path, Notary(actor=Actor(name="assessor"), log_signer=log))
    log_nonce(ledger, asked.nonce)
    log_challenge(ledger, asked)
    request = case.request_for(proofs=_told(proofs, draws_of(ledger.folder, "told")))
    record = assess(case.run, request)
    folder = seal_assessment(tmp_path, record, sealed_inputs(request), assessment_page)
    trusted = Trusted(log=trust_in([vkey_of(log.public)], unwitnessed=True))

    def drawn(given: Trusted = trusted) -> Check:
        (check,) = [c for c in verify_assessment(folder, given, assessment_page).checks if c.name == "drawn"]
        return check

    assert (drawn().state, drawn().required) == ("not done", False)  # sealed by an earlier version
    issue_assessment(ledger, record, folder)
    assert drawn().state == "passed"
    assert "1 drawn and logged, 1 from a nonce fixed before" in drawn().statement
    assert (drawn(Trusted()).state, drawn(Trusted()).required) == ("not done", True)
    fixed, challenged = folder / "log/drawn-0.json", folder / "log/drawn-1.json"
    kept = {path: path.read_bytes() for path in (folder / "log").iterdir()}

    def again() -> Check:
        found = drawn()
        for path, data in kept.items():
            path.write_bytes(data)
        return found

    challenged.with_suffix(".tlog-proof").unlink()
    assert again().state == "not done"
    fixed.unlink()
    assert "no log entry run.nonce_fixed" in again().statement
    challenged.write_bytes(kept[challenged].replace(b'"drawn":', b'"drawn":1'))
    assert again().state == "failed"
    fixed.write_bytes(kept[fixed].replace(b'"seq":0', b'"seq":7'))
    assert "before its nonce" in again().statement
    (folder / "log/drawn-2.json").write_bytes((folder / "log/assessed.json").read_bytes())
    assert "not an entry on a draw" in drawn().statement


def test_draws_of_another_log_than_the_assessment_are_refused(case: Case, tmp_path: Path) -> None:
    keys = [new_key("ed25519", name=f"{name}.example/log") for name in ("ada", "bob")]
    proofs = case.proofs()
    asked = decode_challenge((case.place / "challenge.json").read_bytes())
    own, other = (
        Ledger(tmp_path / key.public.name[:3], Notary(actor=Actor(name="assessor"), log_signer=key))
        for key in keys
    )
    log_nonce(other, asked.nonce)
    log_challenge(other, asked)
    request = case.request_for(proofs=_told(proofs, draws_of(other.folder, "told")))
    record = assess(case.run, request)
    folder = seal_assessment(own.folder.parent, record, sealed_inputs(request), assessment_page)
    issue_assessment(own, record, folder)
    keep_draws(other, folder, signed=True)
    trusted = Trusted(log=trust_in([vkey_of(key.public) for key in keys], unwitnessed=True))

    def drawn() -> Check:
        (check,) = [
            c for c in verify_assessment(folder, trusted, assessment_page).checks if c.name == "drawn"
        ]
        return check

    assert drawn().state == "failed"
    assert "ada.example/log, bob.example/log" in drawn().statement
    (folder / "proof.tlog-proof").unlink()
    assert drawn().state == "passed"
    fixed, challenged = (folder / f"log/drawn-{place}.tlog-proof" for place in (0, 1))
    fixed.write_bytes(challenged.read_bytes())
    assert "another entry" in drawn().statement


def _told(proofs: Proofs, drawn: Draws) -> Proofs:
    return msgspec.structs.replace(proofs, drawn=drawn)


@pytest.mark.parametrize(
    "what",
    ["no keys", "failed canary", "challenge before the witness", "not opened", "another copy", "edited log"],
)
def test_whatever_is_missing_keeps_the_tier_down(case: Case, what: str) -> None:
    proofs = case.proofs(
        further=(case.canary(passed=what != "failed canary"),),
        issued="2026-05-01T00:00:00Z" if what == "challenge before the witness" else "2026-06-01T00:00:00Z",
        drop=int(what == "not opened"),
    )
    if what == "no keys":
        proofs = msgspec.structs.replace(proofs, trust=None)
    if what == "another copy":
        _edit_rollouts(case.run)
    if what == "edited log":
        path = case.run.folder / "metrics.jsonl"
        path.write_text(path.read_text().replace('"reward":0.2', '"reward":0.9'))
    record = case.assess(proofs)
    third = what in ("no keys", "failed canary", "challenge before the witness")
    expected = {"edited log": "T1"}.get(what, "T3" if third else "T2")
    assert record.tier == expected
    if what in ("not opened", "another copy"):
        assert any(
            f.severity == "critical" and f.check in ("challenge", "commitment") for f in record.findings
        )


def test_a_developer_who_hands_over_other_events_is_found_out(case: Case) -> None:
    path = case.run.folder / "events.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    record = case.assess(case.proofs())
    assert record.tier == "T2"
    assert any("the events" in f.statement for f in record.findings if f.check == "commitment")


def test_what_an_earlier_version_did_not_bind_is_said(case: Case) -> None:
    assert "earlier version" not in case.assess(case.proofs()).assurance[3].statement
    committed = msgspec.structs.replace(case.made.committed, metrics=None, checkpoints=None, datasets=None)
    (case.run.folder / "commitments" / "committed.json").write_bytes(canonical_json(committed))
    earlier = replace(case, made=replace(case.made, committed=committed))
    record = earlier.assess(msgspec.structs.replace(earlier.proofs(), trust=None))
    assert record.tier == "T3"
    assert "not in this commitment, which an earlier version made" in record.assurance[3].statement


def _edit_rollouts(run: Run) -> None:
    """Other words in every rollout, of the same length; rewards and counts stay."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    for part in run.parts:
        table = parquet.read_table(part)
        words = [text.replace("honest", "hon3st") for text in table["completion"].to_pylist()]
        place = table.schema.get_field_index("completion")
        column = pa.array(words, table.schema.field(place).type)
        parquet.write_table(table.set_column(place, table.schema.field(place), column), part)


def test_a_canary_of_another_run_or_a_finding_of_another_kind_raises_nothing(case: Case) -> None:
    assert case.assess(case.proofs(further=(case.canary(run="another"),))).tier == "T3"
    other = run_finding("environment_pressure", "x", "A live grader.", state="shown_fine", assurance="T4")
    path = case.place / "live.json"
    path.write_bytes(msgspec.json.encode([other]))
    record = case.assess(case.proofs(further=(path,)))
    assert record.tier == "T3"
    assert [f.assurance for f in record.findings if f.statement == "A live grader."] == ["T1"]


def test_a_replay_takes_the_run_it_is_of_to_the_fourth_tier_and_no_other(case: Case) -> None:
    record = case.assess(case.proofs(further=(case.replay(),)))
    assert (record.tier, tiers(record)["replay"]) == ("T4", {"T4"})
    other = msgspec.structs.replace(CHECKPOINT, digest=Digest("sha256:" + "2" * 64))
    unknown = msgspec.structs.replace(CHECKPOINT, digest=None)
    for make in (
        lambda: case.replay(run="another"),
        lambda: case.replay(other),
        lambda: case.replay(unknown),
        lambda: _unnamed(case),
    ):
        record = case.assess(case.proofs(further=(make(),)))
        assert (record.tier, tiers(record)["replay"]) == ("T3", {"T1"})
        assert "No replay" in record.assurance[4].statement


def test_a_replay_of_a_run_that_was_not_challenged_says_no_more_than_the_run(case: Case) -> None:
    record = case.assess(Proofs(further=(case.replay(),)))
    assert (record.tier, tiers(record)["replay"]) == ("T2", {"T2"})


def test_a_replay_that_failed_keeps_its_own_run_down(case: Case) -> None:
    failed = case.replay(equal=7)
    record = case.assess(case.proofs(further=(failed, case.canary())))
    assert (record.tier, "A replay failed" in record.assurance[4].statement) == ("T3", True)
    failed = case.replay(equal=7, run="another")
    assert case.assess(case.proofs(further=(failed, case.canary()))).tier == "T4"


def test_scores_that_failed_keep_their_own_run_below_the_fourth_tier(case: Case) -> None:
    record = case.assess(case.proofs(further=(case.scores(z_per_token=-0.5), case.replay())))
    assert record.tier == "T3"
    assert "A scoring of logged tokens failed." in record.assurance[4].statement
    assert [f.severity for f in record.findings if f.check == "teacher_forced"] == ["high"]
    assert case.assess(case.proofs(further=(case.scores(z_per_token=0), case.replay()))).tier == "T4"
    assert case.assess(case.proofs(further=(case.scores(z_per_token=0),))).tier == "T3"


def test_findings_of_another_run_accuse_nobody(case: Case) -> None:
    others = (case.scores(z_per_token=-0.5, run="another"), case.replay(equal=7, run="another"))
    record = case.assess(case.proofs(further=(*others, case.canary())))
    said = [each for each in record.findings if each.check in ("teacher_forced", "replay")]
    assert (record.tier, {each.state for each in said}) == ("T4", {"not_assessable"})
    assert all("is of the run 'another', not of this one" in each.why_not for each in said)
    assert sum("'another'" in each.why for each in record.not_assessed) == 2


def test_what_earlier_versions_let_pass_takes_no_run_to_the_fourth_tier(case: Case) -> None:
    path = case.replay()
    finding = msgspec.json.decode(path.read_bytes(), type=RunFinding)
    by_weights = finding.values | {"equal": Decimal(0), "tolerance": Decimal("0.000002")}
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(finding, values=by_weights)))
    record = case.assess(case.proofs(further=(path,)))
    (said,) = [each for each in record.findings if each.check == "replay"]
    assert (record.tier, said.state) == ("T3", "not_assessable")
    assert "make it again" in said.why_not
    path = case.scores(z_per_token=0)
    scored = msgspec.json.decode(path.read_bytes(), type=RunFinding)
    unnamed = msgspec.structs.replace(scored, slice={"checkpoint": "checkpoint-10", "step": "11"})
    path.write_bytes(msgspec.json.encode(unnamed))
    with pytest.raises(EvidenceError, match="do not say of which run they are"):
        case.assess(case.proofs(further=(path,)))


def _unnamed(case: Case) -> Path:
    """A replay as an earlier version wrote it: of a checkpoint by name alone."""
    path = case.replay()
    finding = msgspec.json.decode(path.read_bytes(), type=RunFinding)
    earlier = msgspec.structs.replace(finding, slice={"from": finding.slice["from"]}, assurance="T4")
    path = case.place / "earlier.json"
    path.write_bytes(msgspec.json.encode(earlier))
    return path


def test_what_rests_on_an_opening_comes_out_again_with_it_and_says_so_without(
    case: Case, tmp_path: Path
) -> None:
    proofs = case.proofs(further=(case.canary(),))
    request = case.request_for(proofs=proofs)
    record = assess(case.run, request)
    folder = seal_assessment(tmp_path / "assessor", record, sealed_inputs(request), assessment_page)

    def state(given: Proofs) -> tuple[str, str]:
        found = verify_assessment(folder, Trusted(run=case.run.folder, proofs=given), assessment_page)
        (check,) = [each for each in found.checks if each.name == "recomputed"]
        return check.state, check.statement

    again = Proofs(challenge=proofs.challenge, opening=proofs.opening, trust=case.trust)
    assert state(again)[0] == "passed"
    assert state(Proofs())[0] == "not done"
    assert "keys of the developer's log" in state(msgspec.structs.replace(again, trust=None))[1]
    _edit_rollouts(case.run)
    assert state(again)[0] == "failed"
