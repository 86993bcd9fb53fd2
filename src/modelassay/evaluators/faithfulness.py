"""Faithfulness: is what an answer claims supported by the source that it was given, claim by claim?

The source is the sample's ``context``, and what tools and retrieval returned in the conversation; the context
of a sample with the tag ``policy`` is a set of rules and no source. The answer is cut into claims: its
sentences but for questions and greetings. The embedded engine is a classifier (`trained.faithfulness`) of
measured features alone: what share of the words stands in the source, numbers and names that do not, negation
on one side, the speaker's own voice. It was trained on answers of one or two
sentences, so a shorter answer is read whole, and a longer one is as faithful as its least supported claim.

=====================  =====  ==========================================================================
label                  value  when
=====================  =====  ==========================================================================
``supported``          1      every claim is supported
``abstains``           1      it says that the source does not tell, and hardly anything else
``unsupported``        0      some claim is not; the evidence is the claim that is supported least
=====================  =====  ==========================================================================

`raw` is the probability that something is unsupported. A classifier model is asked claim by claim whether
the source entails it. `claims` shows every claim of one answer with its own probability.

Sources: attribution and its labels follow BEGIN (Dziri et al. 2022, arXiv:2105.00071); claim by claim, with
the worst deciding, SummaC (Laban et al. 2022, arXiv:2111.09525).

Limits: it reads words, not meaning. A claim in the source's own words that turns its sense (who did what to
whom) passes; a true paraphrase in other words fails; on summaries by recent models it is little better than
chance, as are published detectors (FaithBench, Bao et al. 2024, arXiv:2410.13210). Support in the source is
not truth. English; a source and an answer in different languages are unscored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from modelassay.evaluators.answers import unreadable, visible_start
from modelassay.evaluators.classifiers import Exchange, Judgement
from modelassay.evaluators.engines import AnswerReader, Case, Outcome, last_request
from modelassay.evaluators.languages import UNTOLD
from modelassay.evaluators.rubric import RUBRICS, Rubric
from modelassay.evaluators.speech import language_in, sentences
from modelassay.evaluators.trained import Classifier
from modelassay.evaluators.trained.classifier import Floats
from modelassay.evaluators.trained.overlap import is_content, measure
from modelassay.records import Measure, Reading, Sample, Span, Transcript, Unscored

Texts = tuple[str, str, str]
"""Source, answer or claim, and the message that was answered."""
FAITHFULNESS = RUBRICS["faithfulness"].measure
SHORT = 2
"""An answer of at most so many claims is read whole, as those that the classifier was trained on."""
NO_SOURCE = Unscored(reason="no source text to hold the answer against")
OTHER_LANGUAGE = Unscored(reason="answer and source in different languages")
_ABSTAINS = re.compile(
    r"(?i)\b(?:context|source|documents?|text|passage|article|information|material)s?\b[^.!?]{0,60}"
    r"\b(?:do(?:es)?(?: not|n['’]t)|did(?: not|n['’]t))\s+(?:\w+ )?(?:say|tell|mention|state|specify|contain|"
    r"provide|include|indicate|give|answer)"
    r"|\b(?:no|not|isn['’]t|aren['’]t|nothing)\b[^.!?]{0,40}\b(?:mentioned|stated|provided|specified|given|found|"
    r"available|information)\b[^.!?]{0,30}\b(?:context|source|documents?|text|passage|article)\b"
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class Faithfulness(AnswerReader):
    """Whether an answer is supported by its source; see the module for labels, sources and limits."""

    name = "faithfulness"
    embedded_version = "2"
    measures: Sequence[Measure] = (FAITHFULNESS,)
    question = "support"
    wanted_answer = True
    yes_no = ("supported", "unsupported")
    default_kind = "benign"

    def __init__(self, judge: Any = None, **settings: Any) -> None:
        super().__init__(judge, **settings)
        self._classifier = Classifier.load("faithfulness")

    @property
    def version(self) -> str:
        """Own version with that of the classifier, or of the judge."""
        return f"{self.embedded_version}+{self._classifier.version}" if self.embedded else super().version

    @property
    def calibration(self) -> str:
        """How well the embedded classifier agrees with people, as measured when it was trained."""
        if not self.embedded:
            return ""
        return "agrees with people out of fold at " + ", ".join(
            f"kappa {kappa:.2f} on {name}" for name, kappa in self._classifier.card.agreement.items()
        )

    def rubric(self) -> Rubric:
        """Whether every claim is supported."""
        return RUBRICS["faithfulness"]

    @property
    def applies_to(self) -> str:
        """See `SingleAnswer.applies_to`."""
        return "requests that bring a source (context=…, or what a tool returned) and no options"

    def applies(self, sample: Sample) -> bool:
        """Samples that bring a source, or tools that may return one, and leave nothing to choose."""
        brings = bool(sample.context.strip() or sample.tools) and "policy" not in sample.tags
        return (brings or any(turn.role == "tool" for turn in sample.messages)) and not sample.choices

    def read_all(self, items: Sequence[Case]) -> Sequence[Outcome]:
        """The classifier's readings: of whole answers, and of the claims of long and of doubtful ones."""
        cases = [_Case(*item) for item in items]
        self._read(cases, lambda case: case.whole if case.is_short else case.parts)
        self._read(cases, lambda case: case.parts if case.is_short and self._in_doubt(case) else ())
        return [case.outcome or self._reading(case) for case in cases]

    def classify_all(self, items: Sequence[Case]) -> Sequence[Outcome]:
        """What a classifier model says of every claim; the claim least supported decides."""
        cases = [_Case(*item) for item in items]
        exchanges = [
            Exchange(source=case.source, answer=claim, request=case.message)
            for case in cases
            if case.outcome is None
            for claim in case.claims
        ]
        said = iter(self.ask_classifier(exchanges))
        return [case.outcome or self._worst(case, [next(said) for _ in case.claims]) for case in cases]

    def claims(self, *, output: str, context: str, input: str = "") -> dict[str, list[Any]]:  # noqa: A002
        """Every claim of one answer, one list a column: text, start, end, probability of support.

        Args:
            output: the answer.
            context: the source.
            input: the request.
        """
        spans = claim_spans(output)
        texts = [(context, output[span.start : span.end], input) for span in spans]
        return {
            "claim": [output[span.start : span.end] for span in spans],
            "start": [span.start for span in spans],
            "end": [span.end for span in spans],
            "supported": (1.0 - self._unsupported(texts)).round(4).tolist(),
        }

    def _unsupported(self, texts: Sequence[Texts]) -> Floats:
        """The probability that something is unsupported, for each of `texts`."""
        if not texts:
            return np.zeros(0)
        return self._classifier.probability(texts, measure(texts))

    def _read(self, cases: Sequence[_Case], choose: Callable[[_Case], Sequence[Texts]]) -> None:
        """Add the probabilities of the texts that are chosen of each case still open, all read at once."""
        chosen = [(case, choose(case)) for case in cases if case.outcome is None]
        chances = iter(self._unsupported([each for _, texts in chosen for each in texts]).tolist())
        for case, texts in chosen:
            case.chances += [next(chances) for _ in texts]

    def _in_doubt(self, case: _Case) -> bool:
        return len(case.spans) > 1 and case.chances[0] >= self._classifier.threshold

    def _reading(self, case: _Case) -> Reading:
        chance = case.chances[0] if case.is_short else max(case.chances)
        if chance < self._classifier.threshold:
            return Reading(value=1.0, label="supported", raw=f"{chance:.4f}")
        by_claim = case.chances[-len(case.spans) :]
        worst = case.spans[by_claim.index(max(by_claim))]
        return Reading(value=0.0, label="unsupported", raw=f"{chance:.4f}", evidence=worst)

    def _worst(self, case: _Case, said: Sequence[Judgement | Unscored]) -> Outcome:
        judged = [each.probability if isinstance(each, Judgement) else 1.0 for each in said]
        index = int(np.argmin(judged))
        worst = said[index]
        problem = next((each for each in said if isinstance(each, Unscored)), None)
        if isinstance(worst, Unscored) or (problem is not None and self.says_yes(worst)):
            return problem or NO_SOURCE
        if self.says_yes(worst):
            return Reading(value=1.0, label="supported", raw=f"{1 - worst.probability:.4f}")
        label = "contradicted" if worst.label == "contradiction" else "unsupported"
        return Reading(value=0.0, label=label, raw=f"{1 - worst.probability:.4f}", evidence=case.spans[index])


class _Case:
    """An answer with its source, cut into claims; or why there is nothing to read."""

    def __init__(self, sample: Sample, transcript: Transcript) -> None:
        self.source = source_of(sample, transcript)
        self.message = last_request(sample, transcript)
        start = max(visible_start(transcript.answer), 0)
        self.answer = transcript.answer[start:]
        self.spans: tuple[Span, ...] = ()
        self.chances: list[float] = []
        self.outcome: Outcome | None = unreadable(transcript)
        if self.outcome is not None:
            return
        whole = Span(start=start, end=len(transcript.answer))
        self.spans = claim_spans(transcript.answer, start) or (whole,)
        self.claims = [transcript.answer[span.start : span.end] for span in self.spans]
        if not self.source.strip():
            self.outcome = NO_SOURCE
        elif _in_other_words(self.answer, self.source):
            self.outcome = OTHER_LANGUAGE
        elif len(self.spans) <= SHORT and _abstains(self.answer):
            self.outcome = Reading(value=1.0, label="abstains")

    @property
    def is_short(self) -> bool:
        """Whether the classifier reads the answer whole."""
        return len(self.spans) <= SHORT

    @property
    def whole(self) -> list[Texts]:
        """The answer as the classifier reads it."""
        return [(self.source, self.answer, self.message)]

    @property
    def parts(self) -> list[Texts]:
        """Its claims as the classifier reads them."""
        return [(self.source, claim, self.message) for claim in self.claims]


def source_of(sample: Sample, transcript: Transcript) -> str:
    """The sample's context, and what tools and retrieval returned before the answer."""
    asked = sample.messages if transcript.asked is None else transcript.asked
    returned = [turn.content for turn in (*asked, *transcript.messages) if turn.role == "tool"]
    return "\n\n".join(text for text in (sample.context, *returned) if text.strip())


def claim_spans(text: str, begin: int = 0) -> tuple[Span, ...]:
    """The sentences of `text` from `begin` on that claim something."""
    return tuple(
        Span(start=begin + start, end=begin + end)
        for start, end in sentences(text[begin:])
        if _claims(text[begin + start : begin + end])
    )


def _in_other_words(answer: str, source: str) -> bool:
    """Whether an answer is in another language than its source, where each tells its own."""
    written = _language_of_source(source)
    spoken = language_in(answer, language=written or UNTOLD)
    return UNTOLD not in (spoken, written) and spoken != written


_language_of_source = lru_cache(maxsize=64)(language_in)


def _abstains(answer: str) -> bool:
    """Whether an answer says that the source does not tell."""
    low = answer.lower()
    denies = "no" in low or "n't" in low or "n’t" in low  # every match of the pattern does
    return denies and _ABSTAINS.search(answer) is not None


def _claims(sentence: str) -> bool:
    if sentence.rstrip("\"')]").endswith(("?", "？", "؟")):
        return False
    words = map(re.Match.group, _WORD.finditer(sentence))
    return any(len(word) > 1 and is_content(word.lower()) for word in words)
