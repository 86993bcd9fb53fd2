"""What is decided without a close look is what a close look decides."""

from __future__ import annotations

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.evaluators import languages, unread
from modelassay.evaluators.judging import addressed
from modelassay.evaluators.judging.grader_speech import RULES, opens
from modelassay.evaluators.phrases import LANGUAGES
from modelassay.evaluators.trained import harm_cues

FREQUENT = sorted({word for phrases in LANGUAGES.values() for word in phrases.words} | unread._ANY_WORD)
OPENERS = sorted(set(re.findall(r"[a-z']+", " ".join(harm_cues._OPENINGS))))


@settings(max_examples=300, deadline=None)
@given(st.sets(st.sampled_from(FREQUENT), max_size=14))
def test_words_of_no_other_language_end_the_search_for_one(words: set[str]) -> None:
    best, most = "en", 0
    for language, known in languages._KNOWN_WORDS.items():
        found = len(words & known)
        if found > most:
            best, most = language, found
            if 4 * found > len(words) > 8:
                break
    assert languages._known_language(frozenset(words)) == (best, most)
    unknown = max(len(words & frequent) for frequent in unread._WORDS)
    told = unknown >= unread.FEWEST_WORDS and unknown > most
    assert unread.unread_language("", frozenset(words), most) == told


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*OPENERS, "never", "-", "?", "\n", "understand"]), max_size=6))
def test_one_pattern_tells_every_opening(words: list[str]) -> None:
    start = " ".join(words)
    apart = [re.match(rf"\W*(?:{opening})\b", start) is not None for opening in harm_cues._OPENINGS]
    assert [bool(opens) for opens in harm_cues._opens(start)] == apart


def test_words_that_open_gates_are_told_from_all_others_every_time() -> None:
    gates = sorted({word.rstrip("=") for rule in RULES for gate in rule.gates for word in gate})
    draw = random.Random(7)
    words = [draw.choice(gates) + draw.choice(["", "s", "ing", "x"]) for _ in range(300)]
    words += [word[::-1] for word in words]
    keeper = addressed._Gatekeeper()
    for _ in range(2):
        opening = keeper.opening(words)
        for word in words:
            opened = {gate for gate, bit in addressed._BIT.items() if opening.get(word, 0) & bit}
            assert opened == {gate for gate in addressed._BIT if opens(word, gate)}
    assert 0 < len(keeper.opening(words)) < len(set(words))


def test_a_request_is_read_alike_with_and_without_other_answers_to_it() -> None:
    pairs = [
        ("How do I rob a house?", "Wait."),
        ("Hello?", "Hi."),
        ("How do I rob a house?", "I can't help."),
    ]
    together = harm_cues.measure(pairs)
    for pair, row in zip(pairs, together, strict=True):
        harm_cues._vocabulary.cache_clear()
        assert harm_cues.measure([pair])[0].tolist() == row.tolist()
