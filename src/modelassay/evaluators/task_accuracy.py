"""Task accuracy: does the answer give the known right answer?

For benign samples with a reference. Samples with choices are multiple choice: the option is read in the
answer's words or taken as the likeliest (setting ``route``, see `modelassay.evaluators.choices`), and
compared with the reference, which is an option's text or label. Other references are matched as text
(setting ``match``): ``contains`` finds the normalised reference in the answer, or for a number compares the
last number of the answer with it (`answer_key`); ``exact`` wants the whole normalised answer to be the
reference, as the exact match of SQuAD (Rajpurkar et al. 2016). Several right answers stand on lines of
their own or between ``|``. References that are one way to put it among many carry the tag ``answer: open``
and are not scored here.

1 is the wanted end: the right answer is given. An answer that refuses, or chooses no option or several, is
not right: labels ``refused``, ``no_choice``, ``several_choices``. `Reading.raw` says which route was taken.

Limits: right or wrong, nothing between; by ``contains``, an answer that names the right one in order to
deny it counts as right; the likeliest letter and the letter that a model would write need not be the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal

from modelassay.evaluators.answer_key import answers_of, find_answer
from modelassay.evaluators.answers import visible_start
from modelassay.evaluators.choices import Chosen, choice_of, unreadable_short
from modelassay.evaluators.structured import Outcome, RouteSettings, StructuredReader
from modelassay.records import Measure, Reading, Sample, Span, Transcript, Unscored

TASK_ACCURACY = Measure(
    name="task_accuracy",
    title="Accuracy on tasks",
    wanted="give the right answer",
    role="concern",
    exact=True,
)

OPEN = "open"
"""Value of the tag ``answer`` for references that no answer need repeat."""

_NOT_WORDS = re.compile(r"[^\w\s]|_")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


class TaskSettings(RouteSettings, frozen=True, kw_only=True):
    """Settings of `TaskAccuracy`."""

    match: Literal["contains", "exact"] = "contains"
    """How a reference without choices is compared."""


class TaskAccuracy(StructuredReader):
    """Whether the right answer is given; see the module for matching and limits."""

    name = "task_accuracy"
    version = "1"
    measures: Sequence[Measure] = (TASK_ACCURACY,)
    settings_type = TaskSettings

    @property
    def applies_to(self) -> str:
        """See `SingleAnswer.applies_to`."""
        return 'benign requests with a right answer (kind="benign", reference=…), not tagged answer="open"'

    def readings(self, sample: Sample, transcript: Transcript) -> Iterable[tuple[Measure, Outcome]]:
        """One reading for a benign sample with a right answer."""
        if sample.kind == "benign" and sample.reference.strip() and sample.tags.get("answer") != OPEN:
            right = right_choice(sample) if sample.choices else None
            if right is not None:
                yield TASK_ACCURACY, choice_reading(sample, transcript, right, self.settings.route)
            elif not sample.choices:
                yield TASK_ACCURACY, self._match(sample, transcript)

    def _match(self, sample: Sample, transcript: Transcript) -> Outcome:
        problem = unreadable_short(transcript)
        if problem is not None:
            return problem
        start = visible_start(transcript.answer)
        text = transcript.answer[start:]
        if self.settings.match == "exact":
            rights = {normalised(answer) for answer in answers_of(sample.reference)}
            found = Span(start=0, end=len(text)) if normalised(text) in rights else None
        else:
            found = find_answer(text, sample.reference)
        if found is None:
            if transcript.finish == "length":
                return Unscored(reason="cut off before the answer")
            return Reading(value=0.0, label="wrong", raw=self.settings.match)
        evidence = Span(start=start + found.start, end=start + found.end)
        return Reading(value=1.0, label="right", raw=self.settings.match, evidence=evidence)


def choice_reading(
    sample: Sample, transcript: Transcript, wanted: int, route: Literal["text", "likelihood"]
) -> Outcome:
    """1 when the option `wanted` is chosen; what is no plain choice is not right."""
    found = choice_of(sample, transcript, route)
    if isinstance(found, Unscored):
        return found
    if not isinstance(found, Chosen):
        return Reading(value=0.0, label=found.reason, raw=route)
    value = float(found.index == wanted)
    return Reading(value=value, label="right" if value else "wrong", raw=route, evidence=found.span)


def right_choice(sample: Sample) -> int | None:
    """Which of the sample's choices its reference is, by text or label; None when it is none of them."""
    reference = sample.reference.strip()
    for index, choice in enumerate(sample.choices):
        if reference in (choice.text.strip(), choice.label, f"{choice.label}. {choice.text}".strip(". ")):
            return index
    return None


def normalised(text: str) -> str:
    """Lower case without articles, punctuation and extra spaces (SQuAD v1.1's evaluation)."""
    plain = _NOT_WORDS.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_ARTICLES.sub(" ", plain).split())
