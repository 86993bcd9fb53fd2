"""What the journal holds about questions, as records, in the order of the questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelassay.canonical import Digest
from modelassay.engine.journal import Journal
from modelassay.engine.questions import AnswerKeys, Question, ReadingKeys, once_each
from modelassay.protocols import Evaluator
from modelassay.records import Decoding, Score, Transcript


def read_transcripts(
    journal: Journal, fingerprint: Digest, decoding: Decoding, questions: Sequence[Question]
) -> Iterator[tuple[Question, Transcript]]:
    """Each question with its transcript (failures included), one after the other from the disk.

    Questions that were never asked are left out, repeats are given once.
    """
    keys = AnswerKeys(fingerprint, decoding)
    by_key = {question.key: question for question in once_each(questions)}
    for transcript in journal.transcripts(keys.of(key) for key in by_key):
        yield by_key[transcript.key], transcript


def all_read(
    journal: Journal,
    fingerprint: Digest,
    decoding: Decoding,
    questions: Sequence[Question],
    evaluators: Sequence[Evaluator],
) -> bool:
    """Whether every question was answered, or failed, and every answer was read by all these evaluators."""
    keys = AnswerKeys(fingerprint, decoding)
    by_key = {keys.of(question.key): question for question in questions}
    found = journal.readings(by_key)
    every = [ReadingKeys(evaluator) for evaluator in evaluators]
    return all(
        (answer, readings.of(question.sample)) in found
        for answer, question in by_key.items()
        for readings in every
    )


def read_scores(
    journal: Journal,
    fingerprint: Digest,
    decoding: Decoding,
    questions: Sequence[Question],
    evaluators: Sequence[Evaluator],
) -> Iterator[Score]:
    """Every score of these evaluators, by evaluator and within it in the order of the questions."""
    keys = AnswerKeys(fingerprint, decoding)
    unique = once_each(questions)
    for evaluator in evaluators:
        readings = ReadingKeys(evaluator)
        by_key = {keys.of(question.key): question for question in unique}
        wanted = ((answer, readings.of(question.sample)) for answer, question in by_key.items())
        for answer, _, results in journal.results(wanted):
            for result in results:
                yield Score(
                    key=by_key[answer].key,
                    target=fingerprint,
                    evaluator=readings.evaluator,
                    measure=result.measure,
                    outcome=result.outcome,
                )
