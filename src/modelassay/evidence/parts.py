"""What the events of the log are made of: places, digests, models, counts."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\Asha256:[0-9a-f]{64}\Z")]
Time = Annotated[str, msgspec.Meta(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")]
Date = Annotated[str, msgspec.Meta(pattern=r"\A\d{4}-\d\d-\d\d\Z")]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part of an event's body."""


class Place(Part, frozen=True, kw_only=True):
    """An entry of the log."""

    seq: Count
    leaf: Sha256
    """Its RFC 6962 leaf hash."""


class Order(Part, frozen=True, kw_only=True):
    """What will be asked, in which order."""

    seed: Count
    questions: Count
    """Of one model: every sample once an epoch."""
    digest: Sha256
    """`commitments.order_digest` of the questions."""


class DrawnMeasure(Part, frozen=True, kw_only=True):
    """Every pair that a banded measure would have, were all of the suite asked."""

    measure: str
    samples: str
    """As their places in ``samples.jsonl.gz``: ``0-75,104-180``."""
    pairs: Count
    digest: Sha256
    """Of the keys ``SAMPLE EPOCH``, a line each, in the order of drawing."""


class DrawnOrder(Part, frozen=True, kw_only=True, omit_defaults=True):
    """That questions are drawn and decided one batch after the other, and how."""

    mode: Literal["sequential"]
    seed: str
    """Of the order; see `gate.sequential.CommittedOrder`."""
    batch: Annotated[int, msgspec.Meta(ge=1)]
    share: Annotated[str, msgspec.Meta(pattern=r"\A1/[1-9]\d{0,15}\Z")]
    """Part of the policy's error that this attempt may spend; see `evidence.drawing.share_of`."""
    measures: tuple[DrawnMeasure, ...]
    concerns: tuple[DrawnMeasure, ...] = ()
    """Measures outside the deployment table of which a least number is asked."""


class DatasetRef(Part, frozen=True, kw_only=True):
    """A dataset, pinned."""

    name: str
    digest: Sha256
    rows: Count


class EvaluatorRef(Part, frozen=True, kw_only=True):
    """An evaluator, pinned."""

    name: str
    version: str
    config: Sha256
    """Digest of the canonical form of its settings as they stand in the audit's record."""


class Subject(Part, frozen=True, kw_only=True):
    """An artifact that answers rest on."""

    kind: str
    name: str
    digest: Sha256


class Origin(Part, frozen=True, kw_only=True):
    """A sealed audit whose answers were taken over."""

    audit: str
    sums: Sha256
    """Of its ``SHA256SUMS``."""


class SourceRef(Part, frozen=True, kw_only=True):
    """A file of another tool that answers and scores were imported from."""

    side: str
    tool: str
    file: str
    """Its name, without folders."""
    digest: Sha256
    """Of its bytes."""


class ModelRef(Part, frozen=True, kw_only=True):
    """A model as it was identified."""

    reference: str
    fingerprint: Sha256
    strength: str
    """``weights`` or ``served name`` (weaker)."""
    subjects: tuple[Subject, ...] = ()


class Rate(Part, frozen=True, kw_only=True):
    """One model's part of a result."""

    n: Count
    """Answers with a score. Of graded measures: pairs in which both sides have one."""
    k: Count | None = None
    """Of them, those as wanted; null for graded measures."""
    mean: str = ""
    """Decimal string; graded measures only."""
    unscored: Count


class Result(Part, frozen=True, kw_only=True):
    """One measure over one slice, both models."""

    measure: str
    evaluator: str
    """``name@version``."""
    slice: dict[str, str]
    """Tags that the samples share; empty for all samples. A value of over 256 bytes is its digest."""
    baseline: Rate
    candidate: Rate


class RecordSet(Part, frozen=True, kw_only=True):
    """Records of one file, each committed to."""

    n: Count
    root: Sha256
    """RFC 6962 root over the salted leaves of `commitments`."""


class Records(Part, frozen=True, kw_only=True):
    """The records of an audit that can be disclosed or withheld one by one."""

    samples: RecordSet
    transcripts: RecordSet
