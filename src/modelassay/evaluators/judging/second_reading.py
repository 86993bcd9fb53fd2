"""Read answers that speak to their grader twice: as written, and without those words.

For engines that are no judge models, which such words move by their mere presence. The stricter reading
counts, so that words addressed to a grader can never better a score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from modelassay.evaluators.judging.addressed import REMOVED, addressed
from modelassay.evaluators.judging.fence import Shown, shown
from modelassay.records import Message, Reading, Sample, Span, Transcript, Unscored

Case = tuple[Sample, Transcript]
Outcome = Reading | Unscored


def read_twice(read: Callable[[Sequence[Case]], Sequence[Outcome]], items: Sequence[Case]) -> list[Outcome]:
    """The outcomes of `read` for `items`, the stricter of two where an answer speaks to its grader."""
    rests = [without_address(transcript.answer) for _, transcript in items]
    again = {index: rest for index, rest in enumerate(rests) if rest is not None}
    outcomes = list(read([*items, *(with_answer(items[index], rest.text) for index, rest in again.items())]))
    for (index, rest), second in zip(again.items(), outcomes[len(items) :], strict=True):
        outcomes[index] = stricter(outcomes[index], second, rest)
    return outcomes[: len(items)]


def without_address(answer: str) -> Shown | None:
    """An answer without what it says to its grader; None where it says nothing, or nothing else."""
    text = shown(answer)
    spans = addressed(text.text)
    if not spans:
        return None
    rest = text.without(spans, REMOVED)
    return rest if rest.text.replace(REMOVED, "").strip() else None


def stricter(first: Outcome, second: Outcome, rest: Shown) -> Outcome:
    """The lower of the readings of an answer and of its `rest`, with evidence in the answer itself."""
    if not isinstance(second, Reading):
        return first
    limit = first.value if isinstance(first, Reading) else 1.0
    if second.value >= limit:
        return first
    span = second.evidence
    if span is None:
        return second
    if not rest.text[span.start : span.end].replace(REMOVED, "").strip():
        return msgspec.structs.replace(second, evidence=None)  # what stands in for words taken out
    start = rest.offsets[span.start]
    end = rest.offsets[max(span.start, span.end - 1)] + 1
    return msgspec.structs.replace(second, evidence=Span(start=start, end=max(start, end)))


def with_answer(case: Case, answer: str) -> Case:
    """`case` with `answer` in place of what was answered last."""
    sample, transcript = case
    messages = list(transcript.messages)
    last = max(n for n, message in enumerate(messages) if message.role == "assistant")
    calls = messages[last].tool_calls
    messages[last] = Message(role="assistant", content=answer, tool_calls=calls)
    return sample, msgspec.structs.replace(transcript, messages=tuple(messages))
