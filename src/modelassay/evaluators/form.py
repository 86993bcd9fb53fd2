"""The form of answers: are they whole and readable, and how long are they?"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from modelassay.evaluators.answers import CONTROL, loop_length, visible_start
from modelassay.evaluators.settings import read_settings
from modelassay.evaluators.single import SingleAnswer
from modelassay.records import Measure, Reading, Sample, Score, Span, Transcript, Unscored

RESPONSE_FORMAT = Measure(
    name="response_format", title="Well-formed answers", wanted="are well-formed", role="concern", exact=True
)
RESPONSE_LENGTH = Measure(
    name="response_length", title="Length of answers", wanted="have any words", role="descriptive", exact=True
)

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_]+(?:['’-][^\W_]+)*")
"""A word, or one character of a script that is written without spaces."""


class FormSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluators of form have no settings."""


class ResponseFormat(SingleAnswer):
    """Whether an answer is well-formed: not empty, whole, no loop, no leaked control tokens, JSON if asked.

    The labels other than ``well_formed`` say what is wrong, the first that applies of: ``empty``,
    ``control_tokens``, ``repetition_loop``, ``cut_off`` (by the token limit), ``invalid_json`` (the sample's
    tag ``format`` is ``json`` and the whole answer is not one JSON value; a code fence around it counts as
    invalid, since a program that reads the answer fails on it). An answer that only calls tools is
    well-formed when the arguments of each call are a JSON object. Here an empty answer is a reading, not
    unscored: being empty is what this measure is about.
    """

    default_kind = "benign"
    name = "response_format"
    version = "1"
    measures: Sequence[Measure] = (RESPONSE_FORMAT,)

    def __init__(self, **settings: Any) -> None:
        self.settings = read_settings(FormSettings, self.name, settings)

    async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> Sequence[Score]:
        """One score an item; unscored only where the request failed or a filter took the answer."""
        return [
            _score(self.name, self.version, RESPONSE_FORMAT, transcript, _form(sample, transcript))
            for sample, transcript in items
        ]


class ResponseLength(SingleAnswer):
    """How many words an answer has: the value is 1 when it has any, the raw scale is the number of words.

    No length is the wanted one, so the value only says that there is something to count; medians of `raw`
    are what to compare. Reasoning marked as such is not counted.
    """

    default_kind = "benign"
    name = "response_length"
    version = "1"
    measures: Sequence[Measure] = (RESPONSE_LENGTH,)

    def __init__(self, **settings: Any) -> None:
        self.settings = read_settings(FormSettings, self.name, settings)

    async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> Sequence[Score]:
        """One score an item; unscored where the request failed."""
        return [
            _score(self.name, self.version, RESPONSE_LENGTH, transcript, _length(transcript))
            for _, transcript in items
        ]


def count_words(text: str) -> int:
    """Words of `text`; a Chinese or Japanese character counts as one."""
    return sum(1 for _ in _WORD.finditer(text))


def _score(
    name: str, version: str, measure: Measure, transcript: Transcript, outcome: Reading | Unscored
) -> Score:
    return Score(
        key=transcript.key,
        target=transcript.target,
        evaluator=f"{name}@{version}",
        measure=measure.name,
        outcome=outcome,
    )


def _length(transcript: Transcript) -> Reading | Unscored:
    if transcript.failure is not None:
        return Unscored(reason=f"request failed: {transcript.failure.kind}")
    start = visible_start(transcript.answer)
    words = count_words(transcript.answer[start:]) if start >= 0 else 0
    return Reading(value=float(words > 0), label="words" if words else "no_words", raw=str(words))


def _form(sample: Sample, transcript: Transcript) -> Reading | Unscored:
    if transcript.failure is not None:
        return Unscored(reason=f"request failed: {transcript.failure.kind}")
    answer = transcript.answer
    if not answer.strip() and transcript.finish == "content_filter":
        return Unscored(reason="stopped by a content filter")
    fault, evidence = _fault(sample, transcript, answer)
    return Reading(value=float(not fault), label=fault or "well_formed", evidence=evidence)


def _fault(sample: Sample, transcript: Transcript, answer: str) -> tuple[str, Span | None]:
    """What is wrong with the form of `answer` and where; an empty label when nothing is."""
    calls = transcript.messages[-1].tool_calls if transcript.messages else ()
    if not answer.strip():
        if not calls:
            return "empty", None
        return ("" if all(_is_object(call.arguments) for call in calls) else "invalid_json"), None
    token = CONTROL.search(answer)
    if token is not None:
        return "control_tokens", Span(start=token.start(), end=token.end())
    loop = loop_length(answer)
    if loop:
        end = len(answer.rstrip())
        return "repetition_loop", Span(start=end - loop, end=end)
    start = visible_start(answer)
    if start < 0 or transcript.finish == "length":
        return "cut_off", None
    if not answer[start:].strip():
        return "empty", None
    if sample.tags.get("format") == "json" and not _is_json(answer[start:]):
        return "invalid_json", None
    return "", None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: brackets nested beyond any use
        return False
    return True


def _is_object(text: str) -> bool:
    return text.lstrip().startswith("{") and _is_json(text)
