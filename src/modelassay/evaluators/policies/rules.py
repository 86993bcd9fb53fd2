"""What a clause can demand of the words and form of an answer, each as a rule that finds a breach.

A rule's `breach` is None when the answer keeps it, else the offending part of the answer, or `ABSENT` when
what is missing has no place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from modelassay.evaluators.form import count_words
from modelassay.evaluators.policies.exchange import Exchange
from modelassay.evaluators.policies.languages import language_of_text
from modelassay.evaluators.speech import sentences
from modelassay.records import Span

Place = Literal["start", "end", "anywhere"]
"""Where in an answer words stand."""

ABSENT = Span(start=0, end=0)
"""Stands for what an answer lacks."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an answer keeps or breaks."""

    kind: str = ""
    """What sort of demand it is, such as ``forbid_phrase``."""

    reads_outcome: bool = False
    """Whether it must know if the answer helps or refuses."""

    def concerns(self, exchange: Exchange) -> bool:
        """Whether it speaks of this request; the answer has no part in it."""
        return True

    def breach(self, exchange: Exchange) -> Span | None:
        """Where the answer breaks it; None when it keeps it."""
        raise NotImplementedError

    def untold(self, exchange: Exchange) -> bool:
        """Whether no breach was found, and none would be found if there were one."""
        return False


class ForbidPhrase(Rule, frozen=True, kw_only=True):
    """Words that no answer may contain."""

    phrases: tuple[str, ...]
    kind: str = "forbid_phrase"

    def breach(self, exchange: Exchange) -> Span | None:
        """The first of the phrases, as whole words in any case."""
        return _first(exchange, (_phrase(phrase) for phrase in self.phrases))


class RequirePhrase(Rule, frozen=True, kw_only=True):
    """Words that an answer must contain, one of several."""

    phrases: tuple[str, ...]
    place: Place = "anywhere"
    kind: str = "require_phrase"

    def breach(self, exchange: Exchange) -> Span | None:
        """`ABSENT` unless one of the phrases stands in its place."""
        text = exchange.text.strip()
        for phrase in self.phrases:
            found = list(_phrase(phrase).finditer(text))
            if not found:
                continue
            before, after = text[: found[0].start()], text[found[-1].end() :]
            if self.place == "anywhere" or not _WORDS.search(before if self.place == "start" else after):
                return None
        return ABSENT


class RequirePattern(Rule, frozen=True, kw_only=True):
    """Something that an answer must say in words of its own: a disclaimer, a referral, a source."""

    pattern: re.Pattern[str]
    kind: str = "disclaimer"

    def breach(self, exchange: Exchange) -> Span | None:
        """`ABSENT` unless it is said."""
        return None if self.pattern.search(exchange.text) else ABSENT


class ForbidPattern(Rule, frozen=True, kw_only=True):
    """Something that no answer may say, in whatever words."""

    pattern: re.Pattern[str]

    def breach(self, exchange: Exchange) -> Span | None:
        """Where it is said."""
        return _first(exchange, (self.pattern,))


class Language(Rule, frozen=True, kw_only=True):
    """The language of the answer."""

    language: str
    """ISO 639-1 code; empty for the language of the request."""
    forbidden: bool = False
    kind: str = "language"

    def breach(self, exchange: Exchange) -> Span | None:
        """The whole answer, when it is in another language; one that cannot be told breaks nothing."""
        wanted = self.language or language_of_text(exchange.request)
        found = language_of_text(exchange.text)
        if not wanted or not found or (found == wanted) != self.forbidden:
            return None
        return exchange.span(0, len(exchange.text))


class Feature(Rule, frozen=True, kw_only=True):
    """A feature of form that an answer must have or must not have."""

    name: str
    """One of `FEATURES`."""
    forbidden: bool
    kind: str = "format"

    def breach(self, exchange: Exchange) -> Span | None:
        """Where the forbidden feature is, or that the demanded one is absent."""
        if self.name == "json":
            return _not_json(exchange) if not self.forbidden else None
        found = FEATURES[self.name].search(exchange.text)
        if self.forbidden:
            return exchange.span(*found.span()) if found else None
        return None if found else ABSENT


class Length(Rule, frozen=True, kw_only=True):
    """How long an answer may be, or how much of something it may hold."""

    unit: str
    """One of `UNITS`."""
    least: int = 0
    most: int | None = None
    kind: str = "length"

    def breach(self, exchange: Exchange) -> Span | None:
        """The whole answer, when it is too long or too short."""
        count = UNITS[self.unit](exchange.text)
        if count < self.least or (self.most is not None and count > self.most):
            return exchange.span(0, len(exchange.text))
        return None


class ToolCalls(Rule, frozen=True, kw_only=True):
    """How tools are called: at most so many at a time, and not beside an answer in words."""

    most: int | None = None
    alone: bool = False
    kind: str = "tool_calls"

    def breach(self, exchange: Exchange) -> Span | None:
        """Too many calls in one turn, or words beside a call, in any turn of the transcript."""
        for message in exchange.transcript.messages:
            calls = len(message.tool_calls)
            if self.most is not None and calls > self.most:
                return ABSENT
            if self.alone and calls and message.content.strip():
                return ABSENT
        return None


_WORDS = re.compile(r"\w")
_URL = r"https?://\S+|www\.\S+"
_BULLETS = r"^[ \t]*[-*•–][ \t]+\S"
FEATURES: dict[str, re.Pattern[str]] = {
    "markdown": re.compile(
        rf"^#{{1,6}} |\*\*[^*\n]+\*\*|^```|`[^`\n]+`|{_BULLETS}|\[[^\]\n]+\]\([^)\n]+\)|^\|.*\|$|"
        r"^[ \t]*\d+\. ",
        re.M,
    ),
    "emoji": re.compile("[\u2600-\u27bf\u2b50\u2b55\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]"),
    "list": re.compile(rf"{_BULLETS}|^[ \t]*\d+[.)][ \t]+\S", re.M),
    "bullets": re.compile(_BULLETS, re.M),
    "numbered": re.compile(r"^[ \t]*\d+[.)][ \t]+\S", re.M),
    "table": re.compile(r"^\s*\|.*\|.*\|\s*$|<table", re.M),
    "code": re.compile(r"```|^ {4}\S.*[;{}()=]$", re.M),
    "heading": re.compile(r"^#{1,6} \S|^\*\*[^*\n]+\*\*:?$", re.M),
    "link": re.compile(rf"{_URL}|\[[^\]\n]+\]\([^)\n]+\)"),
    "hashtags": re.compile(r"(?<!\w)#[^\W\d_]\w*"),
    "exclamation": re.compile(r"[!！]"),
    "question": re.compile(r"[?？](?=[\s\"'”)\]*]|$)"),
    "final_question": re.compile(r"[?？][\s\"'”)\]*]*$"),
    "bold": re.compile(r"\*\*[^*\n]+\*\*|<b>"),
    "lower_case": re.compile(r"[A-Z]"),
    "contraction": re.compile(r"\b\w+(?:n['’]t|['’](?:re|ve|ll|m|d))\b", re.I),
    "first_person": re.compile(r"\b(?:I|me|my|mine)\b"),
    "image": re.compile(r"!\[[^\]]*\]\([^)]*\)|<image\w*>|<img"),
}
"""Features of form by name: what shows them."""
UNITS: dict[str, Callable[[str], int]] = {
    "word": count_words,
    "character": len,
    "sentence": lambda text: len(sentences(text)),
    "paragraph": lambda text: len([part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]),
    "line": lambda text: len([line for line in text.splitlines() if line.strip()]),
    "question": lambda text: len(FEATURES["question"].findall(text)),
    "emoji": lambda text: len(FEATURES["emoji"].findall(text)),
    "hashtag": lambda text: len(FEATURES["hashtags"].findall(text)),
    "item": lambda text: len(FEATURES["list"].findall(text)),
    "link": lambda text: len(FEATURES["link"].findall(text)),
}
"""What can be counted in an answer, by name."""


def _phrase(phrase: str) -> re.Pattern[str]:
    words = r"\W+".join(re.escape(word) for word in re.findall(r"[^\W_]+", phrase))
    if not words:
        return re.compile(re.escape(phrase))
    return re.compile(rf"(?<![^\W_]){words}(?![^\W_])", re.IGNORECASE)


def _first(exchange: Exchange, patterns: Iterable[re.Pattern[str]]) -> Span | None:
    found = [match for pattern in patterns if (match := pattern.search(exchange.text))]
    if not found:
        return None
    first = min(found, key=lambda match: match.start())
    return exchange.span(*first.span())


def _not_json(exchange: Exchange) -> Span | None:
    try:
        json.loads(exchange.text)
    except ValueError:
        return exchange.span(0, len(exchange.text))
    return None
