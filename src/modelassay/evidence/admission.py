"""May these weights be deployed here, now? Yes only when every condition is proved.

The conditions, all there are; what cannot be proved refuses, and every reason is said:

signatures   enough different keys of the policy signed exactly these bytes of the verdict
person       a person's key signed them too, when the policy asks for it
logged       the verdict's issue is in the log, under a tree head that the log and enough witnesses signed
current      what is known of withdrawals is complete, genuine, and younger than the policy's `max_age`
standing     that list knows this very issue and the audit behind it, and no withdrawal of it
keys         leaving out keys revoked before they are known to have signed, the signatures still suffice
target       the verdict is for this place
line         it belongs to the release line, and no other verdict on the same model there (anywhere, when the
             policy names no line) refuses it: a block, or a later review
policy       it was reached under one of the pinned audit policies
period       it was issued already and has not expired
outcome      it is of a kind that the policy lets in, and people cleared it where it needs them: a risk
             acceptance for `deploy-monitored`, a signed-off risk assessment for `review`, which clears
             none that lacks evidence (`clearance`)
weights      what is about to be deployed is exactly what was audited

What makes a tree head young: the times of its cosignatures, when the trust policy has witnesses: so many
of them as make up the quorum must be young, by clocks that the log's operator does not hold. Without
witnesses nobody but the operator says when it was, in the signed list's time or that of the log's newest
event (a heartbeat, where nothing else happens). A signed list must be young by its own time as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

import msgspec

from modelassay.errors import EvidenceError, ExitCode, ModelassayError
from modelassay.evidence.admission_case import Case, NotYetProvedError, Offer, ScannedLog, SignedList, Trust
from modelassay.evidence.deployed import Deployed, require_same
from modelassay.evidence.events import DeployAdmitted, DeployRefused
from modelassay.evidence.noise_floor import CLEARS_NOTHING
from modelassay.evidence.revocations import Issued
from modelassay.log.signing import PublicKey
from modelassay.log.trust import LOST_WITHOUT_WITNESS, NONE
from modelassay.records import Outcome
from modelassay.records.audit import SECOND_DECODING

_LONGEST_WHY = 8192
"""Characters of a reason in the log."""
_OUTCOME_CODES: dict[Outcome, ExitCode] = {
    "deploy": ExitCode.REVIEW,
    "deploy-monitored": ExitCode.REVIEW,
    "review": ExitCode.REVIEW,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "block": ExitCode.BLOCKED,
}
"""Exit code of an outcome that the policy does not let in."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that had to be proved."""

    name: str
    """As in the module's docstring."""
    proved: bool
    statement: str
    """What was proved, or why not."""
    exit_code: int = 0
    """What the command exits with when nothing worse was found; 0 when proved."""


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """The decision."""

    conditions: tuple[Condition, ...]
    subject: str
    """Digest of the weights' folder."""
    target: str
    verdict: str = ""
    """Payload of the verdict; empty when it could not be read."""
    audit: str = ""
    outcome: str = ""
    expires: str = ""
    """Date from which this no longer holds: of the verdict, or of what people accepted."""

    @property
    def admitted(self) -> bool:
        """Whether every condition there is was proved."""
        names = tuple(condition.name for condition in self.conditions)
        return names == tuple(CONDITIONS) and all(condition.proved for condition in self.conditions)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is refused, each in a sentence."""
        return tuple(c.statement for c in self.conditions if not c.proved)

    @property
    def exit_code(self) -> ExitCode:
        """0 only when admitted; what does not verify before what expired before an outcome."""
        if self.admitted:
            return ExitCode.ALLOWED
        found = {condition.exit_code for condition in self.conditions if not condition.proved}
        for code in (
            ExitCode.UNVERIFIED,
            ExitCode.EXPIRED,
            ExitCode.BLOCKED,
            ExitCode.INCONCLUSIVE,
            ExitCode.REVIEW,
        ):
            if code in found:
                return code
        return ExitCode.UNVERIFIED

    @property
    def sentence(self) -> str:
        """The decision in a line."""
        if self.admitted:
            return f"admitted by audit {self.audit} ({self.outcome}, until {self.expires})"
        return "refused: " + "; ".join(self.reasons)


class ExpiredError(EvidenceError):
    """A verdict whose time has passed."""

    exit_code = ExitCode.EXPIRED


class OutcomeError(EvidenceError):
    """An outcome that is not let in."""

    def __init__(self, what: str, outcome: Outcome) -> None:
        super().__init__(what)
        self.exit_code = _OUTCOME_CODES[outcome]


def admit(
    offer: Offer, deployed: Deployed, trust: Trust, state: ScannedLog | SignedList, *, now: datetime
) -> Admission:
    """Decide whether `deployed` may go to the policy's target.

    Args:
        offer: the evidence, as bytes; nothing in it is believed before it is verified.
        deployed: what will be loaded, hashed.
        trust: the policy with its keys read.
        state: where withdrawals are known from.
        now: this machine's time, with a zone.
    """
    return admit_case(Case(offer, deployed, trust, state, now))


def admit_case(case: Case) -> Admission:
    """Like `admit`, for a case that its caller keeps."""
    conditions = tuple(_condition(name, prove, case) for name, prove in CONDITIONS.items())
    admission = Admission(conditions=conditions, subject=case.deployed.model.digest, target=case.trust.target)
    if not conditions[0].proved:
        return admission  # nothing that the verdict says is known to be its signers' word
    facts = case.statement.predicate.facts
    until = case.clearance.until if admission.admitted else facts.expires
    return msgspec.structs.replace(
        admission, verdict=case.payload, audit=facts.audit, outcome=facts.outcome, expires=until
    )


def recorded(admission: Admission) -> DeployAdmitted | DeployRefused:
    """The event that this was decided."""
    fields = {"subject": admission.subject, "target": admission.target, "verdict": admission.verdict}
    kind = DeployAdmitted if admission.admitted else DeployRefused
    return kind(**fields, why=admission.sentence[:_LONGEST_WHY])


def _condition(name: str, prove: Callable[[Case], str], case: Case) -> Condition:
    try:
        return Condition(name=name, proved=True, statement=prove(case))
    except ModelassayError as error:
        code = error.exit_code if isinstance(error, EvidenceError) else ExitCode.UNVERIFIED
        return Condition(name=name, proved=False, statement=str(error), exit_code=int(code))


def _signatures(case: Case) -> str:
    signers = _among(case, case.trust.keys)
    needed = case.trust.policy.signatures
    if len(signers) < needed:
        raise EvidenceError(
            f"the verdict is signed by {len(signers)} of the {len(case.trust.keys)} keys, {needed} needed"
        )
    case.statement  # noqa: B018  read now, so that what the signers say is known to be readable
    return f"signed by {_names(signers)}"


def _person(case: Case) -> str:
    if not case.trust.policy.person_required:
        return "no person's signature is asked for"
    people = _unrevoked(case, _among(case, case.trust.people))
    if not people:
        raise EvidenceError(
            "no person signed the verdict", mend="`modelassay verdict sign` adds a person's signature"
        )
    return f"signed by {_names(people)}"


def _logged(case: Case) -> str:
    return f"issued as entry {case.logged.event.seq} of the log"


def _current(case: Case) -> str:
    known = case.known
    if case.log_keys & {gone.key for gone in known.standing.revoked}:
        raise EvidenceError("the log's own key was revoked", mend="name the log's new key in the policy")
    alone = f"; {LOST_WITHOUT_WITNESS}" if case.trust.log.quorum == NONE else ""
    return known.sentence + alone


def _standing(case: Case) -> str:
    issue = case.issue
    for gone in case.known.standing.withdrawn:
        if gone.payload == issue.payload:
            raise EvidenceError(f"the verdict was withdrawn: {gone.reason}")
    return "not withdrawn"


def _keys(case: Case) -> str:
    signed, needed = _among(case, case.trust.keys), case.trust.policy.signatures
    if len(signed) < needed:
        raise NotYetProvedError("signatures")
    signers = _unrevoked(case, signed)
    if len(signers) < needed:
        gone = [key.name for key in signed if key not in signers]
        raise EvidenceError(
            f"the key of {', '.join(gone)} was revoked; {len(signers)} of {needed} signatures left"
        )
    return "no signature that is needed is by a revoked key"


def _target(case: Case) -> str:
    target, wanted = case.statement.predicate.resource_uri, case.trust.target
    if target != wanted:
        raise EvidenceError(f"the verdict is for {target!r}, not for {wanted!r}")
    return f"for {target}"


def _line(case: Case) -> str:
    issue, wanted = case.issue, case.trust.policy.line
    if wanted and issue.line != wanted:
        raise EvidenceError(f"the verdict is of the release line {issue.line!r}, not {wanted!r}")
    known = case.known
    # A withdrawal that no signed tree head covers is nobody's word yet: it takes back nothing that refuses.
    withdrawn = {gone.payload for gone in known.standing.withdrawn if gone.seq < known.size}
    others = [
        other
        for other in known.standing.issued
        if other.candidate == issue.candidate
        and (not wanted or other.line == wanted)
        and other.payload not in {issue.payload, *withdrawn}
    ]
    for other in others:
        _require_no_stricter(other, issue)
    among = f"; {len(others)} other verdicts on the same model stand and refuse nothing" if others else ""
    return f"of the release line {issue.line}{among}"


def _require_no_stricter(other: Issued, issue: Issued) -> None:
    """That `other`, on the same model, does not go before `issue`.

    What was blocked stays so until that verdict is withdrawn: an audit repeated until it passes shows
    nothing. An earlier review may have found its answer.
    """
    later = other.place.seq > issue.place.seq
    if other.outcome == "block" or (later and other.outcome == "review" != issue.outcome):
        place = "" if other.line == issue.line else f" of the line {other.line!r}"
        raise EvidenceError(
            f"{'a later' if later else 'an earlier'} verdict{place} on the same model says {other.outcome} "
            f"(audit {other.audit})",
            mend="deploy by that one, or withdraw it with the reason: `modelassay verdict withdraw`",
        )


def _policy(case: Case) -> str:
    digest = f"sha256:{case.statement.predicate.policy.digest['sha256']}"
    pinned = case.trust.policy.policy_digests
    if pinned and digest not in pinned:
        raise EvidenceError(f"the verdict was reached under the policy {digest}, which is not pinned")
    return f"under the policy {digest}" + ("" if pinned else "; none is pinned")


def _period(case: Case) -> str:
    facts = case.statement.predicate.facts
    issued, expires = _date(facts.issued), _date(facts.expires)
    if issued > case.latest.date():
        raise EvidenceError(
            f"the verdict is of {issued}, which is in the future", mend="set the clocks right"
        )
    if case.now.date() >= expires:
        raise ExpiredError(f"the verdict expired on {expires}", mend="audit the model again")
    return f"issued on {issued}, holds until {expires}"


def _outcome(case: Case) -> str:
    facts, policy = case.statement.predicate.facts, case.trust.policy
    outcome = facts.outcome
    if facts.composition.strength == SECOND_DECODING:
        raise OutcomeError(f"the verdict is of {CLEARS_NOTHING}", "inconclusive")
    if outcome not in policy.outcomes and not (outcome == "review" and policy.waivers):
        raise OutcomeError(f"the verdict says {outcome}", outcome)
    clearance = case.clearance
    if not clearance.cleared:
        raise OutcomeError(clearance.sentence, outcome)
    return clearance.sentence


def _weights(case: Case) -> str:
    return require_same(case.deployed, case.statement)


CONDITIONS: dict[str, Callable[[Case], str]] = {
    "signatures": _signatures,
    "person": _person,
    "logged": _logged,
    "current": _current,
    "standing": _standing,
    "keys": _keys,
    "target": _target,
    "line": _line,
    "policy": _policy,
    "period": _period,
    "outcome": _outcome,
    "weights": _weights,
}
"""How each condition is proved; the order is that of the docstring."""


def _among(case: Case, keys: Sequence[PublicKey]) -> list[PublicKey]:
    """Those of `keys` that signed, each once."""
    trusted = {key.key_id for key in keys}
    return [key for key in case.signed.signed_by if key.key_id in trusted]


def _unrevoked(case: Case, keys: Sequence[PublicKey]) -> list[PublicKey]:
    return [key for key in keys if not case.revocations_of(key.key_id)]


def _names(keys: Sequence[PublicKey]) -> str:
    return ", ".join(key.name for key in keys)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise EvidenceError(f"{text[:40]!r} is not a date") from error
