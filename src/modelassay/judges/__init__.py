"""Judges of known error: how evaluators agree with people, on which answers, and whether they still do.

`read_labelled` reads labelled answers, `read_all` and `calibration_of` measure an evaluator on them, `keep`
and `calibrations_of` store and find the records, `with_errors` writes them into an audit's evaluator pins,
`drift_of` holds today's readings against the stored ones.
"""

from modelassay.judges.calibration import Agreement, Calibration
from modelassay.judges.distance import Audited, distance_of
from modelassay.judges.drift import Drift, drift_of
from modelassay.judges.fits import FITS, Fit, fits_of
from modelassay.judges.labelled import Columns, LabelledAnswer, LabelledAnswers, read_labelled
from modelassay.judges.measure import Task, calibration_of, lengths_of, read_all, words_in
from modelassay.judges.shipping import calibrate_on
from modelassay.judges.standing import known_of_attacks, with_errors
from modelassay.judges.store import PACKAGED, calibrations_of, keep

__all__ = [
    "FITS",
    "PACKAGED",
    "Agreement",
    "Audited",
    "Calibration",
    "Columns",
    "Drift",
    "Fit",
    "LabelledAnswer",
    "LabelledAnswers",
    "Task",
    "calibrate_on",
    "calibration_of",
    "calibrations_of",
    "distance_of",
    "drift_of",
    "fits_of",
    "keep",
    "known_of_attacks",
    "lengths_of",
    "read_all",
    "read_labelled",
    "with_errors",
    "words_in",
]
