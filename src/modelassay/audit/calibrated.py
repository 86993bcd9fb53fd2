"""What is known of the error of the evaluators that read an audit, and how far that is from this audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from modelassay.audit.opened import Opened
from modelassay.judges import Audited, lengths_of, with_errors, words_in
from modelassay.records import EvaluatorPin, Reading, Score

_HALF = 0.5


def calibrated_pins(opened: Opened, scores: Iterable[Score]) -> tuple[EvaluatorPin, ...]:
    """The evaluator pins of `opened` with the errors that were measured for exactly these versions.

    Args:
        opened: the audit, asked to its end.
        scores: of both models.

    Raises:
        StoreError: a file of calibrations is damaged.
    """
    if opened.pins_stand:
        return opened.pins
    audited = _audited(opened, scores)
    return tuple(with_errors(pin, opened.journal.store, audited) for pin in opened.pins)


def _audited(opened: Opened, scores: Iterable[Score]) -> Audited:
    samples = opened.asked.samples
    wanted: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for score in scores:
        if isinstance(score.outcome, Reading):
            read[score.measure] += 1
            wanted[score.measure] += score.outcome.value > _HALF
    answers = (each.answer for side in opened.sides for each in opened.transcripts(side))
    return Audited(
        datasets=tuple(pin.name for pin in opened.asked.pins),
        models=tuple(side.identity.reference for side in opened.sides),
        languages=Counter(s.tags["language"] for s in samples if s.tags.get("language")),
        categories=Counter(s.tags["category"] for s in samples if s.tags.get("category")),
        samples=len(samples),
        lengths=lengths_of([words_in(answer) for answer in answers if answer]),
        wanted={measure: (wanted[measure], count) for measure, count in read.items()},
    )
