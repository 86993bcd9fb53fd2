"""Who is let in, and who is not: every condition, broken one at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import modelassay.evidence.admission as admission_room
from modelassay.audit.seal import policy_bytes
from modelassay.canonical import canonical_json, digest_bytes
from modelassay.errors import EvidenceError, ExitCode, UsageError
from modelassay.evidence.admission import CONDITIONS, Admission, admit
from modelassay.evidence.admission_case import ScannedLog, SignedList
from modelassay.evidence.admission_files import load_trust_of, read_offer, scan_log
from modelassay.evidence.contents import sha256_hex
from modelassay.evidence.deployed import hash_deployed
from modelassay.evidence.events import (
    Body,
    Heartbeat,
    KeyRevoked,
    VerdictIssued,
    VerdictSigned,
    VerdictWithdrawn,
    WaiverWithdrawn,
    body_of,
    decode,
    encode,
    event_of,
)
from modelassay.evidence.revocations import LIST_TYPE, RevocationList, encode_list
from modelassay.evidence.statements import PAYLOAD_TYPE
from modelassay.log.dsse import add_signature, read_envelope, sign_envelope
from modelassay.log.keys import new_key, public_pem
from modelassay.log.note import parse_note
from modelassay.log.proof import prove, write_proof
from modelassay.log.reader import LogReader
from modelassay.log.writer import LogWriter
from modelassay.records import Actor, Outcome, Policy, ReviewItem, ReviewRule, RuleHit, Verdict

World = Any
Evidence = Any
PROMPT = "You are a careful assistant.\n"


def decide(
    world: World,
    evidence: Evidence,
    *,
    state: ScannedLog | SignedList | None = None,
    adapters: tuple[tuple[Path, str], ...] = (),
    parts: dict[str, Any] | None = None,
    granted: tuple[bytes, ...] = (),
    at: Any = None,
    target: str | None = None,
    **policy: Any,
) -> Admission:
    """The decision of this world's policy, with the evidence as it would lie on a disk."""
    folder = world.root / f"evidence-{len(list(world.root.glob('evidence-*')))}"
    return admit(
        read_offer(evidence.folder(folder, granted)),
        hash_deployed(world.model, adapters=adapters, **(parts or {})),
        load_trust_of(world.policy(**policy), world.root, target),
        state or scan_log(world.log_folder),
        now=at or world.now,
    )


def failed(admission: Admission) -> list[str]:
    return [condition.name for condition in admission.conditions if not condition.proved]


def refused(admission: Admission, condition: str, said: str, code: ExitCode = ExitCode.UNVERIFIED) -> None:
    """Refused for this and nothing that does not rest on it, with these words and this exit code."""
    assert not admission.admitted
    found = next(each for each in admission.conditions if each.name == condition)
    assert not found.proved
    assert said in found.statement
    others = [c for c in admission.conditions if not c.proved and c.name != condition]
    assert all("rests on what is not proved" in other.statement for other in others), others
    assert admission.exit_code == code


def listed(world: World, *, by: str = "ci", at: Any = None, **changes: Any) -> SignedList:
    """The log as a list that somebody drew up and signed."""
    scanned = scan_log(world.log_folder)
    moment = (at or world.now).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = {"time": moment, "head": scanned.checkpoint.decode(), "standing": scanned.standing} | changes
    payload = encode_list(RevocationList(**fields))
    return SignedList(envelope=sign_envelope(payload, LIST_TYPE, [world.keys[by]]))


def test_audited_weights_are_let_in_by_log_or_list(world: World) -> None:
    evidence = world.issue()
    admission = decide(world, evidence)
    assert admission.admitted
    assert admission.exit_code == ExitCode.ALLOWED
    assert admission.reasons == ()
    assert [c.name for c in admission.conditions] == list(CONDITIONS)
    assert (admission.audit, admission.outcome) == ("med-assist-0001", "deploy")
    assert decide(world, evidence, state=listed(world)).admitted


def test_the_documented_conditions_are_those_there_are() -> None:
    documented = [
        line.split("  ")[0] for line in (admission_room.__doc__ or "").splitlines() if "   " in line
    ]
    assert [name for name in documented if name] == list(CONDITIONS)


# What is deployed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: (model / "model.safetensors").write_text("weightz"), "differs: model.safetensors"),
        (
            lambda model: (model / "tokenizer.json").rename(model / "tokenizer2.json"),
            "missing: tokenizer.json",
        ),
        (lambda model: (model / "extra.py").write_text("x"), "extra: extra.py"),
        (lambda model: (model / ".hidden").write_text("x"), "extra: .hidden"),
        (lambda model: (model / "generation_config.json").unlink(), "missing: generation_config.json"),
    ],
)
def test_other_files_are_named(world: World, change: Callable[[Path], object], said: str) -> None:
    evidence = world.issue()
    change(world.model)
    refused(decide(world, evidence), "weights", said)


def test_a_link_in_the_weights_is_not_hashed(world: World, tmp_path: Path) -> None:
    evidence = world.issue()
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_bytes((world.model / "tokenizer.json").read_bytes())
    (world.model / "tokenizer.json").unlink()
    (world.model / "tokenizer.json").symlink_to(elsewhere)
    with pytest.raises(EvidenceError, match="is a link"):
        decide(world, evidence)


def test_adapters_count_with_order_and_weight(world: World) -> None:
    first, second = world.adapters
    both = ((first, "0.5"), (second, "1"))
    evidence = world.issue(adapters=both)
    assert decide(world, evidence, adapters=both).admitted
    assert decide(world, evidence, adapters=((first, "0.50"), (second, ""))).admitted
    refused(decide(world, evidence), "weights", "0 adapter(s) instead of 2")
    refused(decide(world, evidence, adapters=both[:1]), "weights", "1 adapter(s) instead of 2")
    refused(decide(world, evidence, adapters=both[::-1]), "weights", "in another order")
    refused(
        decide(world, evidence, adapters=((first, "0.7"), (second, "1"))),
        "weights",
        "weight 0.7 instead of 0.5",
    )
    (second / "adapter_model.safetensors").write_text("swapped")
    refused(decide(world, evidence, adapters=both), "weights", "adapter 2 second (differs: adapter_model")


def test_an_audit_of_the_base_alone_lets_no_adapter_in(world: World) -> None:
    evidence = world.issue()
    refused(
        decide(world, evidence, adapters=((world.adapters[0], "1"),)), "weights", "1 adapter(s) instead of 0"
    )


@pytest.mark.parametrize("part", ["system_prompt", "chat_template", "generation_config"])
def test_texts_beside_the_weights_count(world: World, tmp_path: Path, part: str) -> None:
    text, other = tmp_path / "text", tmp_path / "other"
    text.write_text(PROMPT)
    other.write_text(PROMPT + "Obey.")
    evidence = world.issue(parts={part: text})
    assert decide(world, evidence, parts={part: text}).admitted
    words = part.replace("_", " ")
    refused(decide(world, evidence, parts={part: other}), "weights", f"the {words} differs")
    said = "differs" if part == "generation_config" else "is none"  # the folder has one of its own
    refused(decide(world, evidence), "weights", f"the {words} {said}")
    refused(decide(world, world.issue(audit="bare"), parts={part: text}), "weights", f"the {words}")


def test_a_precision_that_was_not_audited_is_refused(world: World) -> None:
    evidence = world.issue(parts={"dtype": "bfloat16"})
    assert decide(world, evidence, parts={"dtype": "bfloat16"}).admitted
    refused(decide(world, evidence), "weights", "--dtype")


def test_a_verdict_on_a_served_name_lets_no_weights_in(world: World) -> None:
    change = {"predicate/urn:modelassay:verdict:1/composition/strength": "served name"}
    refused(decide(world, world.issue(change=change)), "weights", "rests on a served name")


# Where to, which line, when, under which policy


def test_a_verdict_for_another_target_or_line_is_refused(world: World) -> None:
    other = world.issue(target="https://elsewhere.example/")
    refused(decide(world, other), "target", "elsewhere")
    evidence = world.issue(audit="two")
    assert decide(world, evidence, line="med-assist").admitted
    refused(decide(world, evidence, line="chat"), "line", "'med-assist', not 'chat'")


def test_the_target_is_named_once(world: World) -> None:
    evidence = world.issue()
    trust = load_trust_of(world.policy(target=""), world.root, "https://models.example/med-assist")
    assert trust.target == "https://models.example/med-assist"
    with pytest.raises(UsageError, match="admits to"):
        load_trust_of(world.policy(), world.root, "https://elsewhere.example/")
    folder = evidence.folder(world.root / "e")
    deployed, state = hash_deployed(world.model), scan_log(world.log_folder)
    nowhere = load_trust_of(world.policy(target=""), world.root)
    refused(admit(read_offer(folder), deployed, nowhere, state, now=world.now), "target", "not for ''")


@pytest.mark.parametrize("days", [0, 1, 400])
def test_an_expired_verdict_is_refused_from_its_day_on(world: World, days: int) -> None:
    evidence = world.issue(expires="2026-12-21")
    then = world.now.replace(month=12, day=21, hour=0, minute=0) + timedelta(days=days)
    world.heartbeat(at=then)
    refused(decide(world, evidence, at=then), "period", "expired on 2026-12-21", ExitCode.EXPIRED)
    before = then - timedelta(days=days, seconds=1)
    world.heartbeat(at=before)
    assert decide(world, evidence, at=before).admitted


def test_a_verdict_from_the_future_is_refused(world: World) -> None:
    refused(decide(world, world.issue(issued="2026-11-23")), "period", "in the future")


def test_pinned_policies(world: World) -> None:
    evidence = world.issue()
    assert decide(world, evidence, policy_digests=("sha256:" + "5" * 64,)).admitted
    refused(decide(world, evidence, policy_digests=("sha256:" + "6" * 64,)), "policy", "not pinned")


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ("review", ExitCode.REVIEW),
        ("block", ExitCode.BLOCKED),
        ("inconclusive", ExitCode.INCONCLUSIVE),
    ],
)
def test_what_may_not_be_deployed_exits_with_the_verdict(world: World, outcome: str, code: ExitCode) -> None:
    refused(decide(world, world.issue(outcome=outcome)), "outcome", outcome, code)


def test_monitored_deployment_can_be_left_out(world: World) -> None:
    evidence = world.issue(outcome="deploy-monitored")
    accepted = (world.granted(evidence),)
    assert decide(world, evidence, granted=accepted, people=("anna.pub.pem",)).admitted
    refused(decide(world, evidence, outcomes=("deploy",)), "outcome", "deploy-monitored", ExitCode.REVIEW)


def test_what_does_not_verify_comes_before_what_expired_and_any_outcome(world: World) -> None:
    evidence = world.issue(outcome="block", expires="2026-11-20", issued="2026-08-22")
    admission = decide(world, evidence)
    assert failed(admission) == ["period", "outcome"]
    assert admission.exit_code == ExitCode.EXPIRED
    (world.model / "model.safetensors").write_text("other")
    admission = decide(world, evidence)
    assert failed(admission) == ["period", "outcome", "weights"]
    assert admission.exit_code == ExitCode.UNVERIFIED


@pytest.mark.parametrize(
    "change",
    [
        {"predicate/verificationResult": "PASSED"},
        {"predicate/verifiedLevels": ["MODELASSAY_GATE_PASSED"]},
    ],
)
def test_a_verdict_that_contradicts_itself_is_refused(world: World, change: dict[str, Any]) -> None:
    admission = decide(world, world.issue(outcome="block", change=change))
    assert failed(admission)[0] == "signatures"
    assert "of block" in admission.conditions[0].statement


# Signatures and keys


def test_signatures_of_other_keys_and_wrong_ones_are_refused(world: World) -> None:
    refused(decide(world, world.issue(signers=("release",))), "signatures", "signed by 0 of")
    evidence = world.issue(audit="two")
    plain = json.loads(evidence.envelope)
    plain["signatures"][0]["sig"] = json.loads(world.issue(audit="three").envelope)["signatures"][0]["sig"]
    evidence.envelope = canonical_json(plain) + b"\n"
    refused(decide(world, evidence), "signatures", "is not on these bytes")


def test_a_signature_of_an_unknown_kind_is_refused(world: World) -> None:
    evidence = world.issue()
    plain = json.loads(evidence.envelope)
    plain["signatures"][0] |= {"keyid": "ml-dsa-44:abc"}
    evidence.envelope = canonical_json(plain) + b"\n"
    refused(decide(world, evidence), "signatures", "a key id that is none")
    odd = new_key("ed25519", name="ed")
    (world.root / "odd.pub.pem").write_bytes(
        b"-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB\n-----END PUBLIC KEY-----\n"
    )
    with pytest.raises(EvidenceError, match="not a public key"):
        decide(world, world.issue(audit="two"), keys=("odd.pub.pem",))
    assert public_pem(odd.public)


def test_several_keys_and_a_person(world: World) -> None:
    two = {"keys": ("ci.pub.pem", "release.pub.pem"), "signatures": 2}
    refused(decide(world, world.issue(), **two), "signatures", "1 of the 2 keys, 2 needed")
    both = world.issue(audit="both", signers=("ci", "release"))
    assert decide(world, both, **two).admitted
    person = {"people": ("anna.pub.pem",), "person_required": True}
    refused(decide(world, both, **person), "person", "no person signed")
    both.envelope = add_signature(both.envelope, world.keys["anna"])
    assert decide(world, both, **person).admitted
    refused(
        decide(world, both, people=("watch.pub.pem",), person_required=True), "person", "no person signed"
    )


def test_a_persons_signature_is_no_substitute_for_the_pipelines(world: World) -> None:
    refused(
        decide(world, world.issue(signers=("anna",)), people=("anna.pub.pem",)), "signatures", "0 of the 1"
    )


def test_one_key_under_two_names_counts_once(world: World) -> None:
    (world.root / "again.pub.pem").write_bytes((world.root / "ci.pub.pem").read_bytes())
    with pytest.raises(UsageError, match="the same key"):
        decide(world, world.issue(), keys=("ci.pub.pem", "again.pub.pem"), signatures=2)


def revoke(world: World, name: str, since: str) -> None:
    world.log(KeyRevoked(key=world.keys[name].public.key_id, reason="stolen", since=since))


def test_a_revoked_key_counts_only_for_what_it_signed_before(world: World) -> None:
    before = world.issue(audit="before")
    revoke(world, "ci", "2026-11-21T13:00:00Z")
    assert decide(world, before).admitted
    refused(decide(world, world.issue(audit="after")), "keys", "the key of ci was revoked")
    revoke(world, "ci", "2026-11-01T00:00:00Z")
    refused(decide(world, before), "keys", "the key of ci was revoked")


def test_a_signature_added_with_a_stolen_key_to_an_old_verdict_does_not_count(world: World) -> None:
    person = {"people": ("anna.pub.pem",), "person_required": True}
    evidence = world.issue()
    evidence.envelope = add_signature(evidence.envelope, world.keys["anna"])
    revoke(world, "anna", "2026-11-21T13:00:00Z")
    refused(decide(world, evidence, **person), "person", "no person signed")


def test_a_signature_cannot_be_dated_back_behind_what_the_log_had_before(world: World) -> None:
    stolen = world.now
    world.heartbeat(at=world.later(hours=1))
    world.now = world.now - timedelta(hours=2)  # the thief's clock
    evidence = world.issue()
    world.now = world.now + timedelta(hours=4)
    since = stolen.strftime("%Y-%m-%dT%H:%M:%SZ")
    world.log(KeyRevoked(key=world.keys["ci"].public.key_id, reason="stolen", since=since))
    refused(decide(world, evidence), "keys", "the key of ci was revoked")


def test_a_logged_signature_outlives_its_key(world: World) -> None:
    person = {"people": ("anna.pub.pem",), "person_required": True}
    evidence = world.issue()
    evidence.envelope = add_signature(evidence.envelope, world.keys["anna"])
    key = world.keys["anna"].public.key_id
    world.log(VerdictSigned(audit=evidence.audit, payload=evidence.payload, key=key, holder="Anna"))
    revoke(world, "anna", "2026-11-21T13:00:00Z")
    assert decide(world, evidence, **person).admitted


def test_a_log_whose_own_key_was_revoked_is_refused(world: World) -> None:
    evidence = world.issue()
    world.log(KeyRevoked(key=world.log_key.public.key_id, reason="lost", since="2026-11-21T00:00:00Z"))
    refused(decide(world, evidence), "current", "the log's own key was revoked")


# Withdrawal, waiver


def test_a_withdrawn_verdict_is_refused_though_its_bundle_looks_as_before(world: World) -> None:
    evidence = world.issue()
    world.log(VerdictWithdrawn(audit=evidence.audit, payload=evidence.payload, reason="new jailbreak"))
    refused(decide(world, evidence), "standing", "withdrawn: new jailbreak")
    refused(decide(world, evidence, state=listed(world)), "standing", "withdrawn: new jailbreak")


def test_a_withdrawal_holds_for_whatever_is_signed_about_the_same_audit(world: World) -> None:
    evidence = world.issue()
    again = reissued(world, evidence)
    world.log(VerdictWithdrawn(audit=evidence.audit, payload=evidence.payload, reason="leaks data"))
    for each in (evidence, again, reissued(world, evidence, verifier="urn:modelassay:gate:3")):
        refused(decide(world, each), "standing", "withdrawn: leaks data")


def reissued(world: World, evidence: Evidence, verifier: str = "urn:modelassay:gate:2") -> Evidence:
    """Another verdict on the audit of `evidence`, signed and logged by who holds the pipeline's keys."""
    statement = json.loads(read_envelope(evidence.envelope).payload)
    statement["predicate"]["verifier"]["id"] = verifier
    payload = canonical_json(statement)
    body = body_of(decode(evidence.issued), VerdictIssued)
    (place,) = world.log(msgspec.structs.replace(body, payload=digest_bytes(payload)))
    log = LogReader(world.log_folder)
    return replace(
        evidence,
        envelope=sign_envelope(payload, PAYLOAD_TYPE, [world.keys["ci"]]),
        issued=log.entry(place.seq),
        proof=write_proof(prove(log, place.seq)),
        payload=digest_bytes(payload),
    )


def test_a_later_and_stricter_verdict_on_the_same_model_goes_before(world: World) -> None:
    evidence = world.issue()
    world.issue(audit="other-line", outcome="review", line="chat")
    assert decide(world, evidence, line="med-assist").admitted
    refused(decide(world, evidence), "line", "later verdict of the line 'chat' on the same model says review")
    later = world.issue(audit="later", outcome="block")
    refused(decide(world, evidence, line="med-assist"), "line", "later verdict on the same model says block")
    withdrawal = VerdictWithdrawn(audit="later", payload=later.payload, reason="wrong suite")
    unsigned(world, withdrawal)
    refused(decide(world, evidence, line="med-assist"), "line", "later verdict on the same model says block")
    world.heartbeat()  # signs what was written before
    assert decide(world, evidence, line="med-assist").admitted


def test_what_was_blocked_is_not_let_in_by_asking_again(world: World) -> None:
    blocked = world.issue(audit="first", outcome="block")
    passed = world.issue(audit="twentieth")
    refused(decide(world, passed), "line", "earlier verdict on the same model says block (audit first)")
    refused(decide(world, passed, state=listed(world)), "line", "earlier verdict")
    renamed = world.issue(audit="renamed", line="med-assist-2")
    refused(decide(world, renamed), "line", "earlier verdict of the line 'med-assist' on the same model")
    world.log(VerdictWithdrawn(audit="first", payload=blocked.payload, reason="wrong suite"))
    assert decide(world, passed).admitted
    assert decide(world, renamed).admitted


def test_an_earlier_review_may_be_answered_by_another_audit_and_is_told(world: World) -> None:
    world.issue(audit="first", outcome="review")
    (line,) = (c for c in decide(world, world.issue(audit="second")).conditions if c.name == "line")
    assert line.proved
    assert "1 other verdicts on the same model" in line.statement


def unsigned(world: World, *bodies: Body, at: Any = None) -> None:
    """Write events as somebody does who has no key."""
    time = (at or world.now).strftime("%Y-%m-%dT%H:%M:%SZ")
    with LogWriter(world.log_folder) as log:
        size = log.size
        events = [
            event_of(body, seq=seq, time=time, actor=Actor(name="x")) for seq, body in enumerate(bodies, size)
        ]
        log.append([encode(event) for event in events])
        log.publish()


ACCEPTED = {"people": ("anna.pub.pem",)}


def test_a_monitored_deployment_needs_a_logged_acceptance_of_its_risk(world: World) -> None:
    evidence = world.issue(outcome="deploy-monitored")
    refused(decide(world, evidence), "outcome", "nobody accepted its risk", ExitCode.REVIEW)
    unlogged = decide(world, evidence, granted=(world.waiver(evidence),), **ACCEPTED)
    refused(unlogged, "outcome", "not in the log", ExitCode.REVIEW)
    accepted = (world.granted(evidence),)
    admission = decide(world, evidence, granted=accepted, **ACCEPTED)
    assert admission.admitted
    assert admission.expires == "2026-12-01"
    by_list = decide(world, evidence, granted=accepted, state=listed(world), **ACCEPTED)
    assert by_list.admitted
    keyless = decide(world, evidence, granted=accepted)
    refused(keyless, "outcome", "no key of a person was given", ExitCode.REVIEW)
    refused(decide(world, evidence, **ACCEPTED), "outcome", "nobody accepted its risk", ExitCode.REVIEW)


def test_an_acceptance_holds_for_one_verdict_one_person_and_a_time(world: World) -> None:
    evidence = world.issue(outcome="deploy-monitored")
    other = world.issue(audit="two", outcome="deploy-monitored")
    accepted = world.granted(evidence)
    swapped = decide(world, evidence, granted=(world.granted(other),), **ACCEPTED)
    refused(swapped, "outcome", "about another verdict", ExitCode.REVIEW)
    longer = decide(world, evidence, granted=(world.waiver(evidence, expires="2027-01-01"),), **ACCEPTED)
    refused(longer, "outcome", "not in the log", ExitCode.REVIEW)
    by_omar = decide(world, evidence, granted=(world.granted(evidence, by="omar"),), **ACCEPTED)
    refused(by_omar, "outcome", "0 of the 1", ExitCode.REVIEW)
    then = world.now.replace(month=12, day=1)
    world.heartbeat(at=then)
    late = decide(world, evidence, granted=(accepted,), at=then, **ACCEPTED)
    refused(late, "outcome", "expired on 2026-12-01", ExitCode.REVIEW)
    world.log(
        WaiverWithdrawn(
            audit=evidence.audit,
            payload=evidence.payload,
            key=world.keys["anna"].public.key_id,
            reason="new facts",
        )
    )
    gone = decide(world, evidence, granted=(accepted,), **ACCEPTED)
    refused(gone, "outcome", "or was withdrawn", ExitCode.REVIEW)
    renewed = decide(world, evidence, granted=(world.granted(evidence, reason="checked"),), **ACCEPTED)
    assert renewed.admitted
    revoke(world, "anna", "2027-01-01T00:00:00Z")
    world.heartbeat()
    by_thief = decide(world, evidence, granted=(world.waiver(evidence, reason="checked"),), **ACCEPTED)
    refused(by_thief, "outcome", "anna was revoked", ExitCode.REVIEW)


def test_who_issued_a_verdict_accepts_no_risk(world: World) -> None:
    evidence = world.issue(outcome="deploy-monitored")
    own = decide(world, evidence, granted=(world.granted(evidence, by="ci"),), people=("ci.pub.pem",))
    refused(own, "outcome", "signed the verdict when it was issued", ExitCode.REVIEW)


@pytest.mark.parametrize("outcome", ["block", "inconclusive"])
def test_nobody_can_clear_a_block_or_too_little_evidence(world: World, outcome: str) -> None:
    evidence = world.issue(outcome=outcome)
    admission = decide(world, evidence, granted=(world.granted(evidence),), waivers=True, **ACCEPTED)
    assert failed(admission) == ["outcome"]


# A review, assessed and signed off

REVIEWED = {"people": ("anna.pub.pem", "omar.pub.pem"), "waivers": True}


def reviewed(
    world: World, rule: ReviewRule | None = None, held: tuple[RuleHit, ...] = (), **fields: Any
) -> Evidence:
    """A verdict of review with the sealed files that say what was flagged and who must sign."""
    item = ReviewItem(concern="category", finding="refusal/c4", state="not_shown", statement="c4 fell.")
    verdict = Verdict(
        outcome="review", literal="review", headline="Look.", decided_by=(), rules=held, review_items=(item,),
        issued="2026-11-21", expires="2027-02-19",
    )  # fmt: skip
    policy = Policy(review=rule or ReviewRule())
    files = {"verdict.json": canonical_json(verdict) + b"\n", "policy.json": policy_bytes(policy)}
    return world.issue(outcome="review", files=files, **fields)


def assessed(evidence: Evidence, left_out: str = "") -> str:
    """Puts a risk assessment beside `evidence`; its digest."""
    answers = {
        name: "" if name == left_out else "Seen and bounded."
        for name in ("Use", "category: refusal/c4", "Residual risk")
    }
    text = "".join(f"## {name}\n> asked\n\n{answer}\n" for name, answer in answers.items()).encode()
    evidence.files[f"assessments/{sha256_hex(text)}.md"] = text
    return digest_bytes(text)


def test_a_review_is_let_in_by_a_signed_off_assessment_alone(world: World) -> None:
    evidence = reviewed(world)
    refused(decide(world, evidence, **REVIEWED), "outcome", "no written risk assessment", ExitCode.REVIEW)
    bare = decide(world, evidence, granted=(world.granted(evidence),), **REVIEWED)
    refused(bare, "outcome", "it names none", ExitCode.REVIEW)
    text = assessed(evidence)
    signed = (world.granted(evidence, assessment=text),)
    assert decide(world, evidence, granted=signed, **REVIEWED).admitted
    closed = decide(world, evidence, granted=signed, people=REVIEWED["people"])
    refused(closed, "outcome", "says review", ExitCode.REVIEW)
    name, data = next((n, d) for n, d in evidence.files.items() if n.startswith("assessments/"))
    for forged in (data.replace(b"bounded", b"fine"), b""):
        evidence.files[name] = forged
        refused(
            decide(world, evidence, granted=signed, **REVIEWED), "outcome", "did not come", ExitCode.REVIEW
        )


def test_an_assessment_answers_everything_that_was_flagged(world: World) -> None:
    evidence = reviewed(world)
    signed = (world.granted(evidence, assessment=assessed(evidence, "category: refusal/c4")),)
    found = decide(world, evidence, granted=signed, **REVIEWED)
    refused(found, "outcome", "does not answer 'category: refusal/c4'", ExitCode.REVIEW)


@pytest.mark.parametrize(("outcome", "let_in"), [("inconclusive", False), ("deploy", True)])
def test_a_signed_off_assessment_makes_up_for_no_evidence(
    world: World, outcome: Outcome, let_in: bool
) -> None:
    hit = RuleHit(
        rule="evidence.required.red_team", finding="", literal="deploy", state="not_assessable",
        outcome=outcome, statement="The evidence that the policy requires on red team is missing.",
    )  # fmt: skip
    evidence = reviewed(world, held=(hit,))
    signed = (world.granted(evidence, assessment=assessed(evidence)),)
    found = decide(world, evidence, granted=signed, **REVIEWED)
    assert found.admitted is let_in
    if not let_in:
        said = "not enough evidence: The evidence that the policy requires on red team is missing; no word"
        refused(found, "outcome", said, ExitCode.REVIEW)


@pytest.mark.parametrize("name", ["verdict.json", "policy.json", "SHA256SUMS"])
def test_what_was_flagged_cannot_be_swapped(world: World, name: str) -> None:
    evidence = reviewed(world, ReviewRule(signoffs=2))
    signed = (world.granted(evidence, assessment=assessed(evidence)),)
    refused(decide(world, evidence, granted=signed, **REVIEWED), "outcome", "1 of 2", ExitCode.REVIEW)
    milder = reviewed(world, audit="two")
    evidence.files[name] = milder.files[name].replace(b"refusal/c4", b"refusal/c5") + b""
    if name == "verdict.json":
        refused(decide(world, evidence, granted=signed, **REVIEWED), "outcome", "was sealed")
    else:
        assert not decide(world, evidence, granted=signed, **REVIEWED).admitted


def test_sign_offs_are_of_different_persons_in_the_roles_asked_for(world: World) -> None:
    evidence = reviewed(world, ReviewRule(signoffs=2, roles=("safety",)))
    text = assessed(evidence)
    anna = world.granted(evidence, assessment=text)
    again = world.granted(evidence, assessment=text, reason="once more")
    alias = world.granted(evidence, by="omar", holder="Anna ", assessment=text)
    for words in ((anna,), (anna, again), (anna, alias)):
        found = decide(world, evidence, granted=words, **REVIEWED)
        refused(found, "outcome", "1 of 2 persons signed off", ExitCode.REVIEW)
    omar = world.granted(evidence, by="omar", assessment=text)
    found = decide(world, evidence, granted=(anna, omar), **REVIEWED)
    refused(found, "outcome", "nobody signed off as safety", ExitCode.REVIEW)
    safety = world.granted(
        evidence, by="omar", assessment=text, role="Safety", reason="r", expires="2026-11-25"
    )
    admission = decide(world, evidence, granted=(anna, omar, safety), **REVIEWED)
    assert admission.admitted
    assert admission.expires == "2026-11-25"


# The log, and what is known of withdrawals


def test_an_unlogged_verdict_is_refused(world: World) -> None:
    evidence, other = world.issue(), world.issue(audit="two", outcome="deploy-monitored")
    evidence.envelope = other.envelope
    refused(decide(world, evidence), "logged", "of another verdict")
    other.proof = evidence.proof
    refused(decide(world, other), "logged", "")


def test_a_log_without_witness_is_refused_unless_none_is_asked_for(world: World) -> None:
    evidence = world.issue()
    alone = parse_note(scan_log(world.log_folder).checkpoint)
    bare = bytes(type(alone)(alone.text, alone.signatures[:1]))
    head = evidence.proof.index(b"\n\n") + 2
    evidence.proof = evidence.proof[:head] + bare
    refused(decide(world, evidence), "logged", "too few witnesses")
    admission = decide(world, evidence, log="log.vkey")
    assert admission.admitted
    assert "no witness is asked for" in admission.conditions[3].statement


def test_an_old_tree_head_is_refused_by_its_cosignatures(world: World) -> None:
    evidence = world.issue()
    for state in (None, listed(world, at=world.later(hours=25))):
        stale = decide(world, evidence, state=state, at=world.later(hours=25))
        refused(stale, "current", "no quorum cosigned the tree head within 24h")
    edge = world.later(hours=24)
    assert decide(world, evidence, at=edge).admitted
    refused(decide(world, evidence, at=edge + timedelta(seconds=1)), "current", "within 24h")
    world.log(Heartbeat(), at=world.later(hours=24))
    assert decide(world, evidence, at=world.later(hours=25)).admitted


def test_without_witness_the_operators_clock_decides(world: World) -> None:
    evidence = world.issue()
    refused(decide(world, evidence, log="log.vkey", at=world.later(hours=25)), "current", "older than 24h")
    world.heartbeat(at=world.later(hours=20))
    assert decide(world, evidence, log="log.vkey", at=world.later(hours=25)).admitted


def test_an_event_that_nobody_signed_makes_no_log_young(world: World) -> None:
    evidence = world.issue()
    late = world.later(days=30)
    unsigned(world, Heartbeat(), at=late)
    refused(decide(world, evidence, log="log.vkey", at=late), "current", "older than 24h")


def test_clocks_may_differ_by_the_skew_and_no_more(world: World) -> None:
    world.now = world.later(minutes=4)
    evidence = world.issue()
    assert decide(world, evidence, at=world.later(minutes=-4)).admitted
    ahead = decide(world, evidence, at=world.later(minutes=-6))
    refused(ahead, "current", "no quorum cosigned")
    ahead = decide(world, evidence, log="log.vkey", at=world.later(minutes=-6))
    refused(ahead, "current", "in the future")
    refused(
        decide(world, evidence, at=world.later(minutes=-20)), "logged", "from the future"
    ) if False else None


def test_a_stale_or_future_list_is_refused_whatever_its_tree_head(world: World) -> None:
    evidence = world.issue()
    old = listed(world, at=world.later(hours=-25))
    refused(decide(world, evidence, state=old), "current", "older than 24h")
    ahead = listed(world, at=world.later(minutes=6))
    refused(decide(world, evidence, state=ahead), "current", "in the future")


def test_a_list_that_ends_before_the_verdict_is_refused(world: World) -> None:
    world.issue(audit="first")
    early = listed(world)
    evidence = world.issue(audit="second")
    refused(decide(world, evidence, state=early), "standing", "ends before entry")


def test_a_list_by_another_key_is_refused(world: World) -> None:
    evidence = world.issue()
    refused(decide(world, evidence, state=listed(world, by="release")), "current", "signed by 0 of")
    separate = {"revocation_keys": ("watch.pub.pem",)}
    assert decide(world, evidence, state=listed(world, by="watch"), **separate).admitted
    refused(decide(world, evidence, state=listed(world), **separate), "current", "signed by 0 of")


def test_a_forged_list_is_refused(world: World) -> None:
    evidence = world.issue()
    world.log(VerdictWithdrawn(audit=evidence.audit, payload=evidence.payload, reason="harm"))
    true = listed(world)
    for byte in range(0, len(true.envelope), 97):
        data = bytearray(true.envelope)
        data[byte] ^= 1
        assert not decide(world, evidence, state=SignedList(envelope=bytes(data))).admitted
    verdict = SignedList(envelope=evidence.envelope)
    refused(decide(world, evidence, state=verdict), "current", "the envelope holds")


def test_a_list_of_other_entries_than_its_tree_head_is_refused(world: World) -> None:
    evidence = world.issue()
    standing = scan_log(world.log_folder).standing
    world.log(VerdictWithdrawn(audit=evidence.audit, payload=evidence.payload, reason="harm"))
    refused(decide(world, evidence, state=listed(world, standing=standing)), "current", "its own tree head")


def test_a_list_signed_by_a_key_that_it_says_is_revoked_is_refused(world: World) -> None:
    evidence = world.issue()
    revoke(world, "ci", "2026-11-21T13:00:00Z")
    refused(decide(world, evidence, state=listed(world)), "current", "revoked keys alone")


def test_a_rolled_back_log_is_refused(world: World, tmp_path: Path) -> None:
    world.issue(audit="first")
    shutil.copytree(world.log_folder, tmp_path / "old")
    evidence = world.issue(audit="second")
    refused(decide(world, evidence, state=scan_log(tmp_path / "old")), "standing", "ends before entry")
    world.log(VerdictWithdrawn(audit="second", payload=evidence.payload, reason="harm"))
    shutil.copytree(world.log_folder, tmp_path / "newer")
    assert not decide(world, evidence).admitted


def test_a_rollback_past_the_withdrawal_fails_once_it_is_old(world: World, tmp_path: Path) -> None:
    evidence = world.issue()
    shutil.copytree(world.log_folder, tmp_path / "old")
    world.log(VerdictWithdrawn(audit=evidence.audit, payload=evidence.payload, reason="harm"))
    old = scan_log(tmp_path / "old")
    assert decide(world, evidence, state=old).admitted  # nobody can tell, within max_age
    refused(decide(world, evidence, state=old, at=world.later(hours=25)), "current", "within 24h")


def test_another_log_and_a_fork_do_not_know_the_verdict(world: World, tmp_path: Path) -> None:
    evidence = world.issue()
    world.log_folder = tmp_path / "fork"
    world.issue(audit="others")
    world.heartbeat()
    refused(decide(world, evidence), "standing", "does not know this verdict")


def test_a_verdict_whose_audit_was_never_opened_in_the_log_is_refused(world: World) -> None:
    evidence = world.issue()
    scanned = scan_log(world.log_folder)
    assert scanned.standing.issue_of(evidence.payload) is not None
    body = body_of(decode(evidence.issued), VerdictIssued)
    world.log_folder = world.root / "bare"
    world.log(body)
    reader = LogReader(world.log_folder)
    evidence.issued, evidence.proof = reader.entry(0), write_proof(prove(reader, 0))
    refused(decide(world, evidence), "standing", "not the audit behind it")


def test_a_log_that_was_never_signed_or_is_damaged_is_refused(world: World, tmp_path: Path) -> None:
    world.issue()
    with pytest.raises(EvidenceError, match="no log here"):
        scan_log(tmp_path / "nowhere")
    tile = next((world.log_folder / "tile/entries").rglob("*.p/*"))
    data = bytearray(tile.read_bytes())
    data[40] ^= 1
    tile.write_bytes(bytes(data))
    with pytest.raises(EvidenceError):
        scan_log(world.log_folder)


def test_a_withdrawal_that_no_tree_head_covers_yet_counts(world: World) -> None:
    evidence = world.issue()
    body = VerdictWithdrawn(audit=evidence.audit, payload=evidence.payload, reason="urgent")
    unsigned(world, body)
    refused(decide(world, evidence), "standing", "withdrawn: urgent")


def test_every_changed_byte_of_the_evidence_is_refused(world: World) -> None:
    evidence = world.issue()
    trust = load_trust_of(world.policy(), world.root)
    deployed, state = hash_deployed(world.model), scan_log(world.log_folder)
    offer = read_offer(evidence.folder(world.root / "e"))
    for name in ("envelope", "issued", "proof"):
        data = getattr(offer, name)
        for place in range(0, len(data), 7):
            changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            admission = admit(replace(offer, **{name: changed}), deployed, trust, state, now=world.now)
            assert not admission.admitted, (name, place)
            assert admission.exit_code == ExitCode.UNVERIFIED
