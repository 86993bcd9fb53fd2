"""Read demands on the form of an answer: language, layout, length, tool calls."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelassay.evaluators.policies.languages import NAMES
from modelassay.evaluators.policies.rules import Feature, Language, Length, Rule, ToolCalls

NEGATION = re.compile(
    r"\b(?:must not|never|omit|do not|don't|does not|doesn't|should not|shouldn't|may not|cannot|can't|no|"
    r"not|avoid\w*|without|refrain\w*|free of|prohibited|forbidden|disallowed|not allowed|not permitted)\b",
    re.IGNORECASE,
)
_SPEAK = (
    r"(?:respond|repl(?:y|ies)|answer|write|speak|communicat\w+|converse|output|responses?|answers|"
    r"replies|be|written)"
)
_IN_LANGUAGE = re.compile(
    rf"\b{_SPEAK}\w*\b[^.]{{0,40}}?\bin (?:the )?({'|'.join(NAMES)})\b|\b({'|'.join(NAMES)}) only\b|"
    rf"\bonly (?:in |use |speak )?({'|'.join(NAMES)})\b|\bin ({'|'.join(NAMES)}) only\b",
    re.IGNORECASE,
)
_SAME_LANGUAGE = re.compile(
    r"\b(?:same language|language (?:of|used by|that) the (?:user|customer|question|request)|"
    r"(?:user|customer)'s (?:own )?language)\b",
    re.IGNORECASE,
)
_FEATURES: tuple[tuple[str, str], ...] = (
    ("json", r"(?:valid |pure |raw )?json"),
    ("table", r"tables?|tabular"),
    ("code", r"code blocks?|code fences?|fenced code"),
    ("numbered", r"numbered lists?|numbered steps"),
    ("bullets", r"bullet(?:s|ed lists?|[- ]points?(?: format)?| lists?)"),
    ("list", r"lists"),
    ("emoji", r"emojis?|emoticons?"),
    ("heading", r"(?:section )?headings|headers"),
    ("hashtags", r"hash ?tags?"),
    ("link", r"(?:hyper)?links?|urls?|web addresses"),
    ("exclamation", r"exclamation (?:marks?|points?)"),
    ("bold", r"bold(?: text| type|face)?"),
    ("contraction", r"contractions"),
    ("first_person", r"first[- ]person(?: pronouns?)?"),
    ("markdown", r"markdown(?: formatting)?|rich text"),
    ("lower_case", r"lower[- ]?case"),
    ("final_question", r"end (?:\w+ ){0,5}with a (?:\w+ ){0,2}question|question at the end"),
    ("image", r"markdown images?"),
)
_FEATURE = {name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in _FEATURES}
_PLAIN = re.compile(r"\b(?:in|as|use|only) plain text\b|\bplain text only\b", re.IGNORECASE)
_PRESENT = re.compile(
    r"\b(?:use|uses|using|include|includes|contain|contains|format|formatted|respond|reply|answer|output|return|"
    r"present|presents|write|written|give|provide|provides|add|end|ends|must be|should be|is always|no|"
    r"without|avoid)\b",
    re.IGNORECASE,
)

_FOR_SOME = re.compile(r"\s+(?:for|to|when|where|only if)\b", re.IGNORECASE)
"""What follows a feature that is asked for in some places only."""

_NUMBERS = {
    "none": 0,
    "a single": 1,
    "single": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
    "fifty": 50,
    "hundred": 100,
}
_NUMBER = rf"(?P<n>\d[\d,]*|{'|'.join(_NUMBERS)})"
_UNIT = (
    r"(?P<unit>words?|characters?|sentences?|paragraphs?|lines?|questions?|emojis?|hashtags?|bullet points?|"
    r"items?|links?)"
)
_MOST = re.compile(
    r"\b(?P<how>at most|no more than|not more than|more than|maximum(?: length)?(?: of| is)?|max\.?|up to|"
    r"under|fewer than|less than|within|exceeds?|limit\w*(?: \w+){0,4} to|only|exactly|in|"
    r"keep\w*(?: \w+){0,4} to) (?:the |asks? |uses? |sends? |include |write )?"
    rf"{_NUMBER}(?: short| full| brief)? {_UNIT}\b",
    re.IGNORECASE,
)
_LEAST = re.compile(
    rf"\b(?:at least|no fewer than|no less than|minimum(?: of)?|a minimum of) {_NUMBER}(?: \w+)? {_UNIT}\b",
    re.I,
)
_BETWEEN = re.compile(rf"\b(?:between )?(?P<low>\d+)(?: and | to |[-–]){_NUMBER} {_UNIT}\b", re.IGNORECASE)
_OF_A_PART = re.compile(
    r"\b(?:titles?|headings?|headlines?|subject(?: line)?|descriptions?|captions?|each|every (?:item|point|"
    r"bullet)|per|names?|steps?|hashtags? (?:is|are)|examples?|introductions?|conclusions?|summar(?:y|"
    r"ies))\b",
    re.IGNORECASE,
)
"""A length that is about a part of the answer, which nobody can point at."""
_STRICTLY_LESS = ("under", "fewer than", "less than")
_ONE_CALL = re.compile(
    rf"\b(?:one|a single|only one|at most one|{_NUMBER}) (?:tool|function|api) calls?\b", re.IGNORECASE
)
_NOT_BOTH = re.compile(
    r"tool call[^.]{0,60}(?:should|must|do) not (?:respond|answer|reply)|"
    r"(?:respond|answer|reply)[^.]{0,60}(?:should|must|do) not (?:make|take|call)[^.]{0,20}tool",
    re.IGNORECASE,
)


def form_rules(text: str) -> Iterator[Rule]:
    """The rules of form that the demand `text` makes."""
    yield from _language(text)
    lengths = list(_lengths(text))
    yield from lengths
    if not lengths:
        yield from _features(text)


def _language(text: str) -> Iterator[Rule]:
    if _SAME_LANGUAGE.search(text):
        yield Language(language="")
        return
    match = _IN_LANGUAGE.search(text)
    if match:
        name = next(group for group in match.groups() if group)
        yield Language(language=NAMES[name.lower()], forbidden=negated(text, match.start(), match.end()))


def _features(text: str) -> Iterator[Rule]:
    if _PLAIN.search(text):
        yield Feature(name="markdown", forbidden=True)
        return
    for name, pattern in _FEATURE.items():
        match = pattern.search(text)
        if match is None:
            continue
        forbidden = negated(text, 0, match.start())
        if not _PRESENT.search(text) or (not forbidden and _FOR_SOME.match(text, match.end())):
            continue
        if name == "lower_case":  # what shows it is its opposite: a capital letter
            forbidden = not forbidden
        yield Feature(name=name, forbidden=forbidden)


def _lengths(text: str) -> Iterator[Rule]:
    between = _BETWEEN.search(text)
    if between and not _OF_A_PART.search(text):
        yield Length(unit=_unit(between), least=int(between["low"]), most=_number(between["n"]))
        return
    most, least = _MOST.search(text), _LEAST.search(text)
    if _OF_A_PART.search(text):
        return
    if least:
        yield Length(unit=_unit(least), least=_number(least["n"]))
    if most:
        number, how = _number(most["n"]), most["how"].lower()
        if how == "more than" and not negated(text, 0, most.start()):
            yield Length(unit=_unit(most), least=number + 1)
        elif how == "exactly":
            yield Length(unit=_unit(most), least=number, most=number)
        else:
            yield Length(unit=_unit(most), most=number - (how in _STRICTLY_LESS))


def tool_rules(text: str) -> Iterator[Rule]:
    """The rules on calling tools that the clause `text` makes, its condition included."""
    one, both = _ONE_CALL.search(text), _NOT_BOTH.search(text)
    if one and re.search(r"\b(?:only|at most|at a time|no more|single)\b", text, re.IGNORECASE):
        number = one["n"]
        yield ToolCalls(most=_number(number) if number else 1, alone=both is not None)
    elif both:
        yield ToolCalls(alone=True)


def negated(text: str, start: int, end: int) -> bool:
    """Whether a negation stands in ``text[start:end]`` or right before it."""
    return NEGATION.search(text, max(0, start - 30), end) is not None


def _number(text: str) -> int:
    return _NUMBERS.get(text.lower()) or int(text.replace(",", ""))


def _unit(match: re.Match[str]) -> str:
    unit = match["unit"].lower()
    if unit.startswith("bullet"):
        return "item"
    return unit.removesuffix("s")
