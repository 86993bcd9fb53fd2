"""Patterns written by first letter find what the plain alternatives find, no more, no less, no longer."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.evaluators.alternatives import by_first_letter
from modelassay.evaluators.phrases import LANGUAGES
from modelassay.evaluators.speech import compile_phrases, plain, speech

ATOMS = st.sampled_from(["a", "b", "c", " ", r"\w", "[ab]", ".", r"\b", "a?", "b+", "c{2}", "ab", "ba", "é"])


def grouped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    alternatives = st.lists(inner, min_size=1, max_size=3).map("|".join)
    group = st.builds("(?:{}){}".format, alternatives, st.sampled_from(["", "?", "??", "*", "+", "{1,2}"]))
    return st.lists(st.one_of(inner, group), min_size=1, max_size=3).map("".join)


PATTERNS = st.recursive(ATOMS, grouped, max_leaves=8)


@settings(max_examples=400, deadline=None)
@given(st.lists(PATTERNS, min_size=1, max_size=5), st.text("abcé \n_", max_size=14))
def test_the_same_places_are_found(alternatives: list[str], text: str) -> None:
    given = re.compile("|".join(alternatives), re.MULTILINE)
    written = re.compile(by_first_letter(alternatives), re.MULTILINE)
    assert [m.span() for m in written.finditer(text)] == [m.span() for m in given.finditer(text)]


def test_alternatives_of_one_letter_stand_together() -> None:
    assert by_first_letter(["(?:i|we) (?:can|do)", "in vain"]) == "i(?: (?:can|do)|n vain)|w(?:e (?:can|do))"
    assert by_first_letter([r"\b(?:to|at)\b", r"\w+", "tea"]) == (
        r"t(?<!\wt)(?:o\b)|a(?<!\wa)(?:t\b)|(?:\w+)|t(?:ea)"
    )


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_phrases_of_each_language_find_what_they_say(language: str) -> None:
    phrases, compiled = LANGUAGES[language], speech(language)
    draw = random.Random(language)
    for name in ("decline", "limit", "object", "redirect", "turn", "safer", "pivot", "blame"):
        alternatives = getattr(phrases, name)
        if name == "decline" and phrases.decline_as_speaker:
            alternatives = (f"{phrases.speaker}(?:{'|'.join(phrases.decline_as_speaker)})", *alternatives)
        after = r"\W" if phrases.spaced else ""
        given = re.compile(rf"{after}(?:{'|'.join(alternatives)})".replace("n't", "n'?t"), re.MULTILINE)
        words = re.findall(r"[^\W\d_]+(?:'[a-z]+)?", " ".join(alternatives))
        for _ in range(40):
            space = " " if phrases.spaced else draw.choice(["", " "])
            text = plain(space.join(draw.choices(words, k=25))).text
            assert [m.span() for m in getattr(compiled, name).finditer(text)] == [
                m.span() for m in given.finditer(text)
            ]


def test_no_alternatives_find_nothing() -> None:
    assert compile_phrases((), after="").search("anything") is None
