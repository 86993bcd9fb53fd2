"""One leaf of the evidence log: who did what, when, to which subject."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

EventKind = Literal[
    "audit.opened",
    "audit.closed",
    "audit.aborted",
    "audit.counts",
    "verdict.issued",
    "verdict.signed",
    "verdict.withdrawn",
    "waiver.granted",
    "waiver.withdrawn",
    "dataset.registered",
    "lineage.declared",
    "policy.changed",
    "record.erased",
    "key.added",
    "key.revoked",
    "deploy.admitted",
    "deploy.refused",
    "heartbeat",
    "run.opened",
    "run.step",
    "run.event",
    "run.closed",
    "run.nonce_fixed",
    "run.challenged",
    "run.opened_to_assessor",
    "run.erased",
    "run.assessed",
    "auditor.validated",
    "checkpoint.registered",
    "signal.raised",
    "signal.resolved",
    "monitor.alert",
    "incident.opened",
    "incident.closed",
]
"""What happened. The kinds of monitoring are reserved here, so that old readers know their names."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who caused an event."""

    name: str
    """A person or a pipeline, as they call themselves."""
    key: str = ""
    """Id of the key that they sign with; empty when they do not sign."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One leaf. Its bytes are its canonical JSON (RFC 8785, no floats), at most 65,535 of them."""

    type: Literal["modelassay.event/1"] = "modelassay.event/1"
    seq: int
    """Index in the log, dense from 0."""
    time: str
    """UTC, ``YYYY-MM-DDTHH:MM:SSZ``, by the writer's clock."""
    kind: EventKind
    actor: Actor
    body: dict[str, Any] = {}
    """What this kind says; `evidence.events` has the fields of each."""
