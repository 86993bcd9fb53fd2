"""Whether a judge still reads what it read when it was calibrated."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from modelassay.errors import DatasetError, EvidenceError
from modelassay.judges.calibration import Agreement, Calibration
from modelassay.judges.labelled import LabelledAnswers
from modelassay.judges.measure import READ, agreement
from modelassay.statistics import mcnemar_midp

MOST_CHANGED = Decimal("0.05")
"""Of a judge model, whose answers may vary: share of changed readings above which it drifted."""
SIGNIFICANT = 0.05


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen set read again."""

    set: str
    measures: tuple[str, ...]
    rows: int
    changed: tuple[str, ...]
    """Where each reading that changed stands, with what it was and is."""
    more: int
    """Readings that became positive."""
    fewer: int
    """Readings that ceased to be."""
    p_value: Decimal
    """Two-sided mid-p of McNemar's test: as many changes one way as the other."""
    before: Agreement
    now: Agreement
    drifted: bool


def drift_of(calibration: Calibration, answers: LabelledAnswers, readings: str) -> Drift:
    """What changed since `calibration`.

    An embedded evaluator of one version must read the same for ever, so any change is a drift. A judge model
    may vary: it drifted when the changes lean to one side, or are more than one in twenty.

    Raises:
        DatasetError: these are not the rows that it was calibrated on.
        EvidenceError: the calibration does not hold a reading a row.
    """
    if answers.digest != calibration.digest:
        raise DatasetError(
            "not the rows that the evaluator was calibrated on",
            where=answers.name,
            mend="give the same file, or calibrate on this one",
        )
    old, rows = calibration.readings, answers.rows
    if len(old) != len(rows) or len(readings) != len(rows):
        raise EvidenceError("the calibration does not hold a reading a row", where=answers.name)
    at = [index for index in range(len(rows)) if old[index] != readings[index]]
    more, fewer = sum(readings[i] == READ for i in at), sum(old[i] == READ for i in at)
    p_value = mcnemar_midp(fewer, more)
    model = calibration.version.startswith("judge+") or "judge" in calibration.settings
    most = MOST_CHANGED * len(rows) if model else 0
    return Drift(
        set=calibration.set,
        measures=calibration.measures,
        rows=len(rows),
        changed=tuple(f"{rows[i].place}: {old[i]} → {readings[i]}" for i in at),
        more=more,
        fewer=fewer,
        p_value=round(Decimal(repr(float(p_value))), 6),
        before=calibration.overall,
        now=agreement(rows, readings),
        drifted=len(at) > most or (bool(at) and p_value <= SIGNIFICANT),
    )
