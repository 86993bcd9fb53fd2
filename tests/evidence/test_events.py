"""Events: one spelling of each, strict on the way in, bounded on the way out."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.events import (
    BODIES,
    LARGEST,
    AuditAborted,
    Body,
    Heartbeat,
    VerdictWithdrawn,
    body_of,
    decode,
    encode,
    event_of,
)
from modelassay.evidence.parts import Place
from modelassay.records import Actor
from modelassay.records.event import EventKind

NOW = "2026-03-01T12:00:00Z"
CI = Actor(name="ci")
DIGEST = "sha256:" + "ab" * 32


def withdrawn(reason: str = "wrong data") -> Body:
    return VerdictWithdrawn(audit="a-1", payload=DIGEST, reason=reason)


def entry(**changes: Any) -> bytes:
    event = json.loads(encode(event_of(withdrawn(), seq=7, time=NOW, actor=CI)))
    return canonical_json({**event, **changes})


@given(st.text(max_size=200), st.integers(0, 2**53 - 1), st.text(max_size=30))
def test_what_is_written_is_read(reason: str, seq: int, name: str) -> None:
    body = AuditAborted(audit="a", opened=Place(seq=1, leaf=DIGEST), reason=reason)
    event = event_of(body, seq=seq, time=NOW, actor=Actor(name=name, key="SHA256:x"))
    assert decode(encode(event)) == event
    assert body_of(event, AuditAborted) == body


def test_every_kind_has_a_body_of_its_own_or_is_reserved() -> None:
    kinds = set(msgspec.inspect.type_info(EventKind).values)
    reserved = {
        kind for kind in kinds if kind.startswith(("checkpoint.", "signal.", "monitor.", "incident."))
    }
    assert set(BODIES) == kinds - reserved


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": -1},
        {"seq": "7"},
        {"time": "2026-03-01 12:00:00"},
        {"time": NOW + "\n"},
        {"kind": "audit.renamed"},
        {"type": "modelassay.event/2"},
        {"extra": 1},
        {"actor": {"name": "ci"}},
        {"actor": {"name": "ci", "key": "", "role": "admin"}},
        {"body": {"audit": "a", "payload": "sha256:AB", "reason": "r"}},
        {"body": {"audit": "a", "payload": DIGEST}},
        {"body": {"audit": "a", "payload": DIGEST, "reason": "r", "by": "x"}},
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    assert decode(entry())
    with pytest.raises(EvidenceError):
        decode(entry(**changes))


@pytest.mark.parametrize(
    "spelling",
    [
        entry() + b"\n",
        b" " + entry(),
        entry().replace(b'"seq":7', b'"seq":7.0'),
        entry().replace(b'"seq":7', b'"seq":7,"seq":7'),
        entry().replace(b'"seq":7', b'"seq":07'),
        entry().replace(b'"seq":7', b'"seq":9007199254740993'),
        entry().replace(b"wrong", rb"\u0077rong"),
        json.dumps(json.loads(entry())).encode(),
        b"[" * LARGEST,
        b'"\\ud800"',
        b"\xff",
        b"",
        b"null",
    ],
)
def test_another_spelling_of_the_same_is_refused(spelling: bytes) -> None:
    with pytest.raises(EvidenceError):
        decode(spelling)


def test_reserved_kinds_are_kept_unread() -> None:
    event = decode(entry(kind="monitor.alert", body={"anything": [1, "x"]}))
    assert event.body == {"anything": [1, "x"]}
    with pytest.raises(EvidenceError, match=r"is monitor\.alert, not heartbeat"):
        body_of(event, Heartbeat)


def test_an_entry_is_never_larger_than_a_bundle_holds() -> None:
    room = LARGEST - len(encode(event_of(withdrawn(""), seq=7, time=NOW, actor=CI)))
    largest = encode(event_of(withdrawn("x" * room), seq=7, time=NOW, actor=CI))
    assert len(largest) == LARGEST
    assert decode(largest)
    with pytest.raises(UsageError, match="65,536 bytes"):
        encode(event_of(withdrawn("x" * (room + 1)), seq=7, time=NOW, actor=CI))
    with pytest.raises(EvidenceError):
        decode(largest + b" ")
