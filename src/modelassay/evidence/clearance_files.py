"""A clearance from files: of an audit in its own store, and of a bundle beside a copy of the log."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modelassay.canonical import digest_bytes
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import ASSESSMENT, ENVELOPE, WAIVER, Bundle
from modelassay.evidence.clearance import UNCLEARED, Clearance, Hearing, hear, lacking, unheard
from modelassay.evidence.contents import Contents
from modelassay.evidence.events import KeyAdded
from modelassay.evidence.lapse import lapse_of
from modelassay.evidence.ledger import read_events
from modelassay.evidence.revocations import Standing, scan
from modelassay.evidence.statements import read_verdict_statement
from modelassay.log.dsse import read_envelope
from modelassay.log.durable import write_atomic
from modelassay.log.reader import LogReader, log_exists
from modelassay.log.signing import PublicKey
from modelassay.log.trust import CLOCK_SKEW_S
from modelassay.records import Verdict

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_DECIDED = ("verdict.json", "policy.json")


def clearance_at(folder: Path, store: Path, verdict: Verdict, *, now: datetime | None = None) -> Clearance:
    """Whether people cleared the audit sealed in `folder`, as the log of its own `store` says.

    The keys of persons are those that the log knows as such. Nothing clears a verdict that holds no longer.

    Raises:
        EvidenceError: the verdict, a sealed file or the log is damaged.
    """
    if (lapse := lapse_of(folder.name, store / "log")) is not None:
        return Clearance(outcome=verdict.outcome, missing=lapse.sentence, until=verdict.expires)
    if verdict.outcome not in UNCLEARED:
        return unheard(verdict.outcome, verdict.expires)
    log = store / "log"
    if not (folder / ENVELOPE).is_file() or not log_exists(log):
        missing = lacking(verdict) or f"{UNCLEARED[verdict.outcome]}; the verdict must be signed first"
        return Clearance(outcome=verdict.outcome, missing=missing, until=verdict.expires)
    return heard_at(folder, log, now=now)


def heard_at(folder: Path, log: Path, *, now: datetime | None = None) -> Clearance:
    """What people said on the signed verdict in the bundle `folder`, as `log` bears it out.

    Raises:
        EvidenceError: as of `clearance_at`.
    """
    standing = scan(LogReader(log).entries())
    return clearance_of(
        Contents(_part(folder)), standing, people_in(log), size=standing.size, now=now or datetime.now(UTC)
    )


def clearance_of(
    contents: Contents, standing: Standing, people: Sequence[PublicKey], *, size: int, now: datetime
) -> Clearance:
    """Whether `people` cleared the signed verdict of a bundle.

    Args:
        contents: of the bundle; signed verdict, verdict, policy, waivers and assessments suffice.
        standing: what the whole log says.
        people: keys that count as persons'.
        size: entries of the log that count.
        now: in UTC.

    Raises:
        EvidenceError: a file that this needs is missing or damaged.
    """
    bundle = contents.bundle
    envelope = read_envelope(bundle.read(ENVELOPE), where=ENVELOPE)
    payload = digest_bytes(envelope.payload)
    facts = read_verdict_statement(envelope.payload).predicate.facts
    issue = standing.issue_of(payload)
    gone = next((each.reason for each in standing.withdrawn if each.payload == payload), None)
    if issue is None or gone is not None:
        missing = "the log does not know this verdict" if gone is None else f"it was withdrawn: {gone}"
        return Clearance(outcome=facts.outcome, missing=missing, until=facts.expires)
    return hear(
        Hearing(
            verdict=payload,
            outcome=facts.outcome,
            expires=facts.expires,
            people=tuple(people),
            issuers=frozenset(each.key for each in standing.signed if each.seq == issue.place.seq),
            standing=standing,
            size=size,
            today=now.date(),
            latest=(now + timedelta(seconds=CLOCK_SKEW_S)).strftime(_TIME),
            waivers=tuple(bundle.read(name) for name in bundle.waivers),
            assessments={digest_bytes(bundle.read(name)): bundle.read(name) for name in bundle.assessments},
            decided=contents.verdict,
            rule=contents.policy.review,
        )
    )


def people_in(log: Path) -> tuple[PublicKey, ...]:
    """Keys that the log at `log` knows as persons'; what it said of a key first stays.

    Raises:
        EvidenceError: the log is damaged.
    """
    found: dict[str, KeyAdded] = {}
    for logged in read_events(log, KeyAdded):
        added = logged.read(KeyAdded)
        if added.use == "verdict":
            found.setdefault(added.key, added)
    return tuple(_public(each) for each in found.values() if each.holder_kind == "person")


def keep_assessment(folder: Path, data: bytes) -> Path:
    """Put a written risk assessment into the bundle `folder`, under its own digest; the file.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / "assessments" / f"{digest_bytes(data).removeprefix('sha256:')}.md"
    path.parent.mkdir(exist_ok=True)
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data)
    return path


def _public(added: KeyAdded) -> PublicKey:
    public = PublicKey(name=added.holder, spki=base64.b64decode(added.spki))
    if public.key_id != added.key:
        raise EvidenceError(f"key.added names {added.key}, and holds {public.key_id}")
    return public


def _part(folder: Path) -> Bundle:
    """The files of a bundle that a clearance needs, read from the user's own store."""
    names = [ENVELOPE, *_DECIDED]
    for pattern in (WAIVER, ASSESSMENT):
        place = folder / pattern.pattern.partition("/")[0]
        found = (path.relative_to(folder).as_posix() for path in place.glob("*"))
        names += [name for name in found if pattern.fullmatch(name)]
    return Bundle(
        str(folder), {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    )
