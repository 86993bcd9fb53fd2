"""Of which tree head a quorum of witnesses is asked: that under which the run was committed to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from modelassay.assessment.committing import commit_run
from modelassay.canonical import Digest
from modelassay.cli import run as modelassay
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.notary import Notary
from modelassay.evidence.run_events import RunOpenedToAssessor
from modelassay.log.cosignature import cosign
from modelassay.log.keys import PemSigner, new_key
from modelassay.log.note import COSIGNATURE, SignatureLine, parse_note, vkey_of
from modelassay.log.reader import LogReader
from modelassay.records import Actor
from modelassay.training.run import Run

SEEN = 1_780_000_000
LOG, WITNESS = new_key("ed25519", name="dev.example/log"), new_key("ed25519", name="w.example/1")
ALONE = Notary(actor=Actor(name="dev"), log_signer=LOG)
OPENED = RunOpenedToAssessor(
    run="told", challenge=Digest("sha256:" + "1" * 64), opening=Digest("sha256:" + "2" * 64)
)


@dataclass(frozen=True)
class Seeing:
    """A witness that cosigns whatever it is shown."""

    signer: PemSigner
    name: str = "witness"

    def cosign(self, checkpoint: bytes, log: LogReader) -> Sequence[SignatureLine]:
        return (cosign(parse_note(checkpoint).text, self.signer, SEEN),)


WITNESSED = replace(ALONE, witnesses=(Seeing(WITNESS),))
Assessed = Callable[[], tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, write_run: Callable[..., Run]) -> Run:
    """Committed to under a tree head that the witness cosigned."""
    run = write_run(tmp_path / "store" / "runs" / "told", steps=5)
    commit_run(run, tmp_path / "store", WITNESSED)
    return run


@pytest.fixture
def assessed(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Assessed:
    """What the command says with a policy that asks for the witness."""
    trust = tmp_path / "trust.txt"
    witness = vkey_of(WITNESS.public, key_type=COSIGNATURE)
    trust.write_text(f"log {vkey_of(LOG.public)}\nwitness w1 {witness}\nquorum w1\n")
    words = ("run", "assess", run.folder, "--scanner", "hidden_text", "--trust", trust, "-q")

    def call() -> tuple[int, str]:
        capsys.readouterr()
        more = ("--log", tmp_path / "store" / "log", "--store", tmp_path / "assessor", "--json")
        code = modelassay([str(word) for word in (*words, *more)])
        return code, "".join(capsys.readouterr())

    return call


def test_a_newer_tree_head_need_not_be_cosigned(run: Run, tmp_path: Path, assessed: Assessed) -> None:
    code, said = assessed()
    assert (code, "end of the log" in said) == (0, False), said
    ledger = Ledger(tmp_path / "store", ALONE)
    ledger.append(OPENED)  # as opening rollouts does
    assert ledger.sign() is not None
    code, said = assessed()
    assert (code, "aspect end of the log" in said) == (0, True), said
    assert "Can the log be cosigned (`modelassay log heartbeat --witness" in said
    (run.folder / "commitments" / "closed.tlog-proof").unlink()
    code, said = assessed()
    assert (code, "too few witnesses" in said) == (13, True)
    assert "modelassay log heartbeat --witness" in said


def test_a_commitment_that_no_witness_saw_says_how_one_can(
    run: Run, tmp_path: Path, assessed: Assessed
) -> None:
    Ledger(tmp_path / "store", ALONE).append(OPENED)
    commit_run(run, tmp_path / "store", ALONE)  # the proof is made anew, under a tree head of the log alone
    code, said = assessed()
    assert (code, "too few witnesses" in said) == (13, True)
    assert "modelassay run commit RUN --witness" in said
    commit_run(run, tmp_path / "store", WITNESSED)
    assert assessed()[0] == 0
