"""The baseline held against itself: what marks such an audit wherever its record goes.

The second decoding has an identity of its own, so that its answers are kept and paired like any other
model's, and that identity follows from the baseline's: anyone can tell from a record which it is. No weights
are among what it rests on, so a verdict about it is about nothing that could be deployed.
"""

from __future__ import annotations

import hashlib

import msgspec

from modelassay.canonical import digest_of
from modelassay.records.artifact import TargetIdentity
from modelassay.records.audit import SECOND_DECODING

AGAIN = "again:"
"""In front of a model's address: the same model, decoded with other seeds."""


def decoded_again(identity: TargetIdentity) -> TargetIdentity:
    """Who answers when `identity` is decoded a second time."""
    made_of = {"format": "modelassay.second-decoding/1", "of": identity.fingerprint}
    return TargetIdentity(
        reference=f"{AGAIN}{identity.reference}",
        fingerprint=digest_of(made_of),
        strength=SECOND_DECODING,
        details={"of": identity.fingerprint, "strength": identity.strength},
    )


def seed_again(seed: int) -> int:
    """The seed of the second decoding of what was asked with `seed`, in [0, 2**31)."""
    return int.from_bytes(hashlib.sha256(f"modelassay.second-decoding/1:{seed}".encode()).digest()[:4]) >> 1


def is_noise_floor(baseline: TargetIdentity, candidate: TargetIdentity) -> bool:
    """Whether `candidate` is nothing but `baseline` decoded a second time.

    Raises:
        ValueError: it is so by its fingerprint or by what it says of itself, and not by both.
    """
    again = decoded_again(baseline)
    if candidate.fingerprint != again.fingerprint and candidate.strength != SECOND_DECODING:
        return False
    if msgspec.structs.replace(candidate, reference="") != msgspec.structs.replace(again, reference=""):
        raise ValueError("the candidate is marked as a second decoding of the baseline, and is not one")
    return True
