"""One admission's inputs, each read and verified once, when a condition first needs it.

What failed once is not said twice: a condition that rests on it says so instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from modelassay.canonical import digest_bytes
from modelassay.config import AdmissionPolicy
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import SUMS, Bundle
from modelassay.evidence.clearance import Clearance, Hearing, hear
from modelassay.evidence.contents import Contents, sha256_hex
from modelassay.evidence.deployed import Deployed
from modelassay.evidence.events import VerdictIssued, body_of, decode
from modelassay.evidence.revocations import (
    LIST_TYPE,
    Issued,
    RevocationList,
    Revoked,
    Standing,
    decode_list,
    draw_up,
    hexadecimal,
)
from modelassay.evidence.statements import PAYLOAD_TYPE, VerdictStatement, read_verdict_statement
from modelassay.log.cosignature import CosignatureVerifier
from modelassay.log.dsse import Opened, open_envelope, read_envelope
from modelassay.log.keys import public_of
from modelassay.log.merkle import leaf_hash
from modelassay.log.note import OpenedNote, TreeHead
from modelassay.log.proof import read_proof
from modelassay.log.signing import PublicKey
from modelassay.log.trust import NONE, TrustPolicy
from modelassay.records import Event, Policy, Verdict

T = TypeVar("T")
_FLAGGED = ("verdict.json", "policy.json")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The evidence that comes with the weights, as bytes."""

    envelope: bytes
    """``verdict.dsse.json``."""
    issued: bytes
    """``log/issued.json``, the entry of the verdict's issue."""
    proof: bytes
    """``proof.tlog-proof`` of that entry."""
    waivers: tuple[bytes, ...] = ()
    """``waivers/<n>.dsse.json``."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What a review needs besides: ``SHA256SUMS``, ``verdict.json``, ``policy.json`` and risk assessments."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """An admission policy with the keys that it names."""

    policy: AdmissionPolicy
    target: str
    """Where this deployment goes."""
    keys: tuple[PublicKey, ...]
    people: tuple[PublicKey, ...] = ()
    revocation_keys: tuple[PublicKey, ...]
    log: TrustPolicy
    """The log's key, its witnesses, and how many of them must have signed."""


@dataclass(frozen=True, kw_only=True)
class ScannedLog:
    """A whole log, read just now."""

    standing: Standing
    """Of all its entries, also those that no signed tree head covers yet: whoever can write files can add
    such entries, so they may refuse and never let in."""
    newest: str
    """Time of the last event under the signed tree head; empty when that covers none."""
    checkpoint: bytes
    """Its signed tree head."""
    root_at_head: str
    """Root over as many of the entries read as `checkpoint` counts."""


@dataclass(frozen=True, kw_only=True)
class SignedList:
    """A list that somebody else drew up, as it was signed."""

    envelope: bytes


class Known(NamedTuple):
    """What is known of withdrawals, genuine and young."""

    standing: Standing
    size: int
    """Entries under the signed tree head."""
    sentence: str


class Logged(NamedTuple):
    """The verdict's issue, proved to be in the log."""

    event: Event
    body: VerdictIssued
    leaf: str


class NotYetProvedError(EvidenceError):
    """A condition that rests on another one, which is not proved and says why."""

    def __init__(self, condition: str) -> None:
        super().__init__(f"rests on what is not proved: {condition}")


class Case:
    """The inputs of one decision.

    Args:
        offer: the evidence.
        deployed: what will be loaded, hashed.
        trust: the policy with its keys.
        state: where withdrawals are known from.
        now: in UTC.
    """

    def __init__(
        self, offer: Offer, deployed: Deployed, trust: Trust, state: ScannedLog | SignedList, now: datetime
    ) -> None:
        self.offer = offer
        self.deployed = deployed
        self.trust = trust
        self.state = state
        self.now = now.astimezone(UTC)
        self._results: dict[str, Any] = {}

    @property
    def latest(self) -> datetime:
        """What other clocks may say at most."""
        return self.now + timedelta(seconds=self.trust.policy.clock_skew_s)

    @property
    def earliest(self) -> datetime:
        """The oldest time that still counts as young."""
        return self.now - timedelta(seconds=self.trust.policy.max_age_s)

    @property
    def _seconds(self) -> float:
        return self.now.timestamp()

    @property
    def log_keys(self) -> frozenset[str]:
        """Ids of the keys that may sign the log's tree heads."""
        return frozenset(public_of(log.vkey.ed25519, name=log.name).key_id for log in self.trust.log.logs)

    @property
    def signed(self) -> Opened:
        """The verdict's envelope, with the keys of the policy and of persons that signed it."""
        keys = (*self.trust.keys, *self.trust.people)
        return self._once(
            "signatures",
            lambda: open_envelope(
                self.offer.envelope, keys, payload_type=PAYLOAD_TYPE, where="verdict.dsse.json"
            ),
        )

    @property
    def payload(self) -> str:
        """Digest of the signed statement."""
        return digest_bytes(self.signed.payload)

    @property
    def statement(self) -> VerdictStatement:
        """The verdict that was signed."""
        return self._once(
            "signatures", lambda: _consistent(read_verdict_statement(self.signed.payload)), "verdict"
        )

    @property
    def logged(self) -> Logged:
        """The issue of exactly this verdict, in the log."""
        return self._once("logged", self._prove_logged)

    @property
    def known(self) -> Known:
        """What is known of withdrawals."""
        return self._once("current", self._prove_current)

    @property
    def revocation_list(self) -> RevocationList:
        """What is known, as a list of now; for engines that read nothing else."""
        known = self.known
        if isinstance(self.state, ScannedLog):
            return draw_up(known.standing, self.state.checkpoint, time=self.now.strftime(_TIME))
        return decode_list(read_envelope(self.state.envelope).payload)

    @property
    def issue(self) -> Issued:
        """This very issue, as the list knows it."""
        return self._once("standing", self._prove_issue)

    @property
    def clearance(self) -> Clearance:
        """What the people of the policy decided about this verdict."""
        return self._once("outcome", self._hear, "clearance")

    def revocations_of(self, key: str) -> tuple[Revoked, ...]:
        """Revocations of a key after which its signature on this verdict counts no more."""
        return self.known.standing.revocations_of(self.payload, key)

    def _hear(self) -> Clearance:
        facts, known = self.statement.predicate.facts, self.known
        decided, policy = self._flagged(facts.sums) if facts.outcome == "review" else (None, Policy())
        return hear(
            Hearing(
                verdict=self.payload,
                outcome=facts.outcome,
                expires=facts.expires,
                people=self.trust.people,
                issuers=frozenset(self.logged.body.signers),
                standing=known.standing,
                size=known.size,
                today=self.now.date(),
                latest=self.latest.strftime(_TIME),
                waivers=self.offer.waivers,
                assessments={digest_bytes(data): data for data in self.offer.files.values()},
                decided=decided,
                rule=policy.review,
            )
        )

    def _flagged(self, sums: str) -> tuple[Verdict | None, Policy]:
        """What was flagged for people, and who must sign that off: sealed files, by the digest that the
        verdict's signers put their name to.

        Raises:
            EvidenceError: other files than those that were sealed.
        """
        files = self.offer.files
        if not {SUMS, *_FLAGGED} <= files.keys():
            return None, Policy()
        contents = Contents(Bundle("the evidence", files))
        if digest_bytes(files[SUMS]) != sums:
            raise EvidenceError("not the list of digests that was signed", where=SUMS)
        for name in _FLAGGED:
            if sha256_hex(files[name]) != contents.sums.get(name):
                raise EvidenceError("not the file that was sealed", where=name)
        return contents.verdict, contents.policy

    def _prove_logged(self) -> Logged:
        statement = self.statement
        proof = read_proof(self.offer.proof)
        self.trust.log.judge(proof.verify(self.offer.issued, self.trust.log.verifiers), now=self._seconds)
        event = decode(self.offer.issued)
        body = body_of(event, VerdictIssued)
        facts = statement.predicate.facts
        if event.seq != proof.index:
            raise EvidenceError(
                f"entry {proof.index} says that it is entry {event.seq}", where="log/issued.json"
            )
        said = (body.payload, body.audit, body.outcome, body.expires, body.sums, body.closed)
        signed = (self.payload, facts.audit, facts.outcome, facts.expires, facts.sums, facts.closed)
        if said != signed:
            raise EvidenceError("the logged issue is of another verdict", where="log/issued.json")
        return Logged(event, body, hexadecimal(leaf_hash(self.offer.issued)))

    def _prove_current(self) -> Known:
        if isinstance(self.state, ScannedLog):
            return self._of_log(self.state)
        return self._of_list(self.state)

    def _of_log(self, state: ScannedLog) -> Known:
        head = self._young(state.checkpoint, state.newest, "the log's newest event")
        if hexadecimal(head.root) != state.root_at_head or state.standing.size < head.size:
            raise EvidenceError("what was read is not the log that its tree head says")
        return Known(state.standing, head.size, f"the whole log of {head.size} entries was read")

    def _of_list(self, state: SignedList) -> Known:
        keys = self.trust.revocation_keys
        opened = open_envelope(
            state.envelope, keys, payload_type=LIST_TYPE, where="list of withdrawn verdicts"
        )
        listed = decode_list(opened.payload)
        self._require_young(listed.time, "the list of withdrawn verdicts")
        head = self._young(listed.head.encode(), listed.time, "the list of withdrawn verdicts")
        standing = listed.standing
        if (standing.size, standing.root) != (head.size, hexadecimal(head.root)):
            raise EvidenceError("the list of withdrawn verdicts is not of its own tree head")
        revoked = {gone.key for gone in standing.revoked}
        signers = [key.name for key in opened.signed_by if key.key_id not in revoked]
        if not signers:
            raise EvidenceError("the list of withdrawn verdicts is signed by revoked keys alone")
        return Known(
            standing, head.size, f"{head.size} entries, listed at {listed.time} by {', '.join(signers)}"
        )

    def _young(self, checkpoint: bytes, stated: str, what: str) -> TreeHead:
        """The tree head in `checkpoint`, which is young: by its witnesses, else by the operator's word."""
        log = self.trust.log
        trusted = log.open_head(checkpoint, now=self._seconds, where="the log's tree head")
        if log.quorum == NONE:
            self._require_young(stated, what)
            return trusted.head
        first, last = self.earliest.timestamp(), self.latest.timestamp()
        old = [
            CosignatureVerifier(witness.vkey)
            for witness in log.witnesses
            if not first <= trusted.witnesses.get(witness.name, 0) <= last
        ]
        lines = (line for line in trusted.note.verified if not any(line.is_of(key) for key in old))
        try:
            return log.judge(OpenedNote(trusted.note.note, tuple(lines)), now=self._seconds).head
        except EvidenceError as error:
            raise EvidenceError(
                f"no quorum cosigned the tree head within {self.trust.policy.max_age}: {error.what}",
                mend="have the log cosigned anew: `modelassay log heartbeat --witness …`",
            ) from error

    def _require_young(self, time: str, what: str) -> None:
        said = _instant(time, what)
        if said > self.latest:
            raise EvidenceError(f"{what} is of {time}, which is in the future", mend="set the clocks right")
        if said < self.earliest:
            age = self.trust.policy.max_age
            raise EvidenceError(
                f"{what} is of {time}, older than {age}",
                mend="fetch a new one; `modelassay log heartbeat` or `verdict revocations` makes it",
            )

    def _prove_issue(self) -> Issued:
        logged, known = self.logged, self.known
        if logged.event.seq >= known.size:
            raise EvidenceError(
                f"what is known of withdrawals ends before entry {logged.event.seq}, the verdict's issue",
                mend="fetch a newer log or list",
            )
        for issued in known.standing.issued:
            place = (issued.payload, issued.place.seq, issued.place.leaf)
            if place == (self.payload, logged.event.seq, logged.leaf):
                return issued
        raise EvidenceError(
            "the log that withdrawals are known from does not know this verdict, or not the audit behind it",
            mend="both must be of the same log; if they are, the log was forked: tell whoever relies on it",
        )

    def _once(self, condition: str, make: Callable[[], T], part: str = "") -> T:
        """What `make` gives, made once; after a first failure, `NotYetProvedError`."""
        key = f"{condition} {part}"
        if key not in self._results:
            try:
                self._results[key] = make()
            except EvidenceError:
                self._results[key] = NotYetProvedError(condition)
                raise
        result = self._results[key]
        if isinstance(result, NotYetProvedError):
            raise result
        return result  # type: ignore[no-any-return]


def _consistent(statement: VerdictStatement) -> VerdictStatement:
    """`statement` when its result, levels and outcome do not contradict each other."""
    summary = statement.predicate
    passed = summary.facts.outcome in ("deploy", "deploy-monitored")
    if passed != (summary.verification_result == "PASSED") or passed == ("FAILED" in summary.verified_levels):
        raise EvidenceError(
            f"the verdict says {summary.verification_result} of {summary.facts.outcome}",
            where="verdict.dsse.json",
        )
    return statement


def _instant(time: str, what: str) -> datetime:
    try:
        return datetime.strptime(time, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise EvidenceError(f"{what} has no time", mend="log a heartbeat first") from error
