"""The assessor's side of the protocol: nonce and challenge stand in their own log before anybody is told.

Whoever draws until they like the draw has every one of their draws in the log, and the report says how many.
"""

from __future__ import annotations

from pathlib import Path

from modelassay.assessment.request import Draws
from modelassay.evidence.ledger import Ledger, Logged, read_events
from modelassay.evidence.run_events import NonceFixed, RunChallenged
from modelassay.training.protocol.challenge import Challenge, nonce_commitment
from modelassay.training.protocol.disclosure import challenge_digest


def log_nonce(ledger: Ledger, nonce: str) -> Logged:
    """Log what binds the assessor to `nonce`, witnessed where the notary has witnesses.

    Raises:
        StoreError: the disk is full, or the log cannot be written.
        EvidenceError: the log is damaged, or a witness refuses it.
    """
    logged = ledger.append_once(NonceFixed(nonce=nonce_commitment(nonce)))
    ledger.sign()
    return logged


def log_challenge(ledger: Ledger, challenge: Challenge) -> Logged:
    """Log that `challenge` was drawn, likewise.

    Raises:
        As of `log_nonce`.
    """
    logged = ledger.append_once(
        RunChallenged(
            run=challenge.run,
            challenge=challenge_digest(challenge),
            commitment=challenge.commitment,
            nonce=nonce_commitment(challenge.nonce),
            drawn=len(challenge.drawn),
            population=challenge.population,
            deadline=challenge.deadline,
        )
    )
    ledger.sign()
    return logged


def draws_of(log: Path, run: str) -> Draws:
    """What the assessor's log at `log` says of challenges of `run`; nothing without a log.

    Raises:
        EvidenceError: the log is damaged.
    """
    fixed: dict[str, str] = {}
    nonces: dict[str, str] = {}
    challenges: dict[str, str] = {}
    for logged in read_events(log, NonceFixed, RunChallenged):
        if logged.event.kind == NonceFixed.kind:
            fixed.setdefault(logged.read(NonceFixed).nonce, logged.event.time)
            continue
        body = logged.read(RunChallenged)
        if body.run == run:
            challenges[body.challenge] = logged.event.time
            if body.nonce in fixed:
                nonces[body.nonce] = fixed[body.nonce]
    return Draws(nonces=nonces, challenges=challenges)
