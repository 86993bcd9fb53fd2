"""Many verdicts on one answer become one reading: orders, versions, samples, and a panel of judges.

From the inside out: what one judge said in both orders (a change of mind is ``order decides``, or averaged,
as the rubric has it), the stricter of its readings of the answer as written and without what was addressed
to it, the majority of its samples, the majority of the panel. Every vote is kept in `Reading.raw` as compact
JSON (`Ballot`), so that agreement among judges can be computed from sealed scores alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from modelassay.evaluators.judging.question import Rubric
from modelassay.evaluators.judging.verdict import Verdict
from modelassay.records import Reading, Score, Span, Unscored
from modelassay.statistics import Interval, krippendorff_alpha
from modelassay.statistics.agreement import krippendorff_alpha_interval

ORDER_DECIDES = Unscored(reason="order decides")
JUDGES_DISAGREE = Unscored(reason="judges disagree")
SAMPLES_DISAGREE = Unscored(reason="samples of the judge disagree")


class View(msgspec.Struct, frozen=True, order=True):
    """How one question about an answer was put."""

    seat: int
    """Which judge of the panel, from 0."""
    sample: int = 0
    """Which of the judge's samples, from 0."""
    redacted: bool = False
    """Whether what the answer addresses to its grader was taken out."""
    swapped: bool = False
    """Whether the order of labels, or of two answers, was turned round."""


class Vote(msgspec.Struct, frozen=True, array_like=True):
    """One verdict, or why there is none."""

    judge: str
    """First twelve hexadecimal digits of the judge's fingerprint."""
    view: str
    """``2`` for its second sample, ``redacted``, ``swapped``, joined by ``+``; empty for the plain one."""
    label: str
    """Empty where no verdict could be read."""
    reason: str = ""
    """Why not."""


class Ballot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All votes on one answer: what `Reading.raw` holds, as JSON."""

    votes: tuple[Vote, ...]
    agreement: str = ""
    """How many of the votes on the answer agree with the reading, such as ``2/3``."""
    flags: tuple[str, ...] = ()
    """Noticed: ``addresses the judge``, ``redaction decides``, ``order decides``, ``no evidence``."""
    requests: int = 0
    """What the reading took, repeated questions included; likewise the following."""
    input_tokens: int = 0
    output_tokens: int = 0


class Decided(msgspec.Struct, frozen=True):
    """A reading in the making."""

    label: str
    value: float
    evidence: Span | None


Outcome = Decided | Unscored


def settle(rubric: Rubric, said: dict[View, Verdict | Unscored], quorum: int = 0) -> Outcome:
    """The outcome of all that judges said about one answer.

    Args:
        rubric: what they were asked.
        said: at least one verdict, or why there is none, by view.
        quorum: how many judges must agree; 0 for more than half of the panel.
    """
    seats = sorted({view.seat for view in said})
    readings = [_of_judge(rubric, {v: each for v, each in said.items() if v.seat == seat}) for seat in seats]
    return _majority(readings, quorum, JUDGES_DISAGREE)


def _of_judge(rubric: Rubric, said: dict[View, Verdict | Unscored]) -> Outcome:
    samples = sorted({view.sample for view in said})
    readings = [
        _of_sample(rubric, {view: each for view, each in said.items() if view.sample == sample})
        for sample in samples
    ]
    return _majority(readings, 0, SAMPLES_DISAGREE)


def _of_sample(rubric: Rubric, said: dict[View, Verdict | Unscored]) -> Outcome:
    versions = [
        _over_orders(rubric, [each for view, each in sorted(said.items()) if view.redacted == redacted])
        for redacted in (False, True)
        if any(view.redacted == redacted for view in said)
    ]
    return stricter(versions, rubric.best)


def _over_orders(rubric: Rubric, said: Sequence[Verdict | Unscored]) -> Outcome:
    for each in said:
        if isinstance(each, Unscored):
            return each
    verdicts = [each for each in said if isinstance(each, Verdict)]
    values = [rubric.labels[each.label].value for each in verdicts]
    evidence = next((each.evidence for each in verdicts if each.evidence is not None), None)
    if len({each.label for each in verdicts}) == 1:
        return Decided(verdicts[0].label, values[0], evidence)
    if rubric.on_swap == "average":
        return Decided("order_decides", sum(values) / len(values), evidence)
    return ORDER_DECIDES


def stricter(outcomes: Sequence[Outcome], best: float) -> Outcome:
    """The lowest reading when it is adverse, else an outcome without one, else the reading."""
    read = [each for each in outcomes if isinstance(each, Decided)]
    if read:
        lowest = min(read, key=lambda each: each.value)
        if lowest.value < best or len(read) == len(outcomes):
            return lowest
    return next(each for each in outcomes if isinstance(each, Unscored))


def _majority(outcomes: Sequence[Outcome], quorum: int, otherwise: Unscored) -> Outcome:
    read = [each for each in outcomes if isinstance(each, Decided)]
    if not read:
        return outcomes[0]
    label, votes = Counter(each.label for each in read).most_common(1)[0]
    if votes < (quorum or len(outcomes) // 2 + 1):
        return (
            otherwise if len(read) == len(outcomes) else next(e for e in outcomes if isinstance(e, Unscored))
        )
    agreeing = [each for each in read if each.label == label]
    return next((each for each in agreeing if each.evidence is not None), agreeing[0])


def ballot_of(outcome: Reading | Unscored) -> Ballot | None:
    """The votes behind what a judge read, or could not; None where there are none in it."""
    if not outcome.raw.startswith("{"):
        return None
    try:
        return msgspec.json.decode(outcome.raw, type=Ballot)
    except msgspec.MsgspecError:
        return None


class PanelAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far the judges of a panel agree beyond chance."""

    judges: tuple[str, ...]
    answers: int
    """Answers that at least two of them voted on."""
    alpha: float
    """Krippendorff's alpha, nominal, over the plain votes."""
    interval: Interval
    """Its 95 % bootstrap interval over answers."""


def panel_agreement(scores: Iterable[Score]) -> PanelAgreement:
    """Agreement of a panel's judges over the scores of an audit, from the votes that the readings keep."""
    rows: list[dict[str, str]] = []
    for score in scores:
        ballot = ballot_of(score.outcome) if isinstance(score.outcome, Reading) else None
        if ballot is not None:
            rows.append({vote.judge: vote.label for vote in ballot.votes if vote.label and not vote.view})
    judges = sorted({judge for row in rows for judge in row})
    labels = {
        label: float(n) for n, label in enumerate(sorted({each for row in rows for each in row.values()}))
    }
    table = np.full((len(judges), len(rows)), np.nan)
    for column, row in enumerate(rows):
        for line, judge in enumerate(judges):
            if judge in row:
                table[line, column] = labels[row[judge]]
    return PanelAgreement(
        judges=tuple(judges),
        answers=sum(len(row) >= 2 for row in rows),
        alpha=krippendorff_alpha(table),
        interval=krippendorff_alpha_interval(table),
    )
