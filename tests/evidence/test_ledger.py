"""The log with meaning: who may write, what is said once, what follows for an audit."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.events import (
    AuditAborted,
    AuditOpened,
    Body,
    Heartbeat,
    ModelRef,
    Order,
    Place,
    RecordErased,
    VerdictWithdrawn,
    encode,
    event_of,
)
from modelassay.evidence.issue import abort_audit
from modelassay.evidence.ledger import Ledger, read_events, read_histories
from modelassay.evidence.notary import Notary
from modelassay.log.keys import new_key
from modelassay.log.note import TreeHead, parse_note
from modelassay.log.writer import LogWriter
from modelassay.records import Actor

DIGEST = "sha256:" + "5a" * 32
UNSIGNED = Notary(actor=Actor(name="ci"))


def opened(audit: str, line: str = "med") -> AuditOpened:
    model = ModelRef(reference="hf:x", fingerprint=DIGEST, strength="weights")
    return AuditOpened(
        audit=audit,
        name=audit,
        line=line,
        attempt=1,
        plan=DIGEST,
        policy=DIGEST,
        order=Order(seed=1, questions=0, digest=DIGEST),
        datasets=(),
        evaluators=(),
        baseline=model,
        candidate=model,
    )


def _append(store: Path, times: int) -> None:
    ledger = Ledger(store, UNSIGNED)
    for number in range(times):
        ledger.append(RecordErased(audit="a", file="samples", indexes=(number,), reason="r"), Heartbeat())


def test_many_processes_write_one_dense_log(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append, args=(tmp_path, 15)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    events = list(read_events(tmp_path / "log"))
    assert [logged.event.seq for logged in events] == list(range(120))
    kinds = [logged.event.kind for logged in events]
    assert kinds == ["record.erased", "heartbeat"] * 60  # what is logged together stays together


def test_what_is_said_once_is_not_said_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, UNSIGNED)
    body = VerdictWithdrawn(audit="a", payload=DIGEST, reason="wrong data")
    first = ledger.append_once(body)
    assert ledger.append_once(body) == first
    other = ledger.append_once(VerdictWithdrawn(audit="a", payload=DIGEST, reason="another"))
    assert [logged.place for logged in read_events(tmp_path / "log")] == [first.place, other.place]


def test_events_too_large_are_refused_and_none_of_their_batch_is_logged(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, UNSIGNED)
    with pytest.raises(UsageError, match="65,535 is the most"):
        ledger.append(Heartbeat(), VerdictWithdrawn(audit="a", payload=DIGEST, reason="x" * 70_000))
    assert list(read_events(tmp_path / "log")) == []


def test_entries_left_by_a_killed_writer_count(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, UNSIGNED)
    (logged,) = ledger.append(opened("a-1"))
    with LogWriter(tmp_path / "log") as log:
        waiting = opened("a-2")

        log.append([encode(event_of(waiting, seq=1, time=logged.event.time, actor=Actor(name="ci")))])
    assert set(read_histories(tmp_path / "log")) == {"a-1"}  # not published yet
    assert set(ledger.histories()) == {"a-1", "a-2"}


def test_an_audit_has_one_end(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, UNSIGNED)
    ledger.append(opened("a-1"), opened("a-2"))
    history = ledger.histories()["a-1"]
    assert history.is_open
    aborted = abort_audit(ledger, history, "no budget")
    assert abort_audit(ledger, history, "no budget") == aborted
    with pytest.raises(UsageError, match="was given up at"):
        abort_audit(ledger, history, "another reason")
    after = ledger.histories()
    assert (after["a-1"].is_open, after["a-2"].is_open) == (False, True)
    assert after["a-1"].aborted == aborted


def test_events_of_audits_that_were_never_opened_here_are_passed_over(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, UNSIGNED)
    ledger.append(AuditAborted(audit="elsewhere", opened=Place(seq=0, leaf=DIGEST), reason="r"))
    assert ledger.histories() == {}


def test_a_key_that_comes_later_signs_the_whole(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, UNSIGNED)
    ledger.append(Heartbeat())
    assert ledger.sign() is None
    signed = Ledger(tmp_path, Notary(actor=Actor(name="ci"), log_signer=new_key("ed25519", name="acme/log")))
    checkpoint = signed.sign()
    assert checkpoint is not None
    head = TreeHead.parse(parse_note(checkpoint).text)
    assert (head.origin, head.size) == ("acme/log", 1)
    signed.append(Heartbeat())
    assert TreeHead.parse(parse_note((tmp_path / "log" / "checkpoint").read_bytes()).text).size == 2


@pytest.mark.parametrize("body", [Heartbeat(), VerdictWithdrawn(audit="a", payload=DIGEST, reason="r")])
def test_an_entry_in_the_wrong_place_is_refused(tmp_path: Path, body: Body) -> None:

    with LogWriter(tmp_path / "log") as log:
        log.append([encode(event_of(body, seq=7, time="2026-03-01T12:00:00Z", actor=Actor(name="ci")))])
        log.publish()
    with pytest.raises(EvidenceError, match="says that it is entry 7"):
        list(read_events(tmp_path / "log"))
