"""The assessor's draws as a stranger can check them: entries of their log, with proofs, beside an assessment.

The sealed ``inputs/drawn.json`` says when nonces were fixed and challenges drawn. That the log really has
these, in that order, is shown by its entries and inclusion proofs in ``log/``. That there were no further
draws only the whole log shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from modelassay.assessment.request import Draws
from modelassay.errors import EvidenceError
from modelassay.evidence.checks import NotDoneError
from modelassay.evidence.events import body_of, decode, encode
from modelassay.evidence.ledger import Ledger, Logged, read_events
from modelassay.evidence.run_events import NonceFixed, RunChallenged
from modelassay.log.durable import write_atomic
from modelassay.log.proof import prove, read_proof, write_proof
from modelassay.log.reader import LogReader
from modelassay.log.trust import TrustPolicy
from modelassay.records import Event

DRAWN: Final = "inputs/drawn.json"
DRAWN_LOGGED: Final = re.compile(r"log/drawn-[0-9]{1,9}\.(json|tlog-proof)")
"""An entry of the assessor's log, by its number, and its proof."""


def keep_draws(ledger: Ledger, folder: Path, *, signed: bool) -> None:
    """Put the log entries of the draws that the assessment in `folder` tells of beside it; nothing is undone.

    Args:
        ledger: the assessor's.
        folder: of the sealed assessment.
        signed: whether the log is signed beyond them, so that proofs can be made.

    Raises:
        EvidenceError: the log is damaged.
        OSError: the folder cannot be written.
    """
    if not (folder / DRAWN).is_file():
        return
    drawn = msgspec.json.decode((folder / DRAWN).read_bytes(), type=Draws)
    told = [
        logged
        for logged in read_events(ledger.folder, NonceFixed, RunChallenged)
        if _named(logged.event, drawn)
    ]
    for logged in _first(told):
        entry = folder / f"log/drawn-{logged.place.seq}.json"
        proof = entry.with_suffix(".tlog-proof")
        entry.parent.mkdir(exist_ok=True)
        if not entry.is_file():
            write_atomic(entry, encode(logged.event))
        if signed and not proof.is_file():
            write_atomic(proof, write_proof(prove(LogReader(ledger.folder), logged.place.seq)))


def draws_are_logged(files: Mapping[str, bytes], policy: TrustPolicy | None, *, beside: str) -> str:
    """Hold what ``inputs/drawn.json`` tells against the log entries beside it.

    Args:
        files: of the bundle, by path; `DRAWN` among them.
        policy: whose logs are believed.
        beside: path of the proof that the assessment itself is logged: in the same log as the draws.

    Raises:
        EvidenceError: an entry or proof that does not fit.
        NotDoneError: there is nothing to check, or no key to check it with.
    """
    try:
        drawn = msgspec.json.decode(files[DRAWN], type=Draws)
    except msgspec.DecodeError as error:
        raise EvidenceError(f"no draws: {error}", where=DRAWN) from error
    entries = {name: decode(data) for name, data in files.items() if _is_entry(name)}
    if not entries:
        raise NotDoneError("the entries of the assessor's log on them are not here", required=False)
    for name, event in entries.items():
        if not _named(event, drawn):
            raise EvidenceError("not an entry on a draw that the assessment tells of", where=name)
    _all_there(drawn, list(entries.values()))
    if policy is None:
        raise NotDoneError("no log key was given, so that they are logged was not checked")
    origins = {read_proof(files[beside]).head.origin} if beside in files else set()
    for name, event in entries.items():
        path = name.removesuffix(".json") + ".tlog-proof"
        if path not in files:
            raise NotDoneError("there is no proof that the log has them")
        proof = read_proof(files[path])
        if proof.index != event.seq:
            raise EvidenceError("proved to be another entry of the log than it says", where=path)
        policy.judge(proof.verify(files[name], policy.verifiers))
        origins.add(proof.head.origin)
        if len(origins) > 1:
            raise EvidenceError(f"not all in one log, but in {', '.join(sorted(origins))}", where=path)
    return f"{len(drawn.challenges)} drawn and logged, {len(drawn.nonces)} from a nonce fixed before"


def _is_entry(name: str) -> bool:
    return DRAWN_LOGGED.fullmatch(name) is not None and name.endswith(".json")


def _key(event: Event) -> tuple[str, str]:
    """Kind and digest of what an event fixes or draws."""
    if event.kind == NonceFixed.kind:
        return event.kind, body_of(event, NonceFixed).nonce
    return event.kind, body_of(event, RunChallenged).challenge


def _named(event: Event, drawn: Draws) -> bool:
    """Whether `drawn` tells of this very event, at its time."""
    if event.kind not in (NonceFixed.kind, RunChallenged.kind):
        return False
    kind, digest = _key(event)
    told = drawn.nonces if kind == NonceFixed.kind else drawn.challenges
    return told.get(digest) == event.time


def _first(told: list[Logged]) -> list[Logged]:
    """One entry for each nonce and challenge."""
    seen: dict[tuple[str, str], Logged] = {}
    for logged in told:
        seen.setdefault(_key(logged.event), logged)
    return list(seen.values())


def _all_there(drawn: Draws, events: list[Event]) -> None:
    """Every draw has its entry, and stands after the nonce that it was made with."""
    places = {_key(event): event for event in events}
    for kind, told in ((NonceFixed.kind, drawn.nonces), (RunChallenged.kind, drawn.challenges)):
        for digest in told:
            if (kind, digest) not in places:
                raise EvidenceError(f"no log entry {kind} of {digest}", where=DRAWN)
    for event in events:
        if event.kind != RunChallenged.kind:
            continue
        nonce = body_of(event, RunChallenged).nonce
        fixed = places.get((NonceFixed.kind, nonce))
        if nonce in drawn.nonces and (fixed is None or fixed.seq > event.seq):
            raise EvidenceError("drawn before its nonce was fixed", where=f"log/drawn-{event.seq}.json")
