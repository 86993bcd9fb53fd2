"""Which rollouts the developer must open: drawn by the assessor, from a seed that nobody could choose.

The assessor commits to a nonce before the developer commits to the run; the seed is made of the developer's
commitment, that nonce and public randomness of a later time, so that neither side can steer the sample::

    seed = SHA-256(commitment || nonce || randomness)
    ticket = SHA-256(seed as text || "phase|step|rank|ordinal")          of each rollout

In each stratum the rollouts with the smallest tickets are drawn: a simple random sample, in any language.
"""

from __future__ import annotations

import re
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
from modelassay.training.protocol.parts import PARTS, StepKey

WINDOWS = 10
"""Windows of steps in the default strata."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NONCE = re.compile(r"[0-9a-fA-F]{64}")


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
    """Parts that must be disclosed, at least one; others may be withheld."""
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
    if why := _wrong_parts(parts):
        raise UsageError(why, mend=f"parts: {', '.join(PARTS)}")
    if committed.rollouts < 1:
        raise UsageError(
            "the run is committed to no rollouts, so none can be drawn: T3 and T4 need opened rollouts, and "
            "do not apply to it",
            where=committed.run,
            mend="hold its data against their digests (`run assess --data`), and replay a segment of it "
            "(`run replay`)",
        )
    if not _make_sense(share, probability):
        raise UsageError("a share is above 0 and at most 1, a probability at least 0 and below 1")
    seed = seed_of(commitment_of(committed), nonce, randomness)
    wanted = wanted_of(committed.rollouts, share, probability)
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


def wanted_of(population: int, share: float, probability: float) -> int:
    """How many of `population` rollouts must be drawn at least: one of the bad share is among them with
    `probability`.
    """
    return max(1, sample_size_for_detection(population, _bad(population, share), probability))


def size_of(challenge: Challenge) -> tuple[float, float]:
    """The share and the probability that a challenge is sized for.

    Raises:
        EvidenceError: they are no numbers, or none that a challenge can have.
    """
    try:
        share, probability = float(challenge.share), float(challenge.probability)
    except ValueError as error:
        raise EvidenceError(
            f"share and probability of a challenge are decimals: {error}", where=challenge.run
        ) from error
    if not _make_sense(share, probability):
        raise EvidenceError(
            f"no challenge can be sized for the share {challenge.share} with the probability "
            f"{challenge.probability}",
            where=challenge.run,
        )
    return share, probability


def chance(challenge: Challenge) -> float:
    """How likely the draw finds the share that it was sized for."""
    bad = _bad(challenge.population, size_of(challenge)[0])
    return detection_probability(challenge.population, bad, len(challenge.drawn))


def decode_challenge(data: bytes, where: str = "") -> Challenge:
    """A challenge from its file.

    Raises:
        EvidenceError: it is none, its numbers or parts make no sense, or its seed is not made of what it
            names.
    """
    try:
        challenge = msgspec.json.decode(data, type=Challenge)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EvidenceError(f"not a challenge: {error}", where=where) from error
    size_of(challenge)
    if why := _wrong_parts(challenge.parts):
        raise EvidenceError(f"not a challenge: {why}", where=where)
    if not _DIGEST.fullmatch(challenge.commitment) or not _NONCE.fullmatch(challenge.nonce):
        raise EvidenceError("not a challenge: its commitment or nonce cannot be read", where=where)
    if challenge.seed != seed_of(challenge.commitment, challenge.nonce, challenge.randomness):
        raise EvidenceError("the seed is not made of commitment, nonce and randomness", where=where)
    return challenge


def _wrong_parts(parts: Sequence[str]) -> str:
    """Why these cannot be what must be disclosed; empty when they can."""
    if unknown := set(parts) - set(PARTS):
        return f"no part of a rollout is called {min(unknown)!r}"
    return "" if parts else "no part of a rollout is asked for"


def _make_sense(share: float, probability: float) -> bool:
    return 0 < share <= 1 and 0 <= probability < 1


def _bad(population: int, share: float) -> int:
    return max(1, round(share * population))


def _everything(records: Iterable[StepRecord]) -> Iterable[Drawn]:
    for record in records:
        for ordinal in range(record.rollouts):
            yield Drawn(phase=record.phase, step=record.step, rank=record.rank, ordinal=ordinal)


def _ticket(seed: Digest, each: Drawn) -> bytes:
    return sha256(f"{seed}{each.phase}|{each.step}|{each.rank}|{each.ordinal}".encode()).digest()
