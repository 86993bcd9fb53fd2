"""How an answer stands in a prompt: given away, or where such prompts hold it by their nature.

Questions with options, and questions on a passage, hold their answers and give nothing away. So that these
are told from leaks, each place where the answer stands is read:

- ``stated``: words such as "answer:", "hint:" or "recall that" lead to it, or it stands by itself;
- ``option``: it is one of several options, marked (``(A)``, ``2.``, ``-``) or listed after "Options:";
- ``passage``: it is part of a sentence, or of a text far longer than itself.

The gravest place counts.
"""

from __future__ import annotations

import re
from typing import Literal

from modelassay.training.data.hashing import folded, words_of

Standing = Literal["stated", "option", "passage"]

_CUE = re.compile(
    r"\b(?:answers?|solutions?|hint|recall|remember|gold|ground truth|reference|expected(?: output)?|secret|"
    r"correct(?: one)?|result)\b\W*(?:(?:is|was|are|that|this|here|be|to|should|must|will)\b\W*){0,4}$"
)
_MARKER = re.compile(r"(?:^|(?<=\s))(?:\(?[a-j][.):]|\(?\d{1,2}[.):]|[-*•])(?=\s)", re.MULTILINE)
_HEADER = re.compile(
    r"\b(?:options|choices|candidates|alternatives|possible answers|labels|classes|one of(?: the following)?|"
    r"select|choose)\b[^:\n]{0,40}:"
)
_BETWEEN = re.compile(r"[;|,\n]| / ")
_SENTENCE = re.compile(r"[.!?:\n]")
_LIKE = 3
"""Options that make a list of them."""
_BEFORE = 3
"""Words of its sentence before an answer that make it part of a passage."""
_LONGER = 30
"""Words beside the answer that make a text a passage."""


def standing_of(answer: str, text: str) -> Standing:
    """How `answer`, or a run of its words, stands in `text`.

    Args:
        answer: words that `text` has in this order; "stated" where they cannot be found again.
    """
    whole = folded(text)
    words = [re.escape(word) for word in words_of(answer)]
    found = list(re.finditer(r"[\W_]*".join(words), whole)) if words else []
    standings = {_at(match, whole) for match in found}
    return "stated" if not found or "stated" in standings else min(standings)


def _at(match: re.Match[str], whole: str) -> Standing:
    before = whole[: match.start()]
    if _is_option(match, whole):
        return "option"
    if _CUE.search(before[-60:]):
        return "stated"
    sentence = _SENTENCE.split(before)[-1]
    beside = len(words_of(whole)) - len(words_of(match[0]))
    in_sentence = len(words_of(sentence)) >= _BEFORE and bool(words_of(whole[match.end() :]))
    return "passage" if in_sentence or beside >= _LONGER else "stated"


def _is_option(match: re.Match[str], whole: str) -> bool:
    markers = list(_MARKER.finditer(whole))
    if len(markers) >= _LIKE and any(
        not whole[marker.end() : match.start()].strip(" \t\"'`[(*") and marker.end() <= match.start()
        for marker in markers
    ):
        return True
    header = next((each for each in _HEADER.finditer(whole) if each.end() <= match.start()), None)
    if header is None:
        return False
    listed = _BETWEEN.split(whole[header.end() :])
    led = _BETWEEN.split(whole[header.end() : match.start()])[-1]
    return sum(bool(words_of(part)) for part in listed) >= _LIKE and set(words_of(led)) <= {"or", "and"}
