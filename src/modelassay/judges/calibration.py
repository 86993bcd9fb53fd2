"""What a calibration says: how an evaluator agreed with people on one labelled set, and where."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from modelassay.canonical import Digest
from modelassay.records import Estimate, JudgeError
from modelassay.statistics import Interval, Share, informedness

_PLACES = 4

Positive = Literal["wanted", "unwanted"]


class Agreement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Agreement with people on some rows; two-sided intervals at 95 %, over groups of rows."""

    rows: int
    positives: int
    unread: int
    """Rows that could not be read; they are in no figure."""
    kappa: Estimate
    f1: Estimate
    sensitivity: Estimate
    specificity: Estimate

    @property
    def informedness(self) -> Estimate:
        """Sensitivity + specificity - 1; its judge tells something only where the lower end is above 0."""
        found, spared = _share(self.sensitivity), _share(self.specificity)
        return estimate_of(informedness(found, spared, self.positives, self.rows - self.positives))

    @property
    def tells(self) -> bool:
        """Whether it is shown to tell what people call positive from the rest at all."""
        return self.informedness.low > 0


class Lengths(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words of the answers: quartiles."""

    low: int
    middle: int
    high: int


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An evaluator on one labelled set, in one version and with one choice of settings."""

    format: Literal["modelassay.calibration/1"] = "modelassay.calibration/1"
    evaluator: str
    version: str
    settings: dict[str, str] = {}
    """As an audit pins them."""
    set: str
    digest: Digest
    """Of the set's file."""
    path: str = ""
    """Where the file lies in the data folder; empty for a user's own."""
    measures: tuple[str, ...]
    positive: Positive
    overall: Agreement
    languages: dict[str, Agreement] = {}
    """Of languages with enough rows; likewise `categories`."""
    categories: dict[str, Agreement] = {}
    seen: str = ""
    """How far the evaluator was made on these rows; empty when it never saw them."""
    spoken: dict[str, int] = {}
    """Rows by language; rows that state none are not counted."""
    kinds: dict[str, int] = {}
    """Rows by category, likewise."""
    models: tuple[str, ...] = ()
    """Whose answers were labelled, as far as the set says."""
    lengths: Lengths
    readings: str
    """A character a row, in the file's order: ``1`` read as positive, ``0`` not, ``-`` unread. What the same
    evaluator reads tomorrow is held against it."""
    measured: str
    """Day, ``YYYY-MM-DD``."""

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """What tells calibrations of one evaluator apart."""
        return self.set, self.measures

    def error(self, distance: tuple[str, ...] = ()) -> JudgeError:
        """As an audit pins it."""
        found = self.overall
        return JudgeError(
            set=self.set,
            digest=self.digest,
            rows=found.rows,
            positives=found.positives,
            positive=self.positive,
            measures=self.measures,
            kappa=found.kappa,
            f1=found.f1,
            sensitivity=found.sensitivity,
            specificity=found.specificity,
            informedness=found.informedness,
            unread=found.unread,
            seen=self.seen,
            distance=distance,
        )


def estimate_of(share: Share) -> Estimate:
    """A figure as it is kept, with four decimal places."""
    value, low, high = (
        round(Decimal(repr(float(each))), _PLACES) + 0  # adding 0 turns -0 into 0
        for each in (share.value, share.interval.low, share.interval.high)
    )
    return Estimate(value=value, low=low, high=high)


def _share(estimate: Estimate) -> Share:
    return Share(float(estimate.value), Interval(float(estimate.low), float(estimate.high)))
