"""What a hand-over is made from: one sealed audit, and what people and the store say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from modelassay.canonical import Digest, digest_bytes
from modelassay.comparison import ReferencePopulation
from modelassay.errors import UsageError
from modelassay.evidence.bundle import SUMS, Bundle
from modelassay.evidence.clearance import Clearance, unheard
from modelassay.evidence.contents import Contents
from modelassay.evidence.integrity import files_are_sealed
from modelassay.evidence.lapse import Lapse
from modelassay.records import Artifact, AuditRecord, Outcome, Reading, Sample


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """A composition that was the candidate of an audit in the store."""

    audit: str
    artifacts: tuple[Artifact, ...]
    outcome: Outcome
    expires: str


@dataclass(frozen=True, kw_only=True)
class SealedFacts:
    """Everything that a hand-over follows from."""

    record: AuditRecord
    """Without its examples."""
    sums: Digest
    """Of ``SHA256SUMS``."""
    policy_digest: Digest
    samples: tuple[Sample, ...]
    wanted: Mapping[str, Mapping[str, Decimal]]
    """By measure and sample: what the candidate scored on it as it was put, the mean over repeats."""
    attacks: tuple[str, ...]
    """Attacks whose answers were scored, sorted."""
    clearance: Clearance
    """What people decided on the verdict."""
    lapse: Lapse | None = None
    """Why the verdict holds no longer, by the log of the store; expiry apart."""
    audited: tuple[Audited, ...] = ()
    """What else there are audits of, by the store."""
    population: ReferencePopulation | None = None
    """Other audited fine-tunes of the same baseline; None where nobody looked for any."""


def read_facts(bundle: Bundle) -> SealedFacts:
    """The facts sealed in `bundle`, whose files are held against ``SHA256SUMS``; the rest is for `verify`.

    Nobody was heard on the verdict yet, and nothing is known of other audits: a bundle alone cannot say.

    Raises:
        EvidenceError: a file is not as sealed, or cannot be read.
        UsageError: prompts are withheld from it.
    """
    contents = Contents(bundle)
    files_are_sealed(contents)
    if contents.samples.withheld:
        raise UsageError(
            "prompts are withheld, so that canaries would be drawn from a part of them",
            where=bundle.place,
            mend="hand over the complete bundle",
        )
    record = contents.record
    return SealedFacts(
        record=record,
        sums=digest_bytes(bundle.read(SUMS)),
        policy_digest=digest_bytes(bundle.read("policy.json")),
        samples=tuple(contents.samples.known),
        wanted=_wanted(contents),
        attacks=tuple(sorted({score.key.attack for score in contents.scores if score.key.attack})),
        clearance=unheard(record.verdict.outcome, record.verdict.expires, record.verdict),
    )


def audited_as(record: AuditRecord) -> Audited:
    """What an audit was of, and what came out."""
    verdict = record.verdict
    return Audited(
        audit=record.id,
        artifacts=record.candidate.artifacts,
        outcome=verdict.outcome,
        expires=verdict.expires,
    )


def _wanted(contents: Contents) -> dict[str, dict[str, Decimal]]:
    """The candidate's score by measure and sample; a sample that was not scored in every repeat has none."""
    candidate = contents.record.candidate.fingerprint
    values: dict[tuple[str, str], list[Decimal]] = {}
    unread: set[tuple[str, str]] = set()
    for score in contents.scores:
        if score.target != candidate or score.key.attack:
            continue
        place = (score.measure, score.key.sample)
        if isinstance(score.outcome, Reading):
            values.setdefault(place, []).append(Decimal(repr(score.outcome.value)))
        else:
            unread.add(place)
    found: dict[str, dict[str, Decimal]] = {}
    for (measure, sample), scored in values.items():
        if (measure, sample) not in unread:
            mean = sum(scored, Decimal(0)) / len(scored)
            found.setdefault(measure, {})[sample] = round(mean, 6).normalize() + 0
    return found
