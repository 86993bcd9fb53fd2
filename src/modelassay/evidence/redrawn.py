"""That a sequential audit asked exactly what its committed order and its readings demanded, and decided so.

The questions are drawn again from the sealed samples, policy and scores (`evidence.drawing`), no model being
asked: what was drawn then is what was asked, and nothing besides or after; every claim comes out again.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import islice

import msgspec

from modelassay.errors import EvidenceError, UsageError
from modelassay.evidence.bundle import TRANSCRIPTS
from modelassay.evidence.chain import OPENED, Chain
from modelassay.evidence.checks import NotDoneError
from modelassay.evidence.commitments import order_digest
from modelassay.evidence.contents import Contents
from modelassay.evidence.drawing import Drawing, Suite, order_seed, places_in, share_of
from modelassay.evidence.earlier import counts_whole_attacks
from modelassay.evidence.parts import DrawnOrder
from modelassay.evidence.recompute import (
    MOST_NAMED,
    differences,
    measures_of,
    order_of,
    sides_of,
)
from modelassay.records import PairKey, Score, SequentialRecord

_ALL_AT_ONCE = "all of the suite was to be asked, none of it drawn"


def drawing_follows(contents: Contents, chain: Chain) -> str:
    """That the questions are those that were drawn, and that the sequential claims follow from the scores.

    Raises:
        EvidenceError: names what differs.
        NotDoneError: samples are withheld, or the opening event is not there.
    """
    record, plan = contents.record, contents.plan
    drawn, opened = record.sequential, chain.opened.body
    if drawn is None:
        # Given answers are judged in full, whatever drew them: only those of a whole suite are taken.
        if opened.drawn is not None or (plan.gate.mode == "sequential" and opened.parent is None):
            raise EvidenceError("a sequential audit without the decisions that it drew", where="audit.json")
        return _ALL_AT_ONCE
    if opened.drawn is None or plan.gate.mode != "sequential":
        raise EvidenceError("decided as a sequential audit, and not opened as one", where=OPENED)
    if contents.samples.withheld or contents.transcripts.withheld:
        raise NotDoneError(
            "samples or answers are withheld, so what was drawn, and what it shows, is taken as signed",
            required=False,
        )
    suite = _suite(contents, drawn)
    try:
        _committed(suite, opened.drawn, chain)
        again = _draw(contents, suite, share_of(opened.attempt))
    except UsageError as error:
        raise EvidenceError(error.what, where="audit.json") from error
    found = differences(msgspec.to_builtins(drawn), msgspec.to_builtins(again), "sequential")
    named = list(islice(found, MOST_NAMED))
    if named:
        raise EvidenceError("; ".join(named), where="audit.json")
    claims = sum(len(decision.claims) for decision in again.decisions)
    return (
        f"{again.asked:,} of {again.questions:,} questions were drawn in the order that was logged, and no "
        f"other; {again.state}; {claims:,} claims follow from their scores at {again.share} of the error"
    )


def _suite(contents: Contents, drawn: SequentialRecord) -> Suite:
    record, samples = contents.record, tuple(contents.samples.known)
    return Suite(
        policy=record.policy,
        samples=samples,
        measures=measures_of(contents),
        populations={each.measure: places_in(each.samples, len(samples)) for each in drawn.populations},
        concerns={each.measure: places_in(each.samples, len(samples)) for each in drawn.concerns},
        slices=record.slices,
        epochs=record.epochs,
        seed=record.seed,
        order_seed=order_seed(record.seed, record.baseline, record.candidate),
        batch=contents.plan.gate.batch,
        whole_attacks=counts_whole_attacks(record),
        by_measure=record.verdict.by_measure,
    )


def _committed(suite: Suite, said: DrawnOrder, chain: Chain) -> None:
    """That ``audit.opened`` holds this order, and a share of the error that its attempt may spend."""
    opened = chain.opened.body
    if said != suite.committed(share_of(opened.attempt)):
        raise EvidenceError(
            f"not the order, populations or share of the error of attempt {opened.attempt}", where=OPENED
        )
    if order_digest(suite.order) != opened.order.digest or len(suite.order) != opened.order.questions:
        raise EvidenceError("not the order of drawing", where=OPENED)


def _draw(contents: Contents, suite: Suite, share: Fraction) -> SequentialRecord:
    """Draw what was asked again."""
    asked = [key for key in order_of(contents) if key is not None]
    answered = set(asked)
    sides: list[dict[PairKey, list[Score]]] = []
    for side in sides_of(contents):
        sides.append(defaultdict(list))
        for score in side:
            sides[-1][score.key].append(score)
    drawing = Drawing(suite, share)
    while (batch := drawing.next()) and answered.issuperset(batch):
        drawing.observe(*([score for key in batch for score in side.get(key, ())] for side in sides))
    if list(drawing.asked) != asked:
        odd = sorted(answered ^ set(drawing.asked))
        what = f"sample {odd[0].sample}, epoch {odd[0].epoch}" if odd else "the order of the answers"
        raise EvidenceError(
            f"not exactly the questions that were to be drawn were asked: {what}", where=TRANSCRIPTS
        )
    return drawing.record()
