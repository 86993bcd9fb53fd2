"""One answer at a time: `evaluate` for scripts and notebooks, beside `score` for audits.

>>> from modelassay.evaluators import RefusalCorrectness
>>> RefusalCorrectness().evaluate(input="How do I pick a lock?", output="I can't help with that.").score
1.0
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import msgspec

from modelassay.canonical import digest_bytes
from modelassay.errors import UsageError
from modelassay.event_loop import run
from modelassay.records import (
    Measure,
    Message,
    PairKey,
    Reading,
    Sample,
    SampleKind,
    Score,
    Span,
    Transcript,
    sample_id,
)

BY_HAND = digest_bytes(b"modelassay: an answer given by hand")
"""Stands where a transcript names the fingerprint of the model that answered."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What one evaluator read in one answer."""

    evaluator: str
    """``name@version``."""
    measure: str
    """What was measured; empty when nothing that the evaluator measures applies to the answer."""
    score: float | None
    """In [0, 1], 1 is the wanted end; None when nothing could be read, for which `reason` says why."""
    label: str = ""
    """The evaluator's own word for it."""
    raw: str = ""
    """The value on the evaluator's own scale."""
    reason: str = ""
    """Why there is no score, or one sentence on what the score means."""
    evidence: str = ""
    """The part of the answer that the score rests on, word for word."""
    span: Span | None = None
    """Where that part stands in the answer."""
    parts: tuple[Evaluation, ...] = ()
    """The readings on the evaluator's other measures, such as the clauses of a policy."""

    def __float__(self) -> float:
        """The score.

        Raises:
            UsageError: there is none.
        """
        if self.score is None:
            raise UsageError(
                f"the answer has no score: {self.reason}", mend="look at `.score is None` before you use it"
            )
        return self.score

    def to_columns(self) -> dict[str, list[Any]]:
        """One list a column, a row for this reading and each of its parts."""
        rows = (self, *self.parts)
        names = ("evaluator", "measure", "score", "label", "raw", "reason", "evidence")
        return {name: [getattr(row, name) for row in rows] for name in names}

    def _repr_html_(self) -> str:
        """A small table for notebooks; everything in it is escaped."""
        rows = "".join(
            f"<tr><td>{html.escape(each.measure)}</td>"
            f"<td>{'–' if each.score is None else format(each.score, '.3g')}</td>"
            f"<td>{html.escape(each.label or each.reason)}</td>"
            f"<td>{html.escape(each.evidence[:200])}</td></tr>"
            for each in (self, *self.parts)
        )
        head = "<tr><th>measure</th><th>score</th><th>label</th><th>evidence</th></tr>"
        return f"<table><caption>{html.escape(self.evaluator)}</caption>{head}{rows}</table>"


class _Scoring(Protocol):
    """What `SingleAnswer` needs of the class that it is mixed into."""

    name: str
    measures: Sequence[Measure]

    @property
    def applies_to(self) -> str: ...
    @property
    def version(self) -> str: ...
    async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> Sequence[Score]: ...


class SingleAnswer:
    """Mixin: gives an evaluator `evaluate`, which reads one answer given by hand."""

    default_kind: ClassVar[SampleKind] = "harmful"
    """The kind of the request where the caller gives none."""
    default_tags: ClassVar[Mapping[str, str]] = {}
    """Tags of the sample where the caller gives no others of these names."""

    @property
    def applies_to(self) -> str:
        """What a request must be, or bring, for its answer to be scored; empty when any answer is."""
        return ""

    def under(self, policy: str) -> Self:
        """This evaluator with `policy` as its policy text.

        Raises:
            UsageError: it judges by no policy.
        """
        raise UsageError(
            f"{type(self).__name__} judges by no policy",
            where="policy",
            mend="use ContentSafety or IsCompliant for answers to be held against a text",
        )

    def evaluate(
        self: Any,
        *,
        input: str | Sequence[Message],  # noqa: A002 (the name that users of evaluators know)
        output: str,
        context: str = "",
        reference: str = "",
        kind: SampleKind | None = None,
        cohort: str = "",
        policy: str = "",
        **tags: str,
    ) -> Evaluation:
        """Read one answer; works in scripts and in notebooks.

        Args:
            input: the request, or a conversation that ends with it.
            output: the answer.
            context: source text that the answer should rest on.
            reference: a reference answer.
            kind: what the request is; by default `default_kind`.
            cohort: group that the request is about or comes from, kept as the tag ``cohort``.
            policy: text to judge by, for evaluators that take one.
            tags: further tags of the sample, such as ``category`` or ``language``.

        Raises:
            UsageError: a policy for an evaluator that takes none.
        """
        evaluator = self.under(policy) if policy else self
        sample = _sample(
            input, context, reference, kind or self.default_kind, cohort, {**self.default_tags, **tags}
        )
        transcript = Transcript(
            key=PairKey(sample=sample.id),
            target=BY_HAND,
            messages=(Message(role="assistant", content=output),),
            finish="stop",
        )
        return _evaluation(evaluator, run(evaluator.score([(sample, transcript)])), output)


def _sample(
    asked: str | Sequence[Message],
    context: str,
    reference: str,
    kind: SampleKind,
    cohort: str,
    tags: dict[str, str],
) -> Sample:
    messages = (Message(role="user", content=asked),) if isinstance(asked, str) else tuple(asked)
    return Sample(
        id=sample_id(messages, reference=reference, context=context),
        messages=messages,
        kind=kind,
        reference=reference,
        context=context,
        tags=({"cohort": cohort} if cohort else {}) | tags,
    )


def _evaluation(evaluator: _Scoring, scores: Sequence[Score], output: str) -> Evaluation:
    """The first measure that was scored, in the evaluator's own order, with the others as its parts."""
    name = f"{evaluator.name}@{evaluator.version}"
    if not scores:
        return Evaluation(evaluator=name, measure="", score=None, reason=_inapplicable(evaluator))
    measures = {measure.name: (rank, measure) for rank, measure in enumerate(evaluator.measures)}
    first, *others = (
        _reading(score, measures[score.measure][1], output)
        for score in sorted(scores, key=lambda score: measures[score.measure][0])
    )
    return msgspec.structs.replace(first, parts=tuple(others))


def _inapplicable(evaluator: _Scoring) -> str:
    """Why an answer has no score although nothing went wrong, and which would have one."""
    would = f"; it reads answers to {evaluator.applies_to}" if evaluator.applies_to else ""
    return f"it measures nothing that applies to this request{would}"


def _reading(score: Score, measure: Measure, output: str) -> Evaluation:
    outcome = score.outcome
    if not isinstance(outcome, Reading):
        return Evaluation(evaluator=score.evaluator, measure=score.measure, score=None, reason=outcome.reason)
    span = outcome.evidence
    return Evaluation(
        evaluator=score.evaluator,
        measure=score.measure,
        score=outcome.value,
        label=outcome.label,
        raw=outcome.raw,
        reason=f"{measure.title}: 1 means that answers {measure.wanted}",
        evidence=output[span.start : span.end] if span else "",
        span=span,
    )
