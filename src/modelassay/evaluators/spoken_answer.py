"""One answer with the speech acts of a language in it: which of its sentences say what."""

from __future__ import annotations

import re

from modelassay.evaluators.speech import Pattern, Plain, Speech, plain, sentences, speech

_UNSPACED = re.compile(r"[\u3400-\u9fff]")
"""Characters of a script without spaces, two of which are about a word."""


class SpokenAnswer:
    """One answer on its way to a decision: plain text, its sentences, its language, the request."""

    __slots__ = ("_prompt", "_turning", "ascii", "asked", "plain", "spans", "speech", "text")

    def __init__(self, answer: Plain, prompt: str, language: str) -> None:
        self.plain: Plain = answer
        self.text = self.plain.text
        self.ascii = self.text.isascii()
        self.speech: Speech = speech(language)
        self.spans = sentences(self.text)
        self.asked = prompt
        self._prompt = ""
        self._turning: dict[int, bool] = {}

    @property
    def prompt(self) -> str:
        """The request, plain; few decisions look at it."""
        if not self._prompt:
            self._prompt = "\n" + plain(self.asked).text.strip()
        return self._prompt

    def says(self, pattern: Pattern, at: int) -> re.Match[str] | None:
        """The first match of `pattern` in sentence `at`."""
        start, end = self.spans[at]
        return pattern.search(self.text, start - 1, end)

    def opens(self, pattern: Pattern, at: int) -> bool:
        """Whether sentence `at` begins with `pattern`."""
        return pattern.match(self.text, *self.spans[at]) is not None

    def words(self, at: int) -> int:
        """About how many words sentence `at` has."""
        start, end = self.spans[at]
        if not self.speech.spaced:
            return (end - start) // 2
        words = self.text.count(" ", start, end) + 1
        return words if self.ascii else words + len(_UNSPACED.findall(self.text, start, end)) // 2

    def fills(self, at: int) -> bool:
        """Whether sentence `at` gives nothing of what was asked: values, objections, alternatives."""
        start, end = self.spans[at]
        return holds(self.text[start:end], self.speech.moral) or self.turns(at)

    def turns(self, at: int) -> bool:
        """Whether sentence `at` has a limit, an objection or an alternative in it."""
        if at not in self._turning:
            self._turning[at] = self.says(self.speech.fills, at) is not None
        return self._turning[at]

    def span(self, at: int) -> tuple[int, int]:
        """Start and end of sentence `at` in the answer as it was given."""
        return self.plain.span(*self.spans[at])


def holds(text: str, parts: tuple[str, ...]) -> bool:
    """Whether any of `parts` stands in `text`."""
    for part in parts:  # noqa: SIM110 (a generator takes twice the time, and this is asked very often)
        if part in text:
            return True
    return False
