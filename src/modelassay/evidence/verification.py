"""Verify a bundle: everything that a stranger can check with the bundle, public keys and, maybe, the log.

Nothing else is needed: no model, no network, no store. Three questions are answered apart. Is the bundle
whole and does its verdict follow from its scores (`Verification.intact`)? Is it the word of keys that the
verifier trusts, in a log that somebody else has seen (`Verification.state`)? Does it still hold
(`Verification.expired`)?
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from modelassay.canonical import digest_bytes
from modelassay.errors import EvidenceError, ExitCode, ModelassayError
from modelassay.evidence import authenticity, judged_again, proofs, recompute, standing
from modelassay.evidence.bundle import ENVELOPE, SUMS, Bundle
from modelassay.evidence.chain import Chain, events_agree, links_hold
from modelassay.evidence.checks import Check, NotDoneError, perform
from modelassay.evidence.clearance import UNCLEARED, Clearance
from modelassay.evidence.clearance_files import clearance_of
from modelassay.evidence.commitments import CommittedFile
from modelassay.evidence.contents import Contents
from modelassay.evidence.ground import ground_of
from modelassay.evidence.integrity import committed_records, files_are_sealed
from modelassay.evidence.noise_floor import candidate_is_marked
from modelassay.evidence.parts import Place, RecordSet
from modelassay.evidence.questions import attacks_follow, samples_are_themselves
from modelassay.evidence.redrawn import drawing_follows
from modelassay.evidence.statements import read_verdict_statement
from modelassay.evidence.waivers import Waiver
from modelassay.log.dsse import Opened, read_envelope
from modelassay.log.note import TreeHead
from modelassay.log.signing import PublicKey
from modelassay.log.trust import CLOCK_SKEW_S, Trusted, TrustPolicy

State = Literal["verified", "verified (redacted)", "not verified"]
VALIDITY = "validity"
T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Whom the verifier believes, and what else is at hand."""

    keys: tuple[PublicKey, ...] = ()
    """Public keys of those whose verdicts count."""
    threshold: int = 1
    """How many of `keys` must have signed."""
    log: TrustPolicy | None = None
    """The log's key, its witnesses and their quorum."""
    folder: Path | None = None
    """A copy of the whole log."""
    remembered: tuple[TreeHead, ...] = ()
    """Tree heads of the log seen before, or had from elsewhere."""
    now: datetime = field(default_factory=_now)


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What verifying a bundle or a disclosure came to."""

    place: str
    audit: str = ""
    """Id; empty when it could not be read."""
    state: State
    expired: bool = False
    outcome: str = ""
    """Of the verdict, such as ``deploy``."""
    expires: str = ""
    """Date from which the verdict no longer holds."""
    withheld: dict[str, int] = {}
    """Number of records withheld, by file."""
    said: tuple[Waiver, ...] = ()
    """What people signed about the verdict; whether it counts is in the check of the clearance."""
    clearance: Clearance | None = None
    """Whether people cleared the verdict; None without the whole log, which alone can show it."""
    checks: tuple[Check, ...]
    heads: tuple[TreeHead, ...] = ()
    """Tree heads that are believed, for a verifier to remember."""

    @property
    def intact(self) -> bool:
        """Whether nothing that was looked at is wrong, whosever word it is."""
        return all(check.state != "failed" or check.name == VALIDITY for check in self.checks)

    @property
    def exit_code(self) -> ExitCode:
        """13 unless verified, 14 when verified and expired, else 0."""
        if self.state == "not verified":
            return ExitCode.UNVERIFIED
        return ExitCode.EXPIRED if self.expired else ExitCode.ALLOWED


def verify_bundle(bundle: Bundle, trust: Trust | None = None, *, stop_early: bool = False) -> Verification:
    """Check everything about `bundle`.

    Args:
        trust: without it nothing can come out as verified, only as intact.
        stop_early: say nothing but which check failed first.
    """
    with _no_garbage_collection():
        verifying = _Verifying(bundle, trust or Trust())
        checks: list[Check] = []
        for name, step in verifying.steps().items():
            checks.append(perform(name, step))
            if stop_early and checks[-1].state == "failed":
                return Verification(place=bundle.place, state="not verified", checks=tuple(checks))
        return verifying.conclude(tuple(checks))


def state_of(checks: tuple[Check, ...], *, redacted: bool) -> State:
    """`verified` when nothing failed, expiry apart, and every required check was made."""
    wrong = [c for c in checks if c.state == "failed" or (c.state == "not done" and c.required)]
    if any(check.name != VALIDITY for check in wrong):
        return "not verified"
    return "verified (redacted)" if redacted else "verified"


class _Verifying:
    """One verification under way; what several checks need is made once."""

    def __init__(self, bundle: Bundle, trust: Trust) -> None:
        self.bundle = bundle
        self.trust = trust
        self.contents = Contents(bundle)
        self.chain = Chain(bundle)

    def steps(self) -> Mapping[str, Callable[[], str]]:
        """Every check by name; what is wrong itself is looked at before what rests on it."""
        contents, chain = self.contents, self.chain
        return {
            "events": lambda: links_hold(chain, self.signed_place),
            "signatures": lambda: authenticity.signatures_hold(self.opened),
            "sigstore": lambda: authenticity.sigstore_agrees(self.bundle),
            "inclusion": lambda: proofs.lead_to_one_log(self.proved),
            "tree heads": lambda: proofs.belief(self.proved, self.heads),
            "files": self.files,
            "record": lambda: recompute.files_agree(contents),
            "samples": lambda: samples_are_themselves(contents),
            "attacks": lambda: attacks_follow(contents),
            "answers": lambda: recompute.answers_are_complete(contents),
            "parent": self.parent,
            "labels": lambda: judged_again.labels_fit(contents),
            "noise floor": lambda: candidate_is_marked(contents),
            "commitments": self.commitments,
            "closing": lambda: events_agree(contents, chain, self.records),
            "results": lambda: authenticity.results_agree(contents, chain, self.trust.keys),
            "statement": lambda: authenticity.statement_agrees(contents, chain),
            "waivers": lambda: authenticity.waivers_are_about_it(contents, self.trust.keys),
            "drawing": lambda: drawing_follows(contents, chain),
            "clearance": self.clearance,
            "findings": lambda: recompute.findings_follow(contents, contents.reviewed),
            "verdict": lambda: recompute.verdict_follows(contents, lambda: ground_of(contents, chain)),
            "examples": lambda: recompute.examples_are_real(contents),
            "remembered": self.remembered,
            "log": lambda: standing.has_the_audit(self.whole_log, chain),
            "attempts": lambda: standing.attempts_close(self.whole_log, chain),
            "withdrawal": lambda: standing.not_withdrawn(self.whole_log, self.payload),
            "revocation": self.revocation,
            VALIDITY: self.validity,
        }

    @cached_property
    def opened(self) -> Opened:
        """The envelope with the trusted keys that signed it."""
        return authenticity.open_signed(self.bundle, self.trust.keys, self.trust.threshold)

    @cached_property
    def payload(self) -> str:
        """Digest of what was signed."""
        return digest_bytes(read_envelope(self.bundle.read(ENVELOPE), where=ENVELOPE).payload)

    @cached_property
    def signed_place(self) -> Place | None:
        """What the verdict says of ``audit.closed``; None when that cannot be read."""
        try:
            envelope = read_envelope(self.bundle.read(ENVELOPE))
            return read_verdict_statement(envelope.payload).predicate.facts.closed
        except EvidenceError:
            return None  # the check of signatures tells why

    @cached_property
    def proved(self) -> tuple[proofs.Proved, ...]:
        """The events with their proofs."""
        return proofs.proofs_of(self.bundle, self.chain)

    @cached_property
    def heads(self) -> tuple[Trusted, ...]:
        """The tree heads of the proofs, believed."""
        return believed(self.proved, self.trust)

    @cached_property
    def records(self) -> Mapping[CommittedFile, RecordSet]:
        """What the commitments come to."""
        return committed_records(self.contents)

    @cached_property
    def whole_log(self) -> standing.WholeLog:
        """The log as it is now."""
        if self.trust.folder is None or self.trust.log is None:
            why = "no copy of the log was given; withdrawals, revoked keys and other attempts show only there"
            raise NotDoneError(why, required=False)
        heads = [each.head for each in self.proved]
        now = self.trust.now.timestamp()
        return standing.read_whole_log(
            self.trust.folder, self.trust.log, [*heads, *self.trust.remembered], now=now
        )

    def files(self) -> str:
        """The sums are those that were logged, and every file is as in the sums."""
        try:
            logged = self.chain.closed.body.sums
        except (NotDoneError, EvidenceError):
            logged = None  # the check of the events tells why
        if logged is not None and digest_bytes(self.bundle.read(SUMS)) != logged:
            raise EvidenceError("not the list of digests that was logged", where=SUMS)
        return files_are_sealed(self.contents)

    def parent(self) -> str:
        """The answers are those of the audit that is named; with the log, how its verdict stands."""
        said = judged_again.answers_are_the_parents(self.contents)
        log = or_none(lambda: self.whole_log)  # what is wrong with it, the checks of the log tell
        gone = standing.parent_withdrawn(log, self.chain) if log and self.contents.record.judged_again else ""
        return f"{said}; {gone}" if gone else said

    def commitments(self) -> str:
        """Every record has its commitment."""
        return ", ".join(f"{of.n:,} {file} under {of.root[:19]}…" for file, of in self.records.items())

    def remembered(self) -> str:
        """The tree heads here do not contradict those that the verifier knows."""
        if not self.trust.remembered:
            raise NotDoneError("no earlier tree head was given to compare with", required=False)
        if self.trust.folder is not None:
            size = self.whole_log.reader.size  # reading it holds it against every head
            return f"the log continues {len(self.trust.remembered)} earlier tree heads, up to {size:,}"
        for known in self.trust.remembered:
            for each in self.proved:
                if known.origin == each.head.origin and known.size == each.head.size:
                    if known.root != each.head.root:
                        raise EvidenceError(
                            "fork: not the remembered tree head of this size", where=each.file
                        )
                    return f"the tree head of {known.size:,} entries is the one that was remembered"
        raise NotDoneError(
            "the remembered tree head has another size; only a copy of the log shows whether both are of "
            "one history",
            required=self.trust.log is None or self.trust.log.quorum == "none",
        )

    def revocation(self) -> str:
        """The keys that signed were not revoked before."""
        log, threshold = self.whole_log, self.trust.threshold
        return standing.keys_count(log, self.payload, self.opened.signed_by, threshold)

    @cached_property
    def cleared(self) -> Clearance:
        """What people decided, as far as their keys are among those given."""
        log = self.whole_log
        return clearance_of(
            self.contents, log.standing, self.trust.keys, size=log.trusted.head.size, now=self.trust.now
        )

    def clearance(self) -> str:
        """Who let it be deployed, where the verdict leaves that to people; a gap makes no evidence wrong."""
        outcome = self.contents.verdict.outcome
        if outcome not in UNCLEARED:
            raise NotDoneError("the verdict leaves nothing to people", required=False)
        if not self.cleared.cleared:
            raise NotDoneError(self.cleared.sentence, required=False)
        return self.cleared.sentence

    def validity(self) -> str:
        """Today lies between issue and expiry."""
        verdict, now = self.contents.verdict, self.trust.now
        latest = (now + timedelta(seconds=CLOCK_SKEW_S)).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.contents.record.closed > latest:
            raise EvidenceError("the audit closed in the future; one of the clocks is wrong")
        if now.date() >= date.fromisoformat(verdict.expires):
            raise EvidenceError(f"expired on {verdict.expires}")
        return f"issued {verdict.issued}, holds until {verdict.expires}"

    def conclude(self, checks: tuple[Check, ...]) -> Verification:
        """What all of it comes to."""
        contents = self.contents
        record, verdict = or_none(lambda: contents.record), or_none(lambda: contents.verdict)
        redaction = or_none(lambda: contents.redaction)
        validity = next((check for check in checks if check.name == VALIDITY), None)
        heads = or_none(lambda: tuple(each.head for each in self.heads)) or ()
        log = or_none(lambda: self.whole_log)
        return Verification(
            place=self.bundle.place,
            audit=record.id if record else "",
            state=state_of(checks, redacted=redaction is not None),
            expired=validity is not None and validity.state == "failed",
            outcome=verdict.outcome if verdict else "",
            expires=verdict.expires if verdict else "",
            withheld={name: len(indexes) for name, indexes in redaction.records.items()} if redaction else {},
            said=or_none(lambda: authenticity.waivers_in(self.bundle)) or (),
            clearance=or_none(lambda: self.cleared),
            checks=checks,
            heads=(*heads, *([log.trusted.head] if log else [])),
        )


def believed(proved: Sequence[proofs.Proved], trust: Trust) -> tuple[Trusted, ...]:
    """The tree heads of `proved`, as `trust` asks.

    Raises:
        EvidenceError: names the proof.
        NotDoneError: no key of a log is given.
    """
    if trust.log is None:
        raise NotDoneError("the log's key was not given, so whose tree heads these are was not checked")
    return proofs.heads_are_believed(proved, trust.log, trust.now)


def or_none(read: Callable[[], T]) -> T | None:
    """What `read` gives; None when the evidence for it is missing or damaged, which a check tells."""
    try:
        return read()
    except (ModelassayError, NotDoneError, ValueError):
        return None


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Without the search for cycles: hundreds of thousands of records are made, and none is part of one."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
