"""Choose the prompts that a reader should see side by side.

Deterministic: the choice depends on content alone, never on row order or time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from modelassay.canonical import Digest
from modelassay.records import Example, Measure, Message, PairKey, Reading, Sample, Score, Side, Transcript

PER_GROUP = 4
"""Examples of one change, measure and category."""
MOST = 60
"""Examples in one audit."""
LONGEST = 4_000
"""Characters of one text; the rest stays in the transcripts."""

TranscriptOf = Callable[[Digest, PairKey], Transcript | None]


@dataclass(frozen=True)
class _Pair:
    key: PairKey
    measure: str
    category: str
    change: str
    baseline: Score
    candidate: Score


def choose_examples(
    *,
    samples: Mapping[str, Sample],
    measures: Sequence[Measure],
    baseline: Iterable[Score],
    candidate: Iterable[Score],
    transcript_of: TranscriptOf,
) -> tuple[Example, ...]:
    """At most `MOST` examples: what was lost first, by category with the most losses, then gained and
    unscored ones.

    Args:
        samples: by id.
        transcript_of: the transcript of one target and pair, None when there is none.
    """
    judged = {m.name for m in measures if m.role != "descriptive"}
    before = {(s.measure, s.key): s for s in baseline if s.measure in judged}
    groups: dict[tuple[str, str, str], list[_Pair]] = defaultdict(list)
    for after in candidate:
        first = before.get((after.measure, after.key))
        if first is None or (change := _change(first, after)) is None:
            continue
        sample = samples[after.key.sample]
        pair = _Pair(after.key, after.measure, sample.tags.get("category", ""), change, first, after)
        groups[change, after.measure, pair.category].append(pair)
    return tuple(
        example
        for pair in _ranked(groups)
        if (example := _example(pair, samples[pair.key.sample], transcript_of))
    )


def _change(before: Score, after: Score) -> str | None:
    """``lost``, ``gained`` or ``unscored``; None when nothing changed."""
    if not isinstance(before.outcome, Reading) or not isinstance(after.outcome, Reading):
        return "unscored"
    if before.outcome.value > after.outcome.value:
        return "lost"
    if before.outcome.value < after.outcome.value:
        return "gained"
    return None


_ORDER = {"lost": 0, "gained": 1, "unscored": 2}


def _ranked(groups: Mapping[tuple[str, str, str], list[_Pair]]) -> list[_Pair]:
    """A few of each group; groups with most pairs first within a kind of change; one prompt once."""
    chosen: list[_Pair] = []
    seen: set[tuple[str, str, str]] = set()
    for (change, measure, _), pairs in sorted(
        groups.items(), key=lambda item: (_ORDER[item[0][0]], -len(item[1]), item[0])
    ):
        taken = 0
        for pair in sorted(pairs, key=lambda p: p.key):
            mark = (change, measure, pair.key.sample)
            if taken < PER_GROUP and mark not in seen:
                seen.add(mark)
                chosen.append(pair)
                taken += 1
    return chosen[:MOST]


def _example(pair: _Pair, sample: Sample, transcript_of: TranscriptOf) -> Example | None:
    before = transcript_of(pair.baseline.target, pair.key)
    after = transcript_of(pair.candidate.target, pair.key)
    if before is None or after is None:
        return None
    # Of a scripted conversation every user turn; what the models said between differs.
    further = tuple(Message(role="user", content=turn) for turn in sample.follow_ups)
    asked = (*(after.asked or sample.messages), *further)
    return Example(
        key=pair.key,
        measure=pair.measure,
        change=pair.change,
        tags={"kind": sample.kind, **sample.tags},
        prompt=tuple(_shortened(message) for message in asked),
        baseline=_side(before, pair.baseline),
        candidate=_side(after, pair.candidate),
    )


def _side(transcript: Transcript, score: Score) -> Side:
    outcome = score.outcome
    label = outcome.label if isinstance(outcome, Reading) else f"unscored: {outcome.reason}"
    text = transcript.answer or (transcript.failure.message if transcript.failure else "")
    return Side(answer=_cut(text), label=label)


def _shortened(message: Message) -> Message:
    return msgspec.structs.replace(message, content=_cut(message.content))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + f" … ({len(text) - LONGEST} more characters)"
