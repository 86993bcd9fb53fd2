"""Answers that were judged again, and people's labels: where they come from, and that they fit the audit."""

from __future__ import annotations

from decimal import Decimal

from modelassay.canonical import digest_bytes
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import LABELS, PARENT, SAMPLES, TRANSCRIPTS
from modelassay.evidence.contents import Contents, read_sums
from modelassay.evidence.recompute import measures_of, order_of
from modelassay.records import PairKey

MOST_DECIMALS = 12
"""Digits of a mean of labels; more would be no mean of people's labels but a way to hide something."""


def answers_are_the_parents(contents: Contents) -> str:
    """That prompts and answers are, byte for byte, those of the audit that is named.

    Raises:
        EvidenceError: they are not, or the audit names no other one and yet holds its digests.
    """
    record, sums = contents.record, contents.sums
    if not record.judged_again:
        if PARENT in contents.bundle:
            raise EvidenceError("belongs to no audit that this one names", where=PARENT)
        if record.imported:
            return f"the answers come from {len(record.imported)} files of another tool, by digest"
        return "the answers are this audit's own"
    data = contents.bundle.read(PARENT)
    if digest_bytes(data) != record.judged_again:
        raise EvidenceError("not the digests of the audit that is named", where=PARENT)
    theirs = read_sums(data)
    for name in (SAMPLES, TRANSCRIPTS):
        if theirs.get(name) != sums.get(name):
            raise EvidenceError("not the bytes of the audit that is named", where=name)
    return f"prompts and answers are those of the audit sealed as {record.judged_again[:19]}…"


def labels_fit(contents: Contents) -> str:
    """That each of people's labels is of a pair and measure of this audit, once, and within 0 and 1.

    Raises:
        EvidenceError: names the line.
        NotDoneError: the record does not say what its evaluators measure.
    """
    if LABELS not in contents.bundle:
        return "no label of people is part of this audit"
    asked = set(order_of(contents))
    hidden = None in asked
    measures = {measure.name for measure in measures_of(contents)}
    seen: set[tuple[str, PairKey]] = set()
    labelled = 0
    for line, pair in enumerate(contents.reviewed, 1):
        where = f"{LABELS}: line {line}"
        if (pair.measure, pair.key) in seen:
            raise EvidenceError("a pair that occurs twice", where=where)
        seen.add((pair.measure, pair.key))
        if pair.measure not in measures or not (pair.key in asked or hidden):
            raise EvidenceError("not a pair that this audit judged", where=where)
        values = [value for value in (pair.baseline, pair.candidate) if value is not None]
        if not all(_is_mean(value) for value in values):
            raise EvidenceError("not a mean of labels between 0 and 1", where=where)
        labelled += len(values) == 2
    if not seen:
        raise EvidenceError("holds no pair", where=LABELS)
    return f"people read both answers of {labelled:,} of {len(seen):,} pairs that a sample was drawn from"


def _is_mean(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and -MOST_DECIMALS <= exponent <= 0 and 0 <= value <= 1
