"""What ends a verdict: the first of its causes does."""

from __future__ import annotations

from collections.abc import Iterator

from modelassay.canonical import digest_of
from modelassay.handover.document import Cause, Expiry
from modelassay.handover.facts import SealedFacts
from modelassay.records import AuditRecord

TAIL = "0.01"
"""Conformal p-value under which a conversation counts as outside the audit's prompts."""
OUTSIDE = "0.05"
"""Share of conversations outside, above which the audit no longer speaks for the traffic."""


def expiry_of(facts: SealedFacts) -> Expiry:
    """When, and by what, the verdict of an audit ends."""
    record = facts.record
    until = min(record.verdict.expires, facts.clearance.until)
    return Expiry(date=until, causes=tuple(_causes(facts, record)))


def _causes(facts: SealedFacts, record: AuditRecord) -> Iterator[Cause]:
    yield Cause(
        kind="age", what="The verdict is over from this day on.", values={"date": record.verdict.expires}
    )
    for word in facts.clearance.words:
        yield Cause(
            kind="acceptance",
            what=f"What {word.waiver.holder} accepted is over from this day on.",
            values={"date": word.waiver.expires, "holder": word.waiver.holder},
        )
    yield Cause(
        kind="identity",
        what="Any part of what the answers rest on is another than was audited: the model, an adapter or its "
        "weight, the system prompt, tokenizer, chat template, quantisation or generation defaults.",
        values=_identity(record),
    )
    yield Cause(
        kind="judge",
        what="An evaluator that watches is of another version or in other settings: its figures cannot be "
        "held against these baselines.",
        values={f"{pin.name}@{pin.version}": digest_of(pin.settings) for pin in record.evaluators},
    )
    yield Cause(kind="alarm", what="A canary or a watched rate raises an alarm that people confirm.")
    yield Cause(
        kind="support",
        what="More than the share `outside` of conversations has a conformal p-value under `tail` against "
        "the prompts of the audit: the traffic is not what was tested.",
        values={"outside": OUTSIDE, "tail": TAIL},
    )
    yield Cause(
        kind="suite",
        what="The questions or attacks by which candidates are audited have a newer version than these.",
        values={pin.name: pin.digest for pin in record.datasets},
    )


def _identity(record: AuditRecord) -> dict[str, str]:
    """Fingerprint and parts by name; what is not there must stay absent."""
    candidate = record.candidate
    parts: dict[str, str] = {"fingerprint": candidate.fingerprint}
    for artifact in candidate.artifacts:
        order = artifact.details.get("order", "")
        parts[f"{artifact.kind}.{order}" if order else artifact.kind] = artifact.digest
        if artifact.kind == "adapter":
            parts[f"adapter.{order}.weight"] = artifact.details.get("weight", "1")
    parts.setdefault("system_prompt", "none")
    return parts
