"""How an answer stands in a prompt: given away, or where such prompts hold it by their nature.

Questions with options, and questions on a passage, hold their answers and give nothing away. So that these
are told from leaks, each place where the answer stands is read:

- ``stated``: words such as "answer:", "hint:" or "recall that" lead to it, at most six words before it in its
  sentence; or it stands by itself, or at the end of the prompt after a colon, an equals sign or a line end;
- ``option``: it is one of several options, marked (``(A)``, ``2.``, ``-``) or listed after "Options:";
- ``passage``: it is part of a sentence, or of a text far longer than itself.

The gravest place counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from modelassay.training.data.hashing import folded, words_of

Standing = Literal["stated", "option", "passage"]

_CUE = re.compile(
    r"\b(?:answers?|solutions?|hint|recall|remember|gold|ground truth|reference|expected(?: output)?|secret|"
    r"correct(?: one)?)\b\W*(?:(?:is|was|are|that|this|here|be|to|should|must|will)\b\W*){0,4}$"
)
_BETWEEN_WORDS = r"(?:[^\w.!?\n]+\w+)"
_MARKS = r"[^\w.!?\n]*"
_TOLD = re.compile(
    r"\b(?:answers?|solutions?|hint|graders?|gold|ground truth|expected|correct(?: one)?)\b"
    rf"{_BETWEEN_WORDS}{{0,6}}{_MARKS}$"
)
_NAMED = re.compile(
    r"\b(?:target|key|repl(?:y|ies)|responses?|reference|recall|remember|secret|outputs?)\b"
    rf"(?:{_BETWEEN_WORDS}{{0,6}}{_MARKS}[:=\]>]|{_BETWEEN_WORDS}?{_MARKS}\b(?:is|was|are|be|like))[\s\"'`*(]*$"
)
"""Words that passages have too: a colon or a verb must lead on to the answer."""
_LED = re.compile(r"[:=\]\n][-\s\"'`*(]*$")
_ENDS = re.compile(r"[\s\"'`*)\]}]*(?:[.!;<|\n]|$)")
"""After an answer: its sentence ends there, and asks nothing."""
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
_NEAR = 200
"""Characters before an answer in which what leads to it is sought."""
_WHOLE_MOST = 200
"""Words of an answer that is looked for as a whole; of longer ones a run of words tells how they stand."""
_CLOSING = 4
"""Words after the last one that is asked or told: "Reply now.", or marks of a chat template."""


def standing_of(answer: str, text: str, run: str = "") -> Standing:
    """How `answer` stands in `text`; where `text` has only a part of it, how that does.

    Args:
        run: words of the answer that `text` has in this order; "stated" where they cannot be found again.
    """
    whole = folded(text)
    found = list(_places(answer, whole)) or list(_places(run, whole))
    standings = {_at(match, whole) for match in found}
    return "stated" if not found or "stated" in standings else min(standings)


def _places(answer: str, whole: str) -> Iterator[re.Match[str]]:
    words = [re.escape(word) for word in words_of(answer)]
    return re.finditer(r"[\W_]*".join(words), whole) if 0 < len(words) <= _WHOLE_MOST else iter(())


def _at(match: re.Match[str], whole: str) -> Standing:
    before = whole[: match.start()]
    if _is_option(match, whole):
        return "option"
    if _is_led_to(before[-_NEAR:], whole[match.end() :]):
        return "stated"
    sentence = _SENTENCE.split(before)[-1]
    beside = len(words_of(whole)) - len(words_of(match[0]))
    in_sentence = len(words_of(sentence)) >= _BEFORE and bool(words_of(whole[match.end() :]))
    return "passage" if in_sentence or beside >= _LONGER else "stated"


def _is_led_to(before: str, after: str) -> bool:
    if _CUE.search(before):
        return True
    if not _ENDS.match(after):
        return False
    last = len(after) <= _NEAR and len(re.findall(r"\w+", after)) <= _CLOSING
    return bool(_TOLD.search(before) or _NAMED.search(before) or (last and _LED.search(before)))


def _is_option(match: re.Match[str], whole: str) -> bool:
    markers = list(_MARKER.finditer(whole))
    if len(markers) >= _LIKE and any(
        not whole[marker.end() : match.start()].strip(" \t\"'`[(*") and marker.end() <= match.start()
        for marker in markers
    ):
        return True
    if _is_line_of_list(match, whole):
        return True
    header = next((each for each in _HEADER.finditer(whole) if each.end() <= match.start()), None)
    if header is None:
        return False
    listed = _BETWEEN.split(whole[header.end() :])
    led = _BETWEEN.split(whole[header.end() : match.start()])[-1]
    return sum(bool(words_of(part)) for part in listed) >= _LIKE and set(words_of(led)) <= {"or", "and"}


def _is_line_of_list(match: re.Match[str], whole: str) -> bool:
    """Whether it is the last of lines that are all about as short, which say and ask nothing."""
    *above, lead = whole[: match.start()].split("\n")
    longest = 2 * len(words_of(match[0])) + _LIKE
    listed = above[-(_LIKE - 1) :]
    return (
        not words_of(lead)
        and len(listed) == _LIKE - 1
        and all(0 < len(words_of(line)) <= longest and line.rstrip()[-1] not in ".?!:" for line in listed)
    )
