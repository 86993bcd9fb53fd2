"""A small world to admit in: a model with adapters, keys, a log with a witness, and verdicts in it.

Everything is real but the audit: statements are made by the product's own types, logged, signed and proved.
Cosignatures are made here from the specification (c2sp.org/tlog-cosignature), apart from the product.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelassay.canonical import canonical_json, digest_bytes
from modelassay.config import AdmissionPolicy
from modelassay.evidence.contents import sha256_hex, write_sums
from modelassay.evidence.deployed import hash_deployed
from modelassay.evidence.events import (
    AuditClosed,
    AuditOpened,
    Body,
    Heartbeat,
    VerdictIssued,
    WaiverGranted,
    encode,
    event_of,
)
from modelassay.evidence.parts import ModelRef, Order, Place, Records, RecordSet
from modelassay.evidence.statements import (
    PAYLOAD_TYPE,
    STATEMENT,
    SUMMARY,
    Described,
    Summary,
    TreeState,
    VerdictFacts,
    VerdictStatement,
    Verifier,
    subjects_of,
)
from modelassay.evidence.waivers import Waiver, waiver_payload
from modelassay.log.dsse import sign_envelope
from modelassay.log.keys import PemSigner, new_key, public_pem
from modelassay.log.merkle import leaf_hash
from modelassay.log.note import COSIGNATURE, SignatureLine, parse_note, vkey_of
from modelassay.log.proof import prove, write_proof
from modelassay.log.reader import LogReader
from modelassay.log.writer import LogWriter
from modelassay.records import Actor

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
TARGET = "https://models.example/med-assist"
SOME = "sha256:" + "5" * 64


def instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Evidence:
    """What an issue leaves behind."""

    envelope: bytes
    issued: bytes
    proof: bytes
    payload: str
    audit: str
    files: dict[str, bytes] = field(default_factory=dict)
    """What a review needs besides: sealed files with their list, and risk assessments."""

    def folder(self, path: Path, waivers: tuple[bytes, ...] = ()) -> Path:
        """The smallest evidence as files."""
        (path / "log").mkdir(parents=True)
        (path / "verdict.dsse.json").write_bytes(self.envelope)
        (path / "log/issued.json").write_bytes(self.issued)
        (path / "proof.tlog-proof").write_bytes(self.proof)
        for name, data in self.files.items():
            (path / name).parent.mkdir(exist_ok=True)
            (path / name).write_bytes(data)
        for number, waiver in enumerate(waivers, 1):
            (path / "waivers").mkdir(exist_ok=True)
            (path / f"waivers/{number}.dsse.json").write_bytes(waiver)
        return path


@dataclass
class World:
    """Keys, a model and a log; time stands still unless a test moves it."""

    root: Path
    now: datetime = NOW
    keys: dict[str, PemSigner] = field(default_factory=dict)
    log_key: PemSigner = field(default_factory=lambda: new_key("ed25519", name="log.example/store"))
    witness: PemSigner = field(default_factory=lambda: new_key("ed25519", name="witness.example"))
    log_folder: Path = Path()

    def __post_init__(self) -> None:
        self.log_folder = self.root / "log"
        for name in ("ci", "release", "anna", "omar", "watch"):
            self.keys[name] = new_key("ecdsa-p256", name=name)
            (self.root / f"{name}.pub.pem").write_bytes(public_pem(self.keys[name].public))
        (self.root / "log.vkey").write_text(f"{vkey_of(self.log_key.public)}\n")
        witness = vkey_of(self.witness.public, key_type=COSIGNATURE)
        (self.root / "trust.txt").write_text(
            f"log {vkey_of(self.log_key.public)}\nwitness w {witness}\nquorum w\n"
        )
        self.model = _folder(self.root / "model", {"model.safetensors": "weights", "tokenizer.json": "{}"})
        (self.model / "config.json").write_text('{"dtype": "float32"}')
        (self.model / "generation_config.json").write_text('{"temperature": 0}')
        self.adapters = [
            _folder(self.root / name, {"adapter_model.safetensors": name, "adapter_config.json": "{}"})
            for name in ("first", "second")
        ]

    def policy(self, **changes: Any) -> AdmissionPolicy:
        """An admission policy of this world."""
        fields = {"version": 1, "keys": ("ci.pub.pem",), "log": "trust.txt", "target": TARGET} | changes
        return AdmissionPolicy(**fields)

    def log(self, *bodies: Body, at: datetime | None = None) -> list[Place]:
        """Log events and publish a cosigned tree head."""
        with LogWriter(self.log_folder) as log:
            first = log.size
            entries = [
                encode(event_of(body, seq=first + n, time=instant(at or self.now), actor=Actor(name="ci")))
                for n, body in enumerate(bodies)
            ]
            log.append(entries)
            note = log.publish(self.log_key, origin="log.example/store")
            assert note is not None
            log.add_signatures([self.cosignature(note, at or self.now)])
        return [
            Place(seq=first + n, leaf="sha256:" + leaf_hash(entry).hex()) for n, entry in enumerate(entries)
        ]

    def heartbeat(self, at: datetime | None = None) -> None:
        """Nothing happened."""
        self.log(Heartbeat(), at=at)

    def cosignature(self, note: bytes, at: datetime, by: PemSigner | None = None) -> SignatureLine:
        """The witness's cosignature/v1 on a tree head."""
        signer = by or self.witness
        vkey = vkey_of(signer.public, key_type=COSIGNATURE)
        time = int(at.timestamp())
        message = b"cosignature/v1\ntime %d\n" % time + parse_note(note).text
        return SignatureLine(vkey.name, vkey.key_id, struct.pack(">Q", time) + signer.sign(message))

    def issue(
        self,
        *,
        audit: str = "med-assist-0001",
        outcome: str = "deploy",
        line: str = "med-assist",
        target: str = TARGET,
        signers: tuple[str, ...] = ("ci",),
        adapters: tuple[tuple[Path, str], ...] = (),
        expires: str = "2027-02-19",
        issued: str = "2026-11-21",
        parts: dict[str, Any] | None = None,
        change: dict[str, Any] | None = None,
        files: dict[str, bytes] | None = None,
    ) -> Evidence:
        """An audit, opened, closed and decided; everything about it logged."""
        listed = write_sums({name: sha256_hex(data) for name, data in sorted((files or {}).items())})
        sums = digest_bytes(listed if files else audit.encode())
        deployed = hash_deployed(self.model, adapters=adapters, **(parts or {}))
        candidate = ModelRef(reference="hf:model", fingerprint=deployed.model.digest, strength="weights")
        baseline = ModelRef(reference="hf:base", fingerprint=SOME, strength="weights")
        (opened,) = self.log(
            AuditOpened(
                audit=audit, name=line, line=line, attempt=1, plan=SOME, policy=SOME,
                order=Order(seed=1, questions=1, digest=SOME), datasets=(), evaluators=(),
                baseline=baseline, candidate=candidate,
            )
        )  # fmt: skip
        (closed,) = self.log(
            AuditClosed(
                audit=audit, opened=opened, finished=instant(self.now), sums=sums,
                records=Records(samples=RecordSet(n=1, root=SOME), transcripts=RecordSet(n=2, root=SOME)),
                baseline=baseline, candidate=candidate, datasets=(), evaluators=(), results=(),
                findings=SOME, verdict=SOME, policy=SOME,
            )
        )  # fmt: skip
        passed = outcome in ("deploy", "deploy-monitored")
        facts = VerdictFacts(
            audit=audit, outcome=outcome, literal=outcome, headline="As tested.", issued=issued,
            expires=expires, composition=deployed.composition, closed=closed,
            sums=sums, tree=TreeState(size=closed.seq + 1, root=SOME),
        )  # fmt: skip
        statement = VerdictStatement(
            type=STATEMENT,
            subject=subjects_of(deployed.identity),
            predicate_type=SUMMARY,
            predicate=Summary(
                verifier=Verifier(id="urn:modelassay:gate:1", version={"modelassay": "1"}),
                time_verified=instant(self.now),
                resource_uri=target,
                policy=Described(uri="policy.json", digest={"sha256": SOME[7:]}),
                input_attestations=(),
                verification_result="PASSED" if passed else "FAILED",
                verified_levels=("MODELASSAY_GATE_PASSED",) if passed else ("FAILED",),
                facts=facts,
            ),
        )
        plain = msgspec.to_builtins(statement)
        for path, value in (change or {}).items():
            holder, *inner = path.split("/")
            place = plain
            for key in (holder, *inner)[:-1]:
                place = place[key]
            place[(holder, *inner)[-1]] = value
        payload = canonical_json(plain)
        envelope = sign_envelope(payload, PAYLOAD_TYPE, [self.keys[name] for name in signers])
        (place,) = self.log(
            VerdictIssued(
                audit=audit, closed=closed, payload=digest_bytes(payload), outcome=outcome, expires=expires,
                sums=facts.sums, signers=tuple(self.keys[name].public.key_id for name in signers),
            )
        )  # fmt: skip
        reader = LogReader(self.log_folder)
        return Evidence(
            envelope=envelope,
            issued=reader.entry(place.seq),
            proof=write_proof(prove(reader, place.seq)),
            payload=digest_bytes(payload),
            audit=audit,
            files={"SHA256SUMS": listed, **files} if files else {},
        )

    def waiver(self, evidence: Evidence, *, by: str = "anna", **changes: Any) -> bytes:
        """A person's signed waiver; not logged."""
        fields = {
            "audit": evidence.audit, "verdict": evidence.payload, "holder": by, "reason": "low risk",
            "granted": instant(self.now), "expires": "2026-12-01",
        }  # fmt: skip
        payload = waiver_payload(Waiver(**(fields | changes)))
        return sign_envelope(payload, PAYLOAD_TYPE, [self.keys[by]])

    def granted(self, evidence: Evidence, *, by: str = "anna", **changes: Any) -> bytes:
        """A person's signed waiver, logged."""
        fields = {
            "audit": evidence.audit, "payload": evidence.payload, "holder": by,
            "key": self.keys[by].public.key_id, "reason": "low risk", "expires": "2026-12-01",
        }  # fmt: skip
        self.log(WaiverGranted(**(fields | changes)))
        return self.waiver(evidence, by=by, **changes)

    def later(self, **time: int) -> datetime:
        """So much after now."""
        return self.now + timedelta(**time)


def _folder(path: Path, files: dict[str, str]) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text)
    return path


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)
