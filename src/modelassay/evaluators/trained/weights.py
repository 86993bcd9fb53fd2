"""The file of a trained classifier: what it is, what it was trained on, its numbers, and a digest.

Layout: the line ``modelassay weights 1``, a line with the SHA-256 of everything after it in hexadecimal,
one line of JSON (`Card`), then the tables of weights as signed bytes, one table after the other in the
order of `Card.views`. There is no vocabulary: a table holds one number per bucket of hashed n-grams, and
buckets that few prompts reach are zero, so no text can be read back.
"""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.errors import EvidenceError
from modelassay.evaluators.trained.features import FEATURES_VERSION, View

MAGIC = b"modelassay weights 1\n"
MAX_BYTES = 8 << 20
MEND = "reinstall modelassay, or train the classifier again"


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One set of rows that a classifier was trained on."""

    name: str
    """Path of the file in the data folder."""
    licence: str
    """As the set's ``SOURCE.json`` states it."""
    sha256: str
    """Of the file, in hexadecimal."""
    rows: int


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a classifier is: how it reads a text, its few single numbers, what it was trained on."""

    name: str
    version: str
    features: int
    """`FEATURES_VERSION` at training."""
    views: tuple[View, ...]
    scales: tuple[float, ...]
    """Per view, what a table's unit step is worth in log odds."""
    measures: tuple[str, ...]
    """Names of the measured features that stand beside the hashed ones."""
    measure_weights: tuple[float, ...]
    bias: float
    slope: float
    """Calibration: probability = 1 / (1 + exp(-(slope · score + offset))), Platt (1999)."""
    offset: float
    threshold: float
    """From this probability on, the label is given."""
    trained_on: tuple[Source, ...]
    agreement: dict[str, float]
    """Cohen's kappa with people per set, out of fold, as measured at training."""


class Weights(msgspec.Struct, frozen=True):
    """A classifier as read from its file."""

    card: Card
    tables: tuple[NDArray[np.int8], ...]
    digest: str
    """SHA-256 over card and tables, in hexadecimal."""


def pack(card: Card, tables: tuple[NDArray[np.int8], ...]) -> bytes:
    """The bytes of the file; the same card and tables give the same bytes."""
    body = msgspec.json.encode(card) + b"\n" + b"".join(table.tobytes() for table in tables)
    return MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def unpack(data: bytes, *, where: str) -> Weights:
    """The classifier in `data`; `where` names the file in errors.

    Raises:
        EvidenceError: another format, changed bytes, or weights for features that this version does not make.
    """
    if len(data) > MAX_BYTES or not data.startswith(MAGIC):
        raise EvidenceError("not a file of trained weights in a known format", where=where, mend=MEND)
    stated, _, body = data[len(MAGIC) :].partition(b"\n")
    digest = hashlib.sha256(body).hexdigest()
    if stated != digest.encode():
        raise EvidenceError("trained weights do not match their digest", where=where, mend=MEND)
    header, _, numbers = body.partition(b"\n")
    try:
        card = msgspec.json.decode(header, type=Card)
    except msgspec.DecodeError as error:
        raise EvidenceError(f"unreadable card of trained weights: {error}", where=where, mend=MEND) from error
    sizes = [1 << view.bits for view in card.views]
    if (
        card.features != FEATURES_VERSION
        or len(card.scales) != len(sizes)
        or len(card.measures) != len(card.measure_weights)
        or len(numbers) != sum(sizes)
    ):
        raise EvidenceError("trained weights do not fit this version's features", where=where, mend=MEND)
    ends = np.cumsum(sizes)
    flat = np.frombuffer(numbers, np.int8)
    tables = tuple(flat[end - size : end] for size, end in zip(sizes, ends, strict=True))
    return Weights(card, tables, digest)
