"""All of an analysis, in order."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from modelassay.audit.robustness.edges import confidences, edges, policies
from modelassay.audit.robustness.firmness import firmness
from modelassay.audit.robustness.judge_error import judged
from modelassay.audit.robustness.leaving_out import decodings, halves, one_decoding, without_each
from modelassay.audit.robustness.readers import other_readings, read_otherwise
from modelassay.audit.robustness.replay import Replay
from modelassay.audit.robustness.results import Firmness, Robustness

SPLITS = 10
"""Random splits into halves, unless said otherwise."""


def analyse(replay: Replay, others: Iterable[Replay] = (), *, splits: int = SPLITS) -> Robustness:
    """How firm the verdict of a sealed audit is; the same evidence gives the same analysis.

    Args:
        replay: of the audit.
        others: of audits in which other judges read the same answers.
        splits: random splits of the suite into halves; 0 makes none.
    """
    record = replay.record
    read_again = tuple(others)
    found = Robustness(
        audit=record.id,
        policy=replay.policy.name,
        outcome=replay.base.verdict.outcome,
        sealed_outcome=record.verdict.outcome,
        questions=replay.questions,
        firmness=Firmness(firm=False, sentence=""),
        without=tuple(without_each(replay)),
        edges=tuple(edges(replay)),
        confidences=tuple(confidences(replay)),
        policies=tuple(policies(replay)),
        judges=tuple(judged(replay)),
        readings=tuple(each for other in read_again for each in other_readings(replay, other)),
        read_otherwise=tuple(read_otherwise(replay, other) for other in read_again),
        decodings=tuple(decodings(replay)),
        one_decoding=tuple(one_decoding(replay)),
        halves=halves(replay, splits),
        notes=tuple(_notes(replay, read_again)),
    )
    return msgspec.structs.replace(found, firmness=firmness(found, replay.policy))


def _notes(replay: Replay, others: tuple[Replay, ...]) -> Iterable[str]:
    if replay.record.noise_floor:
        yield "A noise floor is sealed as inconclusive; here it is decided like the audit of a candidate."
    if replay.record.epochs < 2:
        yield "Each prompt was asked once, so nothing is known of repeated decodings (`repeats` in the plan)."
    if not others:
        yield "No other judge has read these answers (`modelassay rejudge` has them read by one)."
    if len(replay.record.datasets) < 2:
        yield "There is one dataset, so none could be left out."
