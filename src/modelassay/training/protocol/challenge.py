"""Which rollouts the developer must open: drawn by the assessor, from a seed that nobody could choose.

The assessor commits to a nonce before the developer commits to the run; the seed is made of the developer's
commitment, that nonce and public randomness of a later time, so that neither side can steer the sample::

    seed = SHA-256(commitment || nonce || randomness)
    ticket = SHA-256(seed as text || "phase|step|rank|ordinal")          of each rollout

In each stratum the rollouts with the smallest tickets are drawn: a simple random sample, in any language.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from heapq import nsmallest
from typing import Literal

import msgspec

from modelassay.canonical import Digest, canonical_json, digest_bytes
from modelassay.errors import EvidenceError, UsageError
from modelassay.records import CommittedRun, StepRecord
from modelassay.statistics.detection import detection_probability, sample_size_for_detection
from modelassay.training.protocol.commitment import PARTS, StepKey

WINDOWS = 10
"""Windows of steps in the default strata."""


class Drawn(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A rollout that is asked for."""

    phase: str
    step: int
    rank: int
    ordinal: int
    """0-based place among the rollouts of its step, phase and rank."""

    @property
    def key(self) -> StepKey:
        """The step record that it stands under."""
        return StepKey(self.phase, self.step, self.rank)


class Challenge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the assessor asks the developer to open."""

    type: Literal["modelassay.challenge/1"] = "modelassay.challenge/1"
    run: str
    commitment: Digest
    """Digest of the `CommittedRun` that the developer logged."""
    nonce: str
    """64 hexadecimal digits, drawn by the assessor before the commitment."""
    randomness: str
    """Public randomness of a time after the commitment, such as a drand round and its value; may be empty."""
    seed: Digest
    population: int
    """Rollouts that the run is committed to."""
    share: str
    """Smallest share of bad rollouts to be found, as a decimal; likewise the chance of finding one."""
    probability: str
    parts: tuple[str, ...]
    """Parts that must be disclosed; others may be withheld."""
    drawn: tuple[Drawn, ...]
    """In order."""
    issued: str
    deadline: str
    """UTC; what is opened later counts as not opened."""


def commitment_of(committed: CommittedRun) -> Digest:
    """The digest that a challenge names."""
    return digest_bytes(canonical_json(committed))


def new_nonce() -> str:
    """64 hexadecimal digits to keep secret until the run is committed to."""
    return secrets.token_hex(32)


def nonce_commitment(nonce: str) -> Digest:
    """What the assessor publishes before the run is committed to."""
    return digest_bytes(bytes.fromhex(nonce))


def seed_of(commitment: Digest, nonce: str, randomness: str) -> Digest:
    """The seed of a draw; see the module.

    Raises:
        UsageError: the nonce is not 64 hexadecimal digits.
    """
    try:
        raw = bytes.fromhex(nonce)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise UsageError(
            "a nonce has 64 hexadecimal digits", where=nonce[:20], mend="`run challenge --prepare`"
        )
    return digest_bytes(bytes.fromhex(commitment.removeprefix("sha256:")) + raw + randomness.encode())


def by_window(records: Sequence[StepRecord]) -> Callable[[Drawn], str]:
    """Strata of phase and tenth of the run."""
    last = max((record.step for record in records), default=0) + 1
    return lambda drawn: f"{drawn.phase}|{max(0, drawn.step) * WINDOWS // last}"


def draw(
    records: Sequence[StepRecord],
    seed: Digest,
    wanted: int,
    stratum: Callable[[Drawn], str] | None = None,
) -> tuple[Drawn, ...]:
    """`wanted` rollouts or a few more, the same share of every stratum and at least one of each.

    Args:
        records: what the run is committed to.
        stratum: names the stratum of a rollout; `by_window` when None.
    """
    sort = stratum or by_window(records)
    strata: dict[str, list[Drawn]] = {}
    for each in _everything(records):
        strata.setdefault(sort(each), []).append(each)
    total = sum(map(len, strata.values()))
    found: list[Drawn] = []
    for members in strata.values():
        size = -(-wanted * len(members) // total) if wanted < total else len(members)
        found += nsmallest(max(1, size), members, key=lambda each: _ticket(seed, each))
    return tuple(sorted(found))


def make_challenge(
    committed: CommittedRun,
    records: Sequence[StepRecord],
    *,
    nonce: str,
    randomness: str,
    share: float,
    probability: float,
    issued: str,
    deadline: str,
    parts: Sequence[str] = PARTS,
    stratum: Callable[[Drawn], str] | None = None,
) -> Challenge:
    """A challenge sized to find a share of bad rollouts with a probability.

    Args:
        share: in (0, 1]; at least one rollout is taken as bad.
        probability: in [0, 1).

    Raises:
        UsageError: a number or a part makes no sense, or nothing is committed to.
    """
    if unknown := set(parts) - set(PARTS):
        raise UsageError(
            f"no part of a rollout is called {min(unknown)!r}", mend=f"parts: {', '.join(PARTS)}"
        )
    if committed.rollouts < 1:
        raise UsageError("the run is committed to no rollouts", where=committed.run)
    if not (0 < share <= 1 and 0 <= probability < 1):
        raise UsageError("a share is above 0 and at most 1, a probability at least 0 and below 1")
    bad = max(1, round(share * committed.rollouts))
    seed = seed_of(commitment_of(committed), nonce, randomness)
    wanted = max(1, sample_size_for_detection(committed.rollouts, bad, probability))
    return Challenge(
        run=committed.run,
        commitment=commitment_of(committed),
        nonce=nonce,
        randomness=randomness,
        seed=seed,
        population=committed.rollouts,
        share=str(share),
        probability=str(probability),
        parts=tuple(part for part in PARTS if part in parts),
        drawn=draw(records, seed, wanted, stratum),
        issued=issued,
        deadline=deadline,
    )


def chance(challenge: Challenge) -> float:
    """How likely the draw finds the share that it was sized for."""
    bad = max(1, round(float(challenge.share) * challenge.population))
    return detection_probability(challenge.population, bad, len(challenge.drawn))


def decode_challenge(data: bytes, where: str = "") -> Challenge:
    """A challenge from its file.

    Raises:
        EvidenceError: it is none, or its seed is not made of what it names.
    """
    try:
        challenge = msgspec.json.decode(data, type=Challenge)
    except msgspec.DecodeError as error:
        raise EvidenceError(f"not a challenge: {error}", where=where) from error
    if challenge.seed != seed_of(challenge.commitment, challenge.nonce, challenge.randomness):
        raise EvidenceError("the seed is not made of commitment, nonce and randomness", where=where)
    return challenge


def _everything(records: Iterable[StepRecord]) -> Iterable[Drawn]:
    for record in records:
        for ordinal in range(record.rollouts):
            yield Drawn(phase=record.phase, step=record.step, rank=record.rank, ordinal=ordinal)


def _ticket(seed: Digest, each: Drawn) -> bytes:
    return sha256(f"{seed}{each.phase}|{each.step}|{each.rank}|{each.ordinal}".encode()).digest()
