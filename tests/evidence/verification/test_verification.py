"""A bundle verifies as it was made, and whatever was done to it, it does not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from modelassay.evidence.bundle import Bundle, gunzip, open_bundle
from modelassay.evidence.contents import pack_lines, sha256_hex, write_sums
from modelassay.evidence.events import AuditOpened, KeyRevoked, VerdictWithdrawn
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.verification import Check, Verification, verify_bundle
from modelassay.log.keys import new_key
from modelassay.log.note import TreeHead, vkey_of
from modelassay.log.proof import read_proof
from modelassay.log.trust import trust_in

if TYPE_CHECKING:
    from conftest import House


def failed(found: Verification) -> dict[str, Check]:
    return {check.name: check for check in found.checks if check.state == "failed"}


def with_file(bundle: Bundle, name: str, data: bytes) -> Bundle:
    return Bundle(bundle.place, {**bundle.files, name: data})


def resealed(bundle: Bundle, name: str, data: bytes) -> Bundle:
    """A forger's bundle: a changed file, and sums that fit it."""
    files = {**bundle.files, name: data}
    sums = {line[66:]: sha256_hex(files[line[66:]]) for line in files["SHA256SUMS"].decode().splitlines()}
    return Bundle(bundle.place, {**files, "SHA256SUMS": write_sums(sums)})


def test_as_made_it_verifies(house: House, bundle: Bundle) -> None:
    found = house.verify(bundle, folder=house.store / "log")
    assert not failed(found)
    assert found.state == "verified"
    not_done = {check.name for check in found.checks if check.state == "not done"}
    assert not_done == {"remembered", "waivers", "clearance"}
    assert found.exit_code == 0


def test_without_trust_it_is_intact_and_not_verified(bundle: Bundle) -> None:
    found = verify_bundle(bundle)
    assert found.intact
    assert found.state == "not verified"
    assert found.exit_code == 13
    not_done = {check.name for check in found.checks if check.state == "not done" and check.required}
    assert not_done == {"signatures", "tree heads", "results"}


@pytest.mark.parametrize("kept", ["keys", "log"])
def test_half_the_trust_is_not_enough(house: House, bundle: Bundle, kept: str) -> None:
    missing = {"log": None} if kept == "keys" else {"keys": ()}
    found = house.verify(bundle, **missing)
    assert found.intact
    assert found.state == "not verified"


def test_too_few_signers(house: House, bundle: Bundle) -> None:
    one = house.verify(bundle, keys=(house.first.public,), threshold=2)
    assert "signatures" in failed(one)
    assert house.verify(bundle, keys=(house.first.public,), threshold=1).state == "verified"


def test_a_key_given_twice_counts_once(house: House, bundle: Bundle) -> None:
    found = house.verify(bundle, keys=(house.first.public, house.first.public), threshold=2)
    assert "signatures" in failed(found)


def test_somebody_elses_keys(house: House, bundle: Bundle) -> None:
    other = new_key("ecdsa-p256", name="ci").public
    assert "signatures" in failed(house.verify(bundle, keys=(other,), threshold=1))
    stranger = vkey_of(new_key("ed25519", name="log.example/1").public)
    found = house.verify(bundle, log=trust_in([stranger], unwitnessed=True))
    assert "tree heads" in failed(found)


def test_without_a_witness_the_loss_is_said(house: House, bundle: Bundle) -> None:
    found = house.verify(bundle, log=trust_in([vkey_of(house.log.public)], unwitnessed=True))
    assert found.state == "verified"
    (heads,) = [check for check in found.checks if check.name == "tree heads"]
    assert "no witness is asked for" in heads.statement
    assert "were not checked" in heads.statement  # the cosignatures of a witness whose key was not given


def test_expired_is_told_apart(house: House, bundle: Bundle) -> None:
    found = house.verify(bundle, now=house.trust.now + timedelta(days=91))
    assert (found.state, found.expired, found.exit_code) == ("verified", True, 14)
    spoiled = with_file(bundle, "verdict.json", bundle.read("verdict.json").replace(b"2026", b"2096"))
    assert house.verify(spoiled, now=house.trust.now + timedelta(days=91)).exit_code == 13


def test_from_the_future(house: House, bundle: Bundle) -> None:
    found = house.verify(bundle, now=house.trust.now - timedelta(days=1))
    assert found.state == "not verified"
    assert "tree heads" in failed(found)


def test_scores_changed_and_everything_recounted(house: House, bundle: Bundle) -> None:
    """A forger without keys: digests fit, findings do not follow, and the logged sums differ."""
    lines = gunzip(bundle.read("scores.jsonl.gz"), where="").splitlines()
    lines[0] = lines[0].replace(b'"value":1.0', b'"value":0.0') if b"1.0" in lines[0] else lines[0][::-1]
    found = house.verify(resealed(bundle, "scores.jsonl.gz", pack_lines(lines)))
    assert {"files", "findings"} <= failed(found).keys()
    assert failed(found)["files"].where == "SHA256SUMS"
    assert "findings.json" in failed(found)["findings"].where


def test_reordered_scores_are_another_file(house: House, bundle: Bundle) -> None:
    lines = gunzip(bundle.read("scores.jsonl.gz"), where="").splitlines()
    moved = pack_lines([*lines[1:], lines[0]])
    assert (
        failed(house.verify(with_file(bundle, "scores.jsonl.gz", moved)))["files"].where == "scores.jsonl.gz"
    )


def test_swapped_answers(house: House, bundle: Bundle) -> None:
    lines = gunzip(bundle.read("transcripts.jsonl.gz"), where="").splitlines()
    lines[0], lines[1] = lines[1], lines[0]
    found = failed(house.verify(resealed(bundle, "transcripts.jsonl.gz", pack_lines(lines))))
    assert {"files", "answers", "closing"} <= found.keys()


def test_a_dropped_answer(house: House, bundle: Bundle) -> None:
    lines = gunzip(bundle.read("transcripts.jsonl.gz"), where="").splitlines()
    found = failed(house.verify(resealed(bundle, "transcripts.jsonl.gz", pack_lines(lines[:-1]))))
    assert found["answers"].where == "transcripts.jsonl.gz"


def test_a_kinder_verdict_does_not_follow(house: House, bundle: Bundle) -> None:
    verdict = msgspec.json.decode(bundle.read("verdict.json"))
    assert verdict["outcome"] != "deploy"
    record = msgspec.json.decode(bundle.read("audit.json"))
    verdict["outcome"] = record["verdict"]["outcome"] = "deploy"
    encoder = msgspec.json.Encoder(order="sorted")
    forged = resealed(bundle, "verdict.json", encoder.encode(verdict) + b"\n")
    forged = resealed(forged, "audit.json", encoder.encode(record) + b"\n")
    found = failed(house.verify(forged))
    assert "outcome: sealed" in found["verdict"].statement
    assert {"files", "closing", "statement"} <= found.keys()


def test_files_of_another_audit(house: House, bundle: Bundle) -> None:
    other = open_bundle(house.seal("another", candidate="another-candidate"))
    assert house.verify(other).state == "verified"
    for name in bundle.files:
        if bundle.read(name) == other.files[name]:
            continue
        found = house.verify(with_file(bundle, name, other.read(name)))
        assert found.state == "not verified", name
        assert any(name in check.where for check in failed(found).values()), name


def test_the_signed_verdict_of_other_weights(house: House, bundle: Bundle) -> None:
    other = open_bundle(house.seal("weights", candidate="other-weights"))
    swapped = {
        name: other.read(name) for name in other.files if name.startswith(("verdict.d", "verdict.s", "tests"))
    }
    found = house.verify(Bundle("", {**bundle.files, **swapped}))
    assert "about other weights" in failed(found)["statement"].statement


def test_every_file_must_be_there(house: House, folder: Path, tmp_path: Path, bundle: Bundle) -> None:
    for name in bundle.files:
        files = {**bundle.files}
        del files[name]
        found = house.verify(Bundle("", files))
        optional = name == "verdict.sigstore.json"
        assert found.state == ("verified" if optional else "not verified"), name


def test_withdrawn(new_house: Callable[[], House]) -> None:
    house = new_house()
    bundle = open_bundle(house.seal())
    ledger = Ledger(house.store, house.notary)
    log = house.store / "log"
    payload = msgspec.json.decode(bundle.read("log/issued.json"))["body"]["payload"]
    ledger.append(VerdictWithdrawn(audit="made-up-0123456789", payload=payload, reason="wrong data"))
    ledger.sign()
    found = house.verify(bundle, folder=log)
    assert found.state == "not verified"
    assert "wrong data" in failed(found)["withdrawal"].statement
    assert house.verify(bundle).state == "verified"  # a bundle cannot show its own withdrawal


@pytest.mark.parametrize(
    ("since", "counts"), [("2020-01-01T00:00:00Z", False), ("2096-01-01T00:00:00Z", True)]
)
def test_a_revoked_key(new_house: Callable[[], House], since: str, counts: bool) -> None:
    house = new_house()
    bundle = open_bundle(house.seal())
    ledger = Ledger(house.store, house.notary)
    ledger.append(KeyRevoked(key=house.first.public.key_id, reason="stolen", since=since))
    ledger.sign()
    found = house.verify(bundle, folder=house.store / "log")
    assert ("revocation" in failed(found)) is not counts
    assert (found.state == "verified") is counts


def test_an_audit_left_open_before_it(new_house: Callable[[], House]) -> None:
    house = new_house()
    first = house.seal()
    opened = msgspec.json.decode((first / "log/opened.json").read_bytes())["body"]
    forgotten = {**opened, "audit": "forgotten-0000000000", "attempt": 2}
    Ledger(house.store, house.notary).append(msgspec.convert(forgotten, AuditOpened))
    later = open_bundle(house.seal("later", line="made up", attempt=3))
    found = house.verify(later, folder=house.store / "log")
    assert "forgotten-0000000000" in failed(found)["attempts"].statement
    assert house.verify(open_bundle(first), folder=house.store / "log").state == "verified"


def test_other_verdicts_on_the_same_candidate_are_told(new_house: Callable[[], House]) -> None:
    house = new_house()
    first = house.seal("first", wanted=(0.97, 0.2))
    later, another = house.seal("later"), house.seal("another", candidate="another")
    said = {
        folder.name: next(
            check.statement
            for check in house.verify(open_bundle(folder), folder=house.store / "log").checks
            if check.name == "attempts"
        )
        for folder in (first, later, another)
    }
    outcome = msgspec.json.decode((first / "log/issued.json").read_bytes())["body"]["outcome"]
    assert outcome != "deploy"
    assert f"other verdicts on this candidate: {outcome} ({first.name}, for 'first')" in said[later.name]
    assert f"({later.name}, for 'later')" in said[first.name]
    assert "other verdicts" not in said[another.name]


def test_a_remembered_tree_head(house: House, bundle: Bundle) -> None:
    head = read_proof(bundle.read("proof.tlog-proof")).head
    assert house.verify(bundle, remembered=(head,)).state == "verified"
    fork = replace(head, root=bytes(32))
    assert "remembered" in failed(house.verify(bundle, remembered=(fork,)))
    longer = TreeHead(head.origin, head.size + 100, bytes(32))
    assert "log" in failed(house.verify(bundle, remembered=(longer,), folder=house.store / "log"))


def test_a_log_that_was_rewritten(house: House, bundle: Bundle, new_house: Callable[[], House]) -> None:
    """The same keys, another history."""
    other = new_house()
    other.first, other.second, other.log, other.witness = house.first, house.second, house.log, house.witness
    other.seal(samples=14)
    found = house.verify(bundle, folder=other.store / "log")
    assert failed(found).keys() >= {"log"}
    assert found.state == "not verified"


def test_a_copied_bundle_is_the_same(house: House, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    assert house.verify(open_bundle(tmp_path / "copy")).state == "verified"
