"""What people must decide before a verdict lets its candidate be deployed, and whether they have.

| outcome          | what clears it                                                                        |
|------------------|---------------------------------------------------------------------------------------|
| deploy           | nothing is needed                                                                     |
| deploy-monitored | a person's signed risk acceptance                                                     |
| review           | a written risk assessment that answers everything flagged, signed off by as many      |
|                  | persons, and in the roles, that the audit's policy asks for                           |
| others           | nothing: only another audit                                                           |

Nothing clears a `review` either while a rule lacks evidence (`gate.too_thin`): no word on what one rule found
makes up for what another could not look at.

A person's word counts when it is about exactly this verdict, signed by a key that is known as a person's and
not revoked, that did not sign the verdict when it was issued (a pipeline cannot accept its own risk), logged
and not withdrawn, and not over. What cannot be shown does not count, and why is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import msgspec

from modelassay.errors import EvidenceError
from modelassay.evidence.assessment import in_one_line, read_assessment, unanswered
from modelassay.evidence.revocations import Standing, Waived
from modelassay.evidence.waivers import PAYLOAD_TYPE, Waiver, read_waiver
from modelassay.gate import too_thin
from modelassay.log.dsse import open_envelope
from modelassay.log.signing import PublicKey
from modelassay.records import Outcome, ReviewRule, Verdict

UNCLEARED = {
    "deploy-monitored": "nobody accepted its risk: `modelassay gate accept-risk`",
    "review": "no written risk assessment was signed off: `modelassay review sign`",
}
"""What is missing while nobody said anything."""
UNCOUNTED = {
    "deploy-monitored": "nobody's acceptance of its risk counts: `modelassay gate accept-risk`",
    "review": "no signed-off risk assessment counts: `modelassay review sign`",
}
"""What is missing where somebody said something that does not count."""
NO_PERSONS_KEY = "no key of a person was given, so whether anybody cleared it was not checked"
"""What is missing where somebody did, and nothing shows who."""
_MOST_NAMED = 4
"""Gaps in the evidence that are named; the verdict lists them all."""


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What one person signed about a verdict, and that it counts."""

    waiver: Waiver
    key: str
    """Id of the key that signed."""

    @property
    def person(self) -> str:
        """Who, in the spelling by which two words are of one person."""
        return " ".join(self.waiver.holder.split()).casefold()

    @property
    def sentence(self) -> str:
        """Who said what, and until when."""
        waiver = self.waiver
        what = "signed off" if waiver.assessment else "risk accepted"
        role = f" as {waiver.role}" if waiver.role else ""
        return f"{what} by {waiver.holder}{role} until {waiver.expires}: {waiver.reason}"


class Clearance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether people have decided what a verdict leaves to them."""

    outcome: Outcome
    missing: str = ""
    """What is not there yet; empty when nothing is."""
    until: str
    """Date from which the candidate may no longer be deployed by this; the verdict's own at most."""
    words: tuple[Word, ...] = ()
    """Those by which it is cleared, or that count towards it."""
    not_counted: tuple[str, ...] = ()
    """Why others do not count."""

    @property
    def cleared(self) -> bool:
        """Whether the candidate may be deployed under the verdict's terms."""
        return not self.missing

    @property
    def sentence(self) -> str:
        """The state in a line."""
        if self.missing:
            return "; ".join((f"{self.outcome}: {self.missing}", *self.not_counted))
        return "; ".join((self.outcome, *(word.sentence for word in self.words)))


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """Everything that a clearance follows from."""

    verdict: str
    """Payload of the signed verdict."""
    outcome: Outcome
    expires: str
    """Of the verdict."""
    people: tuple[PublicKey, ...]
    """Keys known as persons'."""
    issuers: frozenset[str]
    """Ids of the keys that signed the verdict at issue."""
    standing: Standing
    """What the log says of waivers and keys."""
    size: int
    """Entries under the log's signed tree head; what no head covers yet lets nothing in."""
    today: date
    latest: str
    """The latest time that another clock may say, as ``YYYY-MM-DDTHH:MM:SSZ``."""
    waivers: tuple[bytes, ...] = ()
    """Envelopes."""
    assessments: Mapping[str, bytes] = field(default_factory=dict)
    """Texts by digest."""
    decided: Verdict | None = None
    """What was flagged, and for what evidence is missing; needed for a review alone."""
    rule: ReviewRule = field(default_factory=ReviewRule)
    """Who must sign off a review."""


def unheard(outcome: Outcome, expires: str, decided: Verdict | None = None) -> Clearance:
    """What a verdict comes to before anybody said anything.

    Args:
        decided: the verdict, where it is known; for what no word makes up for.
    """
    missing = lacking(decided) if decided is not None else ""
    if not missing:
        missing = UNCLEARED.get(outcome, "" if outcome == "deploy" else "nobody can clear it; audit anew")
    return Clearance(outcome=outcome, until=expires, missing=missing)


def lacking(verdict: Verdict) -> str:
    """Which evidence is missing under a verdict that people could clear otherwise; empty when none is."""
    gaps = too_thin(verdict) if verdict.outcome in UNCLEARED else ()
    if not gaps:
        return ""
    said = list(dict.fromkeys(in_one_line(hit.statement).removesuffix(".") for hit in gaps))
    more = [f"{len(said) - _MOST_NAMED} more"] if len(said) > _MOST_NAMED else []
    return f"not enough evidence: {'; '.join((*said[:_MOST_NAMED], *more))}; no word clears that"


def hear(hearing: Hearing) -> Clearance:
    """What the people's words come to."""
    outcome, expires = hearing.outcome, hearing.expires
    if outcome not in UNCLEARED or (hearing.decided is not None and lacking(hearing.decided)):
        return unheard(outcome, expires, hearing.decided)
    counted: list[Word] = []
    refused: list[str] = []
    for number, envelope in enumerate(hearing.waivers, 1):
        try:
            counted.append(_counted(hearing, envelope))
        except EvidenceError as error:
            refused.append(f"waiver {number} does not count: {error.what}")
    groups: dict[str, list[Word]] = {}
    for word in counted:
        groups.setdefault(word.waiver.assessment, []).append(word)
    best = [_weighed(hearing, words) for words in groups.values()]
    best.sort(key=lambda each: (each.cleared, each.until, len(each.words)))
    if best:
        return msgspec.structs.replace(best[-1], not_counted=tuple(refused))
    missing = UNCOUNTED[outcome] if refused else UNCLEARED[outcome]
    if _nobody_known(hearing):
        missing = NO_PERSONS_KEY
    return Clearance(outcome=outcome, until=expires, missing=missing, not_counted=tuple(refused))


def _nobody_known(hearing: Hearing) -> bool:
    """Whether there is a word on the verdict, and no key that could be of who gave it."""
    logged = any(each.payload == hearing.verdict for each in hearing.standing.waived)
    known = {key.key_id for key in hearing.people} - hearing.issuers
    return not known and (logged or bool(hearing.waivers))


def _counted(hearing: Hearing, envelope: bytes) -> Word:
    """The word in `envelope`, when it counts today.

    Raises:
        EvidenceError: says why it does not.
    """
    if not hearing.people:
        raise EvidenceError("no key is known as a person's")
    opened = open_envelope(envelope, hearing.people, payload_type=PAYLOAD_TYPE, where="waiver")
    waiver = read_waiver(opened.payload, where="waiver")
    if waiver.verdict != hearing.verdict:
        raise EvidenceError("it is about another verdict")
    if waiver.granted > hearing.latest:
        raise EvidenceError(f"it is of {waiver.granted}, which is in the future")
    key = _logged_key(hearing, waiver, opened.signed_by)
    if key.key_id in hearing.issuers:
        raise EvidenceError(f"the key of {key.name} signed the verdict when it was issued; a person must")
    if any(gone.key == key.key_id for gone in hearing.standing.revoked):
        raise EvidenceError(f"the key of {key.name} was revoked")
    if hearing.today >= _date(waiver.expires):
        raise EvidenceError(f"what {waiver.holder} said expired on {waiver.expires}")
    _require_kind(hearing, waiver)
    return Word(waiver=waiver, key=key.key_id)


def _logged_key(hearing: Hearing, waiver: Waiver, signed_by: Sequence[PublicKey]) -> PublicKey:
    """The key by which `waiver` stands in the log.

    Raises:
        EvidenceError: it does not.
    """
    for logged in hearing.standing.waived:
        key = next((key for key in signed_by if key.key_id == logged.key), None)
        if key and logged.seq < hearing.size and _same(logged, waiver):
            return key
    raise EvidenceError("it is not in the log, or was withdrawn")


def _same(logged: Waived, waiver: Waiver) -> bool:
    said = (waiver.verdict, waiver.holder, waiver.reason, waiver.expires, waiver.role, waiver.assessment)
    return said == (
        logged.payload, logged.holder, logged.reason, logged.expires, logged.role, logged.assessment
    )  # fmt: skip


def _require_kind(hearing: Hearing, waiver: Waiver) -> None:
    """That `waiver` is what this verdict asks for, with its text.

    Raises:
        EvidenceError: it is not, or the text is missing, another one, or silent on something.
    """
    if hearing.outcome == "deploy-monitored":
        if waiver.assessment:
            raise EvidenceError("it signs off an assessment, and does not accept the risk")
        return
    if not waiver.assessment:
        raise EvidenceError("a review needs a written risk assessment, and it names none")
    if waiver.assessment not in hearing.assessments:
        raise EvidenceError(f"the risk assessment {waiver.assessment[:19]}… did not come with it")
    if hearing.decided is None:
        raise EvidenceError("what was flagged did not come with it")
    text = read_assessment(hearing.assessments[waiver.assessment], where="assessment")
    if left := unanswered(text, hearing.decided):
        raise EvidenceError(f"its risk assessment does not answer {', '.join(map(repr, left))}")


def _weighed(hearing: Hearing, words: Sequence[Word]) -> Clearance:
    """What `words` on one text come to: enough of them, and until when that stays so."""
    rule = hearing.rule if hearing.outcome == "review" else ReviewRule()
    missing = _missing(rule, words)
    until = [
        date_
        for date_ in {word.waiver.expires for word in words}
        if not _missing(rule, [word for word in words if word.waiver.expires >= date_])
    ]
    return Clearance(
        outcome=hearing.outcome,
        missing=missing,
        until=min(hearing.expires, max(until)) if until else hearing.expires,
        words=tuple(_one_each(words)),
    )


def _missing(rule: ReviewRule, words: Sequence[Word]) -> str:
    """Who must still sign; empty when nobody."""
    each = _one_each(words)
    needed = max(rule.signoffs, len(rule.roles))
    filled = {word.waiver.role.casefold() for word in each}
    roles = [role for role in rule.roles if role.casefold() not in filled]
    gaps = [f"{len(each)} of {needed} persons signed off"] if len(each) < needed else []
    gaps += [f"nobody signed off as {' or as '.join(roles)}"] if roles else []
    return "; ".join(gaps)


def _one_each(words: Sequence[Word]) -> list[Word]:
    """The last word of each person: whoever signs twice, by another key or name, is one person."""
    found: list[Word] = []
    for word in reversed(words):
        if not any(word.key == other.key or word.person == other.person for other in found):
            found.append(word)
    return found[::-1]


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise EvidenceError(f"{text[:40]!r} is not a date") from error
