"""Proof files: checked with the entry and a key alone, and refused when a byte differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay.errors import EvidenceError
from modelassay.log.keys import new_key
from modelassay.log.note import Ed25519Verifier, vkey_of
from modelassay.log.proof import TlogProof, prove, read_proof, write_proof
from modelassay.log.reader import LogReader


@pytest.fixture
def log(log_of: Callable[..., Path]) -> LogReader:
    return LogReader(log_of(100, 300))


def test_proofs_of_every_entry_verify(log: LogReader, verifiers: list, entry_at: Callable) -> None:
    for index in range(log.size):
        proof = read_proof(write_proof(prove(log, index)))
        assert (proof.index, proof.head.size) == (index, 300)
        proof.verify(entry_at(index), verifiers)
        with pytest.raises(EvidenceError, match="does not lead to the tree head"):
            proof.verify(entry_at(index) + b"x", verifiers)


def test_the_form_is_that_of_the_specification(log: LogReader) -> None:
    lines = write_proof(prove(log, 299)).split(b"\n")
    assert lines[:2] == [b"c2sp.org/tlog-proof@v1", b"index 299"]
    gap = lines.index(b"")
    assert all(len(line) == 44 for line in lines[2:gap])
    assert b"\n".join(lines[gap + 1 :]) == log.checkpoint


def test_no_changed_byte_is_accepted(log: LogReader, verifiers: list, entry_at: Callable) -> None:
    data = write_proof(prove(log, 70))
    for place in range(len(data)):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(data)
            changed[place] ^= flip
            with pytest.raises(EvidenceError):
                read_proof(bytes(changed)).verify(entry_at(70), verifiers)


def test_no_part_is_accepted(log: LogReader) -> None:
    data = write_proof(prove(log, 70))
    for end in range(len(data)):
        with pytest.raises(EvidenceError):
            read_proof(data[:end])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"index 70", b"index 070"),
        (b"index 70", b"index +70"),
        (b"index 70", b"index -1"),
        (b"index 70", b"index " + b"9" * 19),
        (b"index 70", b"index " + b"9" * 5000),
        (b"index 70", b"extra AAAA\nindex 70"),
        (b"index 70", b"index 70\nindex 70"),
        (b"index 70", b"index 70\n"),
        (b"\n\n", b"\n"),
        (b"tlog-proof@v1", b"tlog-proof@v2"),
        (b"\n", b"\r\n"),
        (b"c2sp", b" c2sp"),
    ],
)
def test_other_spellings_are_refused(log: LogReader, before: bytes, after: bytes) -> None:
    data = write_proof(prove(log, 70))
    with pytest.raises(EvidenceError):
        read_proof(data.replace(before, after))


def test_a_proof_for_another_place_or_by_another_key_is_refused(
    log: LogReader, verifiers: list, entry_at: Callable
) -> None:
    proof = prove(log, 70)
    with pytest.raises(EvidenceError):
        TlogProof(71, proof.hashes, proof.checkpoint).verify(entry_at(70), verifiers)
    other = new_key("ed25519", name="acme.example/log")
    with pytest.raises(EvidenceError, match="no signature by a key that is trusted"):
        proof.verify(entry_at(70), [Ed25519Verifier(vkey_of(other.public))])


def test_what_no_signed_tree_head_covers_has_no_proof(
    log_of: Callable[..., Path], entry_at: Callable, verifiers: list
) -> None:
    folder = log_of(5)
    log_of(8, signer=None)
    log = LogReader(folder)
    assert log.size == 8
    prove(log, 4).verify(entry_at(4), verifiers)
    with pytest.raises(EvidenceError, match="covers 5 entries, and not entry 5"):
        prove(log, 5)


def test_a_log_that_was_never_signed_proves_nothing(log_of: Callable[..., Path]) -> None:
    with pytest.raises(EvidenceError, match="tree head not signed"):
        prove(LogReader(log_of(3, signer=None)), 0)
