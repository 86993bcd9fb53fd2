"""The public recorder: what it records is bound in the store's log as the run goes.

`training.recorder` writes the files; here every closed step, and everything that happens, becomes an event of
the evidence log, signed when there is a key for it. `assessment.committing.commit_run` makes the same of a
run after the fact, and finds nothing left to log of a run that was recorded here.
"""

from __future__ import annotations

import getpass
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelassay.assessment.committing import FOLDER, commit_run, read_commitments, run_secret
from modelassay.canonical import Digest, digest_bytes, digest_of
from modelassay.errors import StoreError
from modelassay.evidence.events import Body
from modelassay.evidence.keyring import Keyring
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.notary import Notary
from modelassay.evidence.run_events import RunHappened, RunOpened, RunStep
from modelassay.log.witness_client import witness_named
from modelassay.records import Actor, RunEvent, StepRecord
from modelassay.training.recorder.closing import state_coverage
from modelassay.training.recorder.place import Place
from modelassay.training.recorder.recorder import RunRecorder
from modelassay.training.recorder.scribe import take_up
from modelassay.training.recorder.spool import spools
from modelassay.training.recorder.troubles import Troubles
from modelassay.training.run import Run

WITNESSED_EVERY_S = 600.0
"""Witnesses are asked when a run begins, then so often while it goes on, and at its end."""


class Recorder(RunRecorder):
    """Records one training run and commits to it step by step; see `RunRecorder` for all that it records.

    ::

        Recorder("assay", run="grpo").attach(trainer)     # transformers and TRL
        trainer.train()

        with Recorder("assay", run="mine") as run:        # anything else
            run.rollout(prompt="1+1=", completion="2", rewards={"correct": 1.0})
            run.step(1, {"loss": 0.3})

    Args:
        store: the store's folder; its log is written as ``modelassay`` commands write it.
        run: name of the run; one that exists is continued.
        commit: whether to commit to every step as it is done; `modelassay run commit` does it afterwards.
        notary: who writes the log and signs it; when None, the user's own keys and the witnesses that
            ``MODELASSAY_WITNESS`` names, which cosign the log while the run goes on. One that is given does
            not leave this process, which then does in a thread what else a process beside it does.
        settings: see `RunRecorder`.

    Raises:
        UsageError: the name, or a key that is named in the environment, cannot be used.
        StoreError: the store cannot be written.
    """

    def __init__(
        self,
        store: str | Path,
        run: str,
        *,
        commit: bool = True,
        notary: Notary | None = None,
        **settings: Any,
    ) -> None:
        place = Path(store).absolute()  # training may go to another folder
        log = LedgerLog(place, run, notary or own_notary(), own=notary is None) if commit else None
        super().__init__(place, run, log=log, **settings)


class LedgerLog:
    """Binds a run in the log of its store; a `training.recorder.clerk.LiveLog`.

    Args:
        store: where the run is kept.
        own: `notary` is what `own_notary` makes, here and in every process with the same environment.
    """

    def __init__(self, store: Path, run: str, notary: Notary, *, own: bool = False) -> None:
        self._store, self._run, self._notary, self._own = store, run, notary, own
        self._ledger = Ledger(store, notary)
        self._known: set[tuple[str, str]] | None = None
        self._witnessed = -math.inf
        self._secret: bytes | None = None

    @property
    def elsewhere(self) -> str:
        """See `LiveLog.elsewhere`; a notary that was given does not leave the process."""
        return f"{__name__}:{own_log.__name__}" if self._own else ""

    @property
    def secret(self) -> bytes:
        """See `assessment.committing.run_secret`."""
        if self._secret is None:
            self._secret = run_secret(self._store, self._run)
        return self._secret

    def append(self, manifest: Digest, events: Sequence[RunEvent], records: Sequence[StepRecord]) -> None:
        """See `LiveLog.append`."""
        if self._known is None:
            self._ledger.append_once(RunOpened(run=self._run, manifest=manifest, origin="recorded"))
            logged = self._ledger.events(RunHappened, RunStep)
            self._known = {(each.event.kind, digest_of(each.event.body)) for each in logged}
        bodies: dict[tuple[str, str], Body] = {}
        for body in (*map(self._happened, events), *(RunStep(record=record) for record in records)):
            bodies.setdefault((body.kind, digest_of(msgspec.to_builtins(body))), body)
        fresh = {name: body for name, body in bodies.items() if name not in self._known}
        if fresh:
            self._ledger.append(*fresh.values())
            self._known |= fresh.keys()
        if self._notary.witnesses and time.monotonic() - self._witnessed > WITNESSED_EVERY_S:
            self._witnessed = time.monotonic()
            self._ledger.sign()

    def close(self, folder: Path) -> None:
        """Bind the whole run: every file is read once more and must be what was committed to.

        What a run was bound to before it was resumed is kept beside it; its steps must still be the same.
        """
        _set_aside(folder)
        commit_run(Run(folder), self._store, self._notary)

    def _happened(self, event: RunEvent) -> RunHappened:
        return RunHappened.of(self._run, event)


def own_log(store: Path, run: str) -> LedgerLog:
    """The log of a run of `store`, written and signed by whoever trains.

    Raises:
        UsageError: see `own_notary`.
    """
    return LedgerLog(store, run, own_notary(), own=True)


def write_up(store: Path, run: str, notary: Notary) -> None:
    """Make records of what a recorder said that was killed before it could, and state how much there is.

    A run that went on after it was bound, and was killed then, can be bound anew.

    Args:
        run: name of a run in `store`; nothing is done where nothing is left.

    Raises:
        StoreError: it is still being recorded, or the disk is full.
        EvidenceError: a file of the run is damaged.
    """
    folder = store / "runs" / run
    if spools(folder):
        place = Place(store, run)
        if not take_up(place, lambda: LedgerLog(store, run, notary), Troubles(run)):
            raise StoreError(
                "not all that was recorded of the run is in its files",
                where=str(place.folder),
                mend="wait until its training ends, or make room on the disk; then run this again",
            )
    if not (folder / "processes").is_dir():
        return  # nobody recorded it
    if (folder / FOLDER / "committed.json").is_file():
        if _went_on(folder):
            _set_aside(folder)
    elif not (folder / "coverage.json").is_file():
        state_coverage(folder)


def _set_aside(folder: Path) -> None:
    """Keep what a run was bound to beside it, before it is bound anew."""
    before = folder / FOLDER / "committed.json"
    if before.is_file():
        earlier = digest_bytes(before.read_bytes()).removeprefix("sha256:")[:16]
        before.rename(before.with_name(f"committed-{earlier}.json"))


def _went_on(folder: Path) -> bool:
    """Whether a process recorded that has no part in what the run is bound to."""
    bound = {record.rank for record in read_commitments(folder).records}
    files = (*folder.glob("*-?????.jsonl"), *folder.glob(f"{FOLDER}/steps-?????.jsonl"))
    wrote = {int(path.stem[-5:]) for path in files} | {int(part.name[:5]) for part in Run(folder).parts}
    return not wrote <= bound


def own_notary(environment: Mapping[str, str] = os.environ) -> Notary:
    """The notary of whoever trains: the key for logs of `Keyring`, and the witnesses of
    ``MODELASSAY_WITNESS`` (as ``--witness`` takes them, spaces in between).

    Raises:
        UsageError: the environment names a key or a witness that cannot be used.
        EvidenceError: a witness's key that is none.
    """
    signer = Keyring().signer("log")
    name = environment.get("MODELASSAY_ACTOR") or getpass.getuser()
    actor = Actor(name=name, key=signer.public.key_id if signer else "")
    return Notary(
        actor=actor,
        log_signer=signer,
        witnesses=tuple(map(witness_named, environment.get("MODELASSAY_WITNESS", "").split())),
        tell=lambda line: print(line, file=sys.stderr),
    )
