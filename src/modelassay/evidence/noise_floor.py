"""That an audit of the baseline against itself is marked as what it is."""

from __future__ import annotations

from modelassay.errors import EvidenceError
from modelassay.evidence.contents import Contents
from modelassay.records.noise_floor import is_noise_floor

CLEARS_NOTHING = (
    "a noise floor: the baseline was held against itself, decoded twice, so its verdict lets nothing be "
    "deployed"
)


def candidate_is_marked(contents: Contents) -> str:
    """That the candidate is a model of its own, or says that it is a second decoding of the baseline.

    Raises:
        EvidenceError: the mark is wrong or missing, or the verdict clears something all the same.
    """
    record = contents.record
    try:
        again = is_noise_floor(record.baseline, record.candidate)
    except ValueError as error:
        raise EvidenceError(str(error), where="audit.json") from error
    if not again:
        return "the candidate is not a second decoding of the baseline"
    if record.verdict.outcome != "inconclusive":
        raise EvidenceError("a noise floor clears nothing, and this verdict does", where="verdict.json")
    return CLEARS_NOTHING
