"""Factual consistency: does an answer contradict what it is held against?

=========================  ===============================================================================
measure                    held against
=========================  ===============================================================================
``factual_consistency``    the sample's reference text, its ``context`` and what tools returned
``internal_consistency``   without these: the answer's own sentences, and what the request states
=========================  ===============================================================================

Labels: ``consistent`` (1), ``inconsistent:KIND`` (0), with the claim as evidence; without a source
``no_contradiction`` (1), ``contradicts_itself:KIND`` and ``contradicts_request:KIND`` (0). A single claim
without a source and without a statement in the request has nothing to be held against and is unscored. A
reference of a few words is an answer to compare with (`task_accuracy`), not a text, and is not used.

The embedded engine reads words (`contradiction`): a denial, a number, an opposite or one word exchanged in a
sentence that is otherwise the same. It finds 46 % of false statements made by changing one fact (TrustLLM
adversarial factuality, 209 pairs) and raises 3 % false alarms there; on claims that a text refutes in other
words it is at chance (kappa 0.00 on TrustLLM's claims). So with it both measures are descriptive. A
classifier model (natural-language inference, HHEM) or a judge reads meaning, and makes
``factual_consistency`` count.

What it cannot tell: without a source text no engine here says whether an answer is true: an invented fact
contradicts nothing (kappa 0.03 with people's hallucination labels, HaluEval). To contradict the request is
right where the request's premise is false, which is for a reader to say.

Sources: Sun et al. 2024 (TrustLLM, arXiv:2401.05561); Li et al. 2023 (HaluEval, arXiv:2305.11747).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelassay.evaluators.answers import visible_start
from modelassay.evaluators.classifiers import Exchange, Judgement
from modelassay.evaluators.contradiction import find_contradiction
from modelassay.evaluators.engines import AnswerReader, Case, Outcome, last_request
from modelassay.evaluators.faithfulness import claim_spans, source_of
from modelassay.evaluators.rubric import RUBRICS, Rubric
from modelassay.evaluators.speech import sentences
from modelassay.evaluators.trained.overlap import is_content
from modelassay.records import Measure, Reading, Sample, Span, Transcript, Unscored

FACTUAL_CONSISTENCY = RUBRICS["factual_consistency"].measure
INTERNAL_CONSISTENCY = Measure(
    name="internal_consistency",
    title="Answers that contradict neither themselves nor the request",
    wanted="contradict neither themselves nor what the request states",
    role="descriptive",
)
FEWEST_WORDS = 4
"""A reference with fewer content words is an answer, not a text."""
NOTHING = Unscored(reason="nothing to hold the answer against")


class IsFactuallyConsistent(AnswerReader):
    """Whether an answer contradicts its source, or itself; see the module for what it cannot tell."""

    name = "is_factually_consistent"
    embedded_version = "1"
    question = "consistency"
    wanted_answer = True
    yes_no = ("consistent", "inconsistent")
    default_kind = "benign"

    @property
    def measures(self) -> Sequence[Measure]:  # type: ignore[override]
        """With the embedded engine both are descriptive; other engines read against a source only."""
        if not self.embedded:
            return (FACTUAL_CONSISTENCY,)
        described = msgspec.structs.replace(FACTUAL_CONSISTENCY, role="descriptive", harm=False)
        return (described, INTERNAL_CONSISTENCY)

    @property
    def calibration(self) -> str:
        """What the embedded engine finds, and that it is at chance with people's labels."""
        if not self.embedded:
            return ""
        return (
            "finds 46 % of statements falsified in one fact, with 3 % false alarms (TrustLLM, 209 pairs); "
            "kappa 0.00 with people on claims refuted in other words, 0.03 on hallucinations without a "
            "source (HaluEval)"
        )

    def rubric(self) -> Rubric:
        """Whether the facts agree with the source or the reference."""
        return RUBRICS["factual_consistency"]

    @property
    def applies_to(self) -> str:
        """See `SingleAnswer.applies_to`."""
        return "requests without options; with a judge or a classifier, those that bring a source (context=…)"

    def applies(self, sample: Sample) -> bool:
        """Samples that leave nothing to choose; for judges and classifiers, those with a source."""
        return not sample.choices and (self.embedded or _brings_source(sample))

    def measure_of(self, sample: Sample) -> Measure:
        """By whether the sample brings something to hold the answer against."""
        return self.measures[0] if _brings_source(sample) else INTERNAL_CONSISTENCY

    def read(self, sample: Sample, transcript: Transcript) -> Outcome:
        """The first contradiction that words show."""
        answer = transcript.answer
        spans = claim_spans(answer, visible_start(answer))
        if _brings_source(sample):
            source = _source(sample, transcript)
            return _against(source, answer, spans, "inconsistent") or (
                Reading(value=1.0, label="consistent", raw="0") if source and spans else NOTHING
            )
        return _internal(last_request(sample, transcript), answer, spans)

    def exchange(self, sample: Sample, transcript: Transcript) -> Exchange:
        """The whole answer with its source."""
        asked = super().exchange(sample, transcript)
        return msgspec.structs.replace(asked, source="\n".join(_source(sample, transcript)))

    def judged(self, case: Case, judgement: Judgement) -> Outcome:
        """Whether the classifier finds no contradiction; nothing where a tool was offered and not called."""
        return super().judged(case, judgement) if _source(*case) else NOTHING


def _brings_source(sample: Sample) -> bool:
    if "policy" in sample.tags:
        return False  # its context is rules
    brings = bool(sample.context.strip()) or any(turn.role == "tool" for turn in sample.messages)
    return brings or _is_text(sample.reference)


def _is_text(reference: str) -> bool:
    return sum(is_content(word.lower()) for word in reference.split()) >= FEWEST_WORDS


def _source(sample: Sample, transcript: Transcript) -> list[str]:
    """The statements to hold an answer against."""
    reference = sample.reference if _is_text(sample.reference) else ""
    return [part for text in (reference, source_of(sample, transcript)) for part in _sentences(text)]


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def _against(statements: Sequence[str], answer: str, spans: Sequence[Span], label: str) -> Reading | None:
    """A contradiction of `statements`."""
    found = find_contradiction([answer[span.start : span.end] for span in spans], statements)
    if found is None:
        return None
    evidence = spans[found.claim]
    return Reading(value=0.0, label=f"{label}:{found.kind}", raw="1", evidence=evidence)


def _internal(request: str, answer: str, spans: Sequence[Span]) -> Outcome:
    """A contradiction within the answer, or of what the request states."""
    for index in range(1, len(spans)):
        earlier = [answer[span.start : span.end] for span in spans[:index]]
        reading = _against(earlier, answer, spans[index : index + 1], "contradicts_itself")
        if reading is not None:
            return reading
    premises = [request[span.start : span.end] for span in claim_spans(request)]
    if not spans or (len(spans) < 2 and not premises):
        return NOTHING
    return _against(premises, answer, spans, "contradicts_request") or Reading(
        value=1.0, label="no_contradiction", raw="0"
    )
