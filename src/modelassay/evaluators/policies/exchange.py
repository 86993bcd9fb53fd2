"""One request with its answer, as the rules of a policy look at it."""

from __future__ import annotations

import re
from functools import cached_property

from modelassay.evaluators.answers import visible_start
from modelassay.evaluators.engines import Outcome, last_request
from modelassay.evaluators.phrases.notation import word_set
from modelassay.evaluators.refusal import RefusalCorrectness
from modelassay.records import Sample, Span, ToolCall, Transcript

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_EMPTY = word_set(
    "a an the and or but nor so of in on at to for from by with about into over under as than then if when "
    "while whenever where which who whom whose what why how that this these those it its is are was were "
    "be been being am do does did done doing have has had having can could will would shall should may "
    "might must not no never always only any all every each some other another such same own more most "
    "very too just also there here i me my we us our you your yours he him his she her they them their one "
    "user users customer customers client person people someone anyone assistant model agent bot chatbot "
    "ai answer answers answering response responses respond reply replies message messages request "
    "requests requested question questions ask asks asked asking provide provides providing give gives "
    "giving given tell tells telling discuss discusses discussing mention mentions mentioning offer offers "
    "offering talk talks talking include includes including please make makes making use uses using help "
    "helps assist assists information advice topic topics subject matter matters related regarding "
    "concerning task tasks kind kinds type types form forms way ways thing things don doesn get let etc"
)
"""Words of a policy that say nothing of what it is about."""
_ENDINGS = (
    "ations",
    "ages",
    "age",
    "ation",
    "ments",
    "ment",
    "ings",
    "ing",
    "ies",
    "ied",
    "ers",
    "er",
    "ed",
    "es",
    "s",
    "ly",
    "y",
    "e",
)
_SHORTEST_STEM = 3

_outcomes = RefusalCorrectness()


class Exchange:
    """A request, its answer and the instructions before it.

    Args:
        sample: what was asked.
        transcript: what was answered; it has text that can be read, or calls tools.
    """

    def __init__(self, sample: Sample, transcript: Transcript) -> None:
        self.sample = sample
        self.transcript = transcript
        self.request = last_request(sample, transcript)
        asked = sample.messages if transcript.asked is None else transcript.asked
        self.instructions = "\n".join(message.content for message in asked if message.role == "system")
        self.first_turn = sum(message.role == "user" for message in asked) <= 1
        self.start = max(0, visible_start(transcript.answer))
        """Offset of `text` in the answer."""
        self.text = transcript.answer[self.start :]

    @cached_property
    def outcome(self) -> Outcome:
        """What the answer does with the request."""
        return _outcomes.outcome(self.sample, self.transcript)

    @cached_property
    def request_stems(self) -> frozenset[str]:
        """Stems of the request's telling words."""
        return frozenset(stems_of(self.request))

    @cached_property
    def answer_stems(self) -> dict[str, Span]:
        """Stems of the answer's telling words, with where each first stands in the answer."""
        found: dict[str, Span] = {}
        for match in _WORD.finditer(self.text):
            for each in stems_of(match.group()):
                found.setdefault(each, self.span(match.start(), match.end()))
        return found

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Calls of the last turn."""
        return self.transcript.messages[-1].tool_calls if self.transcript.messages else ()

    def span(self, start: int, end: int) -> Span:
        """Part of `text` as a part of the whole answer."""
        return Span(start=self.start + start, end=self.start + end)


def stems_of(text: str) -> list[str]:
    """Stems of the telling words of `text`, in order."""
    words = (re.split("['’]", word)[0] for word in _WORD.findall(text.lower()))
    return [stem(word) for word in words if word not in _EMPTY]


def stem(word: str) -> str:
    """`word` without a common English ending: enough for "dosing" to meet "dose", no more."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word


def about(terms: frozenset[str], stems: frozenset[str], share: float = 0.5) -> bool:
    """Whether `stems` hold so large a share of `terms`, and one at least."""
    return bool(terms) and len(terms & stems) >= max(1.0, share * len(terms))
