"""Counting words of many texts at once gives what counting them one by one gives."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.evaluators.trained import vocabulary
from modelassay.evaluators.trained.cues import Lexicon, runs_in, runs_of_parts, words_in
from modelassay.evaluators.trained.overlap import is_content, stem
from modelassay.evaluators.trained.vocabulary import Vocabulary

LEXICON = Lexicon({"fruit": "apple* pear fig", "act": "eat* peel*", "not": "not never"})
WORDS = st.sampled_from(
    [
        "apple",
        "Apples",
        "pear",
        "eats",
        "eating",
        "don't",
        "peel-pear",
        "not",
        "the",
        "a",
        "never!",
        "fig's",
        "--",
        "é",
        "fi-g",
    ]
)
TEXTS = st.lists(st.lists(WORDS, max_size=9).map(" ".join), min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.data())
def test_counts_pairs_and_what_is_taken_up_are_those_of_each_text(
    texts: list[str], data: st.DataObject
) -> None:
    read = Vocabulary(LEXICON).read([runs_in(text) for text in texts])
    each = [words_in(text) for text in texts]
    assert read.lengths().tolist() == [len(words) for words in each]
    marked = [LEXICON.mark_words(words) for words in each]
    assert read.counts(3).tolist() == [[one.count(category) for category in range(3)] for one in marked]
    for first, second, within in ((0, 1, 2), (1, 0, 6), (2, 0, 3), (0, 0, 1)):
        assert read.near(first, second, within).tolist() == [
            one.near(first, second, within) for one in marked
        ]
    first = data.draw(st.integers(1, len(texts)))
    source = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=first, max_size=first))
    wanted, taken = read.taken_up(vocabulary.np.array(source))
    said = [{stem(word) for word in words} for words in each]
    content = [{stem(word) for word in words if len(word) > 2 and is_content(word)} for words in each]
    assert wanted.tolist() == [len(content[other]) for other in source]
    assert taken.tolist() == [len(content[other] & said[text]) for text, other in enumerate(source)]


@given(st.text("aÉ'-! .\u2019\u0130", max_size=30))
def test_words_are_those_of_the_runs(text: str) -> None:
    cut = [(0, len(text) // 2), (len(text) // 2, len(text))]
    for runs, (start, end) in zip(runs_of_parts(text, cut), cut, strict=True):
        assert [word for run in runs for word in vocabulary.words_of_run(run)] == words_in(text[start:end])


def test_a_full_vocabulary_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MOST_KNOWN_WORDS", 3)
    words = Vocabulary(LEXICON)
    for number in range(9):
        read = words.read([["apple", f"w{number}", "eat", "x", "y", "z"]])
        assert read.counts(3).tolist() == [[1, 1, 0]]
    assert len(words._begins) <= 9


def test_threads_share_a_vocabulary() -> None:
    words = Vocabulary(LEXICON)
    texts = [[f"apple{n % 700}", f"q{n % 911}", "eat"] for n in range(4000)]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda text: tuple(words.read([text]).counts(3)[0].tolist()), texts)
    assert Counter(found) == {(1, 1, 0): len(texts)}
